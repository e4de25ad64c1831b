"""Scan TensorFlow's SavedModels and frozen graphs: nothing in them may do more than compute.

The other files of a SavedModel are harmless: ``keras_metadata.pb`` is not read, and
``fingerprint.pb`` and ``debug/`` hold only numbers and places in source code.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from zoodiff.errors import MeasurementError
from zoodiff.frontends.tensorflow.protobuf import GraphDef, MetaGraphDef, SavedObjectGraph
from zoodiff.rules.security import climbs, refusal
from zoodiff.zoos.scan import graph_nodes, graph_saving

_CLASSES = frozenset({"", "tf.StaticHashTable", "tf.TrackableConstant"})
"""Classes of objects in a SavedModel that TensorFlow itself registers."""
_ASSETS = "saved_model_assets"
_LARGEST = 2**31 - 1
"""Bytes of a protobuf that TensorFlow parses."""


def check_saved_model(path: Path) -> None:
    """Raise RefusedError (SEC104, SEC105, SEC110) if a SavedModel could do more than compute.

    Raises MeasurementError if it cannot be read.
    """
    _check_folder(path)
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    _parse(saved, path / "saved_model.pb")
    for meta in saved.meta_graphs:
        for asset in _assets(meta):
            if climbs(asset):
                raise refusal("SEC110", f"{path} takes an asset from {asset!r}")
        graph_nodes.check_graph(meta.graph_def, path)
        graph_saving.check_meta_graph(meta, path)
        _check_objects(meta.object_graph_def, path)


def check_graph(definition: GraphDef, path: Path) -> None:
    """Raise RefusedError (SEC104) if a frozen graph could do more than compute."""
    graph_nodes.check_graph(definition, path)
    graph_saving.check_frozen(definition, path)


def _check_objects(objects: SavedObjectGraph, path: Path) -> None:
    """Raise RefusedError (SEC104, SEC105) for objects of unknown classes or on other devices."""
    for node in objects.nodes:
        if node.registered_name not in _CLASSES:
            raise refusal(
                "SEC105",
                f"{path} needs the class {node.registered_name!r}, which TensorFlow does not have",
            )
        graph_nodes.check_devices((node.variable.device, node.resource.device), path)


def _assets(meta: MetaGraphDef) -> Iterator[str]:
    """Yield the names of a SavedModel's files in its folder of assets."""
    from tensorflow.core.protobuf import meta_graph_pb2

    yield from (asset.filename for asset in meta.asset_file_def)
    packs = meta.collection_def[_ASSETS].any_list.value if _ASSETS in meta.collection_def else ()
    for packed in packs:
        asset = meta_graph_pb2.AssetFileDef()
        packed.Unpack(asset)
        yield asset.filename


def _check_folder(path: Path) -> None:
    for root, folders, files in os.walk(path):
        for name in (*folders, *files):
            place = Path(root) / name
            if place.is_symlink() or not (place.is_file() or place.is_dir()):
                raise refusal("SEC110", f"{place} is a link or a device, not a file")


class _Parsed(Protocol):
    """A protobuf message."""

    def ParseFromString(self, data: bytes) -> object: ...  # noqa: N802


def _parse(message: _Parsed, path: Path) -> None:
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is larger than 2 GiB")
        message.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf's runtimes raise their own kinds
        reason = " ".join(str(error).split())[:160]
        raise MeasurementError(f"{path} is no SavedModel ({reason})") from None
