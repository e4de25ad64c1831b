"""Parse TOML of bounded size.

The time of ``tomllib`` grows with the square of the length of a dotted key, and there are other
texts that it parses slowly. So keys, levels and values are counted first, in one pass over the
text, and a text with more of them than a person would write is refused.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

LARGEST = 1 << 18
"""The largest number of characters; a study that names 4,000 entries one by one has fewer."""
MOST_KEYS = 5_000
MOST_LEVELS = 32
MOST_VALUES = 20_000
LONGEST_WORD = 2_000
"""Characters of a name or a number; texts in quotes may have more."""

_SIGN = re.compile(r"""["'#\[\]{}=.,\n]""")
_BASIC = re.compile(r'"(?:[^"\\\n]++|\\.)*+"?')
_LITERAL = re.compile(r"'[^'\n]*+'?")
_LONG_BASIC = re.compile(r'"""(?:[^"\\]++|\\.|"(?!""))*+(?:"{3,5})?', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''(?:[^']++|'(?!''))*+(?:'{3,5})?")
_COMMENT = re.compile(r"#[^\n]*+")


class TomlError(ValueError):
    """A text that is invalid TOML or exceeds the limits."""


def parse(text: str) -> dict[str, Any]:
    """Parse a TOML text; raise TomlError if it is invalid or exceeds the limits.

    >>> parse('a.b = 1')
    {'a': {'b': 1}}
    >>> parse('a' + '.a' * 99 + ' = 1')
    Traceback (most recent call last):
        ...
    zoodiff.bounded.toml.TomlError: it is nested more than 32 levels deep, in line 1
    """
    check(text)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise TomlError("it is nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, and what Python says of a number's digits
        raise TomlError(" ".join(str(error).split())[:300]) from None


def check(text: str) -> None:
    """Raise TomlError for a text that exceeds the limits of length, keys, levels or values.

    Quoted strings and comments count towards the length alone.
    """
    if len(text) > LARGEST:
        raise TomlError(f"it has {len(text):,} characters, and {LARGEST:,} are read at most")
    keys = values = brackets = dots = position = 0
    while (sign := _SIGN.search(text, position)) is not None:
        start = sign.start()
        _check_word(text, position, start)
        position = sign.end()
        match sign[0]:
            case '"' | "'" | "#":
                position = _end(text, start)
            case ".":
                dots += 1
            case "=":
                keys, dots = keys + 1, 0
            case "[" | "{":
                brackets, keys, dots = brackets + 1, keys + 1, 0
            case "]" | "}":
                brackets, dots = max(0, brackets - 1), 0
            case _:
                values, dots = values + 1, 0
        if max(dots, brackets) >= MOST_LEVELS:
            _refuse("is nested more than", MOST_LEVELS, "levels deep", text, start)
        if keys > MOST_KEYS:
            _refuse("has more than", MOST_KEYS, "keys", text, start)
        if values > MOST_VALUES:
            _refuse("has more than", MOST_VALUES, "values and lines", text, start)
    _check_word(text, position, len(text))


def _check_word(text: str, start: int, end: int) -> None:
    if end - start > LONGEST_WORD and len(text[start:end].strip()) > LONGEST_WORD:
        _refuse("has a name or number of more than", LONGEST_WORD, "characters", text, start)


def _end(text: str, start: int) -> int:
    """Return the end of the quoted string or comment that begins at ``start``."""
    for begin, pattern in (
        ('"""', _LONG_BASIC),
        ("'''", _LONG_LITERAL),
        ('"', _BASIC),
        ("'", _LITERAL),
        ("#", _COMMENT),
    ):
        if text.startswith(begin, start):
            match = pattern.match(text, start)
            return match.end() if match else len(text)
    return start + 1


def _refuse(excess: str, most: int, unit: str, text: str, at: int) -> None:
    line = text.count("\n", 0, at) + 1
    raise TomlError(f"it {excess} {most:,} {unit}, in line {line}")


def line_of(text: str, location: tuple[str, ...]) -> int | None:
    """Return the line (from 1) of a key in TOML text, in the spellings that studies usually have.

    >>> line_of('name = "a"\\n[latency]\\nthraeds = 2\\n', ("latency", "thraeds"))
    3
    """
    *table, key = location or ("",)
    current: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        header = _header(stripped)
        if header is not None:
            current = [part.strip().strip("\"'") for part in header.split(".")]
            if [*table, key] == current:
                return number
            continue
        assignment = re.match(r"""["']?([A-Za-z0-9_.-]+)["']?\s*=""", stripped)
        if assignment and [*current, *assignment[1].split(".")] == [*table, key]:
            return number
    return None


def _header(line: str) -> str | None:
    """Return the name of the table whose header a line is; None for any other line.

    >>> _header("[[a.b]]  # c"), _header("a = [1]"), _header("[a] b")
    ('a.b', None, None)
    """
    name, end, comment = line.lstrip("[").partition("]")
    comment = comment.lstrip("]").strip()
    if not line.startswith("[") or not end or not name.strip() or (comment and comment[0] != "#"):
        return None
    return name.strip()
