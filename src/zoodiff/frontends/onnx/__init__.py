"""ONNX: files of all opsets to the canonical graph."""
