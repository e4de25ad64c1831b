"""Read an OpenVINO IR file into plain data: layers, their ports, and where constants lie.

The XML is untrusted: it is parsed with limits, document types and entities are refused, and every
number that says where a constant lies is checked against the weights' file, which is not read.
Format: https://docs.openvino.ai/2025/documentation/openvino-ir-format.html.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder

from zoodiff import filenames
from zoodiff.bounded.files import NotRegularError, open_regular
from zoodiff.errors import MeasurementError
from zoodiff.rules.security import refusal

_LARGEST = 64 * 2**20
"""Bytes of the XML; those of large networks have some megabytes."""
_MOST_ELEMENTS = 2_000_000
_MOST_LAYERS = 200_000
_DEPTH = 32
_MOST_AXES = 32
_LARGEST_TENSOR = 2**40
"""Elements of a tensor; no network has as many."""
_VERSIONS = frozenset({"10", "11"})
"""Versions of the format that name operators by operator sets."""
BITS: Mapping[str, int] = {
    **dict.fromkeys(("f64", "i64", "u64"), 64),
    **dict.fromkeys(("f32", "i32", "u32"), 32),
    **dict.fromkeys(("f16", "bf16", "i16", "u16"), 16),
    **dict.fromkeys(("i8", "u8", "boolean", "f8e4m3", "f8e5m2", "f8e8m0"), 8),
    **dict.fromkeys(("i4", "u4", "nf4", "f4e2m1"), 4),
    **{"u6": 6, "u3": 3, "u2": 2, "u1": 1},
}
"""Bits of a value by element type."""
_PRECISIONS = {"FP64": "f64", "FP32": "f32", "FP16": "f16", "BOOL": "boolean"}
"""Element types that ports name differently; other names differ in case alone."""


@dataclass(frozen=True)
class Port:
    """A tensor that a layer computes."""

    number: str
    element_type: str
    shape: tuple[int, ...]
    """-1 for an open extent."""


@dataclass(frozen=True)
class Blob:
    """Where the values of a constant lie in the weights' file."""

    offset: int
    size: int


@dataclass(frozen=True, eq=False)
class Layer:
    """One operator of the file."""

    id: str
    name: str
    type: str
    opset: str
    attributes: Mapping[str, str]
    inputs: tuple[tuple[str, str], ...]
    """The layer and port that each input reads."""
    outputs: tuple[Port, ...]
    blob: Blob | None = None
    """Of a ``Const``."""


@dataclass(frozen=True, eq=False)
class FileNetwork:
    """The network of a file, and the checked XML."""

    layers: tuple[Layer, ...]
    tree: Element = field(repr=False)

    def of_type(self, kind: str) -> list[Layer]:
        """Return the layers of a type, in the file's order."""
        return [layer for layer in self.layers if layer.type == kind]


def weights_path(path: Path) -> Path:
    """Return the path of the weights of an IR file: the same name with the suffix ``.bin``."""
    return path.with_suffix(".bin")


def read(path: Path) -> FileNetwork:
    """Return the network of an IR file.

    Raises RefusedError (SEC110, SEC111, SEC121, SEC122) for a file that could harm its reader, and
    MeasurementError for a malformed one.
    """
    tree = parse(path)
    if tree.tag != "net" or tree.get("version") not in _VERSIONS:
        version = tree.get("version", "")[:20]
        raise MeasurementError(
            f"{path.name} is no OpenVINO IR of version 10 or 11 (<{tree.tag[:20]} "
            f"version={version!r}>); convert the network anew with OpenVINO 2022 or later"
        )
    size = _weights_size(path)
    _check_hints(tree, path)
    containers = [tree.find("layers"), tree.find("edges")]
    elements = [[] if part is None else list(part) for part in containers]
    if len(elements[0]) > _MOST_LAYERS:
        raise refusal("SEC122", f"{path} has {len(elements[0]):,} layers")
    sources = _edges(elements[1], path)
    layers = tuple(_layer(element, sources, size, path) for element in elements[0])
    if len({layer.id for layer in layers}) < len(layers):
        raise MeasurementError(f"{path.name} gives two layers the same id; it is malformed")
    if not layers:
        raise MeasurementError(f"{path.name} holds no network: it has no layers")
    return FileNetwork(layers, tree)


def parse(path: Path) -> Element:
    """Return the root of an XML file without document type; raise RefusedError (SEC121, SEC122).

    Raises MeasurementError for a file that is no XML.
    """
    from xml.parsers import expat

    builder, parser = TreeBuilder(), expat.ParserCreate()
    count = depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal count, depth
        count, depth = count + 1, depth + 1
        if count > _MOST_ELEMENTS or depth > _DEPTH:
            raise refusal(
                "SEC122", f"{path} has more than {_MOST_ELEMENTS:,} elements, or {_DEPTH} levels"
            )
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: object) -> None:
        raise refusal(
            "SEC121",
            f"{path} declares a document type, whose entities may unfold to any size or be read "
            "from other files; IR files have none",
        )

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        with open_regular(path) as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise refusal("SEC122", f"{path} is an XML of more than {_LARGEST >> 20} MiB")
        parser.Parse(content, True)
    except (OSError, NotRegularError) as error:
        raise MeasurementError(f"cannot read {path} ({error})") from None
    except expat.ExpatError as error:
        raise MeasurementError(f"{path} is not a valid XML ({error})") from None
    root: Element = builder.close()
    return root


def _weights_size(path: Path) -> int:
    """Return the bytes of the weights' file, 0 if there is none; raise RefusedError (SEC110)."""
    weights = weights_path(path)
    if weights.is_symlink():
        raise refusal("SEC110", f"{path} has its weights behind the link {weights.name!r}")
    if not filenames.exists(str(weights)):
        return 0
    if not weights.is_file():
        raise refusal("SEC110", f"{path} has its weights in {weights.name!r}, no plain file")
    return weights.stat().st_size


def _check_hints(tree: Element, path: Path) -> None:
    """Raise RefusedError (SEC110) for a hint to OpenVINO that names other files."""
    for element in tree.iter():
        names = (element.tag, *element.attrib, element.get("name", ""))
        if any("weights_path" in name.lower() for name in names):
            raise refusal("SEC110", f"{path} says where else its weights lie")


def _edges(elements: Iterable[Element], path: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """Return the layer and port that are read, by the layer and port that read them."""
    sources: dict[tuple[str, str], tuple[str, str]] = {}
    for edge in elements:
        reader = edge.get("to-layer", ""), edge.get("to-port", "")
        if reader in sources:
            raise MeasurementError(
                f"{path.name} gives the input {reader[1]!r:.20} of the layer {reader[0]!r:.20} "
                "twice; it is malformed"
            )
        sources[reader] = edge.get("from-layer", ""), edge.get("from-port", "")
    return sources


def _layer(
    element: Element, sources: Mapping[tuple[str, str], tuple[str, str]], size: int, path: Path
) -> Layer:
    number, name = element.get("id", ""), element.get("name", "")
    data = element.find("data")
    attributes = {} if data is None else dict(data.attrib)
    inputs = []
    for port in element.iterfind("input/port"):
        source = sources.get((number, port.get("id", "")))
        if source is None:
            raise MeasurementError(
                f"the layer {name!r:.60} of {path.name} has an input that nothing gives; "
                "it is malformed"
            )
        inputs.append(source)
    outputs = tuple(_port(port, name, path) for port in element.iterfind("output/port"))
    kind = element.get("type", "")
    blob = _blob(attributes, outputs, name, size, path) if kind == "Const" else None
    printable = "".join(c for c in name if unicodedata.category(c)[0] != "C")
    return Layer(
        number,
        printable or f"layer{number}",
        kind,
        element.get("version", ""),
        attributes,
        tuple(inputs),
        outputs,
        blob,
    )


def _port(element: Element, layer: str, path: Path) -> Port:
    precision = element.get("precision", "FP32")
    dims = [dim.text or "" for dim in element.iterfind("dim")]
    shape = tuple(whole(dim, f"the layer {layer!r:.60} of {path.name}") for dim in dims)
    check_shape(shape, layer, path)
    kind = _PRECISIONS.get(precision, precision.lower())
    return Port(element.get("id", ""), kind, shape)


def check_shape(shape: tuple[int, ...], layer: str, path: Path) -> None:
    """Raise RefusedError (SEC122) for a shape that no tensor of a network has."""
    closed = prod(extent for extent in shape if extent > 0)
    if len(shape) > _MOST_AXES or closed > _LARGEST_TENSOR or min(shape, default=0) < -1:
        raise refusal("SEC122", f"{path} gives the layer {layer!r:.60} the shape {str(shape)[:80]}")


def _blob(
    attributes: Mapping[str, str], outputs: tuple[Port, ...], name: str, size: int, path: Path
) -> Blob:
    where = f"the constant {name!r:.60} of {path.name}"
    kind = attributes.get("element_type", "")
    if kind not in BITS or len(outputs) != 1:
        raise MeasurementError(f"{where} is of the type {kind!r:.20}, which zoodiff does not read")
    offset, length = (whole(attributes.get(key, ""), where) for key in ("offset", "size"))
    shape = tuple(numbers(attributes.get("shape", ""), where))
    check_shape(shape, name, path)
    values = prod(shape)
    needed = -(-values * BITS[kind] // 8)
    if shape != outputs[0].shape or min(shape, default=0) < 0 or length != needed:
        raise refusal(
            "SEC111", f"{path} keeps {length:,} bytes of {where}, of {kind} and {str(shape)[:80]}"
        )
    if not 0 <= offset <= offset + length <= size:
        raise refusal(
            "SEC111",
            f"{path} keeps {where} at bytes {offset:,} to {offset + length:,} of "
            f"{weights_path(path).name}, which has {size:,}",
        )
    return Blob(offset, length)


def whole(text: str, where: str) -> int:
    """Return a whole number; raise MeasurementError for another text.

    >>> whole(" 12", "x"), whole("-1", "x")
    (12, -1)
    """
    plain = text.strip()
    digits = plain.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise MeasurementError(f"{where} has {plain[:20]!r} where a number belongs")
    return int(plain)


def numbers(text: str, where: str = "a layer") -> list[int]:
    """Return the whole numbers of a list with commas; raise MeasurementError for another text.

    >>> numbers("2, 2"), numbers("")
    ([2, 2], [])
    """
    return [whole(part, where) for part in text.split(",")] if text.strip() else []
