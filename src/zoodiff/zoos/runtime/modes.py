"""Execution modes: the ways in which a framework runs the same network.

The functions return the callable that ``Network.run`` uses for a built network. They run in workers
and import frameworks inside.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from zoodiff.entry import did_you_mean
from zoodiff.errors import MeasurementError, UnknownNameError
from zoodiff.zoos.base import CONFINED
from zoodiff.zoos.runtime import openvino_session

if TYPE_CHECKING:
    from zoodiff.frontends.torch.protocols import Module

EAGER, COMPILE = "eager", "compile"
FUNCTION, XLA = "function", "xla"
CUDA, CUDA_COMPILE = "cuda", "cuda-compile"
TORCH = (EAGER, COMPILE)
OPENVINO = openvino_session.MODES
TORCH_SCRIPT = ("script",)
TORCH_FILES = (*TORCH, *OPENVINO)
TORCH_ANYWHERE = (*TORCH, CUDA, CUDA_COMPILE, *OPENVINO)
KERAS = (FUNCTION, EAGER, XLA)
TENSORFLOW = (FUNCTION, XLA)
SAVED_MODEL = (*TENSORFLOW, *OPENVINO)
ONNX = ("all", "extended", "basic", "off", CUDA, *OPENVINO)
"""ONNX Runtime's own names of its graph optimisation levels, all of them on a CUDA device, and the
same file in OpenVINO."""
TFLITE = ("xnnpack", "plain", *OPENVINO)

NOT_AT_ALL, AT_FIRST_CALL = "not at all", "at the first call of each shape"
"""When a network is compiled, other than at loading."""

_COMPILATIONS = 64
"""Input shapes that one network may be compiled for in one process."""


def choose(mode: str, modes: Sequence[str], whose: str) -> str:
    """Return the chosen mode; for ``""`` the first of ``modes``, or ``""``.

    Raises UnknownNameError for an unknown mode.

    >>> choose("", ("eager", "compile"), "torchvision")
    'eager'
    >>> choose("compiled", ("eager", "compile"), "torchvision")
    Traceback (most recent call last):
    ...
    zoodiff.errors.UnknownNameError: torchvision has no mode "compiled"; did you mean compile?
    """
    if not mode:
        return modes[0] if modes else ""
    if mode in modes:
        return mode
    if not modes:
        raise UnknownNameError(f'{whose} has one way of running networks, no mode "{mode}"')
    hint = did_you_mean(mode, modes) or f"; there are {', '.join(modes)}"
    raise UnknownNameError(f'{whose} has no mode "{mode}"{hint}')


def on_device(mode: str) -> bool:
    """Whether a network runs on a CUDA device in this mode, rather than on the CPU."""
    return mode in {CUDA, CUDA_COMPILE}


def torch_forward(module: Module, mode: str) -> Callable[[Any], Any]:
    """Return a PyTorch module for a mode: itself, or compiled per shape of its input.

    Raises MeasurementError if ``torch.compile`` finds no C++ compiler, or if a mode needs a CUDA
    device and there is none.
    """
    import torch

    if mode in OPENVINO:
        openvino_session.import_openvino()
        return openvino_session.OfTorch(module, threads=torch.get_num_threads(), mode=mode)
    if on_device(mode):
        from zoodiff.zoos.runtime import cuda

        cuda.check(torch, mode)
        moved = module.to("cuda")
        return cuda.OnCuda(torch, _compiled(moved) if mode == CUDA_COMPILE else moved)
    if mode == COMPILE:
        _check_compiler()
        return _compiled(module)
    return module


def _compiled(module: Module) -> Callable[[Any], Any]:
    import torch
    import torch._dynamo

    # Otherwise PyTorch compiles changing shapes as open ones, and after a few of them silently
    # stops compiling.
    config = torch._dynamo.config
    for name in ("recompile_limit", "cache_size_limit"):
        if hasattr(config, name):
            setattr(config, name, _COMPILATIONS)
    if hasattr(config, "fail_on_recompile_limit_hit"):
        config.fail_on_recompile_limit_hit = True
    compiled: Callable[[Any], Any] = torch.compile(module, dynamic=False)
    return compiled


def _check_compiler() -> None:
    if CONFINED in os.environ:
        raise MeasurementError(
            "a worker that opens a file starts no programs, so no C++ compiler for torch.compile; "
            "take the mode eager"
        )
    from torch._inductor.cpp_builder import get_cpp_compiler

    try:
        get_cpp_compiler()
    except Exception as error:  # torch raises its own kinds
        raise MeasurementError(
            "the mode compile needs a C++ compiler, which torch does not find; install g++ or "
            "name one with CXX, or measure in the mode eager"
        ) from error


def tensorflow_call(tf: ModuleType, call: Callable[[Any], Any], mode: str) -> Callable[[Any], Any]:
    """Return a function of one tensor for a mode: itself, traced, or traced and compiled by XLA."""
    if mode == EAGER:
        return call
    traced: Callable[[Any], Any] = (
        tf.function(call, jit_compile=True) if mode == XLA else tf.function(call)
    )
    return traced


def torch_scope(mode: str) -> dict[str, str]:
    """Return the conditions of timing a module."""
    if mode in OPENVINO:
        return dict(openvino_session.scope_of_torch(mode))
    compiled = mode in {COMPILE, CUDA_COMPILE}
    called = "compiled module" if compiled else "module"
    conditions = {
        "entry_point": f"call of the {called} in inference mode",
        "mode": mode,
        "compiles": NOT_AT_ALL if mode in {EAGER, CUDA} else AT_FIRST_CALL,
    }
    if on_device(mode):
        import torch

        from zoodiff.zoos.runtime import cuda

        conditions |= cuda.scope(torch)
    return conditions


def keras_scope(mode: str) -> dict[str, str]:
    """Return the conditions of timing a Keras model."""
    points = {
        FUNCTION: "tf.function of the model",
        EAGER: "call of the model",
        XLA: "tf.function of the model, jit_compile",
    }
    compiles = NOT_AT_ALL if mode == EAGER else AT_FIRST_CALL
    return {"entry_point": points[mode], "mode": mode, "compiles": compiles}


def tensorflow_scope(mode: str) -> dict[str, str]:
    """Return the conditions of timing a function or session."""
    points = {FUNCTION: "tf.function", XLA: "tf.function, jit_compile"}
    return {
        "entry_point": points.get(mode, "callable of a session"),
        "mode": mode,
        "compiles": AT_FIRST_CALL,
    }
