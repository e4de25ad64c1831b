"""Networks on PyTorch's meta device, where tensors have shapes and no values."""

from __future__ import annotations

from typing import Any

import pytest

import zoodiff

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


class Encoder(torch.nn.Module):  # type: ignore[misc, name-defined]
    """Ids that are embedded and encoded."""

    def __init__(self, epsilon: float = 1e-5, layers: int = 2) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(100, 16)
        each = torch.nn.TransformerEncoderLayer(16, 2, 32, 0.0, layer_norm_eps=epsilon)
        self.layers = torch.nn.ModuleList([each, *(each for _ in range(layers - 1))])

    def forward(self, ids: Any) -> Any:
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        return x


def on_meta(**settings: Any) -> Any:
    with torch.device("meta"):
        return Encoder(**settings).eval()


@pytest.fixture
def ids() -> Any:
    return (torch.empty(1, 5, dtype=torch.int64, device="meta"),)


def test_a_network_without_values_is_described_as_one_with_them(ids: Any) -> None:
    torch.manual_seed(0)
    real = (torch.zeros(1, 5, dtype=torch.int64),)
    graphs = [
        zoodiff.describe(on_meta(), example=ids),
        zoodiff.describe(Encoder().eval(), example=real),
    ]
    assert graphs[0].to_dict()["nodes"] == graphs[1].to_dict()["nodes"]


def test_the_answer_rests_on_structure_alone(ids: Any) -> None:
    report = zoodiff.diff(on_meta(), on_meta(), example=ids)
    assert report.same_function is None and not report.findings
    assert report.sameness == "same"
    assert report.answer.sentence == (
        "not decided: the same architecture, but graphs alone were compared: Encoder is on the "
        "meta device, where weights have no values"
    )
    assert not report.answer.evidence.weights.compared


def test_two_networks_are_traced_one_after_the_other(
    ids: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tracer of PyTorch keeps its state for the whole process."""
    from zoodiff.equivalence.runs import sides
    from zoodiff.frontends.torch import export

    monkeypatch.setattr(sides, "count_usable_cores", lambda: 4)
    traced, inside = [], [0]
    original = export.graph_of_call

    def traced_alone(*arguments: Any, **named: Any) -> Any:
        inside[0] += 1
        traced.append(inside[0])
        try:
            return original(*arguments, **named)
        finally:
            inside[0] -= 1

    monkeypatch.setattr(export, "graph_of_call", traced_alone)
    zoodiff.diff(on_meta(), on_meta(layers=3), example=ids)
    assert traced == [1, 1]


def test_differences_are_named_without_values(ids: Any) -> None:
    report = zoodiff.diff(on_meta(), on_meta(epsilon=1e-3), example=ids)
    assert report.same_function is None
    assert [f.code for f in report.findings] == ["ARC120"]


def test_one_side_without_values_is_enough() -> None:
    torch.manual_seed(0)
    real = Encoder().eval()
    for a, b in ((on_meta(), real), (real, on_meta())):
        report = zoodiff.diff(a, b, example=(torch.zeros(1, 5, dtype=torch.int64),))
        assert report.same_function is None and report.sameness == "same"
        assert "on the meta device" in report.answer.reason


def test_an_example_without_values_does_not_fit_a_network_with_them(ids: Any) -> None:
    with pytest.raises(zoodiff.errors.UsageError, match="give an example with values"):
        zoodiff.diff(Encoder().eval(), Encoder().eval(), example=ids)
