"""Inputs that a network may be called with, found by the names of its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

BATCH, LENGTH = 2, 10
_SAMPLES = 4000
_BOXES, _STEPS = 5, 6
_IDS = ("input_ids", "decoder_input_ids")
_TEXTS = (*_IDS, "qformer_input_ids", "task_inputs")
_IMAGES = ("pixel_values",)
_SOUNDS = ("input_values", "input_features")
_BESIDE = (
    "qformer_input_ids",
    "task_inputs",
    "bbox",
    "visual_feats",
    "visual_pos",
    "visual_embeds",
    "decoder_input_values",
    "prompt_pixel_values",
    "prompt_masks",
    "past_values",
    "past_time_features",
    "future_values",
    "future_time_features",
    "states",
    "actions",
    "rewards",
    "returns_to_go",
    "timesteps",
    "inputs",
)
"""Inputs of few architectures, which are given wherever a network takes them, if that runs."""
_PLACES = ("image_token_id", "image_token_index", "audio_token_id", "audio_token_index")


@dataclass(frozen=True)
class Call:
    """Inputs of a network in the order of its parameters, and what it is called with besides."""

    inputs: Mapping[str, torch.Tensor]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    place: int | None = None
    """The id that holds the place of a part of an image or a sound."""
    places: int = 0
    """How many such ids are put before ``input_ids``."""

    @property
    def prompt(self) -> tuple[int, ...]:
        """The ids that are put before ``input_ids``."""
        return () if self.place is None else (self.place,) * self.places

    def with_places(self, count: int) -> Call:
        """Return the same call with so many places before the text."""
        return replace(self, places=count)


def calls(model: nn.Module, configuration: Any) -> Iterator[Call]:
    """Yield calls with which a network may run, those with the most inputs first."""
    parameters = inspect.signature(model.forward).parameters
    fixed: dict[str, Any] = {"use_cache": False} if "use_cache" in parameters else {}
    generator = torch.Generator().manual_seed(2)
    shapes = shapes_of_inputs(configuration)
    beside = [name for name in _BESIDE if name in parameters and name in shapes]
    place = place_of(configuration)
    for plan in _plans(parameters, str(getattr(model, "main_input_name", "input_ids"))):
        for more in (beside, []) if beside else ([],):
            names = [*plan, *(name for name in more if name not in plan)]
            for masked in (True, False) if "attention_mask" in parameters else (False,):
                if not names or (masked and "input_ids" not in names):
                    continue
                for choice in range(max(len(shapes[name]) for name in names)):
                    chosen = _chosen(names, choice, shapes, place)
                    inputs = {
                        name: _drawn(name, shape, configuration, generator)
                        for name, shape in chosen.items()
                    }
                    if masked:
                        inputs["attention_mask"] = _mask(chosen["input_ids"])
                    ordered = {name: inputs[name] for name in parameters if name in inputs}
                    queries = _number(configuration, ("num_query_tokens",), 0)
                    with_image = place is not None and {"input_ids", "pixel_values"} <= set(inputs)
                    for others in _fixed_for(parameters, chosen):
                        if with_image and queries:
                            yield Call(ordered, fixed | others, place, queries)
                        yield Call(ordered, fixed | others, place)


def _plans(parameters: Mapping[str, Any], main: str) -> list[list[str]]:
    """Names of inputs that may go together."""
    first = main if main in parameters else next(iter(parameters))
    texts = [name for name in _IDS if name in parameters]
    images = [name for name in _IMAGES if name in parameters]
    sounds = [name for name in _SOUNDS if name in parameters]
    plans: list[list[str]] = []
    if texts and first in texts:
        plans += [[*texts, *images]] if images else []
        plans += [[*texts, sound] for sound in sounds]
        plans += [texts, texts[:1]]
    elif images and texts:
        plans += [[*images, *texts], [*images, *texts[:1]]]
    plans += [images] if images else []
    plans += [[s, *(t for t in texts if t.startswith("decoder"))] for s in sounds]
    plans += [[s] for s in sounds]
    return [*plans, []]


def _chosen(
    names: Sequence[str],
    choice: int,
    shapes: Mapping[str, Sequence[tuple[int, ...]]],
    place: int | None,
) -> dict[str, tuple[int, ...]]:
    """The shape of each input; one text for the one image, where its parts stand in the text."""
    chosen = {name: shapes[name][min(choice, len(shapes[name]) - 1)] for name in names}
    if place is not None and any(name in chosen for name in (*_IMAGES, *_SOUNDS)):
        for name in _IDS:
            if name in chosen:
                chosen[name] = (1, *chosen[name][1:])
    if "qformer_input_ids" in chosen or "task_inputs" in chosen:
        chosen = {n: (1, *shape[1:]) if n in _TEXTS else shape for n, shape in chosen.items()}
    return chosen


def _fixed_for(
    parameters: Mapping[str, Any], chosen: Mapping[str, tuple[int, ...]]
) -> list[dict[str, Any]]:
    """What else a network is told about its inputs, the plainest first."""
    fixed: dict[str, Any] = {}
    if "pixel_values" in chosen and "image_sizes" in parameters:
        fixed["image_sizes"] = torch.tensor([chosen["pixel_values"][-2:]])
    if "past_values" in chosen and "past_observed_mask" in parameters:
        fixed["past_observed_mask"] = torch.ones(chosen["past_values"])
    if "input_features" in chosen and "input_ids" in chosen and "is_longer" in parameters:
        fixed["is_longer"] = torch.tensor([[False]])
    frames = chosen.get("input_features", (0,))[-1]
    for name in ("feature_attention_mask", "input_features_mask"):
        if "input_features" in chosen and name in parameters:
            fixed[name] = torch.ones((1, frames), dtype=torch.int64)
    return [fixed, {}] if fixed else [{}]


def place_of(configuration: Any) -> int | None:
    """Return the id that holds the place of a part of an image or a sound in a text, if any."""
    for name in _PLACES:
        value = getattr(configuration, name, None)
        if isinstance(value, int):
            return value
    return None


def _mask(shape: tuple[int, ...]) -> torch.Tensor:
    """A mask that hides the end of the last of several rows; one row is shown as a whole."""
    mask = torch.ones(shape, dtype=torch.int64)
    if shape[0] > 1:
        mask[-1, -3:] = 0
    return mask


def _number(configuration: Any, names: Sequence[str], otherwise: int) -> int:
    values = (getattr(configuration, name, None) for name in names)
    return next((value for value in values if isinstance(value, int) and value > 0), otherwise)


def shapes_of_inputs(configuration: Any) -> dict[str, list[tuple[int, ...]]]:
    """Return the shapes that an input may have, by name."""
    parts = (
        getattr(configuration, name, None) for name in ("audio_config", "encoder_config", "encoder")
    )
    sound = next((part for part in parts if part is not None), configuration)
    mel = _number(
        sound, ("num_mel_bins", "feature_size", "input_feat_per_channel", "input_dim"), 80
    )
    frames = 2 * _number(sound, ("max_source_positions",), 50)
    longest = _number(sound, ("max_length",), 0)
    steps = longest if 0 < longest <= 2048 else 96
    width = _number(configuration, ("hidden_size", "d_model"), 32)
    return {
        "input_ids": [(BATCH, LENGTH)],
        "decoder_input_ids": [(BATCH, LENGTH - 3)],
        "qformer_input_ids": [(1, LENGTH)],
        "task_inputs": [(1, _number(configuration, ("task_seq_len",), LENGTH))],
        "input_values": [(1, _SAMPLES), (1, steps, mel), (1, 1, _SAMPLES), (1, LENGTH, width)],
        "decoder_input_values": [(1, LENGTH - 3, width)],
        "input_features": [(1, mel, frames), (1, steps, mel), (1, mel, steps), (1, 1, steps, mel)],
        "inputs": [(BATCH, LENGTH, width)],
        **_images(configuration),
        **_series(configuration),
    }


def _images(configuration: Any) -> dict[str, list[tuple[int, ...]]]:
    parts = (getattr(configuration, name, None) for name in ("vision_config", "encoder"))
    vision = next((part for part in parts if part is not None), configuration)
    size = getattr(vision, "image_size", None)
    size = size if isinstance(size, list | tuple) else (size, size)
    height, width = (int(x) if isinstance(x, int) else 64 for x in (*size, 64)[:2])
    channels = getattr(vision, "num_channels", 3)
    channels = channels if isinstance(channels, int) else 3
    image = (channels, height, width)
    boxes = _number(configuration, ("visual_feat_dim", "visual_embedding_dim"), 0)
    shapes: dict[str, list[tuple[int, ...]]] = {
        "pixel_values": [
            (1, *image),
            (1, channels, 64, 64),
            (1, channels, 128, 128),
            (1, 1, *image),
            (1, 2, *image),
            (1, 5, *image),
            (1, channels, 224, 224),
            (BATCH, *image),
        ],
        "prompt_pixel_values": [(1, *image)],
        "prompt_masks": [(1, *image)],
        "visual_pos": [(BATCH, _BOXES, _number(configuration, ("visual_pos_dim",), 4))],
    }
    if boxes:
        shapes |= {name: [(BATCH, _BOXES, boxes)] for name in ("visual_feats", "visual_embeds")}
    if hasattr(configuration, "dim_bbox"):
        shapes["bbox"] = [(BATCH, LENGTH, 4)]
    return shapes


def _series(configuration: Any) -> dict[str, list[tuple[int, ...]]]:
    """Shapes of series in time, and of what an agent sees and does."""
    length = _number(configuration, ("context_length",), 0)
    ahead = _number(configuration, ("prediction_length",), 4)
    lags = getattr(configuration, "lags_sequence", None)
    before = (length or ahead) + (max(lags) if lags else 0)
    features = _number(configuration, ("num_time_features",), 1)
    channels = _number(configuration, ("num_input_channels",), 0)
    past = (BATCH, length, channels) if channels and not lags else (BATCH, before)
    states = _number(configuration, ("state_dim",), 4)
    acts = _number(configuration, ("act_dim",), 4)
    shapes: dict[str, list[tuple[int, ...]]] = {"past_values": [past]}
    if lags:
        shapes["past_time_features"] = [(BATCH, before, features)]
        shapes["future_values"] = [(BATCH, ahead)]
        shapes["future_time_features"] = [(BATCH, ahead, features)]
    single: list[tuple[int, ...]] = [(1, _STEPS, 1)]
    return shapes | {
        "states": [(1, _STEPS, states)],
        "actions": [(1, _STEPS, acts)],
        "rewards": single,
        "returns_to_go": single,
        "timesteps": [(1, _STEPS)],
    }


def _drawn(
    name: str, shape: tuple[int, ...], configuration: Any, generator: torch.Generator
) -> torch.Tensor:
    if name in (*_TEXTS, "timesteps"):
        text = getattr(configuration, "text_config", None) or configuration
        rows = getattr(text, "vocab_size", None)
        high = min(int(rows), 90) if isinstance(rows, int) and rows > 4 else 90
        return torch.randint(3, high, shape, generator=generator)
    return torch.randn(shape, generator=generator)
