"""Accuracy: what is left of a difference on the same pixels (ACC101)."""

from __future__ import annotations

from zoodiff.rules.rule import Rule

NETWORK = Rule(
    code="ACC101",
    name="network",
    effect="measurement",
    cause="The two networks still differ on the same pixels: their weights, "
    "architectures or precisions differ.",
    consequence="This part of the difference remains when the preprocessing is the same.",
    advice="See `zoodiff diff` for the architectures and `zoodiff diff --weights` for the weights.",
    references=(
        "Montgomery, Design and analysis of experiments (main effects of a two-level design)",
        "keras-team/keras-hub#1983",
    ),
    raised_by="`zoodiff accuracy --explain`",
)
