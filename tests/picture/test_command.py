"""``zoodiff diff`` with its options for pictures, and the picture of networks that were run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import zoodiff
from zoodiff.cli.app import app
from zoodiff.errors import UsageError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.onnx
PAIRS = Path(__file__).resolve().parents[3] / "shared" / "pairs"


def network(path: Path, *, pads: int = 1, changed: float = 0.0) -> Path:
    """Convolution, activation, convolution, mean over the map."""
    r = np.random.default_rng(0)
    values = {
        "w1": r.standard_normal((4, 3, 3, 3)) / 5,
        "w2": r.standard_normal((4, 4, 3, 3)) / 5 + changed,
    }
    weights = [onnx.numpy_helper.from_array(v.astype(np.float32), k) for k, v in values.items()]
    make, info = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    nodes = [
        make("Conv", ["x", "w1"], ["a"], "stem.conv", kernel_shape=[3, 3], pads=[1] * 4),
        make("Relu", ["a"], ["b"], "stem.relu"),
        make("Conv", ["b", "w2"], ["c"], "head.conv", kernel_shape=[3, 3], pads=[pads] * 4),
        make("GlobalAveragePool", ["c"], ["y"], "head.pool"),
    ]
    ends = [[info("x", 1, [1, 3, 8, 8])], [info("y", 1, [1, 4, 1, 1])]]
    graph = onnx.helper.make_graph(nodes, "g", *ends, weights)
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    folder = tmp_path_factory.mktemp("networks")
    return (
        str(network(folder / "a.onnx")),
        str(network(folder / "weights.onnx", changed=0.01)),
        str(network(folder / "pads.onnx", pads=0)),
    )


def test_every_option_writes_its_files(files: tuple[str, str, str], tmp_path: Path) -> None:
    words = ["diff", files[0], files[2]]
    for option in ("html", "svg", "png"):
        words += [f"--{option}", str(tmp_path / f"picture.{option}")]
    words += ["--model-explorer", str(tmp_path / "explorer"), "--netron", str(tmp_path / "netron")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    written = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    explorer = ["a", "b", "mapping", *(f"{k}_{s}" for k in ("findings", "outputs") for s in "ab")]
    assert written == {
        *("picture.html", "picture.svg", "picture.png", "netron/a.onnx", "netron/b.onnx"),
        *(f"explorer/{name}.json" for name in explorer),
    }
    text = " ".join(done.output.split())
    assert all(Path(name).name in text for name in written)
    outputs = json.loads((tmp_path / "explorer" / "outputs_a.json").read_text())["A"]["results"]
    assert outputs["layer 0"]["value"] == outputs["layer 1"]["value"] == 0


def test_outputs_part_where_weights_differ(files: tuple[str, str, str]) -> None:
    report = zoodiff.diff(files[0], files[1], layer_outputs=True)
    assert report.layers is not None and report.layers.reason == ""
    scene = report.picture.scene
    assert scene.parting is not None
    row = scene.rows[scene.parting]
    assert row.a is not None and row.a.name == "head.conv"
    assert row.level == "weights"
    assert row.weights is not None and row.weights.sameness == "differ"
    assert [scene.relations[k] for k in row.relations]
    before = [r.deviation for r in scene.rows[: scene.parting] if r.row.kind == "layer"]
    assert before == [0.0, 0.0]


def test_layers_are_compared_only_where_it_is_asked_for(files: tuple[str, str, str]) -> None:
    assert zoodiff.diff(*files[:2]).layers is None
    graphs = zoodiff.diff(*files[:2], graph_only=True, layer_outputs=True)
    assert graphs.layers is None
    assert graphs.picture.scene.parting is None


def test_preprocessing_has_no_picture(files: tuple[str, str, str], tmp_path: Path) -> None:
    words = ["diff", *files[:2], "--preprocessing", "--svg", str(tmp_path / "a.svg")]
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, UsageError)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not PAIRS.is_dir(), reason="the labelled pairs are not here")
@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("gelu_tanh", "Gelu_6"),
        ("pool_include_pad", "AveragePool_3"),
        ("qkv_layout", "MatMul_4[0:16]"),
        ("se_placement", "GlobalAveragePool_6"),
        ("flatten_order_SAME", None),
        ("qkv_layout_permuted_SAME", None),
    ],
)
def test_the_line_of_labelled_pairs(name: str, begins: str | None) -> None:
    """Of equal functions there is none, though their layers differ inside."""
    files = [str(PAIRS / f"{name}_{side}.onnx") for side in "ab"]
    scene = zoodiff.diff(*files, layer_outputs=True).picture.scene
    row = None if scene.parting is None else scene.rows[scene.parting].a
    assert (row and row.name) == begins


def test_a_picture_shows_two_networks(files: tuple[str, str, str], tmp_path: Path) -> None:
    words = ["diff", files[0], "torchvision:resnet50@*", "--svg", str(tmp_path / "a.svg")]
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, UsageError)
    assert "two networks" in str(done.exception)
