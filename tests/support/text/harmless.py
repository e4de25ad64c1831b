"""Says whether a text is harmless, by other means than ``zoodiff.text``."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from support.text import hostile_texts
from zoodiff import report

_EMPTY = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
_EMPTY |= {*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
_RICH = re.compile(
    r"\x1b\[(?:[0-9]|[34][0-7]|9[0-7]|38;5;\d+)(?:;(?:[0-9]|[34][0-7]|9[0-7]|38;5;\d+))*m"
    r"|\x1b\[\?25[lh]|\x1b\[2K|\x1b\[1A|\x1b\[0m|\r"
)
"""What ``rich`` writes to a terminal."""
_RAW = [
    text
    for text in (*hostile_texts.TERMINAL.values(), *hostile_texts.DIRECTION.values())
    if text != hostile_texts.TERMINAL["tabs"]
]


def problems(text: str, *, allowed: str = "\n") -> list[str]:
    """What is harmful in a text, in words; nothing where it is harmless."""
    characters = sorted(set(text) - set(allowed))
    harmful = "".join(map(re.escape, filter(_bad, characters)))
    marks = "".join(map(re.escape, filter(_mark, set(text))))
    patterns = [f"[{harmful}]"] if harmful else []
    patterns += [f"[{marks}]{{9,}}"] if marks else []
    found = []
    for match in re.finditer("|".join(patterns), text) if patterns else ():
        place = match.end() - 1
        around = text[max(0, place - 30) : place + 30]
        found.append(f"U+{ord(text[place]):04X} at {place}: {around!r}")
    return found


def _bad(character: str) -> bool:
    category = unicodedata.category(character)
    return category in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or ord(character) in _EMPTY


def _mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def uncoloured(text: str) -> str:
    """What a terminal got, without the sequences of ``rich``; raises where others are in it."""
    for raw in _RAW:
        assert raw not in text.replace("\r\n", "\n"), repr(raw)
    return _RICH.sub("", text)


def without_libraries(page: str) -> str:
    """The text of a report without its libraries, whose own texts have such marks."""
    folder = Path(report.__file__).parent / "assets" / "vendor"
    for path in sorted(folder.glob("*.js")):
        page = page.replace(path.read_text(encoding="utf-8").strip(), "")
    return page
