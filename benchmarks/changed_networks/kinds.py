"""What a kind of change is, and how a module's code is changed in one place."""

from __future__ import annotations

import inspect
import re
import textwrap
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any, TypeVar

from torch import nn

T = TypeVar("T")
WEIGHTS = "weights"
"""The cause where the graphs are the same and the weights are not."""


@dataclass(frozen=True)
class Change:
    """What was changed in a network: how it is called, and where."""

    codes: frozenset[str]
    """Codes that name it; one of them is enough. Empty where nothing is to be named."""
    places: tuple[str, ...]
    """Paths of the modules that were changed, and of those that share their weights; everything
    inside them counts."""


Plant = Callable[[nn.Module], "Change | None"]
"""Changes a network in place; None where it has no such part."""
KINDS: dict[str, Plant] = {}
"""Every kind of change by its name."""
WITHOUT_EFFECT: set[str] = set()
"""Kinds that leave the function as it is."""
BEFORE: dict[str, Callable[[nn.Module], None]] = {}
"""By the name of a kind, what is done to the network and to its copy before the copy is changed."""


def kind(
    name: str, *, effect: bool = True, before: Callable[[nn.Module], None] | None = None
) -> Callable[[Plant], Plant]:
    """Return a decorator that registers a function as the kind of a change."""

    def register(plant: Plant) -> Plant:
        KINDS[name] = plant
        if before is not None:
            BEFORE[name] = before
        if not effect:
            WITHOUT_EFFECT.add(name)
        return plant

    return register


def change(network: nn.Module, codes: str, *modules: nn.Module) -> Change:
    """Return the change of some modules; ``codes`` are separated by spaces."""
    changed = {id(module) for module in modules}
    weights = {id(p) for module in modules for p in module.parameters(recurse=False)}
    named = network.named_modules(remove_duplicate=False)
    places = [
        path
        for path, module in named
        if id(module) in changed or weights & {id(p) for p in module.parameters(recurse=False)}
    ]
    return Change(frozenset(codes.split()), tuple(places))


def one_of(candidates: Iterable[T], salt: str) -> T | None:
    """Return one of several, another one for another salt; None where there are none."""
    several = list(candidates)
    return several[zlib.crc32(salt.encode()) % len(several)] if several else None


def modules(network: nn.Module, pattern: str) -> list[nn.Module]:
    """Return the modules whose class has a name that matches a regular expression."""
    return [m for m in network.modules() if re.fullmatch(pattern, type(m).__name__)]


def child(module: nn.Module, names: Sequence[str]) -> nn.Module | None:
    """Return the first child with one of the names."""
    found = (getattr(module, name, None) for name in names)
    return next((each for each in found if isinstance(each, nn.Module)), None)


def with_globals(module: nn.Module, **names: Any) -> bool:
    """Let ``forward`` of one module see other globals; False where it uses none of them."""
    function = _plain(module)
    if not set(names) & set(function.__code__.co_names):
        return False
    changed = FunctionType(
        function.__code__,
        {**function.__globals__, **names},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    changed.__kwdefaults__ = function.__kwdefaults__
    _bind(module, changed)
    return True


def rewritten(module: nn.Module, *edits: tuple[str, str]) -> bool:
    """Replace texts in the source of ``forward`` of one module; False where it lacks the first.

    Of each text the last occurrence is replaced. Decorators are left out.
    """
    function = _plain(module)
    source = textwrap.dedent(inspect.getsource(function))
    source = source[re.search(r"^def ", source, re.MULTILINE).start() :]  # type: ignore[union-attr]
    for old, new in edits:
        before, met, behind = source.rpartition(old)
        if not met:
            return False
        source = before + new + behind
    scope = {**function.__globals__, "Any": Any}
    source = f"from __future__ import annotations\n{source}"
    exec(compile(source, f"<changed {type(module).__name__}>", "exec"), scope)
    _bind(module, scope["forward"])
    return True


def _plain(module: nn.Module) -> Any:
    return inspect.unwrap(type(module).forward)


def _bind(module: nn.Module, function: Any) -> None:
    module.forward = MethodType(function, module)
