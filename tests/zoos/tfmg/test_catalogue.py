"""The catalogue of the zoo ``tfmg``, without a framework; its networks are in ``test_tfmg.py``."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from zoodiff.errors import UsageError
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos.base import Model
from zoodiff.zoos.tfmg.catalogue import ZOO, recipes
from zoodiff.zoos.tfmg.preprocessing import prepare

REPOSITORY = Path(__file__).resolve().parents[3]
MODELS = {model.name: model for model in ZOO.models()}
OFFICIAL = [name for name in MODELS if not name.startswith("slim/")]


def test_the_catalogue_imports_no_framework() -> None:
    code = (
        "import sys; from zoodiff.zoos.tfmg import ZOO; assert len(ZOO.models()) == 70; "
        "assert not {'tensorflow', 'tf_keras', 'numpy', 'official'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)


def test_the_catalogue_is_ordered_and_says_how_each_network_is_built() -> None:
    assert list(MODELS) == sorted(MODELS)
    assert set(recipes()) == set(MODELS)
    assert {name for name, recipe in recipes().items() if recipe.experiment is None} == {
        name for name in MODELS if name.startswith("slim/")
    }


def test_networks_from_caffe_have_no_background_class() -> None:
    caffe = ("slim/vgg", "slim/resnet_v1", "slim/alexnet", "slim/overfeat")
    for name, model in MODELS.items():
        assert model.labels.background is not name.startswith(caffe), name
        assert model.labels.classes == (1000 if name.startswith(caffe) else 1001), name


def slim_name(row: dict[str, str]) -> str:
    """``ResNet V1 50`` -> ``slim/resnet_v1_50``."""
    return "slim/" + row["model"].lower().replace(" ", "_")


def official_name(row: dict[str, str]) -> str:
    """``ResNet-RS-50`` -> ``resnet_rs_50``, ``ViT-ti16`` -> ``vit_ti16``."""
    return row["model"].lower().replace("-", "_")


def test_architectures_and_checkpoints_are_those_of_the_claims(shared: Path) -> None:
    path = shared / "claims" / "claims.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["zoo"] == "tf_model_garden"]
    slim = [r for r in rows if r["source_path"] == "research/slim/README.md"]
    found = [(r, MODELS[slim_name(r)]) for r in slim if slim_name(r) in MODELS]
    assert len(found) == 12
    for row, model in found:
        assert model.architecture == row["architecture_family"], model.name
        assert model.input_shape == (3, int(row["input_size"]), int(row["input_size"]))
        urls = [weights.url for weights in model.weights]
        assert urls == ([row["checkpoint"]] if row["checkpoint"] else []), model.name
    official = [r for r in rows if r["source_path"].startswith("official/vision/README.md")]
    for row in official:
        model = MODELS[official_name(row)]
        assert model.architecture == row["architecture_family"], model.name
        sizes = [(w.preprocessing or model.preprocessing).input_size for w in model.weights]
        assert (int(row["input_size"]),) * 2 in sizes, model.name
    assert len(official) == 18


def test_every_checkpoint_of_slim_is_named_by_its_stem_and_dated() -> None:
    for name, model in MODELS.items():
        for weights in model.weights if name.startswith("slim/") else ():
            assert weights.url == f"http://download.tensorflow.org/models/{weights.name}.tar.gz"
            assert weights.since is not None
            assert weights.name.endswith(weights.since.replace("-", "_"))


def test_weights_of_another_size_bring_their_own_preprocessing() -> None:
    sizes = {
        weights.name: (weights.preprocessing or MODELS["resnet_rs_152"].preprocessing).input_size
        for weights in MODELS["resnet_rs_152"].weights
    }
    assert sizes == {f"resnet-rs-152-i{size}": (size, size) for size in (192, 224, 256)}


def test_nothing_is_claimed_about_preprocessing_where_slim_publishes_none() -> None:
    unpublished = {n for n, m in MODELS.items() if m.preprocessing.published == "no"}
    assert unpublished == {"slim/alexnet_v2", "slim/overfeat"}


def test_preprocessing_reads_as_published() -> None:
    assert MODELS["slim/vgg_16"].preprocessing.sentence() == (
        "resize 256 (short side, bilinear tf1), crop 224x224, RGB, [0, 255], "
        "mean 123.68 116.78 103.94"
    )
    assert MODELS["slim/inception_v3"].preprocessing.sentence() == (
        "central 0.875 of the image, size 299x299, RGB, [-1, 1]"
    )
    assert MODELS["resnet_50"].preprocessing.sentence() == (
        "central 0.875 of the short side, square, size 224x224, RGB, [0, 255], "
        "mean 123.675 116.28 103.53, std 58.395 57.12 57.375"
    )


def test_preprocessing_that_is_not_published_is_refused() -> None:
    import numpy as np

    images = np.zeros((1, 300, 300, 3), dtype=np.uint8)
    with pytest.raises(UsageError, match="publishes no preprocessing for slim/overfeat"):
        prepare(images, Preprocessing(), "slim/overfeat")
    published = MODELS["resnet_18"].preprocessing
    with pytest.raises(UsageError, match=r"colour images .* shape \(1, 300, 300, 1\)"):
        prepare(images[..., :1], published, "resnet_18")


def test_constraints_name_exact_versions_and_no_paths() -> None:
    environment = ZOO.worker.environment
    assert environment is not None and environment.constraints is not None
    text = (
        REPOSITORY / "src" / "zoodiff" / "workers" / "constraints" / environment.constraints
    ).read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(line.count("==") == 1 and "/" not in line and "@" not in line for line in lines)
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines}
    assert {name.lower() for name in ZOO.worker.distributions} <= pinned


def test_every_official_entry_says_where_it_differs_from_what_is_published() -> None:
    def noted(model: Model) -> bool:
        return model.note is not None

    published = {"resnet_50", "mobilenet_v2", "resnet_rs_50", "vit_b16"}
    assert not any(noted(MODELS[name]) for name in published)
    assert all(noted(MODELS[name]) for name in OFFICIAL if name.startswith("efficientnet"))
    assert noted(MODELS["resnet_18"]) and noted(MODELS["resnet_101"])
