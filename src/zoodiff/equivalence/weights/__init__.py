"""Compare weights, and carry them from one network to another along an alignment.

``weight_diff`` compares the weights of aligned layers, ``weight_transfer`` carries them over,
``rounded_weights`` tells what rounding to a format explains. Imports nothing else of
``equivalence``.
"""
