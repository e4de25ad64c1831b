"""The parent's side of a worker: start it, send requests, enforce its limits, end it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from zoodiff.activity import note, timed
from zoodiff.errors import WorkerError
from zoodiff.workers import environments, exchange, failures, launch, protocol
from zoodiff.workers.exchange import Incoming, Log, outgoing
from zoodiff.workers.limits import Limits
from zoodiff.workers.sandbox import available, bubblewrap
from zoodiff.workers.scratch import Scratch
from zoodiff.workers.space import hidden_bytes, resident_bytes
from zoodiff.workers.worker_env import worker_environment
from zoodiff.zoos.base import ALLOWED_CODE, CONFINED, WorkerSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POLL_SECONDS = 0.2
_DYING_SECONDS = 1.0
"""Time that a worker may take to end after it closed its pipes."""
_CHUNK = 2**20
_PIPE = 2**18
"""Bytes that may wait in the pipe of requests."""


class Worker:
    """One worker process; use it as a context manager.

    A worker that dies, hangs or exceeds its memory is ended, and the request raises WorkerError.
    The next request starts a fresh process, which knows no handle of the old one.
    """

    def __init__(self, spec: WorkerSpec, *, threads: int = 1, limits: Limits | None = None) -> None:
        self.spec = spec
        self.threads = threads
        self.limits = limits or Limits()
        self.generation = 0
        """Number of processes started so far; handles belong to one generation."""
        self._process: subprocess.Popen[bytes] | None = None
        self._members: list[int] | None = None
        """Process ids of the worker and its children, found at the first ``place``; a confined
        worker runs in a child."""
        self._incoming: Incoming | None = None
        self._log: Log | None = None
        self._caches: list[Scratch] = []
        self._sent: list[dict[str, object]] = []
        """Arrays of the current request; they are removed when it is answered."""
        self._to_child = self._from_child = -1
        self._requests = 0
        self._checked = 0.0
        self._wrapped = False
        """Whether bubblewrap stands in between."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def holds(self, generation: int) -> bool:
        """Whether the process of this generation, with its handles, is still alive."""
        return self._process is not None and self.generation == generation

    def printed(self) -> str:
        """Return the end of the output of the worker and its framework, at most 64 KiB."""
        return self._log.end() if self._log else ""

    def call(
        self, method: str, /, *, doing: str, seconds: float | None = None, **params: object
    ) -> object:
        """Send a request and return the reply.

        ``doing`` completes the sentence of an error: "... while describing resnet50".
        Raises the ZoodiffError that the worker raised, or WorkerError for any other failure.
        """
        return self.ask(method, doing=doing, seconds=seconds, **params)()

    def ask(
        self, method: str, /, *, doing: str, seconds: float | None = None, **params: object
    ) -> Callable[[], object]:
        """Send a request; return a function that waits for the reply and raises as ``call`` does.

        Call it before the next request. The time limit counts from here.
        """
        if self._process is None:
            self._start()
        if self.spec.confined:
            self.release()
        self._requests += 1
        allowed = seconds or self.limits.seconds
        frame = protocol.pack(
            {"id": self._requests, "method": method, "params": params, "seconds": allowed}
        )
        deadline = time.monotonic() + allowed
        with self._failing(doing):
            self._write(frame, deadline, doing)
        return timed(self.spec.name, doing, lambda: self._answer(deadline, doing))

    def hold(self) -> None:
        """Suspend the process, so that its idle threads use no CPU time."""
        self._signal(signal.SIGSTOP)

    def release(self) -> None:
        """Resume a suspended process; required before the next request."""
        self._signal(signal.SIGCONT)

    def place(self, cores: Collection[int]) -> None:
        """Restrict all threads of the process to these cores, if permitted.

        This includes threads that start later.
        """
        if self._process is None or not hasattr(os, "sched_setaffinity"):
            return
        if self._members is None:
            import psutil

            with contextlib.suppress(psutil.Error):
                first = psutil.Process(self._process.pid)
                inner = [child.pid for child in first.children(recursive=True)]
                self._members = [first.pid, *inner]
        for pid in self._members or ():
            with contextlib.suppress(OSError):
                for thread in Path(f"/proc/{pid}/task").iterdir():
                    os.sched_setaffinity(int(thread.name), cores)

    def _signal(self, number: signal.Signals) -> None:
        process = self._process  # another thread may end it meanwhile
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)

    def _answer(self, deadline: float, doing: str) -> object:
        with self._failing(doing):
            frame = self._read(deadline, doing)
            if self.spec.confined:  # its limits are not enforced between requests
                self.hold()
            answer = protocol.unpack(frame)
        self._drop_sent()
        if not isinstance(answer, dict) or answer.get("id") != self._requests:
            self._kill()
            raise WorkerError(f"the worker of {self.spec.name} answered out of turn while {doing}")
        if "error" in answer:
            raise failures.raised(answer["error"], self.spec.name, doing)
        if "result" not in answer:
            raise WorkerError(f"the worker of {self.spec.name} answered nothing while {doing}")
        return answer["result"]

    @contextlib.contextmanager
    def _failing(self, doing: str) -> Iterator[None]:
        """End the process after a failed exchange in the block, and raise the reason."""
        try:
            yield
        except (BrokenPipeError, EOFError):
            raise self._death(doing) from None
        except protocol.ProtocolError as error:
            self._kill()
            raise WorkerError(
                f"the worker of {self.spec.name} sent nonsense while {doing} ({error})"
            ) from None
        except BaseException:
            # A sent request cannot be cancelled: its reply would answer the next request.
            self._kill()
            raise

    def put_array(self, array: NDArray[Any]) -> dict[str, object]:
        """Share an array with the worker until it has answered its next request.

        Returns the array's handle for that request.
        """
        message = outgoing().put(array)
        self._sent.append(message)
        return message

    def get_array(
        self,
        message: object,
        shape: tuple[int | None, ...] | None = None,
        *,
        most: int = exchange.LARGEST_REPLY,
    ) -> NDArray[Any]:
        """Return a copy of an array in a reply.

        ``shape`` is the required shape, with None for any length; ``most`` is the largest number of
        bytes. Raises WorkerError for any other array.
        """
        with self._taking() as incoming:
            return incoming.array(message, shape, most)

    def share_array(
        self,
        message: object,
        shape: tuple[int | None, ...] | None = None,
        *,
        most: int = exchange.LARGEST_REPLY,
    ) -> dict[str, object]:
        """Copy an array of a reply to where every worker can read it.

        Returns a handle for requests to any worker, valid until ``unshare`` is called with it. The
        arguments and errors are those of ``get_array``.
        """
        with self._taking() as incoming:
            return incoming.pass_on(message, shape, most)

    @staticmethod
    def unshare(message: dict[str, object]) -> None:
        """Remove an array that ``share_array`` returned."""
        outgoing().remove(message)

    @contextlib.contextmanager
    def _taking(self) -> Iterator[Incoming]:
        if self._incoming is None:
            raise WorkerError(f"the worker of {self.spec.name} has ended, and its arrays with it")
        try:
            yield self._incoming
        except protocol.ProtocolError as error:
            raise WorkerError(
                f"the worker of {self.spec.name} sent no usable array: {error}"
            ) from None

    def forget_compiled(self, doing: str) -> None:
        """Hide the code that earlier processes compiled from the worker.

        PyTorch stores compiled code on disk, so a second cold start would be a warm one. The new
        folder is removed with the process.
        """
        if self.spec.confined:  # its folder is fresh, without compiled code
            return
        self._caches.append(Scratch("compiled", on_disk=True))
        self.call("forget", doing=doing, folder=str(self._caches[-1].path))

    def interrupt(self) -> None:
        """Kill the process while another thread waits for its reply."""
        self._signal(signal.SIGKILL)

    def let_go(self) -> None:
        """Tell the process to end, without waiting for it; only ``close`` may be called then."""
        if self._process is not None:
            self.release()
            with contextlib.suppress(OSError):
                os.close(self._to_child)
            self._to_child = -1

    def close(self) -> None:
        """End the process and remove its scratch folder. Safe to call at any time."""
        self.let_go()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=2)
        self._kill()

    def _start(self) -> None:
        interpreter = environments.interpreter_for(self.spec)
        if self.spec.confined and self.limits.require_sandbox:
            available.require(self.spec.name)
        shared = outgoing().path
        self._incoming = Incoming(self.spec.name)
        scratch = self._incoming.path
        self._log = Log()
        child_in, self._to_child = os.pipe()
        self._from_child, child_out = os.pipe()
        command = launch.command(interpreter, child_in, child_out)
        environment = worker_environment(
            os.environ, self.threads, interpreter, scratch if self.spec.confined else None
        )
        path = [place for place in environment.pop("PYTHONPATH", "").split(os.pathsep) if place]
        if self.spec.confined:
            self._wrapped = not bubblewrap.missing()
            command = bubblewrap.wrapped(command, scratch, shared)
            environment[CONFINED] = "1"
            environment[ALLOWED_CODE] = launch.allowed_code(self.limits)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=self._log.descriptor,
                stderr=self._log.descriptor,
                pass_fds=(child_in, child_out),
                start_new_session=True,
                env=environment,
                cwd="/",
            )
        except BaseException:
            self._kill()
            raise
        finally:
            os.close(child_in)
            os.close(child_out)
        with contextlib.suppress(AttributeError, OSError):  # large enough for the first message
            fcntl.fcntl(self._to_child, fcntl.F_SETPIPE_SZ, _PIPE)
        os.set_blocking(self._from_child, False)
        os.set_blocking(self._to_child, False)
        self._requests = 0
        self.generation += 1
        note("worker of %s started, process %d", self.spec.name, self._process.pid)
        start = launch.first_message(self.spec, self.limits, interpreter, path)
        start |= {"scratch": str(scratch), "incoming": str(shared)}
        doing = "starting"
        with self._failing(doing):
            self._write(protocol.pack(start), time.monotonic() + self.limits.seconds, doing)

    def _write(self, frame: bytes, deadline: float, doing: str) -> None:
        view = memoryview(frame)
        while view:
            _, ready, _ = select.select([], [self._to_child], [], self._turn(deadline, doing))
            if ready:
                with contextlib.suppress(BlockingIOError):
                    view = view[os.write(self._to_child, view) :]

    def _turn(self, deadline: float, doing: str) -> float:
        """Return the seconds until the next check of the worker; raise WorkerError on timeout."""
        now = time.monotonic()
        if now >= deadline:
            self._kill()
            raise WorkerError(
                f"the worker of {self.spec.name} ran out of its time while {doing}; "
                "allow more with --worker-seconds"
            )
        if now - self._checked >= _POLL_SECONDS:
            self._checked = now
            self._check_memory(doing)
        return min(deadline - now, _POLL_SECONDS)

    def _read(self, deadline: float, doing: str) -> bytes:
        header = self._exactly(4, deadline, doing)
        return self._exactly(protocol.body_length(header), deadline, doing)

    def _exactly(self, size: int, deadline: float, doing: str) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            wait = self._turn(deadline, doing)
            ready, _, _ = select.select([self._from_child], [], [], wait)
            if not ready:
                continue
            part = os.read(self._from_child, min(size - len(parts), _CHUNK))
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)

    def _check_memory(self, doing: str) -> None:
        limit = self.limits.memory
        assert self._process is not None
        assert self._incoming is not None
        assert self._log is not None
        used, members = resident_bytes(self._process.pid)
        # The folder may be in memory, which counts for no process.
        if self.spec.confined and used <= limit:
            used += self._incoming.size(limit) + self._log.size()
            used += hidden_bytes(members, self._incoming.path, limit, {self._log.file})
        if used > limit:
            self._kill()
            raise WorkerError(
                f"the worker of {self.spec.name} used more than {limit / 1e9:.1f} GB of memory "
                f"while {doing}; allow more with --worker-memory"
            )

    def _death(self, doing: str) -> WorkerError:
        assert self._process is not None
        try:
            code = self._process.wait(timeout=_DYING_SECONDS)
        except subprocess.TimeoutExpired:
            code = 0
        how = failures.death(code, self.printed(), wrapped=self._wrapped)
        self._kill()
        return WorkerError(f"the worker of {self.spec.name} died while {doing} {how}")

    def _kill(self) -> None:
        """Kill the process and remove everything that it wrote."""
        process, self._process = self._process, None
        self._members = None
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for descriptor in (self._to_child, self._from_child):
            with contextlib.suppress(OSError):
                os.close(descriptor) if descriptor >= 0 else None
        self._to_child = self._from_child = -1
        self._drop_sent()
        closing = [self._incoming, self._log, *self._caches]
        self._incoming, self._log, self._caches = None, None, []
        for place in closing:
            if place is not None:
                place.close()

    def _drop_sent(self) -> None:
        sent, self._sent = self._sent, []
        for message in sent:
            outgoing().remove(message)
