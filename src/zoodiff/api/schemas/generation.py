"""JSON Schema (draft 2020-12) of a type of result: dataclass, pydantic model or ``TypedDict``."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import sys
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, get_type_hints

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from typing_extensions import TypedDict

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = "#/$defs/"


def object_of(cls: type, *, without: tuple[str, ...] = (), **more: Any) -> Any:
    """Return the type of ``asdict`` of a dataclass, without some fields and with ``more`` keys."""
    hints = get_type_hints(cls, include_extras=True)
    named = {field.name: hints[field.name] for field in fields(cls) if field.name not in without}
    declare: Any = TypedDict
    kind = declare(cls.__name__, named | more)
    kind.declared_by = cls
    return kind


class _Generator(GenerateJsonSchema):
    """Closed objects whose keys are all there, with descriptions from the docstrings."""

    def dataclass_schema(self, schema: Any) -> JsonSchemaValue:
        return _closed(super().dataclass_schema(schema), schema["cls"])

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        return _closed(super().model_schema(schema), schema["cls"])

    def typed_dict_schema(self, schema: Any) -> JsonSchemaValue:
        generated = super().typed_dict_schema(schema)
        required = generated.get("required", [])
        return _closed(generated, schema["cls"]) | {"required": required}

    def float_schema(self, schema: Any) -> JsonSchemaValue:
        """A number, or the text for one that JSON lacks."""
        return {"anyOf": [{"type": "number"}, {"enum": ["inf", "-inf", "nan"]}]}

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        """Results always have all keys, so that defaults mean nothing."""
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return that no key has a title: it would be its name."""
        return False


def _closed(schema: JsonSchemaValue, cls: type) -> JsonSchemaValue:
    """Require the declared keys, forbid others, and describe them."""
    names = schema.get("properties", {})
    schema.pop("description", None)
    schema["additionalProperties"] = False
    schema["required"] = list(names)
    source = getattr(cls, "declared_by", cls)
    if not _is_generated(source):
        schema["description"] = _plain(inspect.getdoc(source) or "").split("\n\n")[0]
    for name, text in _descriptions(source).items():
        if name in names and "description" not in names[name]:
            names[name]["description"] = text
    return schema


def _is_generated(cls: type) -> bool:
    """Whether the docstring is the one that ``dataclass`` writes, the signature."""
    doc = cls.__doc__ or f"{cls.__name__}("
    return doc.startswith(f"{cls.__name__}(")


def _descriptions(cls: type) -> dict[str, str]:
    """Return the strings below the fields of a class and its bases, by field."""
    texts: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        body = _bodies(base.__module__).get(base.__qualname__, [])
        for statement, below in itertools.pairwise(body):
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
            ):
                texts[statement.target.id] = _plain(below.value.value)
    return texts


@functools.cache
def _bodies(module: str) -> dict[str, list[ast.stmt]]:
    """Return the statements of the classes of a module of zoodiff, by name of the class."""
    if not module.startswith("zoodiff"):
        return {}
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node.body for node in tree.body if isinstance(node, ast.ClassDef)}


def _plain(text: str) -> str:
    """Return a docstring as lines without indentation or marks of code."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(part.split()) for part in paragraphs).replace("``", "`")


def schema_of(kind: Any, label: str, title: str) -> dict[str, Any]:
    """Return the schema of a document; an object has a key ``schema`` that holds the label."""
    generated = TypeAdapter(kind).json_schema(
        mode="serialization", schema_generator=_Generator, ref_template=REFERENCE + "{model}"
    )
    definitions = generated.pop("$defs", {})
    if "$ref" in generated:
        generated = definitions[generated["$ref"].removeprefix(REFERENCE)]
    head: dict[str, Any] = {"$schema": DIALECT, "$id": f"urn:{label.replace('/', ':')}"}
    generated = {key: value for key, value in generated.items() if key != "title"}
    if "properties" in generated:
        assert "schema" not in generated["properties"], label
        named = {"const": label, "description": "Name and version of this schema."}
        generated["properties"] = {"schema": named, **generated["properties"]}
        generated["required"] = ["schema", *generated["required"]]
    document = {**head, "title": title, **generated, "$defs": definitions}
    return _without_unused(_shortened(document))


def _shortened(document: dict[str, Any]) -> dict[str, Any]:
    """Name definitions by their class alone where that is unambiguous."""
    short: dict[str, str] = {}
    for name in document["$defs"]:
        last = name.rsplit("__", 1)[-1]
        short[name] = last if last not in short.values() else name

    def renamed(value: Any) -> Any:
        if isinstance(value, list):
            return [renamed(each) for each in value]
        if not isinstance(value, dict):
            return value
        result = {key: renamed(each) for key, each in value.items()}
        reference = result.get("$ref")
        if isinstance(reference, str):
            result["$ref"] = REFERENCE + short[reference.removeprefix(REFERENCE)]
        return result

    whole: dict[str, Any] = renamed(document)
    whole["$defs"] = {short[name]: each for name, each in whole["$defs"].items()}
    return whole


def _without_unused(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out definitions that nothing refers to, such as that of the document itself."""
    definitions = document.pop("$defs")
    used: dict[str, Any] = {}
    waiting = list(_references(document))
    while waiting:
        name = waiting.pop()
        if name not in used:
            used[name] = definitions[name]
            waiting.extend(_references(definitions[name]))
    return document | ({"$defs": dict(sorted(used.items()))} if used else {})


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix(REFERENCE)
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)
