"""Words for the state of weights; untrained weights are marked."""

from __future__ import annotations

from dataclasses import dataclass

_EXPLANATIONS = {
    "random": "random initialisation, not the weights that the zoo publishes",
    "placeholder": "constant stand-ins that ship with the graph, not trained weights",
    "published": "the weights that the zoo publishes",
    "trained": "trained by zoodiff at first use, with a fixed seed",
    "file": "the weights of a file that was named",
    "claim": "a published number; no weights were loaded",
    "none": "described without weights",
}
_MARKED = ("random", "placeholder")


@dataclass(frozen=True)
class Weights:
    """A word for the weights column; ``marked`` for weights that were never trained."""

    word: str
    marked: bool
    explanation: str


def weights(state: str) -> Weights:
    """Return the word for a state of ``WeightsInfo`` or ``claim``; other words unchanged.

    >>> weights("random").marked, weights("published").marked
    (True, False)
    """
    word = "none loaded" if state == "none" else state
    return Weights(word, state in _MARKED, _EXPLANATIONS.get(state, state))
