"""Execution modes of the small networks that are trained here: one function, run in other ways."""

import contextlib
import subprocess
import sys

import numpy as np
import pytest

from zoodiff.errors import MeasurementError, UnknownNameError
from zoodiff.workers.inside import timing
from zoodiff.workers.process import Worker
from zoodiff.zoos.mini.catalogue import KERAS, ONNX, TORCH, MiniZoo
from zoodiff.zoos.runtime import modes
from zoodiff.zoos.runtime.cuda import OnCuda


def answers(zoo: MiniZoo, wanted: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Outputs of one image in each mode, which the scope states, with the stages of loading."""
    image = np.random.default_rng(0).standard_normal((1, 1, 8, 8), dtype=np.float32)
    found = {}
    with Worker(zoo.worker) as worker:
        for mode in wanted:
            loaded = worker.call(
                "load",
                doing=f"loading in the mode {mode}",
                handle=mode,
                model="digits_cnn",
                weights="random",
                seed=3,
                threads=1,
                mode=mode,
            )
            assert loaded["scope"]["mode"] == mode
            assert sum(loaded["stages"].values()) == pytest.approx(
                loaded["seconds"], rel=0.05, abs=0.01
            )
            ran = worker.call("run", doing="", handle=mode, image=worker.put_array(image))
            found[mode] = worker.get_array(ran["outputs"])
            answer = worker.call(
                "time", doing="", handle=mode, calls=2, batch=1, seed=0, settle_ms=0.1
            )
            assert len(answer["milliseconds"]) == 2
    return found


def agree(found: dict[str, np.ndarray]) -> None:
    first, *others = found.values()
    assert np.ptp(first) > 0
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-4, atol=1e-5)


@pytest.mark.torch
def test_torch_compiled_gives_what_eager_gives() -> None:
    pytest.importorskip("torch")
    agree(answers(TORCH, modes.TORCH))


@pytest.mark.keras
def test_keras_eager_and_xla_give_what_the_function_gives() -> None:
    pytest.importorskip("keras")
    agree(answers(KERAS, modes.KERAS))


@pytest.mark.onnx
def test_every_optimisation_level_of_onnx_runtime_gives_the_same() -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("torch")
    agree(answers(ONNX, ("all", "extended", "basic", "off")))


@pytest.mark.openvino
@pytest.mark.onnx
@pytest.mark.torch
@pytest.mark.parametrize(("zoo", "own"), [(ONNX, "all"), (TORCH, "eager")], ids=["onnx", "torch"])
def test_openvino_gives_what_the_own_runtime_gives(zoo: MiniZoo, own: str) -> None:
    pytest.importorskip("openvino")
    pytest.importorskip("torch")
    agree(answers(zoo, (own, "openvino")))


@pytest.mark.openvino
def test_openvino_never_imports_what_reports_its_use() -> None:
    pytest.importorskip("openvino")
    code = (
        "import sys\n"
        "from zoodiff.zoos.runtime.openvino_session import import_openvino\n"
        "import_openvino()\n"
        "print([n for n in sys.modules if n.startswith('openvino_telemetry') and sys.modules[n]])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert printed.stdout.split() == ["[]"]


@pytest.mark.openvino
def test_single_precision_is_the_first_mode_of_openvino() -> None:
    pytest.importorskip("openvino")
    openvino_session = pytest.importorskip("zoodiff.zoos.runtime.openvino_session")
    assert openvino_session.precision_of("openvino", "float32") == "float32"
    assert openvino_session.precision_of("openvino-native", "int8") == "int8"
    native = openvino_session.precision_of("openvino-native", "float32")
    assert native in {"float32", "bfloat16", "float16"}


@pytest.mark.torch
def test_without_a_compiler_the_mode_compile_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch = pytest.importorskip("torch")
    from torch._inductor import config, cpp_builder

    monkeypatch.setattr(config.cpp, "cxx", ("no-such-compiler",))
    getattr(cpp_builder.get_cpp_compiler, "cache_clear", lambda: None)()
    with pytest.raises(MeasurementError, match=r"needs a C\+\+ compiler.*install g\+\+"):
        modes.torch_forward(torch.nn.Identity(), modes.COMPILE)


@pytest.mark.torch
def test_without_a_device_the_mode_cuda_says_so() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(MeasurementError, match="the mode cuda needs a CUDA device"):
        modes.torch_forward(torch.nn.Identity(), modes.CUDA)


@pytest.mark.onnx
def test_onnx_runtime_without_cuda_says_so(tmp_path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("ONNX Runtime is built for CUDA")
    from zoodiff.zoos.runtime.onnx_session import Session

    with pytest.raises(MeasurementError, match="no CUDAExecutionProvider here"):
        Session(b"", lambda: None, name="net", threads=1, mode="cuda")


class Recorded:
    """What the clock on a device does, in order, without a device."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.cuda = self

    def Event(self, enable_timing: bool) -> "Recorded":
        assert enable_timing
        return self

    def record(self) -> None:
        self.said.append("event")

    def synchronize(self) -> None:
        self.said.append("wait")

    def elapsed_time(self, end: object) -> float:
        self.said.append("read")
        return 1.5

    def from_numpy(self, batch: np.ndarray) -> "Recorded":
        return self

    def to(self, device: str) -> "Recorded":
        self.said.append(f"copy to {device}")
        return self

    def inference_mode(self) -> contextlib.nullcontext[None]:
        return contextlib.nullcontext()


def test_the_clock_on_a_device_waits_before_it_reads_and_copies_only_once() -> None:
    device, batch = Recorded(), np.zeros((1, 3), dtype=np.float32)
    network = OnCuda(device, lambda given: device.said.append("network"))
    timed = type("Network", (), {"device_clock": network.clock, "run": None})()
    assert timing.timed_calls(timed, batch, 2) == [1.5, 1.5]
    once = ["wait", "event", "network", "event", "wait", "read"]
    assert device.said == ["copy to cuda", *once, *once]


def test_an_unknown_mode_is_one_sentence() -> None:
    with pytest.raises(UnknownNameError, match=r'onnx has no mode "al"; did you mean all\?'):
        modes.choose("al", modes.ONNX, "onnx")
    with pytest.raises(UnknownNameError, match=r'one way of running networks, no mode "xla"'):
        modes.choose("xla", (), "this zoo")
    assert modes.choose("", (), "this zoo") == ""


@pytest.mark.tflite
@pytest.mark.parametrize("kind", ["float", "int8"])
def test_xnnpack_takes_over_in_its_mode_alone(shared, kind: str) -> None:
    """By LiteRT's own list of what it runs: a delegate, or the file's operators."""
    pytest.importorskip("ai_edge_litert")
    from zoodiff.zoos.files.tflite import TFLiteFiles

    path = shared / "real" / "models" / f"resnet8_cifar10.{kind}.tflite"
    image = np.random.default_rng(0).standard_normal((1, 32, 32, 3), dtype=np.float32)
    outputs = {}
    for mode in ("xnnpack", "plain"):
        network = TFLiteFiles().load(str(path), None, seed=0, threads=1, mode=mode)
        operators = {one["op_name"] for one in network._call._interpreter._get_ops_details()}
        assert ("DELEGATE" in operators) == (mode == "xnnpack")
        assert network.scope["precision"] == ("float32" if kind == "float" else "int8")
        outputs[mode] = network.run(image)
    np.testing.assert_allclose(outputs["plain"], outputs["xnnpack"], atol=0.05)


@pytest.mark.openvino
@pytest.mark.tflite
@pytest.mark.parametrize("kind", ["float", "int8"])
def test_openvino_gives_what_litert_gives(shared, kind: str) -> None:
    """Integers at the ends of a quantised file are converted by its scales."""
    pytest.importorskip("openvino")
    pytest.importorskip("ai_edge_litert")
    from zoodiff.zoos.files.tflite import TFLiteFiles

    path = str(shared / "real" / "models" / f"resnet8_cifar10.{kind}.tflite")
    batch = np.random.default_rng(0).random((8, 32, 32, 3), dtype=np.float32) * 255
    litert, openvino = (
        TFLiteFiles().load(path, None, seed=0, threads=1, mode=mode) for mode in ("", "openvino")
    )
    assert openvino.scope["precision"] == litert.scope["precision"]
    # Runtimes round integers differently; the scores are near 1 and 0.
    differences = np.abs(openvino.run(batch) - litert.run(batch))
    assert differences.mean() < (0.01 if kind == "int8" else 1e-5)
