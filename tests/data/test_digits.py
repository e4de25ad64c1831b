import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoodiff.data.labels import DIGITS_10
from zoodiff.data.layouts import open_images
from zoodiff.data.png import grey_png
from zoodiff.errors import UsageError

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


def test_the_digits_are_a_data_set_like_any_other() -> None:
    found, split = open_images("digits"), digits.load().test
    assert (found.name, found.space, len(found)) == ("digits", DIGITS_10, 798)
    assert [sample.label for sample in found.samples] == split.labels.tolist()
    for number in (0, 400, 797):
        with Image.open(io.BytesIO(found.read(number))) as image:
            assert (np.asarray(image) == split.images[number, :, :, 0]).all()
    assert len(open_images("digits", split="train")) == 999


def test_what_the_digits_do_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='no split "val"; there are test and train'):
        open_images("digits", split="val")
    with pytest.raises(UsageError, match="has its labels"):
        open_images("digits", truth=tmp_path / "truth.txt")
    with pytest.raises(OSError, match="at most"):
        open_images("digits").read(0, 10)


def test_a_folder_called_digits_is_pointed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "digits" / "3"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(grey_png(np.zeros((2, 2), np.uint8)))
    monkeypatch.chdir(tmp_path)
    found = open_images("digits")
    assert len(found) == 798
    assert any("write ./digits for the folder" in note for note in found.notes)
    assert len(open_images("./digits")) == 1


def test_stored_png_are_read_back_and_always_the_same() -> None:
    pixels = np.arange(12 * 7, dtype=np.uint8).reshape(12, 7)
    content = grey_png(pixels)
    with Image.open(io.BytesIO(content)) as image:
        assert image.mode == "L"
        assert (np.asarray(image) == pixels).all()
    assert hashlib.sha256(content).hexdigest()[:16] == "94ac37aaf3b18f36"
    with pytest.raises(ValueError, match="too large"):
        grey_png(np.zeros((256, 256), np.uint8))
