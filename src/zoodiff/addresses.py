"""Recognise addresses of fsspec, such as ``s3://bucket/study``, and unify their errors."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def is_address(text: str) -> bool:
    """Whether a text is an address rather than a path.

    >>> is_address("s3://bucket/val"), is_address("imagenet/val"), is_address("C:/val")
    (True, False, False)
    """
    return _SCHEME.match(text) is not None


@contextlib.contextmanager
def os_errors() -> Iterator[None]:
    """Raise OSError for every error of a client, for example missing credentials."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise OSError(f"{type(error).__name__}: {reason}") from None
