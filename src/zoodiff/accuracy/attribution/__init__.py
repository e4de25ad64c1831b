"""Where a difference in accuracy comes from: preprocessing, weights, or the network itself.

``session`` runs what an explanation needs, ``preprocessing`` and ``network`` compute the shares,
``inference`` says which preprocessing an entry was likely trained with. May import ``accuracy``
and everything below.
"""
