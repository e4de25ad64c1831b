"""Repositories of the Hugging Face hub at a commit: found in its cache, or fetched into it.

The cache is the hub client's own: ``models--OWNER--NAME/refs/BRANCH`` has the commit that a branch
or tag had when it was last fetched, ``snapshots/COMMIT`` the files. Finding something there imports
nothing. Branches and tags are resolved to a commit before anything else is read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoodiff import filenames
from zoodiff.bounded import files
from zoodiff.errors import WeightsUnavailableError

HUB = "https://huggingface.co/"
MAIN = "main"
SECONDS = 5.0
"""How long the hub may be silent before it counts as out of reach."""
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+/-]{0,250}")


@dataclass(frozen=True)
class Snapshot:
    """A repository at a commit, in the cache."""

    repository: str
    commit: str
    folder: Path
    moved_from: str | None = None
    """The commit that the branch or tag had before, if it moved since it was last fetched."""


def is_repository(name: str) -> bool:
    """Whether a name can be a repository's, ``owner/name``."""
    return _REPOSITORY.fullmatch(name) is not None and ".." not in name


def is_revision(name: str) -> bool:
    """Whether a name can be a branch, a tag or a commit."""
    return _REVISION.fullmatch(name) is not None and ".." not in name and "//" not in name


def is_commit(name: str) -> bool:
    """Whether a name is the full name of a commit."""
    return _COMMIT.fullmatch(name) is not None


def url(repository: str) -> str:
    """Return the page of a repository."""
    return f"{HUB}{repository}"


def cache_folder() -> Path:
    """Return the folder of the hub client's cache, by the rules of the client."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(name):
            return Path(os.path.expandvars(os.environ[name])).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{base}/huggingface"
    return Path(os.path.expandvars(home)).expanduser() / "hub"


def cached(repository: str, revision: str) -> Snapshot | None:
    """Return the snapshot of a revision as far as the cache has it; None if it has none."""
    place = cache_folder() / f"models--{repository.replace('/', '--')}"
    commit = revision if is_commit(revision) else _ref(place, revision)
    if commit is None or not (place / "snapshots" / commit).is_dir():
        return None
    return Snapshot(repository, commit, place / "snapshots" / commit)


def _ref(place: Path, revision: str) -> str | None:
    """Return the commit that the cache has for a branch or tag."""
    try:
        text = files.read_text(place / "refs" / revision, 100).strip()
    except (OSError, UnicodeDecodeError):
        return None
    return text if is_commit(text) else None


def has(snapshot: Snapshot | None, names: Sequence[str]) -> bool:
    """Whether a snapshot has all of these files."""
    return snapshot is not None and all(filenames.is_file(snapshot.folder / n) for n in names)


def find(repository: str, revision: str, needed: Sequence[str], useful: Sequence[str]) -> Snapshot:
    """Return a snapshot with the ``needed`` files, fetched where the cache lacks them.

    A branch or tag is asked of the hub first; where the hub is out of reach, what the cache has for
    it is taken. ``useful`` files are fetched where the repository has them. Raises
    WeightsUnavailableError with the command that fetches what is missing.
    """
    before = cached(repository, revision)
    if before is not None and is_commit(revision) and has(before, needed):
        return before
    try:
        commit = _fetched(repository, revision, needed, useful)
    except WeightsUnavailableError:
        raise
    except Exception as error:  # the client raises many kinds
        if before is not None and has(before, needed):
            return before
        raise _unavailable(repository, revision, needed, error) from None
    after = cached(repository, commit)
    if after is None or not has(after, needed):
        raise _unavailable(repository, revision, needed, None)
    moved = before.commit if before is not None and before.commit != commit else None
    return Snapshot(repository, commit, after.folder, moved)


def _fetched(repository: str, revision: str, needed: Sequence[str], useful: Sequence[str]) -> str:
    """Fetch files of a revision into the cache; return its commit."""
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", str(int(SECONDS)))
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise ConnectionError("HF_HUB_OFFLINE is set")
    # Asked once, without the retries of the download.
    address = huggingface_hub.hf_hub_url(repository, needed[0], revision=revision)
    try:
        facts: Any = huggingface_hub.get_hf_file_metadata(address, timeout=SECONDS)
    except EntryNotFoundError:
        raise _lacks(repository, revision, needed[0]) from None
    commit = str(facts.commit_hash)
    if not is_commit(commit):
        raise ConnectionError(f"the hub names no commit for {revision}")
    for name in (*needed, *useful):
        try:
            huggingface_hub.hf_hub_download(repository, name, revision=commit, etag_timeout=SECONDS)
        except LocalEntryNotFoundError:
            raise
        except EntryNotFoundError:
            if name in needed:
                raise _lacks(repository, revision, name) from None
    _remember(repository, revision, commit)
    return commit


def _remember(repository: str, revision: str, commit: str) -> None:
    """Note the commit of a branch or tag where the client notes it."""
    if is_commit(revision):
        return
    place = cache_folder() / f"models--{repository.replace('/', '--')}" / "refs" / revision
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(commit, encoding="utf-8")


def _lacks(repository: str, revision: str, name: str) -> WeightsUnavailableError:
    pickles = "; its other weights are pickles, which zoodiff does not load for hf"
    more = pickles if name.endswith(".safetensors") else ""
    return WeightsUnavailableError(f"{url(repository)} has no {name} at {revision}{more}")


def _unavailable(
    repository: str, revision: str, needed: Sequence[str], error: Exception | None
) -> WeightsUnavailableError:
    reason = ""
    if error is not None:
        reason = f" ({type(error).__name__}: {' '.join(str(error).split())[:120]})"
    at = "" if revision == MAIN else f" --revision {revision}"
    return WeightsUnavailableError(
        f"hf:{repository}@{revision} needs {' and '.join(needed)} of {url(repository)}, which "
        f"cannot be had{reason}; where there is a network, get it with: "
        f"hf download {repository} {' '.join(needed)}{at}"
    )
