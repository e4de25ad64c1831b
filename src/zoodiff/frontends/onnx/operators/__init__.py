"""Converts the operators of ONNX to canonical nodes, a call of an operator at a time.

``translate`` finds the handler of an operator; the handlers are there and, by family, in the other
modules. An operator without a handler becomes an opaque node.
"""
