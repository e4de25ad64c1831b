"""Small pictures of the images on which entries disagree."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support import drawn_reports, report_examples
from zoodiff.api import write_report
from zoodiff.data import digits
from zoodiff.data.images import ImageSet
from zoodiff.data.layouts import open_images
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import WorkerError
from zoodiff.report import thumbnails
from zoodiff.report.stored import StoreReader
from zoodiff.report.thumbnails import SIDE, Thumbnails
from zoodiff.store.folder import Store
from zoodiff.study.result import StudyResult

COLOURS = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30), (30, 200, 200), (9, 9, 9)]


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    folder = tmp_path / "data"
    folder.mkdir()
    for number, colour in enumerate(COLOURS):
        Image.new("RGB", (300 + number, 200), colour).save(folder / f"{number}.png")
    (folder / "5.png").write_bytes(b"no image")
    return open_images(str(folder))


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(None) as running:
        yield running


def key_of(images: ImageSet, number: int) -> int:
    return int.from_bytes(hashlib.sha256(images.read(number)).digest()[:8], "big")


def opened(address: str) -> Image.Image:
    head, _, body = address.partition(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(body)))


def test_a_picture_is_small_and_shows_the_image(images: ImageSet, pool: WorkerPool) -> None:
    made = Thumbnails(images, pool)
    name, own = made.add(1, key_of(images, 1)) or ("", "")
    assert own == "1.png"
    picture = opened(made.addresses[name])
    assert picture.size == (SIDE, SIDE)
    assert np.abs(np.asarray(picture)[48, 48].astype(int) - COLOURS[1]).max() < 8
    assert made.add(1, key_of(images, 1)) == (name, own)
    assert len(made.addresses) == 1


def test_another_image_is_never_shown(images: ImageSet, pool: WorkerPool) -> None:
    made = Thumbnails(images, pool)
    for number, key in ((1, key_of(images, 2)), (99, 1), (-1, 1), (0, -1), (0, 1 << 64)):
        assert made.add(number, key) is None
    assert made.add(5, key_of(images, 5)) is None, "it cannot be decoded"
    gone = replace(images, read=_refusing)
    assert Thumbnails(gone, pool).add(0, key_of(images, 0)) is None
    assert made.addresses == {}


def _refusing(number: int, most: int = 0) -> bytes:
    raise OSError("it is gone")


def test_pictures_have_a_limit(
    images: ImageSet, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "MOST_CHARACTERS", 10)
    made = Thumbnails(images, pool)
    assert made.add(0, key_of(images, 0)) is not None
    assert made.add(1, key_of(images, 1)) is None


def test_a_worker_that_fails_is_not_started_for_every_image(images: ImageSet) -> None:
    class Failing:
        starts = 0

        def worker(self, *args: object) -> object:
            self.starts += 1
            raise WorkerError("it ended")

    failing = Failing()
    made = Thumbnails(images, failing)  # type: ignore[arg-type]
    assert [made.add(k, key_of(images, k)) for k in range(4)] == [None] * 4
    assert failing.starts == 1


def test_grey_values_of_the_digits_are_stretched(pool: WorkerPool) -> None:
    pytest.importorskip("sklearn", reason="the digits")
    images = digits.images()
    made = Thumbnails(images, pool)
    name, _ = made.add(0, key_of(images, 0)) or ("", "")
    assert np.asarray(opened(made.addresses[name])).max() > 200


def study(store: Store, images: ImageSet, data: str) -> StudyResult:
    """The made-up study on some images, whose predictions are of these."""
    keys = [key_of(images, number) for number in range(6)]
    result = drawn_reports.with_predictions(report_examples.example(), store, keys)
    text = (
        f'name = "s"\ntitle = "t"\n[accuracy]\ndata = "{data}"\nentries = ["mini-torch:digits"]\n'
    )
    return result.model_copy(update={"study_text": text})


def test_a_report_shows_as_many_images_as_were_asked_for(images: ImageSet, tmp_path: Path) -> None:
    result = study(Store(tmp_path / "results"), images, str(tmp_path / "data"))
    parts = StoreReader(Store(tmp_path / "results"), thumbnails=2).parts(result)
    rows = parts.disagreements["digits", "mini-torch:digits@v1", "mini-tfmg:digits@v1"]
    assert [(row.image, row.thumbnail is not None) for row in rows] == [
        *(("0.png", True), ("1.png", True), ("image 4", False), ("image 5", False)),
    ]
    assert {row.thumbnail for row in rows} - {None} <= set(parts.thumbnails)
    assert parts.no_thumbnails is None
    files = write_report(result, tmp_path / "report", tmp_path / "results", thumbnails=2)
    assert 'id="thumbnails"' in files.html.read_text()
    without = write_report(result, tmp_path / "report", tmp_path / "results")
    assert 'id="thumbnails"' not in without.html.read_text()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("nowhere/images", "nowhere/images"),
        (
            "s3://bucket/images",
            "its data set is at an address, from which a report fetches nothing",
        ),
        ("https://example.org/images", "its data set is at an address"),
        (None, "the study names no data set"),
    ],
)
def test_a_missing_data_set_is_one_sentence(
    images: ImageSet, tmp_path: Path, data: str | None, why: str
) -> None:
    result = study(Store(tmp_path / "results"), images, data or "x")
    if data is None:
        result = result.model_copy(update={"study_text": 'name = "s"\ntitle = "t"\n'})
    parts = StoreReader(Store(tmp_path / "results"), thumbnails=2).parts(result)
    assert parts.no_thumbnails is not None
    assert why in parts.no_thumbnails
    assert parts.thumbnails == {}
    assert parts.disagreements
    html = write_report(result, tmp_path / "report", tmp_path / "results", thumbnails=2).html
    assert '"no_thumbnails":' in html.read_text()


def test_a_data_set_with_other_images_is_one_sentence(images: ImageSet, tmp_path: Path) -> None:
    result = study(Store(tmp_path / "results"), images, str(tmp_path / "data"))
    for number in range(6):
        Image.new("RGB", (10, 10), (number, 0, 0)).save(tmp_path / "data" / f"{number}.png")
    parts = StoreReader(Store(tmp_path / "results"), thumbnails=2).parts(result)
    assert parts.no_thumbnails == "data has other images now"
    assert all(row.thumbnail is None for rows in parts.disagreements.values() for row in rows)
