"""Modes, hooks and compilation of modules: said first, and left as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zoodiff
from zoodiff.errors import MeasurementError

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


def test_a_parallel_module_is_its_original() -> None:
    network = readers.reader()
    report = zoodiff.diff(torch.nn.DataParallel(network), network, example=readers.example())
    assert report.same_function is True
    assert report.notes == ("Reader is wrapped; its original is compared",)


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


class Counting(torch.nn.Module):  # type: ignore[misc, name-defined]
    """Counts its calls in two buffers: one is written into, one replaced."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)
        self.register_buffer("written", torch.zeros(1))
        self.register_buffer("replaced", torch.ones(1))

    def forward(self, x: Any) -> Any:
        self.written += 1
        self.replaced = self.replaced * 2
        return self.linear(x) * self.written + self.replaced


def test_a_module_that_counts_stays_as_it_was() -> None:
    torch.manual_seed(0)
    network = Counting().eval()
    buffers = dict(network.named_buffers())
    report = zoodiff.diff(network, network, example=torch.randn(1, 4))
    assert report.same_function is True
    assert all(network.get_buffer(name) is buffer for name, buffer in buffers.items())
    assert (float(network.written), float(network.replaced)) == (0.0, 1.0)


def test_a_module_on_the_meta_device_is_compared_as_a_graph() -> None:
    network = readers.reader()
    report = zoodiff.diff(readers.reader().to("meta"), network, example=readers.example())
    assert report.same_function is None
    assert "on the meta device" in report.answer.reason


def test_arguments_are_called_as_they_are_written() -> None:
    class Keyed(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, *, image: Any, scale: float = 1.0) -> Any:
            return torch.tanh(image) * scale

    class Several(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, *images: Any) -> Any:
            return torch.tanh(sum(images))

    class Silent(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self) -> Any:
            return torch.zeros(1)

    image = np.random.default_rng(0).standard_normal((1, 4))
    keyed, several, silent = Keyed().eval(), Several().eval(), Silent().eval()
    assert zoodiff.diff(keyed, keyed, example={"image": image}).same_function is True
    assert zoodiff.diff(several, several, example=(image, image)).same_function is True
    for network, said in (
        (keyed, r"example=\{'image': image\}"),
        (several, "give some as the example"),
        (silent, "takes no inputs"),
    ):
        with pytest.raises(MeasurementError, match=said):
            zoodiff.diff(network, network)


def test_a_scripted_network_of_images_needs_no_example() -> None:
    layers = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1)).eval()
    report = zoodiff.diff(torch.jit.script(layers), layers)
    assert report.same_function is True
    assert report.a.graph.inputs[0].shape == (1, 3, 224, 224)
