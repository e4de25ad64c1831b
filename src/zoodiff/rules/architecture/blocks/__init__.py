"""What several layers make together: blocks, attention, gates, pooled tokens, connections."""
