"""Weights of a file in a torchvision network, and programs of torch.export."""

from __future__ import annotations

import functools
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from zoodiff import api
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import MeasurementError, RefusedError, UnknownNameError, UsageError
from zoodiff.workers import permissions
from zoodiff.zoos import registry
from zoodiff.zoos.checkpoints import read

pytestmark = pytest.mark.torch
IMAGE = np.random.default_rng(0).standard_normal((1, 3, 64, 64)).astype(np.float32)


class Payload:
    """What an untrusted pickle may hold."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


@pytest.fixture(scope="module")
def module():
    from zoodiff.torch_compat import import_torchvision

    torchvision = import_torchvision()
    import torch

    torch.manual_seed(3)
    return torchvision.models.squeezenet1_1(weights=None, num_classes=7).eval()


@pytest.fixture(autouse=True, scope="module")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home without permissions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOODIFF_HOME", str(tmp_path_factory.mktemp("home")))
        yield


Outputs = Callable[[str], np.ndarray]


def outputs_of(engine: WorkerPool, entry: str) -> np.ndarray:
    found = registry.resolve(entry)
    worker = engine.worker(found.worker, "run")
    worker.call(
        "load",
        doing="loading it",
        handle="x",
        model=found.model.name,
        weights=found.weights_name,
        seed=0,
        threads=1,
    )
    answer = worker.call("run", doing="running it", handle="x", image=worker.put_array(IMAGE))
    return np.array(worker.get_array(answer["outputs"]))


@pytest.fixture
def outputs(kept_workers: WorkerPool) -> Outputs:
    """Of an entry, in workers that the tests of this file share, as do their calls of the API."""
    return functools.partial(outputs_of, kept_workers)


def expected(module) -> np.ndarray:
    import torch

    with torch.inference_mode():
        return module(torch.from_numpy(IMAGE)).numpy()


@pytest.mark.parametrize("kind", ["plain", "wrapped", "parallel", "safetensors"])
def test_weights_of_a_file_go_into_the_network(
    module, outputs: Outputs, tmp_path: Path, kind: str
) -> None:
    import torch
    from safetensors.torch import save_file

    state = module.state_dict()
    path = tmp_path / ("a.safetensors" if kind == "safetensors" else "a.pth")
    if kind == "safetensors":
        save_file(state, path)
    elif kind == "wrapped":
        torch.save({"epoch": 3, "state_dict": state, "best_acc1": 70.1}, path)
    elif kind == "parallel":
        torch.save({f"module.{key}": value for key, value in state.items()}, path)
    else:
        torch.save(state, path)
    entry = f"torchvision:squeezenet1_1@{path}"
    np.testing.assert_allclose(outputs(entry), expected(module), rtol=1e-5, atol=1e-6)
    graph = api.describe(entry)
    assert graph.outputs[0].shape == (1, 7)


def test_a_checkpoint_that_does_not_fit_is_one_sentence(
    module, outputs: Outputs, tmp_path: Path
) -> None:
    import torch

    state = dict(module.state_dict())
    torch.save({**state, "extra.weight": torch.zeros(3)}, tmp_path / "extra.pth")
    del state["features.0.bias"]
    torch.save(state, tmp_path / "less.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "none.pth").write_bytes(b"nothing")
    for name, sentence in (
        ("extra.pth", "has no extra.weight"),
        ("less.pth", "lacks 1 tensors, the first features.0.bias"),
        ("list.pth", "holds no state of a module"),
        ("none.pth", "holds more than weights, or is damaged"),
    ):
        with pytest.raises(MeasurementError, match=sentence):
            outputs(f"torchvision:squeezenet1_1@{tmp_path / name}")
    with pytest.raises(UnknownNameError, match="there is no file"):
        registry.resolve(f"torchvision:squeezenet1_1@{tmp_path / 'missing.pth'}")
    with pytest.raises(UsageError, match=r"of torchvision, timm and pytorchcv, not of keras"):
        registry.resolve(f"keras:VGG16@{tmp_path / 'list.pth'}")


def test_a_pickle_that_runs_something_is_not_loaded(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = tmp_path / "bad.pth"
    path.write_bytes(pickle.dumps({"weight": Payload(mark)}))
    with pytest.raises(RefusedError, match=r"SEC101: .* names"):
        read(path)
    assert not mark.exists()


def exported(module, path: Path, size: int = 64) -> Path:
    import torch

    program = torch.export.export(module, (torch.zeros(1, 3, size, size),))
    torch.export.save(program, path)
    return path


def test_a_program_is_described_and_run(module, outputs: Outputs, tmp_path: Path) -> None:
    path = exported(module, tmp_path / "a.pt2")
    np.testing.assert_allclose(outputs(str(path)), expected(module), rtol=1e-5, atol=1e-6)
    found = api.diff(str(path), "torchvision:squeezenet1_1@random")
    assert {one.code for one in found.findings} <= {"ARC141", "ARC151"}
    assert "ARC141" in {one.code for one in found.findings}


@pytest.mark.usefixtures("kept_workers")
def test_a_program_that_carries_a_payload_does_not_run_it(module, tmp_path: Path) -> None:
    import torch

    from zoodiff.zoos.files.torch import only_weights

    path = exported(module, tmp_path / "a.pt2")
    mark, bad = tmp_path / "ran", tmp_path / "bad.pt2"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("sample_inputs/model.pt"):
                data = pickle.dumps(Payload(mark))
            target.writestr(name, data)
    with only_weights(), pytest.raises(Exception):  # noqa: B017 - torch's own kinds
        torch.export.load(bad)
    assert not mark.exists()
    with pytest.raises(MeasurementError, match=r"SEC101: the pickle .*sample_inputs/model\.pt"):
        api.describe(str(bad))
    assert not mark.exists()


@pytest.mark.parametrize("way", ["trace", "script"])
def test_torchscript_is_described_and_run(
    module, outputs: Outputs, fresh_workers: WorkerPool, tmp_path: Path, way: str
) -> None:
    """A worker is told what is allowed when it starts."""
    import torch

    path = tmp_path / "a.pt"
    made = (
        torch.jit.script(module)
        if way == "script"
        else torch.jit.trace(module, torch.zeros(1, 3, 64, 64))
    )
    made.save(path)
    with pytest.raises(RefusedError, match=r"SEC103: .* --allow-code a\.pt \(sha256:"):
        outputs(f"{path}?size=64")
    permissions.allow(path)
    found = outputs_of(fresh_workers, f"{path}?size=64")
    np.testing.assert_allclose(found, expected(module), rtol=1e-5, atol=1e-6)
    found = api.diff(str(path), "torchvision:squeezenet1_1@random")
    assert {one.code for one in found.findings} == {"ARC141"}  # the number of classes


@pytest.mark.usefixtures("fresh_workers")
def test_a_script_of_a_network_is_the_network(tmp_path: Path) -> None:
    import torch

    from zoodiff.torch_compat import import_torchvision

    network = import_torchvision().models.mobilenet_v3_small(weights=None).eval()
    torch.jit.script(network).save(tmp_path / "a.pt")
    permissions.allow(tmp_path / "a.pt")
    found = api.diff(str(tmp_path / "a.pt"), "torchvision:mobilenet_v3_small@random")
    assert found.sameness == "same"


def test_torchscript_that_reaches_for_files_is_not_loaded(
    module, outputs: Outputs, tmp_path: Path
) -> None:
    import torch

    class Reads(torch.nn.Module):
        def forward(self, x):
            return x + torch.from_file("/etc/passwd", False, 4)

    path = tmp_path / "a.pt"
    torch.jit.script(Reads()).save(path)
    with pytest.raises(MeasurementError, match="its code names the operator from_file"):
        outputs(str(path))
    with pytest.raises(MeasurementError, match="its code names the operator from_file"):
        api.describe(str(path))
    torch.jit.script(module).save(path)
    bad = tmp_path / "bad.pt"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("squeezenet.py") or ("/squeezenet/" in name and name.endswith(".py")):
                data = data.replace(b"return ", b"_ = ops.strange.run(x)\n    return ")
            target.writestr(name, data)
    with pytest.raises(MeasurementError, match="operators of strange"):
        outputs(str(bad))
    bad.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises((UsageError, MeasurementError), match="damaged"):
        outputs(str(bad))
