"""Sizes that several backbones share, and backbones that are made of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

VOCABULARY = 50
"""Ids of a text are below."""
IMAGE = (32, 32, 3)
TEXT: dict[str, Any] = {
    "vocabulary_size": VOCABULARY,
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 16,
    "intermediate_dim": 24,
}
POSITIONS = {**TEXT, "dropout": 0.0, "max_sequence_length": 16}
QUERIES: dict[str, Any] = {
    "vocabulary_size": VOCABULARY,
    "num_layers": 2,
    "num_query_heads": 4,
    "num_key_value_heads": 2,
    "hidden_dim": 16,
    "intermediate_dim": 24,
}
GEMMA = {**QUERIES, "head_dim": 8}
VIT: dict[str, Any] = {
    "image_shape": IMAGE,
    "patch_size": 8,
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 16,
}
RESNET: dict[str, Any] = {
    "input_conv_filters": [8],
    "input_conv_kernel_sizes": [7],
    "stackwise_num_filters": [64, 8, 16],
    "stackwise_num_blocks": [1, 1, 1],
    "stackwise_num_strides": [1, 2, 2],
    "block_type": "bottleneck_block",
    "image_shape": (64, 64, 3),
}
MIT: dict[str, Any] = {
    "layerwise_depths": [1, 1],
    "num_layers": 2,
    "layerwise_num_heads": [1, 2],
    "layerwise_sr_ratios": [2, 1],
    "max_drop_path_rate": 0.0,
    "layerwise_patch_sizes": [7, 3],
    "layerwise_strides": [4, 2],
    "image_shape": IMAGE,
    "hidden_dims": [8, 16],
}
MIT_OF_FOUR = {
    **MIT,
    "layerwise_depths": [1] * 4,
    "num_layers": 4,
    "layerwise_num_heads": [1, 1, 2, 2],
    "layerwise_sr_ratios": [4, 2, 1, 1],
    "layerwise_patch_sizes": [7, 3, 3, 3],
    "layerwise_strides": [4, 2, 2, 2],
    "hidden_dims": [8, 16, 24, 32],
    "image_shape": (64, 64, 3),
}
EFFICIENT: dict[str, Any] = {
    "stackwise_width_coefficients": [1.0] * 3,
    "stackwise_depth_coefficients": [1.0] * 3,
    "stackwise_kernel_sizes": [3, 3, 5],
    "stackwise_num_repeats": [1, 1, 2],
    "stackwise_input_filters": [8, 8, 16],
    "stackwise_output_filters": [8, 16, 16],
    "stackwise_expansion_ratios": [1, 4, 4],
    "stackwise_squeeze_and_excite_ratios": [0.0, 0.0, 0.25],
    "stackwise_strides": [1, 2, 2],
    "stackwise_block_types": ["fused", "fused", "unfused"],
    "stackwise_force_input_filters": [0, 0, 0],
    "stackwise_nores_option": [False, False, False],
    "num_features": 16,
    "input_shape": IMAGE,
}
MOBILE: dict[str, Any] = {
    "stackwise_expansion": [[16, 16], [24]],
    "stackwise_num_blocks": [2, 1],
    "stackwise_num_filters": [[8, 8], [16]],
    "stackwise_kernel_size": [[3, 3], [5]],
    "stackwise_num_strides": [[2, 1], [2]],
    "stackwise_se_ratio": [[None, None], [0.25]],
    "stackwise_activation": [["relu", "relu"], ["hard_swish"]],
    "stackwise_padding": [[1, 1], [2]],
    "output_num_filters": 16,
    "depthwise_filters": 8,
    "depthwise_stride": 2,
    "depthwise_residual": False,
    "last_layer_filter": 24,
    "squeeze_and_excite": 0.5,
    "image_shape": IMAGE,
}
MOBILE_V5: dict[str, Any] = {
    "stackwise_block_types": [["er"], ["uir", "uir"]],
    "stackwise_num_blocks": [1, 2],
    "stackwise_num_filters": [[8], [16, 16]],
    "stackwise_strides": [[2], [2, 1]],
    "stackwise_act_layers": [["relu"], ["relu", "relu"]],
    "stackwise_exp_ratios": [[2.0], [2.0, 2.0]],
    "stackwise_se_ratios": [[0.0], [0.0, 0.0]],
    "stackwise_dw_kernel_sizes": [[0], [5, 5]],
    "stackwise_dw_start_kernel_sizes": [[0], [0, 0]],
    "stackwise_dw_end_kernel_sizes": [[0], [0, 0]],
    "stackwise_exp_kernel_sizes": [[3], [0, 0]],
    "stackwise_pw_kernel_sizes": [[1], [0, 0]],
    "stackwise_num_heads": [[0], [0, 0]],
    "stackwise_key_dims": [[0], [0, 0]],
    "stackwise_value_dims": [[0], [0, 0]],
    "stackwise_kv_strides": [[0], [0, 0]],
    "stackwise_use_cpe": [[False], [False, False]],
    "use_msfa": False,
    "image_shape": IMAGE,
}
HGNET: dict[str, Any] = {
    "depths": [1, 1],
    "embedding_size": 8,
    "hidden_sizes": [16, 16],
    "stem_channels": [3, 8, 8],
    "hidden_act": "relu",
    "use_learnable_affine_block": True,
    "stackwise_stage_filters": [(8, 8, 16, 1, 2, 3), (16, 8, 16, 1, 2, 5)],
    "apply_downsample": [False, True],
    "use_lightweight_conv_block": [False, True],
    "image_shape": IMAGE,
}
DINO_V2 = {**VIT, "intermediate_dim": 24, "position_embedding_shape": (48, 48)}
T5_GEMMA: dict[str, Any] = {
    "vocabulary_size": VOCABULARY,
    **{
        f"{side}_{name}": value
        for side in ("encoder", "decoder")
        for name, value in (
            ("hidden_dim", 16),
            ("intermediate_dim", 24),
            ("num_layers", 2),
            ("num_attention_heads", 2),
            ("num_key_value_heads", 1),
            ("head_dim", 8),
            ("layer_types", ["sliding_attention", "full_attention"]),
        )
    },
    "sliding_window": 4,
    "query_pre_attn_scalar": 8.0,
}
SMOL: dict[str, Any] = {
    "vocabulary_size": VOCABULARY,
    "hidden_dim": 16,
    "intermediate_dim": 24,
    "num_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "attention_bias": False,
    "attention_dropout": 0.0,
    "rope_layer_enabled_list": [True, False],
    "layer_types": ["full_attention", "full_attention"],
    "mlp_bias": False,
    "layer_norm_epsilon": 1e-6,
    "max_position_embeddings": 32,
    "rope_theta": 10000.0,
    "partial_rotary_factor": 1.0,
}
EXPERTS = {"num_experts": 3, "top_k": 2}
LINEAR = {
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "layer_types": ["linear_attention", "full_attention"],
    "head_dim": 16,
}
FACES = {"patch_size": 8, "hidden_dim": 16, "num_layers": 2, "num_heads": 2}
WORDS = {**TEXT, "embedding_dim": 16, "max_sequence_length": 8}


def towers(vision: str, text: str, **more: Any) -> Callable[[Any], dict[str, Any]]:
    """Return the arguments of a network of an image and a text, by the classes of its parts."""

    def arguments(models: Any) -> dict[str, Any]:
        seen = getattr(models, vision)(**FACES, intermediate_dim=24, image_shape=IMAGE)
        return {"vision_encoder": seen, "text_encoder": getattr(models, text)(**WORDS), **more}

    return arguments


def deeplab(models: Any) -> dict[str, Any]:
    """Return the arguments of a network: segmentation over a residual network."""
    return {
        "image_encoder": models.ResNetBackbone(**RESNET),
        "spatial_pyramid_pooling_key": "P4",
        "low_level_feature_key": "P2",
        "upsampling_size": 4,
        "dilation_rates": [1, 2],
        "projection_filters": 8,
        "image_shape": (64, 64, 3),
    }


def basnet(models: Any) -> dict[str, Any]:
    """Return the arguments of a network: salient objects over a residual network."""
    encoder = {
        **{k: v for k, v in RESNET.items() if k != "image_shape"},
        "stackwise_num_filters": [64, 16, 16, 16],
        "stackwise_num_blocks": [2, 2, 2, 2],
        "stackwise_num_strides": [1, 2, 2, 2],
        "block_type": "basic_block",
    }
    return {
        "image_encoder": models.ResNetBackbone(**encoder),
        "num_classes": 1,
        "projection_filters": 4,
        "image_shape": (64, 64, 3),
    }


def retina(models: Any) -> dict[str, Any]:
    """Return the arguments of a network: pyramid over a residual network."""
    encoder = {
        **RESNET,
        "stackwise_num_filters": [64, 8, 8, 16],
        "stackwise_num_blocks": [1] * 4,
        "stackwise_num_strides": [1, 2, 2, 2],
    }
    return {
        "image_encoder": models.ResNetBackbone(**encoder),
        "min_level": 3,
        "max_level": 5,
        "use_p5": False,
        "image_shape": (64, 64, 3),
    }


def depth(models: Any) -> dict[str, Any]:
    """Return the arguments of a network: depth over a vision transformer."""
    encoder = {**DINO_V2, "image_shape": (64, 64, 3), "num_layers": 4, "apply_layernorm": True}
    return {
        "image_encoder": models.DINOV2Backbone(**encoder),
        "reassemble_factors": [4, 2, 1, 0.5],
        "neck_hidden_dims": [8, 8, 8, 8],
        "fusion_hidden_dim": 8,
        "head_hidden_dim": 8,
        "head_in_index": -1,
        "feature_keys": ["stage1", "stage2", "stage3", "stage4"],
    }


def parseq(models: Any) -> dict[str, Any]:
    """Return the arguments of a network: text in a picture."""
    return {
        "image_encoder": models.ViTBackbone(**VIT, mlp_dim=24, use_class_token=False),
        "vocabulary_size": VOCABULARY,
        "max_label_length": 8,
        "decoder_hidden_dim": 16,
        "num_decoder_layers": 1,
        "num_decoder_heads": 2,
        "decoder_mlp_dim": 24,
        "dropout_rate": 0.0,
        "attention_dropout": 0.0,
    }


def segformer(models: Any) -> dict[str, Any]:
    """Return the arguments of a network: segmentation over a hierarchical transformer."""
    return {"image_encoder": models.MiTBackbone(**MIT_OF_FOUR), "projection_filters": 8}


def sam(models: Any) -> dict[str, Any]:
    """Return the arguments of a network: segmentation by prompts."""
    import keras_hub

    return {
        "image_encoder": models.ViTDetBackbone(**VIT_DET, num_output_channels=8),
        "prompt_encoder": keras_hub.layers.SAMPromptEncoder(
            hidden_size=8,
            image_embedding_size=(4, 4),
            input_image_size=(32, 32),
            mask_in_channels=4,
        ),
        "mask_decoder": keras_hub.layers.SAMMaskDecoder(
            num_layers=1,
            hidden_size=8,
            intermediate_dim=16,
            num_heads=2,
            embedding_dim=8,
            num_multimask_outputs=3,
            iou_head_depth=2,
            iou_head_hidden_dim=8,
        ),
    }


VIT_DET: dict[str, Any] = {
    "hidden_size": 16,
    "num_layers": 2,
    "intermediate_dim": 24,
    "num_heads": 2,
    "global_attention_layer_indices": [1],
    "image_shape": IMAGE,
    "patch_size": 8,
    "window_size": 2,
}
