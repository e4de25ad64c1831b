"""Networks with drawn weights and the inputs that they take, built from small configurations."""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from benchmarks.small_transformers.configurations import configurations
from torch import nn

LARGEST = 30_000_000
"""Parameters above which a network counts as not built."""
BATCH, LENGTH = 2, 10
_SAMPLES = 4000
_IDS = ("input_ids", "decoder_input_ids")
_MASKS = ("attention_mask",)
_IMAGES = ("pixel_values",)
_SOUNDS = ("input_values", "input_features")
_PASSED_BY = frozenset({"past_key_values", "encoder_last_hidden_state", "loss"})
"""Outputs that are left out, beside nested ones."""


class NotBuiltError(Exception):
    """No configuration that was tried gives a network that runs."""


@dataclass(frozen=True)
class Sample:
    """A network, what it is called with, by name, and how it was made smaller."""

    architecture: str
    network: nn.Module
    inputs: Mapping[str, torch.Tensor]
    level: str

    @property
    def parameters(self) -> int:
        """How many numbers its weights have."""
        return sum(p.numel() for p in self.network.parameters())

    def outputs(self, inputs: Mapping[str, torch.Tensor] | None = None) -> list[torch.Tensor]:
        """Return what the network gives for its own inputs or others."""
        chosen = self.inputs if inputs is None else inputs
        with torch.no_grad():
            returned = self.network(*chosen.values())
        return [returned] if isinstance(returned, torch.Tensor) else list(returned)

    def drawn(self, count: int) -> list[dict[str, torch.Tensor]]:
        """Return other inputs: ids and real numbers drawn anew; the first mask hides nothing."""
        generator = torch.Generator().manual_seed(1)
        sets = []
        for k in range(count):
            one = {}
            for name, value in self.inputs.items():
                if "mask" in name:
                    one[name] = torch.ones_like(value)
                    one[name][..., value.shape[-1] - 2 * k :] = 0
                elif value.is_floating_point():
                    one[name] = torch.randn(value.shape, generator=generator) * 3.0**k
                else:
                    high = int(value.max()) + 1
                    one[name] = torch.randint(3, max(high, 4), value.shape, generator=generator)
            sets.append(one)
        return sets


class Plain(nn.Module):  # type: ignore[misc]
    """A network with positional inputs of certain names, which returns plain tensors."""

    def __init__(self, model: nn.Module, names: tuple[str, ...], fixed: Mapping[str, Any]) -> None:
        super().__init__()
        self.model, self.names, self.fixed = model, names, dict(fixed)

    def forward(self, *arguments: torch.Tensor) -> Any:
        """Return the tensors that the model gives, one as it is, several as a tuple."""
        returned = self.model(**dict(zip(self.names, arguments, strict=True)), **self.fixed)
        return _tensors(returned)


def _tensors(returned: Any) -> Any:
    if isinstance(returned, torch.Tensor):
        return returned
    named = dict(returned.items()) if hasattr(returned, "items") else dict(enumerate(returned))
    chosen = [
        value
        for name, value in named.items()
        if isinstance(value, torch.Tensor) and value.is_floating_point() and name not in _PASSED_BY
    ]
    return chosen[0] if len(chosen) == 1 else tuple(chosen)


def plain(model: nn.Module, names: tuple[str, ...], fixed: Mapping[str, Any]) -> nn.Module:
    """Return a network whose ``forward`` takes inputs of these names."""
    words = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)

    def forward(self: Any, *arguments: torch.Tensor, **named: torch.Tensor) -> Any:
        return Plain.forward(self, *arguments, *(named[name] for name in names[len(arguments) :]))

    forward.__signature__ = inspect.Signature([own, *words])  # type: ignore[attr-defined]
    kind: Any = type("Plain", (Plain,), {"forward": forward})
    network: nn.Module = kind(model, names, fixed).eval()
    return network


def architectures() -> dict[str, str]:
    """Return the base model's class of every architecture, by the type of its configuration."""
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    return {
        name: kind if isinstance(kind, str) else kind[0]
        for name, kind in sorted(MODEL_MAPPING_NAMES.items())
    }


def build(architecture: str) -> Sample:
    """Return a small network of an architecture, in evaluation mode, that runs on its inputs.

    Raises NotBuiltError with the first problem if no configuration gives one.
    """
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    kind = getattr(transformers, architectures()[architecture])
    problem = ""
    for level, configuration in configurations(CONFIG_MAPPING[architecture]):
        try:
            model = _model(kind, configuration)
        except Exception as error:  # a network of odd sizes may fail in any way
            problem = problem or _words(error)
            continue
        draw_weights(model, zlib.crc32(architecture.encode()))
        for names, inputs, fixed in _calls(model, configuration):
            sample = Sample(architecture, plain(model, names, fixed), inputs, level)
            try:
                outputs = sample.outputs()
            except Exception as error:
                problem = problem or _words(error)
                continue
            if not outputs or not all(bool(torch.isfinite(x).all()) for x in outputs):
                problem = problem or "it gives no finite numbers"
            elif not _depends(outputs, sample.outputs(sample.drawn(2)[1])):
                problem = problem or "its outputs do not depend on its inputs"
            else:
                return sample
    raise NotBuiltError(problem)


def _depends(outputs: Sequence[torch.Tensor], others: Sequence[torch.Tensor]) -> bool:
    """Whether each of the outputs is another one for other inputs."""
    return all(
        float((x - y).abs().max()) > 1e-3 * float(x.abs().max())
        for x, y in zip(outputs, others, strict=True)
    )


def _words(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def _model(kind: Any, configuration: Any) -> nn.Module:
    with torch.device("meta"):
        size = sum(p.numel() for p in kind(configuration).parameters())
    if size > LARGEST:
        raise NotBuiltError(f"{size:,} parameters")
    torch.manual_seed(0)
    model: nn.Module = kind(configuration).eval().float()
    return model


def draw_weights(model: nn.Module, seed: int) -> None:
    """Draw weights so that differences show: no scale is 1, no bias is 0, no layer is faint."""
    generator = torch.Generator().manual_seed(seed)

    def normal(shape: Any, scale: float) -> torch.Tensor:
        return scale * torch.randn(shape, generator=generator)

    tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    with torch.no_grad():
        for name, p in model.named_parameters():
            if not p.is_floating_point():
                continue
            if id(p) in tables:
                p.copy_(normal(p.shape, 0.7))
            elif p.ndim >= 2:
                p.copy_(normal(p.shape, 1.0 / max(prod(p.shape[1:]), 1) ** 0.5))
            elif name.endswith("bias") or p.ndim == 0 or bool((p == p.flatten()[0]).all()):
                p.copy_(p + normal(p.shape, 0.2))
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(normal(buffer.shape, 0.3))
            elif name.endswith("running_var"):
                buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))


def _calls(
    model: nn.Module, configuration: Any
) -> Iterator[tuple[tuple[str, ...], dict[str, torch.Tensor], dict[str, Any]]]:
    """Names, inputs and fixed arguments with which a network may run, the usual ones first."""
    parameters = inspect.signature(model.forward).parameters
    main = str(getattr(model, "main_input_name", "input_ids"))
    several = main if main in parameters else next(iter(parameters))
    fixed = {"use_cache": False} if "use_cache" in parameters else {}
    generator = torch.Generator().manual_seed(2)
    texts = [n for n in _IDS if n in parameters]
    images = [n for n in _IMAGES if n in parameters]
    sounds = [n for n in _SOUNDS if n in parameters]
    shapes = _shapes(configuration)
    plans: list[list[str]] = []
    if texts and several in texts:
        plans += [[*texts, *images], texts] if images else [texts]
        plans += [texts[:1]]
    plans += [[*images, *texts]] if images and texts else []
    plans += [images] if images else []
    plans += [[s, *(t for t in texts if t.startswith("decoder"))] for s in sounds]
    plans += [[s] for s in sounds]
    for plan in plans:
        for masked in (True, False) if "attention_mask" in parameters else (False,):
            for choice in range(max(len(shapes.get(n, ())) for n in plan) if plan else 0):
                inputs: dict[str, torch.Tensor] = {}
                for name in plan:
                    options = shapes[name]
                    shape = options[min(choice, len(options) - 1)]
                    inputs[name] = _drawn(name, shape, configuration, generator)
                    if masked and name == "input_ids":
                        inputs["attention_mask"] = _mask(shape)
                if masked and "input_ids" not in plan:
                    continue
                ordered = {n: inputs[n] for n in parameters if n in inputs}
                yield tuple(ordered), ordered, fixed


def _mask(shape: tuple[int, ...]) -> torch.Tensor:
    mask = torch.ones(shape, dtype=torch.int64)
    mask[-1, -3:] = 0
    return mask


def _shapes(configuration: Any) -> dict[str, list[tuple[int, ...]]]:
    """Shapes that an input may have, by name."""
    vision = getattr(configuration, "vision_config", None) or configuration
    sound = getattr(configuration, "audio_config", None) or configuration
    size = getattr(vision, "image_size", None)
    size = size if isinstance(size, list | tuple) else (size, size)
    height, width = (int(x) if isinstance(x, int) else 64 for x in (*size, 64)[:2])
    channels = getattr(vision, "num_channels", 3)
    channels = channels if isinstance(channels, int) else 3
    mel = next(
        (
            int(getattr(sound, name))
            for name in ("num_mel_bins", "feature_size", "input_feat_per_channel", "input_dim")
            if isinstance(getattr(sound, name, None), int)
        ),
        80,
    )
    frames = 2 * int(getattr(sound, "max_source_positions", 0) or 50)
    longest = int(getattr(sound, "max_length", 0) or 0)
    steps = longest if 0 < longest <= 2048 else 96
    return {
        "input_ids": [(BATCH, LENGTH)],
        "decoder_input_ids": [(BATCH, LENGTH - 3)],
        "pixel_values": [
            (1, channels, height, width),
            (1, channels, 64, 64),
            (1, 2, channels, height, width),
            (1, channels, 224, 224),
        ],
        "input_values": [(1, _SAMPLES), (1, steps, mel), (1, 1, _SAMPLES)],
        "input_features": [(1, mel, frames), (1, steps, mel), (1, mel, steps)],
    }


def _drawn(
    name: str, shape: tuple[int, ...], configuration: Any, generator: torch.Generator
) -> torch.Tensor:
    if name in _IDS:
        text = getattr(configuration, "text_config", None) or configuration
        rows = getattr(text, "vocab_size", None)
        high = min(int(rows), 90) if isinstance(rows, int) and rows > 4 else 90
        return torch.randint(3, high, shape, generator=generator)
    return torch.randn(shape, generator=generator)
