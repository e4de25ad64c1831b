"""A pool of workers for one thread, each started when it is first needed."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from types import TracebackType

from zoodiff.errors import WorkerError, ZoodiffError
from zoodiff.workers.client import WorkerClient
from zoodiff.workers.limits import Limits
from zoodiff.zoos.base import WorkerSpec
from zoodiff.zoos.objects.entries import HeldSpec


class WorkerPool:
    """A pool of workers, one per zoo, role, number of threads and copy; a context manager.

    The calling thread starts a worker and must live as long as it: Linux ends workers when the
    thread that started them ends.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits
        self._workers: dict[tuple[str, str, int, int], WorkerClient] = {}
        self._versions: dict[str, dict[str, str]] = {}
        self._interrupted = False

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def second_pool(self) -> WorkerPool:
        """Return a new pool with the same limits, whose workers may run beside those of this one.

        A pool that is to have all workers returns itself.
        """
        return WorkerPool(self._limits)

    def worker(
        self, spec: WorkerSpec, role: str = "run", *, threads: int = 1, copy: int = 0
    ) -> WorkerClient:
        """Return the worker of a spec, role, number of threads and copy; start it if necessary.

        Roles separate the processes that describe networks from those that run them: describing may
        start a framework's runtime, which fixes its number of threads until the process ends.
        Raises WorkerError after ``interrupt``.
        """
        if self._interrupted:
            raise WorkerError("the run is being ended")
        key = (worker_name(spec), role, threads, copy)
        if key not in self._workers:
            self._workers[key] = self._started(spec, threads)
        return self._workers[key]

    def _started(self, spec: WorkerSpec, threads: int) -> WorkerClient:
        if isinstance(spec, HeldSpec):
            from zoodiff.workers.local import LocalClient

            return LocalClient(spec, spec.held, threads=threads, limits=self._limits)
        return WorkerClient(spec, threads=threads, limits=self._limits)

    def release(self, spec: WorkerSpec, role: str) -> None:
        """End the workers of a spec in one role to free their memory."""
        for key in [key for key in self._workers if key[:2] == (worker_name(spec), role)]:
            self._workers.pop(key).close()

    def keep(self, needed: Collection[tuple[str, str]]) -> None:
        """End all workers except those of these zoos in these roles."""
        for key in [key for key in self._workers if key[:2] not in needed]:
            self._workers.pop(key).close()

    def interrupt(self) -> None:
        """Kill the running worker from another thread; the waiting thread gets a WorkerError."""
        self._interrupted = True
        for worker in list(self._workers.values()):
            worker.interrupt()

    def versions(self, worker: WorkerClient) -> dict[str, str]:
        """Return the versions that a worker imported; it is asked once per zoo."""
        name = worker.spec.name
        if name not in self._versions:
            self._versions[name] = worker.hello("importing its framework")
        return self._versions[name]

    @property
    def limits(self) -> Limits | None:
        """The limits that every worker gets."""
        return self._limits

    def learn(self, spec: WorkerSpec, versions: Mapping[str, str]) -> None:
        """Add versions that a worker of this spec reported outside this pool."""
        self._versions.setdefault(spec.name, dict(versions))

    @property
    def known_versions(self) -> dict[str, dict[str, str]]:
        """Versions by zoo, as far as workers reported them."""
        return dict(self._versions)

    def close(self) -> None:
        """End all workers; the next run removes files that cannot be removed now."""
        workers, self._workers = list(self._workers.values()), {}
        for worker in workers:
            with contextlib.suppress(OSError):
                worker.close()


def worker_name(spec: WorkerSpec) -> str:
    """Return the name of a worker; a zoo's worker for untrusted files has its own name."""
    return f"{spec.name} confined" if spec.confined else spec.name


def usable(spec: WorkerSpec) -> str | None:
    """Return None if the worker's framework is installed, else the reason; starts no process."""
    from zoodiff.workers import environments

    try:
        environments.interpreter_for(spec)
    except ZoodiffError as error:
        return str(error)
    return None
