"""Scan OpenVINO's IR files before they are run: only operators that compute are allowed.

``zoodiff.frontends.openvino.reader`` checks the XML and the places of constants whenever a file is
read. Operators are checked here, before OpenVINO loads the file; a file that is only described may
hold unknown operators.
"""

from __future__ import annotations

import re
from pathlib import Path

from zoodiff.frontends.openvino.reader import FileNetwork
from zoodiff.rules.security import refusal
from zoodiff.zoos.scan.judged import judged, sentence

_OPSET = re.compile(r"opset[0-9]{1,2}")


def check(network: FileNetwork, path: Path) -> None:
    """Raise RefusedError (SEC104) for an operator that is refused, unknown or of an extension."""
    known = judged("openvino_operators")
    reasons = {}
    for kind, opset in {(layer.type, layer.opset) for layer in network.layers}:
        why = known.why_not(kind)
        if not _OPSET.fullmatch(opset):
            why = f"is of the extension {opset[:40]!r}"
        if why:
            reasons[kind or "an operator without a name"] = why
    if reasons:
        raise refusal(
            "SEC104",
            f"{path} is not loaded: it has operators that do more than compute, or may: "
            + sentence(reasons),
        )
