"""TFRecord files of ``tf.train.Example``, as TensorFlow Datasets and Model Garden write them.

A record is a length (8 bytes, little-endian), a masked CRC-32C of it (4), the data, and a masked
CRC-32C of the data (4): tensorflow/core/lib/io/record_writer.h.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from zoodiff.data.images import ImageSet, Sample, stamp
from zoodiff.data.labels import IMAGENET_1K, LabelSpace
from zoodiff.data.places import Place, part_of, size_of, stat_of
from zoodiff.errors import MissingFrameworkError, UsageError

_IMAGES = ("image", "image/encoded")
_LABELS = ("label", "image/class/label")
_LARGEST = 1 << 30


def read(files: Sequence[Place], space: LabelSpace | None) -> ImageSet:
    """Images of TFRecord files; raise UsageError for damage, naming file and place."""
    samples: list[Sample] = []
    places: list[tuple[Place, int, int]] = []
    one_based = False
    for path in files:
        for offset, data in _records(path):
            features = _features(data, path)
            if not any(key in features for key in _IMAGES):
                keys = ", ".join(sorted(features))[:200]
                raise UsageError(f"the TFRecord {path} holds no image; it holds {keys}")
            key = next((k for k in _LABELS if k in features), None)
            label = None
            if key and features[key].int64_list.value:
                label = int(features[key].int64_list.value[0])
                one_based |= key == "image/class/label"
            samples.append(Sample(f"{path.name}#{len(samples)}", label))
            places.append((path, offset, len(data)))
    if not samples:
        raise UsageError(f"there is no image in {files[0]}")
    notes: tuple[str, ...] = ()
    labels = [sample.label for sample in samples]
    if one_based and None not in labels and 0 not in labels:
        samples = [Sample(s.name, s.label - 1) for s in samples if s.label is not None]
        notes = ("labels count from 1, as Model Garden writes them; 1 was taken away",)

    def get(number: int) -> bytes:
        path, offset, length = places[number]
        features = _features(part_of(path, offset, length), path)
        held = next(features[key] for key in _IMAGES if key in features).bytes_list.value
        if not held:
            raise OSError("the record's image holds no bytes")
        return bytes(held[0])

    return ImageSet(
        files[0].name.split(".")[0].split("-")[0],
        f"{len(files)} TFRecord files" if len(files) > 1 else "a TFRecord file",
        samples,
        (space or IMAGENET_1K) if None not in labels else None,
        get,
        stamp([stat_of(path) for path in files]),
        notes,
    )


def _records(path: Place) -> Iterator[tuple[int, bytes]]:
    """Each record's place and data."""
    crc32c, _ = _library()

    def checked(data: bytes, stored: bytes) -> bool:
        value = crc32c(data)
        masked = ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF
        return bool(masked == int.from_bytes(stored, "little"))

    with path.open("rb") as file:
        size, offset = size_of(path), 0
        while offset < size:
            head = file.read(12)
            if len(head) < 12:
                raise UsageError(f"the TFRecord {path} ends in the middle, at byte {offset}")
            length = int.from_bytes(head[:8], "little")
            if not checked(head[:8], head[8:]) or length > min(_LARGEST, size - offset):
                raise UsageError(f"the TFRecord {path} is damaged at byte {offset}")
            data = file.read(length)
            if not checked(data, file.read(4)):
                raise UsageError(f"the TFRecord {path} is damaged at byte {offset}")
            yield offset + 12, data
            offset += 12 + length + 4


def _features(data: bytes, path: Place) -> Any:
    _, example = _library()
    found = example()
    try:
        found.ParseFromString(data)
    except Exception:  # protobuf's runtimes raise kinds of their own
        raise UsageError(f"the TFRecord {path} holds no tf.train.Example") from None
    return found.features.feature


@cache
def _library() -> tuple[Any, Any]:
    """The checksum, and the message ``tf.train.Example``."""
    try:
        from crc32c import crc32c
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError:
        raise MissingFrameworkError(
            "TFRecords need the packages crc32c and protobuf; install them with: "
            'pip install "zoodiff[tfrecord]"'
        ) from None
    # TensorFlow's own definition cannot be had without TensorFlow.
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="zoodiff/example.proto", package="zoodiff", syntax="proto3"
    )

    def message(parent: Any, name: str, *fields: tuple[str, int, int, str]) -> Any:
        made = parent.add(name=name)
        for title, number, kind, of in fields:
            label = field.LABEL_REPEATED if title.startswith("*") else field.LABEL_OPTIONAL
            more = {"type_name": of} if of else {}
            made.field.add(name=title.lstrip("*"), number=number, type=kind, label=label, **more)
        return made

    types = file.message_type
    message(types, "BytesList", ("*value", 1, field.TYPE_BYTES, ""))
    message(types, "Int64List", ("*value", 1, field.TYPE_INT64, ""))
    kind = field.TYPE_MESSAGE
    lists = [("bytes_list", 1, kind, ".zoodiff.BytesList")]
    message(types, "Feature", *lists, ("int64_list", 3, kind, ".zoodiff.Int64List"))
    features = message(types, "Features", ("*feature", 1, kind, ".zoodiff.Features.FeatureEntry"))
    entry = message(
        features.nested_type,
        "FeatureEntry",
        ("key", 1, field.TYPE_STRING, ""),
        ("value", 2, kind, ".zoodiff.Feature"),
    )
    entry.options.map_entry = True
    message(types, "Example", ("features", 1, kind, ".zoodiff.Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName("zoodiff.Example")
    return crc32c, message_factory.GetMessageClass(found)
