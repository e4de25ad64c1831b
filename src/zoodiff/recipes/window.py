"""The part of an image that a recipe keeps, as a share that holds at any input size."""

from __future__ import annotations

from dataclasses import dataclass, replace

from zoodiff.preprocessing.spec import Policy, Preprocessing

_EXACT = 1e-9

_POLICIES: dict[tuple[bool, bool], Policy] = {
    (True, False): "short_side",
    (False, False): "squash",
    (True, True): "central_square",
    (False, True): "central_fraction_then_squash",
}
"""Policy by whether it keeps the aspect ratio and whether it crops first."""


@dataclass(frozen=True)
class Window:
    """What is kept of an image, and by which steps."""

    keeps_aspect: bool
    """Whether the aspect ratio is kept; otherwise the image is squashed to (height, width)."""
    crops_first: bool
    """Whether the crop comes before the resize."""
    size: tuple[int, int]
    """Height and width of the input at which ``resize`` is stated."""
    resize: int | tuple[int, int] | None
    """Lengths after resizing, in pixels; None where ``fraction`` says what is kept."""
    fraction: float | None

    @property
    def share(self) -> float:
        """The share of the (short) side that is kept."""
        if self.fraction is not None:
            return self.fraction
        if isinstance(self.resize, tuple):
            return self.size[0] / self.resize[0]
        return min(self.size) / self.resize if self.resize else 1.0

    def agrees(self, other: Window) -> bool:
        """Return whether both keep the same share.

        Lengths in pixels are rounded, so at two input sizes they agree if one share can give both,
        rounded down or to the nearest pixel.
        """
        if self.size == other.size and None not in (self.resize, other.resize):
            return _lengths(self) == _lengths(other)
        (low, high), (other_low, other_high) = _shares(self), _shares(other)
        return low <= other_high + _EXACT and other_low <= high + _EXACT


def window_of(spec: Preprocessing) -> Window:
    """Return the window of a complete specification."""
    assert spec.input_size is not None and spec.resize_policy is not None
    kinds = {policy: kind for kind, policy in _POLICIES.items()}
    keeps_aspect, crops_first = kinds[spec.resize_policy]
    if crops_first:
        return Window(keeps_aspect, crops_first, spec.input_size, None, spec.crop_fraction)
    resize = spec.resize
    if not keeps_aspect and not isinstance(resize, tuple):
        resize = spec.input_size
    return Window(keeps_aspect, crops_first, spec.input_size, resize, None)


def with_window(spec: Preprocessing, window: Window) -> Preprocessing:
    """Return the specification with this window, at the window's size."""
    policy = _POLICIES[window.keeps_aspect, window.crops_first]
    fields = {"resize": window.resize, "crop_fraction": window.fraction}
    return replace(spec, input_size=window.size, resize_policy=policy, **fields)  # type: ignore[arg-type]


def mixed(shape: Window, share: Window, size: tuple[int, int]) -> Window:
    """Return a window with the steps of ``shape`` that keeps the share of ``share`` at a size."""
    kind = (shape.keeps_aspect, shape.crops_first)
    if kind == (share.keeps_aspect, share.crops_first) and size == share.size:
        return share
    if shape.crops_first:
        return Window(*kind, size, None, share.share)
    if shape.keeps_aspect:
        exact = share.resize if isinstance(share.resize, int) and size == share.size else None
        return Window(*kind, size, exact or round(min(size) / share.share), None)
    return Window(*kind, size, _squashed(share, size), None)


def _squashed(share: Window, size: tuple[int, int]) -> tuple[int, int]:
    if size[0] == size[1] and size == share.size and isinstance(share.resize, int):
        return share.resize, share.resize
    return round(size[0] / share.share), round(size[1] / share.share)


def _lengths(window: Window) -> tuple[int, int]:
    """Return the lengths after resizing at the window's own input size."""
    if isinstance(window.resize, tuple):
        return window.resize
    assert window.resize is not None
    height, width = (side * window.resize / min(window.size) for side in window.size)
    return round(height), round(width)


def _shares(window: Window) -> tuple[float, float]:
    """Return the smallest and the largest share that round to this window's lengths."""
    if window.fraction is not None or window.resize is None:
        return window.share, window.share
    length = window.resize[0] if isinstance(window.resize, tuple) else window.resize
    side = window.size[0] if isinstance(window.resize, tuple) else min(window.size)
    return side / (length + 1), side / (length - 0.5)
