"""Opens the files of a store: a folder of this machine, or any address that fsspec knows."""

from __future__ import annotations

from pathlib import Path

from zoodiff.errors import UsageError
from zoodiff.store.files import Files, LocalFiles


def open_files(location: str | Path) -> Files:
    """The files of a folder, or of an address such as ``s3://bucket/study``.

    Raises UsageError for an address that cannot be used, with what is missing.
    """
    text = str(location)
    if isinstance(location, Path) or not is_address(text):
        return LocalFiles(Path(location))
    if text.startswith("file://"):
        return LocalFiles(Path(text.removeprefix("file://")))
    try:
        from zoodiff.store.remote import RemoteFiles
    except ImportError:
        raise UsageError(
            f'results at {text} need fsspec; install it with: pip install "zoodiff[remote]"'
        ) from None
    return RemoteFiles(text)


def is_address(location: str) -> bool:
    """Whether this is no path of the machine but an address for fsspec.

    >>> is_address("s3://bucket/study"), is_address("results"), is_address("C:/results")
    (True, False, False)
    """
    scheme, found, _ = location.partition("://")
    return bool(found) and scheme.replace("+", "").replace("-", "").isalnum()
