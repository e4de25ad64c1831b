"""Serve the report of a run on this machine while the study goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from zoodiff.errors import UsageError, ZoodiffError
from zoodiff.report.files import contents
from zoodiff.report.stored import StoreReader
from zoodiff.study.result import StudyResult

ADDRESS = "127.0.0.1"
SECONDS = 15
"""Between two looks of the page, until the run is complete."""
_TYPES = {
    "html": "text/html",
    "md": "text/plain",
    "csv": "text/csv",
    "json": "application/json",
    "tex": "text/plain",
}


class ReportServer(ThreadingHTTPServer):
    """Serves the files of a report, made again when the run has gone on.

    ``read`` returns the run's result, ``version`` a text that changes with it. ``reader``
    reads in the run's store.
    """

    daemon_threads = True

    def __init__(
        self,
        read: Callable[[], StudyResult],
        version: Callable[[], str],
        port: int = 0,
        reader: StoreReader | None = None,
    ) -> None:
        try:
            super().__init__((ADDRESS, port), _Handler)
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"port {port} of {ADDRESS} cannot be used ({error}); name another with --port"
            ) from None
        self._read, self._version, self._reader = read, version, reader
        self._lock = threading.Lock()
        self._made: tuple[str, bool, dict[str, str]] | None = None

    @property
    def address(self) -> str:
        """The address of the page."""
        return f"http://{ADDRESS}:{self.server_port}/"

    def files(self) -> tuple[bool, dict[str, str]]:
        """Return whether the run is complete, and the text of each file of its report."""
        with self._lock:
            version = self._version()
            if self._made is None or self._made[0] != version:
                result = self._read()
                self._made = (version, result.complete, contents(result, self._reader))
            return self._made[1:]

    def is_own(self, host: str | None) -> bool:
        """Whether a request names this server: a page of the web may have its own name for it."""
        return host in {f"{ADDRESS}:{self.server_port}", f"localhost:{self.server_port}"}


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for the files of a report, and nothing else."""

    server: ReportServer
    server_version, sys_version = "zoodiff", ""
    timeout = 30

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: what is requested is untrusted text."""

    def _answer(self, with_body: bool) -> None:
        if not self.server.is_own(self.headers.get("Host")):
            self._send(403, "text/plain", "This server has another name.", with_body)
            return
        name = self.path.partition("?")[0].removeprefix("/") or "index.html"
        if name == "favicon.ico":  # browsers ask for it, and complain of a file that is missing
            self._send(204, "image/x-icon", "", with_body=False)
            return
        try:
            complete, files = self.server.files()
        except ZoodiffError as error:
            self._send(503, "text/plain", str(error), with_body)
            return
        if name not in files:
            self._send(404, "text/plain", "There is no such file.", with_body)
            return
        refresh = SECONDS if name == "index.html" and not complete else None
        kind = _TYPES[name.rpartition(".")[2]]
        self._send(200, kind, files[name], with_body, refresh)

    def _send(
        self, status: int, kind: str, text: str, with_body: bool, refresh: int | None = None
    ) -> None:
        body = text.encode("utf-8", errors="replace")
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        if refresh is not None:
            self.send_header("Refresh", str(refresh))
        self.end_headers()
        if with_body:
            self.wfile.write(body)
