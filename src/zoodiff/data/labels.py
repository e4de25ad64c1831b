"""Label spaces: what the classes of an entry's output mean."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LabelSpace:
    """``name`` identifies the order of the classes; ``background`` says that index 0 is none."""

    name: str
    classes: int
    background: bool = False


IMAGENET_1K = LabelSpace("imagenet-1k", 1000)
IMAGENET_1001 = LabelSpace("imagenet-1k with background", 1001, background=True)
DIGITS_10 = LabelSpace("digits", 10)
MNIST_10 = LabelSpace("mnist", 10)

BY_NAME = {space.name: space for space in (IMAGENET_1K, IMAGENET_1001, DIGITS_10, MNIST_10)}
