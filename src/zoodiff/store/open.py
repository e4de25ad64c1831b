"""Open the files of a store: a folder of this machine, or any address that fsspec knows."""

from __future__ import annotations

from pathlib import Path

from zoodiff.addresses import is_address
from zoodiff.errors import UsageError
from zoodiff.store.files import Files, LocalFiles


def open_files(location: str | Path) -> Files:
    """Return the files of a folder, or of an address such as ``s3://bucket/study``.

    Raises UsageError for an address that cannot be used; the message names what to install.
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
