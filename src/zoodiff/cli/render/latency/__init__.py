"""What ``zoodiff latency`` prints: the answer, its reasons, tables, and extra measurements."""
