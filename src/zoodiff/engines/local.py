"""The workers of one thread, started when first needed and kept; an engine's slot has one such."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from types import TracebackType

from zoodiff.errors import WorkerError, ZoodiffError
from zoodiff.workers.process import Limits, Worker
from zoodiff.zoos.base import Zoo


class LocalEngine:
    """A pool of workers, one per zoo, role, number of threads and copy; a context manager.

    Workers are started from the thread that asks, and must outlive no such thread: Linux ends
    them when their parent thread ends.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits
        self._workers: dict[tuple[str, str, int, int], Worker] = {}
        self._versions: dict[str, dict[str, str]] = {}
        self._interrupted = False

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def worker(self, zoo: Zoo, role: str = "run", *, threads: int = 1, copy: int = 0) -> Worker:
        """The worker of a zoo; ``copy`` 1 is a second process of the same zoo, the control.

        Networks are described and run in processes of different roles: describing may start a
        framework's runtime, which fixes its number of threads for as long as the process lives.
        """
        if self._interrupted:
            raise WorkerError("the run is being ended")
        key = (worker_name(zoo), role, threads, copy)
        if key not in self._workers:
            self._workers[key] = Worker(zoo, threads=threads, limits=self._limits)
        return self._workers[key]

    def release(self, zoo: Zoo, role: str) -> None:
        """End the workers of a zoo in one role, so that their memory is free for others."""
        for key in [key for key in self._workers if key[:2] == (worker_name(zoo), role)]:
            self._workers.pop(key).close()

    def keep(self, needed: Collection[tuple[str, str]]) -> None:
        """End all workers but those of these zoos in these roles."""
        for key in [key for key in self._workers if key[:2] not in needed]:
            self._workers.pop(key).close()

    def interrupt(self) -> None:
        """Kill what runs, from another thread: the one that waits for it gets a WorkerError."""
        self._interrupted = True
        for worker in list(self._workers.values()):
            worker.interrupt()

    def versions(self, worker: Worker) -> dict[str, str]:
        """Versions that the worker really imported, asked once per zoo."""
        name = worker.zoo.name
        if name not in self._versions:
            answer = worker.call("hello", doing="importing its framework")
            try:
                told = dict(answer["versions"])
            except (KeyError, TypeError, ValueError):
                raise WorkerError(f"the worker of {name} told no versions") from None
            self._versions[name] = {str(one): str(version) for one, version in told.items()}
        return self._versions[name]

    @property
    def limits(self) -> Limits | None:
        """What each worker may use."""
        return self._limits

    def learn(self, zoo: Zoo, versions: Mapping[str, str]) -> None:
        """Take versions to the known ones that a worker of this zoo told somebody else."""
        self._versions.setdefault(zoo.name, dict(versions))

    @property
    def known_versions(self) -> dict[str, dict[str, str]]:
        """Versions of every zoo that was asked so far."""
        return dict(self._versions)

    def close(self) -> None:
        """End all workers; what the system does not let remove now, the next run removes."""
        workers, self._workers = list(self._workers.values()), {}
        for worker in workers:
            with contextlib.suppress(OSError):
                worker.close()


def worker_name(zoo: Zoo) -> str:
    """What tells workers apart: one that opens strangers' files is another worker of a zoo."""
    return f"{zoo.name} confined" if getattr(zoo, "confined", False) else zoo.name


def usable(zoo: Zoo) -> str | None:
    """None where the zoo's framework is there, else the reason, without starting anything."""
    from zoodiff.workers import environments

    try:
        environments.interpreter_for(zoo)
    except ZoodiffError as error:
        return str(error)
    return None
