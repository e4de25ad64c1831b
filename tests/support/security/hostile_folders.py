"""Hostile folders of images, and paths that are no data set."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from support.security.hostile import trick
from support.security.hostile_data import png
from support.security.hostile_texts import _sparse

_MEGABYTE = 1 << 20


@trick("contained", "images")
def image_that_is_a_link_to_a_device(folder: Path, mark: Path) -> Path:
    (folder / "0.png").symlink_to("/dev/zero")
    (folder / "1.png").write_bytes(png(8, 8))
    return folder


@trick("contained", "images")
def image_whose_links_lead_in_a_circle(folder: Path, mark: Path) -> Path:
    (folder / "0.png").symlink_to("1.png")
    (folder / "1.png").symlink_to("0.png")
    (folder / "2.png").write_bytes(png(8, 8))
    return folder


@trick("contained", "images")
def image_that_is_a_socket(folder: Path, mark: Path) -> Path:
    where = Path.cwd()
    os.chdir(folder)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("0.png")
    finally:
        os.chdir(where)
    (folder / "1.png").write_bytes(png(8, 8))
    return folder


@trick("contained", "images")
def image_of_a_terabyte(folder: Path, mark: Path) -> Path:
    _sparse(folder / "0.png", 1 << 40)
    (folder / "1.png").write_bytes(png(8, 8))
    return folder


@trick("contained", "images")
def images_that_are_large_together(folder: Path, mark: Path) -> Path:
    for k in range(12):
        _sparse(folder / f"{k}.png", 100 * _MEGABYTE)
    return folder


@trick("contained", "images")
def folder_that_holds_a_link_to_the_root(folder: Path, mark: Path) -> Path:
    (folder / "rye").mkdir()
    (folder / "rye" / "0.png").write_bytes(png(8, 8))
    (folder / "wheat").symlink_to("/")
    return folder


@trick("contained", "images")
def folder_that_holds_itself(folder: Path, mark: Path) -> Path:
    (folder / "rye").mkdir()
    (folder / "rye" / "0.png").write_bytes(png(8, 8))
    (folder / "rye" / "again").symlink_to(folder)
    (folder / "wheat").symlink_to(folder)
    return folder


@trick("contained", "images")
def folders_that_are_deeper_than_a_path_may_be(folder: Path, mark: Path) -> Path:
    (folder / "0.png").write_bytes(png(8, 8))
    held = os.open(folder, os.O_RDONLY)
    for _ in range(200):
        os.mkdir("below-it-there-is-another-one-of-these", dir_fd=held)
        inner = os.open("below-it-there-is-another-one-of-these", os.O_RDONLY, dir_fd=held)
        os.close(held)
        held = inner
    os.close(held)
    return folder


@trick("contained", "images")
def images_whose_names_are_no_text(folder: Path, mark: Path) -> Path:
    for name in (b"\xff\xfe.png", b"a\nb\x1b[2J.png", b"\xed\xa0\x80.png"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(png(8, 8))
    return folder


@trick("contained", "images")
def folder_that_is_called_like_an_image(folder: Path, mark: Path) -> Path:
    (folder / "0.png" / "1.png").mkdir(parents=True)
    (folder / "2.png").write_bytes(png(8, 8))
    return folder


@trick("contained", "images")
def folder_of_a_hundred_thousand_files(folder: Path, mark: Path) -> Path:
    held = os.open(folder, os.O_RDONLY)
    for k in range(100_000):
        os.close(os.open(f"{k}.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=held))
    os.close(held)
    return folder


@trick("contained", "images")
def pattern_that_looks_everywhere(folder: Path, mark: Path) -> Path:
    return Path("/*/*/*/*/*/*/*/*/*.tar")


@trick("contained", "images")
def set_that_is_the_standard_input(folder: Path, mark: Path) -> Path:
    return Path("/dev/stdin")
