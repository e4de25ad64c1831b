"""A worker that is no process: it answers in the caller's, for a network that the caller holds.

Nothing protects the caller from it, and nothing has to: the network and its code are the caller's.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.errors import MeasurementError, ZoodiffError
from zoodiff.workers import messages
from zoodiff.workers.client import WorkerClient
from zoodiff.workers.inside.arrays import WorkerArrays
from zoodiff.workers.inside.handlers import Handlers
from zoodiff.workers.limits import Limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoodiff.zoos.base import Backend, WorkerSpec


class LocalArrays(WorkerArrays):
    """Arrays that are passed on without a copy; each is taken once."""

    def __init__(self) -> None:
        super().__init__(Path(), Path())
        self._held: dict[str, NDArray[Any]] = {}
        self._names = itertools.count()

    def get(self, message: dict[str, Any]) -> NDArray[Any]:
        """Return an array, and forget it."""
        return self._held.pop(str(message["$array"]))

    def put(self, array: NDArray[Any]) -> dict[str, Any]:
        """Keep an array until it is taken; return its handle."""
        name = str(next(self._names))
        self._held[name] = array
        return {"$array": name}


class LocalClient(WorkerClient):
    """The requests of a worker, answered by a backend in this process."""

    def __init__(
        self, spec: WorkerSpec, backend: Backend, *, threads: int = 1, limits: Limits | None = None
    ) -> None:
        super().__init__(spec, threads=threads, limits=limits)
        self._passed = LocalArrays()
        self._handlers = Handlers(lambda: backend, self._passed)

    def load(self, request: messages.Load, *, doing: str) -> messages.Loaded:
        """Load a network; nothing is fetched, so that the network need not be turned off."""
        return super().load(replace(request, fetch=True), doing=doing)

    def ask(
        self, method: str, /, *, doing: str, seconds: float | None = None, **params: object
    ) -> Callable[[], object]:
        """Answer a request at once; the framework's errors become MeasurementErrors."""
        try:
            answer = self._handlers.call(method, params)
        except ZoodiffError:
            raise
        except Exception as error:  # the caller's own code may raise anything
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            raise MeasurementError(f"{reason}, while {doing}") from error
        return lambda: answer

    def put_array(self, array: NDArray[Any]) -> dict[str, object]:
        """Pass an array to the backend."""
        return self._passed.put(array)

    def get_array(
        self,
        message: Any,
        shape: tuple[int | None, ...] | None = None,
        *,
        most: int = 0,
    ) -> NDArray[Any]:
        """Take an array that the backend passed."""
        return self._passed.get(message)

    def interrupt(self) -> None:
        """Do nothing: the caller's process is not ended."""

    def close(self) -> None:
        """Do nothing: the object is the caller's."""
