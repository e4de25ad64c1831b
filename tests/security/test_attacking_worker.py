"""A worker that is fully an attacker's changes nothing, reaches nobody, never ends the parent."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import attacks
from support.attacks.arena import Arena, arena, furnish, peak_growth, skip_unless_possible
from support.attacks.next_process import MARK, plants
from support.attacks.table import TRICKS, Trick
from zoodiff.errors import WorkerError, ZoodiffError

attacks.fill()
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the protections are Linux's")
MODES = ("bubblewrap", "kernel")
MOST_MEMORY = 300_000_000
"""Bytes that the parent may take more than before, whatever a worker does."""
SLACK = 5.0
"""Seconds beside the time limit of a request in which it must be over."""
LONGEST = 3000
"""Characters of a message."""


@pytest.fixture(scope="module", params=MODES)
def attacked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Arena]:
    skip_unless_possible(request.param)
    with arena(request.param, tmp_path_factory.mktemp("arena")) as made:
        made.worker.call("hello", doing="starting")
        yield made


def tried(arena: Arena, trick: Trick) -> ZoodiffError | None:
    """Have a trick performed, take what it offers, and return the error that the parent raised."""
    worker = arena.worker
    try:
        answer = worker.call(
            "describe",
            doing=f"trying {trick.name}",
            seconds=trick.seconds,
            model=trick.name,
            weights=arena.given.dump(),
        )
    except ZoodiffError as error:
        return error
    for message in answer if trick.takes else ():
        try:
            taken = worker.get_array(message, most=1 << 20)
        except WorkerError as error:
            assert_readable(error)
        else:
            assert bytes(range(256)) not in taken.tobytes(), "it is the user's file"
    return None


def assert_readable(error: ZoodiffError) -> None:
    """A message is one line of characters that can be seen."""
    assert str(error).isprintable(), ascii(str(error))
    assert 0 < len(str(error)) < LONGEST


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS)
def test_a_trick_does_nothing(attacked: Arena, trick: Trick, request) -> None:
    mode = request.node.callspec.params["attacked"]
    if trick.only not in {"", mode}:
        pytest.skip(f"promised with {trick.only} only")
    worker = attacked.worker
    worker.call("hello", doing="starting")
    before, held, generation = attacked.facts(), attacked.held(), worker.generation
    growth = peak_growth()
    next(growth)
    begin = time.monotonic()
    error = tried(attacked, trick)
    assert time.monotonic() - begin < trick.seconds + SLACK
    if error is None and trick.late:
        try:
            worker.call("hello", doing="asking again", seconds=trick.seconds)
        except WorkerError as later:
            error = later
        else:
            worker.close()
    if error is not None:
        assert_readable(error)
    if trick.after == "refused":
        assert str(error).startswith("stopped"), error
    if trick.after == "ended":
        assert isinstance(error, WorkerError), error
        assert not worker.holds(generation), error
        assert re.search(trick.says, str(error)), error
    if trick.after in {"refused", "answered"}:
        assert worker.holds(generation)
    answer = worker.call("hello", doing="going on", seconds=20)
    assert answer["versions"]["planted"] == ""
    assert attacked.facts() == before
    assert attacked.held() == held
    assert next(growth) < MOST_MEMORY


@pytest.mark.skipif(os.geteuid() != 0, reason="the rights that some tricks need anyhow")
def test_the_tricks_work_where_nothing_stops_them(tmp_path: Path) -> None:
    """What is refused above is refused by the protections, and not since the trick is broken."""
    tricks = [trick for trick in TRICKS.values() if trick.after == "refused"]
    with arena("free", tmp_path) as free:
        answers = {}
        for trick in tricks:
            furnish(Path(free.given.guard))
            answers[trick.name] = str(tried(free, trick)).rstrip()
    lame = [f"{name} is {said}" for name, said in answers.items() if said != "armed but for:"]
    assert not lame, "\n".join(lame)


def test_nothing_goes_on_between_requests(attacked: Arena) -> None:
    """A thread that writes after the answer stands still until the next request is watched."""
    worker = attacked.worker
    assert tried(attacked, TRICKS["goes_on_after_its_answer"]) is None
    assert worker._incoming is not None
    time.sleep(0.5)  # a call that had begun goes on to its end
    first = worker._incoming.size(1 << 40)
    time.sleep(0.5)
    assert worker._incoming.size(1 << 40) == first
    worker.close()


def test_closing_waits_for_no_attacker(attacked: Arena) -> None:
    """Whatever holds the end up, a worker ends and leaves nothing behind."""
    worker = attacked.worker
    worker.close()
    held = attacked.held()
    for name in ("will_not_end", "goes_on_after_its_answer", "ignores_signals_and_renames_itself"):
        tried(attacked, TRICKS[name])
        begin = time.monotonic()
        worker.close()
        assert time.monotonic() - begin < SLACK
        assert attacked.held() == held


def test_there_are_at_least_sixty_tricks() -> None:
    kinds = {trick.name.rstrip("0123456789") for trick in TRICKS.values()}
    assert len(kinds) >= 60
    assert all(trick.what and len(trick.what) < 120 for trick in TRICKS.values())


def test_what_is_planted_would_be_imported_by_a_careless_start(tmp_path: Path) -> None:
    """What the tricks leave behind is armed: Python imports it from the current folder."""
    assert plants(tmp_path) > 40
    program = f"import zoodiff, builtins; print(builtins.{MARK})"
    command = [sys.executable, "-S", "-c", program]
    said = subprocess.run(command, capture_output=True, check=True, cwd=tmp_path, text=True).stdout
    assert str(tmp_path) in said
