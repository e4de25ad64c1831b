"""keras_cv_attention_models on Keras 3: import it, list its builders, and build its networks.

The package was written for Keras 2, and for the first releases of Keras 3, which were called
keras-core. Its backend of that name is the one that builds on Keras 3: on its usual backend, most
networks call TensorFlow on symbolic tensors, which Keras 3 refuses.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

from zoodiff.errors import MissingFrameworkError
from zoodiff.zoos.keras.backend import import_keras

PACKAGE = "keras_cv_attention_models"
CLASSES = 1000
"""Outputs of a builder's network by default, by which classifiers are told from other networks."""
_UNIMPORTED = ("nfnets", "volo")
"""Families that the package imports on its usual backend only, though they build on Keras 3."""
UNBUILDABLE = (AttributeError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError)
"""What the package and Keras raise where a network does not build on Keras 3."""

_Init = Callable[..., None]


def import_package() -> tuple[ModuleType, Any, Any]:
    """Import the package without output; return it, Keras and TensorFlow.

    Raises MissingFrameworkError if one of them is missing.
    """
    keras, tf = import_keras()
    os.environ["KECAM_BACKEND"] = "keras_core"
    sys.modules.setdefault("keras_core", keras)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            package = importlib.import_module(PACKAGE)
            for family in _UNIMPORTED:
                importlib.import_module(f"{PACKAGE}.{family}")
    except ImportError as error:
        raise MissingFrameworkError(
            f"the zoo kecam needs {PACKAGE} ({error}); "
            "make its environment with: zoodiff env create kecam"
        ) from error
    return package, keras, tf


def builders(package: ModuleType) -> Mapping[str, FunctionType]:
    """Return the functions that build image classifiers, by name, sorted.

    The package registers all of its networks. Classifiers are those with 1,000 classes by default:
    detectors have 80 or 90, and text models and encoders have none.
    """
    registered = vars(package.models)
    return {
        name: function
        for name, function in sorted(registered.items())
        if inspect.isfunction(function)
        and "num_classes" in inspect.signature(function).parameters
        and inspect.signature(function).parameters["num_classes"].default == CLASSES
    }


def default_pretrained(builder: FunctionType) -> str | None:
    """Return the weights that a builder loads by default; None if it loads none."""
    parameter = inspect.signature(builder).parameters.get("pretrained")
    return parameter.default if parameter else None


def build(
    keras: Any,
    builder: FunctionType,
    pretrained: str | None,
    input_size: tuple[int, int] | None = None,
    classes: int | None = None,
) -> Any:
    """Build a network without output; of the builder's own input size and classes if None."""
    arguments: dict[str, Any] = {}
    if "pretrained" in inspect.signature(builder).parameters:
        arguments["pretrained"] = pretrained
    if input_size is not None:
        arguments["input_shape"] = (*input_size, 3)
    if classes is not None:
        arguments["num_classes"] = classes
    with contextlib.redirect_stdout(io.StringIO()), as_keras_2(keras):
        return builder(**arguments)


@contextlib.contextmanager
def without_values(keras: Any) -> Iterator[None]:
    """Build networks without values, under names independent of earlier networks.

    TensorFlow's eager runtime starts, because layers of the package compute constant tables.
    """
    keras.utils.clear_session(free_memory=False)
    with keras.StatelessScope(initialize_variables=False):
        yield


@contextlib.contextmanager
def as_keras_2(keras: Any) -> Iterator[None]:
    """Let Keras 3 accept what Keras 2 accepted, and what networks of the package do.

    Names may contain a slash, which becomes an underscore. No tensor is sparse: Keras 3.15 marks
    every tensor that is multiplied by a number as sparse, and then fails where one is added to it.
    """
    with (
        _changed(keras.Operation, _without_slash),
        _changed(keras.Variable, _without_slash),
        _changed(keras.KerasTensor, lambda arguments: {**arguments, "sparse": False}),
    ):
        yield


def _without_slash(arguments: Mapping[str, Any]) -> dict[str, Any]:
    name = arguments.get("name")
    return {**arguments, "name": plain(name)} if isinstance(name, str) else dict(arguments)


def plain(name: str) -> str:
    """Return a name as ``as_keras_2`` gives it to Keras 3."""
    return name.replace("/", "_")


@contextlib.contextmanager
def _changed(owner: type, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Iterator[None]:
    """Change the named arguments with which objects of a class are made."""
    own = vars(owner).get("__init__")
    before: _Init = owner.__init__  # type: ignore[misc]

    def init(self: object, *arguments: object, **named: object) -> None:
        before(self, *arguments, **change(named))

    owner.__init__ = init  # type: ignore[misc]
    try:
        yield
    finally:
        if own is None:
            del owner.__init__  # type: ignore[misc]
        else:
            owner.__init__ = own  # type: ignore[misc]
