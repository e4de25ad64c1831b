"""The effective preprocessing: the specification composed with the network's input stage.

Outside, a pixel p in [0, 255] becomes x = (p (high - low) / 255 + low - mean) / std; inside, the
network makes y = scale x + offset of it. Two networks that do it in other places are prepared
alike where y is the same, and a scaling that is done twice, or never, shows in the range of y.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from zoodiff.graph.input_stage import InputStage
from zoodiff.preprocessing.spec import Preprocessing, Triple

ScalingWarning = Literal["scaled twice", "not scaled"]
_NARROW = 0.1
"""Usual ranges of what a first layer is fed are from 1, for [0, 1], to 255 wide."""
_WIDE = 200.0


Channels = Literal["RGB", "BGR", "grey"]
"""The order of channels."""


@dataclass(frozen=True)
class Effective:
    """The input of the first layer per channel: ``scale * pixel + offset``, pixels 0 to 255."""

    scale: Triple
    offset: Triple
    channels: Channels
    """Of ``grey`` all three numbers are those of the one channel."""
    inside: tuple[str, ...] = ()
    """Names of the network's own steps."""
    unread: tuple[str, ...] = ()
    """The network's own steps whose stored values are not known."""
    warning: ScalingWarning | None = None

    @property
    def span(self) -> float:
        """Width of the widest channel's range."""
        return 255 * max(abs(value) for value in self.scale)

    def same(self, other: Effective) -> bool:
        """Whether two networks are fed the same, to a thousandth of the range."""
        if (self.channels, bool(self.unread)) != (other.channels, bool(other.unread)):
            return False
        tolerance = 1e-3 * max(self.span, other.span)
        return all(
            abs(255 * (a - c)) <= tolerance and abs(b - d) <= tolerance
            for a, b, c, d in zip(self.scale, self.offset, other.scale, other.offset, strict=True)
        )

    def sentence(self) -> str:
        """In the words of a specification.

        >>> Effective((2 / 255,) * 3, (-1.0,) * 3, "RGB").sentence()
        'RGB, [-1, 1]'
        >>> Effective((1 / 255 / 0.5,) * 3, (-0.9, -1.0, -1.0), "BGR").sentence()
        'BGR, [0, 1], mean 0.45 0.5 0.5, std 0.5 0.5 0.5'
        """
        return f"{self.channels}, {self.numbers()}"

    def numbers(self) -> str:
        """Range, mean and std."""
        more = f", then {', '.join(self.unread)} with stored values" if self.unread else ""
        return self._range() + more

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
    """A specification with what the network does to its pixels by itself."""
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
    found = Effective(
        _triple(scale),
        _triple(offset),
        channels,
        input_stage.steps,
        input_stage.unread,
    )
    return replace(found, warning=_warning(found, before, input_stage, spec))


def _warning(
    found: Effective, before: Effective, input_stage: InputStage, spec: Preprocessing
) -> ScalingWarning | None:
    if found.unread:
        return None
    scaled_inside = max(abs(s) for s in input_stage.scale) < 0.5
    if scaled_inside and before.span < 0.5 * 255 and found.span < _NARROW:
        return "scaled twice"
    plain = not any(abs(t) > 1 for t in found.offset)
    if spec.inside_network and found.span > _WIDE and plain:
        return "not scaled"
    return None


def fed_alike(
    spec: Preprocessing, input_stage: InputStage | None, wanted: Effective
) -> Preprocessing | None:
    """Return the specification that gives this network the effective preprocessing of another.

    None where the input stage is unknown, loses a channel, or wants another order of channels.
    """
    input_stage, own = _of_three(input_stage), effective(spec, input_stage)
    if own.unread or wanted.unread or own.channels != wanted.channels:
        return None
    if own.same(wanted):
        return spec
    scales = (1.0, 1.0, 1.0) if input_stage is None else input_stage.scale
    offsets = (0.0, 0.0, 0.0) if input_stage is None else input_stage.offset
    order = (0, 1, 2) if input_stage is None else input_stage.order
    if min(map(abs, (*scales, *wanted.scale))) == 0:
        return None
    mean, std = [0.0] * 3, [1.0] * 3
    for channel, k in enumerate(order):
        # scale ((p - mean) / std) + offset = wanted scale * p + wanted offset
        std[k] = scales[channel] / wanted.scale[channel]
        mean[k] = (offsets[channel] - wanted.offset[channel]) / wanted.scale[channel]
    return replace(spec, value_range=(0.0, 255.0), mean=_triple(mean), std=_triple(std))


def _of_three(input_stage: InputStage | None) -> InputStage | None:
    """A input_stage of one channel as one of three that are alike; any other as it is."""
    if input_stage is None or len(input_stage.scale) != 1:
        return input_stage
    return replace(
        input_stage, scale=input_stage.scale * 3, offset=input_stage.offset * 3, order=(0, 1, 2)
    )


def _triple(values: list[float]) -> Triple:
    first, second, third = values
    return first, second, third
