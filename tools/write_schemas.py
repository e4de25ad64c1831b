"""Write docs/schemas: the JSON Schema of each document, and the page that lists them.

Run it after a change to a type of result:  python tools/write_schemas.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

from zoodiff.api.schemas.kinds import schema
from zoodiff.api.schemas.names import DOCUMENTS
from zoodiff.text import json_text

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"
HEAD = """# JSON schemas

*This page and the schemas are written by `tools/write_schemas.py` from the types of the results.*

Every command that prints a table prints JSON with `--json`, and every such document has a
[JSON Schema](https://json-schema.org) (draft 2020-12). `zoodiff schema` lists them,
`zoodiff schema diff` prints one, and in Python `zoodiff.json_schema("diff")` returns it.

An object names its schema and version in its first key, `"schema": "zoodiff/diff/1"`. Lists, and
objects whose keys are names of entries or architectures, have no such key: the command says which
schema they have. Schemas allow no keys but theirs, so check a document against the schemas of the
zoodiff that wrote it. [What is stable](../stability.md) says when a version changes. A number that
JSON lacks is the text `inf`, `-inf` or `nan`.

| document | printed by `zoodiff` | what it is | names its schema |
|---|---|---|---|
"""


def pages() -> dict[str, str]:
    """Return the text of each file, by name."""
    rows = [
        f"| [`{each.name}`]({each.name}.json) version {each.version} | `{each.command}` "
        f"| {each.title} | {'yes' if each.names_itself else 'no'} |"
        for each in DOCUMENTS.values()
    ]
    texts = {f"{name}.json": json_text(schema(name), indent=1) + "\n" for name in DOCUMENTS}
    return {"README.md": HEAD + "\n".join(rows) + "\n", **texts}


def main() -> None:
    """Write the files, and remove those of documents that are gone."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    FOLDER.mkdir(exist_ok=True)
    texts = pages()
    for path in FOLDER.iterdir():
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
