"""A hub on this machine: repositories in folders, answered as huggingface_hub asks."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class FakeHub:
    """Repositories by name, each a folder and the commits of its revisions."""

    url: str = ""
    folders: dict[str, Path] = field(default_factory=dict)
    revisions: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """The paths of all requests."""
    silent: bool = False
    """Whether it answers nothing but errors."""

    def add(self, name: str, folder: Path, commit: str) -> None:
        """Add a repository whose branch ``main`` is at a commit."""
        self.folders[name] = folder
        self.revisions[name] = {"main": commit}

    def commit_of(self, name: str, revision: str) -> str | None:
        """The commit of a revision."""
        if len(revision) == 40:
            return revision
        return self.revisions.get(name, {}).get(revision)

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """The answer to one request."""
        self.asked.append(path)
        parts = [urllib.parse.unquote(part) for part in path.partition("?")[0].split("/")[1:]]
        if self.silent:
            return 500, {}, b""
        if parts[:2] == ["api", "models"] and parts[4] == "revision":
            return self._about("/".join(parts[2:4]), parts[5])
        name = "/".join(parts[:2])
        commit = self.commit_of(name, parts[3])
        file = self.folders[name] / "/".join(parts[4:])
        if commit is None or not file.is_file():
            return 404, {"X-Error-Code": "EntryNotFound"}, b""
        data = file.read_bytes()
        etag = f'"{hashlib.sha1(data).hexdigest()}"'
        return 200, {"ETag": etag, "X-Repo-Commit": commit}, data

    def _about(self, name: str, revision: str) -> tuple[int, dict[str, str], bytes]:
        commit = self.commit_of(name, revision)
        if commit is None:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        folder = self.folders[name]
        files = [f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file()]
        about = {"id": name, "sha": commit, "siblings": [{"rfilename": f} for f in sorted(files)]}
        return 200, {"Content-Type": "application/json"}, json.dumps(about).encode()


@contextlib.contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """Serve a hub while the block runs."""
    hub = FakeHub()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = hub.answer(self.path)
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
