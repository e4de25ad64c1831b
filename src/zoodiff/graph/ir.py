"""The canonical layer graph: small, typed, framework-free, serialised to JSON.

A graph is a list of nodes in topological order. Operators carry ONNX's names
(https://onnx.ai/onnx/operators/) where ONNX has the operator; anything else keeps its source's
name with the source as prefix (``aten::roll``), so nothing is lost and nothing is guessed.
Shapes are those of one inference at batch size 1, as ``(batch, channels, height, width)``
for image-like tensors whatever the framework's own layout was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from zoodiff.display import Displayed, Shown

AttributeValue = int | float | str | bool | list[int] | list[float] | list[str] | None


@dataclass(frozen=True)
class Parameter:
    """One weight tensor, by name and shape, without its values.

    ``trainable`` is False for state that gradient descent does not change: batch-norm moving
    statistics, the mean and variance of a normalisation layer inside the network.

    ``role`` is the operand that it is to the operator: ``weight``, ``bias``, ``scale``, ``shift``,
    ``mean``, ``variance``, of a recurrent layer ``recurrence`` and ``recurrent_bias`` too, or
    ``constant`` for the operand of an elementwise operator.

    ``layout`` names the axes of ``shape`` as the framework stores them, for weights that frameworks
    store differently: ``OIHW`` for a convolution (``I`` counts the channels of one group), ``OI``
    for a linear layer; ``HWIO``, ``HWIM`` (TensorFlow's depthwise kernels: output channel
    ``i * M + m``), ``IO``, ``IOHW`` (transposed convolutions), ``LIO`` (Keras's kernels along one
    axis), ``GOIHW`` (OpenVINO's kernels, with an axis for the groups) and so on. Of a recurrent
    layer it names axes and gates (``OI:ifco``, see ``graph.recurrent``). It is empty where the
    stored shape is the canonical one.

    ``view`` is set in canonical graphs only: the steps, ``("reshape", shape)``, ``("transpose",
    axes)``, ``("part", (first row, end row))`` or ``("order", rows)``, that convert the stored
    tensor to ``shape``.
    ``whole`` names the stored tensor where the parameter is a part of it.

    ``steps`` are set for a weight that is stored as integers: the real number that an integer step
    of 1 stands for, either one for the tensor or one per channel along ``steps_axis`` of the
    stored tensor. Where there is a step for each block of ``steps_block`` elements along
    ``steps_axis``, ``steps_in`` names the stored tensor that has them.

    ``computed_by`` is set for a weight that the source computes from constants: the name of the
    operation, and the operator with its settings.

    ``result`` is set in canonical graphs for a weight that the source computes from weights: the
    tensor of the source's graph that holds its numbers. Its name ends in the same.
    """

    name: str
    shape: tuple[int, ...]
    trainable: bool = True
    dtype: str = "float32"
    role: str = ""
    layout: str = ""
    view: tuple[tuple[str, tuple[int, ...]], ...] = ()
    whole: str = ""
    steps: tuple[float, ...] = ()
    steps_axis: int = 0
    computed_by: tuple[str, ...] = ()
    steps_in: str = ""
    steps_block: int = 0
    result: str = ""

    @property
    def origin(self) -> str:
        """The name without that of a result: what results of one weight have in common."""
        return self.name.removesuffix(f" ({self.result})") if self.result else self.name

    @property
    def stored(self) -> str:
        """The name of the tensor that the framework stores."""
        return self.whole or self.name

    @property
    def size(self) -> int:
        """Number of scalars."""
        total = 1
        for extent in self.shape:
            total *= extent
        return total


@dataclass(frozen=True)
class Tensor:
    """A value on an edge. An unknown extent is -1."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"

    @property
    def channels_last(self) -> bool:
        """Whether it is an image with 1, 3 or 4 channels as its last axis."""
        few = (1, 3, 4)
        few_only_last = len(self.shape) == 4 and self.shape[3] in few and self.shape[1] not in few
        return few_only_last and self.shape[1] > max(few)

    @property
    def channels_first(self) -> tuple[int, ...]:
        """Return the shape; for an image, with channels first."""
        if not self.channels_last:
            return self.shape
        batch, rows, columns, channels = self.shape
        return batch, channels, rows, columns


@dataclass(frozen=True)
class Node:
    """One operator application.

    ``name`` is the source's name of the layer, so that a finding can point there. ``inputs`` and
    ``outputs`` are tensor names; parameters are not among the inputs. In a canonical graph,
    ``notes`` names the passes that rewrote the node.
    """

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class Graph(Displayed):
    """A network as it computes at inference.

    ``unused_parameters`` are weights that the network owns but inference never uses, such as the
    auxiliary classifier of Inception v3; they count as parameters of the network.
    """

    source: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    tensors: Mapping[str, Tensor]
    unused_parameters: tuple[Parameter, ...] = ()

    def to_json(self) -> str:
        """Return the graph as JSON; ``Graph.from_json(g.to_json()) == g``."""
        return json.dumps(self.to_dict(), separators=(",", ":"), sort_keys=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the graph as plain dictionaries, lists, numbers and strings.

        It is equal to ``dataclasses.asdict``, which takes ten times as long.
        """
        return {
            "source": self.source,
            "inputs": tuple(dict(vars(tensor)) for tensor in self.inputs),
            "outputs": tuple(dict(vars(tensor)) for tensor in self.outputs),
            "nodes": tuple(map(_plain_node, self.nodes)),
            "tensors": {name: dict(vars(tensor)) for name, tensor in self.tensors.items()},
            "unused_parameters": tuple(dict(vars(weight)) for weight in self.unused_parameters),
        }

    @classmethod
    def from_json(cls, text: str) -> Graph:
        """Return the graph of a text that ``to_json`` wrote."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Graph:
        """Return the graph of what ``to_dict`` returned; raise KeyError or TypeError for others."""
        return cls(
            source=_text(raw["source"]),
            inputs=tuple(_tensor(t) for t in raw["inputs"]),
            outputs=tuple(_tensor(t) for t in raw["outputs"]),
            nodes=tuple(
                Node(
                    op=_text(n["op"]),
                    name=_text(n["name"]),
                    inputs=tuple(_text(name) for name in n["inputs"]),
                    outputs=tuple(_text(name) for name in n["outputs"]),
                    attributes={_text(k): _attribute(v) for k, v in n["attributes"].items()},
                    parameters=tuple(_parameter(p) for p in n["parameters"]),
                    notes=tuple(_text(note) for note in n.get("notes", ())),
                )
                for n in raw["nodes"]
            ),
            tensors={_text(name): _tensor(t) for name, t in raw["tensors"].items()},
            unused_parameters=tuple(_parameter(p) for p in raw["unused_parameters"]),
        )

    def _shown(self) -> Shown:
        parts = {"inputs": self.inputs, "outputs": self.outputs}
        return Shown(
            f"{self.source}, {len(self.nodes):,} nodes",
            [(key, ", ".join(map(_said, tensors))) for key, tensors in parts.items()],
            self._rows(),
            ("name", "op", "outputs", "parameters", "attributes"),
        )

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "name": node.name,
                "op": node.op,
                "inputs": list(node.inputs),
                "outputs": list(node.outputs),
                "parameters": sum(parameter.size for parameter in node.parameters),
                "attributes": ", ".join(f"{key}={value}" for key, value in node.attributes.items()),
            }
            for node in self.nodes
        ]


def _said(tensor: Tensor) -> str:
    return f"{tensor.name} {tensor.dtype}{list(tensor.shape)}"


def _plain_node(node: Node) -> dict[str, Any]:
    attributes = {
        name: list(value) if isinstance(value, list) else value
        for name, value in node.attributes.items()
    }
    parameters = tuple(dict(vars(parameter)) for parameter in node.parameters)
    return {**vars(node), "attributes": attributes, "parameters": parameters}


def _tensor(raw: Mapping[str, Any]) -> Tensor:
    return Tensor(_text(raw["name"]), _shape(raw["shape"]), _text(raw["dtype"]))


def _parameter(raw: Mapping[str, Any]) -> Parameter:
    return Parameter(
        _text(raw["name"]),
        _shape(raw["shape"]),
        bool(raw["trainable"]),
        _text(raw["dtype"]),
        _text(raw.get("role", "")),
        _text(raw.get("layout", "")),
        tuple((_text(step), _shape(numbers)) for step, numbers in raw.get("view", ())),
        _text(raw.get("whole", "")),
        _numbers(raw.get("steps", ())),
        _whole(raw.get("steps_axis", 0)),
        tuple(_text(part) for part in raw.get("computed_by", ())),
        _text(raw.get("steps_in", "")),
        _whole(raw.get("steps_block", 0)),
        _text(raw.get("result", "")),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def _shape(value: object) -> tuple[int, ...]:
    if not isinstance(value, Iterable):
        raise TypeError(f"{value!r:.40} are no whole numbers")
    extents = tuple(value)
    if not all(isinstance(extent, int) for extent in extents):
        raise TypeError(f"{extents!r:.40} are no whole numbers")
    return extents


def _numbers(value: Any) -> tuple[float, ...]:
    numbers = tuple(value)
    if not all(isinstance(number, float) and number >= 0 for number in numbers):
        raise TypeError(f"{numbers!r:.40} are no steps")
    return numbers


def _whole(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r:.40} is no whole number")
    return value


def _attribute(value: object) -> AttributeValue:
    scalar = int | float | str | None
    valid = isinstance(value, scalar) or (
        isinstance(value, list | tuple) and all(isinstance(part, scalar) for part in value)
    )
    if not valid:
        raise TypeError(f"{value!r:.40} is no attribute")
    return cast("AttributeValue", value)
