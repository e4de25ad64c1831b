"""The JSON schemas of what commands print with ``--json``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoodiff.api.schemas.names import Document

__all__ = ["json_documents", "json_schema"]


def json_documents() -> Sequence[Document]:
    """Return the kinds of JSON documents: names, versions and the commands that print them."""
    from zoodiff.api.schemas.names import DOCUMENTS

    return tuple(DOCUMENTS.values())


def json_schema(document: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a document, such as ``diff`` or ``store verify``.

    Raises UnknownNameError for an unknown name.
    """
    from zoodiff.api.schemas.kinds import schema

    return schema(document)
