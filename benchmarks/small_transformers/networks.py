"""Networks with drawn weights and the inputs that they take, built from small configurations."""

from __future__ import annotations

import inspect
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from benchmarks.small_transformers.configurations import JOINED, configurations
from benchmarks.small_transformers.inputs import Call, calls
from torch import nn

LARGEST = 30_000_000
"""Parameters above which a network counts as not built."""
_MOST_PLACES = 400
"""Places for an image in a text above which a call is not tried."""
_ASKED_FOR = re.compile(r"tokens do not match.*features:? *(?:torch\.Size\(\[)?(\d+)")
HEADS: Mapping[str, str] = {
    "bert": "BertForMaskedLM",
    "gpt2": "GPT2LMHeadModel",
    "t5": "T5ForConditionalGeneration",
    "whisper": "WhisperForConditionalGeneration",
    "wav2vec2": "Wav2Vec2ForCTC",
    "detr": "DetrForObjectDetection",
    "conditional_detr": "ConditionalDetrForObjectDetection",
    "deformable_detr": "DeformableDetrForObjectDetection",
    "dab-detr": "DabDetrForObjectDetection",
    "yolos": "YolosForObjectDetection",
    "owlvit": "OwlViTForObjectDetection",
    "segformer": "SegformerForSemanticSegmentation",
    "beit": "BeitForSemanticSegmentation",
    "mobilenet_v2": "MobileNetV2ForSemanticSegmentation",
    "maskformer": "MaskFormerForInstanceSegmentation",
    "clipseg": "CLIPSegForImageSegmentation",
    "dpt": "DPTForDepthEstimation",
    "glpn": "GLPNForDepthEstimation",
    "swin2sr": "Swin2SRForImageSuperResolution",
    "patchtst": "PatchTSTForPrediction",
    "patchtsmixer": "PatchTSMixerForPrediction",
}
"""Classes with a head, by the type of configuration: boxes, masks of segments, words, series."""
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
    apart: Callable[[Sequence[Any], Sequence[Any]], float] | None = None
    """How far two lists of outputs are apart; None for numbers in the same places."""

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

    def __init__(
        self,
        model: nn.Module,
        names: tuple[str, ...],
        fixed: Mapping[str, Any],
        prompt: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.model, self.names = model, names
        self.fixed = {k: v for k, v in fixed.items() if not isinstance(v, torch.Tensor)}
        self.told = [k for k in fixed if k not in self.fixed]
        for name in self.told:
            self.register_buffer(f"fixed_{name}", fixed[name], persistent=False)
        self.place = prompt[0] if prompt else None
        if prompt:
            self.register_buffer("prompt", torch.tensor([prompt]), persistent=False)

    def forward(self, *arguments: torch.Tensor) -> Any:
        """Return the tensors that the model gives, one as it is, several as a tuple."""
        named = dict(zip(self.names, arguments, strict=True))
        if self.place is not None:
            self._put_before(named)
        told = {name: getattr(self, f"fixed_{name}") for name in self.told}
        return _tensors(self.model(**named, **self.fixed, **told))

    def _put_before(self, named: dict[str, torch.Tensor]) -> None:
        """Put the places of an image or a sound before the text, which itself has none."""
        ids = named["input_ids"]
        text = torch.where(ids == self.place, torch.full_like(ids, 5), ids)
        named["input_ids"] = torch.cat([self.prompt, text], 1)


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


def plain(
    model: nn.Module,
    names: tuple[str, ...],
    fixed: Mapping[str, Any],
    prompt: Sequence[int] = (),
) -> nn.Module:
    """Return a network whose ``forward`` takes inputs of these names.

    The ids of ``prompt``, places of an image or a sound, come before those of ``input_ids``.
    """
    words = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)

    def forward(self: Any, *arguments: torch.Tensor, **named: torch.Tensor) -> Any:
        return Plain.forward(self, *arguments, *(named[name] for name in names[len(arguments) :]))

    forward.__signature__ = inspect.Signature([own, *words])  # type: ignore[attr-defined]
    kind: Any = type("Plain", (Plain,), {"forward": forward})
    network: nn.Module = kind(model, names, fixed, prompt).eval()
    return network


def architectures() -> dict[str, str]:
    """Return the base model's class of every architecture, by the type of its configuration.

    Networks with a head are called ``type/class``.
    """
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    base = {
        name: kind if isinstance(kind, str) else kind[0]
        for name, kind in sorted(MODEL_MAPPING_NAMES.items())
    }
    return {**base, **JOINED} | {f"{name}/{kind}": kind for name, kind in HEADS.items()}


def build(architecture: str) -> Sample:
    """Return a small network of an architecture, in evaluation mode, that runs on its inputs.

    Raises NotBuiltError with the first problem if no configuration gives one.
    """
    import transformers

    kind = getattr(transformers, architectures()[architecture])
    problem = ""
    for level, configuration in configurations(architecture.split("/", maxsplit=1)[0]):
        try:
            model = _model(kind, configuration)
        except Exception as error:  # a network of odd sizes may fail in any way
            problem = problem or _words(error)
            continue
        draw_weights(model, zlib.crc32(architecture.encode()))
        for call in calls(model, configuration):
            sample, why = _tried(architecture, model, call, level)
            problem = problem or why
            if sample is not None:
                return sample
    raise NotBuiltError(problem)


def _tried(
    architecture: str, model: nn.Module, call: Call, level: str
) -> tuple[Sample | None, str]:
    """A network that takes a call, or None and why it does not."""
    network = plain(model, tuple(call.inputs), call.fixed, call.prompt)
    inputs = dict(call.inputs)
    if call.places and "attention_mask" in inputs:  # of the places, too
        mask = inputs["attention_mask"]
        inputs["attention_mask"] = torch.cat([mask.new_ones(len(mask), call.places), mask], 1)
    sample = Sample(architecture, network, inputs, level)
    try:
        problem = _problem(sample)
    except Exception as error:
        problem = _words(error)
        asked = _ASKED_FOR.search(str(error).replace("\n", " "))
        if asked is not None and call.place is not None and not call.places:
            # Some messages count places, others the numbers that stand there.
            for places in (int(asked.group(1)), int(asked.group(1)) // 32):
                if 0 < places <= _MOST_PLACES:
                    found, _ = _tried(architecture, model, call.with_places(places), level)
                    if found is not None:
                        return found, ""
    return (sample, "") if not problem else (None, problem)


def _problem(sample: Sample) -> str:
    """Why nothing can be asked about a network that runs; empty where something can."""
    outputs, drawn = sample.outputs(), sample.drawn(2)[1]
    if not outputs or not all(bool(torch.isfinite(x).all()) for x in outputs):
        return "it gives no finite numbers"
    if not _depends(outputs, sample.outputs(drawn)):
        return "its outputs do not depend on its inputs"
    for name in ("pixel_values", "input_features", "input_values"):
        if name in sample.inputs and not _depends(
            outputs, sample.outputs({**sample.inputs, name: drawn[name]})
        ):
            return f"its outputs do not depend on {name}"
    return ""


def _depends(outputs: Sequence[torch.Tensor], others: Sequence[torch.Tensor]) -> bool:
    """Whether any of the outputs is another one for other inputs."""
    return any(
        x.shape != y.shape or float((x - y).abs().max()) > 1e-3 * float(x.abs().max())
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
