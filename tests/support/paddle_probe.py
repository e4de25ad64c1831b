"""Graphs and outputs of small layers; run by the interpreter of the environment paddle.

Writes, for each layer of ``LAYERS``, its graph, its weights, an image and what Paddle makes of it,
as one line of JSON.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import paddle

from zoodiff.errors import MeasurementError
from zoodiff.frontends.paddle.program import owned, to_graph

nn, F = paddle.nn, paddle.nn.functional


class Net(nn.Layer):
    """A function of the image and of named layers."""

    def __init__(self, function: Any, **layers: Any) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self._function = function

    def forward(self, x: Any) -> Any:
        return self._function(self, x)


def _of(layer: Any) -> Net:
    return Net(lambda self, x: self.layer(x), layer=layer)


def _shared(self: Net, x: Any) -> Any:
    y = self.conv(x)
    return y + self.bias.reshape([1, 4, 1, 1]), y


def _scaled(self: Net, x: Any) -> Any:
    return (x + 1.5) * 2 - 0.25 - x / 4 + (3 - x) + 2 / (x * x + 1)


LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "conv": (lambda: _of(nn.Conv2D(4, 6, 3, stride=2, padding=[1, 0], groups=2)), (1, 4, 9, 9)),
    "conv_four_pads": (lambda: _of(nn.Conv2D(4, 6, 3, padding=[1, 0, 2, 1])), (1, 4, 9, 9)),
    "conv_same": (lambda: _of(nn.Conv2D(4, 6, 4, stride=2, padding="SAME")), (1, 4, 9, 8)),
    "conv_valid": (lambda: _of(nn.Conv2D(4, 6, 3, padding="VALID", dilation=2)), (1, 4, 9, 8)),
    "conv_without_bias": (lambda: _of(nn.Conv2D(4, 6, 1, bias_attr=False)), (1, 4, 5, 5)),
    "depthwise": (lambda: _of(nn.Conv2D(4, 8, 3, groups=4)), (1, 4, 9, 9)),
    "transposed": (
        lambda: _of(nn.Conv2DTranspose(4, 6, 3, stride=2, padding=1, output_padding=1)),
        (1, 4, 5, 5),
    ),
    "bias_read_twice": (
        lambda: Net(
            _shared,
            conv=nn.Conv2D(4, 4, 1, bias_attr=False),
            bias=paddle.create_parameter([4], "float32"),
        ),
        (1, 4, 5, 5),
    ),
    "linear": (lambda: _of(nn.Linear(7, 5)), (2, 3, 4, 7)),
    "product": (
        lambda: Net(lambda self, x: paddle.matmul(x, x, transpose_y=True) + paddle.matmul(x, x)),
        (1, 3, 5, 5),
    ),
    "batch_norm": (lambda: _of(nn.BatchNorm2D(4, epsilon=1e-3, momentum=0.8)), (1, 4, 5, 5)),
    "layer_norm": (lambda: _of(nn.LayerNorm(5)), (1, 4, 5, 5)),
    "pools": (
        lambda: Net(
            lambda self, x: (
                F.max_pool2d(x, 3, 2, 1) * F.avg_pool2d(x, 3, 2, 1)
                - F.avg_pool2d(x, 3, 2, 1, exclusive=False)
            )
        ),
        (1, 4, 9, 9),
    ),
    "ceil_pool": (lambda: Net(lambda self, x: F.max_pool2d(x, 2, 2, ceil_mode=True)), (1, 4, 9, 9)),
    "adaptive_pools": (
        lambda: Net(lambda self, x: F.adaptive_avg_pool2d(x, 3) * F.adaptive_avg_pool2d(x, 1)),
        (1, 4, 9, 9),
    ),
    "activations": (
        lambda: Net(
            lambda self, x: (
                F.relu6(x)
                + F.hardswish(x)
                + F.hardsigmoid(x)
                + F.silu(x)
                + F.gelu(x)
                - F.gelu(x, approximate=True) * F.leaky_relu(x, 0.1)
                + F.elu(x, 0.7)
                + F.softplus(x)
                + F.sigmoid(x) * paddle.tanh(x)
                + F.swish(x)
                + paddle.exp(x)
            )
        ),
        (1, 4, 5, 5),
    ),
    "prelu": (lambda: _of(nn.PReLU(4, init=0.3)), (1, 4, 5, 5)),
    "scaled": (lambda: Net(_scaled), (1, 4, 5, 5)),
    "dropout": (
        lambda: Net(
            lambda self, x: (
                F.dropout(x, 0.3, training=False)
                + F.dropout(x, 0.3, training=False, mode="downscale_in_infer")
            )
        ),
        (1, 4, 5, 5),
    ),
    "shapes": (
        lambda: Net(
            lambda self, x: (
                paddle.concat(
                    [
                        paddle.transpose(x.reshape([1, 2, 2, 5, 5]), [0, 2, 1, 3, 4]).flatten(1, 2),
                        paddle.split(x, [1, 3], 1)[1],
                        paddle.chunk(x, 2, 1)[0],
                        x[:, 1:3].unsqueeze(1).squeeze(1),
                    ],
                    1,
                ).mean([2, 3])
                + x.sum([1, 2, 3], keepdim=False)
            )
        ),
        (1, 4, 5, 5),
    ),
    "token": (
        lambda: Net(
            lambda self, x: paddle.concat(
                [self.token.expand([1, -1, 5]), x, x.expand([1, 4, 5])], 1
            ),
            token=paddle.create_parameter([1, 2, 5], "float32"),
        ),
        (1, 4, 5),
    ),
    "one_place": (
        lambda: Net(lambda self, x: x[:, 2] + x[:, -1] - paddle.transpose(x, [1, 0, 2, 3])[0]),
        (1, 4, 5, 5),
    ),
    "own_norm": (
        lambda: Net(
            lambda self, x: (
                (x - x.mean(1, keepdim=True)).pow(2).mean(1, keepdim=True)
                * self.scale.unsqueeze(1).unsqueeze(2)
                + x.abs().pow(0.5)
            ),
            scale=paddle.create_parameter([4], "float32"),
        ),
        (1, 4, 5, 5),
    ),
    "widened": (
        lambda: Net(lambda self, x: x.mean([2, 3], keepdim=True).expand([1, 4, 5, 6])),
        (1, 4, 5, 5),
    ),
    "softmax": (lambda: Net(lambda self, x: F.softmax(x, 1) + F.softmax(x)), (1, 4, 5, 5)),
    # Beyond what the frontend expresses: these stay opaque.
    "opaque_topk": (lambda: Net(lambda self, x: paddle.topk(x, 2)[0] + 1), (1, 4, 5, 5)),
    "opaque_token_twice": (
        lambda: Net(
            lambda self, x: paddle.concat([self.token, x, self.token], 1),
            token=paddle.create_parameter([1, 2, 5], "float32"),
        ),
        (1, 4, 5),
    ),
    "opaque_wide_token": (
        lambda: Net(
            lambda self, x: self.token.expand([1, 4, 5]) + x,
            token=paddle.create_parameter([1, 1, 5], "float32"),
        ),
        (1, 4, 5),
    ),
    "opaque_two_places": (lambda: Net(lambda self, x: x[:, 2, 1]), (1, 4, 5, 5)),
    "opaque_resize": (
        lambda: Net(lambda self, x: F.interpolate(x, scale_factor=2, mode="bilinear")),
        (1, 4, 5, 5),
    ),
    "opaque_channels_last": (
        lambda: _of(nn.Conv2D(5, 6, 3, data_format="NHWC")),
        (1, 4, 5, 5),
    ),
    "opaque_uneven_pool": (lambda: Net(lambda self, x: F.adaptive_avg_pool2d(x, 4)), (1, 4, 9, 9)),
    "opaque_adaptive": (lambda: Net(lambda self, x: F.adaptive_max_pool2d(x, 3)), (1, 4, 9, 9)),
    "opaque_training": (
        lambda: Net(lambda self, x: F.dropout(x, 0.3, training=True)),
        (1, 4, 5, 5),
    ),
    "opaque_own_statistics": (
        lambda: _of(nn.BatchNorm2D(4, use_global_stats=False)),
        (1, 4, 5, 5),
    ),
    "opaque_indices": (
        lambda: Net(lambda self, x: F.max_pool2d(x, 2, 2, return_mask=True)[0]),
        (1, 4, 8, 8),
    ),
}


def answer(name: str) -> dict[str, Any]:
    build, shape = LAYERS[name]
    paddle.seed(0)
    layer = build()
    layer.eval()
    generator = np.random.default_rng(1)
    for _, tensor in owned(layer).values():
        tensor.set_value(generator.uniform(0.2, 1.2, tensor.shape).astype("float32"))
    image = generator.standard_normal(shape).astype("float32")
    with paddle.no_grad():
        output = layer(paddle.to_tensor(image))
    first = output[0] if isinstance(output, list | tuple) else output
    graph = to_graph(layer, shape, name)
    with paddle.no_grad():  # tracing leaves the layer as it was
        again = layer(paddle.to_tensor(image))
    assert type(again) is type(output)
    return {
        "graph": graph.to_dict(),
        "weights": {key: tensor.numpy().tolist() for key, tensor in owned(layer).values()},
        "image": image.tolist(),
        "output": first.numpy().tolist(),
    }


def control_flow() -> str:
    def forward(self: Net, x: Any) -> Any:
        return paddle.static.nn.cond(x.sum() > 0, lambda: x * 2, lambda: x)

    try:
        to_graph(Net(forward), (1, 4, 5, 5), "branches")
    except MeasurementError as error:
        return str(error)
    return ""


def unknown_extents() -> str:
    def forward(self: Net, x: Any) -> Any:
        return x.reshape([paddle.to_tensor(2, "int32"), 2, 25]) + 1

    try:
        to_graph(Net(forward), (1, 4, 5, 5), "windows")
    except MeasurementError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    print(json.dumps({name: answer(name) for name in LAYERS}))
    print(json.dumps(control_flow()))
    print(json.dumps(unknown_extents()))
    sys.stdout.flush()
