"""Whole networks against PyTorch: the frontend's graph and the canonical one, stored weights.

Run by test_against_torch.py in a process of its own: torch and TensorFlow must not share one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from zoodiff.frontends.torch.export import to_graph
from zoodiff.graph.canonical import canonical
from zoodiff.graph.interpreter.run import evaluate, unsupported
from zoodiff.torch_compat import import_torchvision

pytestmark = pytest.mark.torch


def convnext() -> Any:
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    return ConvNeXt([CNBlockConfig(32, 64, 2), CNBlockConfig(64, None, 2)], num_classes=10)


def resnext() -> Any:
    """Grouped convolutions."""
    from torchvision.models.resnet import Bottleneck, ResNet

    return ResNet(Bottleneck, [1, 1, 1, 1], num_classes=10, groups=8, width_per_group=4)


def named(name: str) -> Any:
    return lambda: import_torchvision().models.get_model(name, weights=None)


NETWORKS = {
    "alexnet": (named("alexnet"), 224),
    "convnext": (convnext, 64),
    "densenet": (lambda: import_torchvision().models.DenseNet(8, (2, 3), 16), 64),
    "mobilenet_v3_small": (named("mobilenet_v3_small"), 64),
    "resnet18": (named("resnet18"), 64),
    "resnext": (resnext, 64),
    "shufflenet_v2_x0_5": (named("shufflenet_v2_x0_5"), 64),
    "squeezenet1_1": (named("squeezenet1_1"), 70),  # pools in ceil mode
    "vision transformer": (
        lambda: import_torchvision().models.VisionTransformer(32, 8, 2, 4, 64, 128, num_classes=10),
        32,
    ),
}


def drawn(model: Any) -> Any:
    """He-scaled weights, and statistics of batch norm that are not those of nothing.

    Scales are damped, so that rounding errors do not grow from layer to layer: undamped,
    MobileNetV3 in single precision is 3e-5 from itself in double precision.
    """
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            if not tensor.is_floating_point():
                continue
            noise = torch.randn(tensor.shape, generator=generator)
            if name.endswith("running_var"):
                tensor.copy_(0.5 + noise.abs())
            elif tensor.dim() == 1 and "weight" in name:
                tensor.copy_(0.25 + 0.5 * noise.abs())
            elif tensor.dim() > 1:
                tensor.copy_(noise * (2 / tensor[0].numel()) ** 0.5)
            else:
                tensor.copy_(0.2 * noise)
    return model.eval()


def relative(found: Any, expected: Any) -> float:
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected - expected.mean()).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_computes_what_it_computes_in_pytorch(name: str) -> None:
    build, size = NETWORKS[name]
    model = drawn(build())
    raw = to_graph(model, (1, 3, size, size), name)
    tensors = (*model.named_parameters(), *model.named_buffers())
    weights = {key: value.detach().numpy().copy() for key, value in tensors}
    image = np.random.default_rng(0).standard_normal((1, 3, size, size)).astype(np.float32)
    with torch.inference_mode():
        single = model(torch.from_numpy(image)).numpy()
        double = model.double()(torch.from_numpy(image).double()).numpy()
    assert np.isfinite(double).all()
    for graph in (raw, canonical(raw)):
        assert unsupported(graph) == []
        given = {graph.inputs[0].name: image}
        (found,) = evaluate(graph, given, weights).values()
        assert relative(found, double) < 1e-12
        everything = {tensor for node in graph.nodes for tensor in node.outputs}
        kept = evaluate(graph, given, weights, np.float32, keep=everything)
        result = kept[graph.outputs[0].name]
        assert result.dtype == np.float32
        assert relative(result, single) < 1e-5
        for tensor in everything:
            assert kept[tensor].shape == graph.tensors[tensor].shape
