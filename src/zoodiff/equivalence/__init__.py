"""Do two networks compute the same? Weights are compared and carried over, and networks are run.

``proof`` runs two graphs with the same weights, ``counterfactual`` takes single findings back,
``weights`` compares weights and carries them along an alignment, ``symmetries`` relates them,
``runs`` runs networks, also in one reference runtime. May import ``architecture`` and everything
below.
"""
