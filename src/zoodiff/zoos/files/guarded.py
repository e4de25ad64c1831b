"""One sentence for whatever a file makes frameworks and frontends raise."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from zoodiff.errors import MeasurementError, ZoodiffError
from zoodiff.zoos.files.entries import opened

_Made = TypeVar("_Made")
_METHODS = {"describe": "described", "facts": "described", "load": "loaded"}


def guarded(backend: type[_Made]) -> type[_Made]:
    """Let a backend for files raise ZoodiffError alone.

    A file is untrusted: what is odd in it surfaces anywhere, as any kind of exception.
    """
    for name, done in _METHODS.items():
        setattr(backend, name, _told(getattr(backend, name), done))
    return backend


def _told(method: Callable[..., Any], done: str) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Any, model: str, *arguments: Any, **options: Any) -> Any:
        try:
            return method(self, model, *arguments, **options)
        except ZoodiffError:
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise MeasurementError(
                f"{opened(model)[0].name} cannot be {done} ({reason}); it is malformed, or of a "
                "form that zoodiff does not know"
            ) from error

    return call
