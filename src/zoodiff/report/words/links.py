"""Turn the source of a claim into text, and into a link where possible."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

_COMMIT = r"[0-9a-f]{7,40}"
_REPOSITORY = r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9_.-]+"
_FORMS = (
    # owner/name path@commit, also owner/name:path@commit
    re.compile(rf"(?P<repository>{_REPOSITORY})[ :]+(?P<path>.+?)\s*@\s*(?P<commit>{_COMMIT})"),
    # owner/name@commit path, also owner/name@commit:path
    re.compile(rf"(?P<repository>{_REPOSITORY})\s*@\s*(?P<commit>{_COMMIT})[ :]+(?P<path>.+)"),
    # owner/name@commit
    re.compile(rf"(?P<repository>{_REPOSITORY})\s*@\s*(?P<commit>{_COMMIT})(?P<path>)"),
)
_ADDRESS = re.compile(r"https?://[^\s<>\"']+")
_SHOWN_DIGITS = 7


@dataclass(frozen=True)
class Source:
    """The source of a number: ``text`` to print, and ``url`` if one can be formed."""

    text: str
    url: str | None = None
    detail: str | None = None
    """The path within the repository, too long to print in a table."""


def source(text: str | None) -> Source | None:
    """Read a claim's source; a GitHub repository with a commit becomes a permanent link.

    >>> source("onnx/models vision/README.md@b1eeaa1ac722").url
    'https://github.com/onnx/models/blob/b1eeaa1ac722/vision/README.md'
    >>> source("the paper, table 2")
    Source(text='the paper, table 2', url=None, detail=None)
    """
    if text is None or not text.strip():
        return None
    text = " ".join(text.split())
    if _ADDRESS.fullmatch(text):
        return Source(text, text)
    for form in _FORMS:
        match = form.fullmatch(text)
        if match is not None:
            return _github(match["repository"], match["path"], match["commit"])
    return Source(text)


def _github(repository: str, path: str, commit: str) -> Source:
    # A path may carry a remark in brackets: "torchvision/models (wheel 0.28.0 metadata)".
    bare = re.sub(r"\s*\(.*\)\s*$", "", path).strip().strip("/")
    base = f"https://github.com/{repository}"
    last = bare.rpartition("/")[2]
    if not bare or " " in bare or ".." in bare.split("/"):
        url = f"{base}/tree/{commit}"
    else:
        # A name without a dot is assumed to be a folder.
        url = f"{base}/{'blob' if '.' in last else 'tree'}/{commit}/{quote(bare)}"
    return Source(f"{repository} @{commit[:_SHOWN_DIGITS]}", url, path or None)
