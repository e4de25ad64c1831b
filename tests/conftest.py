"""Fixtures for all tests: a zoo that needs no framework, and the shared test material."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from zoodiff.zoos import registry
from zoodiff.zoos.base import Model, Weights

REPOSITORY = Path(__file__).resolve().parents[1]

# On a busy machine a slow example says nothing about the code.
settings.register_profile(
    "zoodiff", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("zoodiff")


class FakeZoo:
    """A zoo whose backend is ``fake_backend.py`` beside this file; it imports numpy only."""

    title = "a zoo for tests"
    distributions = ("numpy",)
    extra = None
    environment = None
    backend = "fake_backend:make"
    listed = True

    def __init__(self, name: str = "fake") -> None:
        self.name = name

    def models(self) -> list[Model]:
        return [
            Model(
                name,
                architecture,
                weights=(Weights("w1", default=True, parameters=parameters),),
                input_shape=(3, 8, 8),
            )
            for name, architecture, parameters in (
                ("small", "small_net", 12),
                ("wide", "wide_net", 24),
                ("crashes", "crash_net", None),
                ("hangs", "hang_net", None),
                ("eats", "eat_net", None),
                ("refuses", "refuse_net", None),
                ("raises", "raise_net", None),
                ("lies", "lie_net", None),
            )
        ]


@pytest.fixture
def fake_zoo(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeZoo]:
    """Two fake zoos and nothing else, with the backend importable in workers."""
    zoo, other = FakeZoo("fake"), FakeZoo("other")
    registry.models.cache_clear()
    monkeypatch.setattr(registry, "zoos", lambda: {"fake": zoo, "other": other})
    # Workers drop the user's PYTHONPATH; the fake backend is put back for them alone.
    from zoodiff.workers import process

    original = process.worker_environment

    def with_fakes(*args: object, **kwargs: object) -> dict[str, str]:
        inner = original(*args, **kwargs)  # type: ignore[arg-type]
        inner["PYTHONPATH"] = str(REPOSITORY / "tests" / "fakes")
        return inner

    monkeypatch.setattr(process, "worker_environment", with_fakes)
    yield zoo
    registry.models.cache_clear()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared test material; skips the test where it is absent."""
    folder = Path(os.environ.get("ZOODIFF_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"the shared test material is not at {folder}")
    return folder
