"""Read a TFLite file into plain data: operators, tensors, small constants.

FlatBuffers are read in place, and the generated readers trust their offsets. So every number that
determines the running time is checked first, and any exception of the readers becomes a
MeasurementError. The file is mapped, not loaded, so weights use no memory. Schema:
tensorflow/lite/schema/schema.fbs.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoodiff.errors import MeasurementError, MissingFrameworkError
from zoodiff.frontends.tflite.signatures import NO_SIGNATURE, Signature, signature_of

_MOST = 200_000
"""The largest number of operators, and of tensors, of one network."""
_MOST_AXES = 8
_BUDGET = 20_000_000
"""The largest number of numbers and letters; large networks have some hundred thousand."""
_KEPT = 4096
"""The largest constant whose values are read, in elements."""

_DTYPES = {
    0: "float32",
    1: "float16",
    2: "int32",
    3: "uint8",
    4: "int64",
    5: "string",
    6: "bool",
    7: "int16",
    8: "complex64",
    9: "int8",
    10: "float64",
    11: "complex128",
    12: "uint64",
    13: "resource",
    14: "variant",
    15: "uint32",
    16: "uint16",
    17: "int4",
    18: "bfloat16",
}
"""Number types by their value of ``TensorType`` in the schema."""
QUANTIZED = frozenset({"int4", "int8", "uint8", "int16"})


@dataclass(frozen=True)
class Quantization:
    """real = scale * (stored - zero_point), with one entry, or one per channel along ``axis``."""

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int


@dataclass(frozen=True, eq=False)
class FileTensor:
    """One tensor of the file; ``constant`` where the file holds its values."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None
    constant: bool
    buffer: int = 0
    """The index of the buffer with the values."""
    values: NDArray[Any] | None = None
    """The stored values of a small constant."""
    variable: bool = False
    """Whether it is a state, which a run begins with zeros in."""

    @property
    def real(self) -> Any | None:
        """The values of a small constant as real numbers; None where they were not read."""
        if self.values is None or self.quantization is None:
            return self.values
        q = self.quantization
        if len(q.scale) != 1:
            return None
        return (self.values.astype(np.float64) - q.zero_point[0]) * q.scale[0]


@dataclass(frozen=True)
class FileOperator:
    """One operator: its name in the schema, its tensors by index (-1 for none), its settings."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FileNetwork:
    """The first subgraph of a file, which is the network."""

    tensors: tuple[FileTensor, ...]
    operators: tuple[FileOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    open_extents: Mapping[int, tuple[int, ...]]
    """The shapes, by index, of tensors with extents that the file leaves open (-1)."""
    signature: Signature = NO_SIGNATURE
    """The names that the file gives its inputs and outputs, where it has one signature."""


def read(path: Path) -> FileNetwork:
    """Return the network of a file.

    Raises MeasurementError for a file that cannot be read or is malformed, MissingFrameworkError
    without the package ``tflite``.
    """
    try:
        import tflite
    except ImportError:
        raise MissingFrameworkError(
            "reading TFLite files needs the package tflite; install zoodiff[tflite]"
        ) from None
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if data[4:8] != b"TFL3":
                raise MeasurementError(f"{path} is not a TFLite file (it does not say TFL3)")
            model = tflite.Model.GetRootAs(data, 0)
            # Views of the file must be deleted before it is unmapped.
            try:
                return _Reader(tflite, model, data, path).network()
            finally:
                del model
    except OSError as error:
        raise MeasurementError(f"cannot read {path} ({error.strerror})") from None
    except (
        ArithmeticError,
        AttributeError,
        BufferError,
        LookupError,
        MemoryError,
        TypeError,
        ValueError,
        struct.error,
    ) as error:
        raise MeasurementError(
            f"{path} is not a valid TFLite file ({' '.join(str(error).split())[:100]})"
        ) from None


def read_weight(path: Path, tensor: FileTensor) -> Any:
    """Return the values of a constant as real numbers in single precision, in its stored shape.

    Raises MeasurementError for number types without a whole number of bytes, for sparse constants,
    and for scales that do not fit the values.
    """
    try:
        return _weight(path, tensor)
    except (AttributeError, LookupError, TypeError, ValueError, struct.error) as error:
        raise MeasurementError(
            f"the weight {tensor.name} of {path} is malformed "
            f"({' '.join(str(error).split())[:100]})"
        ) from None


def _weight(path: Path, tensor: FileTensor) -> Any:
    import tflite

    if tensor.dtype in {"int4", *_NO_WIDTH}:
        raise MeasurementError(f"the weight {tensor.name} is of {tensor.dtype}, which is not read")
    dtype = np.dtype(_STORED.get(tensor.dtype, tensor.dtype))
    content = path.read_bytes()
    buffer = tflite.Model.GetRootAs(content, 0).Buffers(tensor.buffer)
    offset = buffer.Offset()
    raw = (
        np.frombuffer(content, np.uint8, buffer.Size(), offset)
        if offset > 1
        else buffer.DataAsNumpy()
    )
    if raw.size != prod(tensor.shape) * dtype.itemsize:
        raise MeasurementError(f"the weight {tensor.name} of {path} is sparse, which is not read")
    stored = np.frombuffer(raw.tobytes(), dtype).reshape(tensor.shape)
    if tensor.dtype == "bfloat16":
        return (stored.astype(np.uint32) << 16).view(np.float32)
    q = tensor.quantization
    if q is None:
        return stored.astype(np.float32)
    along = [1] * stored.ndim
    if len(q.scale) > 1:
        along[q.axis] = -1
    scale, zero = (np.asarray(x, np.float64).reshape(along) for x in (q.scale, q.zero_point))
    return ((stored - zero) * scale).astype(np.float32)


class _Reader:
    def __init__(self, tflite: Any, model: Any, data: Any, path: Path) -> None:
        self._tflite, self._model, self._data, self._path = tflite, model, data, path
        self._codes = _names(tflite.BuiltinOperator)
        self._options = _names(tflite.BuiltinOptions)
        self._left = _BUDGET

    def _require(self, condition: bool, fault: str) -> None:
        if not condition:
            raise MeasurementError(f"{self._path} is not a valid TFLite file ({fault})")

    def _spend(self, amount: int) -> None:
        """Count numbers and letters; raise MeasurementError above the budget of the file.

        The total is limited, since many tables may point to one long vector.
        """
        self._left -= amount
        if self._left < 0:
            raise MeasurementError(
                f"{self._path} holds more than {_BUDGET} numbers and letters beside its weights; "
                "such files are refused"
            )

    def network(self) -> FileNetwork:
        model, path = self._model, self._path
        if model.Version() != 3:
            raise MeasurementError(
                f"{path} is of TFLite's schema version {model.Version()}; only 3 is known"
            )
        self._require(0 < model.SubgraphsLength() <= _MOST, "it holds no network")
        graph = model.Subgraphs(0)
        for count, kind in (
            (graph.TensorsLength(), "tensors"),
            (graph.OperatorsLength(), "operators"),
            (model.OperatorCodesLength(), "operator codes"),
            (model.BuffersLength(), "buffers"),
        ):
            if not 0 <= count <= _MOST:
                raise MeasurementError(f"{path} has {count} {kind}, more than the {_MOST} allowed")
        if not graph.OperatorsLength():
            raise MeasurementError(f"{path} holds no network: it has no operators")
        opened: dict[int, tuple[int, ...]] = {}
        tensors = tuple(self._tensor(graph, i, opened) for i in range(graph.TensorsLength()))
        operators = tuple(self._operator(graph, i) for i in range(graph.OperatorsLength()))
        inputs, outputs = (self._indices(graph, ends) for ends in ("Inputs", "Outputs"))
        signature = signature_of(model, inputs, outputs, self._spend)
        network = FileNetwork(tensors, operators, inputs, outputs, opened, signature)
        for index in (*network.inputs, *network.outputs):
            self._require(0 <= index < len(tensors), f"there is no tensor {index}")
        for operator in operators:
            for index in (*operator.inputs, *operator.outputs):
                self._require(-1 <= index < len(tensors), f"there is no tensor {index}")
            self._require(-1 not in operator.outputs, f"{operator.name} writes to no tensor")
        return network

    def _indices(self, table: Any, field_name: str) -> tuple[int, ...]:
        count = getattr(table, f"{field_name}Length")()
        self._require(0 <= count <= _MOST, f"{count} {field_name.lower()}")
        self._spend(count + 1)
        if not count:
            return ()
        return tuple(int(n) for n in getattr(table, f"{field_name}AsNumpy")())

    def _tensor(self, graph: Any, index: int, opened: dict[int, tuple[int, ...]]) -> FileTensor:
        table = graph.Tensors(index)
        self._require(
            0 <= table.ShapeLength() <= _MOST_AXES, f"a tensor of {table.ShapeLength()} axes"
        )
        shape = self._indices(table, "Shape")
        self._require(min(shape, default=1) > 0, f"a tensor of shape {shape}")
        self._require(table.ShapeSignatureLength() <= _MOST_AXES, "a signature of too many axes")
        signature = self._indices(table, "ShapeSignature")
        if -1 in signature:
            opened[index] = signature
        name = (table.Name() or b"").decode(errors="replace") or f"tensor{index}"
        self._spend(len(name))
        dtype = _DTYPES.get(table.Type(), "")
        self._require(bool(dtype), f"a tensor of the unknown type {table.Type()}")
        constant, values = self._values(table.Buffer(), shape, dtype)
        variable = bool(table.IsVariable()) and not constant
        quantization, buffer = self._quantization(table), table.Buffer()
        return FileTensor(
            index, name, shape, dtype, quantization, constant, buffer, values, variable
        )

    def _values(self, buffer: int, shape: tuple[int, ...], dtype: str) -> tuple[bool, Any]:
        self._require(
            0 <= buffer < max(1, self._model.BuffersLength()), f"there is no buffer {buffer}"
        )
        if buffer == 0:
            return False, None
        content = self._model.Buffers(buffer)
        length, offset = content.DataLength(), content.Offset()
        outside = offset > 1  # behind the FlatBuffer, in files of more than 2 GiB
        if outside:
            length = content.Size()
            self._require(
                offset + length <= len(self._data), "a constant lies behind the file's end"
            )
        if not length:
            return False, None
        width = 0 if dtype in _NO_WIDTH else np.dtype(_STORED.get(dtype, dtype)).itemsize
        needed = -(-prod(shape) // 2) if dtype == "int4" else prod(shape) * width
        if width and length < needed:
            # Sparse weights store fewer values; another table holds their positions.
            return True, None
        self._require(length <= len(self._data), "a constant is longer than the file")
        if not width or prod(shape) > _KEPT or dtype in {"int4", "bfloat16"}:
            return True, None
        self._spend(prod(shape))
        raw = (
            self._data[offset : offset + needed]
            if outside
            else content.DataAsNumpy()[:needed].tobytes()
        )
        return True, np.frombuffer(raw, dtype=dtype).reshape(shape).copy()

    def _quantization(self, tensor: Any) -> Quantization | None:
        stored = tensor.Quantization()
        if stored is None or not 0 < stored.ScaleLength() <= _MOST:
            return None
        self._spend(2 * stored.ScaleLength())
        scale = tuple(float(x) for x in stored.ScaleAsNumpy())
        zero = [int(x) for x in stored.ZeroPointAsNumpy()] if stored.ZeroPointLength() else [0]
        self._require(len(zero) in {1, len(scale)}, "scales and zero points of different lengths")
        if len(zero) < len(scale):
            zero *= len(scale)
        return Quantization(scale, tuple(zero), int(stored.QuantizedDimension()))

    def _operator(self, graph: Any, index: int) -> FileOperator:
        table = graph.Operators(index)
        self._require(
            table.OpcodeIndex() < self._model.OperatorCodesLength(), "an unknown operator"
        )
        code = self._model.OperatorCodes(table.OpcodeIndex())
        number = code.BuiltinCode()
        name = self._codes.get(number, f"BUILTIN_{number}")
        if name == "CUSTOM":
            name = (code.CustomCode() or b"CUSTOM").decode(errors="replace")
            return FileOperator(
                f"custom::{name}", self._indices(table, "Inputs"), self._indices(table, "Outputs")
            )
        return FileOperator(
            name, self._indices(table, "Inputs"), self._indices(table, "Outputs"), self._set(table)
        )

    def _set(self, operator: Any) -> dict[str, Any]:
        """Return the settings of an operator: the fields of its options that are plain numbers."""
        kind = getattr(self._tflite, self._options.get(operator.BuiltinOptionsType(), ""), None)
        table = operator.BuiltinOptions()
        if kind is None or table is None:
            return {}
        options = kind()
        options.Init(table.Bytes, table.Pos)
        settings = {}
        for name in dir(kind):
            if not name[0].isupper() or name in {"Init", "GetRootAs"}:
                continue
            if name.endswith(("Length", "AsNumpy", "IsNone", "BufferHasIdentifier")):
                continue
            if name.startswith("GetRootAs") or f"{name}Length" in dir(kind):
                continue
            value = getattr(options, name)()
            if isinstance(value, bool | int | float):
                settings[name] = value
        return settings


_NO_WIDTH = frozenset({"string", "resource", "variant"})
_STORED = {"int4": "uint8", "bfloat16": "uint16"}


def _names(enumeration: type) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}
