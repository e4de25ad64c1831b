"""Block network connections temporarily, so that loaders use only local files.

This stops a framework's own loader, which would fetch missing files without asking. It does not
protect against hostile code; the sandbox does.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any, NoReturn


@contextlib.contextmanager
def without_network() -> Iterator[None]:
    """Raise OSError for every host look-up and network connection during the block."""

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
