"""TOML, JSON and directories of archives: sound ones as others read them, large ones not at all."""

from __future__ import annotations

import io
import json
import time
import tomllib
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as some

from zoodiff.bounded import json as bounded_json
from zoodiff.bounded import toml, zips
from zoodiff.study import config as study

SOUND = (
    "a = 1\n[b.c]\nd = [1.5, 2]\n",
    "a = \"[[[[.....====,,,,\"\nb = '{{{{....'\n",
    'a = """\n""x"" = [\\" ]] \n"""\n',
    "a = '''\n''x'' = [ ]] \n'''\n",
    "# " + "a." * 5_000 + "\na = 1\n",
    'a = "' + "x.y=" * 20_000 + '"\n',
    'a = """' + "[" * 50_000 + '"""\n',
    "a = [" + ", ".join(f'"torchvision:resnet50@weights.{k}"' for k in range(4_000)) + "]\n",
    "a . b . c = 1\n",
    'a = """x"""""\nb = 2\n',
    "a = {b = {c = [[1], [2]]}}\n",
    " " * 5_000 + "a = 1\n",
)


@pytest.mark.parametrize("text", SOUND, ids=range(len(SOUND)))
def test_sound_toml_is_what_tomllib_reads(text: str) -> None:
    assert toml.parse(text) == tomllib.loads(text)


def test_the_studies_that_come_with_zoodiff_are_read() -> None:
    for path in study.built_in().values():
        assert toml.parse(path.read_text()) == tomllib.loads(path.read_text())


LARGE = {
    "a" + ".a" * 40 + " = 1": "32 levels deep",
    "a" + " . a" * 40 + " = 1": "32 levels deep",
    "[a" + ".a" * 40 + "]": "32 levels deep",
    "a = " + "[" * 40: "32 levels deep",
    "a = " + "{b = " * 40: "32 levels deep",
    "".join(f"k{k} = 1\n" for k in range(6_000)): "5,000 keys",
    "[[a]]\n" * 3_000: "5,000 keys",
    "a = [" + "1," * 30_000 + "]": "20,000 values",
    "\n" * 30_000: "20,000 values",
    "a" * 3_000 + " = 1": "2,000 characters",
    "a = " + "1" * 3_000: "2,000 characters",
    "a = 1\n" + "x" * 3_000: "2,000 characters",
    "#" * 300_000: "262,144 are read at most",
}


@pytest.mark.parametrize("text", LARGE, ids=range(len(LARGE)))
def test_large_toml_is_refused_at_once(text: str) -> None:
    begin = time.process_time()
    with pytest.raises(toml.TomlError, match=LARGE[text]):
        toml.parse(text)
    assert time.process_time() - begin < 1


@given(some.text("ab.=[]{}\"'#\\\n ,1", max_size=60))
def test_whatever_is_read_is_what_tomllib_reads(text: str) -> None:
    try:
        expected = tomllib.loads(text)
    except (ValueError, RecursionError):
        expected = None
    try:
        found = toml.parse(text)
    except toml.TomlError:
        found = None
    assert found == expected


@given(some.text("a=\"'#\\\n ", max_size=40))
def test_quotes_end_where_tomllib_ends_them(text: str) -> None:
    """Behind a text in quotes, keys count again."""
    try:
        tomllib.loads(text)
    except (ValueError, RecursionError):
        return
    deep = text + "\nz" + ".z" * 40 + " = 1\n"
    with pytest.raises(toml.TomlError, match="32 levels deep"):
        toml.parse(deep)


def test_json_is_counted_before_it_is_parsed() -> None:
    value = {"a": [1, {"b": None}], "c": "[,{"}
    assert bounded_json.parse(json.dumps(value).encode()) == value
    with pytest.raises(bounded_json.TooManyError, match="more than 500,000 values"):
        bounded_json.parse(b"[" + b"{}," * 400_000 + b"{}]")
    assert bounded_json.parse(b"[18446744073709551615, -1e999]") == [2**64 - 1, -float("inf")]
    with pytest.raises(bounded_json.TooManyError, match="a number of 400 digits"):
        bounded_json.parse(b"[" + b"1" * 400 + b"]")
    for raw in (b"", b"{", b"[" * 100_000, b"1" * 5_000, b"\xff"):
        with pytest.raises(ValueError):
            bounded_json.parse(raw)


def _archive(names: list[str], comment: bytes = b"", before: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    buffer.write(before)
    with zipfile.ZipFile(buffer, "a" if before else "w") as target:
        for name in names:
            target.writestr(name, b"x")
        target.comment = comment
    return buffer.getvalue()


ARCHIVES = {
    "empty": lambda: _archive([]),
    "names": lambda: _archive(["a", "b/c", "ö.txt"]),
    "comment": lambda: _archive(["a"], b"PK\x05\x06 in a comment" + bytes(30)),
    "before": lambda: _archive(["a"], before=b"a program that unpacks itself"),
    "zip64": lambda: _archive([f"{k}" for k in range(66_000)]),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_names_are_those_that_zipfile_reads(name: str) -> None:
    data = ARCHIVES[name]()
    file = io.BytesIO(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            expected = archive.namelist()
    except zipfile.BadZipFile:
        with pytest.raises(zipfile.BadZipFile):
            list(zips.names(file, zips.directory(file, len(data))))
        return
    assert list(zips.names(file, zips.directory(file, len(data)))) == expected


@given(some.binary(max_size=200), some.integers(0, 199), some.integers(0, 255))
def test_archives_that_are_none_are_errors(tail: bytes, place: int, value: int) -> None:
    data = bytearray(_archive(["a", "b"]) + tail)
    data[place % len(data)] = value
    file = io.BytesIO(data)
    try:
        names = list(zips.names(file, zips.directory(file, len(data))))
    except (zipfile.BadZipFile, zips.TooLargeError):
        return
    assert len(names) <= 2
