"""Which pairs are refused."""

from __future__ import annotations

import pytest

from zoodiff.errors import UsageError
from zoodiff.latency.conditions import MeasuredConditions, check, differences

BASE = {
    "batch": "1",
    "threads": "1",
    "pause": "back to back",
    "clock": "the network",
    "calls": "one a batch",
    "precision": "float32",
    "input size": "224 x 224",
    "device": "cpu",
    "entry point": "call",
    "layout": "NCHW",
    "mode": "eager",
    "binding": "numpy",
}


def conditions(
    name: str, zoo: str = "torchvision", chosen: str = "", **changes: str
) -> MeasuredConditions:
    conditions = BASE | {key.replace("_", " "): value for key, value in changes.items()}
    return MeasuredConditions(name, zoo, chosen, conditions)


def test_equal_scopes_are_comparable() -> None:
    check([conditions("a"), conditions("b")], ())


def test_defaults_of_two_zoos_may_differ() -> None:
    keras = conditions("b", "keras", entry_point="tf.function", layout="NHWC", mode="function")
    check([conditions("a"), keras], ())


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("batch", "8"),
        ("threads", "2"),
        ("pause", "10 ms"),
        ("clock", "the network and its preprocessing"),
        ("precision", "int8"),
        ("input size", "299 x 299"),
        ("device", "cuda"),
    ],
)
def test_what_no_zoo_decides_is_refused_by_name(condition: str, value: str) -> None:
    other = conditions("b", "keras", **{condition.replace(" ", "_"): value})
    with pytest.raises(
        UsageError, match=f'a and b are not comparable: {condition}.*--allow "{condition}"'
    ):
        check([conditions("a"), other], ())
    check([conditions("a"), other], (condition,))


@pytest.mark.parametrize("condition", ["layout", "entry point", "binding", "mode"])
def test_within_one_zoo_the_defaults_must_agree_too(condition: str) -> None:
    other = conditions("b", **{condition.replace(" ", "_"): "another"})
    assert list(differences(conditions("a"), other)) == [condition]


def test_a_chosen_mode_is_a_difference_between_zoos() -> None:
    compiled = conditions("a", chosen="compile", mode="compile")
    assert list(differences(compiled, conditions("b", "keras", mode="function"))) == ["mode"]


def test_one_call_an_image_matters_for_batches_only() -> None:
    each = "one an image, as the file fixes it"
    assert not differences(conditions("a"), conditions("b", calls=each))
    both = conditions("a", batch="8"), conditions("b", batch="8", calls=each)
    assert list(differences(*both)) == ["calls"]


def test_an_unknown_aspect_cannot_be_allowed() -> None:
    with pytest.raises(UsageError, match='nothing called "colour" can be allowed'):
        check([conditions("a")], ("colour",))
