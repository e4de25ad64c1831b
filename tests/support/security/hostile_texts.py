"""Hostile studies, TOML beside models, and files with labels: what the command itself parses."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from support.security.hostile import trick
from support.security.hostile_data import png

_STUDY = 'name = "s"\ntitle = "t"\n'
_MEGABYTE = 1 << 20


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _sparse(path: Path, size: int, begin: bytes = b"") -> Path:
    """A file that takes no room and reads as zeros."""
    with path.open("wb") as file:
        file.write(begin)
        file.truncate(size)
    return path


@trick("contained", "study")
def study_of_one_dotted_key(folder: Path, mark: Path) -> Path:
    return _written(folder / "s.toml", _STUDY + "a" + ".a" * 16_000 + " = 1\n")


@trick("contained", "study")
def study_of_many_dotted_keys(folder: Path, mark: Path) -> Path:
    keys = (f"k{k}{'.a' * 30} = 1\n" for k in range(12_000))
    return _written(folder / "s.toml", _STUDY + "".join(keys))


@trick("contained", "study")
def study_of_nested_lists(folder: Path, mark: Path) -> Path:
    return _written(folder / "s.toml", _STUDY + "a = " + "[" * 100_000)


@trick("contained", "study")
def study_of_nested_tables(folder: Path, mark: Path) -> Path:
    return _written(folder / "s.toml", _STUDY + "a = " + "{a = " * 40_000)


@trick("contained", "study")
def study_of_a_hundred_thousand_tables(folder: Path, mark: Path) -> Path:
    return _written(folder / "s.toml", _STUDY + "[[a]]\n" * 100_000)


@trick("contained", "study")
def study_of_half_a_million_values(folder: Path, mark: Path) -> Path:
    return _written(folder / "s.toml", _STUDY + "a = [" + "1," * 500_000 + "]\n")


@trick("contained", "study")
def study_of_a_number_without_end(folder: Path, mark: Path) -> Path:
    return _written(folder / "s.toml", _STUDY + "seed = 0x" + "f" * 100_000 + "\n")


@trick("contained", "study")
def study_of_a_key_without_end(folder: Path, mark: Path) -> Path:
    return _written(folder / "s.toml", _STUDY + "a" * _MEGABYTE + " = 1\n")


@trick("contained", "study")
def study_of_a_text_of_a_megabyte(folder: Path, mark: Path) -> Path:
    return _written(folder / "s.toml", _STUDY + 'question = "' + "\\u0041" * 170_000 + '"\n')


@trick("contained", "study")
def study_whose_lines_are_slow_to_match(folder: Path, mark: Path) -> Path:
    """The line of a wrong key is looked for, with a pattern that goes back and forth in spaces."""
    lines = ("[" + " " * 50_000 + "x\n") * 4
    return _written(folder / "s.toml", _STUDY + f'question = """\n{lines}"""\nwrong = 1\n')


@trick("contained", "study")
def study_of_a_terabyte(folder: Path, mark: Path) -> Path:
    return _sparse(folder / "s.toml", 1 << 40)


@trick("contained", "study")
def study_that_is_a_pipe(folder: Path, mark: Path) -> Path:
    os.mkfifo(folder / "s.toml")
    return folder / "s.toml"


@trick("contained", "study")
def study_that_is_a_device(folder: Path, mark: Path) -> Path:
    (folder / "s.toml").symlink_to("/dev/zero")
    return folder / "s.toml"


@trick("contained", "study")
def study_that_is_a_socket(folder: Path, mark: Path) -> Path:
    where = Path.cwd()
    os.chdir(folder)  # the path of a socket may not be long
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("s.toml")
    finally:
        os.chdir(where)
    return folder / "s.toml"


def _model(folder: Path, sidecar: str | None = None) -> Path:
    (folder / "a.onnx").write_bytes(b"\x08\x08")
    if sidecar is not None:
        (folder / "a.onnx.toml").write_text(sidecar)
    return folder / "a.onnx"


@trick("contained")
def sidecar_of_one_dotted_key(folder: Path, mark: Path) -> Path:
    return _model(folder, "a" + ".a" * 400_000 + " = 1\n")


@trick("contained")
def sidecar_of_a_terabyte(folder: Path, mark: Path) -> Path:
    _sparse(folder / "a.onnx.toml", 1 << 40)
    return _model(folder)


@trick("contained")
def sidecar_that_is_a_pipe(folder: Path, mark: Path) -> Path:
    os.mkfifo(folder / "a.onnx.toml")
    return _model(folder)


@trick("SEC110")
def labels_that_are_a_link(folder: Path, mark: Path) -> Path:
    (folder / "labels.txt").symlink_to("/etc/passwd")
    return _model(folder, 'labels = "labels.txt"\n')


@trick("SEC110")
def labels_in_a_folder_that_is_a_link(folder: Path, mark: Path) -> Path:
    (folder / "below").symlink_to("/etc")
    return _model(folder, 'labels = "below/passwd"\n')


@trick("SEC110")
def labels_that_are_a_pipe(folder: Path, mark: Path) -> Path:
    os.mkfifo(folder / "labels.txt")
    return _model(folder, 'labels = "labels.txt"\n')


@trick("contained")
def labels_of_one_line_without_end(folder: Path, mark: Path) -> Path:
    _sparse(folder / "labels.txt", 1 << 40, b"a\nb\n")
    return _model(folder, 'labels = "labels.txt"\n')


@trick("contained", "labels")
def labels_of_ten_million_classes(folder: Path, mark: Path) -> Path:
    (folder / "labels.txt").write_bytes(b"a\n" * 10_000_000)
    return folder / "labels.txt"


@trick("contained", "labels")
def labels_that_are_no_text(folder: Path, mark: Path) -> Path:
    (folder / "labels.txt").write_bytes(b"a\nb\n" + b"\xff\xfe" * _MEGABYTE)
    return folder / "labels.txt"


@trick("contained", "permission")
def allowed_code_that_is_a_pipe(folder: Path, mark: Path) -> Path:
    os.mkfifo(folder / "a.pt")
    return folder / "a.pt"


@trick("contained", "permission")
def allowed_code_that_is_a_device(folder: Path, mark: Path) -> Path:
    (folder / "a.pt").symlink_to("/dev/zero")
    return folder / "a.pt"


def _flat(folder: Path) -> Path:
    (folder / "ILSVRC2012_val_00000001.JPEG").write_bytes(png(8, 8))
    return folder


@trick("contained", "images")
def solution_of_one_line_without_end(folder: Path, mark: Path) -> Path:
    head = b"ImageId,PredictionString\n"
    _sparse(folder / "LOC_val_solution.csv", 1 << 40, head)
    return _flat(folder)


@trick("contained", "images")
def solution_of_one_row_of_ten_million_lines(folder: Path, mark: Path) -> Path:
    """In quotes a row of CSV goes on over lines."""
    rows = b"ImageId,PredictionString\n" + b'"\n",' * 10_000_000
    (folder / "LOC_val_solution.csv").write_bytes(rows)
    return _flat(folder)


@trick("contained", "images")
def solution_of_images_that_are_not_there(folder: Path, mark: Path) -> Path:
    rows = "".join(f"{k:030d},n01440764 1 2 3 4\n" for k in range(500_000))
    (folder / "LOC_val_solution.csv").write_text("ImageId,PredictionString\n" + rows)
    return _flat(folder)


@trick("contained", "truth")
def truth_that_is_a_pipe(folder: Path, mark: Path) -> Path:
    os.mkfifo(_flat(folder) / "truth.txt")
    return folder / "truth.txt"


@trick("contained", "truth")
def truth_of_thirty_million_lines(folder: Path, mark: Path) -> Path:
    (_flat(folder) / "truth.txt").write_bytes(b"a 1\n" * 30_000_000)
    return folder / "truth.txt"


@trick("contained", "truth")
def truth_that_is_a_device(folder: Path, mark: Path) -> Path:
    (_flat(folder) / "truth.txt").symlink_to("/dev/zero")
    return folder / "truth.txt"


@trick("contained", "images")
def devkit_that_explodes(folder: Path, mark: Path) -> Path:
    """MATLAB's files are compressed; this one holds 800 MB of zeros."""
    import numpy as np
    from scipy.io import savemat

    kit = folder / "devkit" / "data"
    kit.mkdir(parents=True)
    zeros = np.zeros((100 * _MEGABYTE, 1), np.float64)
    savemat(kit / "meta.mat", {"synsets": zeros}, do_compression=True)
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n")
    return _flat(folder)
