"""``zoodiff example``: write small networks to try commands on."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from zoodiff.cli.render.console import Json, print_document, print_line


def example(
    folder: Annotated[str, typer.Argument(help="Where to write the files.")] = ".",
    json: Json = False,
) -> None:
    """Write three small ONNX files, a.onnx, b.onnx and c.onnx, to try commands on.

    Two compute the same function though they are written differently; the third has a mistake.
    """
    from zoodiff.api.example_files import write_example

    paths = write_example(folder)
    if json:
        print_document("example", {"files": [str(path) for path in paths]})
        return
    first, second, third = (shlex.quote(str(path)) for path in paths)
    print_line(f"wrote {first}, {second} and {third}; try")
    print_line(f"  zoodiff diff {first} {second}")
    print_line(f"  zoodiff diff {first} {third}")
