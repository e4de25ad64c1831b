"""The state of a module that decides what it computes: its modes, its hooks, its compilation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
_PARALLEL = frozenset({"DataParallel", "DistributedDataParallel"})


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


def original_of(module: Any) -> Any:
    """Return the module inside those of ``torch.compile`` and data parallelism."""
    inner = getattr(module, "_orig_mod", None)
    if inner is None and type(module).__name__ in _PARALLEL:
        inner = getattr(module, "module", None)
    return module if inner is None else original_of(inner)


def wrapped_sentence(module: Any, name: str) -> str:
    """Return that the original of a compiled or parallel module is taken; empty for any other."""
    original = original_of(module)
    if is_compiled(original) or hasattr(module, "_orig_mod"):
        return f"{name} is compiled; its original is compared"
    return "" if original is module else f"{name} is wrapped; its original is compared"


def is_compiled(module: Any) -> bool:
    """Return whether a part of a module is compiled, or the module was in place."""
    return any(
        hasattr(part, "_orig_mod") or getattr(part, "_compiled_call_impl", None) is not None
        for part in module.modules()
    )


def stated_image(module: Any) -> tuple[int, ...] | None:
    """Return channels, height and width of the image that a module of timm or Hugging Face takes.

    None where it says none.
    """
    facts = getattr(module, "pretrained_cfg", None)
    size = facts.get("input_size") if isinstance(facts, Mapping) else None
    if size is not None:
        return tuple(size)
    config = getattr(module, "config", None)
    extent = getattr(config, "image_size", None)
    if getattr(module, "main_input_name", None) != "pixel_values" or extent is None:
        return None
    extents = tuple(extent) if isinstance(extent, Sequence) else (extent, extent)
    return (getattr(config, "num_channels", 3), *extents)


def image_channels(module: Any) -> int | None:
    """Return the channels that a convolution over images takes, scripted or not; else None."""
    import torch

    if isinstance(module, torch.nn.Conv2d):
        return int(module.in_channels)
    if getattr(module, "original_name", "") == "Conv2d":  # of a script
        weight = getattr(module, "weight", None)
        return None if weight is None else int(getattr(module, "in_channels", weight.shape[1]))
    return None


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
