"""Write a document as JSON that is harmless inside an HTML page."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from zoodiff import text


def script_json(document: Any) -> str:
    """Return dataclasses as JSON that cannot end the element that holds it.

    Every text is one line of visible characters. Fields that are None, empty or False are left
    out, and so are numbers that JSON lacks.

    >>> from zoodiff.report.app.facts import Cell
    >>> script_json(Cell("</script>", exact="a\\u202eb", sort=float("nan")))
    '{"text":"\\\\u003c/script\\\\u003e","exact":"a\\\\\\\\u202eb"}'
    """
    encoded = json.dumps(_plain(document), separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        encoded = encoded.replace(character, f"\\u{ord(character):04x}")
    return encoded


def texts_json(texts: Mapping[str, str]) -> str:
    """Return texts by name as JSON that cannot end the element that holds it; they stay exact."""
    encoded = json.dumps(dict(texts), separators=(",", ":"))
    return encoded.replace("<", "\\u003c")


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return text.visible(value)
    if dataclasses.is_dataclass(value):
        fields = ((f.name, _plain(getattr(value, f.name))) for f in dataclasses.fields(value))
        return {name: plain for name, plain in fields if _says_something(plain)}
    if isinstance(value, dict):
        return {text.visible(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _says_something(value: Any) -> bool:
    return value is not None and value is not False and value not in ("", [], {})
