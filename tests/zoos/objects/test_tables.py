"""A vocabulary too large to try every id, in a network that computes with its weights."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import zoodiff

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


class Scaled(torch.nn.Module):  # type: ignore[misc, name-defined]
    """Ids in; rows of a table, multiplied by what a function gives for a buffer."""

    def __init__(self, function: Any = torch.lgamma) -> None:
        super().__init__()
        self.function = function
        self.table = torch.nn.Embedding(30_000, 8)
        self.register_buffer("frequencies", torch.linspace(0.1, 0.9, 8))
        self.head = torch.nn.Linear(8, 4)

    def forward(self, ids: Any) -> Any:
        return self.head(self.table(ids) * self.function(self.frequencies))


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(0)
    return Scaled().eval()


def test_equal_tables_make_up_for_ids_that_were_not_tried(network: Any) -> None:
    example = (torch.arange(16)[None],)
    program = torch.export.export(network, example)
    report = zoodiff.diff(network, program, example=example)
    assert "computes with its weight frequencies" in report.answer.evidence.weights.reason
    assert report.same_function is True


def test_weights_that_the_interpreter_can_compute_are_compared() -> None:
    torch.manual_seed(0)
    network, example = Scaled(torch.cos).eval(), (torch.arange(16)[None],)
    changed = copy.deepcopy(network)
    changed.frequencies.mul_(1.5)
    same, other = (zoodiff.diff(network, b, example=example) for b in (network, changed))
    assert same.same_function is True and same.answer.evidence.weights.sameness == "identical"
    assert other.same_function is False and other.answer.because == ("weights",)


@pytest.mark.parametrize("row", [1, 2499])
def test_a_row_that_differs_is_not_called_the_same(network: Any, row: int) -> None:
    example = (torch.arange(16)[None],)
    changed = copy.deepcopy(network)
    with torch.no_grad():
        changed.table.weight[row] += 0.1
    report = zoodiff.diff(changed, torch.export.export(network, example), example=example)
    assert report.same_function is (False if row < 16 else None)


def test_a_weight_that_is_transposed_before_its_use_is_read() -> None:
    class Transposed(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.queries = torch.nn.Parameter(torch.randn(5, 1, 8))
            self.head = torch.nn.Linear(8, 8)

        def forward(self, x: Any) -> Any:
            queries = torch.tanh(self.queries.repeat(1, 2, 1)).transpose(0, 1)
            return torch.softmax(self.head(queries) @ x.transpose(1, 2), dim=-1) @ x

    torch.manual_seed(0)
    network, example = Transposed().eval(), (torch.randn(2, 6, 8),)
    program = torch.export.export(network, example)
    assert zoodiff.diff(network, program, example=example).same_function is True
