"""TFLite: converts files to the canonical graph."""
