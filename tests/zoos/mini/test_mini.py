"""The mini-zoo: real training, real differences, the same answer each time.

Every network is trained in its own worker; the tests see them as a study does.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from zoodiff.engines.pool import WorkerPool, usable
from zoodiff.errors import UnknownNameError
from zoodiff.graph.cost import count
from zoodiff.graph.ir import Graph
from zoodiff.zoos import registry

NAMES = ("mini-torch", "mini-keras", "mini-tfmg", "mini-onnx")
pytestmark = [
    pytest.mark.torch,
    pytest.mark.keras,
    pytest.mark.onnx,
    pytest.mark.tfmg,
    pytest.mark.skipif(not importlib.util.find_spec("sklearn"), reason="needs scikit-learn"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def engine(home: Path):
    """Workers whose cache is empty at first; the environments stay where they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoodiff.workers.paths.cache", lambda: home)
        with WorkerPool() as found:
            yield found


def worker_of(engine: WorkerPool, name: str, **options):
    zoo = registry.find_zoo(name)
    reason = usable(zoo.worker)
    if reason:
        pytest.skip(reason)
    return engine.worker(zoo.worker, **options)


def load(worker, weights: str = "trained", seed: int = 0):
    return worker.call(
        "load",
        doing="loading",
        handle="h",
        model="digits_cnn",
        weights=weights,
        seed=seed,
        threads=1,
    )


def predict(worker, images: np.ndarray) -> np.ndarray:
    answer = worker.call(
        "predict", doing="", handle="h", images=worker.put_array(images), batch=100
    )
    return np.array(worker.get_array(answer["outputs"]))


@pytest.fixture(scope="module")
def outputs(engine: WorkerPool) -> dict[str, np.ndarray]:
    from zoodiff.data import digits

    found = {}
    for name in NAMES:
        worker = worker_of(engine, name)
        loaded = load(worker)
        assert loaded["weights_state"] == "trained"
        assert len(loaded["weights_sha256"]) == 64
        found[name] = predict(worker, digits.load().test.images)
    return found


def top1(scores: np.ndarray) -> float:
    from zoodiff.data import digits

    return float((scores.argmax(axis=1) == digits.load().test.labels).mean())


def test_each_network_has_learnt_its_digits(outputs) -> None:
    for name, scores in outputs.items():
        assert scores.shape == (798, 10)
        assert top1(scores) > 0.9, name


def test_they_do_about_as_well_as_a_linear_model_elsewhere(outputs) -> None:
    """scikit-learn's logistic regression on raw pixels, an independent idea of what is possible."""
    from sklearn.linear_model import LogisticRegression

    from zoodiff.data import digits

    data = digits.load()
    model = LogisticRegression(max_iter=2000).fit(
        data.train.images.reshape(-1, 64), data.train.labels
    )
    linear = model.score(data.test.images.reshape(-1, 64), data.test.labels)
    for name, scores in outputs.items():
        assert abs(top1(scores) - linear) < 0.08, name


def test_they_are_four_different_networks(outputs) -> None:
    answers = [tuple(scores.argmax(axis=1)) for scores in outputs.values()]
    assert len(set(answers)) == 4


def test_softmax_is_inside_keras_and_nowhere_else(outputs) -> None:
    sums = {name: np.abs(scores.sum(axis=1) - 1).max() for name, scores in outputs.items()}
    assert sums["mini-keras"] < 1e-5
    assert all(sums[name] > 1e-2 for name in NAMES if name != "mini-keras")


@pytest.mark.parametrize("name", NAMES)
def test_the_second_load_takes_the_cached_weights(engine, home, outputs, name: str) -> None:
    from zoodiff.data import digits

    files = {p: p.stat().st_mtime_ns for p in (home / "mini").glob("*.npz")}
    assert any(p.name.startswith(name.removeprefix("mini-")) for p in files)
    worker = worker_of(engine, name)
    load(worker)
    again = predict(worker, digits.load().test.images)
    np.testing.assert_array_equal(again, outputs[name])
    assert {p: p.stat().st_mtime_ns for p in (home / "mini").glob("*.npz")} == files


@pytest.mark.parametrize("name", NAMES)
def test_training_again_gives_the_same_predictions(tmp_path, outputs, name: str) -> None:
    from zoodiff.data import digits

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoodiff.workers.paths.cache", lambda: tmp_path)
        with WorkerPool() as fresh:
            worker = worker_of(fresh, name)
            load(worker)
            scores = predict(worker, digits.load().test.images)
    assert (scores.argmax(axis=1) == outputs[name].argmax(axis=1)).all()


def test_another_entrys_preprocessing_costs_accuracy_without_a_message(engine, outputs) -> None:
    """What the paper's users meet: pixels of twice the range give answers, and wrong ones."""
    from zoodiff.data import digits

    worker = worker_of(engine, "mini-keras")
    load(worker)
    doubled = np.minimum(digits.load().test.images.astype(int) * 4, 255).astype(np.uint8)
    assert top1(predict(worker, doubled)) < top1(outputs["mini-keras"]) - 0.05


def test_counts_by_hand(engine) -> None:
    # 3x3x1x16 + 3x3x16x32 convolution weights, 10x32 + 10 in the classifier; two batch norms
    # learn 2 x (16 + 32) and keep as many statistics; Keras has 16 + 32 biases more; the export
    # has folded the batch norms into biases.
    plain = 144 + 4608 + 330
    expected = {
        "mini-torch": (plain + 96, 96, 2),
        "mini-keras": (plain + 96 + 48, 96, 2),
        "mini-tfmg": (plain + 96, 96, 2),
        "mini-onnx": (plain + 48, 0, 0),
    }
    for name, (parameters, statistics, norms) in expected.items():
        answer = worker_of(engine, name, role="describe").call(
            "describe", doing="", model="digits_cnn", weights="trained"
        )
        counts = count(Graph.from_dict(answer["graph"]))
        assert (counts.parameters, counts.statistics) == (parameters, statistics), name
        assert counts.normalisations == norms, name
        # 64 and 16 output positions of the two convolutions, then the classifier
        assert counts.macs == 144 * 64 + 4608 * 16 + 320, name
        facts = answer["facts"]
        assert (facts["parameters"], facts["statistics"]) == (parameters, statistics), name


def test_the_export_computes_what_was_trained(engine, home, outputs) -> None:
    """The folded ONNX file in ONNX Runtime against the PyTorch module it came from."""
    import subprocess
    import sys

    from zoodiff.data import digits

    np.save(home / "images.npy", digits.load().test.images)
    script = f"""
import numpy as np, torch
from pathlib import Path
from zoodiff.zoos.mini import common as mini_common, onnx as mini_onnx, torch as mini_torch
path = next(Path({str(home / "mini")!r}).glob("onnx-*.npz"))
module = mini_torch.load_state(mini_torch.build(), mini_common.read(path))
with torch.inference_mode():
    data = mini_onnx.prepare(np.load({str(home / "images.npy")!r}))
    np.save({str(home / "torch.npy")!r}, module(torch.from_numpy(data)).numpy())
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=600)
    expected = np.load(home / "torch.npy")
    scale = np.abs(expected).max()
    assert np.abs(outputs["mini-onnx"] - expected).max() < 1e-5 * scale


def test_unknown_names_come_with_suggestions(engine) -> None:
    worker = worker_of(engine, "mini-onnx")
    with pytest.raises(UnknownNameError, match="did you mean digits_cnn"):
        worker.call("describe", doing="", model="digits_cn", weights=None)
    with pytest.raises(UnknownNameError, match="there are trained"):
        worker.call("describe", doing="", model="digits_cnn", weights="imagenet")
