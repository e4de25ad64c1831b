"""The limits of a worker: time, memory, and the files whose code it may run."""

from __future__ import annotations

from dataclasses import dataclass, field

from zoodiff.workers.sandbox import available


@dataclass(frozen=True)
class Limits:
    """The limits of a worker."""

    seconds: float = 900.0
    """Wall-clock time of one request, seconds."""
    memory_bytes: int | None = None
    """Resident memory of the worker and its children; None means 80 % of the machine's."""
    allowed_code: frozenset[str] = frozenset()
    """SHA-256 of files whose code may run, in addition to those in the list of permissions."""
    require_sandbox: bool = field(default_factory=available.required)
    """Refuse to open files unless every protection of the sandbox is in force; the variable
    ``ZOODIFF_REQUIRE_SANDBOX`` sets it for all workers."""

    @property
    def memory(self) -> int:
        """The memory limit in bytes, explicit or by default."""
        import psutil

        return self.memory_bytes or int(psutil.virtual_memory().total * 0.8)
