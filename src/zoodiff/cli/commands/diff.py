"""``zoodiff diff``: two architectures compared, like a code diff."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from itertools import takewhile
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import AllowCode
from zoodiff.cli.render.console import (
    Json,
    billions,
    complete_entry,
    print_json,
    print_line,
    status,
)
from zoodiff.errors import UsageError

if TYPE_CHECKING:
    from zoodiff.architecture.diff import Diff
    from zoodiff.equivalence.proof import Proof
    from zoodiff.equivalence.weight_diff import LayerWeights, WeightsDiff
    from zoodiff.rules.findings import Finding
    from zoodiff.workers.process import Limits


def diff(
    a: Annotated[str, typer.Argument(help="An entry.", autocompletion=complete_entry)],
    b: Annotated[str, typer.Argument(help="Another entry.", autocompletion=complete_entry)],
    places: Annotated[
        bool, typer.Option("--places", help="Name every layer that a finding is about.")
    ] = False,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="PASS", help="Leave out a pass (repeat)."),
    ] = None,
    prove: Annotated[
        bool,
        typer.Option("--prove", help="Put A's weights into B, run both, and say what matters."),
    ] = False,
    weights: Annotated[
        bool,
        typer.Option(
            "--weights", help="Compare the weights too, whatever their format, names and layout."
        ),
    ] = False,
    preprocessing: Annotated[
        bool,
        typer.Option(
            "--preprocessing",
            help="Compare how images are prepared instead, outside and inside.",
        ),
    ] = False,
    allow_code: AllowCode = None,
    worker_seconds: WorkerSeconds = SECONDS,
    worker_memory: WorkerMemory = None,
    json: Json = False,
) -> None:
    """Name what differs between two networks: their structure, not their names.

    Codes are explained by `zoodiff rules`. Besides entries, paths of model files are taken.
    """
    from zoodiff import api

    limits = limits_of(worker_seconds, worker_memory)
    if preprocessing:
        if without or prove or weights or places:
            raise UsageError("--preprocessing compares no architecture; ask for it by itself")
        _preprocessing(a, b, limits, json)
        return
    if without and (prove or weights):
        raise UsageError("--prove and --weights take all passes; leave out --without")
    if prove and weights:
        raise UsageError("--prove puts random weights in; ask for --weights by itself")
    proof: Proof | None = None
    held: WeightsDiff | None = None
    with status(f"building {a} and {b}"):
        if prove:
            found, proof = api.prove(a, b, limits=limits)
        elif weights:
            found, held = api.diff_weights(a, b, limits=limits)
        else:
            found = api.diff(a, b, without=without or (), limits=limits)
    if json:
        more: dict[str, Any] = {"proof": asdict(proof)} if proof else {}
        if held is not None:
            more["weights"] = {"sameness": held.sameness, **asdict(held)}
        print_json(found.to_dict() | more)
        return
    _print(found, places)
    if proof is not None:
        print_line(proved(proof))
    if held is not None:
        print_line(weighed(held))
        for layer in held.different if places else ():
            print_line(f"    {_weighed(layer)}")


def _preprocessing(a: str, b: str, limits: Limits, json: bool) -> None:
    from zoodiff.accuracy.attribution.preprocessing_diff import compare_preprocessing
    from zoodiff.engines.local import LocalEngine
    from zoodiff.zoos import registry

    entries = [registry.resolve(name) for name in (a, b)]
    with LocalEngine(limits) as engine:
        found = compare_preprocessing(engine, entries[0], entries[1])
    if json:
        print_json(found.to_dict())
        return
    width = max((len(one.factor) for one in found.findings), default=0)
    for one in found.findings:
        print_line(f"{one.code}  {one.factor:{width}}  {one.left} | {one.right}")
    if not found.findings:
        print_line("the same preprocessing")
    for side in found.sides:
        if side.taken:
            print_line(
                f"{side.name} publishes nothing of {', '.join(side.taken)}: usual values taken"
            )
        if side.effective is None:
            print_line(f"{side.name}: its network was not read ({side.problem})")
        elif side.effective.inside or side.effective.unread:
            steps = ", ".join((*side.effective.inside, *side.effective.unread))
            print_line(f"{side.name} does {steps} inside the network; all together")
            print_line(f"    {side.effective.sentence()}")
        if side.doubt:
            print_line(f"{side.doubt[0]}  {side.name}: {side.doubt[1]}")


def _print(found: Diff, places: bool) -> None:
    width = max((len(f.name) for f in found.findings), default=0)
    for finding in found.findings:
        print_line(f"{finding.code}  {finding.name:{width}}  {sentence(finding)}")
        if places:
            for one, other in _paired(finding):
                print_line(f"    {one}" + (f"  |  {other}" if one != other else ""))
    for left, right in _variants(found):
        print_line(f"variant: {left} | {right}")
    a, b = found.a.counts, found.b.counts
    counted = f"parameters {a.parameters:,}"
    counted += f" | {b.parameters:,}" if a.parameters != b.parameters else " in both"
    macs = [billions(a.macs), billions(b.macs)]
    if a.macs != b.macs and macs[0] == macs[1]:
        macs = [f"{n:,}" for n in (a.macs, b.macs)]
    counted += f"     MACs {macs[0]}" + (f" | {macs[1]}" if a.macs != b.macs else " in both")
    print_line(counted)
    print_line(verdict(found))


def sentence(finding: Finding) -> str:
    """What a finding says, in one line."""
    where = _where(finding)
    more = f" ({finding.parameters:+,} parameters)" if finding.parameters else ""
    note = {
        "parametrisation": "; the same functions",
        "training": "; nothing at inference",
    }.get(finding.effect, "")
    return f"{where}: {finding.left} | {finding.right}{more}{note}"


def _where(finding: Finding) -> str:
    names = tuple(map(_short, finding.places_a or finding.places_b))
    if finding.noun == "blocks":
        names = tuple(dict.fromkeys(_common(e, finding) for e in range(finding.count)))
    if finding.noun in {"places", "layers", "inputs", "heads"} or not names:
        shown = ", ".join(names[:3])
        rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return f"{shown}{rest}" if names else finding.noun
    if finding.count == 1 or (len(names) <= 3 and finding.noun == "blocks"):
        return ", ".join(names)
    noun = finding.noun or "layers"
    return (
        f"{finding.count} {noun} ({names[0]}, ...)"
        if len(names) > 3
        else (f"{finding.count} {noun} ({', '.join(names)})")
    )


def _short(name: str) -> str:
    """Converters join names of what they merged; the end tells where it is."""
    return name if len(name) <= _WIDEST else f"...{name[-_WIDEST:]}"


_WIDEST = 60


def _common(index: int, finding: Finding) -> str:
    """The part of the names that the layers of one place share."""
    size = len(finding.differences[0].a)
    offset = sum(len(difference.a) for difference in finding.differences[:index])
    names = finding.places_a[offset : offset + (len(finding.differences[index].a) or size)]
    letters = zip(*names, strict=False)
    prefix = "".join(same[0] for same in takewhile(lambda same: len(set(same)) == 1, letters))
    for separator in "./_":
        if separator in prefix:
            return prefix[: prefix.rindex(separator)]
    return prefix or names[0]


def _paired(finding: Finding) -> list[tuple[str, str]]:
    a, b = finding.places_a, finding.places_b
    longest = max(len(a), len(b))
    left = [*a, *[""] * (longest - len(a))]
    right = [*b, *[""] * (longest - len(b))]
    return list(zip(left, right, strict=True))


def _variants(found: Diff) -> list[tuple[str, str]]:
    left, right = found.a.variants, found.b.variants
    if left == right or not (left or right):
        return []
    return [("; ".join(left) or "none known", "; ".join(right) or "none known")]


def proved(proof: Proof) -> str:
    """The proof in one line."""
    where = "in their own frameworks" if proof.native else "in zoodiff's interpreter"
    if proof.difference is None:
        measured = "the weights of one do not fit the other"
    else:
        measured = f"relative difference {proof.difference:.1e} with equal weights, {where}"
    control = f"; control {proof.control:.0e}" if proof.control is not None else ""
    text = f"proof: {proof.verdict}"
    if proof.verdict == "not proved" and proof.difference is None:
        return f"{text}: {proof.reason}"
    text += f" ({measured}{control})"
    if proof.responsible and proof.undone is not None and not proof.reason:
        text += f"; the same ({proof.undone:.0e}) once {', '.join(proof.responsible)} undone"
    elif proof.responsible:
        text += f"; what matters: {', '.join(proof.responsible)}"
    return text + (f"; {proof.reason}" if proof.reason else "")


def weighed(held: WeightsDiff) -> str:
    """Whether the weights are the same, in one line."""
    total = len(held.layers)
    if held.sameness != "differ":
        counted = Counter(layer.sameness for layer in held.layers)
        if len(counted) < 2:
            return f"weights: {held.sameness} ({total} layers)"
        said = ", ".join(f"{count} {sameness}" for sameness, count in counted.items())
        return f"weights: {held.sameness} ({total} layers: {said})"
    shown = "; ".join(_weighed(layer) for layer in held.different[:3])
    return f"weights: differ in {len(held.different)} of {total} layers: {shown}"


def _weighed(layer: LayerWeights) -> str:
    name = _short(layer.a or layer.b)
    if not (layer.a and layer.b):
        return f"{name} in one network only"
    if layer.difference is None:
        return f"{name} has other shapes"
    return f"{name} by {layer.difference:.2g} of the largest"


def verdict(found: Diff) -> str:
    """One line: whether the two are one architecture."""
    up_to = ", ".join(found.up_to)
    spelt = f" (spellings unified: {', '.join(found.passes)})" if found.passes else ""
    if found.sameness == "same":
        return f"the same architecture{spelt}"
    if found.sameness == "same up to":
        return f"the same architecture up to {up_to}{spelt}"
    others = list(dict.fromkeys(f.code for f in found.findings if not f.same_function))
    rest = f"; without effect on the function: {up_to}" if up_to else ""
    return f"different architectures: {', '.join(others)}{rest}{spelt}"
