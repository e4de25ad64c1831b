"""One small network with drawn weights for every family (module of models) of timm."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from benchmarks.small_transformers.networks import (
    LARGEST,
    NotBuiltError,
    Sample,
    draw_weights,
    plain,
)
from benchmarks.small_zoos.images import first_input, runs
from torch import nn

_SMALLEST = """
    beit_base_patch16_224 halonet26t test_byobnet cait_xxs24_224 coat_lite_tiny convit_tiny
    convmixer_768_32 test_convnext cpubone_nano crossvit_tiny_240 csatv2 cs3darknet_s cspnext_tiny
    davit_tiny deepseek_vit_412m deit_tiny_patch16_224 densenet121 dla46_c dpn48b edgenext_xx_small
    efficientformer_l1 efficientformerv2_s0 test_efficientnet efficientvim_m1 efficientvit_b0
    efficientvit_m0 eva02_tiny_patch14_224 fasternet_t0 fastvit_t8 focalnet_tiny_srf gcvit_xxtiny
    gemma4_vit_167m ghostnet_050 hardcorenas_a hgnetv2_b0 hiera_tiny_224 hieradet_small
    hrnet_w18_small iformer_t inception_next_atto inception_resnet_v2 inception_v3 inception_v4
    lcnetv2_small levit_128s lowformer_b0 test_mambaout test_maxvit poolformer_s12 gmlp_ti16_224
    lcnet_050 mobilenetv5_base mobilevit_xxs mvitv2_tiny naflexvit_base_patch16_gap nasnetalarge
    nest_tiny nextvit_small test_nfnet pit_ti_224 pnasnet5large pvt_v2_b0 qwen3_vit_88m rdnet_tiny
    regnetx_002 repghostnet_050 repvit_m0_9 res2net50_48w_2s resnest14d test_resnet resnetv2_18
    rexnetr_100 selecsls42 legacy_seresnet18 sequencer2d_s shvit_s1 skresnet18 starnet_s050
    swiftformer_xs swin_tiny_patch4_window7_224 swinv2_tiny_window8_256 swinv2_cr_tiny_ns_224
    tiny_vit_5m_224 tnt_s_patch16_224 tresnet_m twins_svt_small vgg11 visformer_tiny test_vit
    vit_tiny_r_s16_p8_224 test_vit_relpos samvit_base_patch16_224 vitamin_small_224 volo_d1_224
    ese_vovnet19b_slim_dw legacy_xception xception41 xcit_nano_12_p16_224
"""
_REDUCTIONS: tuple[Mapping[str, Any], ...] = (
    {"depth": 2},
    {"depths": (1, 1, 2, 1)},
    {"depths": (1, 1, 1, 1)},
    {"depths": (1, 1, 1)},
    {"layers": (1, 1, 1, 1)},
    {"embed_dim": 96, "num_heads": 3},
    {"embed_dim": 48},
    {"dims": (32, 48, 64, 96)},
    {"embed_dims": (32, 64, 96, 128)},
)
"""Arguments that make networks smaller, each kept where the network is smaller with it."""
_SIZES = (96, 128, 160)
"""Sides of images, in pixels, tried before the size of the network itself."""


def families() -> dict[str, str]:
    """Return the network that stands for every family of the installed timm, by its module.

    It is the smallest of its family, by hand; of a family that is not known, the first by name.
    """
    import timm

    chosen: dict[str, str] = {}
    known = set(_SMALLEST.split())
    for module in timm.list_modules():
        names = timm.list_models(module=module)
        named = [name for name in names if name in known]
        if named or names:
            chosen[module] = (named or names)[0]
    return chosen


def build(family: str) -> Sample:
    """Return a small network of a family, in evaluation mode; raises NotBuiltError."""
    name = families()[family]
    arguments = _reduced(name)
    problem = ""
    for size, more in _sizes(name):
        try:
            torch.manual_seed(0)
            model = _create(name, {**arguments, **more}).eval().float()
            draw_weights(model, zlib.crc32(family.encode()))
            level = ", ".join([name, *(f"{k}={v}" for k, v in {**arguments, **more}.items())])
            own = first_input(model)
            inputs = {own: torch.randn(1, 3, size, size)}
            sample = Sample(family, plain(model, (own,), {}), inputs, level)
            why = runs(sample)
        except Exception as error:  # a network of an odd size may fail in any way
            why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        if not why:
            return sample
        problem = problem or why
    raise NotBuiltError(problem)


def _create(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    import timm

    model: nn.Module = timm.create_model(name, num_classes=10, **arguments)
    return model


def _size(name: str, arguments: Mapping[str, Any]) -> int:
    """Parameters of a network, which takes no memory for them; raises where it does not build."""
    try:
        with torch.device("meta"):
            model = _create(name, arguments)
    except (NotImplementedError, RuntimeError):  # some look at values while they are built
        model = _create(name, arguments)
    return sum(p.numel() for p in model.parameters())


def _reduced(name: str) -> dict[str, Any]:
    """The arguments of the smallest network that the reductions give."""
    arguments: dict[str, Any] = {}
    if name.startswith("test_"):
        return arguments
    least = _size(name, arguments)
    for reduction in _REDUCTIONS:
        if any(key in arguments for key in reduction):
            continue
        try:
            size = _size(name, {**arguments, **reduction})
        except Exception:  # the network does not take these arguments
            continue
        if size < least:
            arguments, least = {**arguments, **reduction}, size
    if least > LARGEST:
        raise NotBuiltError(f"{name} has {least:,} parameters")
    return arguments


def _sizes(name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Sizes of images to try, with what the network has to be told of them."""
    import timm

    own = timm.get_pretrained_cfg(name, allow_unregistered=True)
    default = int(own.input_size[-1]) if own is not None else 224
    for size in (x for x in _SIZES if x < default):
        if own is None or not own.fixed_input_size:
            yield size, {}
        else:
            yield size, {"img_size": size}
    yield default, {}
