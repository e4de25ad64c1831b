"""The catalogue of the zoo ``kerashub``, without a framework."""

from __future__ import annotations

import subprocess
import sys

import pytest

from zoodiff.data.labels import IMAGENET_1K, NO_CLASSES
from zoodiff.errors import MissingFrameworkError
from zoodiff.workers import environments
from zoodiff.zoos.kerashub.catalogue import ENVIRONMENT, IMAGENET_12K, ZOO, presets
from zoodiff.zoos.names.table import by_entry
from zoodiff.zoos.timm.catalogue import ZOO as TIMM

MODELS = {model.name: model for model in ZOO.models()}
UNKNOWN = {name for name, preset in presets().items() if preset.config is None}


def test_the_catalogue_imports_no_framework() -> None:
    code = (
        "import sys; from zoodiff.zoos.kerashub import ZOO; assert len(ZOO.models()) == 103; "
        "assert not {'tensorflow', 'keras', 'keras_hub', 'kagglehub'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)


def test_a_configuration_is_there_only_with_what_has_the_published_number_of_values() -> None:
    assert len(MODELS) - len(UNKNOWN) == 79
    for name, preset in presets().items():
        assert (preset.config is None) == (preset.counted is None) == MODELS[name].needs_file


def test_an_entry_without_configuration_says_what_it_wants_and_how_it_is_had() -> None:
    for name in UNKNOWN:
        note = MODELS[name].note or ""
        assert f"wants config.json of {presets()[name].url}" in note
        assert f"zoodiff show kerashub:{name}" in note


def test_presets_whose_published_number_is_that_of_another_network_are_not_built() -> None:
    # 23,561,152 are the values of ResNet-50, its norms before the stem's pooling included.
    assert presets()["resnet_v2_50_imagenet"].published == presets()["resnet_50_imagenet"].published
    assert {"resnet_v2_50_imagenet", "resnet_v2_101_imagenet"} < UNKNOWN
    assert "publishes 23,561,152 values" in (MODELS["resnet_v2_50_imagenet"].note or "")


def test_a_preset_whose_place_is_that_of_another_says_so() -> None:
    for name in ("efficientnet_el_ra_imagenet", "efficientnet_es_ra_imagenet"):
        assert "place of its weights is that of efficientnet_b1_ft_imagenet" in MODELS[name].note
    assert "place" not in MODELS["efficientnet_b1_ft_imagenet"].note


def test_labels_are_those_of_the_checkpoint() -> None:
    assert MODELS["resnet_50_imagenet"].labels == IMAGENET_1K
    assert MODELS["efficientnet_b5_sw_imagenet"].labels == IMAGENET_12K
    for name in ("vit_base_patch16_224_imagenet21k", "dinov2_small", "mit_b0_ade20k_512"):
        assert MODELS[name].labels == NO_CLASSES


def test_presets_converted_from_timm_have_its_canonical_name_size_and_normalisation() -> None:
    timm = {model.name: model for model in TIMM.models()}
    seen = 0
    for name, model in MODELS.items():
        if not (model.note or "").startswith("converted from timm:"):
            continue
        checkpoint = model.note.removeprefix("converted from timm:").partition(";")[0]
        architecture, _, tag = checkpoint.partition("@")
        own = next(w.preprocessing for w in timm[architecture].weights if w.name == tag)
        assert model.architecture == timm[architecture].architecture, name
        assert model.preprocessing.input_size == own.input_size == model.input_shape[1:], name
        assert (model.preprocessing.mean, model.preprocessing.std) == (own.mean, own.std), name
        assert model.preprocessing.resize is None and own.resize is not None, name
        seen += 1
    assert seen == 42


def test_keras_hubs_xception_41_is_keras_xception() -> None:
    assert MODELS["xception_41_imagenet"].architecture == "xception"
    assert by_entry()["kerashub", "xception_41_imagenet"].name == "xception"
    assert by_entry()["keras_hub", "xception_41_imagenet"].name == "xception"


def test_without_the_environment_one_sentence_names_it(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("ZOODIFF_KERASHUB_PYTHON", raising=False)
    monkeypatch.setattr(environments.paths, "environments", lambda: tmp_path)
    monkeypatch.setattr(environments, "_installed", lambda name: True)
    with pytest.raises(MissingFrameworkError, match=r"zoodiff env create kerashub$"):
        environments.interpreter_for(ZOO.worker)


def test_without_keras_the_sentence_names_the_extra(monkeypatch) -> None:
    monkeypatch.setattr(environments, "_installed", lambda name: name != "keras")
    with pytest.raises(MissingFrameworkError, match=r'needs keras; .*"zoodiff\[keras\]"$'):
        environments.interpreter_for(ZOO.worker)


def test_the_environment_shares_zoodiffs_packages(monkeypatch, tmp_path) -> None:
    commands = []

    def run(command, name, say) -> None:
        commands.append(command)
        (tmp_path / "kerashub/lib/python3.11/site-packages").mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(environments.paths, "environments", lambda: tmp_path)
    monkeypatch.setattr(environments, "_run", run)
    environments.create(ENVIRONMENT, lambda line: None)
    assert "--no-deps" in commands[1]
    shared = tmp_path / "kerashub/lib/python3.11/site-packages/zoodiff-packages.pth"
    assert set(shared.read_text().split()) == {p for p in sys.path if p.endswith("-packages")}


def test_published_parameters_are_stated_where_the_number_is_of_the_whole_entry() -> None:
    stated = {name for name, model in MODELS.items() if model.weights[0].parameters is not None}
    assert stated == {n for n, p in presets().items() if p.counted == "classifier trainable"}
    assert MODELS["efficientnet_b0_ra_imagenet"].weights[0].parameters == 5_288_548
    # Of ResNet-50 the number is of the backbone, moving means and variances included.
    assert MODELS["resnet_50_imagenet"].weights[0].parameters is None
