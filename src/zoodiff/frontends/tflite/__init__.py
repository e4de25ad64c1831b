"""TFLite: files to the canonical graph."""
