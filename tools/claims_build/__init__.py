"""The steps of ``tools/build_claims.py``: from collected facts to the catalogue of claims.

``cells`` reads one cell, ``architectures`` names networks, ``entries`` finds the entries of our
zoos, ``provenance`` and ``dates`` say where a number comes from and since when it is public,
``doubts`` marks what can hardly be right, ``schema`` describes the columns.
"""
