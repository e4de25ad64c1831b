"""A backend that is fully the attacker's: each model is a trick, each weights what it is told."""

from __future__ import annotations

from typing import Any

from support import attacks
from support.attacks.next_process import planted
from support.attacks.table import TRICKS, Attempts, Given
from zoodiff.errors import MeasurementError

attacks.fill()


class Backend:
    """Performs tricks."""

    def versions(self) -> dict[str, str]:
        """Where planted code was imported from."""
        return {"planted": planted()}

    def models(self) -> list[str]:
        """The names of the tricks."""
        return list(TRICKS)

    def facts(self, model: str, weights: str | None) -> dict[str, Any]:
        """Nothing; the trick has answered already."""
        return {}

    def describe(self, model: str, weights: str | None) -> Any:
        """Perform a trick; one that must be refused says whether it was."""
        trick, given = TRICKS[model], Given.load(str(weights))
        if trick.after != "refused":
            trick.run(given)
            return Nothing()
        attempts = Attempts(given.confined)
        trick.run(given, attempts)
        raise MeasurementError(str(attempts))


class Nothing:
    """Stands for a graph."""

    def to_dict(self) -> dict[str, Any]:
        """An empty graph."""
        return {}


def make() -> Backend:
    """The backend."""
    return Backend()
