"""Fixtures for all tests: a zoo that needs no framework, and the shared test material."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from zoodiff.engines.pool import WorkerPool
from zoodiff.zoos import registry
from zoodiff.zoos.base import Model, Weights, WorkerSpec

REPOSITORY = Path(__file__).resolve().parents[1]

pytest_plugins = ("support.durations", "support.tiers", "support.zoos")

# No tests; the fuzzing programs in it need atheris.
collect_ignore = ["support"]

# On a busy machine a slow example says nothing about the code.
settings.register_profile(
    "zoodiff", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("zoodiff")


@pytest.fixture(autouse=True)
def any_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take from tests the width of the terminal that they are started in."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(autouse=True)
def valid_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check every JSON document that a command prints in this process against its schema."""
    from zoodiff.cli.render import console

    label = console.labelled

    def checked(name: str, value: object) -> object:
        from support import schemas

        document = label(name, value)
        found = schemas.problems(name, json.loads(json.dumps(document, default=str)))
        assert not found, (name, found)
        return document

    monkeypatch.setattr(console, "labelled", checked)


class FakeZoo:
    """A zoo whose backend is ``fake_backend.py`` beside this file; it imports numpy only."""

    title = "a zoo for tests"
    distributions = ("numpy",)
    extra = None
    environment = None
    backend = "fake_backend:make"
    confined = False
    listed = True

    def __init__(self, name: str = "fake") -> None:
        self.name = name

    @property
    def worker(self) -> WorkerSpec:
        return WorkerSpec(
            name=self.name,
            backend=self.backend,
            confined=self.confined,
            distributions=self.distributions,
            extra=self.extra,
            environment=self.environment,
        )

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
    registry._models.cache_clear()
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
    registry._models.cache_clear()


class KeptEngine(WorkerPool):
    """Workers that outlive the ``with`` they were started in: frameworks take seconds to start."""

    def __exit__(self, *_: object) -> None:
        """Nothing; who made it closes it."""

    def second_pool(self) -> WorkerPool:
        """Keep the second network's workers as well."""
        return self


@contextlib.contextmanager
def keeping_workers() -> Iterator[WorkerPool]:
    engine = KeptEngine()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoodiff.engines.pool.WorkerPool", lambda limits=None: engine)
        yield engine
    engine.close()


@pytest.fixture(scope="module")
def kept_workers() -> Iterator[WorkerPool]:
    """The functions of ``zoodiff.api`` share their workers within the module that asks for this."""
    with keeping_workers() as engine:
        yield engine


@pytest.fixture
def fresh_workers(kept_workers: WorkerPool) -> Iterator[WorkerPool]:
    """The same for one test whose workers must start after something that it does itself."""
    with keeping_workers() as engine:
        yield engine


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a real S3 server, moto's, in a process of its own on this machine."""
    pytest.importorskip("s3fs", reason="the remote extra")
    pytest.importorskip("moto.server", reason="the dev extra")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 120
            while True:
                try:
                    with urllib.request.urlopen(address, timeout=5):
                        break
                except OSError:
                    assert process.poll() is None, "the server ended"
                    assert time.monotonic() < end, "the server does not answer"
                    time.sleep(0.1)
            yield address
        finally:
            process.kill()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty bucket."""
    import fsspec

    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    name = f"results-{uuid.uuid4().hex[:12]}"
    fsspec.filesystem("s3").mkdir(name)
    return f"s3://{name}"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared test material; skips the test where it is absent."""
    folder = Path(os.environ.get("ZOODIFF_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"the shared test material is not at {folder}")
    return folder
