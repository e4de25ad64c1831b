"""ONNX nodes that no canonical operator stands for: which these are, and what of them is kept.

``guards`` and ``integer_use`` decide, ``kept`` and ``nested`` write the opaque nodes. May import
the types and constants of the frontend around it, not its handlers.
"""
