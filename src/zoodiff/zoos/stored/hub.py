"""Files of a repository of the Hugging Face Hub, at one commit.

Fetched files are copied out of the hub's cache, which keeps them behind links, into zoodiff's own
folder; the content of a commit never changes, so nothing is asked twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoodiff.bounded import files as bounded
from zoodiff.bounded import json as bounded_json
from zoodiff.errors import MeasurementError, MissingFrameworkError, UsageError
from zoodiff.rules.security import climbs, refusal

SECONDS = 5.0
"""How long the hub may be silent before it counts as out of reach."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_LARGEST_LISTING = 1 << 24


def is_repository(name: str) -> bool:
    """Whether a text is a repository's name, ``owner/model``."""
    return _NAME.fullmatch(name) is not None and ".." not in name


def is_commit(revision: str) -> bool:
    """Whether a revision is a whole commit."""
    return _COMMIT.fullmatch(revision) is not None


@dataclass(frozen=True)
class Repository:
    """A repository at one commit; its files are fetched when they are asked for."""

    name: str
    commit: str
    cache: Path
    """The folder for fetched files of all repositories."""

    @property
    def folder(self) -> Path:
        """The folder of this commit's fetched files."""
        return self.cache / self.name.replace("/", "--") / self.commit

    def files(self) -> Sequence[str]:
        """Return the names of all files, from the hub or from an earlier answer.

        Raises MeasurementError if the hub does not answer and nothing was fetched before.
        """
        listing = self.folder.with_name(f"{self.commit}.json")
        with contextlib.suppress(OSError, ValueError):
            known = bounded_json.parse(bounded.read_bytes(listing, _LARGEST_LISTING))
            if isinstance(known, list):
                return sorted(map(str, known))
        hub = import_hub()
        try:
            info = hub.HfApi().model_info(self.name, revision=self.commit, timeout=SECONDS)
            names = sorted(str(file.rfilename) for file in info.siblings or ())
        except Exception as error:  # the hub's client raises many kinds
            if cached := self._cached_files():
                return cached
            raise out_of_reach(
                f"the list of files of {self.name}@{self.commit[:12]}", error
            ) from None
        with contextlib.suppress(OSError):
            listing.parent.mkdir(parents=True, exist_ok=True)
            _write(listing, json.dumps(names).encode())
        return names

    def local(self, name: str) -> Path | None:
        """Return the path of a file if it was fetched, else None."""
        path = self.folder / name
        return path if not climbs(name) and path.is_file() and not path.is_symlink() else None

    def fetch(self, name: str) -> Path:
        """Return the path of a file, downloaded if need be.

        Raises MeasurementError that says what was to be fetched, RefusedError for a climbing name.
        """
        if climbs(name):
            raise refusal("SEC110", f"{name!r} is outside the repository {self.name}")
        known = self.local(name)
        if known is not None:
            return known
        hub = import_hub()
        try:
            source = self._downloaded(hub, name)
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(Path(source).resolve(), target)
        except Exception as error:  # the hub's client raises many kinds
            raise out_of_reach(f"{name} of {self.name}@{self.commit[:12]}", error) from None
        return target

    def _downloaded(self, hub: Any, name: str) -> str:
        """Return the path of a file in the hub's own cache."""
        try:
            return str(
                hub.hf_hub_download(self.name, name, revision=self.commit, local_files_only=True)
            )
        except FileNotFoundError:
            # Asked once, without the retries that the download spends half a minute on.
            url = hub.hf_hub_url(self.name, name, revision=self.commit)
            hub.get_hf_file_metadata(url, timeout=SECONDS)
            return str(
                hub.hf_hub_download(self.name, name, revision=self.commit, etag_timeout=SECONDS)
            )

    def _cached_files(self) -> list[str]:
        """Return the files of the commit in the hub's own cache."""
        try:
            folder = Path(
                import_hub().snapshot_download(
                    self.name, revision=self.commit, local_files_only=True
                )
            )
        except Exception:  # as above; nothing is cached
            return []
        paths = (path for path in folder.rglob("*") if path.is_file())
        return sorted(path.relative_to(folder).as_posix() for path in paths)


@dataclass(frozen=True)
class HubFile:
    """A file of a repository; ``beside`` are files of weights that it needs."""

    repository: Repository
    name: str
    beside: tuple[str, ...] | None = None
    """None to take those that are named like an ONNX file's weights."""

    def path(self) -> Path:
        """Return its path, fetched if need be, with the files of weights beside it."""
        known = self.repository.local(self.name)
        if known is None or self.name.endswith(".onnx"):
            for name in self._beside():
                self.repository.fetch(name)
        return known or self.repository.fetch(self.name)

    def local(self) -> Path | None:
        """Return its path if it was fetched, else None."""
        return self.repository.local(self.name)

    def identity(self) -> list[Any]:
        """Return repository, commit and name, which determine the content."""
        return [self.repository.name, self.repository.commit, self.name]

    def _beside(self) -> Sequence[str]:
        if self.beside is not None:
            return self.beside
        if not self.name.endswith(".onnx"):
            return ()
        return weights_beside(self.name, self.repository.files())


def weights_beside(name: str, files: Sequence[str]) -> list[str]:
    """Return the files that hold weights of an ONNX file, by their names.

    >>> weights_beside("onnx/m.onnx", ["onnx/m.onnx", "onnx/m.onnx_data", "onnx/m_q4.onnx_data"])
    ['onnx/m.onnx_data']
    """
    pattern = re.compile(re.escape(name) + r"(_data(_[0-9]+)?|\.data)")
    return [file for file in files if pattern.fullmatch(file)]


def import_hub() -> Any:
    """Import the hub's client; raise MissingFrameworkError if it is not installed."""
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", str(int(SECONDS)))
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        import huggingface_hub
    except ImportError:
        raise MissingFrameworkError(
            "repositories of the Hugging Face Hub need huggingface_hub; install it with: "
            'pip install "zoodiff[onnx]"'
        ) from None
    return huggingface_hub


def out_of_reach(wanted: str, error: Exception) -> MeasurementError:
    """Return the error that says what was to be fetched from the hub, and why it was not."""
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    return MeasurementError(f"cannot fetch {wanted} from the Hugging Face Hub ({reason})")


def checked_name(name: str) -> str:
    """Return the name of a repository; raise UsageError if it is none."""
    if not is_repository(name):
        raise UsageError(f'"{name}" is no repository of the Hub; write owner/model')
    return name


def _copy(source: Path, target: Path) -> None:
    """Copy a file, or link it where both are on one disk; complete or not at all."""
    partial = target.with_name(f"{target.name}.{secrets.token_hex(8)}")
    try:
        try:
            os.link(source, partial)
        except OSError:
            shutil.copyfile(source, partial)
        os.replace(partial, target)  # noqa: PTH105 - atomic, also over an existing file
    finally:
        partial.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    partial.write_bytes(content)
    partial.replace(path)
