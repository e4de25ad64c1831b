"""Every backend is found under the name that its worker is started with, without a framework."""

from __future__ import annotations

import importlib

import pytest

from zoodiff.zoos import registry
from zoodiff.zoos.base import WorkerSpec
from zoodiff.zoos.decoding import decoding
from zoodiff.zoos.files import formats

SPECS = [
    *(zoo.worker for zoo in registry.zoos().values()),
    *(one.worker for one in vars(formats).values() if isinstance(one, formats.FileZoo)),
    decoding(["pillow"]),
]


def test_no_zoo_is_broken() -> None:
    assert registry.broken() == {}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_backend_is_found_by_its_name(spec: WorkerSpec) -> None:
    module, _, attribute = spec.backend.partition(":")
    assert callable(getattr(importlib.import_module(module), attribute))
