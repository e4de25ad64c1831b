"""Small configurations, derived from the fields of a configuration's class by their names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any

VOCABULARY = 1000
"""Ids: too many to try them all, so that tables have to be compared, too."""
IMAGE = 32
JOINED: Mapping[str, str] = {
    "encoder-decoder": "EncoderDecoderModel",
    "speech-encoder-decoder": "SpeechEncoderDecoderModel",
    "vision-encoder-decoder": "VisionEncoderDecoderModel",
    "vision-text-dual-encoder": "VisionTextDualEncoderModel",
}
"""Classes of networks that join two others."""
_PARTS: Mapping[str, tuple[str, str]] = {
    "encoder-decoder": ("bert", "bert"),
    "speech-encoder-decoder": ("wav2vec2", "bart"),
    "vision-encoder-decoder": ("vit", "gpt2"),
    "vision-text-dual-encoder": ("vit", "bert"),
}
_WHERE_NONE: Mapping[str, Any] = {
    "prediction_length": 4,
    "num_time_features": 1,
    "vocab_size": VOCABULARY,
    "image_token_id": VOCABULARY - 10,
    "image_token_index": VOCABULARY - 10,
    "audio_token_id": VOCABULARY - 11,
    "audio_token_index": VOCABULARY - 11,
    "image_grid_pinpoints": [[2 * IMAGE, 2 * IMAGE]],
}
"""Fields that get these values where no pattern says another."""
_SWIN: Mapping[str, Any] = {
    "model_type": "swin",
    "embed_dim": 16,
    "depths": [1, 1, 1, 1],
    "num_heads": [1, 2, 2, 4],
    "window_size": 4,
    "image_size": 64,
    "out_features": ["stage1", "stage2", "stage3", "stage4"],
}
_SEGMENTS: Mapping[str, Any] = {
    "backbone_config": _SWIN,
    "feature_size": 32,
    "mask_feature_size": 32,
    "mask_dim": 32,
    "conv_dim": 32,
    "hidden_dim": 32,
}
_PARTICULAR: Mapping[str, Mapping[str, Any]] = {
    "align_vision_model": {"width_coefficient": 0.5, "depth_coefficient": 0.5, "hidden_dim": 640},
    "efficientnet": {"width_coefficient": 0.5, "depth_coefficient": 0.5, "hidden_dim": 640},
    "codegen": {"rotary_dim": 4},
    "gptj": {"rotary_dim": 4},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "deepseek_v2": {"num_experts_per_tok": 2},
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8},
    "ministral": {"head_dim": 8},
    "nemotron": {"num_key_value_heads": 2},
    "mamba2": {"num_heads": 8, "head_dim": 8, "n_groups": 2},
    "mimi": {"upsample_groups": 32},
    "moonshine": {"encoder_num_key_value_heads": 4, "decoder_num_key_value_heads": 4},
    "perceiver": {"d_latents": 32, "num_latents": 8, "num_self_attends_per_block": 2},
    "mask2former": _SEGMENTS,
    "oneformer": _SEGMENTS,
}
"""Fields of narrow networks that the patterns of names do not get right, by type."""
LEVELS = ("narrow", "shallow", "short")
"""How much is made smaller: widths too; layers, vocabulary and images; layers and vocabulary."""

_LAYERS = (
    r"num_(hidden|encoder|decoder|encoder_hidden|decoder_hidden)_layers|n_layers?|num_layers|depth|"
    r"(encoder|decoder|perceiver|resampler|memory_attention)_(num_)?(hidden_)?(layers|depth)|"
    r"num_(encoder_|decoder_)?blocks|max_window_layers|resampler_depth"
)
_SHORT: Mapping[str, int] = {
    _LAYERS: 2,
    r"(audio_|text_)?vocab_size(_per_layer_input)?|num_embeddings|entity_vocab_size": VOCABULARY,
    r"max_position_embeddings|n_positions|n_ctx|max_seq_len|max_(source|target)_positions": 64,
    r"max_2d_position_embeddings": 64,
    r"num_(local_)?experts|n_routed_experts|moe_num_experts": 4,
    r"num_experts_per_tok|moe_(top)?k|moe_topk|topk_group|num_selects": 2,
    r"n_group": 2,
    r"n_shared_experts|num_shared_experts|moe_num_shared_experts": 1,
    r"first_k_dense_replace": 1,
    r"num_queries|num_query_tokens|num_denoising": 10,
    r"num_codebooks|num_quantizers|num_code_groups": 2,
    r"codebook_size": 32,
}
_SHALLOW: Mapping[str, int] = {
    r"image_size|pretrain_image_size|input_size": IMAGE,
    r"patch_size|patch_stride": 8,
    r"num_frames": 2,
    r"mm_tokens_per_image": 4,
}
_NARROW: Mapping[str, int] = {
    r"(\w+_)?hidden_size|d_model|n_embd|(text_|vision_)?embed_dim|emb_dim|dim|embedding_size": 32,
    r"projection_dim|hidden_dim|encoder_hidden_dim|embedding_dim|output_dim|out_hidden_size": 32,
    r"(\w+_)?num_attention_heads|(\w+_)?attention_heads|num_heads|n_heads?": 4,
    r"num_key_value_heads|multi_query_group_num": 2,
    r"head_dim|d_kv|attention_head_dim|kv_channels|d_head": 8,
    r"(\w+_)?intermediate_size|(\w+_)?ffn_dim|d_ff|mlp_dim|n_inner|ffn_hidden_size|d_inner": 64,
    r"kv_lora_rank|q_lora_rank": 16,
    r"qk_rope_head_dim|qk_nope_head_dim|v_head_dim|linear_(key|value)_head_dim": 8,
    r"linear_num_(key|value)_heads": 4,
    r"index_head_dim": 16,
    r"index_n_heads": 4,
    r"num_mel_bins|feature_size": 16,
    r"sliding_window|attention_window": 4,
    r"num_conv_pos_embeddings": 8,
    r"num_conv_pos_embedding_groups": 2,
    r"mamba_n_heads|mamba_num_heads": 8,
    r"mamba_d_state|state_size|ssm_state_size": 8,
    r"coordinate_size|shape_size": 6,
    r"stem_channels": 16,
}
_WIDTHS = re.compile(r"hidden_sizes|embed_dims?|dims|neck_hidden_sizes|num_channels|conv_dim")
_DEPTHS = re.compile(r"depths|layers|num_block_repeats|stage_num_blocks")
_KEPT = re.compile(r"hidden_size_per_layer_input|attention_head_dim_ratio|scale_depth")


class NoConfigurationError(Exception):
    """A configuration's class has no fields to go by, or refuses what they are set to."""


def configurations(name: str) -> Iterator[tuple[str, Any]]:
    """Yield configurations of an architecture with the level of each, the smallest first.

    Raises NoConfigurationError if its class accepts none.
    """
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    problem, any_accepted = "", False
    for level in LEVELS:
        try:
            if name in JOINED:
                configuration = _joined(name, level)
            else:
                kind = CONFIG_MAPPING[name]
                configuration = kind(**_chosen(kind, level))
        except Exception as error:  # a configuration may refuse in any way
            problem = problem or " ".join(f"{type(error).__name__}: {error}".split())[:160]
            continue
        any_accepted = True
        yield level, configuration
    if not any_accepted:
        raise NoConfigurationError(problem)


def _joined(name: str, level: str) -> Any:
    """The configuration of a network that joins two networks of other architectures."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    first, second = (
        CONFIG_MAPPING[part](**_chosen(CONFIG_MAPPING[part], level)) for part in _PARTS[name]
    )
    kind: Any = CONFIG_MAPPING[name]
    if hasattr(kind, "from_vision_text_configs"):
        return kind.from_vision_text_configs(first, second, projection_dim=32)
    return kind.from_encoder_decoder_configs(first, second)


def _chosen(kind: type[Any], level: str) -> dict[str, Any]:
    """Keyword arguments for a configuration's class, those of parts inside included."""
    chosen: dict[str, Any] = {}
    parts = getattr(kind, "sub_configs_defaults", None) or {}
    for name, part in parts.items():
        part_kind = _kind_of_part(part)
        if part_kind is not None and not part.optional:
            chosen[name] = _chosen(part_kind, level) | {"model_type": part_kind.model_type}
    names = {each.name for each in fields(kind)}
    for each in fields(kind):
        if each.name in parts or not each.init:
            continue
        value = _value(each.name, _default(each), level)
        if value is not None:
            chosen[each.name] = value
    if level == "narrow" and {"kv_lora_rank", "num_key_value_heads"} <= names:
        chosen["num_key_value_heads"] = chosen.get("num_attention_heads", 4)
    if level == "narrow":
        chosen |= {n: v for n, v in _PARTICULAR.get(kind.model_type, {}).items() if n in names}
    return chosen | {n: v for n, v in _WHERE_NONE.items() if n in names and n not in chosen}


def _kind_of_part(part: Any) -> Any:
    """The class of a configuration inside another one."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    if part.model_type is not None and part.model_type in CONFIG_MAPPING:
        return CONFIG_MAPPING[part.model_type]
    kind = part.config_class
    return kind if hasattr(kind, "__dataclass_fields__") else None


def _default(each: Any) -> Any:
    if each.default is not MISSING:
        return each.default
    return each.default_factory() if each.default_factory is not MISSING else None


def _value(name: str, default: Any, level: str) -> Any:
    """What a field is set to; None where its default is as small as it should be."""
    value: Any = None
    if name == "use_cache":
        value = False
    elif type(default) is int and not _KEPT.fullmatch(name):
        token = name.endswith(("_token_index", "_token_id"))
        highest = VOCABULARY - 1 - len(name) % 7
        value = min(default, highest) if token else _of_number(name, default, level)
    elif isinstance(default, list | tuple) and default and all(type(x) is int for x in default):
        value = _of_list(name, list(default), level)
    return value


def _of_number(name: str, default: int, level: str) -> int | None:
    tables = [_SHORT]
    tables += [_SHALLOW] if level != "short" else []
    tables += [_NARROW] if level == "narrow" else []
    for table in tables:
        for pattern, value in table.items():
            if re.fullmatch(pattern, name):
                return min(value, default) if default > 0 else None
    return None


def _of_list(name: str, default: list[int], level: str) -> list[int] | None:
    if _DEPTHS.fullmatch(name):
        return [min(depth, 2 if k == 0 else 1) for k, depth in enumerate(default)]
    if name == "image_size" and level != "short":
        return [min(2 * IMAGE, extent) for extent in default]
    if level != "narrow":
        return None
    order = sorted(set(default))
    if _WIDTHS.fullmatch(name):
        return [16 * 2 ** min(order.index(x), 3) for x in default]
    if name in {"num_heads", "num_attention_heads"}:
        return [2 ** min(order.index(x), 3) for x in default]
    return None
