"""TensorFlow's graphs: operators that touch files, run Python or talk to a network.

Every SavedModel has functions that save and restore its own variables. TensorFlow's loader reads
the variables by itself, so these functions stay unused; there alone, saving and restoring are let
pass.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zoodiff.errors import MeasurementError
from zoodiff.rules.security import climbs, refusal

_SAVING_TEXT = (
    "SaveV2 RestoreV2 MergeV2Checkpoints Save SaveSlices Restore RestoreSlice ShardedFilename "
    "ShardedFilespec"
)
_SAVING = frozenset(_SAVING_TEXT.split())
_BEYOND = re.compile(
    r"""
    (Read|Write|Matching|Delete|Copy|Rename)\w*File\w* | WholeFileReader\w* | \w*LineReader\w*
    | \w*RecordReader\w* | \w*LMDB\w*
    | \w*(TextLine|TFRecord|FixedLengthRecord|Csv|CSV|Sql)Dataset\w*
    | (Save|Load|Snapshot|Cache|Assert.*File)Dataset\w* | SnapshotDatasetReader | DatasetFromFile\w*
    | InitializeTableFromTextFile\w* | (Load|GenerateVocab)\w*(Matrix|Remapping)\w*
    | ImmutableConst | PrintV2 | .*PyFunc.* | NumpyFunction
    | \w*Summary(Writer|FileWriter|DbWriter|Events|V2)\w*
    | (Write|Create|Flush|Close|Import)\w*Summary\w*
    | DebugIdentity\w* | DebugNanCount\w* | DebugNumericSummary\w* | FileSystemSetConfiguration
    | LoadLibrary\w* | LoadKernels\w* | CustomCall | XlaCustomCall\w* | RemoteCall | \w*Rpc\w*
    | RemoteFusedGraphExecute | DataServiceDataset\w* | RegisterDataset\w* | \w*Socket\w*
    | _Send | _Recv | _HostSend | _HostRecv | ConfigureDistributed\w* | Kafka\w* | Bigtable\w*
    | \w*(GCS|BigQuery)\w*
    """,
    re.VERBOSE,
)
_LARGEST = 2**31 - 1
"""Bytes of a protobuf that TensorFlow parses."""


def beyond(names: Iterable[str]) -> list[str]:
    """Which operators reach beyond computing, saving and restoring aside."""
    return sorted({name for name in names if _BEYOND.fullmatch(name)})


def check_saved_model(path: Path) -> None:
    """Look at a SavedModel folder; raise RefusedError (SEC104, SEC110) for what reaches beyond."""
    _check_folder(path)
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    _parse(saved, path / "saved_model.pb")
    for meta in saved.meta_graphs:
        for asset in meta.asset_file_def:
            if climbs(asset.filename):
                raise refusal("SEC110", f"{path} takes an asset from {asset.filename!r}")
        _check_meta(meta, path)


def check_graph(definition: Any, path: Path) -> None:
    """Look at a frozen graph; raise RefusedError (SEC104) for operators that reach beyond."""
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    # What froze a graph may have left its saver behind, which nothing calls.
    names = {n.op for n in nodes if not (n.op in _SAVING and n.name.startswith("save/"))}
    _refuse(beyond(names) + sorted(names & _SAVING), path)


def _refuse(found: list[str], path: Path) -> None:
    if found:
        raise refusal(
            "SEC104",
            f"{path} is not loaded: its operators {', '.join(found)} reach for files, Python or a "
            "network",
        )


def _check_meta(meta: Any, path: Path) -> None:
    functions = {f.signature.name: f for f in meta.graph_def.library.function}
    saver = meta.saver_def
    own = {
        name.split(":")[0]
        for name in (saver.save_tensor_name, saver.restore_op_name, saver.filename_tensor_name)
    }
    own = {name for name in own if name}
    main = list(meta.graph_def.node)
    saving = [node for node in main if node.name in own or node.name.startswith("save/")]
    others = [node for node in main if node not in saving]
    named = [
        name for name in functions if re.match(r"__inference__traced_(save|restore)_\d+", name)
    ]
    by_saver = _reached(saving, functions) | set(named)
    by_others = _reached(others, functions)
    # Functions that nothing in the graph calls are called by name from the object graph.
    free = set(functions) - by_saver
    by_others |= free | _reached(
        [node for name in free for node in functions[name].node_def], functions
    )
    everything = {node.op for node in main} | {
        node.op for f in functions.values() for node in f.node_def
    }
    found = beyond(everything)
    unsaved = {node.op for node in others}
    unsaved |= {node.op for name in by_others for node in functions[name].node_def}
    _refuse(found + sorted(unsaved & _SAVING), path)


def _reached(nodes: Iterable[Any], functions: dict[str, Any]) -> set[str]:
    """Functions that nodes call, directly or through others."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        for value in node.attr.values():
            for one in (value.func, *value.list.func):
                if one.name in functions and one.name not in found:
                    found.add(one.name)
                    waiting += functions[one.name].node_def
        if node.op in functions and node.op not in found:
            found.add(node.op)
            waiting += functions[node.op].node_def
    return found


def _check_folder(path: Path) -> None:
    for root, folders, files in os.walk(path):
        for name in (*folders, *files):
            place = Path(root) / name
            if place.is_symlink() or not (place.is_file() or place.is_dir()):
                raise refusal("SEC110", f"{place} is a link or a device, not a file")


def _parse(message: Any, path: Path) -> None:
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is larger than 2 GiB")
        message.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf's runtimes raise kinds of their own
        reason = " ".join(str(error).split())[:160]
        raise MeasurementError(f"{path} is no SavedModel ({reason})") from None
