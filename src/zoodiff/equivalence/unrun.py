"""Answers for networks that were not run with weights of their own."""

from __future__ import annotations

from collections.abc import Sequence

from zoodiff.architecture.diff import Diff
from zoodiff.equivalence.answer import (
    Answer,
    Domain,
    Evidence,
    OutputsEvidence,
    Relation,
    WeightsEvidence,
)
from zoodiff.equivalence.decision import graph_evidence
from zoodiff.equivalence.proof import Proof
from zoodiff.equivalence.weights.weight_diff import WeightsDiff
from zoodiff.graph.operators.random_numbers import draws
from zoodiff.zoos.base import Weights
from zoodiff.zoos.registry import Entry

NOTHING_COMPARED = "weights and outputs were not compared"
"""The reason where graphs alone were asked for."""
_EFFECTS: dict[str, Relation] = {
    "precision": "same network, other precision",
    "preprocessing": "same network, preprocessing inside one",
}


def from_graphs(diff: Diff, reason: str) -> Answer:
    """Return the answer from graphs alone, for networks that were not run because of ``reason``.

    Equal graphs do not make equal functions, since weights may differ; and a finding may change
    nothing. Inputs or outputs of other shapes do make other functions.
    """
    graph = graph_evidence(diff)
    evidence = Evidence(OutputsEvidence(False, reason), WeightsEvidence(False, reason), graph)
    for noun, code, shapes in (
        ("inputs", "ARC151", _inputs(diff)),
        ("outputs", "", _outputs(diff)),
    ):
        if shapes[0] != shapes[1]:
            named = [f.code for f in diff.findings if f.code == code] or list(graph.of_effect)
            return Answer(
                "different functions",
                f"different functions: the {noun} have the shapes {shapes[0]} and {shapes[1]}",
                evidence,
                because=tuple(dict.fromkeys(named)),
                up_to=graph.without_effect,
            )
    codes = ", ".join(graph.of_effect)
    if diff.sameness == "different":
        architectures = f"different architectures ({codes})"
    else:
        architectures = f"the same architecture{f' up to {codes}' if codes else ''}"
    return Answer(
        "not decided",
        f"not decided: {architectures}, but {reason}",
        evidence,
        reason=reason,
        up_to=graph.without_effect,
    )


def from_weights(diff: Diff, compared: WeightsDiff) -> Answer:
    """Return the answer from graphs and weights, for networks that were not run.

    Where both are equal, and every operator is known, so is the function.
    """
    reason = "outputs were not compared"
    graph = graph_evidence(diff)
    weights = WeightsEvidence(
        True, "", compared.sameness, len(compared.layers), len(compared.different)
    )
    evidence = Evidence(OutputsEvidence(False, reason), weights, graph)
    nodes = [n for side in (diff.a, diff.b) for n in side.canonical.nodes]
    opaque = any("::" in n.op for n in nodes)
    unsteady = any(n.attributes.get("training") or draws(n) for n in nodes)
    equal = compared.sameness in {"identical", "equal after folding"}
    if equal and not opaque and not unsteady and not graph.of_effect:
        sentence = "the same function, by graphs and weights; outputs were not compared"
        return Answer("same function", sentence, evidence, up_to=graph.without_effect)
    parts = [f"different architectures ({', '.join(graph.of_effect)})"] if graph.of_effect else []
    if opaque:
        parts.append("layers that zoodiff does not know")
    if unsteady:
        parts.append("layers that behave as in training, or draw random numbers")
    parts.append(
        f"weights that differ in {weights.differing} of {weights.layers} layers"
        if compared.sameness == "differ"
        else f"weights {compared.sameness}"
    )
    sentence = f"not decided: {' and '.join(parts)}, but {reason}"
    return Answer("not decided", sentence, evidence, reason, up_to=graph.without_effect)


def from_proof(
    diff: Diff, proof: Proof, sides: Sequence[Entry], reason: str, unread: tuple[str, ...] = ()
) -> Answer:
    """Return the answer from running both with equal, drawn weights.

    ``reason`` says why they were not run with weights of their own; they have none where both are
    entries with random weights. ``unread`` has a sentence for each input that nothing reads.
    """
    outputs = OutputsEvidence(
        compared=proof.difference is not None,
        reason=proof.reason,
        where="in their own frameworks" if proof.native else "in zoodiff's interpreter",
        inputs=proof.trials,
        deviation=proof.difference,
        rounding=proof.control,
        undone=proof.undone,
    )
    graph = graph_evidence(diff)
    evidence = Evidence(outputs, WeightsEvidence(False, reason, "drawn"), graph)
    size = "x".join(str(n) for n in diff.a.canonical.inputs[0].shape[2:])
    domain = Domain((size,) if size else (), (1,), ("float32",), inputs=unread)
    if proof.inputs:
        domain = Domain(precisions=("float32",), inputs=(*proof.inputs, *unread))
    if proof.verdict == "not proved":
        sentence = f"not decided: {proof.reason}"
        return Answer("not decided", sentence, evidence, proof.reason, domain=domain)
    if proof.verdict == "different function":
        because = proof.responsible or graph.of_effect
        effects = {f.effect for f in diff.findings if f.code in because}
        relation: Relation = "different functions"
        if len(effects) == 1 and not proof.reason:
            relation = _EFFECTS.get(next(iter(effects)), relation)
        return Answer(
            relation,
            f"{relation}, whatever the weights",
            evidence,
            because=because,
            up_to=graph.without_effect,
            domain=domain,
        )
    up_to = tuple(dict.fromkeys(f.code for f in diff.findings))
    a, b = sides
    if a.weights is None and b.weights is None:
        sentence = "the same function with equal weights"
        return Answer("same function", sentence, evidence, up_to=up_to, domain=domain)
    if a.weights is None or b.weights is None:
        reason = "one of the two has random weights"
    elif a.zoo.name == b.zoo.name and _published_apart(a.weights, b.weights):
        sentence = (
            f"different functions: the same network with the weights {a.weights_name} and "
            f"{b.weights_name}"
        )
        return Answer(
            "different functions",
            sentence,
            evidence,
            because=("weights",),
            up_to=up_to,
            domain=domain,
        )
    sentence = f"not decided: the same function with equal weights, but {reason}"
    return Answer("not decided", sentence, evidence, reason, up_to=up_to, domain=domain)


def _published_apart(a: Weights, b: Weights) -> bool:
    """Whether a zoo publishes two sets of weights as different files."""
    if a.sha256 and b.sha256:
        return a.sha256 != b.sha256
    return a.url is not None and b.url is not None and a.url != b.url


def _inputs(diff: Diff) -> list[str]:
    return [_shapes([t.shape for t in x.canonical.inputs]) for x in (diff.a, diff.b)]


def _outputs(diff: Diff) -> list[str]:
    return [_shapes([t.shape for t in x.canonical.outputs]) for x in (diff.a, diff.b)]


def _shapes(shapes: Sequence[Sequence[int]]) -> str:
    return ", ".join("x".join(str(n) for n in shape[1:]) or "1" for shape in shapes)
