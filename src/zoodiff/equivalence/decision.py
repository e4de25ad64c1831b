"""From graphs, weights and outputs to one answer.

Outputs decide, where both networks could be run; findings and weights say why. A finding that
changes a function in general may change nothing here (a padding with zeros before a maximum of
values that are not negative): then outputs agree, and it is listed as one without effect.
"""

from __future__ import annotations

from dataclasses import replace

from zoodiff.architecture.diff import Diff
from zoodiff.equivalence.activation_scales import NOUN as QUANTISED_TENSORS
from zoodiff.equivalence.answer import (
    Answer,
    Domain,
    Evidence,
    GraphEvidence,
    OutputsEvidence,
    Relation,
    WeightsEvidence,
)
from zoodiff.equivalence.domain import domain_of
from zoodiff.equivalence.hidden_positions import beside_hidden_positions
from zoodiff.equivalence.outputs import (
    NO_EFFECT,
    Case,
    Outputs,
    differs_each_time,
    hold_against_double,
    measure,
    near_rounding,
    parting,
    precision,
)
from zoodiff.equivalence.responsibility import (
    responsible,
    responsible_with_own_weights,
    weights_differ,
    weights_matter,
)
from zoodiff.equivalence.runs.named_inputs import is_embedding
from zoodiff.graph.ir import Node
from zoodiff.graph.operators.data_sizes import counted_by_values
from zoodiff.graph.operators.random_numbers import chance, drops
from zoodiff.rules.architecture.blocks.attention import FUSED_LAYOUT
from zoodiff.rules.architecture.norms.batch_norms import LEARNED_TERMS, SCALE_LAYERS
from zoodiff.rules.findings import Finding

_NEAR_ROUNDING = "the outputs differ by about as much as rounding does"
_RELATED = 2
"""Relations of weights that a sentence names."""
PRECISION = frozenset(
    {
        "quantised per channel",
        "quantised per tensor",
        "rounded to bfloat16",
        "rounded to half precision",
    }
)
"""Kinds of relations for the same weights stored with fewer bits."""
HARMLESS = frozenset({"bias moved", "norm folded", "read in another order", "zero bias dropped"})
"""Kinds of relations that change nothing."""


_OF_WEIGHTS = frozenset({SCALE_LAYERS.code, LEARNED_TERMS.code})
"""Findings that are harmless where the weights make up for what one network lacks."""


def decide(case: Case) -> Answer:
    """Return the answer for two networks that were run."""
    return _Decision(case).answer()


class _Decision:
    def __init__(self, case: Case) -> None:
        self._case, self._diff = case, case.diff
        findings = case.diff.findings
        self._parting = parting(case.diff)
        """Findings that may change the function."""
        self._precision = [f for f in self._parting if f.effect == "precision"]
        self._inside = [f for f in self._parting if f.effect == "preprocessing"]
        self._without = tuple(dict.fromkeys(f.code for f in findings if f.effect in NO_EFFECT))

    def answer(self) -> Answer:
        """Decide, then say for which sizes and batches."""
        at_once = self._unsteady()
        if at_once is None:
            at_once = self._of_other_sizes()
        if at_once is not None:
            return at_once
        outputs = measure(self._case)
        if len(outputs.deviations) == outputs.blind:
            reason = "neither network gives a number on any generated input"
            return self._answer("not decided", outputs, f"not decided: {reason}", reason=reason)
        hold_against_double(self._case, outputs)
        tables_differ = self._case.compared is not None and self._tables_differ()
        masked = beside_hidden_positions(self._case, outputs, tables_differ=tables_differ)
        outputs = masked.outputs
        domain = domain_of(self._case, outputs)
        domain = replace(domain, notes=(*domain.notes, *masked.notes))
        if outputs.explained and not self._precision:
            return self._agreed(outputs, domain)
        if doubt := masked.doubt:
            return self._answer("not decided", outputs, f"not decided: {doubt}", reason=doubt)
        if not outputs.explained and near_rounding(outputs):
            return self._answer(
                "not decided", outputs, f"not decided: {_NEAR_ROUNDING}", reason=_NEAR_ROUNDING
            )
        return self._parted(outputs, domain)

    def _agreed(self, outputs: Outputs, domain: Domain) -> Answer:
        """The answer for outputs that agree within rounding, of networks of equal precision."""
        doubt = self._doubt(outputs) or (_NEAR_ROUNDING if outputs.unclear else "")
        if doubt:
            answer = self._answer("not decided", outputs, f"not decided: {doubt}", reason=doubt)
            return replace(answer, domain=domain)
        if outputs.coarse:
            return self._of_few_bits(outputs, domain)
        return self._same(outputs, domain)

    def _doubt(self, outputs: Outputs) -> str:
        """Why agreeing outputs prove nothing here; empty where they prove equality."""
        questions = self._case.questions
        if not self._parting and not weights_differ(self._case) and self._case.compared is not None:
            return questions.doubt
        if questions.doubt or (questions.untried and self._tables_differ()):
            apart = "weights differ" if weights_differ(self._case) else "weights were not compared"
            return questions.doubt or f"{apart}, and only {'; '.join(questions.untried)}"
        if outputs.interpreted is None:
            unknown = outputs.distrust or "double precision was not tried"
            count = max(len(side.canonical.outputs) for side in (self._diff.a, self._diff.b))
            if count > 1 and self._case.questions.images:
                return f"only the first of {count} outputs was compared ({unknown})"
            if outputs.coarse and (self._parting or weights_differ(self._case)):
                return f"numbers of few bits hide small differences ({unknown})"
        if outputs.constant and not outputs.coarse:
            return "the outputs hardly depend on the input, so equal ones prove nothing"
        return ""

    def _tables_differ(self) -> bool:
        """Whether a table of ids may differ: not all of its rows are tried."""
        compared = self._case.compared
        if compared is None:
            return not self._case.tables_equal
        layers = {x.a for x in compared.different} | {x.b for x in compared.different}
        nodes = (*self._diff.a.canonical.nodes, *self._diff.b.canonical.nodes)
        return any(is_embedding(node) and node.name in layers for node in nodes)

    def _of_few_bits(self, outputs: Outputs, domain: Domain) -> Answer:
        """The answer for networks of few bits whose outputs agree: double precision decides."""
        if outputs.doubles and max(outputs.doubles) > outputs.limit:
            return self._parted(outputs, domain)
        whole = "int8" in {precision(side) for side in (self._diff.a, self._diff.b)}
        if outputs.finely_explained or not whole:
            return self._same(outputs, domain)
        sentence = "the same network, other precision: the two round to integers in other places"
        answer = self._answer("same network, other precision", outputs, sentence)
        return replace(answer, domain=domain)

    def _unsteady(self) -> Answer | None:
        """The answer where outputs depend on chance or on the rest of the batch; else None."""
        sides = (self._diff.a, self._diff.b)
        for effect, words, unsteady_node in (
            ("chance", "depend on chance", drops),
            ("batch", "depend on the other images of a batch", _normalises_batches),
        ):
            codes = dict.fromkeys(f.code for f in self._diff.findings if f.effect == effect)
            if codes:
                which = " and ".join(
                    s.name for s in sides if any(map(unsteady_node, s.canonical.nodes))
                )
                answer = self._answer(
                    "different functions",
                    measure(self._case),
                    f"different functions: the answers of {which} {words}",
                    because=tuple(codes),
                )
                return _without_outputs(answer) if effect == "chance" else answer
        causes = {s.name: why for s in sides if (why := chance(s.canonical))}
        if causes:
            whys = ", ".join(dict.fromkeys(causes.values()))
            reason = f"the answers of {' and '.join(causes)} depend on chance ({whys})"
            return self._by_chance(reason)
        random = [
            side.name
            for side, run in zip(sides, self._case.runs, strict=True)
            if differs_each_time(run)
        ]
        if random:
            verb = "answers" if len(random) == 1 else "answer"
            reason = f"{' and '.join(random)} {verb} the same input differently each time"
            return self._by_chance(reason)
        return None

    def _of_other_sizes(self) -> Answer | None:
        """The answer where as many outputs hold other numbers of values; else None.

        Where values decide how many results there are, rounding may part the numbers.
        """
        sizes = self._case.questions.other_sizes
        nodes = (*self._diff.a.canonical.nodes, *self._diff.b.canonical.nodes)
        if not sizes or any(counted_by_values(node) for node in nodes):
            return None
        sentence, because = f"different functions: {sizes}", [f.code for f in self._parting]
        answer = self._answer(
            "different functions",
            measure(self._case),
            sentence,
            because=tuple(dict.fromkeys(because)),
        )
        return _without_outputs(answer, "they have other sizes")

    def _by_chance(self, reason: str) -> Answer:
        """The answer for networks whose outputs mean nothing, since chance decides them."""
        answer = self._answer(
            "not decided", measure(self._case), f"not decided: {reason}", reason=reason
        )
        return _without_outputs(answer)

    def _same(self, outputs: Outputs, domain: Domain) -> Answer:
        files = all(s.name.startswith("file:") for s in (self._diff.a, self._diff.b))
        sentence = (
            f"the same function, with {'the weights in these files' if files else 'their weights'}"
        )
        relations = self._case.relations
        if self._case.compared is not None and self._case.compared.sameness != "differ":
            relations = tuple(r for r in relations if r.undone)
        related = [r.sentence for r in relations if r.kind not in HARMLESS]
        if related or weights_differ(self._case):
            sentence = "; ".join((sentence, *related[:_RELATED], "nothing changes"))
        if domain.notes:
            sentence = f"{sentence}; {'; '.join(domain.notes)}"
        up_to = tuple(dict.fromkeys(f.code for f in self._diff.findings))
        answer = self._answer("same function", outputs, sentence, up_to=up_to)
        return replace(answer, domain=domain)

    def _parted(self, outputs: Outputs, domain: Domain) -> Answer:
        matter, undone = responsible(self._case, outputs)
        weights = self._case.compared
        apart = weights is not None and weights.sameness == "differ"
        precise = {f.code for f in self._precision}
        kinds = {r.kind for r in self._case.relations}
        rounded = bool(kinds & PRECISION) and self._harmless(PRECISION)
        codes = tuple(dict.fromkeys(f.code for f in matter))
        if self._precision and set(codes) <= precise and weights is None:
            reason = f"they differ in precision, and weights were not compared: {self._unread()}"
            return self._answer("not decided", outputs, f"not decided: {reason}", reason=reason)
        cut = not outputs.explained and any(f.noun == QUANTISED_TENSORS for f in self._precision)
        alike = bool(self._precision) and not apart and not cut
        if (rounded or alike) and set(codes) <= precise:
            details = [f"{f.left} | {f.right}" for f in self._precision[:1]]
            details += [r.sentence for r in self._case.relations if r.kind in PRECISION][:1]
            sentence = "; ".join(
                (f"the same network, other precision: {'; '.join(details)}", *domain.notes)
            )
            because = (*dict.fromkeys(f.code for f in self._precision), *["weights"] * rounded)
            answer = self._answer(
                "same network, other precision", outputs, sentence, because=because, undone=undone
            )
            return replace(answer, domain=domain)
        if (
            not weights_matter(self._case, outputs)
            and matter
            and all(f in self._inside for f in matter)
        ):
            sentence = self._inside_sentence()
            answer = self._answer(
                "same network, preprocessing inside one",
                outputs,
                sentence,
                because=codes,
                undone=undone,
            )
            return replace(answer, domain=domain)
        if apart and weights_matter(self._case, outputs):
            layouts = [f.code for f in self._diff.findings if self._is_unlike(f)]
            codes = (*codes, *dict.fromkeys(layouts), "weights")
        if not codes:
            codes = tuple(
                dict.fromkeys(f.code for f in responsible_with_own_weights(self._case, outputs))
            )
        if not codes and apart and not self._parting:
            codes = ("weights",)  # which the inputs that were run in double precision do not show
        if cut:  # values beyond the integers' range are lost, which is no rounding
            codes = tuple(dict.fromkeys((*codes, *(f.code for f in self._precision))))
        sentence = "different functions"
        if not codes:
            sentence += "; zoodiff does not know why"
        answer = self._answer(
            "different functions", outputs, sentence, because=codes, undone=undone
        )
        return replace(answer, domain=domain)

    def _is_unlike(self, finding: Finding) -> bool:
        """Whether weights differ in the way that a finding says, which alone would be harmless."""
        if finding.code not in _OF_WEIGHTS:
            return finding.code == FUSED_LAYOUT.code
        assert self._case.compared is not None
        layers = {(x.a, x.b) for x in self._case.compared.different}
        places = zip(finding.places_a, finding.places_b, strict=False)
        return any(place in layers for place in places)

    def _unread(self) -> str:
        return self._case.no_weights or "they could not be read"

    def _harmless(self, kinds: frozenset[str]) -> bool:
        """Whether all relations of the weights are of these kinds, or are undone."""
        return all(
            r.kind in kinds or r.kind in HARMLESS or r.undone is True for r in self._case.relations
        )

    def _inside_sentence(self) -> str:
        first = self._inside[0]
        side = self._diff.b.name if first.left == "none" else self._diff.a.name
        preprocessing = first.right if first.left == "none" else first.left
        if "none" not in {first.left, first.right}:
            return (
                f"the same network; the preprocessing inside differs: {first.left} | {first.right}"
            )
        return f"the same network; {side} has preprocessing inside: {preprocessing}"

    def _answer(
        self,
        relation: Relation,
        outputs: Outputs,
        sentence: str,
        *,
        because: tuple[str, ...] = (),
        up_to: tuple[str, ...] | None = None,
        undone: float | None = None,
        reason: str = "",
    ) -> Answer:
        worst = outputs.worst
        shown = OutputsEvidence(
            compared=True,
            reason=outputs.distrust,
            where="in their own runtimes",
            inputs=len(outputs.deviations),
            deviation=worst.measured,
            rounding=worst.rounding,
            probe=worst.probe,
            in_double=max(outputs.doubles) if outputs.doubles else None,
            undone=undone,
            other_best=outputs.other_best,
            classes=outputs.classes,
        )
        if outputs.blind:
            words = f"on {outputs.blind} of {shown.inputs} inputs neither gives a number"
            shown = replace(shown, reason="; ".join(filter(None, (shown.reason, words))))
        return Answer(
            relation,
            sentence,
            Evidence(shown, self._weights(), self._graph()),
            reason=reason,
            because=because,
            up_to=tuple(c for c in self._without if c not in because) if up_to is None else up_to,
        )

    def _weights(self) -> WeightsEvidence:
        compared = self._case.compared
        if compared is None:
            return WeightsEvidence(False, self._case.no_weights)
        return WeightsEvidence(
            True,
            "",
            compared.sameness,
            len(compared.layers),
            len(compared.different),
            tuple(relation.sentence for relation in self._case.relations),
        )

    def _graph(self) -> GraphEvidence:
        return graph_evidence(self._diff)


def graph_evidence(diff: Diff) -> GraphEvidence:
    """Return what the graphs alone show."""
    codes: dict[bool, dict[str, None]] = {True: {}, False: {}}
    for finding in diff.findings:
        codes[finding.effect in NO_EFFECT][finding.code] = None
    return GraphEvidence(len(diff.alignment.pairs), tuple(codes[False]), tuple(codes[True]))


def _normalises_batches(node: Node) -> bool:
    """Whether a batch norm uses the statistics of the batch at hand."""
    return node.op == "BatchNormalization" and bool(node.attributes.get("training"))


def _without_outputs(answer: Answer, reason: str = "they depend on chance") -> Answer:
    """The answer without the deviation of outputs, which says nothing for a reason."""
    evidence = replace(answer.evidence, outputs=OutputsEvidence(False, reason))
    return replace(answer, evidence=evidence)
