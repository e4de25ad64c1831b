"""The handwritten digits of scikit-learn: as arrays to train the mini-zoo, and as a data set.

1,797 grey images of 8 x 8 pixels with values from 0 to 16, from E. Alpaydin and C. Kaynak,
"Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998. Resolution and
range are unchanged: the preprocessing of each entry converts them to the network's input, as with
photographs.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoodiff.bounded.files import too_large
from zoodiff.data.images import LARGEST_IMAGE, ImageSet, Samples
from zoodiff.data.labels import DIGITS_10, LabelSpace
from zoodiff.data.png import grey_png
from zoodiff.errors import MissingFrameworkError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAME = "digits"
"""Name of the data set, given in place of a path of images."""
LABELS = DIGITS_10
BRIGHTEST = 16
"""The value of a white pixel."""
_TRAIN_PART = 5 / 9
"""Share of the images in the training split: about 1,000; about 800 are for testing."""


@dataclass(frozen=True, eq=False)
class Split:
    """Images with their labels, and the hash of both."""

    images: NDArray[np.uint8]
    """(images, 8, 8, 1), values from 0 to 16."""
    labels: NDArray[np.int64]
    """(images,), the digit."""

    @property
    def sha256(self) -> str:
        """The sha256 of shapes, pixels and labels; it depends on the order of the images."""
        digest = hashlib.sha256(repr((self.images.shape, self.labels.shape)).encode())
        digest.update(self.images.tobytes())
        digest.update(self.labels.astype("<i8").tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Digits:
    """The data set; the two splits share no image."""

    train: Split
    test: Split


def images(*, space: LabelSpace | None = None, split: str = "") -> ImageSet:
    """Return the digits as a data set of PNG images with pixels from 0 to 16.

    ``split`` is ``test`` or ``train``; the default is the test split, on which no network of the
    mini-zoo was trained. Raises UsageError for another split, MissingFrameworkError if
    scikit-learn is not installed.
    """
    if split not in {"", "test", "train"}:
        raise UsageError(f'the data set {NAME} has no split "{split}"; there are test and train')
    whole = load()
    part = whole.train if split == "train" else whole.test
    name = split or "test"

    def read(number: int, most: int = LARGEST_IMAGE) -> bytes:
        content = grey_png(part.images[number, :, :, 0])
        if len(content) > most:
            raise too_large(len(content), most)
        return content

    return ImageSet(
        NAME,
        f"scikit-learn's {name} split",
        Samples([f"{name}/{k}" for k in range(len(part.labels))], part.labels.tolist()),
        space or LABELS,
        read,
        part.sha256,
    )


@functools.cache
def load() -> Digits:
    """Return the digits, split in the same proportion for each digit and always in the same way.

    Raises MissingFrameworkError if scikit-learn is not installed.
    """
    import numpy as np

    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise MissingFrameworkError(
            "the data set digits comes with scikit-learn; "
            'install it with: pip install "zoodiff[mini]"'
        ) from None
    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[..., None]
    labels = bunch.target.astype(np.int64)
    # PCG64 draws the same permutation of integers on every platform and in every version.
    order = np.random.Generator(np.random.PCG64(1998)).permutation(len(labels))
    train, test = [], []
    for digit in range(LABELS.classes):
        members = order[labels[order] == digit]
        cut = round(len(members) * _TRAIN_PART)
        train.append(members[:cut])
        test.append(members[cut:])
    return Digits(
        *(_split(images, labels, np.sort(np.concatenate(parts))) for parts in (train, test))
    )


def _split(
    images: NDArray[np.uint8], labels: NDArray[np.int64], members: NDArray[np.int64]
) -> Split:
    import numpy as np

    return Split(np.ascontiguousarray(images[members]), labels[members])
