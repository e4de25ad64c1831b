"""ONNX: converts files of all opsets to the canonical graph."""
