"""What becomes of every description of a network, and which format a file is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from support.fuzzing.target import Target, placed


def counted(graph: Any) -> None:
    """What becomes of a description: counts, one form, a fingerprint, a diff with itself."""
    from zoodiff.architecture.diff import diff
    from zoodiff.graph.canonical import canonical
    from zoodiff.graph.cost import count
    from zoodiff.graph.ir import Graph

    count(graph)
    again = Graph.from_json(graph.to_json())
    form = canonical(again)
    diff(form, form, "a", "b")


def recognised(data: bytes) -> None:
    """Which format a file is of."""
    from zoodiff.zoos.files import resolve

    resolve(str(placed("recognised/model.bin", data)))


def recognised_seeds() -> Sequence[bytes]:
    from support.fuzzing.mutations import packed

    return [
        packed({"config.json": b"{}", "model.weights.h5": b""}),
        packed({"a/constants.pkl": b"", "a/code/x.py": b""}),
        packed({"a/data.pkl": b""}),
        packed({"archive_format": b"pt2"}),
        b"\x08\x07\x12\x00",
        b"\x1c\0\0\0TFL3",
        b"\x80\x02}q\0.",
    ]


TARGETS = (Target("recognised", recognised, recognised_seeds),)
