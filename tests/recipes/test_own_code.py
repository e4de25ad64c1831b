"""The zoos' own code in their workers, on some of the awkward images."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from support import awkward
from zoodiff.claims.recipes import recipe_claims
from zoodiff.recipes import cache
from zoodiff.recipes.audit import Audit, audit
from zoodiff.recipes.by_name import findings_of, of_name
from zoodiff.recipes.claimed import of_installed
from zoodiff.recipes.images import AuditImage, audit_images
from zoodiff.recipes.options import AuditOptions
from zoodiff.workers import environments
from zoodiff.zoos import registry
from zoodiff.zoos.hf.catalogue import ZOO

NAMES = ("30x31.png", "223x225.png", "341x257.jpg", "cmyk.jpg", "rotated.jpg")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of this test's own."""
    monkeypatch.setattr(cache, "_folder", lambda: tmp_path / "recipes")


def some_images() -> tuple[AuditImage, ...]:
    return tuple(AuditImage(name, awkward.awkward()[name]) for name in NAMES)


def audited(name: str, *zoos: str) -> Audit:
    by_name = {name: registry.by_architecture(zoos)[name]}
    return audit(by_name, AuditOptions(some_images(), jobs=1))


def assert_as_specified(result: Audit) -> None:
    assert result.failures == {}
    assert result.checks
    for check in result.checks.values():
        assert check.agrees
        assert check.failed == {}
        assert check.difference is not None
        assert check.difference.max_levels == 0


@pytest.mark.torch
def test_torchvision_and_timm_are_as_specified_and_one_recipe_of_both_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if find_spec("timm") is None:
        pytest.skip("timm is not there")
    result = audited("resnet18", "torchvision", "timm")
    assert_as_specified(result)
    same = {
        (first.zoo, second.zoo) for (first, second), p in result.pairs.items() if p.attribution.same
    }
    assert ("torchvision", "timm") in same or ("timm", "torchvision") in same
    for pair in result.pairs.values():
        assert pair.attribution.same or pair.attribution.causes

    # A second audit reads everything from the cache, and starts no worker.
    def no_worker(*arguments: object, **more: object) -> None:
        raise AssertionError("a worker is started")

    monkeypatch.setattr("zoodiff.engines.pool.WorkerClient", no_worker)
    again = audited("resnet18", "torchvision", "timm")
    assert (again.checks, again.pairs) == (result.checks, result.pairs)


@pytest.mark.keras
def test_keras_is_as_specified_and_compared_in_what_it_states() -> None:
    result = audited("densenet121", "keras", "onnx")
    assert_as_specified(result)
    (check,) = result.checks
    assert check.takes == "pixels"
    for pair in result.pairs.values():
        assert "interpolation" in pair.unstated or "library" in pair.unstated


@pytest.mark.tfmg
@pytest.mark.skipif(
    environments.interpreter("tfmg") is None, reason="the environment tfmg is not there"
)
def test_model_garden_and_slim_are_as_specified() -> None:
    result = audited("resnet50", "tfmg")
    assert_as_specified(result)
    steps = {
        step
        for pair in result.pairs.values()
        for cause in pair.attribution.causes
        for step in cause.steps
    }
    assert steps == {"interpolation", "order of resize and crop", "std"}


@pytest.mark.keras
@pytest.mark.skipif(
    environments.interpreter("kecam") is None, reason="the environment kecam is not there"
)
@pytest.mark.parametrize("name", ["resnet50d", "mixer_b16", "mobilevit_s", "maxvit_base_tf"])
def test_keras_cv_attention_models_are_as_specified(name: str) -> None:
    assert_as_specified(audited(name, "kecam"))


def test_a_zoo_whose_package_is_missing_is_a_failure_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = environments.interpreter_for

    def missing(spec: object) -> object:
        from zoodiff.errors import MissingFrameworkError

        if getattr(spec, "name", "") == "onnx":
            raise MissingFrameworkError("onnx is not there")
        return real(spec)  # type: ignore[arg-type]

    monkeypatch.setattr("zoodiff.workers.environments.interpreter_for", missing)
    result = audited("resnet50", "onnx")
    assert result.failures == {"onnx": "onnx is not there"}
    assert all(not recipe.has_code for recipe in result.published.names["resnet50"])


def test_there_are_45_awkward_images_with_other_content() -> None:
    images = audit_images()
    assert len(images) == 45
    assert len({image.sha256 for image in images}) == 45


@pytest.mark.torch
def test_slow_and_fast_image_processors_are_as_specified_and_differ_by_the_library() -> None:
    if find_spec("transformers") is None:
        pytest.skip("transformers is not there")
    result = audited("vitforimageclassification", "hf")
    assert result.failures == {}
    assert {recipe.processor: check.agrees for recipe, check in result.checks.items()} == {
        "slow": True,
        "fast": True,
    }
    (pair,) = result.pairs.values()
    assert pair.explained
    assert [cause.name for cause in pair.attribution.causes] == ["library"]
    assert pair.attribution.whole is not None
    assert 0 < pair.attribution.whole.max_levels < 1.01


@pytest.mark.torch
def test_steps_that_no_specification_knows_are_compared_without_a_cause() -> None:
    if find_spec("transformers") is None:
        pytest.skip("transformers is not there")
    result = audited("textnetbackbone", "hf")
    assert result.failures == {}
    assert result.checks == {}
    (pair,) = result.pairs.values()
    assert not pair.explained
    assert pair.attribution.causes == ()
    assert pair.attribution.whole is not None
    assert pair.attribution.whole.max_levels > 0
    by_letter = {r.letter: r.own_code for r in of_name("textnetbackbone", result).recipes}
    assert by_letter == {"A": "code only", "B": "code only"}
    assert findings_of(result) == []


@pytest.mark.torch
def test_a_checkpoint_that_is_not_here_is_no_failure_and_says_what_gets_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if find_spec("transformers") is None:
        pytest.skip("transformers is not there")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    result = audited("resnet18", "hf")
    assert result.failures == {}
    ((reference, reason),) = result.published.absent.items()
    assert reference == "hf:microsoft/resnet-18@main"
    assert reason.endswith("get it with: hf download microsoft/resnet-18")
    assert result.published.unpublished == {"resnet18": 0}


@pytest.mark.torch
def test_a_checkpoint_in_the_cache_is_audited_by_its_own_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if find_spec("transformers") is None:
        pytest.skip("transformers is not there")
    commit = "0123456789" * 4
    repository = tmp_path / "models--microsoft--resnet-18"
    snapshot = repository / "snapshots" / commit
    (repository / "refs").mkdir(parents=True)
    snapshot.mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    config = {"architectures": ["ResNetForImageClassification"], "model_type": "resnet"}
    (snapshot / "config.json").write_text(json.dumps(config))
    (snapshot / "model.safetensors").write_bytes(b"not read for a recipe")
    own = {"image_processor_type": "ConvNextImageProcessor", "size": 224, "resample": 2}
    (snapshot / "preprocessor_config.json").write_text(json.dumps(own))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    result = audited("resnet18", "hf")
    assert result.failures == {}
    assert result.published.absent == {}
    assert {r.processor: r.spec.interpolation for r in result.checks} == {
        "slow": "bilinear",
        "fast": "bilinear",
    }
    assert all(check.agrees for check in result.checks.values())
    (entries, _) = result.published.names["resnet18"].values()
    assert entries == [f"hf:microsoft/resnet-18@{commit}"]


@pytest.mark.torch
def test_defaults_of_a_class_are_held_against_collected_ones_of_the_same_version() -> None:
    if find_spec("transformers") is None:
        pytest.skip("transformers is not there")
    claims = [claim for claim in recipe_claims() if claim.zoo == "transformers"]
    for version, kept in (("5.24.0", 78), ("4.57.1", 83), ("5.0.0", 0)):
        assert len(of_installed(claims, {"transformers": version})) == kept
    result = audited("efficientnetforimageclassification", "hf")
    if cache.versions_of([ZOO.worker])["transformers"] != "5.24.0":
        pytest.skip("another version of transformers than that of the collected recipes")
    # its processor divides by the std twice for classifiers, which its values do not say
    sentences = [finding.sentence for finding in findings_of(result)]
    reference = "hf:EfficientNetForImageClassification@random"
    assert sorted(sentences) == [
        f"{reference} ({speed}): std is collected as 0.5 0.5 0.5, the installed code does "
        "0.25 0.25 0.25"
        for speed in ("fast", "slow")
    ]
