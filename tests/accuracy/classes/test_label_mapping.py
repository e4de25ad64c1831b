"""Which label space an entry's outputs are of."""

from types import SimpleNamespace

import pytest

from zoodiff.accuracy.classes.label_mapping import space_of
from zoodiff.accuracy.subject import EvaluatedEntry
from zoodiff.data.labels import IMAGENET_1K, NO_CLASSES, UNKNOWN
from zoodiff.errors import MeasurementError
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos import registry

IMAGES = SimpleNamespace(space=IMAGENET_1K, name="imagenet/val")


def subject(labels):
    return EvaluatedEntry(registry.resolve("timm:resnet18"), Preprocessing(), (), labels)


def test_a_thousand_outputs_of_unknown_meaning_are_taken_for_the_classes() -> None:
    assert space_of(subject(UNKNOWN), IMAGES, 1000) == IMAGENET_1K


@pytest.mark.parametrize("width", [512, 1000, 1001])
def test_features_are_never_taken_for_classes_however_many_there_are(width: int) -> None:
    with pytest.raises(MeasurementError, match=f"answers with {width} features, not with classes"):
        space_of(subject(NO_CLASSES), IMAGES, width)
