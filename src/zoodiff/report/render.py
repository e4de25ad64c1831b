"""Render a page as HTML or Markdown with the templates in this folder."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import shlex
from collections.abc import Callable, Iterable
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from zoodiff import text
from zoodiff._version import __version__
from zoodiff.report.app.encode import script_json, texts_json
from zoodiff.report.page import Page
from zoodiff.report.words import numbers

_FIGURES = re.compile(
    rf"([^\W_]|[.,\[\] +%/∞{numbers.TIMES}{numbers.MINUS}{numbers.NOT_MEASURED}-])*"
)
_CODE_BREAKS = re.compile(r"([:/_]|(?=@))")


@functools.cache
def _html() -> jinja2.Environment:
    environment = _environment(_for_html)
    environment.filters["breakable"] = breakable
    environment.filters["tied"] = tied
    environment.filters["whole"] = lambda value: Markup(text.html(value, most=None))
    return environment


@functools.cache
def _markdown() -> jinja2.Environment:
    environment = _environment(_for_markdown)
    environment.filters["code"] = lambda value: Markup(text.markdown_code(value))
    environment.filters["url"] = lambda value: Markup(text.markdown_address(value))
    environment.filters["figures"] = figures
    return environment


def _environment(finalize: Callable[[Any], Any]) -> jinja2.Environment:
    """Return templates that escape every value unless one of our filters did."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("zoodiff.report"),
        autoescape=True,
        finalize=finalize,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = shlex.quote
    return environment


def _for_html(value: object) -> Any:
    if isinstance(value, str) and not isinstance(value, Markup):
        return Markup(text.html(value))
    return value


def _for_markdown(value: object) -> Any:
    """Escape a value for Markdown, which jinja's own escaping does not cover."""
    if isinstance(value, Markup | jinja2.Undefined | int):
        return value
    return Markup(text.markdown(value))


_APP = (
    *("elements.js", "data.js", "charts.js", "listing.js"),
    *("architecture.js", "pair.js", "router.js", "main.js"),
)
"""The parts of the page's own script, in their order."""
_LIBRARY = ("d3.min.js", "plot.umd.min.js")
"""The chart library, as it was published."""
_PLOT_STYLE = """:where(.zd-plot) {
  --plot-background: white;
  display: block;
  height: auto;
  height: intrinsic;
  max-width: 100%;
}
:where(.zd-plot text),
:where(.zd-plot tspan) {
  white-space: pre;
}"""
"""The style that Plot puts into each chart."""


def to_html(page: Page) -> str:
    """Return one HTML page with its style, scripts and data.

    Its content security policy forbids every other script, style and resource.
    """
    style = _asset("style.css") + _asset("app.css")
    first = _asset("app/first.js")
    scripts = [_asset("page.js")]
    if page.has_entries:
        parts = "\n".join(_asset(f"app/{name}") for name in _APP)
        scripts += [_asset(f"vendor/{name}").strip() for name in _LIBRARY]
        scripts.append(f'"use strict";\n(function () {{\n{parts}}})();\n')
    policy = "; ".join(
        (
            "default-src 'none'",
            _allowed("style-src", [style, _PLOT_STYLE]),
            _allowed("script-src", [first, *scripts]),
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    return (
        _html()
        .get_template("index.html.j2")
        .render(
            page=page,
            policy=Markup(policy),
            style=Markup(style),
            first_script=Markup(first),
            data=Markup(script_json(page.document)),
            thumbnails=Markup(texts_json(page.thumbnails)),
            pictures=Markup(texts_json({key: each.svg for key, each in page.pictures.items()})),
            scripts=[Markup(script) for script in scripts],
        )
    )


def _allowed(directive: str, contents: Iterable[str]) -> str:
    return " ".join((directive, *(f"'{_policy_hash(content)}'" for content in contents)))


def to_page(title: str, template: str, *, kicker: str, command: str, **values: Any) -> str:
    """Return a page of its own with the look of a report, of one template of this folder.

    Its content security policy forbids every other script, style and resource.
    """
    style, script = _asset("style.css"), _asset("page.js")
    body = _html().get_template(template).render(**values)
    return (
        _html()
        .get_template("alone.html.j2")
        .render(
            title=title,
            kicker=kicker,
            command=command,
            version=__version__,
            body=Markup(body),
            style=Markup(style),
            style_hash=_policy_hash(style),
            script=Markup(script),
            script_hash=_policy_hash(script),
        )
    )


def to_markdown(page: Page) -> str:
    """Return the page as Markdown, for GitHub and for terminals."""
    body = _markdown().get_template("report.md.j2").render(page=page)
    # The study's text is appended last to keep its own blank lines.
    return re.sub(r"\n{3,}", "\n\n", body).strip() + "\n" + _folded_study(page.study_text)


def _folded_study(study: str) -> str:
    shown = text.visible(study, lines=True, most=None)
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    body = shown if shown.endswith("\n") else shown + "\n"
    return f"""
<details><summary>The study file</summary>

{fence}toml
{body}{fence}

</details>
"""


def _asset(name: str) -> str:
    return (resources.files("zoodiff.report") / "assets" / name).read_text(encoding="utf-8")


def _policy_hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def tied(sentence: str) -> str:
    """Return text in which a number and its unit stay on one line."""
    return re.sub(r"(?<=\d) (?=%|percentage points)", "\N{NO-BREAK SPACE}", sentence)


def breakable(name: str) -> Markup:
    """Return a name as HTML that may be broken at its separators."""
    pieces = _pieces(text.visible(name))
    return Markup("<wbr>").join(Markup(text.html(piece)) for piece in pieces)


def _pieces(name: str) -> list[str]:
    pieces = [""]
    for part in _CODE_BREAKS.split(name):
        if len(part) == 1 and part in ":/_":
            pieces[-1] += part
            pieces.append("")
        elif part.startswith("@") and pieces[-1]:
            pieces.append(part)
        else:
            pieces[-1] += part
    return [piece for piece in pieces if piece]


def figures(value: object) -> Markup:
    """Return numbers such as ``5.28 [2.9, 7.8] pp`` unchanged, and escape other text.

    >>> figures("5.28 [2.9, 7.8] pp"), figures("[x](y)")
    (Markup('5.28 [2.9, 7.8] pp'), Markup('\\\\[x\\\\](y)'))
    """
    shown = str(value)
    return Markup(shown if _FIGURES.fullmatch(shown) else text.markdown(shown))
