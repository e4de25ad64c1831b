"""What rules look at: two aligned networks, and what differs between their layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

from zoodiff.graph.align import Alignment
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.rules.wording import plural, shown


class Aspect(Enum):
    """What can differ between two aligned layers besides the attributes of their nodes.

    A layer is a node with the per-channel arithmetic behind it, its affine chain.
    """

    OPERATOR = "operator"
    """The two layers: they compute different things."""
    PIXELS = "pixels"
    """The two layers: arithmetic on pixels."""
    BROADCAST = "axes of operands"
    """Along which axes of the result the operands lie, where all attributes agree."""
    PARAMETERS = "parameters"
    """Shapes of the weights, where all attributes agree."""
    BIAS_BEFORE_NORM = "bias before the norm"
    """Whether there is one."""
    BEFORE_NORM = "arithmetic before the norm"
    """What stands between the bias and the batch norm in the two chains."""
    NORM_EPSILON = "epsilon of the norm"
    NORM_TERMS = "learned terms of the norm"
    """Whether there are a scale and a shift."""
    AFTER_NORM = "arithmetic behind the norm"
    """What follows the batch norm in the two chains."""
    NORM = "batch norm"
    """The two chains, one of which has a batch norm."""
    TERMS = "bias, scale and shift"
    """The two chains, neither of which has a batch norm."""


AFFINE = frozenset(
    {
        Aspect.AFTER_NORM,
        Aspect.BEFORE_NORM,
        Aspect.BIAS_BEFORE_NORM,
        Aspect.NORM,
        Aspect.NORM_EPSILON,
        Aspect.NORM_TERMS,
        Aspect.TERMS,
    }
)
"""Aspects of the affine chain."""

Key = str | Aspect
"""What differs: an attribute of a node, by its name, or an aspect of a layer."""


class Undo(Enum):
    """How a difference is taken back in the second network, for a counterfactual."""

    ATTRIBUTES = "attributes"
    """Copy the attributes that it explains; weights of another shape come along."""
    EPSILON = "epsilon"
    """Copy the epsilon of the batch norm behind the layer."""
    CHAIN = "chain"
    """Copy the weights and all per-channel arithmetic behind them."""
    OPERATOR = "operator"
    """Copy the operator with its attributes and weights."""
    PIXELS = "pixels"
    """Copy the arithmetic on pixels as a whole."""
    INPUTS = "inputs"
    """Read the same layers."""
    LAYERS = "layers"
    """Put in the layers of the first network, and leave out those of the second."""
    NOTHING = "nothing"
    """Leave the network as it is: inference does not depend on it, or the input has to change."""


@dataclass(frozen=True)
class Difference:
    """One local difference, named."""

    code: str
    left: str
    """How the first network has it, as a person would say."""
    right: str
    a: tuple[int, ...] = ()
    """Layers of the first network that it is about."""
    b: tuple[int, ...] = ()
    undo: Undo = Undo.LAYERS
    explains: tuple[Key, ...] = ()
    """What of the aligned layers it explains."""
    noun: str = ""
    """What the places are, in the plural: "convolutions"."""
    parameters: int = 0
    """How many more parameters the second network has for it."""
    turned: tuple[tuple[int, int], ...] = ()
    """Aligned layers among its own that have another axis or shape because of it."""
    parts: tuple[Difference, ...] = ()
    """What is undone along with it, where one cause shows at several layers."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """Attributes of nodes that it explains."""
        return tuple(key for key in self.explains if isinstance(key, str))


@dataclass
class LayerPair:
    """Two aligned layers, and what about them differs and no rule has claimed yet."""

    a: Layer
    b: Layer
    unclaimed: dict[Key, tuple[Any, Any]] = field(default_factory=dict)

    def claim(self, *keys: Key) -> tuple[Any, Any] | None:
        """Take differences out, so that no other rule names them.

        Returns the first network's and the second's value for the first of the keys that differs,
        None where none does.
        """
        claimed = [self.unclaimed.pop(key) for key in keys if key in self.unclaimed]
        return claimed[0] if claimed else None

    def difference(
        self,
        code: str,
        left: Any,
        right: Any,
        *explains: Key,
        noun: str = "",
        undo: Undo = Undo.ATTRIBUTES,
        parameters: int = 0,
    ) -> Difference:
        """A named difference of this pair."""
        return Difference(
            code,
            shown(left),
            shown(right),
            (self.a.index,),
            (self.b.index,),
            undo,
            explains,
            noun or plural(self.a),
            parameters,
        )


@dataclass(frozen=True)
class Region:
    """Connected layers that only one network has, and what stands in their place in the other."""

    a: tuple[int, ...]
    b: tuple[int, ...]


@dataclass
class AlignedPair:
    """Two networks, aligned."""

    alignment: Alignment
    layers: tuple[LayerPair, ...]
    """Aligned layers that differ."""
    regions: dict[str, tuple[Region, ...]]
    """Layers that only one network has, by the code of the rule that names them."""

    explained_inputs: set[tuple[int, int]] = field(default_factory=set)
    """Aligned layers that a rule has explained to read other layers."""

    @property
    def a(self) -> LayerGraph:
        """The first network."""
        return self.alignment.a

    @property
    def b(self) -> LayerGraph:
        """The second network."""
        return self.alignment.b

    @cached_property
    def to_b(self) -> Mapping[int, int]:
        """Layers of the first network -> layers of the second."""
        return self.alignment.to_b

    @cached_property
    def to_a(self) -> Mapping[int, int]:
        """Layers of the second network -> layers of the first."""
        return self.alignment.to_a


Check = Callable[[AlignedPair], Iterable[Difference]]
"""Yields the differences that a rule names, and claims what they explain."""


def for_layers(look: Callable[[LayerPair, AlignedPair], Iterable[Difference]]) -> Check:
    """Return a check that looks at two aligned layers at a time."""

    def check(networks: AlignedPair) -> Iterable[Difference]:
        for pair in networks.layers:
            if pair.unclaimed:
                yield from look(pair, networks)

    return check


def in_order(*checks: Check) -> Check:
    """Return a check that runs several, one after the other."""

    def check(networks: AlignedPair) -> Iterable[Difference]:
        for each in checks:
            yield from each(networks)

    return check
