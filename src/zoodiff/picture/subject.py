"""What a picture shows: the result of a comparison."""

from __future__ import annotations

from dataclasses import dataclass

from zoodiff.equivalence.evidence_lines import EvidenceLine, Evident
from zoodiff.equivalence.layer_outputs import LayerOutputs


@dataclass(frozen=True)
class Subject:
    """A comparison, with the sentences that the terminal prints."""

    evident: Evident
    lines: tuple[EvidenceLine, ...] = ()
    layers: LayerOutputs | None = None
    """How far the outputs of aligned layers are apart; None where nothing was run."""
    given: tuple[str, str] = ("", "")
    """The two networks as the user named them: references or paths."""
