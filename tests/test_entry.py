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


SPELLED = ("ResNet50", "resnet-50", "resnet_50", "RESNET 50", "ResNet.50")


@pytest.mark.parametrize("name", SPELLED)
def test_names_are_spelled_in_any_way_that_means_one(name: str) -> None:
    """Of architectures, models, zoos and weights, in every place that takes them."""
    from zoodiff.api.claimed.claims_report import ClaimsRequest, select_claims
    from zoodiff.study.adhoc import study_of
    from zoodiff.study.config import parse
    from zoodiff.study.plan import plan
    from zoodiff.zoos import registry

    assert study_of([name], latency=False, threads=1, rounds=15).study.architecture is not None
    chosen = study_of([name], latency=False, threads=1, rounds=15).study.architecture
    assert chosen is not None and chosen.architectures == ["resnet50"]
    about = {claim.architecture for claim in select_claims(ClaimsRequest(architecture=name)).claims}
    assert about == {"resnet50"}
    text = (
        f'name = "s"\ntitle = "t"\n[architecture]\narchitectures = ["{name}"]\nzoos = ["Keras"]\n'
    )
    planned = plan(parse(text)).tasks
    assert [str(one) for task in planned for one in task.entries] != []
    assert {task.entries[0].model.name for task in planned} == {"ResNet50"}
    if " " not in name:
        entry = registry.resolve(f"TorchVision:{name}@imagenet1k-v1")
        assert str(entry.ref) == "torchvision:resnet50@IMAGENET1K_V1"


def test_a_name_that_may_mean_two_is_not_guessed() -> None:
    from zoodiff.entry import meant

    assert meant("vgg-16", ["VGG16", "vgg_16"]) is None
    assert meant("vgg_16", ["VGG16", "vgg_16"]) == "vgg_16"


def test_list_takes_any_spelling() -> None:
    from zoodiff.api.entries import list_entries

    assert "resnet50" in list_entries("ResNet-50", zoos=["TorchVision"])
    assert list_entries("resnet50") == list_entries("resnet_50")
