"""The served report: only its files, only by the server's own names, anew when the run goes on."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from zoodiff.errors import StoreError, UsageError
from zoodiff.report.serve import SECONDS, ReportServer
from zoodiff.study.result import StudyResult


class Run:
    """A run that goes on when a test says so."""

    def __init__(self, result: StudyResult) -> None:
        self.result = result
        self.version = "1"
        self.reads = 0

    def read(self) -> StudyResult:
        self.reads += 1
        if self.version == "broken":
            raise StoreError("the record \x1b[31m is damaged")
        return self.result


@pytest.fixture
def run(empty: StudyResult) -> Run:
    return Run(empty.model_copy(update={"complete": False}))


@pytest.fixture
def server(run: Run) -> Iterator[ReportServer]:
    with ReportServer(run.read, lambda: run.version) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


def got(
    server: ReportServer, path: str, host: str | None = None, method: str = "GET"
) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{server.server_port}")
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, dict(answer.getheaders()), text


def test_the_files_of_the_report_are_served(server: ReportServer, run: Run) -> None:
    status, headers, text = got(server, "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert text.startswith("<!doctype html>")
    assert headers["X-Content-Type-Options"] == "nosniff"
    for path in ("/report.md", "/discrepancies.csv", "/discrepancies.json", "/tables/entries.tex"):
        assert got(server, path)[0] == 200, path
    assert run.reads == 1


@pytest.mark.parametrize(
    "path",
    ["/../etc/passwd", "/%2e%2e/etc/passwd", "//etc/passwd", "/tables/", "/x", "/tables/../x"],
)
def test_nothing_else_is(server: ReportServer, path: str) -> None:
    status, _, text = got(server, path)
    assert (status, text) == (404, "There is no such file.")


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "evil.example:{port}", "localhost:1"]
)
def test_other_names_of_the_server_are_refused(server: ReportServer, host: str) -> None:
    assert got(server, "/", host.format(port=server.server_port))[0] == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_sent(server: ReportServer, method: str) -> None:
    assert got(server, "/", method=method)[0] == 501


def test_the_page_looks_for_news_until_the_run_is_complete(
    server: ReportServer, run: Run, empty: StudyResult
) -> None:
    assert got(server, "/")[1]["Refresh"] == str(SECONDS)
    assert "This run is not complete" in got(server, "/")[2]
    run.result, run.version = empty, "2"
    _, headers, text = got(server, "/")
    assert "Refresh" not in headers
    assert "This run is not complete" not in text
    assert run.reads == 2


def test_a_run_that_cannot_be_read_is_one_sentence(server: ReportServer, run: Run) -> None:
    run.version = "broken"
    status, headers, text = got(server, "/", f"localhost:{server.server_port}")
    assert (status, headers["Content-Type"]) == (503, "text/plain; charset=utf-8")
    assert text == "the record \\x1b[31m is damaged"


def test_a_browser_that_asks_for_an_icon_gets_none(server: ReportServer) -> None:
    assert got(server, "/favicon.ico")[::2] == (204, "")


def test_only_this_machine_is_served(server: ReportServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.address == f"http://127.0.0.1:{server.server_port}/"


def test_a_port_that_is_taken_is_an_error(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="name another with --port"):
            ReportServer(run.read, lambda: "1", taken.getsockname()[1])
