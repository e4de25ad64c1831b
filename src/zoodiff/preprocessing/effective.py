"""The effective preprocessing: the specification composed with the network's input stage.

The specification turns a pixel p in [0, 255] into x = (p (high - low) / 255 + low - mean) / std;
the input stage turns x into y = scale x + offset. Two networks have the same effective
preprocessing if y is the same for both, wherever each part of it is computed. The range of y shows
whether pixels are scaled twice or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from zoodiff.graph.input_stage import InputStage
from zoodiff.preprocessing.spec import Preprocessing, Triple

ScalingWarning = Literal["scaled twice", "not scaled"]
_NARROW = 0.1
"""A range narrower than this was scaled twice: usual inputs of a first layer span 1 to 255."""
_WIDE = 200.0
"""A range wider than this was not scaled."""

Channels = Literal["RGB", "BGR", "grey"]
"""The order of channels."""


@dataclass(frozen=True)
class Effective:
    """The input of the first layer per channel: ``scale * pixel + offset``, pixels 0 to 255."""

    scale: Triple
    offset: Triple
    channels: Channels
    """For ``grey``, ``scale`` and ``offset`` repeat the values of the single channel."""
    inside: tuple[str, ...] = ()
    """Names of the steps of the input stage."""
    unread: tuple[str, ...] = ()
    """Steps of the input stage whose stored values are unknown."""
    warning: ScalingWarning | None = None

    @property
    def span(self) -> float:
        """Width of the widest channel's range."""
        return 255 * max(abs(value) for value in self.scale)

    def same(self, reference: Effective) -> bool:
        """Return whether two first layers get the same input, within a thousandth of the range."""
        if (self.channels, bool(self.unread)) != (reference.channels, bool(reference.unread)):
            return False
        tolerance = 1e-3 * max(self.span, reference.span)
        return all(
            abs(255 * (a - c)) <= tolerance and abs(b - d) <= tolerance
            for a, b, c, d in zip(
                self.scale, self.offset, reference.scale, reference.offset, strict=True
            )
        )

    def sentence(self) -> str:
        """Return the effective preprocessing in the words of a specification.

        >>> Effective((2 / 255,) * 3, (-1.0,) * 3, "RGB").sentence()
        'RGB, [-1, 1]'
        >>> Effective((1 / 255 / 0.5,) * 3, (-0.9, -1.0, -1.0), "BGR").sentence()
        'BGR, [0, 1], mean 0.45 0.5 0.5, std 0.5 0.5 0.5'
        """
        return f"{self.channels}, {self.numbers()}"

    def numbers(self) -> str:
        """Return range, mean and std in words."""
        suffix = f", then {', '.join(self.unread)} with stored values" if self.unread else ""
        return self._range() + suffix

    def _range(self) -> str:
        pairs = list(zip(self.scale, self.offset, strict=True))
        low, high = pairs[0][1], 255 * pairs[0][0] + pairs[0][1]
        if all(abs(s - pairs[0][0]) < 1e-6 and abs(t - low) < 1e-4 for s, t in pairs):
            return f"[{low:.4g}, {high:.4g}]".replace("-0,", "0,")
        if min(abs(s) for s in self.scale) == 0:
            return f"scale {_numbers(self.scale)}, offset {_numbers(self.offset)}"
        if all(abs(s - 1) < 1e-6 for s in self.scale):
            return "[0, 255], mean " + _numbers(-t for t in self.offset)
        mean = _numbers(-t / s / 255 for s, t in pairs)
        return f"[0, 1], mean {mean}, std {_numbers(1 / s / 255 for s, _ in pairs)}"


def _numbers(values: Iterable[float]) -> str:
    return " ".join(f"{value:.4g}" for value in values)


def outside(spec: Preprocessing) -> Effective:
    """Return the effective preprocessing of a specification alone."""
    low, high = spec.value_range or (0.0, 255.0)
    mean, std = spec.mean or (0.0, 0.0, 0.0), spec.std or (1.0, 1.0, 1.0)
    scale = [(high - low) / 255 / deviation for deviation in std]
    offset = [(low - m) / deviation for m, deviation in zip(mean, std, strict=True)]
    return Effective(_triple(scale), _triple(offset), spec.channel_order or "RGB")


_TURNED: dict[Channels, Channels] = {"RGB": "BGR", "BGR": "RGB", "grey": "grey"}


def effective(spec: Preprocessing, input_stage: InputStage | None) -> Effective:
    """Return the effective preprocessing of a specification and the network's input stage."""
    before, input_stage = outside(spec), _of_three(input_stage)
    if input_stage is None or len(input_stage.scale) != 3:
        return before
    scale = [s * before.scale[k] for s, k in zip(input_stage.scale, input_stage.order, strict=True)]
    offset = [
        s * before.offset[k] + t
        for s, k, t in zip(input_stage.scale, input_stage.order, input_stage.offset, strict=True)
    ]
    turned = input_stage.order == (2, 1, 0)
    channels = _TURNED[before.channels] if turned else before.channels
    result = Effective(
        _triple(scale),
        _triple(offset),
        channels,
        input_stage.steps,
        input_stage.unread,
    )
    return replace(result, warning=_warning(result, before, input_stage, spec))


def _warning(
    result: Effective, before: Effective, input_stage: InputStage, spec: Preprocessing
) -> ScalingWarning | None:
    if result.unread:
        return None
    scaled_inside = max(abs(s) for s in input_stage.scale) < 0.5
    if scaled_inside and before.span < 0.5 * 255 and result.span < _NARROW:
        return "scaled twice"
    plain = not any(abs(t) > 1 for t in result.offset)
    if spec.inside_network and result.span > _WIDE and plain:
        return "not scaled"
    return None


def fed_alike(
    spec: Preprocessing, input_stage: InputStage | None, target: Effective
) -> Preprocessing | None:
    """Return the specification that gives this network the effective preprocessing of another.

    None if the input stage has unknown values, loses a channel, or takes another channel order.
    """
    input_stage, own = _of_three(input_stage), effective(spec, input_stage)
    if own.unread or target.unread or own.channels != target.channels:
        return None
    if own.same(target):
        return spec
    scales = (1.0, 1.0, 1.0) if input_stage is None else input_stage.scale
    offsets = (0.0, 0.0, 0.0) if input_stage is None else input_stage.offset
    order = (0, 1, 2) if input_stage is None else input_stage.order
    if min(map(abs, (*scales, *target.scale))) == 0:
        return None
    mean, std = [0.0] * 3, [1.0] * 3
    for channel, k in enumerate(order):
        # scale ((p - mean) / std) + offset = target scale * p + target offset
        std[k] = scales[channel] / target.scale[channel]
        mean[k] = (offsets[channel] - target.offset[channel]) / target.scale[channel]
    return replace(spec, value_range=(0.0, 255.0), mean=_triple(mean), std=_triple(std))


def _of_three(input_stage: InputStage | None) -> InputStage | None:
    """Return a one-channel input stage repeated for three channels; any other unchanged."""
    if input_stage is None or len(input_stage.scale) != 1:
        return input_stage
    return replace(
        input_stage, scale=input_stage.scale * 3, offset=input_stage.offset * 3, order=(0, 1, 2)
    )


def _triple(values: list[float]) -> Triple:
    first, second, third = values
    return first, second, third
