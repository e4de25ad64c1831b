"""Writes the page of the cases: totals, what others do better, every case, what is not rebuilt."""

from __future__ import annotations

from collections import Counter

from benchmarks.cases.not_rebuilt import NOT_REBUILT
from benchmarks.cases.programs import PROGRAMS
from benchmarks.cases.registry import Case
from benchmarks.cases.scoring import ProgramAnswer, Score, beside, vague

Scores = dict[str, dict[str, Score]]
Answers = dict[str, dict[str, ProgramAnswer]]

_SAID = {True: "same", False: "different", None: "not decided"}
_MARK = {True: "yes", False: "**no**", None: ""}


def summary(cases: list[Case], scores: Scores, answers: Answers) -> str:
    """Return a table of totals, a line per program, and a line of the recipes."""
    networks = [case for case in cases if not case.is_recipe]
    recipes = [case for case in cases if case.is_recipe]
    text = _totals(networks, scores, answers)
    if recipes and "zoodiff" in scores:
        exact = sum(scores["zoodiff"][case.name].exact for case in recipes)
        text += (
            f"\n\nThe {len(recipes)} pairs of recipes can be read by zoodiff only, which answers "
            f"{exact} of them rightly with the cause (`diff --preprocessing`)."
        )
    return text


def _totals(cases: list[Case], scores: Scores, answers: Answers) -> str:
    lines = [
        "| program | answer right | cause named | place named | all three | wrong answer | "
        "no answer | could not read |",
        "|---|---|---|---|---|---|---|---|",
    ]
    placed = [case.name for case in cases if case.places]
    for program in scores:
        by_case = {case.name: scores[program][case.name] for case in cases}
        given = [answers[program][case.name] for case in cases]
        right = sum(got.answer for got in by_case.values())
        unread = sum(bool(answer.same is None and answer.unread) for answer in given)
        undecided = sum(answer.same is None for answer in given) - unread
        lines.append(
            f"| {program} | {right} of {len(cases)} "
            f"| {sum(got.cause for got in by_case.values())} "
            f"| {sum(bool(by_case[name].place) for name in placed)} of {len(placed)} "
            f"| {sum(got.exact for got in by_case.values())} "
            f"| {len(cases) - right - undecided - unread} | {undecided} | {unread} |"
        )
    return "\n".join(lines)


def page(cases: list[Case], scores: Scores, answers: Answers) -> str:
    """Return the whole page as Markdown."""
    parts = [
        _INTRODUCTION.format(count=len(cases), same=sum(case.same for case in cases)),
        "## Totals\n",
        summary(cases, scores, answers),
        "\n" + "\n".join(f"- *{p.name}*: {p.says}." for p in PROGRAMS) + "\n",
        _RULES,
        "## Where another program is better\n",
        _better(cases, scores, answers),
        "## Where zoodiff is not exactly right\n",
        _wrong(cases, scores, answers),
        "## Every case\n",
        _every(cases, scores, answers),
        "## What is not rebuilt\n",
        _missing(cases),
    ]
    return "\n".join(parts)


def _better(cases: list[Case], scores: Scores, answers: Answers) -> str:
    """List the cases that another program answers rightly and zoodiff does not."""
    others = [name for name in scores if name not in ("zoodiff", "always different")]
    lines = []
    for case in cases:
        if scores["zoodiff"][case.name].answer:
            continue
        right = [name for name in others if scores[name][case.name].answer]
        if right:
            said = _said(answers["zoodiff"][case.name])
            lines.append(
                f"- {case.title} (`{case.name}`): {', '.join(right)} right; zoodiff: {said}"
            )
    return ("\n".join(lines) or "In none of the cases.") + "\n"


def _wrong(cases: list[Case], scores: Scores, answers: Answers) -> str:
    lines = [
        "| case | truth | zoodiff | cause | place | relation | also named |",
        "|---|---|---|---|---|---|---|",
    ]
    for case in cases:
        got, answer = scores["zoodiff"][case.name], answers["zoodiff"][case.name]
        more = beside(case, answer)
        if not got.exact or vague(case, answer) or more:
            relation = f'"{answer.relation}"' if vague(case, answer) else ""
            lines.append(
                f"| {case.title} (`{case.name}`) | {_SAID[case.same]} | {_said(answer)} "
                f"| {_cause(case, got)} | {_MARK[got.place]} | {relation} | {', '.join(more)} |"
            )
    return "\n".join(lines) + "\n"


def _every(cases: list[Case], scores: Scores, answers: Answers) -> str:
    others = [name for name in scores if name not in ("zoodiff", "always different")]
    shown = [name for name in others if name != "torch.onnx.verification"]
    text = []
    for subject in dict.fromkeys(case.module for case in cases):
        heading = subject.rpartition(".")[2].replace("_", " ").capitalize()
        text.append(f"### {heading}\n")
        text.append(f"| case | report | truth | zoodiff | cause | place | {' | '.join(shown)} |")
        text.append("|---" * (6 + len(shown)) + "|")
        for case in (case for case in cases if case.module == subject):
            got = scores["zoodiff"][case.name]
            note = f" ({case.note})" if case.note else ""
            cells = [
                f"{case.title}{note}",
                case.thread,
                _SAID[case.same],
                _said(answers["zoodiff"][case.name]),
                _cause(case, got),
                _MARK[got.place],
                *(_said(answers[name][case.name], case.same) for name in shown),
            ]
            text.append(f"| {' | '.join(cells)} |")
        text.append("")
    return "\n".join(text)


def _said(answer: ProgramAnswer, truth: bool | None = None) -> str:
    """Return an answer in a word; bold where it is wrong, if the truth is given."""
    if answer.same is None:
        return "not read" if answer.unread else "not decided"
    word = _SAID[answer.same]
    return f"**{word}**" if truth is not None and answer.same != truth else word


def _cause(case: Case, got: Score) -> str:
    return _MARK[got.cause] if case.cause else ("" if got.cause else "**no**")


def _missing(cases: list[Case]) -> str:
    rebuilt = {report for case in cases for report in case.reports}
    counts = Counter(reason for report, reason in NOT_REBUILT.items() if report not in rebuilt)
    lines = [
        f"{sum(r.startswith('Z') for r in rebuilt)} of the 122 reports of the corpus and "
        f"{sum(r.startswith('N') for r in rebuilt)} of the 36 recipes are rebuilt in the cases "
        "above. The others:\n",
        "| reason | reports |",
        "|---|---|",
    ]
    for reason, count in counts.most_common():
        ids = ", ".join(r for r, why in NOT_REBUILT.items() if why == reason and r not in rebuilt)
        lines.append(f"| {reason} | {count}: {ids} |")
    return "\n".join(lines) + "\n"


_INTRODUCTION = """# Reported discrepancies, rebuilt

{count} pairs of small networks, rebuilt from the causes that public reports describe. They use no
published weights, and no file or code of the reports. {same} of the pairs compute the same
function, the others do not. To establish this truth, both files of a pair are run on random inputs
in ONNX Runtime without optimisations, in LiteRT, Keras or PyTorch, without zoodiff. The expected
cause and place of each case are next to its builder in `benchmarks/cases/`.

`make cases` builds the files, runs zoodiff and the other programs, and writes this page; every
other program is installed into its own virtual environment.
"""

_RULES = """An answer is right if it equals the truth; "not decided" counts as not right. A cause is
named if the output has one of the expected codes or words; in cases without a cause, if the answer
is "the same". A place is named if the output has every expected layer. The rules are the same for
all programs. The authors of zoodiff chose the cases and wrote the expected answers, and programs
that only compare outputs do not try to name causes.
"""
