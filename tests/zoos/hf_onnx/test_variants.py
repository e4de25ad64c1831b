"""Variants of one network, made by ONNX Runtime's quantiser, as a folder and on a hub."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.fake_hub import FakeHub, fake_hub
from support.onnx_variants import quantised_in_blocks, write_repository
from zoodiff import api
from zoodiff.errors import MeasurementError, RefusedError, UnknownNameError, UsageError
from zoodiff.host.provenance import identity
from zoodiff.zoos import registry
from zoodiff.zoos.stored.revisions import RevisionWarning

pytestmark = pytest.mark.onnx
COMMIT, LATER = "0123456789" * 4, "abcdef0123" * 4


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_repository(tmp_path_factory.mktemp("hub") / "bird-onnx")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    from huggingface_hub import constants

    monkeypatch.setenv("ZOODIFF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with fake_hub() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.partition("/{repo_id}")
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", "".join((hub.url, *template[1:]))
        )
        yield hub


def test_each_variant_is_an_entry(repository: Path) -> None:
    entry = registry.resolve(f"hf-onnx:{repository}")
    names = [weights.name for weights in entry.model.weights]
    assert names == ["fp32", "fp16", "q8", "int8", "uint8", "q4"]
    assert str(entry.ref) == f"hf-onnx:{repository}@fp32"
    assert (entry.labels.classes, entry.labels.names[3]) == (10, "bird 3")
    assert entry.preprocessing.published == "yes"
    assert entry.preprocessing.mean == (0.5, 0.5, 0.5)
    assert entry.worker.confined
    assert entry.model.architecture == "bird"


def test_a_variant_that_is_not_there_is_named(repository: Path) -> None:
    with pytest.raises(UnknownNameError, match='no variant "bnb4"; there are fp32, fp16'):
        registry.resolve(f"hf-onnx:{repository}@bnb4")


def test_a_configuration_changes_the_keys_of_records(repository: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(repository, tmp_path / "copy")
    before = identity(registry.resolve(f"hf-onnx:{copy}"))
    recipe = json.loads((copy / "preprocessor_config.json").read_text())
    (copy / "preprocessor_config.json").write_text(json.dumps(recipe | {"resample": 3}))
    entry = registry.resolve(f"hf-onnx:{copy}")
    assert entry.preprocessing.interpolation == "bicubic"
    assert identity(entry)["definition"] != before["definition"]


@pytest.mark.parametrize("text", ["[]", "{", '{"size": "large"}'])
def test_a_configuration_that_is_invalid_is_one_sentence(
    repository: Path, tmp_path: Path, text: str
) -> None:
    import shutil

    copy = shutil.copytree(repository, tmp_path / "copy")
    (copy / "preprocessor_config.json").write_text(text)
    with pytest.raises(UsageError, match=r"preprocessor_config\.json"):
        registry.resolve(f"hf-onnx:{copy}")


def test_links_out_of_a_folder_are_refused(repository: Path, tmp_path: Path) -> None:
    folder = tmp_path / "linked"
    (folder / "onnx").mkdir(parents=True)
    (folder / "onnx" / "model.onnx").symlink_to(repository / "onnx" / "model.onnx")
    with pytest.raises(MeasurementError, match="has no ONNX files"):
        registry.resolve(f"hf-onnx:{folder}")
    (folder / "onnx" / "model_q4.onnx").write_bytes(b"")
    (folder / "config.json").symlink_to(repository / "config.json")
    with pytest.raises(RefusedError, match="SEC110"):
        registry.resolve(f"hf-onnx:{folder}@q4")


def test_every_variant_is_compared_with_the_first(repository: Path) -> None:
    reports = {
        reference.rpartition("@")[2]: api.diff(api.DiffRequest(f"hf-onnx:{repository}", reference))
        for reference in registry.expanded(f"hf-onnx:{repository}@*")[1:]
    }
    relations = {name: report.answer.relation for name, report in reports.items()}
    assert relations == dict.fromkeys(
        ("fp16", "q8", "int8", "uint8", "q4"), "same network, other precision"
    )
    (finding,) = reports["q4"].findings
    assert (finding.code, finding.right) == ("ARC171", "real numbers with 4-bit weights")
    assert reports["q4"].answer.evidence.weights.sameness == "equal after quantisation"
    outputs = reports["q4"].answer.evidence.outputs
    assert outputs is not None
    assert 0.001 < outputs.deviation < 0.2


@pytest.mark.parametrize(
    "settings",
    [
        {"is_symmetric": True},
        {"block_size": 32},
        {"bits": 8},
        {"accuracy_level": 4},
        {"quant_format": "QDQ"},
        {"quant_format": "QDQ", "is_symmetric": True},
    ],
    ids=str,
)
def test_weights_of_few_bits_are_another_precision(
    repository: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    changed = quantised_in_blocks(
        repository / "onnx" / "model.onnx", tmp_path / "q4.onnx", **settings
    )
    report = api.diff(api.DiffRequest(str(repository / "onnx" / "model.onnx"), str(changed)))
    assert report.answer.relation == "same network, other precision"
    assert report.answer.evidence.weights.sameness == "equal after quantisation"
    assert [finding.code for finding in report.findings] == ["ARC171"]


def test_another_weight_of_few_bits_is_another_function(repository: Path, tmp_path: Path) -> None:
    """Two steps in one element, which rounding does not explain."""
    import onnx

    first = repository / "onnx" / "model.onnx"
    changed = quantised_in_blocks(first, tmp_path / "q4.onnx", block_size=16)
    model = onnx.load(changed)
    packed = next(t for t in model.graph.initializer if t.data_type == onnx.TensorProto.UINT8)
    values = bytearray(packed.raw_data)
    place = next(k for k, byte in enumerate(values) if 2 < byte & 15 < 12)
    values[place] += 2
    packed.raw_data = bytes(values)
    changed.write_bytes(model.SerializeToString())
    report = api.diff(api.DiffRequest(str(first), str(changed)))
    assert report.answer.relation == "different functions"
    assert report.answer.evidence.weights.differing == 1


def test_a_branch_is_resolved_to_its_commit(hub: FakeHub, repository: Path) -> None:
    hub.add("birds/bird-onnx", repository, COMMIT)
    entry = registry.resolve("hf-onnx:birds/bird-onnx@q8")
    assert str(entry.ref) == f"hf-onnx:birds/bird-onnx@{COMMIT}/q8"
    assert str(registry.resolve("hf-onnx:birds/bird-onnx@main/fp16").ref).endswith("/fp16")
    assert str(registry.resolve(entry.ref).ref) == str(entry.ref)
    assert identity(entry)["file"] == ["birds/bird-onnx", COMMIT, "onnx/model_quantized.onnx"]
    assert entry.model.needs_file
    path = Path(entry.worker_model.partition("?")[0])
    assert path.read_bytes() == (repository / "onnx" / "model_quantized.onnx").read_bytes()
    assert not path.is_symlink()


def test_a_branch_that_moved_is_said(hub: FakeHub, repository: Path) -> None:
    hub.add("birds/bird-onnx", repository, COMMIT)
    registry.resolve("hf-onnx:birds/bird-onnx")
    hub.add("birds/bird-onnx", repository, LATER)
    with pytest.warns(RevisionWarning, match=f"moved from {COMMIT} to {LATER}"):
        entry = registry.resolve("hf-onnx:birds/bird-onnx")
    assert LATER in str(entry.ref)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registry.resolve("hf-onnx:birds/bird-onnx")
        registry.resolve(f"hf-onnx:birds/bird-onnx@{COMMIT}/q4")


def test_what_was_fetched_is_used_without_the_hub(hub: FakeHub, repository: Path) -> None:
    hub.add("birds/bird-onnx", repository, COMMIT)
    pinned = f"hf-onnx:birds/bird-onnx@{COMMIT}/q8"
    first = registry.resolve(pinned).worker_model
    hub.silent, hub.asked = True, []
    assert registry.resolve(pinned).worker_model == first
    assert hub.asked == []


def test_what_cannot_be_fetched_is_named(hub: FakeHub, repository: Path) -> None:
    hub.add("birds/bird-onnx", repository, COMMIT)
    entry = registry.resolve("hf-onnx:birds/bird-onnx@fp16")
    hub.silent = True
    with pytest.raises(MeasurementError, match=r"cannot fetch onnx/model_fp16\.onnx of birds/bird"):
        _ = entry.worker_model
    with pytest.warns(RevisionWarning, match=f"the commit {COMMIT} of last time"):
        registry.resolve("hf-onnx:birds/bird-onnx@fp16")
    with pytest.raises(MeasurementError, match="cannot fetch the commit of birds/other@main"):
        registry.resolve("hf-onnx:birds/other@q8")


def test_weights_beside_a_file_are_fetched_with_it(hub: FakeHub, tmp_path: Path) -> None:
    hub.add("birds/large", write_repository(tmp_path / "large", outside=True), COMMIT)
    path = Path(registry.resolve("hf-onnx:birds/large").worker_model.partition("?")[0])
    assert path.with_name("model.onnx_data").is_file()
    assert not path.with_name("model_q4.onnx").exists()
    facts = api.entry_facts("hf-onnx:birds/large")
    assert facts.counts is not None
    assert facts.counts.parameters == 1546


@pytest.mark.parametrize("name", ["birds", "a/b/c", "birds/..", "birds/a\\b"])
def test_what_is_no_repository_is_said(name: str) -> None:
    with pytest.raises(UsageError, match="is no repository of the Hub and no path"):
        registry.resolve(f"hf-onnx:{name}")


def test_a_companys_zoo_of_the_hub_is_pinned(
    hub: FakeHub, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("birds/bird-onnx", repository, COMMIT)
    file = tmp_path / "birds.toml"
    file.write_text(
        f'name = "birds"\nplace = "hub:birds"\nrevision = "{COMMIT}"\n'
        '[[entries]]\nname = "bird"\nrepository = "bird-onnx"\nfile = "onnx/model.onnx"\n'
        '[[entries]]\nfiles = "onnx/*q*.onnx"\nrepository = "bird-onnx"\n'
        '[[entries]]\nname = "lost"\nfile = "onnx/lost.onnx"\nrepository = "bird-onnx"\n'
    )
    monkeypatch.setenv("ZOODIFF_ZOOS", str(file))
    assert list(registry.models("birds")) == [
        "bird",
        "lost",
        "onnx/model_q4",
        "onnx/model_quantized",
    ]
    assert Path(registry.resolve("birds:bird").worker_model).is_file()
    with pytest.raises(MeasurementError, match=r"cannot fetch onnx/lost\.onnx of birds/bird-onnx"):
        _ = registry.resolve("birds:lost").worker_model
