"""A backend that tries to do harm: each model is one attempt, whose outcome it answers."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from zoodiff.errors import MeasurementError


def writes(path: str) -> None:
    Path(path).write_text("x")


def removes(path: str) -> None:
    Path(path).unlink()


def opens_to_all(path: str) -> None:
    Path(path).chmod(0o777)


def connects(port: str) -> None:
    socket.create_connection(("127.0.0.1", int(port)), timeout=5).close()


def sends(port: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.sendto(b"x", ("127.0.0.1", int(port)))


def talks(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.connect(path)


def starts(path: str) -> None:
    subprocess.run(["touch", path], check=True)


def forks(path: str) -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def kills(pid: str) -> None:
    os.kill(int(pid), 0)


def own(name: str) -> Path:
    """In the only folder that is the worker's to write to."""
    return Path(tempfile.gettempdir()) / name


def links(path: str) -> None:
    own("way").symlink_to(path)
    own("way/x").write_text("x")


def reads(path: str) -> None:
    assert Path(path).read_text()


def keeps(path: str) -> None:
    own("own").write_text("x")


def eats(size: str) -> None:
    held = [np.ones(1 << 24) for _ in range(int(size) // (8 << 24))]
    del held


def spins(seconds: str) -> None:
    while True:
        sum(range(1000))


def fills(size: str) -> None:
    with own("large").open("wb") as file:
        for _ in range(int(size) >> 20):
            file.write(bytes(1 << 20))


class Backend:
    def versions(self) -> dict[str, str]:
        return {"environment": " ".join(sorted(os.environ))}

    def models(self) -> list[str]:
        return []

    def describe(self, model: str, weights: str | None) -> Any:
        try:
            globals()[model](weights)
        except OSError as error:
            raise MeasurementError(f"stopped: {type(error).__name__}") from None
        except MemoryError:
            raise MeasurementError("stopped: MemoryError") from None
        raise MeasurementError("done")


def make() -> Backend:
    return Backend()
