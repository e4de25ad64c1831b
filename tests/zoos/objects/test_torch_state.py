"""Modes, hooks and compilation of modules: said first, and left as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import zoodiff

torch = pytest.importorskip("torch")
from support import readers  # noqa: E402 - it imports torch
from zoodiff.zoos.objects.torch_state import training_sentence  # noqa: E402

pytestmark = pytest.mark.torch


def compiled_in_place(network: Any) -> Any:
    network.compile()
    return network


def compiled_part(network: Any) -> Any:
    network.head = torch.compile(network.head)
    return network


@pytest.mark.parametrize("compile_it", [torch.compile, compiled_in_place, compiled_part])
def test_a_compiled_module_is_its_original(compile_it: Callable[[Any], Any]) -> None:
    network = compile_it(readers.reader())
    report = zoodiff.diff(network, readers.reader(), example=readers.example())
    assert report.same_function is True
    assert report.notes == ("Reader is compiled; its original is compared",)
    changed = compile_it(readers.planted(readers.reader(), "bias"))
    report = zoodiff.diff(changed, readers.reader(), example=readers.example())
    assert report.same_function is False


def test_hooks_are_counted_and_run() -> None:
    network = readers.reader()
    network.head.register_forward_hook(lambda module, given, output: output + 1)
    network.register_forward_pre_hook(lambda module, given: None)
    report = zoodiff.diff(network, readers.reader(), example=readers.example())
    assert report.same_function is False
    note = "Reader has 2 forward hooks (itself, head), which run with it"
    assert report.notes == (note,)
    shown = repr(report)
    assert shown.index("2 forward hooks") < shown.index("different functions")


def test_a_part_in_training_mode_is_named() -> None:
    network = readers.reader()
    network.drop.train()
    report = zoodiff.diff(network, readers.reader(), example=readers.example())
    assert report.same_function is None
    assert report.notes == (
        "drop of Reader is in training mode, so it is compared as a graph only",
    )
    assert "call eval()" in report.answer.reason
    assert [finding.code for finding in report.findings] == ["ARC126"]
    assert network.drop.training


def test_a_layer_without_modes_may_be_new() -> None:
    network = readers.reader()
    network.head = torch.nn.Linear(16, 3)
    assert network.head.training
    report = zoodiff.diff(network, network, example=readers.example())
    assert report.same_function is True
    assert report.notes == ()


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        (torch.nn.Linear(2, 2), False),
        (torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.ReLU()), False),
        (torch.nn.Sequential(torch.nn.BatchNorm2d(2)), True),
        (torch.nn.RReLU(), True),
        (torch.nn.MultiheadAttention(4, 2, dropout=0.1), True),
        (torch.nn.utils.spectral_norm(torch.nn.Linear(2, 2)), True),
        (torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(2, 2)), True),
        (readers.Reader(), True),
    ],
)
def test_only_what_training_may_change_is_in_training_mode(part: Any, changes: bool) -> None:
    assert bool(training_sentence(part.train(), "It")) is changes
    assert not training_sentence(part.eval(), "It")


def test_the_second_of_two_modules_has_a_number() -> None:
    report = zoodiff.diff(readers.reader(), readers.reader().train(), example=readers.example())
    assert (report.a.name, report.b.name) == ("object:Reader", "object:Reader #2")
    assert report.notes[0].startswith("Reader #2 is in training mode")
