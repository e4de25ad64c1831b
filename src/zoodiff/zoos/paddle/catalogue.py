"""The zoo ``paddle``: the classifiers of ``paddle.vision.models``, in an environment of their own.

The catalogue is ``data/paddle.json``, written by ``tools/refresh_paddle.py`` inside the zoo's
environment; reading it imports no framework. PaddleClas, another project, has more networks; they
are the zoo ``paddleclas``, whose workers run in the same environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from zoodiff.entry import ModelRef, meant
from zoodiff.errors import UnknownNameError
from zoodiff.zoos import catalogues
from zoodiff.zoos.base import Entry, Environment, Model, WorkerSpec

ENVIRONMENT = Environment(
    "paddle",
    # PyYAML and six are what the networks of PaddleClas import; its other requirements, of which
    # some are old versions, are those of its training code.
    requirements=("paddlepaddle==3.3.1", "numpy", "setuptools", "pyyaml", "six"),
    without_dependencies=("paddleclas==2.6.0",),
    constraints="paddle.txt",
    megabytes=880,
)
_WORKER = WorkerSpec(
    name="paddle",
    backend="zoodiff.zoos.paddle.backend:paddle_vision",
    confined=False,  # Paddle starts programs when it is imported; no files are opened
    distributions=("paddlepaddle",),
    environment=ENVIRONMENT,
)
_PADDLECLAS = "paddleclas"


@dataclass(frozen=True)
class PaddleZoo:
    """The catalogue side of ``paddle.vision``."""

    name: str = "paddle"
    title: str = "PaddlePaddle (paddle.vision)"
    worker: WorkerSpec = _WORKER
    listed: bool = True

    def models(self) -> Sequence[Model]:
        """Return all networks of ``paddle.vision.models``, ordered by name."""
        return _models()

    def unlisted(self, reference: ModelRef) -> Entry | None:
        """Return None; raise UnknownNameError for a network that only PaddleClas has."""
        if meant(reference.model, [model.name for model in self.models()]) is not None:
            return None
        from zoodiff.zoos import registry

        name = meant(reference.model, list(registry.models(_PADDLECLAS)))
        if name is not None:
            raise UnknownNameError(
                f"{name} is a network of PaddleClas, which is a zoo of its own: "
                f"{_PADDLECLAS}:{name}"
            )
        return None


@cache
def _models() -> tuple[Model, ...]:
    return tuple(catalogues.model(raw) for raw in catalogues.read("paddle"))


ZOO = PaddleZoo()
