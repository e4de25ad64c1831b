"""Name how the weights of two aligned networks are related where they are not equal.

Symmetries (channels, heads, factors moved between layers), layouts, rounding and faults; every
relation is verified element by element. Imports ``equivalence`` and the graph; whether the function
is the same is decided by execution, elsewhere.
"""

from zoodiff.equivalence.symmetries.relation import KINDS, WeightRelation
from zoodiff.equivalence.symmetries.search import relations

__all__ = ["KINDS", "WeightRelation", "relations"]
