"""Changes of layers: norms, activations, biases, joins, blocks."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from benchmarks.changed_networks.kinds import (
    Change,
    change,
    kind,
    modules,
    one_of,
    rewritten,
)
from benchmarks.changed_networks.weights import linear_layers, norms
from torch import nn

_EPSILONS = ("eps", "variance_epsilon", "epsilon")
_ACTIVATIONS = r".*(GELU|Gelu|ReLU|SiLU|Swish|Tanh).*"
_BLOCKS = r".*(Layer|Block|Attention|Output|LayerFF|DecoderLayer|EncoderLayer)"


@kind("another epsilon of a norm")
def _epsilon(network: nn.Module) -> Change | None:
    norm = one_of(norms(network), "epsilon")
    if norm is None:
        return None
    name = next((n for n in _EPSILONS if isinstance(getattr(norm, n, None), float)), "")
    if not name:
        return None
    setattr(norm, name, 0.05)
    return change(network, "ARC120", norm)


@kind("a bias left out")
def _bias(network: nn.Module) -> Change | None:
    layer = one_of([m for m in linear_layers(network) if m.bias is not None], "bias")
    if layer is None:
        return None
    layer.bias = None
    return change(network, "ARC111", layer)


@kind("the bias of a recurrent layer left out")
def _recurrent_bias(network: nn.Module) -> Change | None:
    layer = next((m for m in network.modules() if isinstance(m, nn.LSTM | nn.GRU)), None)
    if layer is None:
        return None
    other = type(layer)(layer.input_size, layer.hidden_size, batch_first=True, bias=False)
    own = other.state_dict()
    other.load_state_dict({n: v for n, v in layer.state_dict().items() if n in own})
    _replace(network, layer, other.eval())
    return change(network, "ARC111", other)


@kind("a recurrent layer that reads backwards")
def _backwards(network: nn.Module) -> Change | None:
    layer = next((m for m in network.modules() if isinstance(m, nn.LSTM | nn.GRU)), None)
    if layer is None:
        return None

    class Backwards(nn.Module):  # type: ignore[misc]
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: torch.Tensor) -> Any:
            sequence, state = self.inner(x.flip(1))
            return sequence.flip(1), state

    other = Backwards(layer).eval()
    _replace(network, layer, other)
    return change(network, "ARC168", other)


def _replace(network: nn.Module, old: nn.Module, new: nn.Module) -> None:
    for parent in [m for m in network.modules() if m is not new]:
        for name, each in list(parent.named_children()):
            if each is old:
                setattr(parent, name, new)


@kind("a norm left out")
def _no_norm(network: nn.Module) -> Change | None:
    norm = one_of(norms(network), "left out")
    if norm is None:
        return None
    norm.forward = lambda x: x
    return change(network, "ARC122", norm)


class _RootMeanSquare(nn.Module):  # type: ignore[misc]
    def __init__(self, norm: nn.LayerNorm) -> None:
        super().__init__()
        self.weight, self.eps = norm.weight, norm.eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))


@kind("RMS norm for layer norm")
def _other_norm(network: nn.Module) -> Change | None:
    plain = [m for m in network.modules() if type(m) is nn.LayerNorm]
    norm = one_of([m for m in plain if m.bias is not None and len(m.normalized_shape) == 1], "rms")
    if norm is None:
        return None
    other = _RootMeanSquare(norm).eval()
    _replace(network, norm, other)
    return change(network, "ARC122", other)


def _activation(network: nn.Module, salt: str, pattern: str = _ACTIVATIONS) -> Any:
    """The owner of an activation, its attribute's name, and the activation."""
    places = [
        (module, name, each)
        for module in network.modules()
        for name, each in module.named_children()
        if not any(True for _ in each.children()) and each in modules(each, pattern)
    ]
    return one_of(places, salt)


@kind("another activation")
def _other_activation(network: nn.Module) -> Change | None:
    place = _activation(network, "activation")
    if place is None:
        return None
    owner, name, old = place
    new = nn.ELU() if "ReLU" in type(old).__name__ else nn.ReLU()
    setattr(owner, name, new.eval())
    return change(network, "ARC130", owner)


@kind("GELU by its approximation with tanh")
def _approximated(network: nn.Module) -> Change | None:
    place = _activation(network, "tanh", r"GELU|GELUActivation")
    if place is None:
        return None
    owner, name, _ = place
    setattr(owner, name, nn.GELU(approximate="tanh").eval())
    return change(network, "ARC130", owner)


@kind("an activation left out")
def _no_activation(network: nn.Module) -> Change | None:
    place = _activation(network, "without")
    if place is None:
        return None
    owner, name, _ = place
    setattr(owner, name, nn.Identity().eval())
    return change(network, "ARC130", owner)


_SUMS = (
    ("attn_residual + hidden_states", "hidden_states", "attn_residual"),
    ("residual + hidden_states", "hidden_states", "residual"),
    ("hidden_states + residual", "hidden_states", "residual"),
    ("hidden_states + input_tensor", "hidden_states", "input_tensor"),
    ("attn_output + residual", "attn_output", "residual"),
    ("residual + feed_forward_hidden_states", "feed_forward_hidden_states", "residual"),
    ("residual + self.drop_path(features)", "self.drop_path(features)", "residual"),
    ("self.dropout(hidden_states) + residual", "self.dropout(hidden_states)", "residual"),
    (
        "hidden_states + self.dropout(forwarded_states)",
        "self.dropout(forwarded_states)",
        "hidden_states",
    ),
    (
        "hidden_states + self.dropout(attention_output)",
        "self.dropout(attention_output)",
        "hidden_states",
    ),
)
"""How layers of transformers write the sum of a branch and its shortcut."""


def _sums(network: nn.Module, salt: str, form: str) -> Change | None:
    """Replace one sum of a block by something made of its two terms."""
    blocks = [m for m in modules(network, _BLOCKS) if any(True for _ in m.parameters())]
    while blocks:
        block = one_of(blocks, salt)
        assert block is not None
        for text, branch, shortcut in _SUMS:
            if rewritten(block, (text, form.format(branch=branch, shortcut=shortcut))):
                return change(network, "ARC166", block)
        blocks.remove(block)
    return None


@kind("a shortcut left out")
def _no_shortcut(network: nn.Module) -> Change | None:
    return _sums(network, "shortcut", "{branch}")


@kind("a branch subtracted from its shortcut")
def _subtracted(network: nn.Module) -> Change | None:
    return _sums(network, "minus", "{shortcut} - {branch}")


@kind("the maximum of a branch and its shortcut")
def _maximum(network: nn.Module) -> Change | None:
    return _sums(network, "maximum", "torch.maximum({branch}, {shortcut})")


@kind("a gate added instead of multiplied")
def _gate(network: nn.Module) -> Change | None:
    for module in modules(network, r".*(MLP|GatedActDense)"):
        if rewritten(module, (" * self.up_proj(x)", " + self.up_proj(x)")):
            return change(network, "ARC166", module)
        if rewritten(module, ("hidden_gelu * hidden_linear", "hidden_gelu + hidden_linear")):
            return change(network, "ARC166", module)
    return None


@kind("a block left out")
def _no_block(network: nn.Module) -> Change | None:
    lists = [
        m
        for m in network.modules()
        if isinstance(m, nn.ModuleList) and len(m) > 1 and type(m[0]) is type(m[1])
        if type(m[1]).__name__.endswith(("Layer", "Block", "EncoderLayer", "DecoderLayer"))
    ]
    chosen = one_of(lists, "block")
    if chosen is None:
        return None
    codes = "ARC163"
    result = change(network, codes, chosen[0], chosen[1])
    del chosen[1]
    return result


@kind("a norm's scale by one more")
def _one_more(network: nn.Module) -> Change | None:
    for module in modules(network, r".*RMSNorm|T5LayerNorm"):
        for text in ("self.weight * hidden_states", "(1.0 + self.weight.float())"):
            other = "(1.0 + self.weight) * hidden_states" if "hidden" in text else "self.weight"
            if rewritten(module, (text, other)):
                return change(network, "weights ARC123", module)
    return None


@kind("a dilated convolution")
def _dilation(network: nn.Module) -> Change | None:
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.kernel_size[0] > 2]
    layer = one_of([m for m in layers if m.padding[0] == m.kernel_size[0] // 2], "dilation")
    if layer is None:
        return None
    layer.dilation, layer.padding = (2, 2), (layer.kernel_size[0] - 1,) * 2
    return change(network, "ARC104", layer)


@kind("a convolution padded behind")
def _padding(network: nn.Module) -> Change | None:
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.kernel_size[0] > 2]
    layer = one_of([m for m in layers if m.padding[0] == m.kernel_size[0] // 2], "padding")
    if layer is None:
        return None
    before, behind = layer.padding[0] - 1, layer.padding[0] + 1
    kept = layer.forward
    layer.padding = (0, 0)
    layer.forward = lambda x: kept(nn.functional.pad(x, (before, behind, before, behind)))
    return change(network, "ARC107", layer)


@kind("the learned scale of a branch left out")
def _no_layer_scale(network: nn.Module) -> Change | None:
    for module in network.modules():
        if isinstance(getattr(module, "layer_scale_parameter", None), torch.Tensor):
            module.layer_scale_parameter = None
            return change(network, "ARC113 weights", module)
    return None


@kind("outputs halved")
def _halved(network: nn.Module) -> Change | None:
    kept = network.forward

    def forward(*arguments: torch.Tensor, **named: torch.Tensor) -> Any:
        returned = kept(*arguments, **named)
        if isinstance(returned, torch.Tensor):
            return 0.5 * returned
        return (0.5 * returned[0], *returned[1:])

    forward.__signature__ = inspect.signature(kept)  # type: ignore[attr-defined]
    network.forward = forward
    return Change(frozenset({"ARC140", "ARC142", "ARC178"}), ("",))
