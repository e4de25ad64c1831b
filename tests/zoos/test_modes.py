"""Execution modes of the small networks that are trained here: one function, run in other ways."""

import numpy as np
import pytest

from zoodiff.errors import MeasurementError, UnknownNameError
from zoodiff.workers.process import Worker
from zoodiff.zoos import modes
from zoodiff.zoos.mini import KERAS, ONNX, TORCH, MiniZoo


def answers(zoo: MiniZoo, wanted: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Outputs of one image in each mode, which the scope states, with the stages of loading."""
    image = np.random.default_rng(0).standard_normal((1, 1, 8, 8), dtype=np.float32)
    found = {}
    with Worker(zoo) as worker:
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
    agree(answers(ONNX, modes.ONNX))


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


def test_an_unknown_mode_is_one_sentence() -> None:
    with pytest.raises(UnknownNameError, match=r'onnx has no mode "al"; did you mean all\?'):
        modes.choose("al", modes.ONNX, "onnx")
    with pytest.raises(UnknownNameError, match=r'one way of running networks, no mode "xla"'):
        modes.choose("xla", (), "this zoo")
    assert modes.choose("", (), "this zoo") == ""
