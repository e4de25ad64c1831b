"""What a worker's folder and its files without a name are counted as."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from zoodiff.workers import space
from zoodiff.workers.exchange import Incoming
from zoodiff.workers.space import DEEPEST, MOST_ENTRIES, hidden_bytes

MUCH = 10**9


@pytest.fixture
def incoming() -> Iterator[Incoming]:
    made = Incoming("test")
    yield made
    made.close()


def test_the_size_of_a_folder_follows_no_link_and_ends(incoming: Incoming) -> None:
    (incoming.path / "file").write_bytes(bytes(1 << 20))
    (incoming.path / "root").symlink_to("/")
    (incoming.path / "self").symlink_to(".")
    assert 1 << 20 <= incoming.size(1 << 30) < 2 << 20


def test_a_folder_that_is_too_deep_counts_as_too_large(incoming: Incoming) -> None:
    incoming.path.joinpath(*["d"] * (DEEPEST + 2)).mkdir(parents=True)
    assert incoming.size(MUCH) > MUCH


def test_a_folder_that_is_too_full_counts_as_too_large(incoming: Incoming) -> None:
    for number in range(MOST_ENTRIES + 1):
        os.close(os.open(incoming.path / str(number), os.O_CREAT | os.O_WRONLY))
    assert incoming.size(MUCH) > MUCH


def test_many_folders_are_counted_with_few_descriptors(incoming: Incoming) -> None:
    for number in range(300):
        (incoming.path / f"{number:03}").mkdir()
    for number in (0, 299):
        (incoming.path / f"{number:03}" / "file").write_bytes(bytes(1 << 20))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = max(int(entry.name) for entry in Path("/dev/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (held + 10, before[1]))
    try:
        assert 2 << 20 <= incoming.size(MUCH) < 3 << 20
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_folder_that_cannot_be_looked_into_counts_as_too_large(incoming: Incoming) -> None:
    (incoming.path / "blind").mkdir(0o300)
    assert incoming.size(MUCH) > MUCH


def test_what_is_removed_by_name_and_still_held_counts(incoming: Incoming) -> None:
    place = incoming.path / "hidden"
    with place.open("wb") as file:
        file.write(bytes(1 << 20))
        file.flush()
        place.unlink()
        facts = os.fstat(file.fileno())
        without = hidden_bytes([os.getpid()], incoming.path, MUCH, {(facts.st_dev, facts.st_ino)})
        assert hidden_bytes([os.getpid()], incoming.path, MUCH) - without >= 1 << 20


def test_a_list_of_mappings_that_is_too_long_counts_as_too_large(
    incoming: Incoming, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hidden_bytes([os.getpid()], incoming.path, MUCH) < MUCH
    monkeypatch.setattr(space, "_LARGEST_MAPS", 100)
    assert hidden_bytes([os.getpid()], incoming.path, MUCH) > MUCH


def test_a_process_that_is_gone_holds_nothing(incoming: Incoming) -> None:
    assert hidden_bytes([2**22 + 1], incoming.path, MUCH) == 0
