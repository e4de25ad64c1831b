"""Networks written to files in common formats, by common exporters, in common precisions."""
