"""Converts OpenVINO's IR files (``.xml`` with weights in ``.bin``) to the canonical graph.

``reader`` parses the XML with limits, ``layers`` writes every operator in ONNX's operators, and
``file`` gives the result to the frontend ``onnx``. Imports no OpenVINO.
"""
