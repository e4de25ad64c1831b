"""Plant many kinds of changes in small random networks, and score what ``zoodiff.diff`` names.

    python -m benchmarks.planted_kinds FILE [--networks bert,llama] [--kinds "a bias left out"]

Each kind of change (``benchmarks/changed_networks``) is made in each network that has such a part,
in a copy of the PyTorch module, and the two modules are compared. Whether the change shows is
measured with their own outputs. Scored: the answer; whether a finding of the right kind names it
at the layers that were changed; and that nothing else is named. FILE gets one JSON line per
network and kind; what it has is not run again.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import sys
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

VISIBLE, HIDDEN = 1e-4, 3e-6
"""Deviations of the networks' own outputs, relative to their spread, from which on a change shows,
and up to which it does not. In between nothing is expected."""
VAGUE = frozenset({"ARC180", "ARC190", "ARC195"})
NO_EFFECT = frozenset({"parametrisation", "training"})
"""Effects of findings that change no function."""
UNCOUNTED = ("hides", "faint", "no copy")


@dataclass(frozen=True)
class Row:
    """What was said of one change."""

    network: str
    kind: str
    state: str
    shown: float = 0.0
    """How far the outputs of the two networks are apart, relative to their spread."""
    expected: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    relation: str = ""
    because: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    """Every finding of effect, in words, and every weight that differs."""
    seconds: float = 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the file lacks; print the table of all that it has."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="one JSON line per network and kind")
    parser.add_argument("--networks", help="names, separated by commas")
    parser.add_argument("--kinds", help="names, separated by commas")
    parser.add_argument("--again", action="store_true", help="run them once more")
    parser.add_argument("--failed", action="store_true", help="run once more what was not right")
    parser.add_argument("--table", action="store_true", help="run nothing")
    options = parser.parse_args(arguments)
    rows = _stored(options.file)
    if not options.table:
        _quiet()
        from benchmarks.changed_networks.networks import NAMES

        known = _kinds()
        for name in options.networks.split(",") if options.networks else NAMES:
            kinds = options.kinds.split(",") if options.kinds else known
            todo = [kind for kind in kinds if _is_due(rows.get((name, kind)), options)]
            for row in _scored(name, todo) if todo else ():
                rows[row.network, row.kind] = row
                with options.file.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(row)) + "\n")
                print(_line(row), flush=True)
    print_table(rows.values())
    return int(any(row.state == "wrong" for row in rows.values()))


def _is_due(row: Row | None, options: argparse.Namespace) -> bool:
    failed = row is not None and row.state not in {"right", "not there", *UNCOUNTED}
    return row is None or options.again or (options.failed and failed)


def _stored(file: Path) -> dict[tuple[str, str], Row]:
    if not file.exists():
        return {}
    rows = [Row(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
    return {(row.network, row.kind): row for row in rows}


def _quiet() -> None:
    import contextlib

    from zoodiff.torch_compat import import_torchvision

    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    with contextlib.suppress(ImportError):
        import_torchvision()
    import torch

    torch.set_num_threads(1)


def _kinds() -> list[str]:
    from benchmarks.changed_networks import attention, kinds, layers, positions, weights

    del attention, layers, positions, weights
    return list(kinds.KINDS)


def _scored(name: str, kinds: Sequence[str]) -> Iterable[Row]:
    from benchmarks.changed_networks.networks import sample
    from benchmarks.small_transformers.networks import NotBuiltError

    try:
        original = sample(name)
    except NotBuiltError as error:
        yield from (Row(name, kind, "not built", relation=str(error)) for kind in kinds)
        return
    for kind in kinds:
        yield scored(original, kind)


def scored(original: Any, kind: str) -> Row:
    """Return what zoodiff says of a network beside its copy with one change."""
    from benchmarks.changed_networks.kinds import BEFORE, KINDS, WITHOUT_EFFECT

    if not KINDS:
        _kinds()
    start = time.perf_counter()
    network = copy.deepcopy(original.network)
    if kind in BEFORE:
        original = replace(original, network=copy.deepcopy(network))
        BEFORE[kind](original.network)
        BEFORE[kind](network)
    made = KINDS[kind](network)
    row = Row(original.architecture, kind, "not there")
    if made is None:
        return row
    row = replace(row, expected=tuple(sorted(made.codes)), places=made.places)
    try:
        shown = _apart(original, replace(original, network=network))
    except Exception as error:  # a changed network may fail in any way
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return replace(row, state="no copy", relation=reason)
    same = kind in WITHOUT_EFFECT
    row = replace(row, shown=shown)
    if HIDDEN < shown < VISIBLE:
        return replace(row, state="faint")
    if (shown <= HIDDEN) is not same:
        return replace(row, state="hides" if not same else "no copy")
    row = judged(row, original, network, same=same)
    return replace(row, seconds=round(time.perf_counter() - start, 2))


def _apart(a: Any, b: Any) -> float:
    """The largest deviation of outputs over several inputs, relative to their spread."""
    worst = 0.0
    for inputs in (a.inputs, *a.drawn(2)):
        for x, y in zip(a.outputs(inputs), b.outputs(inputs), strict=True):
            if x.shape != y.shape:
                return float("inf")
            spread = max(float((x - x.mean()).abs().max()), 1e-6)
            apart = float((x - y).abs().nan_to_num(float("inf")).max())
            worst = max(worst, apart / spread)
    return worst


def judged(row: Row, original: Any, network: Any, *, same: bool) -> Row:
    """Return the row with what zoodiff says of two networks, and whether that is right."""
    import zoodiff
    from zoodiff.errors import ZoodiffError

    try:
        report = zoodiff.diff(original.network, network, example=dict(original.inputs))
    except ZoodiffError as error:
        return replace(row, state="refused", relation=str(error)[:300])
    except Exception as error:  # zoodiff raises ZoodiffError only
        return replace(row, state="wrong", relation=f"{type(error).__name__}: {error}"[:300])
    answer = report.answer
    relation = answer.relation
    if relation == "not decided":
        relation = f"not decided: {answer.reason}"[:300]
    effects = [f for f in report.findings if f.effect not in NO_EFFECT]
    apart = [] if report.weights is None else [x.a or x.b for x in report.weights.different]
    words = [f"{f.code} {f.left} | {f.right} at {f.where}" for f in effects]
    words += [f"weights of {', '.join(apart[:4])}"] if apart else []
    row = replace(row, relation=relation, because=answer.because, named=tuple(words))
    if report.same_function is None:
        return replace(row, state="not decided")
    if report.same_function is not same:
        return replace(row, state="wrong")
    if same:
        return replace(row, state="right")
    return replace(row, state=_state(row, effects, apart))


def _state(row: Row, effects: Sequence[Any], apart: Sequence[str]) -> str:
    """Whether what is named is the change, at its place, and nothing else."""
    named, expected = set(row.because), set(row.expected)
    if not named:
        return "not named"
    if not named & expected:
        return "vague" if named <= VAGUE else "false"
    rest = {f.code for f in effects} | named
    if rest - expected or len({(f.code, f.left, f.right) for f in effects}) > 1:
        return "doubled"
    if row.relation == "same network, other precision":
        return "right" if named == expected else "false"
    places = [place for f in effects for place in (*f.places_a, *f.places_b)]
    places += apart if "weights" in named else []
    inside = [_is_in(place, row.places) for place in places]
    return "right" if inside and all(inside) else "wrong place"


def _is_in(place: str, paths: Iterable[str]) -> bool:
    """Whether a layer is one of some modules, or inside one; ``#1`` is its second call."""
    place = place.partition("#")[0]
    return any(not path or f"{place}.".startswith(f"{path}.") for path in paths)


def _line(row: Row) -> str:
    words = f"{row.network:18} {row.kind:44} {row.state:12} {row.seconds:5.1f} s"
    if row.state in {"right", "not there", *UNCOUNTED}:
        return words
    return f"{words}  {', '.join(row.because)} [{'; '.join(row.named)[:200]}] {row.relation[:100]}"


def print_table(rows: Iterable[Row]) -> None:
    """Print the counts of states by kind, and every row that is not right."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    several = list(rows)
    for row in several:
        counts[row.kind][row.state] += 1
    for kind, states in counts.items():
        words = ", ".join(
            f"{count} {state}" for state, count in states.most_common() if state != "not there"
        )
        print(f"{kind:48} {words}")
    for row in several:
        if row.state not in {"right", "not there"}:
            print(_line(row))
    counted = [row for row in several if row.state not in {"not there", "not built", *UNCOUNTED}]
    right = [row for row in counted if row.state == "right"]
    kinds, networks = ({getattr(row, x) for row in counted} for x in ("kind", "network"))
    share = len(right) / max(len(counted), 1)
    print(
        f"{len(right)} of {len(counted)} right ({share:.1%}), {len(kinds)} kinds in "
        f"{len(networks)} networks; "
        + ", ".join(f"{n} {s}" for s, n in Counter(r.state for r in counted).most_common())
    )


if __name__ == "__main__":
    sys.exit(main())
