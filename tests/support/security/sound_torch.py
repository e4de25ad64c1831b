"""Sound checkpoints, programs of torch.export and TorchScript."""

from __future__ import annotations

import collections
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from support.security.sound import named, sound


@cache
def state() -> dict[str, Any]:
    """The state of a SqueezeNet for three classes."""
    from zoodiff.torch_compat import import_torchvision

    torchvision = import_torchvision()
    import torch

    torch.manual_seed(0)
    return torchvision.models.squeezenet1_1(weights=None, num_classes=3).state_dict()


def _saved(name: str, make: Callable[[dict[str, Any]], Any], ending: str = "pth", **how) -> None:
    def write(folder: Path) -> Path:
        import torch

        torch.save(make(state()), folder / f"a.{ending}", **how)
        return folder / f"a.{ending}"

    named("checkpoint", f"checkpoint_{name}", write)


def _each(change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], Any]:
    return lambda given: {key: change(value) for key, value in given.items()}


def _training(given: dict[str, Any]) -> dict[str, Any]:
    import torch

    return {
        "state_dict": given,
        "epoch": 90,
        "best": 71.2,
        "arch": "squeezenet1_1",
        "args": {"lr": 0.1, "milestones": [30, 60], "names": ("a", "b"), "amp": False, "x": None},
        "shape": torch.Size([1, 3, 224, 224]),
        "device": torch.device("cpu"),
        "dtype": torch.float32,
        "seen": {1, 2, 3},
        "counts": collections.Counter("aab"),
        "rng": torch.get_rng_state(),
        "optimizer": {"state": {0: {"step": torch.tensor(5.0)}}, "param_groups": [{"lr": 0.1}]},
    }


def _parameter(value: Any) -> Any:
    import torch

    return torch.nn.Parameter(value)


_saved("of_today", dict)
_saved("of_old", dict, _use_new_zipfile_serialization=False)
_saved("ordered", collections.OrderedDict)
_saved("of_a_training_script", _training)
_saved("under_model", lambda given: {"model": given})
_saved("of_parallel_training", lambda given: {f"module.{k}": v for k, v in given.items()})
_saved("in_half_precision", _each(lambda value: value.half()))
_saved("in_bfloat16", _each(lambda value: value.bfloat16()), "bin")
_saved("in_double_precision", _each(lambda value: value.double()), "pt")
_saved("of_parameters", _each(_parameter), "ckpt")
_saved("of_strided_tensors", _each(lambda value: value.transpose(0, -1).clone().transpose(0, -1)))
_saved("of_tensors_that_share", _each(lambda value: value.flatten().view(value.shape)), "th")


def _shared(given: dict[str, Any]) -> dict[str, Any]:
    import torch

    whole = torch.cat([value.flatten() for value in given.values()])
    found, start = {}, 0
    for key, value in given.items():
        found[key] = whole[start : start + value.numel()].view(value.shape)
        start += value.numel()
    return found


_saved("of_one_storage", _shared)


@sound("checkpoint")
def safetensors_plain(folder: Path) -> Path:
    from safetensors.torch import save_file

    save_file(state(), folder / "a.safetensors")
    return folder / "a.safetensors"


@sound("checkpoint")
def safetensors_with_metadata(folder: Path) -> Path:
    from safetensors.torch import save_file

    save_file(state(), folder / "a.safetensors", metadata={"format": "pt", "by": "us"})
    return folder / "a.safetensors"


def small(norm: bool = False):
    import torch

    layers = [torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU()]
    if norm:
        layers[1:1] = [torch.nn.BatchNorm2d(4)]
    head = [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 3)]
    torch.manual_seed(0)
    return torch.nn.Sequential(*layers, *head).eval()


def _exported(name: str, make: Callable[[], Any], shapes: Callable[[Any], Any] | None) -> None:
    def write(folder: Path) -> Path:
        import torch

        dynamic = shapes(torch.export.Dim) if shapes else None
        given = (torch.zeros(2 if shapes else 1, 3, 16, 16),)
        program = torch.export.export(make(), given, dynamic_shapes=dynamic)
        torch.export.save(program, folder / "a.pt2")
        return folder / "a.pt2"

    named("torch", f"program_{name}", write)


def _with_constant():
    import torch

    class Shifts(torch.nn.Module):
        def forward(self, x):
            return small_head(x + torch.tensor([[[[0.5]], [[0.4]], [[0.3]]]]))

    def small_head(x):
        return torch.nn.functional.gelu(x).mean((2, 3)).softmax(1)

    return Shifts()


def _with_arithmetic():
    import torch

    class Halves(torch.nn.Module):
        def forward(self, x):
            rows = x.shape[2] // 2 + x.shape[3] * 2
            return x.flatten(2).mean(2) * rows

    return Halves()


_exported("of_fixed_shape", small, None)
_exported("with_batch_norm", lambda: small(norm=True), None)
_exported("with_an_open_batch", small, lambda dim: ({0: dim("b")},))
_exported("with_a_bounded_batch", small, lambda dim: ({0: dim("b", min=1, max=64)},))
_exported("with_open_extents", _with_arithmetic, lambda dim: ({2: dim("h"), 3: dim("w")},))
_exported("with_a_constant", _with_constant, lambda dim: ({0: dim("b")},))


@sound("torch", allowed=True)
def script_traced(folder: Path) -> Path:
    import torch

    torch.jit.trace(small(norm=True), torch.zeros(1, 3, 16, 16)).save(folder / "a.pt")
    return folder / "a.pt"


@sound("torch", allowed=True)
def script_scripted(folder: Path) -> Path:
    import torch

    torch.jit.script(small()).save(folder / "a.pt")
    return folder / "a.pt"
