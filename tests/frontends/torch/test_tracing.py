"""Networks that torch.export cannot trace: which line and operator; nothing is printed."""

from __future__ import annotations

import importlib
import logging
from typing import Any

import numpy as np
import pytest

import zoodiff
from zoodiff.errors import MeasurementError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


class Branching(torch.nn.Module):  # type: ignore[misc, name-defined]
    def forward(self, x: Any) -> Any:
        return x if x.sum() > 0 else -x


class Sliced(torch.nn.Module):  # type: ignore[misc, name-defined]
    def forward(self, x: Any) -> Any:
        return x[:, : int(x.max().item())]


@torch.library.custom_op("zoodiff_tests::largest", mutates_args=())  # type: ignore[misc]
def _largest(x: torch.Tensor) -> torch.Tensor:  # type: ignore[name-defined]
    return x.max().clone()


@_largest.register_fake  # type: ignore[misc]
def _(x: torch.Tensor) -> torch.Tensor:  # type: ignore[name-defined]
    return x.new_empty(())


class Asking(torch.nn.Module):  # type: ignore[misc, name-defined]
    def forward(self, x: Any) -> Any:
        return x if torch.ops.zoodiff_tests.largest(x).item() > 0 else -x


class Choosing(torch.nn.Module):  # type: ignore[misc, name-defined]
    def forward(self, x: Any) -> Any:
        return x[x > 0].sum()


class Leaving(torch.nn.Module):  # type: ignore[misc, name-defined]
    def forward(self, x: Any) -> Any:
        return torch.from_numpy(np.tanh(x.detach().numpy()))


class Failing(torch.nn.Module):  # type: ignore[misc, name-defined]
    def forward(self, x: Any) -> Any:
        raise RuntimeError("the first line\nand the second")


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (
            Branching(),
            r"a branch or a shape.*\(aten.gt at test_tracing.py:\d+, `return x if.*torch",
        ),
        (Sliced(), r"a branch or a shape.*\(aten.max at test_tracing.py:\d+, `return x\[:, :"),
        (Asking(), r"a branch or a shape.*\(zoodiff_tests.largest at test_tracing.py:\d+"),
        (Choosing(), r"values of the inputs decide how many results aten\.(index|nonzero)"),
        (Leaving(), r"cannot trace Leaving \(.*numpy.*, at test_tracing.py:\d+, `return torch"),
        (Failing(), r"cannot trace Failing \(the first line and the second, at test_tracing.py"),
    ],
)
def test_what_cannot_be_traced_is_one_sentence_with_its_place(
    network: Any, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(MeasurementError, match=said) as caught:
        zoodiff.diff(network.eval(), network.eval(), example=torch.ones(1, 4))
    assert "\n" not in str(caught.value)
    assert "http" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_torch_is_left_as_it_was() -> None:
    """Also where two networks are traced at the same time."""
    trace = importlib.import_module("torch.export._trace")
    proxy = importlib.import_module("torch.fx.proxy")
    logger = logging.getLogger("torch.export")
    before = (vars(trace).get("print"), proxy.CapturedTraceback, logger.level)
    network = torch.nn.Linear(4, 4).eval()
    zoodiff.diff(network, network, example=torch.ones(1, 4))
    assert (vars(trace).get("print"), proxy.CapturedTraceback, logger.level) == before
