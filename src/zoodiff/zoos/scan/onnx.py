"""Scan ONNX files before they are run: only operators of known domains are allowed.

``zoodiff.frontends.onnx.external`` checks external data whenever a file is read. Operators are
checked here, before ONNX Runtime loads the file; a file that is only described may hold unknown
operators.
"""

from __future__ import annotations

from pathlib import Path

from zoodiff.frontends.onnx.external import nodes
from zoodiff.frontends.onnx.protobuf import ModelProto
from zoodiff.rules.security import refusal
from zoodiff.zoos.scan.judged import UNKNOWN, judged, sentence


def check(model: ModelProto, path: Path) -> None:
    """Raise RefusedError (SEC104) for an operator that is refused or of an unknown domain."""
    own = {(function.domain, function.name) for function in model.functions}
    reasons = {}
    for domain, operator in {(node.domain, node.op_type) for node in nodes(model)}:
        why = why_not(domain, operator)
        # The file's own functions may define unknown operators, but not refused ones.
        if why and not (why == UNKNOWN and (domain, operator) in own):
            reasons[_name(domain, operator)] = why
    if reasons:
        raise refusal(
            "SEC104",
            f"{path} is not loaded: it has operators that do more than compute, or may: "
            + sentence(reasons),
        )


def why_not(domain: str, operator: str) -> str | None:
    """Return why an operator is refused, as a verb phrase; None if it is allowed."""
    operators = judged("onnx_operators")
    if _name(domain, "*") in operators.allowed:
        return None
    return operators.why_not(_name(domain, operator))


def _name(domain: str, operator: str) -> str:
    return f"{domain or 'ai.onnx'}::{operator}"
