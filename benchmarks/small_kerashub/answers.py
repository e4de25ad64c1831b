"""zoodiff's answers for a network beside its own exports, judged by what the files compute."""

from __future__ import annotations

import tempfile
import time
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.small_kerashub.exports import ALIKE, APART, ExportError, deviation, export
from benchmarks.small_kerashub.networks import NotBuiltError, Sample, build, described
from benchmarks.small_kerashub.planted import plant

import zoodiff
from zoodiff.errors import ZoodiffError

STATES = ("right", "wrong", "not decided", "refused", "export failed")


@dataclass(frozen=True)
class Verdict:
    """What became of one question; ``reason`` is empty where the answer is right."""

    state: str
    reason: str = ""
    seconds: float = 0.0


@dataclass
class Outcome:
    """All that was asked about one network."""

    architecture: str
    state: str
    """``built``, ``not built`` or ``no time``."""
    reason: str = ""
    parameters: int = 0
    inputs: dict[str, list[int]] = field(default_factory=dict)
    exports: dict[str, Verdict] = field(default_factory=dict)
    change: str = ""
    """The name of the planted change."""
    planted: Verdict | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary for JSON."""
        return asdict(self)


def outcome(architecture: str, exporters: Sequence[str], *, planted: bool = True) -> Outcome:
    """Build a network, export it, and ask zoodiff about each file and about one changed copy."""
    try:
        sample = build(architecture)
    except NotBuiltError as error:
        return Outcome(architecture, "not built", str(error))
    result = Outcome(architecture, "built", "", sample.parameters, described(sample.inputs))
    with tempfile.TemporaryDirectory() as folder:
        usable: list[Path] = []
        for exporter in exporters:
            verdict, path = _asked(sample, exporter, Path(folder))
            result.exports[exporter] = verdict
            if path is not None:
                usable.append(path)
        changed = plant(sample) if planted and usable else None
        if changed is not None:
            result.change = changed[0]
            place = zlib.crc32(b"file " + architecture.encode()) % len(usable)
            result.planted = judged(changed[1], usable[place], same=False)
    return result


def _asked(sample: Sample, exporter: str, folder: Path) -> tuple[Verdict, Path | None]:
    """The verdict for one exporter, and its file where that computes what the network does."""
    try:
        path = export(sample, exporter, folder)
        apart = deviation(sample, path)
    except ExportError as error:
        return Verdict("export failed", str(error)), None
    if ALIKE < apart < APART:
        return Verdict("export failed", f"the file is {apart:.1e} from the network"), None
    same = apart <= ALIKE
    return judged(sample, path, same=same), path if same else None


def judged(sample: Sample, path: Path, *, same: bool) -> Verdict:
    """Ask whether a network and a file are one function, and judge the answer."""
    start = time.perf_counter()
    try:
        report = zoodiff.diff(sample.network, path, example=dict(sample.inputs))
    except ZoodiffError as error:
        return Verdict("refused", str(error)[:400], _since(start))
    except Exception as error:  # zoodiff raises ZoodiffError only
        return Verdict("wrong", f"raised {type(error).__name__}: {error}"[:400], _since(start))
    answer = report.answer
    given = report.same_function
    if given is None:
        refused = "could not be run" in answer.reason or "were not run" in answer.reason
        state = "refused" if refused else "not decided"
        return Verdict(state, f"{answer.sentence} ({answer.reason})"[:400], _since(start))
    if given is same:
        return Verdict("right", "", _since(start))
    because = ", ".join(answer.because)
    expected = "same" if same else "different"
    words = f"{answer.sentence} ({because}), expected {expected}"
    return Verdict("wrong", words[:400], _since(start))


def _since(start: float) -> float:
    return round(time.perf_counter() - start, 2)
