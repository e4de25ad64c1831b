"""Escape untrusted text for the place where it is shown or written.

Names of files, layers, classes and data sets, labels, titles, and messages of workers and libraries
are untrusted. They may hold terminal escape sequences, line breaks that forge lines, characters
that reverse the direction of writing, markup, or spreadsheet formulas.
There is one function per destination:

==================  ==========================================================
terminal, log       ``visible``
Markdown            ``markdown``, ``markdown_code``, ``markdown_address``
HTML                ``html`` (templates call it for every value)
CSV                 ``csv_cell``
LaTeX               ``latex``
JSON                ``json_text``
records             ``well_formed``, ``well_formed_values``
Graphviz            ``graphviz``
a file's name       ``file_name``
==================  ==========================================================

All but ``json_text`` and ``well_formed`` replace harmful characters by readable escapes such as
``\\x1b`` and ``\\u202e``. A backslash is kept, so calling a function twice changes nothing; hence a
name with the four characters ``\\x1b`` looks like a name with an escape character.
JSON keeps the exact text.

This module is a leaf: it imports the standard library alone.
"""

from __future__ import annotations

import re
import unicodedata  # not lazily: the error "too many open files" must still be shown
from collections.abc import Callable, Mapping
from typing import Any

LONGEST = 4000
"""Characters shown of a text; the middle of a longer text is left out."""
MOST_MARKS = 4
"""Combining marks per letter; no language needs more, and many cover the lines around."""
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
"""Invisible characters that Unicode counts as letters, marks or symbols."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def visible(text: object, *, lines: bool = False, most: int | None = LONGEST) -> str:
    r"""Return text for a terminal or a log: one line of visible characters.

    Controls, line breaks, format characters (direction marks, zero-width and tag characters), lone
    surrogates, private-use, unassigned and invisible characters are escaped, and so are more than
    four combining marks in a row. ``lines`` keeps line breaks and tabs. The middle of a text longer
    than ``most`` characters is left out.

    >>> visible("a\x1b]0;title\x07"), visible("report\u202egnp.exe"), visible("two\nlines")
    ('a\\x1b]0;title\\x07', 'report\\u202egnp.exe', 'two\\nlines')
    """
    shown = shortened(str(text), most)
    if shown.isascii() and shown.isprintable():
        return shown
    if lines:
        shown = shown.replace("\r\n", "\n")
    return shortened(_escaped(shown, "\n\t" if lines else "", _escape), most)


def _escaped(text: str, keep: str, escape: Callable[[str], str]) -> str:
    """Return text with every character escaped that is neither visible nor in ``keep``."""
    pieces: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category[0] == "M" else 0
        seen = character.isprintable() or category == "Zs"
        harmless = seen and marks <= MOST_MARKS and not _BLANK.match(character)
        pieces.append(character if harmless or character in keep else escape(character))
    return "".join(pieces)


def _escape(character: str) -> str:
    number = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def shortened(text: str, most: int | None) -> str:
    """Shorten a text to at most ``most`` characters by removing its middle.

    >>> shortened("0123456789", 6)
    '0123…9'
    """
    if most is None or len(text) <= most:
        return text
    end = (most - 1) // 3
    return text[: most - 1 - end] + ELLIPSIS + text[len(text) - end :]


def well_formed(text: str) -> str:
    r"""Return text that UTF-8 can encode: lone surrogates, from non-UTF-8 names, become escapes.

    >>> well_formed("caf\udce9.onnx")
    'caf\\udce9.onnx'
    """
    return text if text.isascii() else _SURROGATE.sub(lambda match: _escape(match[0]), text)


def well_formed_values(value: object) -> Any:
    """Apply ``well_formed`` to every text in dictionaries, lists and tuples, keys included."""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, dict):
        return {well_formed_values(key): well_formed_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(well_formed_values, value))
    return value


_MARKS = re.compile(r"([\\`*_{\[\]|~#$])")
_BLOCK_START = re.compile(r"^(?:([-+](?=[\s-]|$)|=)|(\d{1,9})([.)])(?=\s|$))")
_LINKS = ((re.compile(r":(?=//)"), "&#58;"), (re.compile(r"(?<=\bwww)\.", re.IGNORECASE), "&#46;"))
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def markdown(text: object, *, most: int | None = LONGEST) -> str:
    r"""Return text as plain Markdown: no markup, HTML, formula or link; fits a table cell.

    Each run of white space becomes one space.

    >>> markdown("<b>|`x`| [a](b)"), markdown("- no list"), markdown("see http://a.example")
    ('&lt;b&gt;\\|\\`x\\`\\| \\[a\\](b)', '\\- no list', 'see http&#58;//a.example')
    """
    plain = visible(" ".join(str(text).split()), most=most)
    # Entities first: the backslashes put in front of marks then belong to the text's own marks.
    plain = _MARKS.sub(r"\\\1", plain.translate(_ENTITIES))
    plain = _BLOCK_START.sub(lambda m: f"\\{m[1]}" if m[1] else f"{m[2]}\\{m[3]}", plain)
    for link, entity in _LINKS:
        plain = link.sub(entity, plain)
    return plain


def markdown_code(text: object, *, most: int | None = LONGEST) -> str:
    r"""Format a name as Markdown code for a table cell; as plain text if it contains ` or |.

    >>> markdown_code("zoo:net@v1"), markdown_code("a|b")
    ('`zoo:net@v1`', 'a\\|b')
    """
    line = visible(" ".join(str(text).split()), most=most)
    if "`" in line or "|" in line or not line:
        return markdown(line, most=most)
    return f"`{line}`"


def markdown_address(url: str) -> str:
    r"""Return a URL quoted for the target of a Markdown link in a table cell.

    >>> markdown_address("https://a.example/b(c)|d\x1b")
    'https://a.example/b%28c%29%7Cd%1B'
    """
    from urllib.parse import quote

    return quote(well_formed(url), safe="/:?#[]@!$&+,;=%~")


def html(text: object, *, most: int | None = LONGEST) -> str:
    r"""Return text for HTML and SVG, between tags or in quoted attributes; keeps line breaks.

    >>> html('<b title="x">\u202e')
    '&lt;b title=&quot;x&quot;&gt;\\u202e'
    """
    import html as entities

    return entities.escape(visible(text, lines=True, most=most), quote=True)


_LATEX = {
    "\\": r"\textbackslash{}",
    **{mark: f"\\{mark}" for mark in "{}$&#_%"},
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    # After the end of a row these two are read as its argument.
    "[": "{[}",
    "*": "{*}",
}


def latex(text: object) -> str:
    r"""Return text for a cell of a LaTeX table: no command, comment, formula or new cell.

    >>> print(latex(r"\input{a_b} & 5% [x]"))
    \textbackslash{}input\{a\_b\} \& 5\% {[}x]
    """
    plain = visible(" ".join(str(text).split()))
    return "".join(_LATEX.get(character, character) for character in plain)


_LONGEST_CELL = 32_000
"""Characters; spreadsheets take a few more."""
_FORMULA_STARTS = "=+-@\uff1d\uff0b\uff0d\uff20"
_FORMULA = re.compile(rf"^\s*[{_FORMULA_STARTS}]|^[\t\r\n]")
_FORMULA_BEHIND = re.compile(rf"(?<=;)(\s*)(?=[{_FORMULA_STARTS}])")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def csv_cell(value: object) -> Any:
    """Return a value for ``csv.writer``; text that is a spreadsheet formula gets an apostrophe.

    Numbers and numeric texts are unchanged. Text after a semicolon is treated as a cell too,
    because spreadsheets in many countries split cells there.

    >>> csv_cell("=HYPERLINK(1)"), csv_cell(-0.5), csv_cell("-0.5"), csv_cell("a;@b")
    ("'=HYPERLINK(1)", -0.5, '-0.5', "a;'@b")
    """
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    shown = _FORMULA_BEHIND.sub(r"\1'", visible(value, most=_LONGEST_CELL))
    return f"'{shown}" if _FORMULA.match(value) else shown


def json_text(value: object, *, indent: int | None = 2, strict: bool = False) -> str:
    r"""Return a value as printable JSON: exact texts, invisible characters as ``\\u`` escapes.

    Lone surrogates, which strict JSON parsers refuse, become the text of their escape.
    ``strict`` raises ValueError for infinity and NaN, which JSON lacks.

    >>> json_text({"name": "a\x1b\u202e"}, indent=None)
    '{"name": "a\\u001b\\u202e"}'
    """
    import json

    text = json.dumps(value, indent=indent, ensure_ascii=False, default=str, allow_nan=not strict)
    if text.isascii() and "\x7f" not in text:
        return text
    return _escaped(text, "\n", _json_escape)


def finite(value: Any) -> Any:
    """Return plain values with the text ``inf``, ``-inf`` or ``nan`` for numbers that JSON lacks.

    >>> finite({"a": [1.5, float("inf")]})
    {'a': [1.5, 'inf']}
    """
    if isinstance(value, Mapping):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(each) for each in value]
    if isinstance(value, float) and not abs(value) < float("inf"):  # infinite, or no number
        return str(value)
    return value


def _json_escape(character: str) -> str:
    if _SURROGATE.match(character):
        return "\\" + _escape(character)
    units = character.encode("utf-16-be")
    pairs = (units[k : k + 2] for k in range(0, len(units), 2))
    return "".join(f"\\u{int.from_bytes(pair, 'big'):04x}" for pair in pairs)


def graphviz(*lines: object) -> str:
    r"""Return lines as a quoted Graphviz label, with backslashes and HTML entities escaped.

    >>> graphviz('a"b', "&#27;")
    '"a\\"b\\n&amp;#27;"'
    """
    shown = (visible(line).replace("&", "&amp;").replace("\\", "\\\\") for line in lines)
    return '"{}"'.format("\\n".join(line.replace('"', '\\"') for line in shown))


_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_OF_REFERENCES = re.compile(r"[A-Za-z0-9._:/@-]+")
_DIGITS = 8


def file_name(text: str, *, most: int = 80) -> str:
    """Return a safe file name for untrusted text: letters, digits, ``.``, ``-``, ``_``.

    The name is never hidden, an option, a path, or reserved by Windows. Text that is cut, or holds
    characters that references lack, gets digits of its hash to keep names distinct.

    >>> file_name("torchvision:resnet50@v1"), file_name("../../etc/passwd")
    ('torchvision_resnet50_v1', 'etc_passwd')
    """
    import hashlib

    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", text)
    name = plain[-most:].strip("._-")
    exact = bool(name) and len(plain) <= most and _OF_REFERENCES.fullmatch(text) is not None
    if exact and not _RESERVED.match(name):
        return name
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    tail = name[-most + 1 + _DIGITS :].strip("._-")
    return f"{digest}_{tail}" if tail else digest


def ending(name: str) -> str:
    """Return the end of a long layer name: converters join the names of merged layers."""
    return name if len(name) <= _WIDEST else f"...{name[-_WIDEST:]}"


_WIDEST = 60
