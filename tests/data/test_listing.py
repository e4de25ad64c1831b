"""Folders that change, and folders of somebody who means harm: what can be read is read."""

from __future__ import annotations

import glob
import hashlib
import os
import random
import tarfile
from pathlib import Path

import pytest

from zoodiff.data import images, listing
from zoodiff.data.layouts import cifar, folders, open_images
from zoodiff.data.listing import matching
from zoodiff.errors import UsageError


def by_class(folder: Path, count: int = 3) -> Path:
    for name in ("rye", "wheat"):
        (folder / name).mkdir(parents=True)
        for k in range(count):
            (folder / name / f"{k}.png").write_bytes(f"{name}{k}".encode())
    return folder


def test_the_stamp_is_that_of_names_sizes_times_and_labels(tmp_path: Path) -> None:
    """Records are found again by it, so it may not change."""
    folder = by_class(tmp_path / "set")
    digest = hashlib.sha256()
    for label, name in enumerate(("rye", "wheat")):
        for k in range(3):
            facts = (folder / name / f"{k}.png").stat()
            part = (name, f"{k}.png", facts.st_size, facts.st_mtime_ns, label)
            digest.update(repr(part).encode() + b"\0")
    assert open_images(str(folder)).stamp == digest.hexdigest()


def test_the_stamp_of_a_flat_folder(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a")
    facts = (tmp_path / "a.png").stat()
    part = (("a.png", facts.st_size, facts.st_mtime_ns), None)
    expected = hashlib.sha256(repr(part).encode() + b"\0").hexdigest()
    assert open_images(str(tmp_path)).stamp == expected


def test_an_image_that_goes_is_unreadable_and_no_other_is(tmp_path: Path) -> None:
    found = open_images(str(by_class(tmp_path / "set")))
    (tmp_path / "set" / "rye" / "1.png").unlink()
    with pytest.raises(OSError, match="No such file"):
        found.read(1)
    assert found.read(2) == b"rye2"


def test_an_image_that_shrinks_or_grows_is_read_as_it_is(tmp_path: Path) -> None:
    found = open_images(str(by_class(tmp_path / "set")))
    (tmp_path / "set" / "rye" / "1.png").write_bytes(b"r")
    (tmp_path / "set" / "rye" / "2.png").write_bytes(b"r" * 1000)
    assert (found.read(1), found.read(2)) == (b"r", b"r" * 1000)
    with pytest.raises(OSError, match="it has 1,000 bytes, and 10 are read at most"):
        found.read(2, 10)


def test_an_image_that_becomes_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    found = open_images(str(by_class(tmp_path / "set")))
    (tmp_path / "set" / "rye" / "1.png").unlink()
    os.mkfifo(tmp_path / "set" / "rye" / "1.png")
    with pytest.raises(OSError, match="it is a pipe, not a file"):
        found.read(1)


@pytest.mark.parametrize("kind", ["pipe", "circle", "nothing", "device"])
def test_what_should_have_been_an_image_is_listed_and_unreadable(kind: str, tmp_path: Path) -> None:
    folder = by_class(tmp_path / "set")
    bad = folder / "rye" / "bad.png"
    if kind == "pipe":
        os.mkfifo(bad)
    else:
        bad.symlink_to({"circle": "bad.png", "nothing": "gone.png", "device": "/dev/zero"}[kind])
    found = open_images(str(folder))
    assert [s.name for s in found.samples].count("rye/bad.png") == 1
    assert len(found) == 7
    for number, sample in enumerate(found.samples):
        if sample.name == "rye/bad.png":
            with pytest.raises(OSError):
                found.read(number)
        else:
            assert found.read(number)


def test_links_to_images_and_to_folders_of_classes_are_followed(tmp_path: Path) -> None:
    by_class(tmp_path / "elsewhere")
    folder = tmp_path / "set"
    (folder / "oat").mkdir(parents=True)
    (folder / "oat" / "0.png").symlink_to(tmp_path / "elsewhere" / "rye" / "0.png")
    (folder / "rye").symlink_to(tmp_path / "elsewhere" / "rye")
    found = open_images(str(folder))
    assert [s.name for s in found.samples] == ["oat/0.png", *(f"rye/{k}.png" for k in range(3))]
    assert found.read(0) == b"rye0"


def test_links_back_to_the_data_set_are_left_out_and_said(tmp_path: Path) -> None:
    folder = by_class(tmp_path / "set")
    (folder / "again").symlink_to(folder)
    (folder / "root").symlink_to("/")
    found = open_images(str(folder))
    assert len(found) == 6
    assert sum("leads back" in note for note in found.notes) == 2


def test_a_folder_that_may_not_be_read_is_left_out_and_said(tmp_path: Path) -> None:
    folder = by_class(tmp_path / "set")
    (folder / "wheat" / "deep").mkdir()
    (folder / "wheat" / "deep" / "x.png").write_bytes(b"x")
    (folder / "wheat" / "deep").chmod(0)
    if os.access(folder / "wheat" / "deep", os.R_OK):
        pytest.skip("the superuser may read everything")
    found = open_images(str(folder))
    assert len(found) == 6
    assert any("1 folders below set cannot be read" in note for note in found.notes)


def test_more_images_than_a_data_set_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = by_class(tmp_path / "set")
    monkeypatch.setattr(folders, "_MOST_FLAT", 2)
    with pytest.raises(UsageError, match="holds more than 2 images in one folder"):
        open_images(str(folder / "rye"))
    assert len(open_images(str(folder))) == 6
    monkeypatch.setattr(listing, "MOST_IMAGES", 5)
    with pytest.raises(UsageError, match="holds more than 5 images"):
        open_images(str(folder))


def test_more_classes_than_there_are_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "MOST_CLASSES", 1)
    with pytest.raises(UsageError, match="more than 1 folders of images"):
        open_images(str(by_class(tmp_path / "set")))


def test_more_files_than_can_be_looked_at_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = by_class(tmp_path / "set")
    monkeypatch.setattr(listing, "MOST_ENTRIES", 8)
    assert len(open_images(str(folder))) == 6
    monkeypatch.setattr(listing, "MOST_ENTRIES", 7)
    with pytest.raises(UsageError, match="too many files"):
        open_images(str(folder))


def test_more_images_than_a_data_set_has_are_refused_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zoodiff.data.layouts import extents

    (tmp_path / "test_batch.bin").write_bytes(bytes(3073) * 4)
    monkeypatch.setattr(extents, "MOST_IMAGES", 3)
    with pytest.raises(UsageError, match="more than 3 images"):
        open_images(str(tmp_path))
    monkeypatch.setattr(cifar, "MOST_IMAGES", 3)
    with pytest.raises(UsageError, match="it has 4 images"):
        open_images(str(tmp_path))


def test_a_cifar_file_that_shrinks_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "test_batch.bin").write_bytes(bytes(3073) * 4)
    found = open_images(str(tmp_path))
    (tmp_path / "test_batch.bin").write_bytes(bytes(3073))
    assert found.read(0)
    with pytest.raises(OSError, match="shorter"):
        found.read(3)


def test_a_shard_of_more_members_than_archives_have_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zoodiff import tars

    with tarfile.open(tmp_path / "a.tar", "w") as target:
        for k in range(5):
            target.addfile(tarfile.TarInfo(f"{k}.png"))
    assert len(open_images(str(tmp_path / "a.tar"))) == 5
    monkeypatch.setattr(tars.members, "__defaults__", (4,))
    with pytest.raises(UsageError, match="more than 4 members"):
        open_images(str(tmp_path / "a.tar"))


def test_samples_are_a_sequence() -> None:
    found = images.Samples(["a", "b", "c"], [0, None, 2])
    assert [s.label for s in found] == [0, None, 2]
    assert found[-1] == images.Sample("c", 2)
    assert list(found[1:]) == [images.Sample("b", None), images.Sample("c", 2)]
    with pytest.raises(IndexError):
        found[3]


def test_patterns_match_what_the_shell_matches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random.seed(0)
    for _ in range(60):
        name = "/".join(random.choices(["a", "b", ".c", "ab", "a1.tar", "[x]"], k=3))
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).mkdir(exist_ok=True)
    (tmp_path / "dangling").symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    for pattern in (
        *("*", "a*", "*/*", "*/.c", "**/a", "[ab]/*", "a/?", "*.tar", "a/b", "nothing/*"),
        *("dangl*", ".*", "*/*/*.tar", "[[]x]/*", str(tmp_path / "a*" / "*")),
    ):
        expected = sorted(Path(name) for name in glob.glob(pattern))  # noqa: PTH207
        assert matching([pattern]) == expected, pattern


def test_a_pattern_that_looks_at_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for k in range(5):
        (tmp_path / f"{k}.tar").touch()
    monkeypatch.setattr(listing, "_MOST_MATCHED", 9)
    assert len(matching([f"{tmp_path}/*.tar"])) == 5
    with pytest.raises(UsageError, match="too many files"):
        matching([f"{tmp_path}/*.tar", f"{tmp_path}/?.tar"])
