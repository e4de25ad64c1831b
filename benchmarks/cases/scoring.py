"""Holds the answer of a program against what a case says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchmarks.cases.registry import Case


@dataclass(frozen=True)
class ProgramAnswer:
    """What a program said of two files."""

    same: bool | None
    """Whether both compute the same; ``None`` where it does not decide or could not read them."""
    said: str = ""
    """Everything that it said of causes: codes, names, values."""
    places: tuple[str, ...] = ()
    """Layers that it named."""
    unread: str = ""
    """Why it could not compare the files; empty where it could."""
    relation: str = ""
    """How zoodiff calls the relation of the two."""
    because: tuple[str, ...] = ()
    """Codes that zoodiff holds responsible."""


@dataclass(frozen=True)
class Score:
    """How right an answer is; ``place`` is ``None`` where the case names no place."""

    answer: bool
    cause: bool
    place: bool | None

    @property
    def exact(self) -> bool:
        """Whether answer, cause and place are right."""
        return self.answer and self.cause and self.place is not False


def score(case: Case, answer: ProgramAnswer) -> Score:
    """Score an answer by the same rules for every program.

    The answer must equal the truth, and "not decided" is not right. Of the expected codes and
    words one must be said; where nothing is to be said, "the same" is enough. All expected layers
    must be named.
    """
    right = answer.same == case.same
    said = answer.said.lower()
    cause = any(word.lower() in said for word in case.cause) if case.cause else right
    place = all(_is_named(name, answer.places) for name in case.places) if case.places else None
    return Score(right, cause, place)


def vague(case: Case, answer: ProgramAnswer) -> bool:
    """Whether zoodiff names another relation than the case says; such an answer may be right."""
    return bool(case.relation and answer.relation and answer.relation != case.relation)


def beside(case: Case, answer: ProgramAnswer) -> tuple[str, ...]:
    """Return the codes that zoodiff holds responsible beside the expected ones.

    Of cases whose cause is a word nothing is known, and none is returned.
    """
    expected = {word for word in case.cause if _CODE.fullmatch(word)}
    if case.cause and not expected:
        return ()
    return tuple(
        code
        for code in answer.because
        if _CODE.fullmatch(code) and code not in {*expected, *case.also}
    )


_CODE = re.compile(r"[A-Z]{3}\d+")


def _is_named(layer: str, places: tuple[str, ...]) -> bool:
    """Whether a layer is among the places, which may name a part: ``fc.weight``, ``qkv[0:16]``.

    ``pad|pool`` stands for either of two layers.
    """
    names = layer.split("|")
    parts = tuple(f"{name}{separator}" for name in names for separator in "./[")
    return any(place in names or place.startswith(parts) for place in places)
