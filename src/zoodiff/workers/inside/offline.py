"""Block connections for a while, so that loaders use local files only.

This is no protection: code that means harm is held by the sandbox. It keeps a framework's own
loader, which fetches what it lacks without asking, from fetching.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any, NoReturn


@contextlib.contextmanager
def without_network() -> Iterator[None]:
    """Let every look-up of a host and every connection over a network raise OSError."""

    def refuse(*arguments: object, **keywords: object) -> NoReturn:
        raise OSError("nothing is fetched unless that is allowed (--download)")

    names = ("getaddrinfo", "gethostbyname", "create_connection")
    before = {name: getattr(socket, name) for name in names}
    connect = socket.socket.connect

    def connect_here(self: Any, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            refuse()
        connect(self, address)

    for name in names:
        setattr(socket, name, refuse)
    socket.socket.connect = connect_here  # type: ignore[method-assign]
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(socket, name, function)
        socket.socket.connect = connect  # type: ignore[method-assign]
