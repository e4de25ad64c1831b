"""Changes of numbers: the graph stays as it is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from benchmarks.changed_networks.kinds import WEIGHTS, Change, change, child, kind, one_of
from torch import nn

_QUERIES = ("q_proj", "query", "q", "query_proj")
_KEYS = ("k_proj", "key", "k", "key_proj")
_GATES = (("gate_proj", "up_proj"), ("wi_0", "wi_1"), ("w1", "w3"))
_NORMS = r".*(LayerNorm|RMSNorm|BatchNorm2d|GroupNorm)"


def linear_layers(network: nn.Module, *, square: bool = False) -> list[nn.Linear]:
    """Return linear layers inside a network, of as many outputs as inputs if asked for."""
    return [
        m
        for m in network.modules()
        if isinstance(m, nn.Linear)
        and len(m.weight) > 3
        and (not square or m.in_features == m.out_features)
    ]


def _exchange_rows(weight: torch.Tensor, rows: Sequence[int]) -> None:
    with torch.no_grad():
        weight[list(rows)] = weight[list(reversed(rows))].clone()


@kind("two rows of a vocabulary exchanged")
def _vocabulary(network: nn.Module) -> Change | None:
    tables = [m for m in network.modules() if isinstance(m, nn.Embedding) and len(m.weight) > 90]
    table = one_of(tables, "vocabulary")
    if table is None:
        return None
    _exchange_rows(table.weight, (5, 40))
    return change(network, WEIGHTS, table)


@kind("two outputs of a linear layer exchanged")
def _rows(network: nn.Module) -> Change | None:
    layer = one_of(linear_layers(network), "rows")
    if layer is None:
        return None
    _exchange_rows(layer.weight, (0, 2))
    return change(network, WEIGHTS, layer)


@kind("the weight of a linear layer transposed")
def _transposed(network: nn.Module) -> Change | None:
    layer = one_of(linear_layers(network, square=True), "transposed")
    if layer is None:
        return None
    with torch.no_grad():
        layer.weight.copy_(layer.weight.T.clone())
    return change(network, WEIGHTS, layer)


@kind("queries and keys exchanged")
def _queries(network: nn.Module) -> Change | None:
    pairs = []
    for module in network.modules():
        q, k = child(module, _QUERIES), child(module, _KEYS)
        if isinstance(q, nn.Linear) and isinstance(k, nn.Linear):
            pairs += [(q, k)] if q.weight.shape == k.weight.shape else []
    pair = one_of(pairs, "queries")
    if pair is None:
        return None
    _exchange(*pair)
    return change(network, WEIGHTS, *pair)


@kind("the two branches of a gate exchanged")
def _gates(network: nn.Module) -> Change | None:
    pairs = []
    for module in network.modules():
        for names in _GATES:
            gate, up = (child(module, (name,)) for name in names)
            if isinstance(gate, nn.Linear) and isinstance(up, nn.Linear):
                pairs.append((gate, up))
    pair = one_of(pairs, "gates")
    if pair is None:
        return None
    _exchange(*pair)
    return change(network, WEIGHTS, *pair)


def _exchange(first: nn.Module, second: nn.Module) -> None:
    mine = {name: value.clone() for name, value in first.state_dict().items()}
    theirs = {name: value.clone() for name, value in second.state_dict().items()}
    first.load_state_dict(theirs)
    second.load_state_dict(mine)


@kind("two blocks exchanged")
def _blocks(network: nn.Module) -> Change | None:
    lists = [
        m
        for m in network.modules()
        if isinstance(m, nn.ModuleList)
        and len(m) > 1
        and type(m[0]) is type(m[1])
        and _shapes(m[0]) == _shapes(m[1])
    ]
    chosen = one_of(lists, "blocks")
    if chosen is None or not _shapes(chosen[0]):
        return None
    _exchange(chosen[0], chosen[1])
    return change(network, WEIGHTS, chosen[0], chosen[1])


def _shapes(module: nn.Module) -> list[tuple[str, torch.Size]]:
    return [(name, value.shape) for name, value in module.state_dict().items()]


@kind("the bias of a linear layer not loaded")
def _zero_bias(network: nn.Module) -> Change | None:
    layer = one_of([m for m in linear_layers(network) if m.bias is not None], "zero")
    if layer is None:
        return None
    with torch.no_grad():
        layer.bias.zero_()
    return change(network, WEIGHTS, layer)


@kind("the scale of a norm not loaded")
def _scale(network: nn.Module) -> Change | None:
    norm = one_of(norms(network), "scale")
    if norm is None:
        return None
    with torch.no_grad():
        norm.weight.fill_(1.0)  # type: ignore[union-attr, operator]
    return change(network, WEIGHTS, norm)


def norms(network: nn.Module) -> list[nn.Module]:
    """Return norms with a learned scale."""
    from benchmarks.changed_networks.kinds import modules

    return [
        m for m in modules(network, _NORMS) if isinstance(getattr(m, "weight", None), torch.Tensor)
    ]


@kind("the channels of a first convolution in reverse order")
def _channels(network: nn.Module) -> Change | None:
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.in_channels == 3]
    if not layers:
        return None
    with torch.no_grad():
        layers[0].weight.copy_(layers[0].weight.flip(1).clone())
    return change(network, WEIGHTS, layers[0])


@kind("two gates of a recurrent layer exchanged")
def _recurrent(network: nn.Module) -> Change | None:
    layer = next((m for m in network.modules() if isinstance(m, nn.LSTM | nn.GRU)), None)
    if layer is None:
        return None
    size = layer.hidden_size
    with torch.no_grad():
        for name, p in layer.named_parameters():
            order = torch.arange(len(p))
            order[:size], order[size : 2 * size] = torch.arange(size, 2 * size), torch.arange(size)
            p.copy_(p[order].clone())
            assert name
    return change(network, WEIGHTS, layer)


@kind("all weights rounded to bfloat16")
def _rounded(network: nn.Module) -> Change | None:
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(p.to(torch.bfloat16).float())
    return Change(frozenset({WEIGHTS}), ("",))


def _tied(network: nn.Module) -> tuple[nn.Embedding, nn.Linear] | None:
    """The table of a network and its head, if they are one weight."""
    tables = [m for m in network.modules() if isinstance(m, nn.Embedding)]
    heads = [m for m in network.modules() if isinstance(m, nn.Linear)]
    return next(((t, h) for t in tables for h in heads if t.weight is h.weight), None)


@kind("a tied head that has rows of its own")
def _untied(network: nn.Module) -> Change | None:
    both = _tied(network)
    if both is None:
        return None
    both[1].weight = nn.Parameter(both[1].weight.detach().clone())
    _exchange_rows(both[1].weight, (5, 40))
    return change(network, WEIGHTS, both[1])


@kind("a tied head stored a second time", effect=False)
def _stored_twice(network: nn.Module) -> Change | None:
    both = _tied(network)
    if both is None:
        return None
    both[1].weight = nn.Parameter(both[1].weight.detach().clone())
    return Change(frozenset(), ())
