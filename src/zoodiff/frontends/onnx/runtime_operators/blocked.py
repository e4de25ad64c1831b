"""Weights that are stored as small integers with a scale for each block of them.

ONNX Runtime's operators on such weights read bytes with several integers each, the first in the
lowest bits, and ONNX's DequantizeLinear reads integers of 4 or 8 bits one by one. Both become one
node of zoodiff's own, ``BlockedWeight``, whose result is the weight in real numbers,
:math:`s_b (q - z_b)` for an integer :math:`q` of the block :math:`b`, and whose reader is an
operator of ONNX. Definitions of the operators:
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from zoodiff.frontends.onnx.call import Weight
from zoodiff.frontends.onnx.protobuf import ModelProto, NodeProto
from zoodiff.frontends.onnx.runtime_operators.rewriting import Rewriter, Rewriting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OPERATOR = "BlockedWeight"
DOMAIN = "zoodiff"
_BITS = (2, 4, 8)
_EXACT, _ON_INTEGERS = (0, 1), 4
"""Accuracy levels: the type of the data or float32, and 8-bit integers."""


@dataclass(frozen=True)
class Blocks:
    """How integers of a stored tensor are arranged.

    ``extents`` are those of the weight; one scale belongs to ``size`` elements along ``axis``, the
    last block may have fewer. ``bits`` is the width of integers that lie in bytes, along the last
    axis, and 0 for those that are stored one by one. ``zero`` is the zero point where none is
    stored.
    """

    extents: tuple[int, ...]
    axis: int
    size: int
    bits: int
    zero: int

    @property
    def scales(self) -> tuple[int, ...]:
        """The extents of the tensor of scales."""
        count = -(-self.extents[self.axis] // self.size)
        return (*self.extents[: self.axis], count, *self.extents[self.axis + 1 :])

    def integers(self, stored: NDArray[Any]) -> NDArray[np.float64]:
        """Return the integers of a stored tensor, one element each."""
        return self._one_by_one(stored, self.extents)

    def spread(self, of_blocks: NDArray[Any]) -> NDArray[np.float64]:
        """Return the scale or zero point of every element, given one per block."""
        import numpy as np

        shape = self.scales
        packed = self.bits and of_blocks.dtype == np.uint8
        values = self._one_by_one(of_blocks, shape) if packed else of_blocks
        numbers = np.asarray(values).astype(np.float64).reshape(shape)
        repeated = np.repeat(numbers, self.size, self.axis)
        kept: NDArray[np.float64] = repeated.take(range(self.extents[self.axis]), self.axis)
        return kept

    def packed(self, integers: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
        """Return integers as the tensor ``like`` stores them."""
        import numpy as np

        if not self.bits:
            return integers.astype(like.dtype).reshape(like.shape)
        each = 8 // self.bits
        rows = prod(self.extents[:-1])
        filled = np.zeros((rows, like.size // rows * each), np.uint8)
        filled[:, : self.extents[-1]] = integers.reshape(rows, -1)
        places = np.arange(each, dtype=np.uint8) * np.uint8(self.bits)
        parts = filled.reshape(rows, -1, each) << places
        joined: NDArray[Any] = np.bitwise_or.reduce(parts, axis=-1).astype(np.uint8)
        return joined.reshape(like.shape)

    def _one_by_one(self, stored: NDArray[Any], extents: tuple[int, ...]) -> NDArray[np.float64]:
        import numpy as np

        if not self.bits:
            return stored.astype(np.float64).reshape(extents)
        each = 8 // self.bits
        rows = prod(extents[:-1])
        places = np.arange(each, dtype=np.uint8) * np.uint8(self.bits)
        parts = (stored.reshape(rows, -1, 1) >> places) & np.uint8(2**self.bits - 1)
        values: NDArray[np.float64] = parts.reshape(rows, -1)[:, : extents[-1]].astype(np.float64)
        return values.reshape(extents)


@dataclass(frozen=True)
class BlockedQuantisation:
    """The quantisation of a stored tensor: real numbers of its integers, and integers of real ones.

    It has the methods of ``zoos.runtime.onnx_integers.Stored``.
    """

    blocks: Blocks
    scale: NDArray[Any]
    zero_point: NDArray[Any]
    like: NDArray[Any]
    """The stored tensor."""

    def real(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """Return the real numbers of a stored tensor, in single precision."""
        import numpy as np

        shifted = self.blocks.integers(stored) - self.zero_point
        values: NDArray[np.float32] = (shifted * self.scale).astype(np.float32)
        return values

    def integers(self, real: NDArray[Any], dtype: Any) -> NDArray[Any]:
        """Return the stored tensor of the nearest integers."""
        import numpy as np

        scale = np.where(self.scale == 0, 1, self.scale)
        steps = np.round(real.astype(np.float64) / scale) + self.zero_point
        width = self.blocks.bits or 8 * np.dtype(dtype).itemsize
        name = str(np.dtype(dtype))
        width = int(name.lstrip("uint")) if not self.blocks.bits and "int" in name else width
        signed = name.startswith("int")
        low = -(2 ** (width - 1)) if signed else 0
        return self.blocks.packed(np.clip(steps, low, low + 2**width - 1), self.like)


def is_blocked(node: NodeProto) -> bool:
    """Whether a node is a weight in blocks."""
    return node.op_type == OPERATOR and node.domain == DOMAIN


def blocks_of(node: NodeProto) -> Blocks:
    """Return the arrangement that a node states; raise ValueError for an impossible one."""
    from onnx import helper

    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    extents = tuple(int(n) for n in given["extents"])
    axis, size, bits, zero = (int(given[name]) for name in ("axis", "size", "bits", "zero"))
    if not extents or min(*extents, size) < 1 or not 0 <= axis < len(extents):
        raise ValueError("the blocks of a weight have no elements")
    if bits not in {0, *_BITS}:
        raise ValueError(f"{bits} bits of a weight are not understood")
    return Blocks(extents, axis, size, bits, zero)


def declare(model: ModelProto) -> None:
    """State the shapes of weights in blocks, which ONNX's inference of shapes does not know."""
    from onnx import helper

    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    weights = [node for node in model.graph.node if is_blocked(node) and node.input[1] in kinds]
    if weights and all(opset.domain != DOMAIN for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    model.graph.value_info.extend(
        helper.make_tensor_value_info(
            node.output[0], kinds[node.input[1]], list(blocks_of(node).extents)
        )
        for node in weights
    )


def weight_of(node: NodeProto, operands: Sequence[Weight | None]) -> Weight:
    """Return the weight that a node stands for, under the name of its stored tensor."""
    blocks = blocks_of(node)
    stored, scales = operands[0], operands[1]
    assert stored is not None and scales is not None
    return Weight(
        node.output[0],
        blocks.extents,
        f"uint{blocks.bits}" if blocks.bits else stored.dtype,
        stored.origin,
        stored=blocks.extents,
        axes=tuple(range(len(blocks.extents))),
        steps_in=scales.origin,
        steps_axis=blocks.axis,
        steps_block=blocks.size,
    )


def quantisation_of(
    node: NodeProto, stored: NDArray[Any], scales: NDArray[Any], zero: NDArray[Any] | None
) -> BlockedQuantisation:
    """Return the quantisation of a node's stored tensor; without zero points their default."""
    import numpy as np

    blocks = blocks_of(node)
    offsets = np.full(blocks.extents, float(blocks.zero)) if zero is None else blocks.spread(zero)
    return BlockedQuantisation(blocks, blocks.spread(scales), offsets, stored)


def with_blocks(nodes: Sequence[NodeProto], dims: Mapping[str, tuple[int, ...]]) -> list[NodeProto]:
    """Return nodes in which ONNX's own dequantisation of stored blocks is a weight in blocks."""
    return [_of_dequantisation(node, dims) or node for node in nodes]


def _of_dequantisation(node: NodeProto, dims: Mapping[str, tuple[int, ...]]) -> NodeProto | None:
    from onnx import helper

    given = {a.name: a.i for a in node.attribute}
    size = given.get("block_size", 0)
    if node.op_type != "DequantizeLinear" or node.domain or size < 1:
        return None
    extents = dims.get(node.input[0])
    if not extents or not given.keys() <= {"axis", "block_size"}:
        return None
    axis = given.get("axis", 1)
    if not -len(extents) <= axis < len(extents):
        return None
    blocks = Blocks(extents, axis % len(extents), size, 0, 0)
    if any(dims.get(name) != blocks.scales for name in filter(None, node.input[1:])):
        return None
    weight: NodeProto = helper.make_node(
        OPERATOR,
        list(node.input),
        list(node.output),
        name=node.name,
        domain=DOMAIN,
        **_settings(blocks),
    )
    return weight


def _settings(blocks: Blocks) -> dict[str, Any]:
    return {
        "extents": list(blocks.extents),
        "axis": blocks.axis,
        "size": blocks.size,
        "bits": blocks.bits,
        "zero": blocks.zero,
    }


def _blocked(r: Rewriting, blocks: Blocks, inputs: Sequence[str]) -> str | None:
    """Add a weight in blocks, of integers, scales and zero points; None if these do not fit."""
    stored, scales, zero = inputs
    each = 8 // blocks.bits if blocks.bits else 1
    dims, of_scales = r.dims(stored), r.dims(scales)
    rows = prod(blocks.extents[:-1])
    if dims is None or of_scales is None or prod(of_scales) != prod(blocks.scales):
        return None
    if blocks.bits and -(-blocks.extents[-1] // each) * rows > prod(dims):
        return None
    if zero:
        of_zero, count = r.dims(zero), prod(blocks.scales)
        if r.kind(zero) == "uint8":
            count = prod(blocks.scales[:-1]) * -(-blocks.scales[-1] // each)
        elif r.kind(zero) not in {r.kind(scales), "" if blocks.bits else r.kind(stored)}:
            return None
        if of_zero is None or prod(of_zero) != count:
            return None
    given = [stored, scales, zero] if zero else [stored, scales]
    return r.add(OPERATOR, *given, domain=DOMAIN, **_settings(blocks))


def _product(r: Rewriting) -> bool:
    """Data, matrix (N, blocks, bytes), scales, zero points, order of the data, bias."""
    columns, rows, bits, size, level = (
        int(r.number(name, default))
        for name, default in (
            *(("K", 0), ("N", 0), ("bits", 4), ("block_size", 0), ("accuracy_level", 0)),
        )
    )
    ordered, bias = r.given(4), r.given(5)
    if min(columns, rows, size) < 1 or bits not in _BITS or size * bits % 8 or ordered:
        return False
    if level not in {*_EXACT, _ON_INTEGERS} or r.dims(r.given(1)) != (
        *(rows, -(-columns // size), size * bits // 8),
    ):
        return False
    inputs = (r.given(1), r.given(2), r.given(3))
    weight = _blocked(r, Blocks((rows, columns), 1, size, bits, 2 ** (bits - 1)), inputs)
    if weight is None:
        return False
    data = r.given(0)
    if level == _ON_INTEGERS:
        data = r.add("DequantizeLinear", *r.quantised(data))
    turned = r.add("Transpose", weight, perm=[1, 0])
    product = r.add("MatMul", data, turned, result="" if bias else r.output(0))
    if bias:
        r.add("Add", product, bias, result=r.output(0))
    return True


def _rows(r: Rewriting) -> bool:
    """Table of integers, indices, scales, zero points; the choice of rows of the real table."""
    axis, along, size, bits = (
        int(r.number(name, default))
        for name, default in (
            *(("gather_axis", 0), ("quantize_axis", 1), ("block_size", 128), ("bits", 4)),
        )
    )
    dims, kind = r.dims(r.given(0)), r.kind(r.given(0))
    if dims is None or size < 1 or bits not in _BITS:
        return False
    in_bytes = kind == "uint8"
    if not (in_bytes or kind in {"int4", "uint4"}) or not -len(dims) <= along < len(dims):
        return False
    along %= len(dims)
    if in_bytes and along != len(dims) - 1:
        return False
    extents = (*dims[:-1], dims[-1] * 8 // bits) if in_bytes else dims
    zero = 2 ** (bits - 1) if in_bytes else 0
    blocks = Blocks(extents, along, size, bits if in_bytes else 0, zero)
    table = _blocked(r, blocks, (r.given(0), r.given(2), r.given(3)))
    if table is None:
        return False
    r.add("Gather", table, r.given(1), result=r.output(0), axis=axis)
    return True


ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "GatherBlockQuantized": frozenset({"bits", "block_size", "gather_axis", "quantize_axis"}),
    "MatMulNBits": frozenset({"K", "N", "accuracy_level", "bits", "block_size"}),
}
"""The attributes that are understood."""
OPERATORS: Mapping[str, Rewriter] = {"GatherBlockQuantized": _rows, "MatMulNBits": _product}
"""Operators of ONNX Runtime's domain, by name."""
