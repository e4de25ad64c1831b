"""The classes and the image size in ``config.json`` of transformers' classifiers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from zoodiff.data.labels import MOST_CLASSES, UNKNOWN, LabelSpace

FILE = "config.json"
_PLACEHOLDER = re.compile(r"LABEL_[0-9]+")


def label_space(raw: Mapping[str, Any]) -> LabelSpace:
    """Return the classes of ``id2label``; without names where it has placeholders only.

    ``UNKNOWN`` if there is no ``id2label``, or one whose numbers are not 0 to n - 1.

    >>> label_space({"id2label": {"0": "cat", "1": "dog"}}).names
    ('cat', 'dog')
    """
    table = raw.get("id2label")
    if not isinstance(table, Mapping) or not 2 <= len(table) <= MOST_CLASSES:
        return UNKNOWN
    names = [table.get(str(number)) for number in range(len(table))]
    if any(not isinstance(name, str) for name in names):
        return UNKNOWN
    texts = tuple(str(name) for name in names)
    if all(_PLACEHOLDER.fullmatch(text) for text in texts):
        return LabelSpace(FILE, len(texts))
    return LabelSpace(FILE, len(texts), names=texts)


def image_size(raw: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return height and width of the network's input; None if they are not stated."""
    size = raw.get("image_size")
    rows, columns = size if isinstance(size, list) and len(size) == 2 else (size, size)
    return (rows, columns) if _is_extent(rows) and _is_extent(columns) else None


def _is_extent(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 16_384
