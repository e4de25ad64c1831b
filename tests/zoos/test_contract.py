"""One contract over every zoo that is installed, the built-in and those of other packages."""

import json
import subprocess
import sys

import pytest

from zoodiff.data.labels import NO_CLASSES
from zoodiff.entry import RANDOM, ModelRef
from zoodiff.errors import UnknownNameError
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos import registry
from zoodiff.zoos.base import OpenZoo

ZOOS = sorted(registry.zoos())


@pytest.fixture(params=ZOOS)
def zoo(request: pytest.FixtureRequest):
    return registry.find_zoo(request.param)


def test_names_are_unique_and_make_references(zoo) -> None:
    names = [model.name for model in zoo.models()]
    assert names or isinstance(zoo, OpenZoo)
    assert len(names) == len(set(names))
    for model in zoo.models():
        for weights in [*(w.name for w in model.weights), RANDOM, None]:
            ref = ModelRef(zoo.name, model.name, weights)
            assert ModelRef.parse(str(ref)) == ref


def test_every_model_says_what_it_is(zoo) -> None:
    for model in zoo.models():
        assert model.architecture, model.name
        assert model.architecture == model.architecture.lower(), model.name
        assert len(model.input_shape) == 3, model.name
        assert model.labels.classes > 1 or model.labels == NO_CLASSES, model.name


def test_weights_have_one_default_and_unique_names(zoo) -> None:
    for model in zoo.models():
        names = [w.name for w in model.weights]
        assert len(names) == len(set(names)), model.name
        assert RANDOM not in names, model.name
        if names:
            assert sum(w.default for w in model.weights) == 1, model.name


def test_preprocessing_survives_serialisation_and_names_its_source(zoo) -> None:
    for model in zoo.models():
        for spec in (model.preprocessing, *(w.preprocessing for w in model.weights)):
            if spec is None:
                continue
            assert Preprocessing.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
            if spec.published != "no":
                assert spec.source, model.name


def test_the_catalogue_needs_no_framework(zoo) -> None:
    script = (
        "import sys; from zoodiff.zoos import registry; "
        f"registry.find_zoo({zoo.name!r}).models(); "
        "print([m for m in ('torch', 'torchvision', 'keras', 'tensorflow', 'onnx', "
        "'onnxruntime', 'sklearn') if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=600
    )
    assert out.stdout.strip() == "[]"


def test_an_unknown_entry_comes_with_suggestions() -> None:
    with pytest.raises(
        UnknownNameError,
        match=r"no entry `torchvision:resnet5`; did you mean resnet50, resnext50_32x4d\?",
    ):
        registry.resolve("torchvision:resnet5")
    with pytest.raises(UnknownNameError, match=r'no zoo "torchvison"; did you mean torchvision'):
        registry.resolve("torchvison:resnet50")
    with pytest.raises(UnknownNameError, match=r"did you mean IMAGENET1K_V"):
        registry.resolve("torchvision:resnet50@IMAGENET1K_V3")


def test_architectures_bring_zoos_together() -> None:
    groups = registry.by_architecture()
    zoos = {entry.zoo.name for entry in groups["resnet50"]}
    others = {"timm", "hf", "kerashub", "paddle", "paddleclas", "pytorchcv"}
    assert zoos == {"torchvision", "keras", "onnx", "tfmg", *others}
