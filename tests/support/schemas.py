"""Checks JSON documents against their published schemas, by another library than pydantic."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"


@functools.cache
def validator(name: str) -> Any:
    """The validator of a document's schema, as the documentation publishes it."""
    schema = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def problems(name: str, document: Any) -> list[str]:
    """What in a document is not as its schema says, each with its place."""
    errors = validator(name).iter_errors(document)
    return [f"{error.json_path}: {error.message[:300]}" for error in errors]
