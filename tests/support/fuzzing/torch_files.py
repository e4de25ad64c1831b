"""Checkpoints, safetensors and programs of PyTorch, read as in their worker, in this process."""

from __future__ import annotations

import functools
import hashlib
import io
import os
from collections.abc import Sequence
from typing import Any

from support.fuzzing.mutations import archive, bytes_, json_
from support.fuzzing.network import counted
from support.fuzzing.target import Target, placed


def _torch() -> Any:
    from zoodiff.torch_compat import import_torchvision

    import_torchvision()
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    return torch


def _module(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(50, 4)
    ).eval()


def checkpoint(data: bytes) -> None:
    """A PyTorch checkpoint, held against a module."""
    from zoodiff.zoos.checkpoints import check, read

    torch = _torch()
    path = placed("torch/weights.pth", data)
    check(path, read(path), _module(torch).state_dict(), "a module")


@functools.cache
def checkpoint_seeds() -> Sequence[bytes]:
    torch = _torch()
    state = _module(torch).state_dict()
    made = []
    for value, new in ((state, True), ({"state_dict": state, "epoch": 3}, True), (state, False)):
        buffer = io.BytesIO()
        torch.save(value, buffer, _use_new_zipfile_serialization=new)
        made.append(buffer.getvalue())
    return made


def safetensors(data: bytes) -> None:
    """A safetensors file, held against a module."""
    from zoodiff.zoos.checkpoints import check, read

    torch = _torch()
    path = placed("torch/weights.safetensors", data)
    check(path, read(path), _module(torch).state_dict(), "a module")


def safetensors_seeds() -> Sequence[bytes]:
    from safetensors.torch import save

    return [save(_module(_torch()).state_dict())]


def header(data: bytes, random: Any) -> bytes:
    """One change of the JSON in a safetensors file, whose length is written anew."""
    size = int.from_bytes(data[:8], "little")
    if random.random() < 0.2 or size > len(data):
        return bytes_(data, random)
    changed = json_(data[8 : 8 + size], random)
    return len(changed).to_bytes(8, "little") + changed + data[8 + size :]


def exported(data: bytes) -> None:
    """A program of ``torch.export``: its graph and its own counts."""
    from zoodiff.zoos.files.torch import TorchFiles

    _torch()
    path = str(placed("torch/program.pt2", data))
    backend = TorchFiles()
    graph = backend.describe(path + "?size=5", None)
    backend.facts(path + "?size=5", None)
    counted(graph)


@functools.cache
def exported_seeds() -> Sequence[bytes]:
    torch = _torch()
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(_module(torch), (torch.zeros(1, 3, 5, 5),)), buffer)
    return [buffer.getvalue()]


def scripted(data: bytes) -> None:
    """A TorchScript file: its graph and its own counts."""
    from zoodiff.zoos.base import ALLOWED_CODE
    from zoodiff.zoos.files.torchscript import TorchScriptFiles

    _torch()
    # Whoever fuzzes allows the code of what was made here.
    os.environ[ALLOWED_CODE] = hashlib.sha256(data).hexdigest()
    path = str(placed("torch/module.pt", data))
    backend = TorchScriptFiles()
    graph = backend.describe(path + "?size=5", None)
    backend.facts(path + "?size=5", None)
    counted(graph)


@functools.cache
def scripted_seeds() -> Sequence[bytes]:
    torch = _torch()
    made = []
    for build in (lambda m: torch.jit.trace(m, torch.zeros(1, 3, 5, 5)), torch.jit.script):
        buffer = io.BytesIO()
        torch.jit.save(build(_module(torch)), buffer)
        made.append(buffer.getvalue())
    return made


_NEEDS = ("torchvision",)
_CODE = archive({".py": bytes_, ".pkl": bytes_, "version": bytes_})
_PROGRAM = archive({".json": json_, "version": bytes_, ".pt": bytes_, "weight_0": bytes_})
_STATE = archive({".pkl": bytes_, "version": bytes_, "byteorder": bytes_})
TARGETS = (
    Target("checkpoint", checkpoint, checkpoint_seeds, _STATE, _NEEDS, contained="torch"),
    Target("safetensors", safetensors, safetensors_seeds, header, (*_NEEDS, "safetensors")),
    Target(
        *("exported", exported, exported_seeds, _PROGRAM, _NEEDS), contained="torch", examples=3
    ),
    Target(*("scripted", scripted, scripted_seeds, _CODE, _NEEDS), contained="torch", examples=3),
)
