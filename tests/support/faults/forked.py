"""Workers that are forked instead of started: the same code in processes of their own, at once.

Starting Python and numpy takes most of a worker's life here; forking lets the suite inject ten
times as many faults in the same time. Every tenth fault of the suite uses real starts.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_NAME = "a worker"


class Forked:
    """Takes the place of ``subprocess.Popen`` for workers, and of nothing else."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdout: int,
        pass_fds: Sequence[int],
        env: Mapping[str, str],
        cwd: str,
        **others: Any,
    ) -> None:
        arguments = list(command[-2:])  # the descriptors of requests and replies
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._become(arguments, stdout, pass_fds, env, cwd)
            finally:
                os._exit(1)

    @staticmethod
    def _become(
        arguments: list[str],
        log: int,
        kept: Sequence[int],
        env: Mapping[str, str],
        cwd: str,
    ) -> None:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(log, 1)
        os.dup2(log, 2)
        for path in Path("/proc/self/fd").iterdir():
            number = int(path.name)
            if number > 2 and number not in kept:
                try:
                    os.close(number)
                except OSError:
                    continue
        os.environ.clear()
        os.environ.update(env)
        os.chdir(cwd)
        sys.argv = ["-c", *arguments]
        from zoodiff.workers.inside import bootstrap

        bootstrap.main()

    def poll(self) -> int | None:
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                self.returncode = 0
                return 0
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        end = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired(_NAME, timeout or 0)
            time.sleep(0.002)
        assert self.returncode is not None
        return self.returncode


def install() -> None:
    """Let the workers of this process be forked."""
    from zoodiff.workers import process

    class Module:
        Popen = Forked
        DEVNULL = subprocess.DEVNULL
        TimeoutExpired = subprocess.TimeoutExpired

    process.subprocess = Module  # type: ignore[assignment]
