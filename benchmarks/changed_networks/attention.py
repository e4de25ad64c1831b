"""Changes of attention: scales, masks, heads, axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from benchmarks.changed_networks.kinds import Change, change, kind, one_of, with_globals
from torch import nn

Attention = Callable[..., tuple[torch.Tensor, Any]]
_SCALES = ("scaling", "scale")
_HEADS = (
    ("num_attention_heads", "attention_head_size"),
    ("num_heads", "head_dim"),
    ("n_heads", "key_value_proj_dim"),
)
_LEAST = -1e9


class _Only:
    """Stands for transformers' table of attention functions, and has a single one."""

    def __init__(self, function: Attention) -> None:
        self._function = function

    def get_interface(self, *_: Any) -> Attention:
        """Return the function, whatever is asked for."""
        return self._function


def attentions(network: nn.Module) -> list[nn.Module]:
    """Return the modules that call one of transformers' attention functions."""
    return [m for m in network.modules() if with_attention(m, None)]


def with_attention(module: nn.Module, function: Attention | None) -> bool:
    """Let a module compute its attention by a function; without one say whether it calls any."""
    import inspect

    code = getattr(inspect.unwrap(type(module).forward), "__code__", None)
    if code is None or "ALL_ATTENTION_FUNCTIONS" not in code.co_names:
        return False
    return function is None or with_globals(module, ALL_ATTENTION_FUNCTIONS=_Only(function))


def _usual(module: nn.Module) -> Attention:
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    function: Attention = ALL_ATTENTION_FUNCTIONS["sdpa"]
    return function


def _changed(network: nn.Module, salt: str, codes: str, make: Any) -> Change | None:
    """Change one attention; ``make`` gives its function, given the module and the usual one."""
    module = one_of(attentions(network), salt)
    if module is None or not with_attention(module, make(module, _usual(module))):
        return None
    return change(network, codes, module)


def written_out(
    module: nn.Module,
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    mask: torch.Tensor | None,
    *,
    axis: int = -1,
    cap: float = 0.0,
    scaling: float | None = None,
    position_bias: torch.Tensor | None = None,
    is_causal: bool | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Return an attention by its formula, with the softmax over an axis, and scores capped."""
    groups = q.shape[1] // k.shape[1]
    k, v = (x.repeat_interleave(groups, dim=1) if groups > 1 else x for x in (k, v))
    scores = q @ k.transpose(-1, -2) * (q.shape[-1] ** -0.5 if scaling is None else scaling)
    if position_bias is not None:
        scores = scores + position_bias
    if cap:
        scores = cap * torch.tanh(scores / cap)
    if mask is None and _is_causal(module, q, is_causal):
        mask = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril()
    if mask is not None:
        hides = mask.dtype == torch.bool
        scores = scores.masked_fill(~mask, _LEAST) if hides else scores + mask
    return (scores.softmax(axis) @ v).transpose(1, 2).contiguous(), None


def _is_causal(module: nn.Module, q: torch.Tensor, stated: bool | None) -> bool:
    own = getattr(module, "is_causal", True) if stated is None else stated
    return bool(own) and q.shape[-2] > 1


def _write_out(network: nn.Module) -> None:
    for module in attentions(network):
        with_attention(module, written_out)


@kind("an attention written out", effect=False)
def _formula(network: nn.Module) -> Change | None:
    made = _changed(network, "formula", "", lambda module, _: written_out)
    return made and Change(frozenset(), ())


@kind("softmax over queries", before=_write_out)
def _axis(network: nn.Module) -> Change | None:
    return _changed(
        network,
        "axis",
        "ARC144",
        lambda module, _: lambda m, *x, **named: written_out(m, *x, axis=-2, **named),
    )


@kind("scores capped by tanh", before=_write_out)
def _capped(network: nn.Module) -> Change | None:
    return _changed(
        network,
        "capped",
        "ARC170",
        lambda module, _: lambda m, *x, **named: written_out(m, *x, cap=2.0, **named),
    )


@kind("attention not scaled")
def _scale(network: nn.Module) -> Change | None:
    modules = [m for m in attentions(network) if any(hasattr(m, s) for s in _SCALES)]
    module = one_of(modules, "scale")
    if module is None:
        return None
    name = next(s for s in _SCALES if hasattr(module, s))
    setattr(module, name, 1.0 if getattr(module, name) != 1.0 else 0.5)
    return change(network, "ARC170", module)


@kind("half as many heads")
def _heads(network: nn.Module) -> Change | None:
    fits = [
        (m, names)
        for m in attentions(network)
        for names in _HEADS
        if all(isinstance(getattr(m, n, None), int) for n in names)
    ]
    chosen = one_of(fits, "heads")
    if chosen is None or getattr(chosen[0], "has_relative_attention_bias", False):
        return None
    module, (count, width) = chosen
    setattr(module, count, getattr(module, count) // 2)
    setattr(module, width, getattr(module, width) * 2)
    return change(network, "ARC172", module)


@kind("a mask left out")
def _no_mask(network: nn.Module) -> Change | None:
    def make(module: nn.Module, usual: Attention) -> Attention:
        def attend(m: nn.Module, q: Any, k: Any, v: Any, mask: Any, **named: Any) -> Any:
            return usual(m, q, k, v, None, **{**named, "is_causal": False})

        return attend

    return _changed(network, "no mask", "ARC174", make)


@kind("a mask inverted")
def _inverted(network: nn.Module) -> Change | None:
    def make(module: nn.Module, usual: Attention) -> Attention:
        def attend(m: nn.Module, q: Any, k: Any, v: Any, mask: Any, **named: Any) -> Any:
            if mask is None and _is_causal(m, q, named.get("is_causal")):
                mask = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril()
            if mask is None:
                return usual(m, q, k, v, mask, **named)
            turned = ~mask if mask.dtype == torch.bool else _LEAST - mask.clamp(min=_LEAST)
            return usual(m, q, k, v, turned, **{**named, "is_causal": False})

        return attend

    return _changed(network, "inverted", "ARC174", make)


@kind("a causal mask added or a shorter one")
def _causal(network: nn.Module) -> Change | None:
    def make(module: nn.Module, usual: Attention) -> Attention:
        def attend(m: nn.Module, q: Any, k: Any, v: Any, mask: Any, **named: Any) -> Any:
            shown = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril()
            if _is_causal(m, q, named.get("is_causal")):
                shown = shown.triu(-2)
            if mask is None:
                mask = shown
            elif mask.dtype == torch.bool:
                mask = mask & shown
            else:
                mask = mask.masked_fill(~shown, _LEAST)
            return usual(m, q, k, v, mask, **{**named, "is_causal": False})

        return attend

    return _changed(network, "causal", "ARC174", make)


@kind("groups of keys repeated in turn")
def _groups(network: nn.Module) -> Change | None:
    def make(module: nn.Module, usual: Attention) -> Attention:
        def attend(m: nn.Module, q: Any, k: Any, v: Any, mask: Any, **named: Any) -> Any:
            groups = q.shape[1] // k.shape[1]
            k, v = (x.repeat(1, groups, 1, 1) for x in (k, v))
            kept = m.num_key_value_groups
            m.num_key_value_groups = 1
            try:
                return usual(m, q, k, v, mask, **named)
            finally:
                m.num_key_value_groups = kept

        return attend

    grouped = [m for m in attentions(network) if getattr(m, "num_key_value_groups", 1) > 1]
    module = one_of(grouped, "groups")
    if module is None:
        return None
    with_attention(module, make(module, _usual(module)))
    return change(network, "ARC167", module)
