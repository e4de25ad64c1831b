"""The output of ``zoodiff diff``: the answer first, then the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoodiff.api import MARGIN
from zoodiff.cli.render.console import billions, print_line, print_wrapped
from zoodiff.text import ending

if TYPE_CHECKING:
    from zoodiff.api import (
        Diff,
        DiffReport,
        Finding,
        LayerWeights,
        OutputsEvidence,
        PreprocessingDiff,
        Proof,
    )

_INDENT = 12
_SHOWN = 6
"""Number of findings listed per group; the others are counted."""


def print_report(report: DiffReport, places: bool) -> None:
    """Print the answer and its evidence; ``places`` names every layer of every finding."""
    answer = report.answer
    print_line(answer.sentence)
    _row("outputs", _outputs(report))
    for number, finding in enumerate(_responsible(report)):
        _row("because" if not number else "", _cause(report, finding))
        _print_places(finding, places)
    _row("weights", _weights(report))
    for layer in report.weights.different if places and report.weights is not None else ():
        _row("", _layer(layer))
    for number, text in enumerate(_graph(report)):
        _row("graph" if not number else "", text)
    if places or not answer.evidence.outputs.compared:
        for finding in _other_findings(report):
            _row("", f"{finding.code} {finding.name}, {sentence(finding)}")
            _print_places(finding, places)
    _row("size", _size(report))
    if report.proof is not None and answer.evidence.weights.sameness != "drawn":
        _row("proof", proved(report.proof))


def _row(title: str, text: str) -> None:
    if text:
        print_wrapped(f"  {title:<9} {text}", _INDENT)


def _print_places(finding: Finding, places: bool) -> None:
    for left, right in _paired(finding) if places else ():
        _row("", f"  {left}" + (f"  |  {right}" if left != right else ""))


def _outputs(report: DiffReport) -> str:
    """Return the deviation of the outputs, and the inputs for which it holds."""
    outputs, domain = report.answer.evidence.outputs, report.answer.domain
    if not outputs.compared or outputs.deviation is None:
        return outputs.reason or "not compared"
    drawn = report.answer.evidence.weights.sameness == "drawn"
    weights_note = f" with equal weights, drawn for this, {outputs.where}" if drawn else ""
    parts = [f"{_apart(report, outputs)}{weights_note}"]
    if domain.sizes:
        parts.append(f"{_counted('size', domain.sizes)}")
    if domain.batches:
        parts.append(_counted("batch", [str(n) for n in domain.batches]))
    if outputs.reason and report.answer.reason != outputs.reason:
        parts.append(outputs.reason)
    return "; ".join(parts)


def _apart(report: DiffReport, outputs: OutputsEvidence) -> str:
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


def _responsible(report: DiffReport) -> list[Finding]:
    return [f for f in report.findings if f.code in report.answer.because]


def _other_findings(report: DiffReport) -> list[Finding]:
    return [f for f in report.findings if f.code not in report.answer.because]


def _cause(report: DiffReport, finding: Finding) -> str:
    said = sentence(finding)
    if finding.effect == "parametrisation":
        said = said.replace("; the same functions", "; the weights do not make up for it")
    text = f"{finding.code} {finding.name}, {said}"
    undone = report.answer.evidence.outputs.undone
    last = finding is _responsible(report)[-1]
    tried = last and finding.effect != "precision" and _agrees(report)
    if not tried:
        return text
    return f"{text}; undone, outputs {f'agree to {undone:.0e}' if undone else 'are equal'}"


def _agrees(report: DiffReport) -> bool:
    outputs = report.answer.evidence.outputs
    return (
        outputs.undone is not None
        and outputs.deviation is not None
        and outputs.undone < 0.01 * outputs.deviation
    )


def _weights(report: DiffReport) -> str:
    """Return one line that says whether the weights are the same."""
    evidence = report.answer.evidence.weights
    if report.weights is None:
        return "" if evidence.sameness == "drawn" else f"not compared: {evidence.reason}"
    total = f"{evidence.layers} layers" if evidence.layers != 1 else "1 layer"
    if evidence.sameness != "differ":
        orders = [relation.sentence for relation in report.relations if relation.undone]
        return "; ".join((f"{evidence.sameness} ({total})", *orders))
    shown = "; ".join(evidence.relations or map(_layer, report.weights.different[:3]))
    return f"differ in {evidence.differing} of {total}: {shown}"


def _layer(layer: LayerWeights) -> str:
    name = ending(layer.a or layer.b)
    if not (layer.a and layer.b):
        return f"{name} in one network only"
    if layer.difference is None:
        return f"{name} has other shapes"
    return f"{name} by {layer.difference:.2g} of the largest"


def _graph(report: DiffReport) -> list[str]:
    if not report.answer.evidence.outputs.compared:
        return [verdict(report), *(f"variants: {a} | {b}" for a, b in _variants(report))]
    remaining = _other_findings(report)
    written = f"written differently: {', '.join(report.passes)}" if report.passes else ""
    if not report.findings:
        return [f"the same architecture{f' ({written})' if written else ''}"]
    lines = []
    for harmless in (True, False):
        group = [f for f in remaining if _harmless(report, f) == harmless]
        if group:
            names = ", ".join(f"{f.code} {f.name} ({f.where})" for f in group[:_SHOWN])
            more = f" and {len(group) - _SHOWN} more" if len(group) > _SHOWN else ""
            noun = "1 difference" if len(group) == 1 else f"{len(group)} differences"
            effect = "without effect" if harmless else _undecided(report)
            lines.append(f"{noun} {effect}: {names}{more}")
    lines += [f"variants: {left} | {right}" for left, right in _variants(report)]
    return [*lines, written] if written else lines


def _harmless(report: DiffReport, finding: Finding) -> bool:
    return finding.code in report.answer.up_to


def _undecided(report: DiffReport) -> str:
    return "that may matter" if report.answer.same_function is None else "beside these"


def _size(report: DiffReport) -> str:
    a, b = report.a.counts, report.b.counts
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


def _variants(report: DiffReport) -> list[tuple[str, str]]:
    left, right = report.a.variants, report.b.variants
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


def print_preprocessing(diff: PreprocessingDiff) -> None:
    """Print how two entries prepare images, outside and inside their networks."""
    width = max((len(f.factor) for f in diff.findings), default=0)
    for finding in diff.findings:
        print_line(f"{finding.code}  {finding.factor:{width}}  {finding.left} | {finding.right}")
    if not diff.findings:
        print_line("the same preprocessing")
    for side in diff.sides:
        if side.defaulted:
            print_line(
                f"{side.name} publishes nothing of {', '.join(side.defaulted)}: usual values taken"
            )
        if side.effective is None:
            print_line(f"{side.name}: its network was not read ({side.problem})")
        elif side.effective.inside or side.effective.unread:
            steps = ", ".join((*side.effective.inside, *side.effective.unread))
            print_line(f"{side.name} does {steps} inside the network; all together")
            print_line(f"    {side.effective.sentence()}")
        if side.warning:
            print_line(f"{side.warning[0]}  {side.name}: {side.warning[1]}")


def verdict(diff: Diff | DiffReport) -> str:
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
