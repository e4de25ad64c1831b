"""Hypothesis strategies for inputs of the right shape and any content."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from random import Random
from typing import Any

from hypothesis import strategies as st

from support.fuzzing.mutations import VALUES
from support.fuzzing.target import Target

Bytes = st.SearchStrategy[bytes]

leaves = st.one_of(
    st.sampled_from([v for v in VALUES if not isinstance(v, list | dict)]),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
)
documents = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=8,
)


def inputs(target: Target) -> Bytes:
    """Changed seeds, any bytes, and inputs of the right shape where there is a strategy."""
    found: list[Bytes] = [changed(target), st.binary(max_size=64)]
    if target.name in SHAPES:
        found.append(SHAPES[target.name]())
    return st.one_of(*found)


def changed(target: Target) -> Bytes:
    """A seed with some changes."""

    def change(seed: bytes, numbers: list[int]) -> bytes:
        for number in numbers:
            seed = target.mutate(seed, Random(number))
        return seed

    numbers = st.lists(st.integers(0, 2**32 - 1), max_size=5)
    return st.builds(change, st.deferred(lambda: st.sampled_from(list(target.seeds()))), numbers)


def tables(known: Mapping[str, Any]) -> Bytes:
    """TOML of these keys; a mapping is a table of its own."""

    def written(value: Any) -> str:
        if isinstance(value, dict):
            return (
                "{" + ", ".join(f"{json.dumps(k)} = {written(v)}" for k, v in value.items()) + "}"
            )
        if isinstance(value, list):
            return "[" + ", ".join(map(written, value)) + "]"
        return "[]" if value is None else json.dumps(value).replace("Infinity", "inf").lower()

    def text(found: Mapping[str, Any]) -> bytes:
        return "\n".join(f"{k} = {written(v)}" for k, v in found.items()).encode(errors="replace")

    return st.fixed_dictionaries({}, optional=_values(known)).map(text)


def objects(known: Mapping[str, Any]) -> Bytes:
    """JSON of these keys."""
    found = st.fixed_dictionaries({}, optional=_values(known)) | documents
    return found.map(lambda value: json.dumps(value).encode())


def _values(known: Mapping[str, Any]) -> dict[str, st.SearchStrategy[Any]]:
    return {
        key: st.one_of(
            documents,
            st.fixed_dictionaries({}, optional=_values(value))
            if isinstance(value, Mapping)
            else st.lists(value | leaves, max_size=4) | value
            if value is not None
            else leaves,
        )
        for key, value in known.items()
    }


def _specification() -> dict[str, Any]:
    from zoodiff.preprocessing.spec import Preprocessing

    words = st.sampled_from(
        (
            *("short_side", "squash", "central_square", "bilinear", "nearest", "area", "pillow"),
            *("opencv", "torchvision", "RGB", "BGR", "NCHW", "yes"),
        )
    )
    return {one.name: words | st.integers(-1, 400) for one in fields(Preprocessing)}


def _study() -> dict[str, Any]:
    from zoodiff.study.config import AccuracyTable, LatencyTable, Study

    names = st.sampled_from(["torchvision", "resnet18", "torchvision:alexnet", "all", "a:b@c"])
    inner = {"accuracy": AccuracyTable, "latency": LatencyTable, "architecture": AccuracyTable}
    found: dict[str, Any] = {key: names for key in Study.model_fields if key not in inner}
    return found | {k: dict.fromkeys(table.model_fields, names) for k, table in inner.items()}


def _claims() -> dict[str, Any]:
    from zoodiff.claims.selection import OPTIONS

    names = st.sampled_from(["torchvision", "keras", "slim", "2022-03-31", "best", "any", "zoos"])
    inner = dict.fromkeys(("top", "first", "name", "zoos", "as_of"), names)
    found: dict[str, Any] = dict.fromkeys(OPTIONS, names)
    found |= dict.fromkeys(("reasons", "published", "alternatives"), inner)
    return found | {"notes": names}


def graphs() -> Bytes:
    """ONNX files of operators in a row, with attributes and weights that need not fit."""
    import numpy as np
    from onnx import TensorProto, defs, helper, numpy_helper

    operators = sorted({one.name for one in defs.get_all_schemas() if not one.domain})
    known = sorted({a for one in defs.get_all_schemas() if not one.domain for a in one.attributes})
    extents = st.lists(st.integers(-2, 9), max_size=5)
    values = st.one_of(extents, st.integers(-(2**63), 2**63 - 1), st.floats(width=32))
    names = ["x", "w0", "w1", "w2", "", "v0", "v1", "v2"]

    @st.composite
    def made(draw: Callable[..., Any]) -> bytes:
        nodes, held = [], []
        for place in range(draw(st.integers(1, 4))):
            settings = draw(
                st.dictionaries(st.sampled_from(known), values | st.text(max_size=5), max_size=3)
            )
            given = draw(st.lists(st.sampled_from(names), max_size=5))
            nodes.append(helper.make_node(draw(st.sampled_from(operators)), given, [f"v{place}"]))
            for key, value in settings.items():
                if value != []:
                    nodes[-1].attribute.append(helper.make_attribute(key, value))
        for place in range(3):
            shape = [abs(n) % 5 for n in draw(extents)]
            array = np.full(shape, draw(st.integers(-3, 3)), draw(st.sampled_from("filB")).lower())
            held.append(numpy_helper.from_array(array, f"w{place}"))
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, draw(extents))],
            [helper.make_tensor_value_info(f"v{len(nodes) - 1}", TensorProto.FLOAT, None)],
            held,
        )
        opset = helper.make_opsetid("", draw(st.integers(1, defs.onnx_opset_version())))
        return bytes(helper.make_model(graph, opset_imports=[opset]).SerializeToString())

    return made()


SHAPES: dict[str, Callable[[], Bytes]] = {
    "study": lambda: tables(_study()),
    "sidecar": lambda: tables(
        {"architecture": None, "labels": None, "preprocessing": _specification()}
    ),
    "specification": lambda: objects(_specification()),
    "timm": lambda: objects(
        dict.fromkeys(
            ("input_size", "mean", "std", "crop_pct", "crop_mode", "interpolation"),
            st.integers(0, 300) | st.floats(0, 2),
        )
    ),
    "claims": lambda: objects(_claims()),
    "array_reference": lambda: objects({"$array": st.text(max_size=9)}),
    "onnx": functools.cache(graphs),
    "reference": lambda: st.text().map(lambda text: text.encode(errors="surrogatepass")),
    "labels": lambda: st.text().map(lambda text: text.encode(errors="surrogatepass")),
    "class_folders": lambda: st.text(max_size=9).map(lambda text: text.encode(errors="replace")),
}
"""By the name of the target."""
