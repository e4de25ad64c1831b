"""Facts about the machine from the operating system; None for facts that it does not report."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoodiff.cores import usable_cores

_INSTRUCTIONS = (
    *("amx_tile", "asimd", "avx", "avx2", "avx512_bf16", "avx512_vnni", "avx512f", "avx_vnni"),
    *("f16c", "fma", "sse4_2", "sve"),
)
_PRODUCTS = {
    "amazon": "amazon",
    "google": "google",
    "innotek": "virtualbox",
    "microsoft": "hyper-v",
    "qemu": "qemu",
    "vmware": "vmware",
    "xen": "xen",
}


@dataclass(frozen=True)
class Machine:
    """Facts about the machine, as this process sees it; sizes in bytes, frequencies in MHz."""

    processor: str | None = None
    instructions: tuple[str, ...] | None = None
    """Vector extensions by which numerical libraries choose their code."""
    cores: int | None = None
    """Number of physical cores."""
    processors: int | None = None
    """Number of logical processors."""
    smt: bool | None = None
    """Whether simultaneous multithreading is on."""
    allowed: int | None = None
    """Number of logical processors that this process may use."""
    affinity: tuple[int, ...] | None = None
    """Indices of the logical processors that this process may use."""
    quota: float | None = None
    """Processors that the control group allows on average; None without a limit."""
    governor: str | None = None
    boost: bool | None = None
    frequency_min: float | None = None
    frequency_max: float | None = None
    frequency_now: tuple[float, ...] | None = None
    """Frequency of each logical processor when it was read."""
    caches: tuple[tuple[str, int], ...] | None = None
    """Caches of the first processor: level and kind ("1 data", "3 unified"), and size."""
    memory: int | None = None
    huge_pages: str | None = None
    """Transparent huge pages: always, madvise or never."""
    virtualisation: str | None = None
    """Container and hypervisor, if detected; "none" if the processor reports no hypervisor."""
    system: str | None = None
    """Name and release of the operating system, and the architecture."""

    @property
    def last_level_cache(self) -> int | None:
        """Size of the cache of the highest level, in bytes."""
        return max(self.caches, key=lambda cache: cache[0])[1] if self.caches else None


def machine(root: Path = Path("/")) -> Machine:
    """Return the facts about this machine; ``root`` contains ``proc`` and ``sys``.

    Facts that cannot be read are None; no error is raised.
    """
    information = _text(root / "proc/cpuinfo")
    frequency = root / "sys/devices/system/cpu/cpu0/cpufreq"
    flags = _field(information, "flags") or _field(information, "Features")
    affinity = usable_cores()
    return Machine(
        processor=_field(information, "model name") or platform.processor() or None,
        instructions=tuple(x for x in _INSTRUCTIONS if x in flags.split()) if flags else None,
        cores=_cores(),
        processors=os.cpu_count(),
        smt=_flag(_text(root / "sys/devices/system/cpu/smt/active")),
        allowed=len(affinity) if affinity else None,
        affinity=affinity,
        quota=_quota(root),
        governor=_text(frequency / "scaling_governor"),
        boost=_boost(root),
        frequency_min=_megahertz(_text(frequency / "cpuinfo_min_freq")),
        frequency_max=_megahertz(_text(frequency / "cpuinfo_max_freq")),
        frequency_now=_frequencies(information),
        caches=_caches(root),
        memory=_memory(root),
        huge_pages=_bracketed(_text(root / "sys/kernel/mm/transparent_hugepage/enabled")),
        virtualisation=_virtualisation(root, flags),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
    )


def _text(path: Path) -> str | None:
    with contextlib.suppress(OSError):
        return path.read_text(errors="replace").strip() or None
    return None


def _field(information: str | None, name: str) -> str | None:
    for line in (information or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip() or None
    return None


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _flag(text: str | None) -> bool | None:
    return {"0": False, "1": True}.get(text or "")


def _megahertz(kilohertz: str | None) -> float | None:
    number = _number(kilohertz)
    return number / 1e3 if number is not None else None


def _cores() -> int | None:
    with contextlib.suppress(Exception):
        import psutil

        count = psutil.cpu_count(logical=False)
        return int(count) if count else None
    return None


def _boost(root: Path) -> bool | None:
    enabled = _flag(_text(root / "sys/devices/system/cpu/cpufreq/boost"))
    if enabled is None:
        off = _flag(_text(root / "sys/devices/system/cpu/intel_pstate/no_turbo"))
        enabled = None if off is None else not off
    return enabled


def _frequencies(information: str | None) -> tuple[float, ...] | None:
    lines = re.findall(r"^cpu MHz\s*:\s*([0-9.]+)", information or "", re.MULTILINE)
    return tuple(float(x) for x in lines) or None


def _caches(root: Path) -> tuple[tuple[str, int], ...] | None:
    caches = []
    for folder in sorted((root / "sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (_text(folder / name) for name in ("level", "type", "size"))
        match = re.fullmatch(r"(\d+)([KMG]?)", size or "")
        if level and kind and match:
            scale = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}[match[2]]
            caches.append((f"{level} {kind.lower()}", int(match[1]) * scale))
    return tuple(caches) or None


def _memory(root: Path) -> int | None:
    size = _field(_text(root / "proc/meminfo"), "MemTotal")
    number = _number((size or "").removesuffix("kB").strip())
    return int(number) * 1024 if number else None


def _bracketed(text: str | None) -> str | None:
    """Return the word in brackets: "madvise" from "always [madvise] never"."""
    match = re.search(r"\[(\w+)\]", text or "")
    return match[1] if match else None


def _quota(root: Path) -> float | None:
    """Return the smallest quota of the process's control group and its ancestors, v1 or v2."""
    limits = [limit for folder in _groups(root) if (limit := _limit(folder)) is not None]
    return min(limits, default=None)


def _groups(root: Path) -> Iterator[Path]:
    mounted = root / "sys/fs/cgroup"
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        number, _, controllers_and_path = line.partition(":")
        controllers, _, path = controllers_and_path.partition(":")
        if number != "0" and "cpu" not in controllers.split(","):
            continue
        bases = [mounted] if number == "0" else [mounted / "cpu", mounted / controllers]
        group = Path(path.lstrip("/"))
        for base in bases:
            yield from (base / ancestor for ancestor in (group, *group.parents))


def _limit(folder: Path) -> float | None:
    allowed, _, period = (_text(folder / "cpu.max") or "").partition(" ")
    if not allowed:
        allowed = _text(folder / "cpu.cfs_quota_us") or ""
        period = _text(folder / "cpu.cfs_period_us") or ""
    quota, every = _number(allowed) if allowed != "max" else None, _number(period)
    return quota / every if quota is not None and quota > 0 and every else None


def _virtualisation(root: Path, flags: str | None) -> str | None:
    contained = (root / ".dockerenv").exists() or (root / "run/.containerenv").exists()
    vendor = (_text(root / "sys/class/dmi/id/sys_vendor") or "").lower()
    below = _text(root / "sys/hypervisor/type")
    below = below or next((name for word, name in _PRODUCTS.items() if word in vendor), None)
    if below is None and flags is not None and "hypervisor" in flags.split():
        below = "hypervisor"
    if contained:
        return f"container, {below}" if below else "container"
    return below or ("none" if flags is not None else None)
