import numpy as np
import pytest

from zoodiff.data import datasets
from zoodiff.errors import UnknownNameError

pytest.importorskip("sklearn")
from zoodiff.data import digits


def test_the_splits_are_whole_disjoint_and_stratified() -> None:
    found = digits.load()
    assert (len(found.train.labels), len(found.test.labels)) == (999, 798)
    images = [p.tobytes() for p in found.train.images] + [p.tobytes() for p in found.test.images]
    from sklearn.datasets import load_digits

    whole = load_digits()
    assert sorted(images) == sorted(i.astype(np.uint8).tobytes() for i in whole.images)
    for digit in range(10):
        share = (found.test.labels == digit).sum() / (whole.target == digit).sum()
        assert share == pytest.approx(4 / 9, abs=0.01)


def test_labels_stay_with_their_images() -> None:
    from sklearn.datasets import load_digits

    whole = load_digits()
    known: dict[bytes, set[int]] = {}
    for image, label in zip(whole.images, whole.target, strict=True):
        known.setdefault(image.astype(np.uint8).tobytes(), set()).add(int(label))
    split = digits.load().test
    for image, label in zip(split.images, split.labels, strict=True):
        assert int(label) in known[image.tobytes()]


def test_the_hash_tells_pixels_labels_and_order_apart() -> None:
    split = digits.load().test
    other = split.images.copy()
    other[0, 0, 0, 0] ^= 1
    reordered = digits.Split(split.images[::-1], split.labels[::-1])
    relabelled = digits.Split(split.images, (split.labels + 1) % 10)
    hashes = {s.sha256 for s in (split, digits.Split(other, split.labels), reordered, relabelled)}
    assert len(hashes) == 4
    assert split.sha256 == digits.Split(split.images.copy(), split.labels.copy()).sha256


def test_an_unknown_data_set_says_what_there_is() -> None:
    with pytest.raises(UnknownNameError, match="there is digits"):
        datasets.load("imagenet")
