r"""Compare a network with the measured peaks of the machine, layer by layer.

A group of nodes that runtimes execute as one operator (a layer and the elementwise operators after
it) needs at least :math:`\max(MACs / P, bytes / B)` seconds on a machine that performs :math:`P`
MACs and moves :math:`B` bytes per second (Williams et al., 2009). The roof of a network is the sum
over its groups. Weights are counted once per batch and activations once per image, as if no cache
kept them between groups. Small networks, whose activations stay in the cache, can therefore exceed
100 %. So can convolutions by Winograd's algorithm, which needs fewer multiplications than counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from zoodiff.graph.cost import Traffic, macs_of, traffic_of
from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.host.peaks import Peaks

Bound = Literal["arithmetic", "memory"]
_ELEMENTWISE = frozenset(
    {"Add", "Clip", "Elu", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish", "Mul", "PRelu"}
    | {"Relu", "Selu", "Sigmoid", "Softplus", "Sub", "Swish", "Tanh"}
)


@dataclass(frozen=True)
class LayerRoof:
    """The roof of a layer with the operators that are fused into it, for a batch."""

    name: str
    op: str
    macs: int
    weights_bytes: int
    activations_bytes: int
    roof_ms: float
    """Minimum time by the two peaks."""
    bound: Bound
    """The peak that determines the minimum time."""

    @property
    def intensity(self) -> float:
        """Arithmetic intensity in MACs per byte."""
        moved = self.weights_bytes + self.activations_bytes
        return self.macs / moved if moved else 0.0


@dataclass(frozen=True)
class Roofline:
    """One network against the peaks of a machine, at one batch size."""

    entry: str
    batch: int
    layers: tuple[LayerRoof, ...]
    peak_macs: float
    """MACs per second."""
    native_ms: float | None = None
    """Latency of a batch in its own framework."""
    reference_ms: float | None = None
    """Latency of a batch in the reference runtime."""

    @property
    def macs(self) -> int:
        """MACs of a batch."""
        return sum(layer.macs for layer in self.layers)

    @property
    def weights_bytes(self) -> int:
        """Bytes of all weights in single precision."""
        return sum(layer.weights_bytes for layer in self.layers)

    @property
    def activations_bytes(self) -> int:
        """Bytes of activations that are read and written for a batch."""
        return sum(layer.activations_bytes for layer in self.layers)

    @property
    def intensity(self) -> float:
        """Arithmetic intensity in MACs per byte."""
        moved = self.weights_bytes + self.activations_bytes
        return self.macs / moved if moved else 0.0

    @property
    def roof_ms(self) -> float:
        """Minimum time for a batch by the two peaks, in milliseconds."""
        return sum(layer.roof_ms for layer in self.layers)

    @property
    def memory_share(self) -> float:
        """Fraction of the minimum time that is spent in layers limited by memory bandwidth."""
        limited = sum(layer.roof_ms for layer in self.layers if layer.bound == "memory")
        return limited / self.roof_ms if self.roof_ms else 0.0

    def attained(self, milliseconds: float | None) -> float | None:
        """Return the minimum time as a fraction of a latency; None without a latency."""
        return self.roof_ms / milliseconds if milliseconds else None

    def arithmetic(self, milliseconds: float | None) -> float | None:
        """Return the MACs per second at a latency as a fraction of the peak; None without one."""
        return self.macs / (milliseconds / 1e3) / self.peak_macs if milliseconds else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            **asdict(self),
            "macs": self.macs,
            "weights_bytes": self.weights_bytes,
            "activations_bytes": self.activations_bytes,
            "intensity_macs_per_byte": self.intensity,
            "roof_ms": self.roof_ms,
            "memory_share": self.memory_share,
            "attained_native": self.attained(self.native_ms),
            "attained_reference": self.attained(self.reference_ms),
        }


def roofline(
    graph: Graph,
    entry: str,
    peaks: Peaks,
    *,
    batch: int = 1,
    native_ms: float | None = None,
    reference_ms: float | None = None,
) -> Roofline:
    """Return the roofline of a canonical graph; the latencies, of one batch, are kept with it."""
    roofs = []
    for layer, nodes in groups(graph):
        macs = batch * sum(macs_of(graph, node) for node in nodes)
        moved = traffic_of(graph, nodes, batch=batch)
        if macs or moved.total:
            roofs.append(_roof(layer, macs, moved, peaks))
    return Roofline(entry, batch, tuple(roofs), peaks.macs_per_second, native_ms, reference_ms)


def groups(graph: Graph) -> list[tuple[Layer, Sequence[Node]]]:
    """Return each layer with the nodes that runtimes fuse into it.

    An elementwise operator joins the group of its last input layer if that layer has no other user,
    is no output of the network, and belongs to a group that runtimes fuse elementwise operators
    into; otherwise it starts a group.
    """
    layers = LayerGraph(graph)
    home: dict[int, int] = {}
    members: dict[int, list[Node]] = {}
    ends = set(layers.outputs)
    for layer in layers.layers:
        before = max((i for i in layer.inputs if i >= 0), default=None)
        merged = (
            layer.op in _ELEMENTWISE
            and before is not None
            and len(layers.layers[before].users) == 1
            and before not in ends
            and layers.layers[home[before]].op in _FUSING
        )
        home[layer.index] = home[before] if merged and before is not None else layer.index
        members.setdefault(home[layer.index], []).extend((layer.node, *layer.chain))
    return [(layers.layers[index], nodes) for index, nodes in members.items()]


_FUSING = frozenset({"Conv", "ConvTranspose", "Gemm"}) | _ELEMENTWISE
"""Operators into which runtimes fuse elementwise operators."""


def _roof(layer: Layer, macs: int, moved: Traffic, peaks: Peaks) -> LayerRoof:
    arithmetic, memory = macs / peaks.macs_per_second, moved.total / peaks.bytes_per_second
    return LayerRoof(
        layer.name,
        layer.op,
        macs,
        moved.weights,
        moved.activations,
        1e3 * max(arithmetic, memory),
        "arithmetic" if arithmetic >= memory else "memory",
    )
