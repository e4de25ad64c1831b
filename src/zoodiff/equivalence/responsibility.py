"""Which findings and weights make the outputs of two networks differ.

Both networks run in double precision with findings undone. A finding matters if outputs still
differ when all others are undone.
"""

from __future__ import annotations

from zoodiff.equivalence.outputs import Case, Outputs, parting
from zoodiff.equivalence.tolerance import MARGIN
from zoodiff.rules.findings import Finding


def responsible(case: Case, outputs: Outputs) -> tuple[list[Finding], float | None]:
    """Return the findings that make outputs differ, and the deviation left when they are undone."""
    all_parting = parting(case.diff)
    double, numbers = outputs.interpreted, case.normalisation
    if double is None or not all_parting:
        return all_parting, None
    candidates = [f for f in all_parting if f is not numbers]
    limit = outputs.limit
    of_weights = []
    if numbers is not None:  # with equal weights it would have no effect
        left = double.own_weights(candidates).deviation
        of_weights = [numbers] if left is None or left > min(limit, _tiny(outputs)) else []
    plain = double.equal_weights(()).deviation
    if plain is not None and plain <= min(limit, _tiny(outputs)):
        return of_weights, plain
    matter = []
    for finding in candidates:
        left = double.equal_weights(f for f in candidates if f is not finding).deviation
        if left is None or left > min(limit, _tiny(outputs)):
            matter.append(finding)
    left_over = double.equal_weights(matter).deviation
    if (left_over is None or left_over > limit) and len(matter) < len(candidates):
        everything = double.equal_weights(candidates).deviation
        if everything is not None and (left_over is None or everything < left_over / MARGIN):
            return [*candidates, *of_weights], everything
    return [*of_weights, *matter], left_over


def responsible_with_own_weights(case: Case, outputs: Outputs) -> list[Finding]:
    """Return the findings that matter where the weights of one network fit the other, as zeros.

    A bias that one network lacks is zero there, so equal weights hide it.
    """
    double = outputs.interpreted
    if double is None:
        return []
    candidates, matter = parting(case.diff), []
    for finding in candidates:
        left = double.own_weights(f for f in candidates if f is not finding).deviation
        if left is None or left > outputs.limit:
            matter.append(finding)
    return matter


def weights_differ(case: Case) -> bool:
    """Whether the weights were compared and differ."""
    compared = case.compared
    return compared is not None and compared.sameness == "differ"


def weights_matter(case: Case, outputs: Outputs) -> bool:
    """Whether outputs still differ with every finding undone, each with its own weights."""
    if not weights_differ(case):
        return False
    if outputs.interpreted is None:
        return True
    left = outputs.interpreted.own_weights(parting(case.diff)).deviation
    limit = outputs.limit
    return left is None or left > limit


def _tiny(outputs: Outputs) -> float:
    """Below this, in double precision and with equal weights, two outputs are the same."""
    return max(1e-2 * max(outputs.doubles, default=0.0), 1e-9)
