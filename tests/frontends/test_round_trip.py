"""Networks exported to ONNX by their own framework and read back: the same architecture.

Exporters fold batch norms and write constants of preprocessing as weights; that must come out as
"same up to". Weights are random, but biases and statistics are not zero: exporters drop zeros.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("onnx")

UP_TO = {"ARC112", "ARC143", "ARC152"}
"""What exporters really change: they fold norms, drop unused heads, write constants as weights."""

SHORT_TORCH = ("resnet18", "mobilenet_v3_small", "squeezenet1_1", "shufflenet_v2_x0_5", "vit_b_32")
SHORT_KERAS = ("MobileNetV2", "DenseNet121")
BROKEN_KERAS = {f"ConvNeXt{size}" for size in ("Base", "Large", "Small", "Tiny", "XLarge")}
"""Keras's exporter leaves calls of TensorFlow functions in these files, with the convolutions."""

TORCH = """
import gc, logging, sys, warnings
from pathlib import Path
warnings.filterwarnings("ignore"); logging.disable(logging.WARNING)
import torch
from zoodiff.torch_compat import import_torchvision
from zoodiff.frontends.torch.export import to_graph
torchvision = import_torchvision()
folder = Path(sys.argv[1])
for name in sys.argv[2:]:
    more = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    module = torchvision.models.get_model(name, weights=None, **more).eval()
    size = {"inception_v3": 299, "vit_h_14": 224}.get(name, 224)
    seed = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            if tensor.dim() <= 3 and tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=seed) * 0.5 + 0.5)
    (folder / f"{name}.json").write_text(to_graph(module, (1, 3, size, size), name).to_json())
    torch.onnx.export(module, (torch.zeros(1, 3, size, size),), folder / f"{name}.onnx",
                      dynamo=True, external_data=True, verbose=False)
    from zoodiff.frontends.onnx.file import graph_from_file
    back = graph_from_file(folder / f"{name}.onnx", name)
    (folder / f"{name}.back.json").write_text(back.to_json())
    for path in folder.glob(f"{name}.onnx*"):
        path.unlink()
    del module; gc.collect()
"""

KERAS = """
import logging, os, sys
from pathlib import Path
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"; logging.disable(logging.WARNING)
import keras, numpy
from zoodiff.frontends.keras.functional import to_graph
from zoodiff.frontends.onnx.file import graph_from_file
from zoodiff.zoos.registry import find_model
folder = Path(sys.argv[1])
for name in sys.argv[2:]:
    keras.utils.clear_session()
    channels, height, width = find_model("keras", name).input_shape
    model = getattr(keras.applications, name)(weights=None, input_shape=(height, width, channels))
    random = numpy.random.default_rng(0)
    for variable in model.weights:
        if len(variable.shape) <= 1:
            variable.assign(random.uniform(0.5, 1.0, variable.shape))
    (folder / f"{name}.json").write_text(to_graph(model).to_json())
    shape = keras.InputSpec(shape=(1, height, width, channels), dtype="float32", name="image")
    model.export(folder / f"{name}.onnx", format="onnx", verbose=False, input_signature=[shape])
    back = graph_from_file(folder / f"{name}.onnx", name)
    (folder / f"{name}.back.json").write_text(back.to_json())
    (folder / f"{name}.onnx").unlink()
"""


def exported(script: str, names: list[str], folder: Path) -> None:
    """Export in a process of its own: frameworks share none."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(folder), *names],
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def check(name: str, folder: Path) -> None:
    from zoodiff.architecture.diff import diff
    from zoodiff.graph.ir import Graph

    graphs = [
        Graph.from_json((folder / f"{name}{suffix}.json").read_text()) for suffix in ("", ".back")
    ]
    found = diff(*graphs, name, "exported")
    said = [f"{f.code} {f.count}: {f.left} | {f.right}" for f in found.findings]
    assert found.sameness != "different", said
    assert set(found.up_to) <= UP_TO, said
    assert len(found.alignment.pairs) == found.a.layers == found.b.layers


@pytest.fixture(scope="module")
def short_torch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of some networks, exported by one process: a framework takes long to start."""
    pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    folder = tmp_path_factory.mktemp("torch")
    exported(TORCH, list(SHORT_TORCH), folder)
    return folder


@pytest.fixture(scope="module")
def short_keras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("keras")
    pytest.importorskip("tf2onnx")
    folder = tmp_path_factory.mktemp("keras")
    exported(KERAS, list(SHORT_KERAS), folder)
    return folder


@pytest.mark.torch
@pytest.mark.parametrize("name", SHORT_TORCH)
def test_a_torchvision_network_comes_back(name: str, short_torch: Path) -> None:
    check(name, short_torch)


@pytest.mark.keras
@pytest.mark.parametrize("name", SHORT_KERAS)
def test_a_keras_network_comes_back(name: str, short_keras: Path) -> None:
    check(name, short_keras)


def _models(zoo: str) -> list[str]:
    from zoodiff.zoos import registry

    return [model.name for model in registry.find_zoo(zoo).models()]


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("name", _models("torchvision"))
def test_every_torchvision_network_comes_back(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    exported(TORCH, [name], tmp_path)
    check(name, tmp_path)


@pytest.mark.slow
@pytest.mark.keras
@pytest.mark.parametrize("name", sorted(set(_models("keras")) - BROKEN_KERAS))
def test_every_keras_network_comes_back(name: str, tmp_path: Path) -> None:
    pytest.importorskip("tf2onnx")
    exported(KERAS, [name], tmp_path)
    check(name, tmp_path)
