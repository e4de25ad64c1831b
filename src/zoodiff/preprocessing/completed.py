"""What is taken where a zoo publishes no complete preprocessing."""

from __future__ import annotations

from dataclasses import replace

from zoodiff.preprocessing.spec import Preprocessing

CROP = 0.875
"""224 of 256 pixels: the usual share of the short side that a central crop keeps."""


def completed(
    published: Preprocessing, input_size: tuple[int, int]
) -> tuple[Preprocessing, tuple[str, ...]]:
    """A preprocessing without open fields, and the names of those that were filled in.

    The usual evaluation of ImageNet is taken: the short side to 256 for 224, bilinear by Pillow,
    a central crop; channels in the order RGB, mean and std of ImageNet in [0, 1] where nothing at
    all is said of numbers.
    """
    found, taken = published, list[str]()

    def take(**values: object) -> None:
        nonlocal found
        taken.extend(values)
        found = replace(found, **values)  # type: ignore[arg-type]

    if found.input_size is None:
        found = replace(found, input_size=input_size)
    if found.resize_policy is None:
        assert found.input_size is not None
        if isinstance(found.resize, int):
            take(resize_policy="short_side")
        elif found.resize is not None:
            take(resize_policy="squash")
        else:
            short = round(min(found.input_size) / (found.crop_fraction or CROP))
            take(resize_policy="short_side", resize=short)
    elif found.resize_policy == "short_side" and found.resize is None:
        assert found.input_size is not None
        take(resize=round(min(found.input_size) / (found.crop_fraction or CROP)))
    if found.library is None:
        take(library="pillow")
    if found.interpolation is None:
        take(interpolation="bilinear")
    if found.channel_order is None:
        take(channel_order="RGB")
    if found.value_range is None:
        if found.mean is None and not found.inside_network:
            take(
                value_range=(0.0, 1.0),
                mean=(0.485, 0.456, 0.406),
                std=(0.229, 0.224, 0.225),
            )
        else:
            take(value_range=(0.0, 255.0))
    return found, tuple(taken)
