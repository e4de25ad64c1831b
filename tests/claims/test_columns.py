"""The tables of times, accuracies and recipes are what was collected, and are read by name."""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import json
import lzma
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import zoodiff
from zoodiff.claims import columns
from zoodiff.claims.packed import read_table, write_table
from zoodiff.claims.recipes import recipe_claims
from zoodiff.claims.test_sets import accuracy_claims
from zoodiff.claims.times import LatencyClaim, latency_claims
from zoodiff.errors import UnknownNameError

PACKAGE = Path(zoodiff.__file__).parent
DATA = PACKAGE / "claims" / "data"
REPOSITORY = PACKAGE.parents[1]
TABLES = json.loads((DATA / "tables.json").read_text(encoding="utf-8"))
ADDED = ("architecture", "claimed_by", "doubtful", "equal_to", "row")


@pytest.fixture(scope="module")
def times() -> list[LatencyClaim]:
    return latency_claims()


@functools.cache
def collected(table: str) -> list[tuple[list[str], list[list[str]]]]:
    """Per collected file its header and its rows, from the written table."""
    document = json.loads(lzma.decompress((DATA / f"{table}.json.xz").read_bytes()))
    header = [name for name in document if name not in ADDED]
    places = [int(document["row"][0][code]) for code in document["row"][1]]
    order = sorted(range(len(places)), key=places.__getitem__)
    rows = [[document[name][0][document[name][1][k]] for name in header] for k in order]
    parts, start = [], 0
    for file in TABLES[table]["collected"]:
        parts.append((header, rows[start : start + file["rows"]]))
        start += file["rows"]
    assert start == len(rows)
    return parts


@pytest.mark.parametrize(
    ("table", "counts"),
    [("latency", [5227, 20202]), ("accuracy", [11382]), ("recipes", [2039])],
)
def test_a_table_gives_the_collected_files_back_byte_by_byte(table: str, counts: list[int]) -> None:
    for (header, rows), file, count in zip(
        collected(table), TABLES[table]["collected"], counts, strict=True
    ):
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
        assert len(rows) == count
        assert hashlib.sha256(text.getvalue().encode()).hexdigest() == file["sha256"]


def test_the_tool_finds_no_difference_from_the_collected_files(shared: Path) -> None:
    checked = tool("--check", shared / "claims")
    assert checked.stdout == "every row equals its row in the CSV files\n", checked.stderr


def test_every_column_is_described() -> None:
    for table, description in TABLES.items():
        assert description["path"] == f"{table}.json.xz"
        assert set(description["fields"]) == set(read_table(DATA, table))


def test_the_installed_package_stays_under_15_megabytes() -> None:
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert sum(path.stat().st_size for path in files) < 15_000_000
    assert sum(path.stat().st_size for path in DATA.glob("*.json.xz")) < 600_000


@pytest.mark.parametrize("table", ["latency", "accuracy", "recipes"])
def test_a_names_rows_are_those_of_the_whole_table(table: columns.Table) -> None:
    everything = columns.rows(table)
    names = [*columns.architectures(table)]
    assert {row["architecture"] for row in everything} == set(names)
    for name in [names[0], names[-1], *random.Random(1).sample(names, 20)]:
        assert columns.rows(table, name) == [r for r in everything if r["architecture"] == name]


def test_names_may_be_spelled_otherwise_and_have_suggestions() -> None:
    assert latency_claims("ResNet-50") == latency_claims("resnet50")
    with pytest.raises(UnknownNameError, match=r"times are published.*did you mean resnet50"):
        latency_claims("resnet5")
    with pytest.raises(UnknownNameError, match="did you mean resnet50d"):
        latency_claims("ResNet50_vd")


def test_every_row_has_source_and_protocol(times: list[LatencyClaim]) -> None:
    for claim in times:
        assert claim.source
        assert claim.measure
        assert (claim.milliseconds or claim.speedup_ratio) is not None
    for accuracy in accuracy_claims():
        assert accuracy.source
        assert accuracy.test_set
    assert all(recipe.source and recipe.processor for recipe in recipe_claims())


def test_known_rows_are_read_with_their_protocol() -> None:
    (keras,) = [
        claim
        for claim in latency_claims("vgg16")
        if (claim.zoo, claim.machine, claim.milliseconds) == ("keras", "AMD EPYC (92 core)", 69.5)
    ]
    assert (keras.batch, keras.measure, keras.precision) == (32, "per inference step", "fp32")
    assert keras.computed_images_per_second is None  # a step may be a batch or an image
    (vit,) = [
        claim
        for claim in latency_claims("test_vit")
        if claim.machine == "RTX 3090" and claim.layout == "nchw"
    ]
    assert (vit.milliseconds, vit.batch, vit.images_per_second) == (9.356, 1024, 109337.21)
    assert vit.runtime_version == "2.4.0+cu124"
    phone = [c for c in accuracy_claims("resnet50") if c.zoo == "qai_hub_models"]
    assert {claim.images for claim in phone} == {1000}


DOUBTS = [
    ("alexnet", 8.88, "likely typo: 0.88 on the AlexNet page"),
    ("lcnet_100", 0.47, "the zoo also publishes 2.46, 6.49276 ms for the same conditions"),
    ("lcnet_100", 6.49276, "this column repeats that of Qualcomm Snapdragon 855"),
    ("lcnetv2_base", 0.67, "the zoo also publishes 4.32 ms for the same conditions"),
]


@pytest.mark.parametrize(("architecture", "milliseconds", "reason"), DOUBTS)
def test_doubtful_times_are_marked_and_not_repaired(
    architecture: str, milliseconds: float, reason: str
) -> None:
    marks = [c.doubtful for c in latency_claims(architecture) if c.milliseconds == milliseconds]
    assert any(reason in (mark or "") for mark in marks), marks


def test_one_rate_of_timm_contradicts_its_time(times: list[LatencyClaim]) -> None:
    marked = [c for c in times if c.zoo == "timm" and c.doubtful]
    assert len(marked) == 1
    assert marked[0].milliseconds is not None
    assert marked[0].images_per_second is not None
    rate = 1000 * (marked[0].batch or 0) / marked[0].milliseconds
    assert abs(rate / marked[0].images_per_second - 1) > 0.05


def test_equal_numbers_are_marked_as_copied(times: list[LatencyClaim]) -> None:
    """MobileNetV3's Pixel times stand in Keras's code as in the Model Garden's page."""
    across = Counter(c.zoo for c in times if c.equal_to and c.zoo != "paddleclas")
    assert across == {"keras": 6, "tfmg": 6}
    (first,) = [c for c in latency_claims("mobilenet_v3_large") if c.milliseconds == 51.2][:1]
    assert first.equal_to
    assert "mobilenet_v3_large_1.0_224" in first.equal_to
    references = [c for c in accuracy_claims() if "the same zoo's" in (c.equal_to or "")]
    assert {claim.zoo for claim in references} == {"open_model_zoo"}
    ssld = [c for c in latency_claims("hrnet_w18") if c.equal_to]
    assert any("HRNet_W18_C_ssld" in (claim.equal_to or "") for claim in ssld)


# Tables that are made up


def made_up(folder: Path) -> None:
    """The collected files of a zoo with one network, in four tables."""
    claim_row = "zoo,model,weights_id,architecture_family,top1,top5,top1_as_published,metric_form,"
    claim_row += "params,params_as_published,flops_or_macs,flops_unit_claimed,flops_actual_unit,"
    claim_row += "input_size,resize_size,crop_size,crop_pct,interpolation,mean,std,channel_order,"
    claim_row += "value_range,preproc_published,latency_claim,precision,extra_data_or_distilled,"
    claim_row += "is_zoo_default,checkpoint,source_repo,source_path,commit,note"
    (folder / "claims.csv").write_text(claim_row + "\n", encoding="utf-8")
    for table in ("latency", "accuracy", "recipes"):
        for file in TABLES[table]["collected"]:
            header = collected(table)[0][0]
            row = dict.fromkeys(header, "") | {"zoo": "z", "model": "Net, with comma"}
            row |= {"latency_ms": "1.50", "device": "machine", "top1": "70.10"}
            with (folder / file["name"]).open("w", encoding="utf-8", newline="") as lines:
                writer = csv.DictWriter(lines, header, extrasaction="ignore", lineterminator="\n")
                writer.writeheader()
                writer.writerows([row, row | {"model": "another"}])


def tool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(REPOSITORY / "tools" / "build_claim_tables.py")]
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False
    )


def test_the_check_finds_a_changed_cell_and_a_lost_row(tmp_path: Path) -> None:
    folder, out = tmp_path / "collected", tmp_path / "out"
    folder.mkdir()
    made_up(folder)
    written = tool(folder, out)
    assert written.returncode == 0, written.stderr
    assert tool("--check", folder, out).returncode == 0
    cells = {name: column.cells() for name, column in read_table(out, "accuracy").items()}
    write_table(out, "accuracy", cells | {"top1": ["70.11", *cells["top1"][1:]]})
    assert tool("--check", folder, out).stdout.startswith("accuracy: row ")
    write_table(out, "accuracy", {name: column[:1] for name, column in cells.items()})
    assert tool("--check", folder, out).returncode == 1
