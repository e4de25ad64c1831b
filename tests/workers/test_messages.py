"""What a worker may answer: every type comes back as it was, and nothing else is accepted."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoodiff.errors import WorkerError
from zoodiff.workers import messages
from zoodiff.workers.client import WorkerClient
from zoodiff.workers.inside.handlers import Handlers
from zoodiff.workers.protocol import ProtocolError

LOADED: dict[str, Any] = {
    "seconds": 1.5,
    "weights_state": "random",
    "weights_sha256": None,
    "input_shape": [1, 3, 8, 8],
    "layout": "NCHW",
    "peak_rss_bytes": 10,
    "scope": {"device": "cpu"},
    "stages": {"import": 1.0},
}
REPLIES = [
    kind
    for name, kind in vars(messages).items()
    if dataclasses.is_dataclass(kind) and kind not in messages.METHODS
]


LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=5),
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    type(None): st.none(),
    Any: st.none() | st.booleans() | st.text(max_size=5),
    messages.Array: st.dictionaries(st.text(max_size=5), st.booleans(), max_size=2),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a declared type."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind in LEAVES:
        return LEAVES[kind]
    if dataclasses.is_dataclass(kind):
        return st.builds(kind, **{k: values(v) for k, v in get_type_hints(kind).items()})
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is dict:
        return st.dictionaries(values(inner[0]), values(inner[1]), max_size=2)
    if origin is tuple and inner[-1] is not Ellipsis:
        return st.tuples(*map(values, inner))
    if origin in {list, tuple}:
        return st.lists(values(inner[0]), max_size=2).map(origin)
    return st.one_of(*map(values, inner))


@pytest.mark.parametrize("kind", [*messages.REQUESTS.values(), *REPLIES])
@settings(max_examples=20)
@given(data=st.data())
def test_every_message_comes_back_from_json_as_it_was(kind: type, data: st.DataObject) -> None:
    message = data.draw(values(kind))
    text = json.dumps(messages.encode(message))
    assert messages.decode(kind, json.loads(text)) == message


def test_every_request_has_a_handler_and_every_handler_a_request() -> None:
    handlers = {name.removeprefix("on_") for name in vars(Handlers) if name.startswith("on_")}
    assert handlers == messages.REQUESTS.keys()


@pytest.mark.parametrize(
    "change",
    [
        {"seconds": "1.5"},
        {"seconds": float("nan")},
        {"seconds": float("inf")},
        {"seconds": True},
        {"seconds": None},
        {"weights_state": "stolen"},
        {"weights_state": ["random"]},
        {"weights_sha256": 3},
        {"input_shape": "1388"},
        {"input_shape": [1, 3.0, 8, 8]},
        {"input_shape": [1, 2**70]},
        {"input_shape": [[1]]},
        {"layout": "CHWN"},
        {"peak_rss_bytes": 1.5},
        {"scope": {"device": 3}},
        {"scope": [["device", "cpu"]]},
        {"stages": None},
        {"more": 1},
        {"__class__": "x"},
    ],
    ids=str,
)
def test_a_field_of_another_type_is_refused(change: dict[str, Any]) -> None:
    assert messages.decode(messages.Loaded, LOADED).input_shape == (1, 3, 8, 8)
    with pytest.raises(ProtocolError):
        messages.decode(messages.Loaded, LOADED | change)


def test_a_text_of_a_subclass_is_taken_as_a_text() -> None:
    class Version(str):
        """As torch has one."""

    told = messages.decode(messages.Versions, {"versions": {"torch": Version("2.13.0")}})
    assert type(told.versions["torch"]) is str


@pytest.mark.parametrize("field", LOADED)
def test_a_missing_field_is_refused_by_its_name(field: str) -> None:
    with pytest.raises(ProtocolError, match=field):
        messages.decode(messages.Loaded, {k: v for k, v in LOADED.items() if k != field})


@pytest.mark.parametrize("raw", [None, [], "x", 3, True, {}])
def test_what_is_no_message_is_refused(raw: Any) -> None:
    with pytest.raises(ProtocolError):
        messages.decode(messages.Loaded, raw)


def test_a_hostile_field_name_does_not_flood_the_error() -> None:
    with pytest.raises(ProtocolError) as caught:
        messages.decode(messages.Versions, {"versions": {"a" * 10**6: 3}})
    assert len(str(caught.value)) < 1000


class Answers(WorkerClient):
    """A worker whose process is not there and which gives one answer."""

    answer: Any = None

    def ask(self, method: str, /, **_: Any) -> Any:
        return lambda: self.answer


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (lambda w: w.time(messages.Time("h", 3, 1, 0), doing="d"), {"milliseconds": [1.0]}),
        (lambda w: w.time(messages.Time("h", 1, 1, 0), doing="d"), {"milliseconds": [-1.0]}),
        (lambda w: w.decode([], [], doing="d"), {"pixels": [{}], "failed": {}, "extents": []}),
        (lambda w: w.decode([], [], doing="d"), {"pixels": [], "failed": {"7": ""}, "extents": []}),
        (
            lambda w: w.profile(messages.Profile("p", 1, 1, 0, 1), doing="d"),
            {
                "operators": [{"name": "", "op": "", "outputs": [], "weight": None, "ms": []}],
                "runs_ms": [1.0],
            },
        ),
        (
            lambda w: w.classify(messages.Classify("h", {}, {}, 1), 2, doing="d"),
            {"outputs": {}, "repeated": 3, "changed": 0, "deviation": None},
        ),
        (
            lambda w: w.classify(messages.Classify("h", {}, {}, 1, repeat=1), 2, doing="d"),
            {"outputs": {}, "repeated": 1, "changed": 2, "deviation": None},
        ),
        (lambda w: w.hello("d"), {"versions": []}),
        (lambda w: w.hello("d"), None),
        (lambda w: w.run("h", __import__("numpy").zeros(1), doing="d"), {"outputs": {"$array": 3}}),
    ],
)
def test_an_answer_to_another_question_is_one_error(fake_zoo, ask: Any, answer: Any) -> None:
    with Answers(fake_zoo.worker) as worker:
        worker.answer = answer
        with pytest.raises(WorkerError):
            ask(worker)
