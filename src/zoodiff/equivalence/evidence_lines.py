"""The answer and its evidence in sentences, as the terminal and the picture of a diff show them."""

from __future__ import annotations

from dataclasses import dataclass

from zoodiff.architecture.diff import Diff
from zoodiff.equivalence.answer import Answer, OutputsEvidence
from zoodiff.equivalence.proof import Proof
from zoodiff.equivalence.symmetries import WeightRelation
from zoodiff.equivalence.tolerance import MARGIN
from zoodiff.equivalence.weights.weight_diff import LayerWeights, WeightsDiff
from zoodiff.quantities import billions
from zoodiff.rules.findings import Finding
from zoodiff.text import ending

"""Multiply-accumulates below which they are counted in millions."""
_SHOWN = 6
"""Number of findings listed per group; the others are counted."""


@dataclass(frozen=True)
class EvidenceLine:
    """One line of evidence; the title is empty where it continues the line above."""

    title: str
    text: str


@dataclass(frozen=True)
class Evident:
    """What the lines are made of."""

    answer: Answer
    graphs: Diff
    weights: WeightsDiff | None = None
    proof: Proof | None = None
    relations: tuple[WeightRelation, ...] = ()


def evidence_lines(of: Evident, *, places: bool = False) -> tuple[EvidenceLine, ...]:
    """Return what an answer rests on; ``places`` names every layer of every finding."""
    lines = [("outputs", _outputs(of))]
    for number, finding in enumerate(_responsible(of)):
        lines.append(("because" if not number else "", _cause(of, finding)))
        lines += _places(finding, places)
    lines.append(("weights", _weights(of)))
    for layer in of.weights.different if places and of.weights is not None else ():
        lines.append(("", _layer(layer)))
    lines += [("graph" if not n else "", text) for n, text in enumerate(_graph(of))]
    if places or not of.answer.evidence.outputs.compared:
        for finding in _other_findings(of):
            lines.append(("", f"{finding.code} {finding.name}, {sentence(finding)}"))
            lines += _places(finding, places)
    lines.append(("size", _size(of)))
    if of.proof is not None and of.answer.evidence.weights.sameness != "drawn":
        lines.append(("proof", proved(of.proof)))
    return tuple(EvidenceLine(title, text) for title, text in lines if text)


def _places(finding: Finding, places: bool) -> list[tuple[str, str]]:
    return [
        ("", f"  {left}" + (f"  |  {right}" if left != right else ""))
        for left, right in (_paired(finding) if places else ())
    ]


def _outputs(of: Evident) -> str:
    """Return the deviation of the outputs, and the inputs for which it holds."""
    outputs, domain = of.answer.evidence.outputs, of.answer.domain
    if not outputs.compared or outputs.deviation is None:
        return outputs.reason or "not compared"
    drawn = of.answer.evidence.weights.sameness == "drawn"
    weights_note = f" with equal weights, drawn for this, {outputs.where}" if drawn else ""
    parts = [f"{_apart(of, outputs)}{weights_note}"]
    if domain.sizes:
        parts.append(f"{_counted('size', domain.sizes)}")
    if domain.inputs:
        parts.append(f"inputs {'; '.join(domain.inputs)}")
    if domain.outputs:
        parts.append(f"outputs {'; '.join(domain.outputs)}")
    if domain.batches:
        parts.append(_counted("batch", [str(n) for n in domain.batches]))
    if outputs.reason and of.answer.reason != outputs.reason:
        parts.append(outputs.reason)
    return "; ".join(parts)


def _apart(of: Evident, outputs: OutputsEvidence) -> str:
    number = "1 input" if outputs.inputs == 1 else f"{outputs.inputs} inputs"
    rounding = f"{outputs.rounding:.0e}" if outputs.rounding is not None else "unknown"
    assert outputs.deviation is not None
    if outputs.rounding is not None and outputs.deviation <= MARGIN * outputs.rounding:
        if outputs.deviation == 0:
            return f"equal on {number}"
        return (
            f"agree to {outputs.deviation:.0e} of their spread on {number} "
            f"(rounding explains {rounding})"
        )
    text = f"differ by {outputs.deviation:.2g} of their spread (rounding explains {rounding})"
    if outputs.classes and outputs.other_best:
        text += f"; another best class for {outputs.other_best} of {number}"
    return text


def _counted(noun: str, values: list[str] | tuple[str, ...]) -> str:
    plural = {"size": "sizes", "batch": "batches"}[noun] if len(values) > 1 else noun
    return f"{plural} {', '.join(values)}"


def _responsible(of: Evident) -> list[Finding]:
    return [f for f in of.graphs.findings if f.code in of.answer.because]


def _other_findings(of: Evident) -> list[Finding]:
    return [f for f in of.graphs.findings if f.code not in of.answer.because]


def _cause(of: Evident, finding: Finding) -> str:
    said = sentence(finding)
    if finding.effect == "parametrisation":
        said = said.replace("; the same functions", "; the weights do not make up for it")
    text = f"{finding.code} {finding.name}, {said}"
    undone = of.answer.evidence.outputs.undone
    last = finding is _responsible(of)[-1]
    tried = last and finding.effect != "precision" and _agrees(of)
    if not tried:
        return text
    return f"{text}; undone, outputs {f'agree to {undone:.0e}' if undone else 'are equal'}"


def _agrees(of: Evident) -> bool:
    outputs = of.answer.evidence.outputs
    return (
        outputs.undone is not None
        and outputs.deviation is not None
        and outputs.undone < 0.01 * outputs.deviation
    )


def _weights(of: Evident) -> str:
    """Return one line that says whether the weights are the same."""
    evidence = of.answer.evidence.weights
    if of.weights is None:
        return "" if evidence.sameness == "drawn" else f"not compared: {evidence.reason}"
    total = f"{evidence.layers} layers" if evidence.layers != 1 else "1 layer"
    if evidence.sameness != "differ":
        orders = [relation.sentence for relation in of.relations if relation.undone]
        return "; ".join((f"{evidence.sameness} ({total})", *orders))
    shown = "; ".join(evidence.relations or map(_layer, of.weights.different[:3]))
    return f"differ in {evidence.differing} of {total}: {shown}"


def _layer(layer: LayerWeights) -> str:
    name = ending(layer.a or layer.b)
    if not (layer.a and layer.b):
        return f"{name} in one network only"
    if layer.difference is None:
        return f"{name} has other shapes"
    return f"{name} by {layer.difference:.2g} of the largest"


def _graph(of: Evident) -> list[str]:
    if not of.answer.evidence.outputs.compared:
        return [verdict(of.graphs), *(f"variants: {a} | {b}" for a, b in _variants(of))]
    remaining = _other_findings(of)
    written = f"written differently: {', '.join(of.graphs.passes)}" if of.graphs.passes else ""
    if not of.graphs.findings:
        return [f"the same architecture{f' ({written})' if written else ''}"]
    lines = []
    for harmless in (True, False):
        group = [f for f in remaining if _harmless(of, f) == harmless]
        if group:
            names = ", ".join(f"{f.code} {f.name} ({f.where})" for f in group[:_SHOWN])
            more = f" and {len(group) - _SHOWN} more" if len(group) > _SHOWN else ""
            noun = "1 difference" if len(group) == 1 else f"{len(group)} differences"
            effect = "without effect" if harmless else _undecided(of)
            lines.append(f"{noun} {effect}: {names}{more}")
    lines += [f"variants: {left} | {right}" for left, right in _variants(of)]
    return [*lines, written] if written else lines


def _harmless(of: Evident, finding: Finding) -> bool:
    return finding.code in of.answer.up_to


def _undecided(of: Evident) -> str:
    return "that may matter" if of.answer.same_function is None else "beside these"


def _size(of: Evident) -> str:
    a, b = of.graphs.a.counts, of.graphs.b.counts
    counted = f"parameters {a.parameters:,}"
    counted += f" | {b.parameters:,}" if a.parameters != b.parameters else " in both"
    macs = [billions(a.macs), billions(b.macs)]
    if a.macs != b.macs and macs[0] == macs[1]:
        macs = [f"{n:,}" for n in (a.macs, b.macs)]
    return f"{counted}; MACs {macs[0]}" + (f" | {macs[1]}" if a.macs != b.macs else " in both")


def sentence(finding: Finding) -> str:
    """Return a finding as one line."""
    where = finding.where
    more = f" ({finding.parameters:+,} parameters)" if finding.parameters else ""
    note = {
        "parametrisation": "; the same functions",
        "training": "; nothing at inference",
    }.get(finding.effect, "")
    return f"{where}: {finding.left} | {finding.right}{more}{note}"


def _paired(finding: Finding) -> list[tuple[str, str]]:
    a, b = finding.places_a, finding.places_b
    longest = max(len(a), len(b))
    left = [*a, *[""] * (longest - len(a))]
    right = [*b, *[""] * (longest - len(b))]
    return list(zip(left, right, strict=True))


def _variants(of: Evident) -> list[tuple[str, str]]:
    left, right = of.graphs.a.variants, of.graphs.b.variants
    if left == right or not (left or right):
        return []
    return [("; ".join(left) or "none known", "; ".join(right) or "none known")]


def proved(proof: Proof) -> str:
    """Return the proof's verdict in one line."""
    where = "in their own frameworks" if proof.native else "in zoodiff's interpreter"
    if proof.difference is None:
        measured = "the weights of one do not fit the other"
    else:
        measured = f"relative difference {proof.difference:.1e} with equal weights, {where}"
    control = f"; control {proof.control:.0e}" if proof.control is not None else ""
    text: str = proof.verdict
    if proof.verdict == "not proved" and proof.difference is None:
        return f"{text}: {proof.reason}"
    text += f" ({measured}{control})"
    if proof.responsible and proof.undone is not None and not proof.reason:
        text += f"; the same ({proof.undone:.0e}) once {', '.join(proof.responsible)} undone"
    elif proof.responsible:
        text += f"; what matters: {', '.join(proof.responsible)}"
    return text + (f"; {proof.reason}" if proof.reason else "")


def verdict(diff: Diff) -> str:
    """Return one line that says whether the structures are the same architecture."""
    up_to = ", ".join(diff.up_to)
    spelt = f" (written differently: {', '.join(diff.passes)})" if diff.passes else ""
    if diff.sameness == "same":
        return f"the same architecture{spelt}"
    if diff.sameness == "same up to":
        return f"the same architecture up to {up_to}{spelt}"
    codes = list(dict.fromkeys(f.code for f in diff.findings if not f.same_architecture))
    unchanged = list(dict.fromkeys(f.code for f in diff.findings if f.same_function))
    harmless = f"; without effect on the function: {', '.join(unchanged)}" if unchanged else ""
    return f"different architectures: {', '.join(codes)}{harmless}{spelt}"
