"""Code that backends of several zoos share to run networks in the worker.

Execution modes, CUDA devices, the stages of loading, sessions of ONNX Runtime, and access to
weights by name. Frameworks are imported inside functions only.
"""
