"""Networks on a CUDA device, against the CPU and against PyTorch's own timer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoodiff.workers.inside.timing import timed_calls
from zoodiff.workers.process import Worker
from zoodiff.zoos import registry
from zoodiff.zoos.runtime.cuda import OnCuda

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("there is no CUDA device", allow_module_level=True)


def layers(count: int, channels: int) -> Any:
    """Convolutions that keep a device busy for longer than it takes to ask for them."""
    torch.manual_seed(0)
    found = [torch.nn.Conv2d(channels, channels, 3, padding=1) for _ in range(count)]
    return torch.nn.Sequential(*found).eval().to("cuda")


def clocked(module: Any, batch: np.ndarray, calls: int) -> list[float]:
    network = OnCuda(torch, module)
    timed = type("Network", (), {"device_clock": network.clock, "run": None})()
    timed_calls(timed, batch, calls)  # the first ones choose algorithms
    return timed_calls(timed, batch, calls)


def milliseconds(module: Any, given: Any) -> float:
    """Of one inference, by PyTorch's own timer, which waits for the device once at the end."""
    from torch.utils.benchmark import Timer

    names = {"module": module, "given": given, "inference_mode": torch.inference_mode}
    return 1e3 * float(
        Timer("with inference_mode(): module(given)", globals=names).timeit(30).median
    )


def test_the_clock_shows_what_the_timer_of_pytorch_shows() -> None:
    module, batch = layers(20, 128), np.zeros((32, 128, 64, 64), dtype=np.float32)
    own = float(np.median(clocked(module, batch, 30)))
    assert own == pytest.approx(milliseconds(module, torch.from_numpy(batch).to("cuda")), rel=0.1)


def test_the_clock_grows_with_the_work_and_leaves_copies_out() -> None:
    batch = np.zeros((64, 64, 64, 64), dtype=np.float32)
    few, many = (np.median(clocked(layers(n, 64), batch, 20)) for n in (5, 20))
    assert 3 < many / few < 5
    tiny, large = torch.nn.Identity(), np.zeros((256, 3, 224, 224), dtype=np.float32)
    answer = OnCuda(torch, tiny)
    copying = type("Network", (), {"run": lambda self, data: answer(torch.from_numpy(data))})()
    copied = timed_calls(copying, large, 5)
    assert np.median(clocked(tiny, large, 5)) < np.median(copied) / 100


@pytest.mark.parametrize("model", ["resnet18", "mobilenet_v3_small"])
def test_the_device_answers_as_the_cpu_does(model: str) -> None:
    image = np.random.default_rng(0).standard_normal((2, 3, 224, 224), dtype=np.float32)
    answers, scopes = {}, {}
    with Worker(registry.zoos()["torchvision"].worker) as worker:
        for mode in ("eager", "cuda", "cuda-compile"):
            loaded = worker.call(
                "load",
                doing=mode,
                handle=mode,
                model=model,
                weights="random",
                seed=0,
                threads=2,
                mode=mode,
            )
            scopes[mode] = loaded["scope"]
            ran = worker.call("run", doing=mode, handle=mode, image=worker.put_array(image))
            answers[mode] = worker.get_array(ran["outputs"])
    expected = answers.pop("eager")
    for mode, answer in answers.items():
        # TF32 has eleven bits, and is what PyTorch takes for convolutions unless told otherwise.
        assert np.abs(answer - expected).max() < 0.02 * np.ptp(expected), mode
        assert scopes[mode]["device"] == torch.cuda.get_device_name(0)
        assert scopes[mode]["clock"].startswith("the network on the device")


def test_the_command_says_of_a_network_on_the_device_what_the_timer_of_pytorch_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torchvision

    from zoodiff.cli.app import app

    models, batch = ("resnet152", "resnet50"), 32
    entries = [f"torchvision:{model}@random" for model in models]
    effort = ["--batch", str(batch), "--processes", "3", "--seconds", "20"]
    results = ["--json", "--results", str(tmp_path)]
    app(["latency", *entries, "--mode", "cuda", *effort, *results], standalone_mode=False)
    found = json.loads(capsys.readouterr().out)
    given = torch.zeros((batch, 3, 224, 224), device="cuda")
    expected = [
        milliseconds(getattr(torchvision.models, model)().eval().to("cuda"), given)
        for model in models
    ]
    measured = [row["median"]["value"] for row in found["rows"]]
    assert measured == pytest.approx(expected, rel=0.15)
    (pair,) = found["pairs"]
    assert pair["ratio"]["value"] == pytest.approx(expected[0] / expected[1], rel=0.1)
    (why,) = found["why"]
    assert "runs on a CUDA device" in why["parts"]["reason"]
