"""Lays a page out as HTML or Markdown, by the templates beside this file."""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import re
from importlib import resources

import jinja2
from markupsafe import Markup, escape

from zoodiff.report.page import Page

_CODE_BREAKS = re.compile(r"([:/_]|(?=@))")


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("zoodiff.report"),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["breakable"] = breakable
    environment.filters["tied"] = tied
    environment.filters["md"] = markdown_text
    environment.filters["code"] = markdown_code
    environment.filters["url"] = markdown_address
    return environment


def to_html(page: Page) -> str:
    """One page with its style and script inside; its policy lets it run and load nothing else."""
    style, script = _asset("style.css"), _asset("page.js")
    return (
        _environment()
        .get_template("index.html.j2")
        .render(
            page=page,
            style=Markup(style),
            style_hash=_policy_hash(style),
            script=Markup(script),
            script_hash=_policy_hash(script),
        )
    )


def to_markdown(page: Page) -> str:
    """The same content for GitHub and for terminals."""
    text = _environment().get_template("report.md.j2").render(page=page)
    # The study's text is put behind, so that its own blank lines stay as they are.
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n" + _folded_study(page.study_text)


def _folded_study(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    body = text if text.endswith("\n") else text + "\n"
    return f"""
<details><summary>The study file</summary>

{fence}toml
{body}{fence}

</details>
"""


def _asset(name: str) -> str:
    return (resources.files("zoodiff.report") / "assets" / name).read_text(encoding="utf-8")


def _policy_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def tied(text: str) -> str:
    """Text in which a number and its unit stay on one line."""
    return re.sub(r"(?<=\d) (?=%|percentage points)", "\N{NO-BREAK SPACE}", text)


def breakable(text: str) -> Markup:
    """A name that may be broken over lines at its separators."""
    return Markup("<wbr>").join(escape(part) for part in _pieces(text))


def _pieces(text: str) -> list[str]:
    pieces = [""]
    for part in _CODE_BREAKS.split(text):
        if len(part) == 1 and part in ":/_":
            pieces[-1] += part
            pieces.append("")
        elif part.startswith("@") and pieces[-1]:
            pieces.append(part)
        else:
            pieces[-1] += part
    return [piece for piece in pieces if piece]


def markdown_text(text: str) -> str:
    """Text in which nothing is Markdown or HTML, on one line, fit for a table's cell."""
    # Entities first: the backslashes put in front of marks then belong to the text's own marks.
    plain = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", plain)


def markdown_code(text: str) -> str:
    """A name as code, fit for a table's cell."""
    line = " ".join(text.split())
    if "`" in line or not line:
        return markdown_text(line)
    return f"`{line.replace('|', chr(92) + '|')}`"


def markdown_address(url: str) -> str:
    """An address fit for a link's round brackets and a table's cell."""
    return url.replace("(", "%28").replace(")", "%29").replace("|", "%7C")
