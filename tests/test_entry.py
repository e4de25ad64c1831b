import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoodiff.entry import ModelRef, did_you_mean, suggest
from zoodiff.errors import UsageError

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,12}", fullmatch=True)


@given(names, names, st.none() | names)
def test_a_reference_survives_its_text(zoo: str, model: str, weights: str | None) -> None:
    ref = ModelRef(zoo, model, weights)
    assert ModelRef.parse(str(ref)) == ref


def test_a_models_name_may_hold_a_slash() -> None:
    assert ModelRef.parse("tfmg:slim/vgg_16@x").model == "slim/vgg_16"


@pytest.mark.parametrize("text", ["resnet50", "", ":x", "zoo:", "zoo:a b", "zoo:a@", "zoo:a@b@c"])
def test_what_is_no_reference_says_how_to_write_one(text: str) -> None:
    with pytest.raises(UsageError, match="write zoo:model or zoo:model@weights"):
        ModelRef.parse(text)


@given(st.text(max_size=20))
def test_any_text_is_a_reference_or_a_usage_error(text: str) -> None:
    try:
        assert str(ModelRef.parse(text)) == text.strip()
    except UsageError as error:
        assert text in error.args[0]


def test_suggestions_keep_case_and_know_sizes() -> None:
    keras = ["ResNet50", "ResNet50V2", "ResNet101", "VGG16"]
    assert suggest("resnet5", keras) == ["ResNet50", "ResNet50V2"]
    assert suggest("resnet5000", keras)[0] == "ResNet50"
    assert suggest("vgg", keras) == ["VGG16"]
    assert suggest("zzzz", keras) == []


@given(st.lists(names, max_size=8), names)
def test_suggestions_are_among_the_candidates(candidates: list[str], name: str) -> None:
    found = suggest(name, candidates)
    assert set(found) <= set(candidates)
    assert len(found) <= 3


def test_no_suggestion_is_no_sentence() -> None:
    assert did_you_mean("zzzz", ["resnet50"]) == ""
