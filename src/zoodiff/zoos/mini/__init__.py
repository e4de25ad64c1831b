"""The four mini-zoos: ``catalogue`` lists them, the other modules train and run their networks."""

from zoodiff.zoos.mini.catalogue import KERAS, ONNX, TFMG, TORCH

__all__ = ["KERAS", "ONNX", "TFMG", "TORCH"]
