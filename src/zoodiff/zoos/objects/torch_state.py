"""The state of a module that decides what it computes: its modes, its hooks, its compilation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_NAMED = 3
"""Parts of a module that a sentence names."""
_UNCHANGED = frozenset(
    {"activation", "container", "conv", "flatten", "linear", "normalization", "padding", "pooling"}
    | {"pixelshuffle", "channelshuffle", "sparse", "upsampling", "fold", "distance"}
)
"""Modules of ``torch.nn.modules`` whose classes compute the same in both modes."""
_CHANGED = frozenset({"MultiheadAttention", "RReLU"})
"""Classes of these modules that do not."""


def training_sentence(module: Any, name: str) -> str:
    """Return which parts are in training mode; empty if none is that could compute otherwise."""
    parts = [path for path, part in module.named_modules() if _trains(part)]
    if not parts:
        return ""
    if parts[0] == "":
        return f"{name} is in training mode"
    return f"{_listed(parts)} of {name} {'is' if len(parts) == 1 else 'are'} in training mode"


def _trains(part: Any) -> bool:
    """Whether a module is in training mode, and may compute something else than in evaluation."""
    if not getattr(part, "training", False):
        return False
    kind = type(part)
    package, _, file = kind.__module__.rpartition(".")
    plain = package == "torch.nn.modules" and file in _UNCHANGED and kind.__name__ not in _CHANGED
    return not plain or any(True for _ in _hooks(part))  # the hook of a spectral norm asks, too


def hooks_sentence(module: Any, name: str) -> str:
    """Return how many hooks of the forward pass a module has, and where; empty if it has none."""
    places = [path or "itself" for path, part in module.named_modules() for _ in _hooks(part)]
    if not places:
        return ""
    where = _listed(list(dict.fromkeys(places)))
    if len(places) == 1:
        return f"{name} has a forward hook ({where}), which runs with it"
    return f"{name} has {len(places)} forward hooks ({where}), which run with it"


def _hooks(part: Any) -> Iterator[Any]:
    for kind in ("_forward_pre_hooks", "_forward_hooks"):
        try:
            hooks = getattr(part, kind)
        except (AttributeError, RuntimeError):  # a script keeps them in its code
            continue
        yield from hooks.values()


def compiled_sentence(module: Any, name: str) -> str:
    """Return that a compiled module is taken as its original; empty for any other."""
    compiled = hasattr(module, "_orig_mod") or any(
        hasattr(part, "_orig_mod") or getattr(part, "_compiled_call_impl", None) is not None
        for part in module.modules()
    )
    return f"{name} is compiled; its original is compared" if compiled else ""


def gives_cache(module: Any) -> bool:
    """Return whether a model of Hugging Face returns a cache of keys unless told not to.

    Such a cache is an object of its own kind, which no export takes.
    """
    config = getattr(module, "config", None)
    package = any(kind.__module__.startswith("transformers.") for kind in type(module).__mro__)
    decodes = getattr(config, "is_decoder", None) is not False
    several = bool(getattr(config, "is_encoder_decoder", False))
    return package and bool(getattr(config, "use_cache", False)) and (decodes or several)


def _listed(paths: list[str]) -> str:
    more = len(paths) - _NAMED
    return ", ".join(paths[:_NAMED]) + (f" and {more} more" if more > 0 else "")
