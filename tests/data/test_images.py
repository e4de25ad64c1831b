"""What is said of the classes of a data set."""

from __future__ import annotations

import pytest

from zoodiff.data.images import ImageSet, Sample
from zoodiff.data.labels import CIFAR_10, IMAGENET_1K, LabelSpace


def images(space: LabelSpace | None) -> ImageSet:
    def read(number: int, most: int = 0) -> bytes:
        raise OSError

    return ImageSet("s", "a folder", (Sample("a", 0),), space, read, "stamp")


@pytest.mark.parametrize(
    ("space", "number", "name"),
    [
        (IMAGENET_1K, 0, "tench"),
        (IMAGENET_1K, 999, "toilet tissue"),
        (CIFAR_10, 9, "truck"),
        (LabelSpace("numbers", 3), 2, "2"),
        (LabelSpace("some", 3, names=("a",)), 2, "2"),
        (None, 7, "7"),
        (IMAGENET_1K, -1, "no class"),
        (None, -1, "no class"),
    ],
)
def test_a_class_is_called_by_its_name_or_its_number(
    space: LabelSpace | None, number: int, name: str
) -> None:
    assert images(space).class_name(number) == name
