"""What backends of several zoos share when they run networks, inside the worker.

Execution modes, CUDA devices, the stages of loading, sessions of ONNX Runtime, and access to
weights by name. Frameworks are imported inside functions only.
"""
