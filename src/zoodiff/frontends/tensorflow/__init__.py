"""TensorFlow: converts concrete functions and graph definitions to the canonical graph."""
