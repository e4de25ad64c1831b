"""Tricks by the pipe of answers: lengths that lie, floods, answers out of turn, odd errors."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from .pipes import answer, frame, instead, replies, request, requests, send
from .table import Given, trick

FULL = 32 * 2**20
"""Bytes of the largest frame."""
EVIL = "\x1b]0;title\x07\x1b[2J\u202eline\r\nzoodiff: forged\n\x9b31m\u2028next\0"


def stuffed(piece: bytes, start: bytes = b"[", end: bytes = b"]") -> bytes:
    """A body as large as it may be, made of one piece."""
    return start + piece * ((FULL - len(start) - len(end)) // len(piece)) + end


def asleep() -> None:
    """Answer no more."""
    time.sleep(600)


@trick("ended", seconds=1)
def sends_half_a_frame(given: Given) -> None:
    """Announce a frame, send half of it, and fall silent."""
    instead(frame(b'{"id": 1, "re', 200), then=asleep)


@trick("ended", seconds=1)
def sends_half_a_header(given: Given) -> None:
    """Send two bytes of the length of a frame."""
    instead(b"\0\0", then=asleep)


@trick("ended", seconds=1)
def dribbles(given: Given) -> None:
    """Send a byte now and then, for ever."""

    def drop() -> None:
        while True:
            send(b"[")
            time.sleep(0.02)

    instead(frame(b"", 10**6), then=drop)


@trick("ended")
def announces_four_gigabytes(given: Given) -> None:
    """Send the header of the largest length that there is."""
    instead(b"\xff\xff\xff\xff" + bytes(1000))


@trick("ended")
def announces_more_than_it_sends(given: Given) -> None:
    """Send a frame that is shorter than announced, and close the pipe."""
    instead(frame(b'{"id": 1}', FULL), then=replies().close)


@trick("ended")
def sends_brackets(given: Given) -> None:
    """Send 32 MiB of opening brackets."""
    instead(frame(stuffed(b"[", b"", b"")))


@trick("ended")
def sends_nested_objects(given: Given) -> None:
    """Send objects nested a hundred thousand deep."""
    instead(frame(b'{"a":' * 100_000 + b"0" + b"}" * 100_000))


@trick("ended")
def sends_commas(given: Given) -> None:
    """Send a list of sixteen million numbers."""
    instead(frame(stuffed(b"0,", b"[", b"0]")))


def many(limit: int, piece: bytes, start: bytes, end: bytes) -> bytes:
    """As many pieces as a frame may have values."""
    count = min(limit, (FULL - len(start) - len(end)) // len(piece))
    return start + piece * count + end


@trick("either")
def sends_small_objects(given: Given) -> None:
    """Send as many objects of one key as a frame may hold."""
    from zoodiff.workers.protocol import MAX_VALUES

    head = b'{"id":%d,"result":[' % request()["id"]
    instead(frame(many(MAX_VALUES // 2 - 10, b'{"a":9999},', head, b"0]}")))


@trick("either")
def sends_many_keys(given: Given) -> None:
    """Send one object of as many different keys as a frame may hold, each with a number."""
    from zoodiff.workers.protocol import MAX_VALUES

    keys = b",".join(b'"%07x":%d' % (k, 10**8 + k) for k in range(MAX_VALUES - 10))
    instead(frame((b'{"id":%d,"result":{' % request()["id"] + keys)[: FULL - 20] + b'":0}}'))


@trick("either")
def sends_small_lists(given: Given) -> None:
    """Send lists of lists of nothing, as many as a frame may hold."""
    from zoodiff.workers.protocol import MAX_VALUES

    head = b'{"id":%d,"result":[' % request()["id"]
    instead(frame(many(MAX_VALUES // 2 - 10, b"[],", head, b"0]}")))


@trick("either")
def sends_long_numbers(given: Given) -> None:
    """Send numbers of 4,000 digits, which take long to read."""
    head = b'{"id":%d,"result":[' % request()["id"]
    instead(frame(stuffed(b"9" * 4000 + b",", head, b"0]}")))


@trick("either")
def sends_escapes(given: Given) -> None:
    """Send 32 MiB of escapes of characters that take four bytes each."""
    head = b'{"id":%d,"result":"' % request()["id"]
    instead(frame(stuffed(rb"\ud83d\ude00", head, b'"}')))


@trick("either")
def sends_one_wide_character(given: Given) -> None:
    """Send 32 MiB of letters and one character that makes each take four bytes."""
    head = b'{"id":%d,"result":"' % request()["id"]
    instead(frame(stuffed(b"a", head, "\U0001f600".encode() + b'"}')))


@trick("either")
def sends_one_escaped_wide_character(given: Given) -> None:
    """Send the same with the wide character as an escape at the end."""
    head = b'{"id":%d,"result":"' % request()["id"]
    instead(frame(stuffed(b"a", head, rb'\ud83d\ude00"}')))


@trick("ended")
def sends_another_encoding(given: Given) -> None:
    """Send UTF-32, which readers of JSON guess."""
    text = json.dumps({"id": request()["id"], "result": "x" * (FULL // 4 - 100)})
    instead(frame(text.encode("utf-32")))


@trick("ended")
def sends_bytes_that_are_no_text(given: Given) -> None:
    """Send bytes that are no UTF-8."""
    instead(frame(b'{"id": 1, "result": "\xff\xfe\xc0\x80"}'))


@trick("ended")
def sends_nothing_in_a_frame(given: Given) -> None:
    """Send a frame without a body."""
    instead(frame(b""))


@trick("answered")
def sends_numbers_that_are_none(given: Given) -> None:
    """Send infinities, no numbers, lone surrogates and a key twice."""
    body = rb'{"id": 0, "id": %d, "result": [NaN, Infinity, -Infinity, 1e999, "\ud800"]}'
    instead(frame(body % request()["id"]))


@trick("ended")
def sends_a_number_without_end(given: Given) -> None:
    """Send a number of a million digits, which takes a square of time to read."""
    instead(frame(b'{"id": %d, "result": %s}' % (request()["id"], b"7" * 10**6)))


@trick("ended")
def answers_another_request(given: Given) -> None:
    """Answer with the number of another request."""
    instead(frame(json.dumps({"id": request()["id"] + 1, "result": 0}).encode()))


@trick("ended")
def answers_without_a_number(given: Given) -> None:
    """Answer with a list in which there ought to be an object."""
    instead(frame(b'[{"id": 1}]'))


@trick("either")
def answers_with_neither(given: Given) -> None:
    """Answer with neither a result nor an error."""
    instead(answer())


@trick("either", late=True)
def answers_twice(given: Given) -> None:
    """Send two answers to one request; the second is taken for the next one's."""
    instead(answer(result=1), answer(result=2))


@trick("either", late=True)
def answers_before_it_is_asked(given: Given) -> None:
    """Send an answer to a request that will come later but for its number."""
    later = frame(json.dumps({"id": "2", "result": {"versions": {}}}).encode())
    instead(answer(result=1), later)


def errors() -> list[Any]:
    """Errors that are none, or of kinds that there are not."""
    deep: Any = "x"
    for _ in range(700):
        deep = [deep]
    kinds: list[Any] = [
        "__class__", "annotations", "ZoodiffError", "KeyboardInterrupt", "SystemExit", "visible",
        "__builtins__", "\ud800", "\0", "", None, 0, [], {"a": 1}, deep, "Worker" * 100_000,
    ]  # fmt: skip
    return [
        *({"kind": kind, "message": "m"} for kind in kinds),
        {"kind": "RefusedError"},
        {"kind": "RefusedError", "message": EVIL},
        {"kind": "WorkerError", "message": deep},
        {"kind": "WorkerError", "message": "x" * 10**6},
        {"kind": "Unexpected", "message": EVIL, "traceback": deep},
        {"kind": "Unexpected", "message": {"a": [EVIL]}, "traceback": EVIL},
        {"kind": "ImageError", "message": "\ud800\udfff" + EVIL},
        {"kind": "StudyError", "message": 10**300, "more": [deep]},
        {},
        deep,
        EVIL,
        None,
        float("nan"),
        [[], {}],
    ]


def raises(number: int) -> Any:
    """A trick that raises one of the errors."""

    def run(given: Given) -> None:
        """Raise an error that is none, or of a kind that there is not."""
        instead(answer(error=errors()[number]))

    run.__name__ = f"raises_error_{number}"
    return run


for _number in range(len(errors())):
    trick("answered")(raises(_number))


@trick("either")
def raises_an_error_without_a_kind(given: Given) -> None:
    """Send an error that is a number, as well as a result."""
    instead(answer(error=7, result=8))


@trick("ended")
def closes_its_pipes(given: Given) -> None:
    """Close both pipes and live on."""
    requests().close()
    instead(b"", then=lambda: (replies().close(), asleep()))


@trick("ended", seconds=1, late=True)
def answers_and_reads_no_more(given: Given) -> None:
    """Answer, and read no further request."""
    instead(answer(result=1), then=asleep)


@trick("ended", late=True)
def answers_and_closes(given: Given) -> None:
    """Answer and end at once."""
    instead(answer(result=1), then=lambda: os._exit(0))


@trick("ended", seconds=2)
def floods_the_pipe(given: Given) -> None:
    """Send zeros without an end."""
    stream = replies()
    while True:
        stream.write(bytes(1 << 20))


@trick("either", late=True)
def steals_its_own_answer(given: Given) -> None:
    """Read from the pipe that it writes to, and write to the one that it reads from."""
    for stream, flags in ((replies(), os.O_RDONLY), (requests(), os.O_WRONLY)):
        file = os.open(f"/proc/self/fd/{stream.fileno()}", flags | os.O_NONBLOCK)
        try:
            os.read(file, 10) if flags == os.O_RDONLY else os.write(file, b"\0\0\0\2{}" * 10)
        except OSError:
            pass
        finally:
            os.close(file)
    instead(answer(result=1))
