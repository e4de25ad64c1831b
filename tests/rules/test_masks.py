"""What a mask leaves out, in words; the truth is the mask as numpy makes it."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest

from zoodiff.architecture.diff import diff
from zoodiff.graph.ir import Graph
from zoodiff.rules.example import TinyNetwork

ROW, COLUMN = np.indices((16, 16))


def attention(left_out: np.ndarray | None) -> Graph:
    net = TinyNetwork(size=4)
    x = net.add("Reshape", net.conv("image", 8, 1), (1, 8, 16))
    x = net.add("MatMul", (x, x), (1, 16, 16), batch=1, m=16, k=8, n=16, transA=True)
    if left_out is not None:
        runs = [(key, len(list(run))) for key, run in groupby(left_out.reshape(-1).tolist())]
        lengths = [0] * runs[0][0] + [length for _, length in runs]
        x = net.add("Mask", x, mask_shape=list(left_out.shape), runs=lengths)
    return net.graph(net.add("Softmax", x, axis=2))


@pytest.mark.parametrize(
    ("left_out", "words"),
    [
        (COLUMN > ROW, "causal (each row sees itself and earlier ones)"),
        (COLUMN < ROW, "reversed causal (each row sees itself and later ones)"),
        (COLUMN != ROW, "each row sees itself only"),
        (COLUMN == ROW, "each row sees all but itself"),
        (abs(ROW - COLUMN) > 3, "window: each row sees those at most 3 away"),
        (
            (COLUMN > ROW) | (ROW - COLUMN > 2),
            "causal window: each row sees itself and the 2 before",
        ),
        (ROW // 4 != COLUMN // 4, "a mask of 75.0% of all pairs"),
        (np.stack([COLUMN > ROW, COLUMN < ROW]), "masks that differ by head or part"),
    ],
)
def test_a_mask_is_named_by_what_its_rows_see(left_out: np.ndarray, words: str) -> None:
    for a, b, sides in (
        (attention(None), attention(left_out), ("none", words)),
        (attention(left_out), attention(None), (words, "none")),
    ):
        findings = diff(a, b, "a", "b").findings
        assert [(f.code, f.left, f.right) for f in findings] == [("ARC174", *sides)]


def test_two_masks_are_told_apart() -> None:
    a, b = attention(COLUMN > ROW), attention(abs(ROW - COLUMN) > 2)
    (finding,) = diff(a, b, "a", "b").findings
    assert finding.code == "ARC174" and finding.left != finding.right
    assert not diff(a, a, "a", "b").findings
