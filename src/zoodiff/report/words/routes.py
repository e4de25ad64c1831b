"""Links to the views of the page, which its script draws."""

from __future__ import annotations

from urllib.parse import quote

from zoodiff import text


def architecture_route(name: str) -> str:
    """Return the link to an architecture.

    >>> architecture_route("a/b")
    '#/architecture/a%2Fb'
    """
    return f"#/architecture/{_part(name)}"


def pair_route(name: str, first: str, second: str) -> str:
    """Return the link to two entries of an architecture.

    >>> pair_route("net", "one:net@v1", "two:net")
    '#/pair/net/one%3Anet%40v1/two%3Anet'
    """
    return "#/pair/" + "/".join(map(_part, (name, first, second)))


def _part(name: str) -> str:
    # As the page's document has it, which the script compares it with.
    return quote(text.visible(name), safe="")
