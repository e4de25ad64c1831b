"""Converts networks of PaddlePaddle to the canonical graph, from Paddle's own static program (PIR).

``program`` traces a layer and walks its program; the other modules convert its operators.
"""
