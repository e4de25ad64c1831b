"""Keras: converts functional models and their layers to the canonical graph."""
