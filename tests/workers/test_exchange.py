"""What the parent takes from a worker's folder, and what it does not."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from zoodiff.workers.exchange import Incoming, Log, Outgoing
from zoodiff.workers.inside.arrays import WorkerArrays
from zoodiff.workers.protocol import ProtocolError
from zoodiff.workers.scratch import Scratch

FOUR = {"$array": "0.array", "dtype": "<f4", "shape": [4]}


@pytest.fixture
def incoming() -> Iterator[Incoming]:
    made = Incoming("test")
    yield made
    made.close()


@pytest.fixture
def outgoing() -> Iterator[Outgoing]:
    made = Outgoing()
    yield made
    made.close()


NUMBERS = st.sampled_from(["<f4", "<f8", "<f2", "|i1", "|u1", "<i8", "|b1", "<c8"])


@given(arrays.arrays(NUMBERS, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0)))
def test_arrays_go_there_and_back_unchanged(array: Any) -> None:
    sent, taken = Outgoing(), Incoming("test")
    try:
        worker = WorkerArrays(sent.path, taken.path)
        there = worker.get(sent.put(array))
        back = taken.array(worker.put(there))
        assert (back.dtype, back.shape) == (array.dtype, array.shape)
        assert back.tobytes() == np.asarray(array, order="C").tobytes()
        assert not list(taken.path.iterdir())
    finally:
        sent.close()
        taken.close()


def test_an_array_that_is_not_contiguous_arrives_in_its_own_order(outgoing, incoming) -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1)
    worker = WorkerArrays(outgoing.path, incoming.path)
    np.testing.assert_array_equal(worker.get(outgoing.put(array)), array)


def test_an_array_is_passed_on_to_all_workers(outgoing, incoming) -> None:
    worker = WorkerArrays(outgoing.path, incoming.path)
    shared = incoming.pass_on(worker.put(np.arange(6).reshape(2, 3)), (2, None))
    from zoodiff.workers import exchange

    reader = WorkerArrays(exchange.outgoing().path, incoming.path)
    np.testing.assert_array_equal(reader.get(shared), np.arange(6).reshape(2, 3))
    exchange.outgoing().remove(shared)
    assert not (exchange.outgoing().path / shared["$array"]).exists()


@pytest.mark.parametrize(
    "change",
    [
        {"$array": "../0.array"},
        {"$array": "/etc/passwd"},
        {"$array": "1.array"},
        {"$array": "0.npy"},
        {"$array": "a\0.array"},
        {"$array": 3},
        {"$array": None},
        {"dtype": "O"},
        {"dtype": "<U4"},
        {"dtype": "<M8[s]"},
        {"dtype": "f4,i4"},
        {"dtype": ["<f4"]},
        {"dtype": "|V4000000000"},
        {"shape": [3]},
        {"shape": [5]},
        {"shape": [-4]},
        {"shape": [4.0]},
        {"shape": [True, 4]},
        {"shape": ["4"]},
        {"shape": [2**47, 2**47, 0, 4]},
        {"shape": [1] * 33},
        {"shape": 4},
        {"shape": [2**40]},
    ],
    ids=str,
)
def test_what_a_reply_calls_an_array_is_checked(incoming: Incoming, change: dict[str, Any]) -> None:
    (incoming.path / "0.array").write_bytes(bytes(16))
    (incoming.path.parent / "0.array").unlink(missing_ok=True)
    with pytest.raises(ProtocolError):
        incoming.array(FOUR | change)


@pytest.mark.parametrize("message", [None, 3, [], "0.array", {}, {"$array": "0.array"}])
def test_what_is_no_array_is_refused(incoming: Incoming, message: Any) -> None:
    with pytest.raises(ProtocolError):
        incoming.array(message)


def test_an_array_of_another_shape_than_expected_is_refused(incoming: Incoming) -> None:
    for shape in ((5,), (4, 1), ()):
        (incoming.path / "0.array").write_bytes(bytes(16))
        with pytest.raises(ProtocolError, match="was expected"):
            incoming.array(FOUR, shape)
    (incoming.path / "0.array").write_bytes(bytes(16))
    assert incoming.array(FOUR, (None,)).shape == (4,)


def test_an_array_larger_than_allowed_is_refused_before_memory_is_taken(incoming) -> None:
    with (incoming.path / "0.array").open("wb") as file:
        file.truncate(2**33)
    with pytest.raises(ProtocolError, match="more than the"):
        incoming.array({**FOUR, "shape": [2**31]})


def as_link(place: Path, outside: Path) -> None:
    place.symlink_to(outside)


def as_hard_link(place: Path, outside: Path) -> None:
    outside.rename(place.with_name("held"))
    os.link(place.with_name("held"), place)


def as_pipe(place: Path, outside: Path) -> None:
    os.mkfifo(place)


def as_folder(place: Path, outside: Path) -> None:
    place.mkdir()


def as_dangling_link(place: Path, outside: Path) -> None:
    place.symlink_to("/nowhere")


def as_looping_link(place: Path, outside: Path) -> None:
    place.symlink_to(place.name)


def as_device(place: Path, outside: Path) -> None:
    place.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    "plant",
    [as_link, as_hard_link, as_pipe, as_folder, as_dangling_link, as_looping_link, as_device],
)
def test_only_files_of_the_workers_own_are_arrays(incoming: Incoming, plant: Any) -> None:
    outside = incoming.path / "outside"
    outside.write_bytes(bytes(16))
    plant(incoming.path / "0.array", outside)
    with pytest.raises(ProtocolError):
        incoming.array(FOUR)


def test_an_array_is_the_parents_once_it_is_taken(incoming: Incoming) -> None:
    place = incoming.path / "0.array"
    place.write_bytes(np.ones(4, np.float32).tobytes())
    with place.open("r+b") as held:
        array = incoming.array(FOUR)
        held.truncate(0)
        held.write(bytes(16))
    assert array.tolist() == [1, 1, 1, 1]


def test_a_file_that_shrinks_while_it_is_copied_is_one_error(incoming, monkeypatch) -> None:
    place = incoming.path / "0.array"
    place.write_bytes(bytes(16))
    facts = os.fstat

    def shrinking(file: int) -> os.stat_result:
        result = facts(file)
        if place.exists():
            os.truncate(place, 8)
        return result

    monkeypatch.setattr(os, "fstat", shrinking)
    with pytest.raises(ProtocolError, match="early"):
        incoming.array(FOUR)


def test_a_folder_nested_beyond_pythons_stack_is_removed() -> None:
    """``shutil.rmtree`` ends in a RecursionError there."""
    made = Scratch("test")
    current = os.open(made.path, os.O_RDONLY)
    for number in range(3000):
        os.mkdir("d", 0o000 if number % 7 == 0 else 0o700, dir_fd=current)
        if number % 7 == 0:
            os.chmod("d", 0o700, dir_fd=current)
        (made.path / f"x{number}").symlink_to("/")
        below = os.open("d", os.O_RDONLY, dir_fd=current)
        os.close(current)
        current = below
    os.close(current)
    made.close()
    assert not made.path.exists()


def test_only_the_end_of_a_log_is_read() -> None:
    log = Log()
    os.write(log.descriptor, b"a" * 10**6 + b"the end")
    said = log.end()
    assert said.endswith("the end")
    assert len(said) <= 64 * 1024
    assert log.size() >= 10**6
    log.close()


def test_a_full_disk_leaves_no_half_array(outgoing: Outgoing) -> None:
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError):
            outgoing.put(np.zeros(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list(outgoing.path.iterdir())
