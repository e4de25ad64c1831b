"""What a worker may use of the machine, and whose code it may run."""

from __future__ import annotations

from dataclasses import dataclass, field

from zoodiff.workers.sandbox import available


@dataclass(frozen=True)
class Limits:
    """What a worker may use."""

    seconds: float = 900.0
    """Wall-clock time of one request."""
    memory_bytes: int | None = None
    """Resident memory of the worker and its children; None means 80 % of the machine's."""
    allowed_code: frozenset[str] = frozenset()
    """SHA-256 of files whose code may run, beside those that the user allowed for good."""
    require_sandbox: bool = field(default_factory=available.required)
    """Refuse to open a file where one of the sandbox's protections is not in force; the variable
    ``ZOODIFF_REQUIRE_SANDBOX`` sets it for all workers."""

    @property
    def memory(self) -> int:
        """The limit in bytes, whether it was given or is the machine's."""
        import psutil

        return self.memory_bytes or int(psutil.virtual_memory().total * 0.8)
