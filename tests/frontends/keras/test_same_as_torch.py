"""The same network written in Keras's functions and in PyTorch has one canonical form."""

from __future__ import annotations

from typing import Any

import pytest

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")

from support.keras_networks import network  # noqa: E402
from zoodiff.frontends.keras.functional import to_graph as of_keras  # noqa: E402
from zoodiff.frontends.torch.export import to_graph as of_torch  # noqa: E402
from zoodiff.graph.fingerprint import fingerprint, structure  # noqa: E402

pytestmark = [pytest.mark.keras, pytest.mark.torch]
ops, layers, nn = keras.ops, keras.layers, torch.nn


def heads(x: Any) -> Any:
    return ops.transpose(ops.reshape(x, (-1, 16, 3, 4)), (0, 2, 1, 3))


def transformer(x: Any) -> Any:
    x = ops.reshape(layers.Conv2D(12, 4, 4)(x), (-1, 16, 12))
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    query, key, value = map(heads, ops.split(layers.Dense(36)(y), 3, axis=-1))
    scores = ops.softmax(ops.matmul(query, ops.swapaxes(key, -1, -2)) * 0.5, axis=-1)
    y = ops.reshape(ops.transpose(ops.matmul(scores, value), (0, 2, 1, 3)), (-1, 16, 12))
    x = x + layers.Dense(12)(y)
    y = layers.Dense(24)(layers.LayerNormalization(epsilon=1e-6)(x))
    x = x + layers.Dense(12)(ops.gelu(y, approximate=False))
    return layers.Dense(5)(ops.mean(x, axis=1))


class Transformer(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self) -> None:
        super().__init__()
        self.patches, self.first = nn.Conv2d(3, 12, 4, 4), nn.LayerNorm(12, eps=1e-6)
        self.qkv, self.out = nn.Linear(12, 36), nn.Linear(12, 12)
        self.second = nn.LayerNorm(12, eps=1e-6)
        self.up, self.down, self.head = nn.Linear(12, 24), nn.Linear(24, 12), nn.Linear(12, 5)

    def forward(self, x: Any) -> Any:
        x = self.patches(x).flatten(2).transpose(1, 2)
        qkv = self.qkv(self.first(x)).reshape(1, 16, 3, 3, 4).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)
        scores = (query @ key.transpose(-2, -1) * 0.5).softmax(-1)
        x = x + self.out((scores @ value).transpose(1, 2).reshape(1, 16, 12))
        x = x + self.down(nn.functional.gelu(self.up(self.second(x))))
        return self.head(x.mean(1))


def squeezed(x: Any) -> Any:
    x = layers.Conv2D(8, 3, padding="same")(x)
    y = layers.Conv2D(2, 1)(ops.mean(x, axis=(1, 2), keepdims=True))
    y = layers.Conv2D(8, 1)(ops.silu(y))
    x = x * ops.sigmoid(y)
    first, second = ops.split(x, (3,), axis=-1)
    return layers.Conv2D(4, 1)(ops.concatenate([second, ops.maximum(first, 0.1)], axis=-1))


class Squeezed(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 4, 1)
        self.less, self.more = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)

    def forward(self, x: Any) -> Any:
        x = self.conv(x)
        y = self.more(nn.functional.silu(self.less(x.mean((2, 3), keepdim=True))))
        first, second = (x * y.sigmoid()).split((3, 5), dim=1)
        return self.last(torch.cat([second, first.clamp_min(0.1)], dim=1))


def along_tokens(x: Any) -> Any:
    x = layers.Conv1D(6, 3, padding="same")(x)
    return layers.Dense(4)(x / ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + 0.1))


class AlongTokens(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.dense = nn.Conv1d(5, 6, 3, padding=1), nn.Linear(6, 4)

    def forward(self, x: Any) -> Any:
        x = self.conv(x.transpose(1, 2)).transpose(1, 2)
        return self.dense(x / (x.square().sum(-1, keepdim=True) + 0.1).sqrt())


def windows(x: Any) -> Any:
    x = layers.Conv2D(6, 2, 2)(x)
    x = ops.roll(x, (-1, -2), axis=(1, 2))
    x = ops.transpose(ops.reshape(x, (-1, 2, 4, 2, 4, 6)), (0, 1, 3, 2, 4, 5))
    x = layers.Dense(6)(ops.reshape(x, (-1, 16, 6)))
    x = ops.transpose(ops.reshape(x, (-1, 2, 2, 4, 4, 6)), (0, 1, 3, 2, 4, 5))
    return layers.Conv2D(3, 3)(ops.reshape(x, (-1, 8, 8, 6)))


class Windows(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last, self.dense = (
            nn.Conv2d(3, 6, 2, 2),
            nn.Conv2d(6, 3, 3),
            nn.Linear(6, 6),
        )

    def forward(self, x: Any) -> Any:
        x = torch.roll(self.conv(x).permute(0, 2, 3, 1), (-1, -2), (1, 2))
        x = x.reshape(1, 2, 4, 2, 4, 6).permute(0, 1, 3, 2, 4, 5).reshape(4, 16, 6)
        x = self.dense(x).reshape(1, 2, 2, 4, 4, 6).permute(0, 1, 3, 2, 4, 5)
        return self.last(x.reshape(1, 8, 8, 6).permute(0, 3, 1, 2))


PAIRS = {
    "transformer": (transformer, Transformer, (16, 16, 3)),
    "squeezed": (squeezed, Squeezed, (9, 7, 3)),
    "along tokens": (along_tokens, AlongTokens, (7, 5)),
    "windows": (windows, Windows, (16, 16, 3)),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_one_network_has_one_form_in_both(kind: str) -> None:
    build, module, shape = PAIRS[kind]
    first = of_keras(network(build, shape))
    given = (1, shape[-1], *shape[:-1]) if len(shape) == 3 else (1, *shape)
    second = of_torch(module().eval(), given, "torch")
    assert structure(first) == structure(second)
    assert fingerprint(first) == fingerprint(second)
