"""How an audit is run."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from zoodiff.recipes.images import AuditImage, hash_of
from zoodiff.recipes.parallel import Step
from zoodiff.workers.limits import Limits


def _silent(activity: str, done: int, total: int, /) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class AuditOptions:
    """The images of an audit, and how it is run."""

    images: tuple[AuditImage, ...]
    jobs: int = 2
    limits: Limits | None = None
    step: Step = field(default=_silent)
    begin_at: float = 0.0
    """The share of the work, from 0 to below 1, that others who audit at the same time begin with:
    it comes last, and what they have found by then is read from the cache."""

    @cached_property
    def images_hash(self) -> str:
        """One hash of the content of all images."""
        return hash_of(self.images)
