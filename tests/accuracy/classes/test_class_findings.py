"""Planted exchanges of classes are found where images can show them; nothing is invented."""

from __future__ import annotations

import numpy as np
import pytest

from zoodiff.accuracy.classes.class_findings import class_findings


def clean(rng, classes: int, per_class: int, share: float = 0.75) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and the predictions of a network with easy, hard and similar classes."""
    labels = np.repeat(np.arange(classes), per_class)
    recall = rng.beta(6 * share, 6 * (1 - share), classes)
    similar = (np.arange(classes) + rng.integers(1, 4, classes)) % classes
    wrong = np.where(
        rng.uniform(size=len(labels)) < 0.6,
        similar[labels],
        rng.integers(0, classes, len(labels)),
    )
    right = rng.uniform(size=len(labels)) < recall[labels]
    return labels, np.where(right, labels, wrong)


def moved(predicted: np.ndarray, pairs: dict[int, int], classes: int) -> np.ndarray:
    """Predictions with outputs renumbered."""
    place = np.arange(classes)
    place[list(pairs)] = list(pairs.values())
    return place[predicted]


SIZES = [(10, 36), (10, 3), (100, 20), (1000, 1), (1000, 5), (250, 1)]


@pytest.mark.parametrize(("classes", "per_class"), SIZES)
def test_nothing_is_invented_of_clean_networks(classes, per_class) -> None:
    """Against labels and against another clean network, 200 times."""
    rng = np.random.default_rng(classes + per_class)
    invented = []
    for _ in range(200 if classes * per_class < 3000 else 60):
        share = rng.uniform(0.2, 0.95)
        labels, predicted = clean(rng, classes, per_class, share)
        invented += class_findings(labels, predicted, classes)
        other = clean(rng, classes, per_class, share)[1]
        invented += class_findings(other, predicted, classes)
    assert invented == []


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_nothing_is_invented_of_networks_at_chance(share) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        labels = np.repeat(np.arange(50), 20)
        favourites = rng.dirichlet(np.full(50, 0.3))
        predicted = rng.choice(50, len(labels), p=favourites)
        predicted = np.where(rng.uniform(size=len(labels)) < share, labels, predicted)
        assert class_findings(labels, predicted, 50) == ()


def test_one_sided_confusion_of_similar_classes_is_none() -> None:
    """Two classes of one breed: one is mostly taken for the other."""
    rng = np.random.default_rng(0)
    labels, predicted = clean(rng, 100, 50)
    predicted[labels == 7] = 8
    assert [f.kind for f in class_findings(labels, predicted, 100)] == ["never predicted"] * int(
        not (predicted == 7).any()
    )


@pytest.mark.parametrize(("classes", "per_class"), [(10, 36), (100, 20), (1000, 50)])
def test_a_pair_of_classes_is_found(classes, per_class) -> None:
    rng = np.random.default_rng(1)
    labels, predicted = clean(rng, classes, per_class, 0.8)
    first, second = 3, classes - 2
    exchanged = moved(predicted, {first: second, second: first}, classes)
    (finding,) = class_findings(labels, exchanged, classes)
    assert (finding.code, finding.spans) == ("LAB104", ((first, first), (second, second)))
    assert f"classes {first} and {second} are exchanged" in finding.sentence()
    (between,) = class_findings(predicted, exchanged, classes)
    assert between.spans == finding.spans


def test_several_pairs_are_found() -> None:
    rng = np.random.default_rng(2)
    labels, predicted = clean(rng, 100, 50, 0.8)
    pairs = {3: 90, 90: 3, 20: 21, 21: 20, 55: 57, 57: 55}
    found = class_findings(labels, moved(predicted, pairs, 100), 100)
    assert {finding.spans for finding in found} == {
        ((3, 3), (90, 90)),
        ((20, 20), (21, 21)),
        ((55, 55), (57, 57)),
    }
    assert {finding.code for finding in found} == {"LAB104"}


def test_a_pair_is_not_claimed_where_images_cannot_show_it() -> None:
    rng = np.random.default_rng(3)
    labels, predicted = clean(rng, 1000, 1, 0.9)
    some = np.arange(0, 1000, 4)
    exchanged = moved(predicted, {4: 8, 8: 4}, 1000)
    assert class_findings(labels[some], exchanged[some], 1000) == ()


@pytest.mark.parametrize("per_class", [1, 10])
@pytest.mark.parametrize(("start", "size", "distance"), [(100, 200, 400), (0, 500, 500)])
def test_blocks_are_found_with_one_image_per_class(per_class, start, size, distance) -> None:
    rng = np.random.default_rng(4)
    labels, predicted = clean(rng, 1000, per_class, 0.9)
    block = range(start, start + size)
    pairs = {k: k + distance for k in block} | {k + distance: k for k in block}
    (finding,) = class_findings(labels, moved(predicted, pairs, 1000), 1000)
    assert (finding.code, finding.kind, finding.offset) == ("LAB105", "blocks exchanged", distance)
    ends = [end for span in finding.spans for end in span]
    expected = [start, start + size - 1, start + distance, start + distance + size - 1]
    assert np.abs(np.array(ends) - expected).max() <= (3 if per_class == 1 else 0)


@pytest.mark.parametrize("shift", [1, 3, 5, 9])
def test_a_cyclic_shift_of_a_block_is_found(shift) -> None:
    rng = np.random.default_rng(5)
    labels, predicted = clean(rng, 100, 30, 0.85)
    pairs = {40 + k: 40 + (k + shift) % 10 for k in range(10)}
    (finding,) = class_findings(labels, moved(predicted, pairs, 100), 100)
    assert finding.code == "LAB105"
    assert finding.spans == ((40, 49 - shift), (50 - shift, 49))
    assert finding.offset == shift
    said = "exchanged with" if shift == 5 else f"shifted up by {shift}, the last of them"
    assert said in finding.sentence()


def test_a_shift_of_all_classes_is_found() -> None:
    rng = np.random.default_rng(6)
    labels, predicted = clean(rng, 10, 36, 0.9)
    (finding,) = class_findings(labels, (predicted + 1) % 10, 10)
    assert (finding.kind, finding.offset) == ("shifted", 1)
    cut = np.arange(0, 250)
    labels, predicted = clean(rng, 1000, 1, 0.9)
    (finding,) = class_findings(labels[cut * 4], predicted[cut * 4] + 1, 1001)
    assert (finding.kind, finding.offset) == ("shifted", 1)


@pytest.mark.parametrize(("classes", "per_class"), [(10, 36), (100, 50), (1000, 50)])
def test_a_class_that_is_never_predicted_is_found(classes, per_class) -> None:
    rng = np.random.default_rng(7)
    labels, predicted = clean(rng, classes, per_class, 0.8)
    lost = np.where(predicted == 6, rng.integers(0, 5, len(labels)), predicted)
    (finding,) = class_findings(labels, lost, classes)
    assert (finding.code, finding.spans) == ("LAB106", ((6, 6),))
    assert finding.sentence().startswith("class 6 is never predicted; ")
    (between,) = class_findings(predicted, lost, classes)
    assert (between.code, between.spans) == ("LAB106", ((6, 6),))


def test_a_class_of_few_images_is_not_called_never_predicted() -> None:
    rng = np.random.default_rng(8)
    labels, predicted = clean(rng, 100, 3, 0.8)
    lost = np.where(predicted == 6, 7, predicted)
    assert class_findings(labels, lost, 100) == ()


def test_pairs_and_a_lost_class_are_told_together() -> None:
    rng = np.random.default_rng(9)
    labels, predicted = clean(rng, 50, 40, 0.8)
    both = moved(predicted, {10: 30, 30: 10}, 50)
    both = np.where(both == 20, 21, both)
    assert [f.code for f in class_findings(labels, both, 50)] == ["LAB104", "LAB106"]


def test_unknown_classes_do_not_count() -> None:
    rng = np.random.default_rng(10)
    labels, predicted = clean(rng, 10, 36, 0.9)
    labels[::3] = -1
    predicted[1::3] = -1
    assert class_findings(labels, predicted, 10) == ()
    assert class_findings(np.full(5, -1), np.full(5, -1), 10) == ()
    assert class_findings(np.zeros(0, int), np.zeros(0, int), 10) == ()
