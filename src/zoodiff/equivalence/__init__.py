"""Do two networks compute the same? Weights are compared and carried over, and networks are run.

``proof`` runs two graphs with the same weights, ``counterfactual`` takes single findings back,
``weight_transfer`` carries weights along an alignment, ``reference_runtime`` writes networks for
one reference runtime. May import ``architecture`` and everything below.
"""
