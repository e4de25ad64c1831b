"""Networks run on generated inputs: in their own runtimes, in the interpreter, in ONNX Runtime."""
