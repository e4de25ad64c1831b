"""The zoos' own code in their workers, on some of the awkward images."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from support import awkward
from zoodiff.recipes import cache
from zoodiff.recipes.audit import Audit, audit
from zoodiff.recipes.images import AuditImage, audit_images
from zoodiff.recipes.options import AuditOptions
from zoodiff.workers import environments
from zoodiff.zoos import registry

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
