"""All targets by name."""

from __future__ import annotations

from fuzzing import images, kept, networks, texts
from fuzzing.target import Target

TARGETS: dict[str, Target] = {
    one.name: one for one in (*texts.TARGETS, *images.TARGETS, *kept.TARGETS, *networks.TARGETS)
}
