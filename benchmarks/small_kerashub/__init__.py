"""Small random networks of KerasHub's backbones, with inputs, exports and planted changes.

Nothing here knows zoodiff but ``answers``; ``benchmarks.kerashub_matrix`` runs it all.
"""
