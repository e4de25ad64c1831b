"""Which pairs are refused."""

from __future__ import annotations

import pytest

from zoodiff.errors import UsageError
from zoodiff.latency.conditions import Stated, check, differences

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


def stated(name: str, zoo: str = "torchvision", chosen: str = "", **changes: str) -> Stated:
    aspects = BASE | {key.replace("_", " "): value for key, value in changes.items()}
    return Stated(name, zoo, chosen, aspects)


def test_equal_scopes_are_comparable() -> None:
    check([stated("a"), stated("b")], ())


def test_defaults_of_two_zoos_may_differ() -> None:
    keras = stated("b", "keras", entry_point="tf.function", layout="NHWC", mode="function")
    check([stated("a"), keras], ())


@pytest.mark.parametrize(
    ("aspect", "value"),
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
def test_what_no_zoo_decides_is_refused_by_name(aspect: str, value: str) -> None:
    other = stated("b", "keras", **{aspect.replace(" ", "_"): value})
    with pytest.raises(
        UsageError, match=f'a and b are not comparable: {aspect}.*--allow "{aspect}"'
    ):
        check([stated("a"), other], ())
    check([stated("a"), other], (aspect,))


@pytest.mark.parametrize("aspect", ["layout", "entry point", "binding", "mode"])
def test_within_one_zoo_the_defaults_must_agree_too(aspect: str) -> None:
    other = stated("b", **{aspect.replace(" ", "_"): "another"})
    assert list(differences(stated("a"), other)) == [aspect]


def test_a_chosen_mode_is_a_difference_between_zoos() -> None:
    compiled = stated("a", chosen="compile", mode="compile")
    assert list(differences(compiled, stated("b", "keras", mode="function"))) == ["mode"]


def test_one_call_an_image_matters_for_batches_only() -> None:
    each = "one an image, as the file fixes it"
    assert not differences(stated("a"), stated("b", calls=each))
    both = stated("a", batch="8"), stated("b", batch="8", calls=each)
    assert list(differences(*both)) == ["calls"]


def test_an_unknown_aspect_cannot_be_allowed() -> None:
    with pytest.raises(UsageError, match='nothing called "colour" can be allowed'):
        check([stated("a")], ("colour",))
