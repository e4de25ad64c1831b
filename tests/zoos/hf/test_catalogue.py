"""The catalogue of the zoo hf, without transformers."""

import subprocess
import sys

import pytest

from zoodiff.data.labels import NO_CLASSES
from zoodiff.errors import UnknownNameError
from zoodiff.zoos import registry
from zoodiff.zoos.hf.architectures import architectures, known
from zoodiff.zoos.hf.known_checkpoints import checkpoints

MODELS = registry.models("hf")
OTHERS = ("torchvision", "keras", "tfmg", "onnx", "timm")


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))


def test_the_catalogue_has_classes_and_checkpoints() -> None:
    assert len(architectures()) == 68
    assert len(checkpoints()) == 178
    assert set(MODELS) == {*architectures(), *checkpoints()}


def test_a_class_has_its_default_configuration_and_random_weights_only() -> None:
    model = MODELS["ResNetForImageClassification"]
    assert (model.weights, model.labels.classes, model.labels.names) == ((), 2, ())
    backbone = MODELS["ConvNextBackbone"]
    assert backbone.labels == NO_CLASSES
    assert backbone.input_shape == (3, 224, 224)


def test_preprocessing_of_a_class_fits_its_input() -> None:
    for name, own in architectures().items():
        spec = MODELS[name].preprocessing
        assert spec.input_size in (None, own.input_shape[1:]), name
    assert MODELS["ViTForImageClassification"].preprocessing.library == "torchvision_v2"


@pytest.mark.parametrize(
    ("repository", "name", "labels"),
    [
        ("microsoft/resnet-50", "resnet50", "imagenet-1k"),
        ("google/vit-base-patch16-224", "vit_base_patch16", "imagenet-1k"),
        ("facebook/convnext-base-224-22k", "convnext_base", "imagenet-22k"),
        ("google/mobilenet_v2_1.0_224", "mobilenet_v2", "imagenet-1k with background"),
        ("google/mobilenet_v1_0.75_192", "mobilenet_v1_0.75", "imagenet-1k with background"),
        ("facebook/regnet-y-040", "regnety_4000mf", "imagenet-1k"),
        ("google/efficientnet-b7", "efficientnet_b7", "imagenet-1k"),
    ],
)
def test_a_checkpoint_has_the_name_of_other_zoos(repository, name, labels) -> None:
    model = MODELS[repository]
    assert (model.architecture, model.labels.name) == (name, labels)
    assert [weights.name for weights in model.weights] == ["main"]


def test_a_hundred_names_are_shared_with_other_zoos() -> None:
    theirs = {m.architecture for zoo in OTHERS for m in registry.models(zoo).values()}
    assert len({c.name for c in checkpoints().values()} & theirs) >= 108


def test_a_checkpoint_resolves_without_a_network_and_without_a_cache() -> None:
    for reference in ("hf:microsoft/resnet-18", "hf:microsoft/resnet-18@main"):
        entry = registry.resolve(reference)
        assert str(entry.ref) == "hf:microsoft/resnet-18@main"
        assert not entry.worker.confined  # it fetches what the catalogue lists
    assert registry.resolve("hf:microsoft/resnet-18@random").weights is None


def test_what_is_left_out_says_why() -> None:
    with pytest.raises(UnknownNameError, match="takes tokens, not an image"):
        registry.resolve("hf:ImageGPTForImageClassification")
    for name, reason in known().left_out.items():
        assert reason, name
        assert name not in MODELS


def test_a_mistyped_class_has_suggestions() -> None:
    with pytest.raises(UnknownNameError, match="did you mean ResNetForImageClassification"):
        registry.resolve("hf:ResnetForImageClasification")


def test_where_transformers_is_missing_one_sentence_names_the_extra() -> None:
    from zoodiff.engines.pool import WorkerPool
    from zoodiff.errors import ZoodiffError

    spec = registry.find_zoo("hf").worker
    assert spec.extra == "hf"
    from dataclasses import replace

    missing = replace(spec, distributions=("transformers-that-is-not-there",))
    with WorkerPool() as engine, pytest.raises(ZoodiffError, match=r"zoodiff\[hf\]") as error:
        engine.worker(missing).call("describe", doing="describing", model="x", weights="random")
    assert "\n" not in str(error.value)


def test_the_catalogue_imports_neither_torch_nor_the_hub_client() -> None:
    script = (
        "import sys; from zoodiff.zoos import registry; registry.models('hf');"
        "registry.resolve('hf:microsoft/resnet-50');"
        "print([m for m in ('torch', 'transformers', 'huggingface_hub') if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=600
    )
    assert out.stdout.strip() == "[]"
