"""Changes of positions, patches, windows and pooled tokens."""

from __future__ import annotations

from typing import Any

import torch
from benchmarks.changed_networks.kinds import (
    Change,
    change,
    kind,
    modules,
    one_of,
    rewritten,
    with_globals,
)
from torch import nn


def _rotaries(network: nn.Module) -> list[nn.Module]:
    return [m for m in network.modules() if isinstance(getattr(m, "inv_freq", None), torch.Tensor)]


@kind("another base of rotary positions")
def _base(network: nn.Module) -> Change | None:
    rotaries = _rotaries(network)
    if not rotaries:
        return None
    frequencies: Any = rotaries[0].inv_freq
    frequencies.copy_(frequencies**0.75)
    return change(network, "weights", rotaries[0], *_rotating(network))


@kind("rotary positions later by one", effect=False)
def _later(network: nn.Module) -> Change | None:
    rotaries = _rotaries(network)
    if not rotaries:
        return None
    kept = rotaries[0].forward
    rotaries[0].forward = lambda x, position_ids, *more: kept(x, position_ids + 1, *more)
    return Change(frozenset(), ())


def _rotating(network: nn.Module) -> list[nn.Module]:
    import inspect

    return [
        m
        for m in network.modules()
        if "apply_rotary_pos_emb" in inspect.unwrap(type(m).forward).__code__.co_names
    ]


def _rotated(network: nn.Module, salt: str, codes: str, rotate: Any) -> Change | None:
    module = one_of(_rotating(network), salt)
    if module is None or not with_globals(module, apply_rotary_pos_emb=rotate):
        return None
    return change(network, codes, module)


def _half(x: torch.Tensor) -> torch.Tensor:
    middle = x.shape[-1] // 2
    return torch.cat((-x[..., middle:], x[..., :middle]), dim=-1)


def _pairs(x: torch.Tensor) -> torch.Tensor:
    return torch.stack((-x[..., 1::2], x[..., ::2]), dim=-1).flatten(-2)


@kind("rotary positions in pairs of neighbours")
def _neighbours(network: nn.Module) -> Change | None:
    def rotate(q: Any, k: Any, cos: Any, sin: Any, *_: Any, **__: Any) -> Any:
        cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)
        return tuple(x * cos + _pairs(x) * sin for x in (q, k))

    return _rotated(network, "neighbours", "ARC177", rotate)


@kind("rotary positions on queries only")
def _queries_only(network: nn.Module) -> Change | None:
    def rotate(q: Any, k: Any, cos: Any, sin: Any, *_: Any, **__: Any) -> Any:
        cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)
        return q * cos + _half(q) * sin, k

    return _rotated(network, "queries", "ARC177", rotate)


@kind("rotary positions left out")
def _no_rotation(network: nn.Module) -> Change | None:
    return _rotated(network, "none", "ARC177", lambda q, k, *_, **__: (q, k))


_ADDED = (
    ("embeddings = embeddings + position_embeddings", "embeddings = embeddings"),
    ("embeddings = inputs_embeds + position_embeddings", "embeddings = inputs_embeds"),
    ("hidden_states = inputs_embeds + position_embeds.to(inputs_embeds.device)",
     "hidden_states = inputs_embeds"),
    ("embeddings = embeddings + self.position_embeddings", "embeddings = embeddings"),
    ("embeddings = embeddings + self.position_embedding(self.position_ids)",
     "embeddings = embeddings"),
)  # fmt: skip
"""How embeddings of transformers add their positions."""


@kind("position embeddings left out")
def _no_positions(network: nn.Module) -> Change | None:
    for module in modules(network, r".*(Embeddings|Model)"):
        if any(rewritten(module, edit) for edit in _ADDED):
            return change(network, "ARC175", module)
    return None


_IDS = (
    ("position_embeddings = self.position_embeddings(position_ids)",
     "position_embeddings = self.position_embeddings(position_ids + 1)"),
    ("position_embeddings = self.position_embedding(position_ids)",
     "position_embeddings = self.position_embedding(position_ids + 1)"),
    ("position_embeds = self.wpe(position_ids)", "position_embeds = self.wpe(position_ids + 1)"),
)  # fmt: skip


@kind("position embeddings later by one")
def _later_positions(network: nn.Module) -> Change | None:
    for module in modules(network, r".*(Embeddings|Model)"):
        if any(rewritten(module, edit) for edit in _IDS):
            return change(network, "weights ARC175 ARC178", module)
    return None


@kind("types of tokens left out")
def _no_types(network: nn.Module) -> Change | None:
    for module in modules(network, r".*Embeddings"):
        edit = ("inputs_embeds + token_type_embeddings", "inputs_embeds")
        if rewritten(module, edit):
            return change(network, "ARC111 ARC175", module)
    return None


@kind("embeddings scaled by the root of their width")
def _scaled_table(network: nn.Module) -> Change | None:
    tables = [m for m in network.modules() if isinstance(m, nn.Embedding) and len(m.weight) > 90]
    if not tables:
        return None
    table = tables[0]
    kept, factor = table.forward, float(table.weight.shape[1]) ** 0.5
    table.forward = lambda ids: kept(ids) * factor
    return change(network, "ARC178", table)


def _biased(network: nn.Module) -> list[nn.Module]:
    return [m for m in network.modules() if getattr(m, "has_relative_attention_bias", False)]


def _readers(network: nn.Module, module: nn.Module) -> list[nn.Module]:
    """The self-attentions that read the table of one of them."""
    stacks = [m for m in network.modules() if isinstance(getattr(m, "block", None), nn.ModuleList)]
    stack = next(m for m in stacks if any(each is module for each in m.modules()))
    return [
        m for m in stack.modules() if type(m) is type(module) and m.is_decoder == module.is_decoder
    ]


@kind("relative positions of another reach")
def _reach(network: nn.Module) -> Change | None:
    biased = _biased(network)
    if not biased:
        return None
    module: Any = biased[0]
    module.relative_attention_max_distance = 10
    module.relative_attention_num_buckets = module.relative_attention_num_buckets // 2
    return change(network, "weights ARC175 ARC167", *_readers(network, module))


@kind("relative positions turned round")
def _turned(network: nn.Module) -> Change | None:
    biased = _biased(network)
    if not biased:
        return None
    module: Any = biased[0]
    kept = module.compute_bias
    module.compute_bias = lambda *a, **named: kept(*a, **named).transpose(-1, -2)
    return change(network, "weights ARC175 ARC167", *_readers(network, module))


@kind("the bias of positions of a window turned round")
def _window_bias(network: nn.Module) -> Change | None:
    for module in network.modules():
        index = getattr(module, "relative_position_index", None)
        if isinstance(index, torch.Tensor) and not index.is_floating_point():
            index.copy_(index.T.clone())
            return change(network, "weights ARC175 ARC167", module)
    return None


def _shifting(network: nn.Module) -> list[nn.Module]:
    return [m for m in network.modules() if getattr(m, "shift_size", 0)]


@kind("windows shifted the other way")
def _other_shift(network: nn.Module) -> Change | None:
    import torch as framework

    class _Turned:
        """The framework, whose ``roll`` goes the other way."""

        def __getattr__(self, name: str) -> Any:
            return getattr(framework, name)

        @staticmethod
        def roll(x: torch.Tensor, shifts: Any, dims: Any) -> torch.Tensor:
            return framework.roll(x, tuple(-s for s in shifts), dims)

    from types import FunctionType, MethodType

    for module in _shifting(network):
        own = type(module).__dict__.get("cyclic_shift")
        if own is None:
            continue
        scope = {**own.__globals__, "torch": _Turned()}
        turned = FunctionType(own.__code__, scope, own.__name__, own.__defaults__)
        turned.__kwdefaults__ = own.__kwdefaults__
        module.cyclic_shift = MethodType(turned, module)
        return change(network, "ARC180 ARC167", module)
    return None


@kind("the last token pooled instead of the first")
def _last_token(network: nn.Module) -> Change | None:
    for module in modules(network, r".*(Pooler|VisionModel)"):
        for old, new in (
            ("hidden_states[:, 0]", "hidden_states[:, -1]"),
            ("last_hidden_state[:, 0, :]", "last_hidden_state[:, -1, :]"),
        ):
            if rewritten(module, (old, new)):
                return change(network, "ARC145", module)
    return None


@kind("the last token pooled instead of the end")
def _end_token(network: nn.Module) -> Change | None:
    for module in modules(network, r".*TextModel"):
        if rewritten(
            module, ("pooler_output=pooled_output", "pooler_output=last_hidden_state[:, -1]")
        ):
            return change(network, "ARC145 ARC190", module)
    return None


@kind("padding cut off at the other end")
def _other_end(network: nn.Module) -> Change | None:
    for module in modules(network, r".*SamePadLayer"):
        edit = ("[:, :, : -self.num_pad_remove]", "[:, :, self.num_pad_remove :]")
        if rewritten(module, edit):
            return change(network, "ARC107 ARC180 ARC167", module)
    return None
