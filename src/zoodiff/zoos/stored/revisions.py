"""Revisions of repositories of the Hub: the commit of a branch or tag, and whether it moved."""

from __future__ import annotations

import contextlib
import json
import secrets
import warnings
from pathlib import Path

from zoodiff.bounded import files as bounded
from zoodiff.bounded import json as bounded_json
from zoodiff.home import home
from zoodiff.zoos.stored.hub import (
    SECONDS,
    Repository,
    checked_name,
    import_hub,
    is_commit,
    out_of_reach,
)

DEFAULT = "main"
_LARGEST = 1 << 22


class RevisionWarning(UserWarning):
    """A branch of a repository that moved, or that could not be asked for its commit."""


def at_revision(name: str, revision: str | None) -> Repository:
    """Return a repository at the commit of a revision (default ``main``).

    Commits are used as they are. The commit of a branch or tag is asked from the hub and
    remembered; a RevisionWarning says if it moved since, or if the hub did not answer and the
    remembered commit is used. Raises UsageError for an invalid name, MeasurementError if no
    commit is known.
    """
    checked_name(name)
    asked = revision or DEFAULT
    if is_commit(asked):
        return Repository(name, asked, cache())
    key = f"{name}@{asked}"
    remembered = _remembered().get(key)
    hub = import_hub()
    try:
        info = hub.HfApi().model_info(name, revision=asked, timeout=SECONDS)
        commit = str(info.sha)
        if not is_commit(commit):
            raise ValueError(f"the hub answered {commit[:60]!r}, which is no commit")
    except Exception as error:  # the hub's client raises many kinds
        cached = remembered or _cached(name, asked)
        if cached is None:
            raise out_of_reach(f"the commit of {key}", error) from None
        warnings.warn(
            f"the Hub does not say what {key} is now; the commit {cached} of last time is taken",
            RevisionWarning,
            stacklevel=2,
        )
        return Repository(name, cached, cache())
    if remembered not in (None, commit):
        warnings.warn(
            f"{key} moved from {remembered} to {commit} since it was used last; name the commit to "
            "keep to it",
            RevisionWarning,
            stacklevel=2,
        )
    if remembered != commit:
        _remember(key, commit)
    return Repository(name, commit, cache())


def cache() -> Path:
    """Return the folder for fetched files of repositories."""
    return home() / "cache" / "hub"


def _cached(name: str, revision: str) -> str | None:
    """Return the commit of a revision in the hub's own cache."""
    try:
        folder = import_hub().snapshot_download(name, revision=revision, local_files_only=True)
    except Exception:  # the hub's client raises many kinds
        return None
    commit = Path(folder).name
    return commit if is_commit(commit) else None


def _place() -> Path:
    return home() / "hub-revisions.json"


def _remembered() -> dict[str, str]:
    try:
        known = bounded_json.parse(bounded.read_bytes(_place(), _LARGEST))
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {str(key): str(value) for key, value in known.items() if is_commit(str(value))}


def _remember(key: str, commit: str) -> None:
    """Write down the commit of a revision; without a message where that is not possible."""
    known = _remembered() | {key: commit}
    partial = _place().with_name(f"{_place().name}.{secrets.token_hex(8)}")
    with contextlib.suppress(OSError):
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(known, indent=1, sort_keys=True), encoding="utf-8")
        partial.replace(_place())
