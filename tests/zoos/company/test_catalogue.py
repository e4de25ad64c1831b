"""A company's zoo as others are: models, labels, preprocessing, claims, files in their folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from support.company import TOML, write_zoo
from support.text.commands import said
from zoodiff.claims import catalogue as claims
from zoodiff.claims.times import latency_claims
from zoodiff.errors import MeasurementError, RefusedError, UnknownNameError, UnreadableFileError
from zoodiff.host.provenance import identity
from zoodiff.tasks import entry_of, of_entry
from zoodiff.zoos import registry
from zoodiff.zoos.alone import alone
from zoodiff.zoos.company import CompanyZoo, registered
from zoodiff.zoos.stored.entry import StoredFileEntry

pytestmark = pytest.mark.onnx


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOODIFF_HOME", str(tmp_path / "home"))
    path = write_zoo(tmp_path)
    monkeypatch.setenv("ZOODIFF_ZOOS", str(path))
    return path


def zoo() -> CompanyZoo:
    found = registry.find_zoo("acme")
    assert isinstance(found, CompanyZoo)
    return found


def test_the_zoo_is_one_like_others(file: Path) -> None:
    assert list(registry.models("acme")) == ["gone", "mobile/narrow", "mobile/wide", "tiny"]
    entry = registry.resolve("acme:tiny")
    assert str(entry.ref) == "acme:tiny@v2"
    assert entry.model.architecture == "resnet18"
    assert entry.worker.confined
    assert entry.worker.name == "file-onnx"
    assert entry.worker_model == f"{file.parent}/models/tiny_v2.onnx?size=32"
    assert "acme" in {e.zoo.name for e in registry.by_architecture()["resnet18"]}


def test_files_of_a_pattern_are_entries_named_by_file(file: Path) -> None:
    entry = registry.resolve("acme:mobile/narrow")
    assert str(entry.ref) == "acme:mobile/narrow"
    assert entry.worker_model.endswith("models/mobile/narrow.onnx?size=32")
    assert entry.labels.classes == 10


def test_a_missing_file_is_named_and_the_others_go_on(file: Path) -> None:
    assert zoo().problems == [
        f"acme: gone: there is no file gone.onnx in {file.parent}/models (acme.toml)"
    ]
    entry = registry.resolve("acme:gone")
    assert identity(entry)["file"] == [0, 0]
    with pytest.raises(MeasurementError, match=r"no file gone\.onnx"):
        _ = entry.worker_model
    assert registry.resolve("acme:tiny").worker_model


def test_unknown_names_come_with_suggestions(file: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean tiny"):
        registry.resolve("acme:tinny")
    with pytest.raises(UnknownNameError, match="there are v1, v2, random"):
        registry.resolve("acme:tiny@second")


def test_random_weights_have_the_default_file(file: Path) -> None:
    entry = registry.resolve("acme:tiny@random")
    assert entry.weights is None
    assert "tiny_v2" in entry.worker_model


def test_an_edit_takes_effect_and_changes_the_keys_of_records(file: Path) -> None:
    before = identity(registry.resolve("acme:tiny"))
    file.write_text(TOML.replace('same_as = "resnet18"', 'same_as = "resnet34"'))
    after = registry.resolve("acme:tiny")
    assert after.model.architecture == "resnet34"
    assert identity(after)["definition"] != before["definition"]
    assert identity(after)["file"] == before["file"]


def test_another_machine_must_have_the_same_definition(file: Path) -> None:
    plain = of_entry(registry.resolve("acme:tiny"))
    assert str(entry_of(plain).ref) == "acme:tiny@v2"
    file.write_text(TOML + "# a remark\n")
    with pytest.raises(MeasurementError, match="by another file than this one"):
        entry_of(plain)


def test_preprocessing_says_where_it_is_from_and_what_it_leaves_open(file: Path) -> None:
    spec = registry.resolve("acme:tiny").preprocessing
    assert (spec.input_size, spec.published, spec.source) == ((32, 32), "partial", "acme.toml")


def test_a_sidecar_describes_a_file_of_a_pattern(file: Path) -> None:
    sidecar = file.parent / "models" / "mobile" / "narrow.toml"
    sidecar.write_text('architecture = "mobilenet_v2"\n[preprocessing]\nresize = 40\n')
    file.write_text(TOML + "\n")  # read anew
    model = registry.models("acme")["mobile/narrow"]
    assert (model.architecture, model.preprocessing.resize) == ("mobilenet_v2", 40)


def test_a_broken_sidecar_is_a_problem_of_its_entry(file: Path) -> None:
    (file.parent / "models" / "mobile" / "wide.toml").write_text("architektur = 'x'\n")
    file.write_text(TOML + "\n")
    assert any("mobile/wide" in p and "architektur" in p for p in zoo().problems)
    assert registry.resolve("acme:mobile/narrow").worker_model


@pytest.mark.parametrize("name", ["../outside.onnx", "/etc/passwd", "a/../../outside.onnx"])
def test_a_file_outside_the_folder_is_refused(file: Path, name: str) -> None:
    file.write_text(TOML.replace("gone.onnx", name))
    with pytest.raises(RefusedError, match="SEC110"):
        _ = registry.resolve("acme:gone").worker_model
    assert any("SEC110" in problem for problem in zoo().problems)


def test_a_pattern_outside_the_folder_matches_nothing(file: Path) -> None:
    file.write_text(TOML.replace("mobile/*.onnx", "../*.toml"))
    assert any("SEC110" in problem for problem in zoo().problems)
    assert "mobile/narrow" not in registry.models("acme")


def test_a_link_is_refused(file: Path) -> None:
    models = file.parent / "models"
    (models / "gone.onnx").symlink_to(models / "tiny.onnx")
    (models / "mobile" / "linked.onnx").symlink_to(models / "tiny.onnx")
    file.write_text(TOML + "\n")
    with pytest.raises(RefusedError, match=r"SEC110: .*gone\.onnx is a link"):
        _ = registry.resolve("acme:gone").worker_model
    assert "mobile/linked" not in registry.models("acme")


@pytest.mark.parametrize("labels", ["../labels.txt", "linked.txt"])
def test_labels_outside_the_folder_or_behind_links_are_refused(file: Path, labels: str) -> None:
    (file.parent / "linked.txt").symlink_to(file.parent / "labels.txt")
    file.write_text(TOML.replace('labels = "labels.txt"', f'labels = "{labels}"'))
    assert any("SEC110" in problem for problem in zoo().problems)
    assert registry.resolve("acme:tiny").labels.classes == 0


def test_a_stated_format_must_be_that_of_the_content(file: Path) -> None:
    file.write_text(TOML.replace('name = "gone"', 'name = "gone"\nformat = "tflite"'))
    (file.parent / "models" / "gone.onnx").write_bytes(
        (file.parent / "models" / "tiny.onnx").read_bytes()
    )
    entry = registry.resolve("acme:gone")
    assert entry.worker.name == "file-tflite"
    with pytest.raises(UnreadableFileError, match="ONNX file, and the zoo states TFLite file"):
        _ = entry.worker_model


def test_a_file_of_no_format_cannot_be_used(file: Path) -> None:
    (file.parent / "models" / "gone.onnx").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(UnreadableFileError, match="damaged archive"):
        _ = registry.resolve("acme:gone").worker_model


def test_claims_of_the_owner_stand_with_the_others(file: Path) -> None:
    own = [c for c in claims.claims_for("resnet18") if c.zoo == "acme"]
    assert [(c.label, c.top1_percent, c.parameters) for c in own] == [
        ("acme:tiny@v1", 71.2, 1546),
        ("acme:tiny@v2", 73.5, None),
    ]
    assert own[1].source == "https://models.acme.example/tiny"
    assert own[0].source.startswith("acme.toml@")
    assert own[1].note == "50,000 validation images, centre crop"
    assert "acme" in claims.zoo_names()
    (time,) = [t for t in latency_claims("resnet18") if t.zoo == "acme"]
    assert (time.milliseconds, time.machine, time.threads) == (1.25, "Xeon 8480+", 1)
    assert registry.models("acme")["tiny"].weights[0].parameters == 1546


def test_all_weights_are_named_by_a_star(file: Path) -> None:
    assert registry.expanded("acme:tiny@*") == ["acme:tiny@v1", "acme:tiny@v2"]
    assert registry.expanded("acme:tiny") == ["acme:tiny"]
    entries, _ = registry.resolve_readable(["acme:tiny@*"])
    assert len(entries) == 2


def test_a_size_that_the_zoo_leaves_open_can_be_chosen(file: Path) -> None:
    entry = registry.resolve("acme:tiny")
    assert isinstance(entry, StoredFileEntry)
    assert entry.at_extent(64) is None
    sized = replace(entry, extent=None).at_extent(64)
    assert sized is not None
    assert sized.worker_model.endswith("?size=64")


def test_a_bucket_is_fetched_once_per_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.setenv("ZOODIFF_HOME", str(tmp_path / "home"))
    file = write_zoo(tmp_path, TOML.replace('place = "models"', 'place = "memory://acme"'))
    monkeypatch.setenv("ZOODIFF_ZOOS", str(file))
    bucket = fsspec.filesystem("memory")
    for name in ("tiny.onnx", "tiny_v2.onnx", "mobile/wide.onnx"):
        bucket.pipe_file(f"/acme/{name}", (tmp_path / "models" / name).read_bytes())
    entry = registry.resolve("acme:tiny")
    path = Path(entry.worker_model.partition("?")[0])
    assert path.read_bytes() == (tmp_path / "models" / "tiny_v2.onnx").read_bytes()
    assert path.is_relative_to(tmp_path / "home")
    assert "mobile/wide" in registry.models("acme")
    before = identity(entry)
    bucket.pipe_file("/acme/tiny_v2.onnx", (tmp_path / "models" / "tiny.onnx").read_bytes())
    again = registry.resolve("acme:tiny")
    assert identity(again) != before
    assert Path(again.worker_model.partition("?")[0]) != path
    with pytest.raises(MeasurementError, match="there is no file memory://acme/gone"):
        _ = registry.resolve("acme:gone").worker_model
    bucket.rm("/acme", recursive=True)


def test_an_entry_can_be_run_without_zoodiff(file: Path) -> None:
    code = alone(registry.resolve("acme:tiny@v1"), seed=0)
    assert f"onnxruntime.InferenceSession('{file.parent}/models/tiny.onnx'" in code


def test_weights_that_cannot_be_compared_are_one_sentence_and_the_others_go_on(
    file: Path,
) -> None:
    lost = '[entries.weights.v3]\nfile = "lost.onnx"\n\n[[entries]]\nname = "gone"'
    file.write_text(TOML.replace('[[entries]]\nname = "gone"', lost))
    text, code = said(["diff", "acme:tiny@v1", "acme:tiny@*", "--graph-only"])
    assert code == 3
    assert "acme:tiny@v1 and acme:tiny@v2\nnot decided: the same architecture" in text
    assert text.count("acme:tiny@v3: there is no file lost.onnx") == 1
    text, code = said(["diff", "acme:tiny@v1", "acme:tiny@*", "--graph-only", "--json"])
    assert code == 3
    compared, failed = json.loads(text[text.index("[\n") : text.rindex("]") + 1])
    assert compared["answer"]["same_function"] is None
    assert "lost.onnx" in failed["error"]


def test_two_zoos_of_one_name_are_told_apart(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = file.with_name("other.toml")
    other.write_text(TOML)
    monkeypatch.setenv("ZOODIFF_ZOOS", f"{file}:{other}")
    assert list(registered().zoos) == ["acme"]
    assert 'there is a zoo "acme" already' in registered().broken[str(other)]
