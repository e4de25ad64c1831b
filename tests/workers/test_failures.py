"""What a worker says went wrong, whoever wrote it."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoodiff import errors
from zoodiff.errors import RefusedError, WorkerError, ZoodiffError
from zoodiff.workers import failures

EVIL = "\x1b]0;title\x07 a\r\nzoodiff: forged\u202e\x9b\u2028b"


def test_an_error_of_a_known_kind_keeps_it() -> None:
    error = failures.raised({"kind": "RefusedError", "message": "SEC101: no"}, "zoo", "looking")
    assert type(error) is RefusedError
    assert str(error) == "SEC101: no"


def test_a_bug_says_whose_and_when_and_keeps_its_traceback() -> None:
    reply = {"kind": "Unexpected", "message": "ValueError: x", "traceback": "line 1\n  line\x1b 2"}
    error = failures.raised(reply, "zoo", "looking")
    assert type(error) is WorkerError
    assert str(error) == "the worker of zoo failed while looking: ValueError: x"
    assert error.__notes__ == ["line 1\n  line\\x1b 2"]


@pytest.mark.parametrize("kind", ["annotations", "__class__", "KeyboardInterrupt", "\ud800", "", 7])
def test_a_kind_that_is_none_is_a_failure_of_the_worker(kind: Any) -> None:
    assert type(failures.raised({"kind": kind, "message": "m"}, "zoo", "d")) is WorkerError


@pytest.mark.parametrize("kind", [name for name in vars(errors) if name.endswith("Error")])
def test_every_kind_of_error_is_made_of_a_message(kind: str) -> None:
    error = failures.raised({"kind": kind, "message": EVIL}, "zoo", "looking")
    assert type(error).__name__ == kind
    assert str(error).isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON | st.fixed_dictionaries({"kind": JSON, "message": JSON, "traceback": JSON}))
def test_whatever_a_worker_sends_is_one_error_on_one_line(reply: Any) -> None:
    error = failures.raised(reply, "zoo", "looking")
    assert isinstance(error, ZoodiffError)
    assert str(error)
    assert str(error).isprintable()


def test_a_long_message_is_cut() -> None:
    assert len(str(failures.raised({"message": "x" * 10**7}, "zoo", "d"))) < 3000


@pytest.mark.parametrize(
    ("code", "wrapped", "expected"),
    [
        (7, False, "(exit code 7)"),
        (139, True, "(killed by SIGSEGV)"),
        (139, False, "(exit code 139)"),
        (255, True, "(exit code 255)"),
        (-int(signal.SIGSEGV), False, "(killed by SIGSEGV)"),
        (-int(signal.SIGKILL), False, "(killed by SIGKILL, perhaps for lack of memory)"),
        (0, True, "(exit code 0)"),
    ],
)
def test_how_a_worker_ended_is_said(code: int, wrapped: bool, expected: str) -> None:
    assert failures.death(code, "", wrapped=wrapped) == expected


def test_the_last_words_are_the_last_line_that_says_something() -> None:
    printed = f"first\nlast {EVIL}\n\n\0\0\0\x1b\n"
    assert failures.last_line("first\nlast\n \0\0\n") == "last"
    assert failures.last_line(printed).isprintable()
    assert failures.last_line("\0" * 10) == ""
