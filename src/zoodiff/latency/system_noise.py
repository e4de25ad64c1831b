"""System noise during a latency measurement: other processes, swapping, throttling.

Every reading is optional: without /proc, or without permission to read frequencies, it is None and
the comparison leaves it out.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_SYS = Path("/sys")
_STOLEN = 0.02
_BUSY = 0.10
_FREQUENCY = 0.05
_PAGES = 100


@dataclass(frozen=True)
class Reading:
    """Counters of the machine at one moment; None if they cannot be read."""

    seconds: float
    stolen: float | None = None
    """Core-seconds that the hypervisor gave to other machines, since the machine started."""
    busy: float | None = None
    """Core-seconds that any process computed, since the machine started."""
    own: float = 0.0
    """Core-seconds that this process and its workers, running and ended, computed."""
    swapped: int | None = None
    """Pages moved from and to the swap space, since the machine started."""
    throttled: int | None = None
    """How often the processor was throttled, since the machine started."""
    megahertz: float | None = None
    """Frequency of the fastest core."""
    waited: float | None = None
    """Seconds in which the quota of this control group kept its processes from running."""


def read() -> Reading:
    """Return the current counters."""
    stat = _first_line(_PROC / "stat").split()[1:]
    tick = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
    ticks = [int(count) / tick for count in stat] if len(stat) >= 8 else None
    return Reading(
        seconds=time.monotonic(),
        stolen=ticks[7] if ticks else None,
        busy=sum(ticks[k] for k in (0, 1, 2, 5, 6)) if ticks else None,
        own=_own_seconds(),
        swapped=_counter(_PROC / "vmstat", ("pswpin", "pswpout")),
        throttled=_throttled(),
        megahertz=_megahertz(),
        waited=_waited_seconds(),
    )


def between(before: Reading, after: Reading, cores: int) -> list[str]:
    """Return sentences about system noise between two readings; empty if there was none."""
    seconds = max(after.seconds - before.seconds, 1e-9)
    sentences = []
    if before.stolen is not None and after.stolen is not None:
        share = (after.stolen - before.stolen) / seconds
        if share > _STOLEN:
            sentences.append(f"the hypervisor took {share:.2f} cores for other machines")
    if before.busy is not None and after.busy is not None:
        others = (after.busy - before.busy - (after.own - before.own)) / seconds
        if others > _BUSY:
            sentences.append(f"other programs kept {others:.1f} of {cores} cores busy")
    if (after.swapped or 0) - (before.swapped or 0) > _PAGES:
        sentences.append("the machine was swapping")
    if (after.throttled or 0) > (before.throttled or 0):
        sentences.append("the processor was throttled for its heat or power")
    if (after.waited or 0.0) - (before.waited or 0.0) > 0.01 * seconds:
        sentences.append("a quota of the control group kept processes from running")
    if before.megahertz and after.megahertz:
        change = after.megahertz / before.megahertz - 1
        if abs(change) > _FREQUENCY:
            sentences.append(
                f"the clock went from {before.megahertz:,.0f} to {after.megahertz:,.0f} MHz"
            )
    return sentences


def _own_seconds() -> float:
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        process = psutil.Process()
        seconds = float(sum(process.cpu_times()[:4]))
        for child in process.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                seconds += sum(child.cpu_times()[:2])
        return seconds
    return 0.0


def _throttled() -> int | None:
    files = (_SYS / "devices/system/cpu").glob("cpu[0-9]*/thermal_throttle/core_throttle_count")
    counts = [int(text) for path in files if (text := _first_line(path)).isdigit()]
    return sum(counts) if counts else None


def _megahertz() -> float | None:
    files = (_SYS / "devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_cur_freq")
    values = [int(text) / 1000 for path in files if (text := _first_line(path)).isdigit()]
    return max(values) if values else None


def _waited_seconds() -> float | None:
    microseconds = _counter(_SYS / "fs/cgroup/cpu.stat", ("throttled_usec",))
    return None if microseconds is None else microseconds / 1e6


def _counter(path: Path, names: tuple[str, ...]) -> int | None:
    total = None
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name in names:
                total = (total or 0) + int(value)
    return total


def _first_line(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text().partition("\n")[0].strip()
    return ""
