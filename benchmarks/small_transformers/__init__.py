"""Small random networks of transformers' architectures, with inputs, exports and planted changes.

Nothing here knows zoodiff but ``answers``; ``benchmarks.transformers_matrix`` runs it all.
"""
