"""Turn the errors that a file causes in frameworks and frontends into MeasurementErrors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from zoodiff.errors import MeasurementError, ZoodiffError
from zoodiff.zoos.files.entries import opened

_Backend = TypeVar("_Backend")
_METHODS = {
    "describe": "described",
    "describe_at": "described",
    "facts": "described",
    "load": "loaded",
}


def guarded(backend: type[_Backend]) -> type[_Backend]:
    """Return a backend for files whose methods raise only ZoodiffErrors.

    A file is untrusted: a defect of it may surface anywhere, as any kind of exception.
    """
    for name, done in _METHODS.items():
        if hasattr(backend, name):
            setattr(backend, name, _guarded_method(getattr(backend, name), done))
    return backend


def _guarded_method(method: Callable[..., Any], done: str) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: object, model: str, *arguments: object, **options: object) -> Any:
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
