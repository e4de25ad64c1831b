"""Model files that a zoo lists, each in a folder, at an address or in a repository of the Hub.

``entry`` makes them entries like ``file:`` entries, opened by the same confined workers;
``folder``, ``bucket`` and ``hub`` say where a file is and fetch it. Zoos
that are described by files (``company``, ``hf_onnx``) import this folder; it imports no zoo.
"""
