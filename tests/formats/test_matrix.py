"""Formats, exporters and precisions: each file is read, or refused with what to do instead."""

from __future__ import annotations

from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from support.formats import keras_networks, torch_networks
from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.comparison import Comparison, compare
from zoodiff.errors import ZoodiffError
from zoodiff.workers import permissions
from zoodiff.zoos import registry

pytestmark = [pytest.mark.torch, pytest.mark.keras, pytest.mark.onnx, pytest.mark.tflite]

_NETWORKS = ("convolutional", "attention")
_QUICK = {
    ("convolutional", "static QDQ tensor unsigned"),
    ("convolutional", "static QOperator channel signed"),
    ("convolutional", "dynamic tensor"),
    ("convolutional", "half"),
    ("attention", "static QDQ tensor signed"),
    ("attention", "optimised basic"),
    ("convolutional", "pickle module"),
    ("convolutional", "safetensors"),
}
"""Cells of the usual tests; the rest is marked slow."""


def _cells(ways: Any) -> list[Any]:
    cells = []
    for net, way in product(_NETWORKS, ways):
        marks = [] if (net, way) in _QUICK else [pytest.mark.slow]
        cells.append(pytest.param(net, way, marks=marks))
    return cells


@pytest.fixture(scope="module")
def torch_files(tmp_path_factory: pytest.TempPathFactory) -> Any:
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    modules = torch_networks.networks()

    @cache
    def of(net: str) -> torch_networks.TorchFiles:
        return torch_networks.TorchFiles(modules[net], tmp_path_factory.mktemp(net))

    return of


@pytest.fixture(scope="module")
def keras_files(tmp_path_factory: pytest.TempPathFactory) -> Any:
    pytest.importorskip("keras")
    pytest.importorskip("tensorflow")
    models = keras_networks.networks()

    @cache
    def of(net: str) -> keras_networks.KerasFiles:
        return keras_networks.KerasFiles(models[net], tmp_path_factory.mktemp(net))

    return of


def _compared(engine: WorkerPool, a: Path, b: Path) -> Comparison:
    entries = [registry.resolve(f"{path}?size=32") for path in (a, b)]
    if b.suffix != ".ts":
        return compare(engine, entries[0], entries[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOODIFF_HOME", str(b.parent / "home"))
        permissions.allow(b)
        with WorkerPool() as allowed:  # workers learn what is allowed when they start
            return compare(allowed, entries[0], entries[1])


def _same(found: Comparison) -> None:
    assert found.answer.relation == "same function", found.answer.sentence


def _rounded(found: Comparison) -> None:
    """Nothing but precision differs, and the weights are those of the original."""
    assert found.answer.relation == "same network, other precision", found.answer.sentence
    of_function = {f.code for f in found.diff.findings if f.effect == "function"}
    assert of_function.isdisjoint(found.answer.because)
    assert found.weights is not None
    assert found.weights.sameness in {
        "equal after quantisation",
        "equal after rounding",
        "equal after folding",
    }


@pytest.mark.parametrize(("net", "way"), _cells(torch_networks.SAME))
def test_a_copy_of_pytorchs_network_is_the_same_function(
    engine: WorkerPool, torch_files: Any, net: str, way: str
) -> None:
    files = torch_files(net)
    _same(_compared(engine, files.path("onnx script 17"), files.path(way)))


@pytest.mark.parametrize(("net", "way"), _cells(torch_networks.PRECISION))
def test_a_rounded_copy_of_pytorchs_network_differs_in_precision(
    engine: WorkerPool, torch_files: Any, net: str, way: str
) -> None:
    files = torch_files(net)
    _rounded(_compared(engine, files.path("onnx script 17"), files.path(way)))


@pytest.mark.parametrize(("net", "way"), _cells(torch_networks.REFUSED))
def test_what_is_not_read_of_pytorch_is_refused_with_what_to_do(
    engine: WorkerPool, torch_files: Any, net: str, way: str
) -> None:
    files = torch_files(net)
    with pytest.raises(ZoodiffError, match=torch_networks.REFUSED[way]):
        _compared(engine, files.path("onnx script 17"), files.path(way))


@pytest.mark.parametrize(("net", "way"), _cells(keras_networks.SAME))
def test_a_copy_of_keras_network_is_the_same_function(
    engine: WorkerPool, keras_files: Any, net: str, way: str
) -> None:
    files = keras_files(net)
    _same(_compared(engine, files.path("keras"), files.path(way)))


@pytest.mark.parametrize(("net", "way"), _cells(keras_networks.PRECISION))
def test_a_rounded_copy_of_keras_network_differs_in_precision(
    engine: WorkerPool, keras_files: Any, net: str, way: str
) -> None:
    files = keras_files(net)
    _rounded(_compared(engine, files.path("keras"), files.path(way)))


@pytest.mark.parametrize(("net", "way"), _cells(keras_networks.REFUSED))
def test_what_is_not_read_of_keras_is_refused_with_what_to_do(
    engine: WorkerPool, keras_files: Any, net: str, way: str
) -> None:
    files = keras_files(net)
    with pytest.raises(ZoodiffError, match=keras_networks.REFUSED[way]):
        _compared(engine, files.path("keras"), files.path(way))
