"""Read an ONNX file without its weights.

A file of half a gigabyte has a few hundred kilobytes of structure. Its protobuf is copied field by
field without the values of large tensors, so that weights are never in memory. Wire format:
https://protobuf.dev/programming-guides/encoding/; field numbers: onnx.proto.
"""

from __future__ import annotations

import mmap
from pathlib import Path

from zoodiff import filenames
from zoodiff.frontends.onnx.protobuf import ModelProto, TensorProto

_LIMIT = 32_768
"""The largest size of values that are read, in bytes: 4096 numbers of 8 bytes."""
_DEPTH = 100
"""The largest depth of nested messages; protobuf has the same limit."""
_MOST = 256 * 2**20
"""The largest size without large values, in bytes; files of the zoo have less than a hundredth."""
_NESTED = {
    ("model", 7): "graph",
    ("model", 25): "function",
    ("graph", 1): "node",
    ("graph", 5): "tensor",
    ("function", 7): "node",
    ("node", 5): "attribute",
    ("attribute", 5): "tensor",
    ("attribute", 6): "graph",
    ("attribute", 10): "tensor",
    ("attribute", 11): "graph",
}
"""Messages that may contain large tensors, by the message around them and its field."""
_VALUES = frozenset({4, 5, 6, 7, 9, 10, 11})
"""Fields of a tensor that hold its values: float_data to uint64_data, raw_data."""


def read(path: Path) -> ModelProto:
    """Return the ``onnx.ModelProto`` of a file, without the values of large tensors.

    Raises OSError where the file cannot be read, OverflowError where it is too large without its
    weights, ValueError and protobuf's own errors where it is not a valid protobuf.
    """
    import onnx

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        view = memoryview(mapped)
        try:
            structure = bytes(_copy(view, "model", 0))
        finally:
            view.release()
    model: ModelProto = onnx.ModelProto()
    model.ParseFromString(structure)
    return model


def take_integers(tensor: TensorProto, folder: Path) -> None:
    """Read the values of a small external tensor of integers; leave any other tensor unchanged.

    Links are not followed. Where the data is not where the tensor says, its values stay unknown.
    """
    from onnx import TensorProto

    if tensor.data_type not in {TensorProto.INT64, TensorProto.INT32} or not tensor.external_data:
        return
    place = {entry.key: entry.value for entry in tensor.external_data}
    try:
        offset, length = int(place.get("offset", 0)), int(place["length"])
        path = folder / place["location"]
    except (KeyError, ValueError):
        return
    inside = 0 < length <= _LIMIT and 0 <= offset < 1 << 62
    if not inside or path.is_symlink() or not filenames.is_file(path):
        return
    with path.open("rb") as file:
        file.seek(offset)
        values = file.read(length)
    if len(values) == length:
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
        tensor.raw_data = values


def _copy(data: memoryview, kind: str, depth: int) -> bytearray:
    if depth > _DEPTH:
        raise ValueError("messages are nested too deeply")
    copied_bytes, position, end = bytearray(), 0, len(data)
    while position < end:
        start = position
        key, position = _number(data, position)
        field, wire = key >> 3, key & 7
        if wire == 0:
            _, position = _number(data, position)
        elif wire in {1, 5}:
            position += 8 if wire == 1 else 4
        elif wire == 2:
            size, position = _number(data, position)
            body, position = position, position + size
            if position > end:
                raise ValueError("the file is truncated")
            inner = _NESTED.get((kind, field))
            if size > _LIMIT and inner is not None:
                with data[body:position] as part:
                    copied = _copy(part, inner, depth + 1)
                copied_bytes += _encoded(key) + _encoded(len(copied)) + copied
                continue
            if size > _LIMIT and kind == "tensor" and field in _VALUES:
                continue
        else:
            raise ValueError(f"a field has the unknown wire type {wire}")
        if position > end:
            raise ValueError("the file is truncated")
        if len(copied_bytes) + position - start > _MOST:
            raise OverflowError(f"more than {_MOST >> 20} MB beside its weights")
        copied_bytes += data[start:position]
    return copied_bytes


def _number(data: memoryview, position: int) -> tuple[int, int]:
    """Return a variable-length number and the position after it."""
    number = shift = 0
    while position < len(data) and shift < 70:
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7
    raise ValueError("the file is truncated")


def _encoded(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
