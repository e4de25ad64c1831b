"""The checkpoint of each KerasHub preset, and the configuration of those that its code lacks.

From KerasHub's own conversion scripts (``tools/checkpoint_conversion``): which checkpoint a preset
was converted from (``PRESET_MAP``), and the configurations of ResNet-vd and Xception. The sizes
of transformers are those of the converted checkpoint; ``tools/refresh_kerashub.py`` accepts a
configuration only if the network has exactly as many values as KerasHub publishes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TIMM = {
    "resnet_18_imagenet": "resnet18.a1_in1k",
    "resnet_50_imagenet": "resnet50.a1_in1k",
    "resnet_101_imagenet": "resnet101.a1_in1k",
    "resnet_152_imagenet": "resnet152.a1_in1k",
    "resnet_v2_50_imagenet": "resnetv2_50.a1h_in1k",
    "resnet_v2_101_imagenet": "resnetv2_101.a1h_in1k",
    "csp_darknet_53_ra_imagenet": "cspdarknet53.ra_in1k",
    "csp_resnext_50_ra_imagenet": "cspresnext50.ra_in1k",
    "csp_resnet_50_ra_imagenet": "cspresnet50.ra_in1k",
    "darknet_53_imagenet": "darknet53.c2ns_in1k",
    "densenet_121_imagenet": "densenet121.tv_in1k",
    "densenet_169_imagenet": "densenet169.tv_in1k",
    "densenet_201_imagenet": "densenet201.tv_in1k",
    "mobilenet_v3_small_050_imagenet": "mobilenetv3_small_050.lamb_in1k",
    "mobilenet_v3_small_100_imagenet": "mobilenetv3_small_100.lamb_in1k",
    "mobilenet_v3_large_100_imagenet": "mobilenetv3_large_100.ra_in1k",
    "mobilenet_v3_large_100_imagenet_21k": "mobilenetv3_large_100.miil_in21k_ft_in1k",
    "hgnetv2_b6_ssld_stage2_ft_in1k": "hgnetv2_b6.ssld_stage2_ft_in1k",
    "hgnetv2_b6_ssld_stage1_in22k_in1k": "hgnetv2_b6.ssld_stage1_in22k_in1k",
    "hgnetv2_b5_ssld_stage2_ft_in1k": "hgnetv2_b5.ssld_stage2_ft_in1k",
    "hgnetv2_b5_ssld_stage1_in22k_in1k": "hgnetv2_b5.ssld_stage1_in22k_in1k",
    "hgnetv2_b4_ssld_stage2_ft_in1k": "hgnetv2_b4.ssld_stage2_ft_in1k",
    "vgg_11_imagenet": "vgg11.tv_in1k",
    "vgg_13_imagenet": "vgg13.tv_in1k",
    "vgg_16_imagenet": "vgg16.tv_in1k",
    "vgg_19_imagenet": "vgg19.tv_in1k",
    "efficientnet_b0_ra_imagenet": "efficientnet_b0.ra_in1k",
    "efficientnet_b0_ra4_e3600_r224_imagenet": "efficientnet_b0.ra4_e3600_r224_in1k",
    "efficientnet_b1_ft_imagenet": "efficientnet_b1.ft_in1k",
    "efficientnet_b1_ra4_e3600_r240_imagenet": "efficientnet_b1.ra4_e3600_r240_in1k",
    "efficientnet_b2_ra_imagenet": "efficientnet_b2.ra_in1k",
    "efficientnet_b3_ra2_imagenet": "efficientnet_b3.ra2_in1k",
    "efficientnet_b4_ra2_imagenet": "efficientnet_b4.ra2_in1k",
    "efficientnet_b5_sw_imagenet": "efficientnet_b5.sw_in12k",
    "efficientnet_b5_sw_ft_imagenet": "efficientnet_b5.sw_in12k_ft_in1k",
    "efficientnet_lite0_ra_imagenet": "efficientnet_lite0.ra_in1k",
    "efficientnet_el_ra_imagenet": "efficientnet_el.ra_in1k",
    "efficientnet_em_ra2_imagenet": "efficientnet_em.ra2_in1k",
    "efficientnet_es_ra_imagenet": "efficientnet_es.ra_in1k",
    "efficientnet2_rw_m_agc_imagenet": "efficientnetv2_rw_m.agc_in1k",
    "efficientnet2_rw_s_ra2_imagenet": "efficientnetv2_rw_s.ra2_in1k",
    "efficientnet2_rw_t_ra2_imagenet": "efficientnetv2_rw_t.ra2_in1k",
}
"""The checkpoint of timm that each preset was converted from."""

FILTERS_OF_THE_HEAD = {
    "hgnetv2": {"head_filters": 2048},
    "mobilenetv3_large": {"num_features": 1280},
}
"""What the heads of timm's models have beside their classes, by the beginning of the model."""


def _vit(patch: int, size: int, layers: int, heads: int, width: int) -> dict[str, Any]:
    return {
        "image_shape": [size, size, 3],
        "patch_size": [patch, patch],
        "num_layers": layers,
        "num_heads": heads,
        "hidden_dim": width,
        "mlp_dim": 4 * width,
    }


def _deit(size: int, heads: int, width: int) -> dict[str, Any]:
    return {
        "image_shape": [size, size, 3],
        "patch_size": 16,
        "num_layers": 12,
        "num_heads": heads,
        "hidden_dim": width,
        "intermediate_dim": 4 * width,
        "layer_norm_epsilon": 1e-12,
    }


def _swin(size: int, window: int, width: int, depth: int, heads: int) -> dict[str, Any]:
    return {
        "image_shape": [size, size, 3],
        "patch_size": 4,
        "embed_dim": width,
        "depths": [2, 2, depth, 2],
        "num_heads": [heads, 2 * heads, 4 * heads, 8 * heads],
        "window_size": window,
    }


def _dinov2(layers: int, heads: int, width: int, registers: int) -> dict[str, Any]:
    return {
        "image_shape": [518, 518, 3],
        "position_embedding_shape": [518, 518],
        "patch_size": 14,
        "num_layers": layers,
        "num_heads": heads,
        "hidden_dim": width,
        "intermediate_dim": 4 * width,
        "layer_scale_init_value": 1.0,
        "num_register_tokens": registers,
        "use_swiglu_ffn": layers == 40,
        "antialias_in_interpolation": registers > 0,
    }


def _vd(kind: str, *blocks: int) -> dict[str, Any]:
    return {
        "input_conv_filters": [32, 32, 64],
        "input_conv_kernel_sizes": [3, 3, 3],
        "stackwise_num_filters": [64, 128, 256, 512],
        "stackwise_num_strides": [1, 2, 2, 2],
        "stackwise_num_blocks": list(blocks),
        "block_type": f"{kind}_block_vd",
    }


_VD_50 = _vd("bottleneck", 3, 4, 6, 3)
_VD_101 = _vd("bottleneck", 3, 4, 23, 3)
_XCEPTION = {
    "stackwise_conv_filters": [
        *[[32, 64], [128, 128], [256, 256], [728, 728]],
        *[[728, 728, 728]] * 8,
        *[[728, 1024], [1536, 2048]],
    ],
    "stackwise_pooling": [False, True, True, True, *[False] * 8, True, False],
}

CONFIGURED: Mapping[str, tuple[str, dict[str, Any]]] = {
    "resnet_vd_18_imagenet": ("paddleclas:ResNet18_vd", _vd("basic", 2, 2, 2, 2)),
    "resnet_vd_34_imagenet": ("paddleclas:ResNet34_vd", _vd("basic", 3, 4, 6, 3)),
    "resnet_vd_50_imagenet": ("paddleclas:ResNet50_vd", _VD_50),
    "resnet_vd_50_ssld_imagenet": ("paddleclas:ResNet50_vd_ssld", _VD_50),
    "resnet_vd_50_ssld_v2_imagenet": ("paddleclas:ResNet50_vd_ssld_v2", _VD_50),
    "resnet_vd_50_ssld_v2_fix_imagenet": ("paddleclas:Fix_ResNet50_vd_ssld_v2", _VD_50),
    "resnet_vd_101_imagenet": ("paddleclas:ResNet101_vd", _VD_101),
    "resnet_vd_101_ssld_imagenet": ("paddleclas:ResNet101_vd_ssld", _VD_101),
    "resnet_vd_152_imagenet": ("paddleclas:ResNet152_vd", _vd("bottleneck", 3, 8, 36, 3)),
    "resnet_vd_200_imagenet": ("paddleclas:ResNet200_vd", _vd("bottleneck", 3, 12, 48, 3)),
    "xception_41_imagenet": ("keras:Xception", _XCEPTION),
    "deit_base_distilled_patch16_384_imagenet": (
        "hf:facebook/deit-base-distilled-patch16-384",
        _deit(384, 12, 768),
    ),
    "deit_base_distilled_patch16_224_imagenet": (
        "hf:facebook/deit-base-distilled-patch16-224",
        _deit(224, 12, 768),
    ),
    "deit_small_distilled_patch16_224_imagenet": (
        "hf:facebook/deit-small-distilled-patch16-224",
        _deit(224, 6, 384),
    ),
    "deit_tiny_distilled_patch16_224_imagenet": (
        "hf:facebook/deit-tiny-distilled-patch16-224",
        _deit(224, 3, 192),
    ),
    "vit_base_patch16_224_imagenet": (
        "hf:google/vit-base-patch16-224",
        _vit(16, 224, 12, 12, 768),
    ),
    "vit_base_patch16_384_imagenet": (
        "hf:google/vit-base-patch16-384",
        _vit(16, 384, 12, 12, 768),
    ),
    "vit_base_patch32_384_imagenet": (
        "hf:google/vit-base-patch32-384",
        _vit(32, 384, 12, 12, 768),
    ),
    "vit_large_patch16_224_imagenet": (
        "hf:google/vit-large-patch16-224",
        _vit(16, 224, 24, 16, 1024),
    ),
    "vit_large_patch16_384_imagenet": (
        "hf:google/vit-large-patch16-384",
        _vit(16, 384, 24, 16, 1024),
    ),
    "vit_large_patch32_384_imagenet": (
        "hf:google/vit-large-patch32-384",
        _vit(32, 384, 24, 16, 1024),
    ),
    "vit_base_patch16_224_imagenet21k": (
        "hf:google/vit-base-patch16-224-in21k",
        _vit(16, 224, 12, 12, 768),
    ),
    "vit_base_patch32_224_imagenet21k": (
        "hf:google/vit-base-patch32-224-in21k",
        _vit(32, 224, 12, 12, 768),
    ),
    "vit_large_patch16_224_imagenet21k": (
        "hf:google/vit-large-patch16-224-in21k",
        _vit(16, 224, 24, 16, 1024),
    ),
    "vit_large_patch32_224_imagenet21k": (
        "hf:google/vit-large-patch32-224-in21k",
        _vit(32, 224, 24, 16, 1024),
    ),
    "vit_huge_patch14_224_imagenet21k": (
        "hf:google/vit-huge-patch14-224-in21k",
        _vit(14, 224, 32, 16, 1280),
    ),
    "swin_tiny_patch4_window7_224": (
        "hf:microsoft/swin-tiny-patch4-window7-224",
        _swin(224, 7, 96, 6, 3),
    ),
    "swin_small_patch4_window7_224": (
        "hf:microsoft/swin-small-patch4-window7-224",
        _swin(224, 7, 96, 18, 3),
    ),
    "swin_base_patch4_window7_224": (
        "hf:microsoft/swin-base-patch4-window7-224",
        _swin(224, 7, 128, 18, 4),
    ),
    "swin_base_patch4_window12_384": (
        "hf:microsoft/swin-base-patch4-window12-384",
        _swin(384, 12, 128, 18, 4),
    ),
    "swin_large_patch4_window7_224": (
        "hf:microsoft/swin-large-patch4-window7-224",
        _swin(224, 7, 192, 18, 6),
    ),
    "swin_large_patch4_window12_384": (
        "hf:microsoft/swin-large-patch4-window12-384",
        _swin(384, 12, 192, 18, 6),
    ),
    "dinov2_small": ("hf:facebook/dinov2-small", _dinov2(12, 6, 384, 0)),
    "dinov2_base": ("hf:facebook/dinov2-base", _dinov2(12, 12, 768, 0)),
    "dinov2_large": ("hf:facebook/dinov2-large", _dinov2(24, 16, 1024, 0)),
    "dinov2_giant": ("hf:facebook/dinov2-giant", _dinov2(40, 24, 1536, 0)),
    "dinov2_with_registers_small": (
        "hf:facebook/dinov2-with-registers-small",
        _dinov2(12, 6, 384, 4),
    ),
    "dinov2_with_registers_base": (
        "hf:facebook/dinov2-with-registers-base",
        _dinov2(12, 12, 768, 4),
    ),
    "dinov2_with_registers_large": (
        "hf:facebook/dinov2-with-registers-large",
        _dinov2(24, 16, 1024, 4),
    ),
    "dinov2_with_registers_giant": (
        "hf:facebook/dinov2-with-registers-giant",
        _dinov2(40, 24, 1536, 4),
    ),
}
"""Presets that were not converted from timm: the checkpoint, and the backbone's configuration."""
