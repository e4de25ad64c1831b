"""The parent's side of a worker: start it, ask it, watch it, end it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from zoodiff import errors
from zoodiff.errors import WorkerError, ZoodiffError
from zoodiff.workers import environments, permissions, protocol
from zoodiff.workers.given import empty, size_of, worker_environment
from zoodiff.workers.sandbox import bubblewrap
from zoodiff.workers.scratch import Scratch
from zoodiff.zoos.base import ALLOWED_CODE, CONFINED, Zoo

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POLL_SECONDS = 0.2
_SIGNALLED = 128
_HINTS = {
    int(signal.SIGKILL): ", perhaps for lack of memory",
    int(signal.SIGXCPU): ", since it used up its CPU time",
    int(signal.SIGXFSZ): ", since a file that it wrote became too large",
}


@dataclass(frozen=True)
class Limits:
    """What a worker may use."""

    seconds: float = 900.0
    """Wall-clock time of one request."""
    memory_bytes: int | None = None
    """Resident memory of the worker and its children; None means 80 % of the machine's."""
    allowed_code: frozenset[str] = frozenset()
    """SHA-256 of files whose code may run, beside those that the user allowed for good."""

    @property
    def memory(self) -> int:
        """The limit in bytes, whether it was given or is the machine's."""
        import psutil

        return self.memory_bytes or int(psutil.virtual_memory().total * 0.8)


class Worker:
    """One worker process of one zoo; use it as a context manager.

    A worker that dies, hangs or grows too large is ended and raises WorkerError, once; the next
    request starts a fresh process, which knows none of the handles of the old one.
    """

    def __init__(self, zoo: Zoo, *, threads: int = 1, limits: Limits | None = None) -> None:
        self.zoo = zoo
        self.threads = threads
        self.limits = limits or Limits()
        self.generation = 0
        """Number of processes started so far; handles belong to one generation."""
        self._process: subprocess.Popen[bytes] | None = None
        self._members: list[int] | None = None
        """The process and those below it, once somebody asked; it runs in one of its own where it
        is confined."""
        self._scratch: Scratch | None = None
        self._to_child = self._from_child = -1
        self._requests = 0
        self._confined = bool(getattr(zoo, "confined", False))

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def holds(self, generation: int) -> bool:
        """Whether the process of this generation still lives, and its handles with it."""
        return self._process is not None and self.generation == generation

    @property
    def scratch(self) -> Path:
        """The folder that this worker and its parent share arrays in."""
        if self._scratch is None:
            self._scratch = Scratch(self.zoo.name)
        return self._scratch.path

    @property
    def log(self) -> Path:
        """What the worker and its framework printed."""
        return self.scratch / "worker.log"

    def call(
        self, method: str, /, *, doing: str, seconds: float | None = None, **params: Any
    ) -> Any:
        """Ask the worker and wait for the answer.

        ``doing`` completes the sentence of an error: "... while describing resnet50".
        Raises the ZoodiffError that the worker raised, or WorkerError where it failed otherwise.
        """
        return self.ask(method, doing=doing, seconds=seconds, **params)()

    def ask(
        self, method: str, /, *, doing: str, seconds: float | None = None, **params: Any
    ) -> Callable[[], Any]:
        """Ask the worker; what is returned waits for the answer, and raises as ``call`` does.

        Nothing else may be asked before. The time limit counts from here.
        """
        if self._process is None:
            self._start()
        self._requests += 1
        allowed = seconds or self.limits.seconds
        frame = protocol.pack(
            {"id": self._requests, "method": method, "params": params, "seconds": allowed}
        )
        deadline = time.monotonic() + allowed
        with self._failing(doing):
            self._write(frame)
        return lambda: self._answer(deadline, doing)

    def hold(self) -> None:
        """Stop the process where it stands, so that its idle threads take nothing from others."""
        self._signal(signal.SIGSTOP)

    def release(self) -> None:
        """Let a process go on that was held; it must be before it is asked anything."""
        self._signal(signal.SIGCONT)

    def place(self, cores: Collection[int]) -> None:
        """Let all threads of the process run on these cores only; does nothing without the right.

        Threads that start later stay there too.
        """
        if self._process is None or not hasattr(os, "sched_setaffinity"):
            return
        if self._members is None:
            import psutil

            with contextlib.suppress(psutil.Error):
                first = psutil.Process(self._process.pid)
                inner = [one.pid for one in first.children(recursive=True)]
                self._members = [first.pid, *inner]
        for pid in self._members or ():
            with contextlib.suppress(OSError):
                for thread in Path(f"/proc/{pid}/task").iterdir():
                    os.sched_setaffinity(int(thread.name), cores)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _answer(self, deadline: float, doing: str) -> Any:
        with self._failing(doing):
            answer = protocol.unpack(self._read(deadline, doing))
        if not isinstance(answer, dict) or answer.get("id") != self._requests:
            self._kill()
            raise WorkerError(f"the worker of {self.zoo.name} answered out of turn while {doing}")
        if "error" in answer:
            raise self._error(answer["error"], doing)
        if "result" not in answer:
            raise WorkerError(f"the worker of {self.zoo.name} answered nothing while {doing}")
        return answer["result"]

    @contextlib.contextmanager
    def _failing(self, doing: str) -> Iterator[None]:
        """End the process and say why, where a request or its answer does not come through."""
        try:
            yield
        except (BrokenPipeError, EOFError):
            raise self._death(doing) from None
        except protocol.ProtocolError as error:
            self._kill()
            raise WorkerError(
                f"the worker of {self.zoo.name} sent nonsense while {doing} ({error})"
            ) from None
        except BaseException:
            # A request in flight cannot be taken back: the next answer would be the wrong one.
            self._kill()
            raise

    def put_array(self, array: NDArray[Any]) -> dict[str, str]:
        """Share an array with the worker; the result goes into ``call``'s parameters."""
        return protocol.put_array(array, self.scratch)

    def get_array(self, message: Any) -> NDArray[Any]:
        """Take an array out of an answer; raise WorkerError where there is none."""
        try:
            return protocol.get_array(message, self.scratch)
        except protocol.ProtocolError as error:
            raise WorkerError(f"the worker of {self.zoo.name} sent no array ({error})") from None

    def lend(self, message: Any, other: Worker) -> dict[str, str]:
        """Give an array of this worker's answer to another one, without copying it."""
        try:
            return protocol.lend(message, self.scratch, other.scratch)
        except protocol.ProtocolError as error:
            raise WorkerError(f"the worker of {self.zoo.name} sent no array ({error})") from None

    def drop(self, message: Any) -> None:
        """Remove an array of an answer that was lent and is not needed any more."""
        with contextlib.suppress(protocol.ProtocolError):
            protocol.get_array(message, self.scratch)

    def interrupt(self) -> None:
        """Kill the process from another thread than the one that waits for its answer."""
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)

    def let_go(self) -> None:
        """Tell the process to end, without waiting for it; ``close`` is all that is left to do."""
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
        if self._scratch is not None:
            self._scratch.close()
            self._scratch = None

    def _start(self) -> None:
        interpreter = environments.interpreter_for(self.zoo)
        child_in, self._to_child = os.pipe()
        self._from_child, child_out = os.pipe()
        command = [
            str(interpreter),
            *("-m", "zoodiff.workers.child"),
            *("--requests", str(child_in)),
            *("--replies", str(child_out)),
            *("--backend", self.zoo.backend),
            *("--scratch", str(self.scratch)),
        ]
        environment = worker_environment(
            os.environ, self.threads, interpreter, self.scratch if self._confined else None
        )
        if self._confined:
            command = bubblewrap.wrapped(
                [*command, "--memory", str(self.limits.memory)], self.scratch
            )
            environment[CONFINED] = "1"
            environment[ALLOWED_CODE] = ",".join(
                sorted(self.limits.allowed_code | permissions.allowed())
            )
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(child_in, child_out),
                start_new_session=True,
                env=environment,
                cwd=self.scratch,
            )
        os.close(child_in)
        os.close(child_out)
        os.set_blocking(self._from_child, False)
        self._requests = 0
        self.generation += 1

    def _write(self, frame: bytes) -> None:
        view = memoryview(frame)
        while view:
            view = view[os.write(self._to_child, view) :]

    def _read(self, deadline: float, doing: str) -> bytes:
        header = self._exactly(4, deadline, doing)
        return self._exactly(protocol.body_length(header), deadline, doing)

    def _exactly(self, size: int, deadline: float, doing: str) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            left = deadline - time.monotonic()
            if left <= 0:
                self._kill()
                raise WorkerError(
                    f"the worker of {self.zoo.name} ran out of its time while {doing}; "
                    "allow more with --worker-seconds"
                )
            ready, _, _ = select.select([self._from_child], [], [], min(left, _POLL_SECONDS))
            if not ready:
                self._check_memory(doing)
                continue
            part = os.read(self._from_child, size - len(parts))
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)

    def _check_memory(self, doing: str) -> None:
        import psutil

        limit = self.limits.memory
        assert self._process is not None
        used = 0
        with contextlib.suppress(psutil.Error):
            parent = psutil.Process(self._process.pid)
            for process in (parent, *parent.children(recursive=True)):
                used += process.memory_info().rss
        # A scratch folder may lie in memory: what is written there is no process's own.
        filled = self._confined and size_of(self.scratch) > limit
        if used > limit or filled:
            self._kill()
            if filled:
                empty(self.scratch)
            raise WorkerError(
                f"the worker of {self.zoo.name} used more than {limit / 1e9:.1f} GB of memory "
                f"while {doing}; allow more with --worker-memory"
            )

    def _death(self, doing: str) -> WorkerError:
        assert self._process is not None
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = 0
        if self._confined and code > _SIGNALLED:
            code = _SIGNALLED - code  # bubblewrap's way of passing a signal on
        how = f"exit code {code}"
        if code < 0:
            name = signal.Signals(-code).name
            hint = _HINTS.get(-code, "")
            how = f"killed by {name}{hint}"
        last = _last_line(self.log)
        self._kill()
        said = f'; its last words: "{last}"' if last else ""
        return WorkerError(f"the worker of {self.zoo.name} died while {doing} ({how}){said}")

    def _error(self, raw: Any, doing: str) -> ZoodiffError:
        raw = raw if isinstance(raw, Mapping) else {"message": raw}
        kind, message = str(raw.get("kind")), str(raw.get("message"))
        known = getattr(errors, kind, None)
        if isinstance(known, type) and issubclass(known, ZoodiffError):
            return known(message)
        error = WorkerError(f"the worker of {self.zoo.name} failed while {doing}: {message}")
        error.add_note(str(raw.get("traceback", "")))
        return error

    def _kill(self) -> None:
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


def _last_line(log: Path) -> str:
    with contextlib.suppress(OSError):
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip()[:300] if lines else ""
    return ""
