"""The catalogue as it is shipped: every row typed, in range, sourced, and in one unit a column."""

from __future__ import annotations

import csv
import datetime
import hashlib
import json
import re
import statistics
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from zoodiff.claims import catalogue, provided
from zoodiff.claims.catalogue import Claim
from zoodiff.errors import UnknownNameError
from zoodiff.zoos import registry

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = ("claims.csv", "protocols.csv", "sources.csv", "datapackage.json")


@pytest.fixture(scope="module")
def claims() -> list[Claim]:
    """The collected claims, without those that zoos bring themselves."""
    brought = {claim.zoo for claim in provided.claims()}
    return [claim for claim in catalogue.load() if claim.zoo not in brought]


def one(claims: list[Claim], **wanted: object) -> Claim:
    found = [c for c in claims if all(getattr(c, key) == value for key, value in wanted.items())]
    assert len(found) == 1, found
    return found[0]


def test_the_build_tool_gives_the_shipped_files_byte_for_byte(shared: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(REPOSITORY / "tools" / "build_claims.py")]
    subprocess.run(
        [*command, str(shared / "claims" / "claims.csv"), str(tmp_path)],
        check=True,
        capture_output=True,
        timeout=600,
    )
    for name in FILES:
        built, shipped = (tmp_path / name).read_bytes(), (catalogue.DATA / name).read_bytes()
        assert hashlib.sha256(built).digest() == hashlib.sha256(shipped).digest(), name


def test_every_collected_row_is_in_the_catalogue_with_its_numbers(
    shared: Path, claims: list[Claim]
) -> None:
    """Independent of the build tool: the collected file is read again, by other code."""
    with (shared / "claims" / "claims.csv").open(encoding="utf-8", newline="") as file:
        collected = list(csv.DictReader(file))

    def plain(value: str) -> float | None:
        return float(value) if value else None

    wanted = Counter((r["model"], plain(r["top1"]), plain(r["params"])) for r in collected)
    found = Counter(
        (c.model, c.top1_percent, None if c.parameters is None else float(c.parameters))
        for c in claims
    )
    assert found == wanted


def test_macs_are_the_collected_number_times_one_factor_a_unit(
    shared: Path, claims: list[Claim]
) -> None:
    factors = {"MACs": 1.0, "MMACs": 1e6, "GMACs": 1e9, "GFLOPs (2 x MACs)": 0.5e9}
    undoubled = "GMACs (not doubled, unlike the rest of the zoo)"
    factors[undoubled] = factors["GMACs"]
    with (shared / "claims" / "claims.csv").open(encoding="utf-8", newline="") as file:
        wanted = Counter(
            (row["model"], round(float(row["flops_or_macs"]) * factors[row["flops_actual_unit"]]))
            for row in csv.DictReader(file)
            if row["flops_or_macs"]
        )
    assert Counter((c.model, c.macs) for c in claims if c.macs is not None) == wanted


def test_the_data_is_small(claims: list[Claim]) -> None:
    assert len(claims) == 3910
    assert (catalogue.DATA / "claims.csv").stat().st_size < 1_000_000


def test_the_twelve_zoos_are_there(claims: list[Claim]) -> None:
    counts = Counter(claim.zoo for claim in claims)
    assert counts == {
        "torchvision": 129,
        "keras": 164,
        "tfmg": 106,
        "onnx": 108,
        "timm": 1556,
        "mmpretrain": 434,
        "paddleclas": 264,
        "open_model_zoo": 89,
        "gluoncv": 79,
        "tf_tpu_models": 81,
        "onnx_turnkey": 819,
        "keras_hub": 81,
    }


def test_accuracies_are_percent_and_top5_is_above_top1(claims: list[Claim]) -> None:
    for claim in claims:
        if claim.top1_percent is None:
            assert claim.top5_percent is None
            continue
        # No fraction survives, and ImageNet guessing would be 0.1 %.
        assert 30 < claim.top1_percent < 92, claim
        assert claim.top5_percent is None or claim.top1_percent < claim.top5_percent < 100, claim


def test_error_rates_and_fractions_are_read_as_accuracies_and_kept_as_printed(
    claims: list[Claim],
) -> None:
    shuffle = one(claims, zoo="onnx", weights="shufflenet-v2-12.onnx")
    assert (shuffle.metric_form, shuffle.top1_as_published) == ("error", "33.65")
    assert shuffle.top1_percent == 66.35
    for claim in claims:
        if claim.metric_form == "fraction" and claim.top1_as_published:
            printed = float(claim.top1_as_published.rstrip("%"))
            assert claim.top1_percent == pytest.approx(100 * printed if printed < 1 else printed)


def test_counts_are_in_units_not_in_millions(claims: list[Claim]) -> None:
    for claim in claims:
        assert claim.parameters is None or 200_000 < claim.parameters < 3_000_000_000, claim
        assert claim.macs is None or 5_000_000 < claim.macs < 3_000_000_000_000, claim
        assert claim.bytes is None or 1_000_000 < claim.bytes < 4_000_000_000, claim


def test_sizes_are_pixels(claims: list[Claim]) -> None:
    for claim in claims:
        for side in (claim.input_height, claim.input_width, claim.crop, claim.resize):
            assert side is None or 64 <= side <= 1024, claim
        assert claim.crop_fraction is None or 0.8 < claim.crop_fraction < 1.2, claim


def test_normalisation_is_on_the_range_of_the_pixels_or_marked(claims: list[Claim]) -> None:
    for claim in claims:
        if claim.mean is None or claim.value_range is None:
            continue
        assert len(claim.mean) == 3
        assert claim.std is None or len(claim.std) == 3
        low, high = claim.value_range
        assert claim.doubtful or all(low <= value <= high for value in claim.mean), claim


def test_dates_are_of_the_zoos_lifetime(claims: list[Claim]) -> None:
    for claim in claims:
        if claim.published_on is not None:
            first, last = datetime.date(2015, 1, 1), datetime.date(2026, 12, 31)
            assert first < claim.published_on < last, claim
            assert claim.published_basis is not None, claim
            assert claim.withdrawn_on is None or claim.published_on < claim.withdrawn_on, claim


@pytest.mark.parametrize(
    ("file", "day"),
    [
        # From the history of onnx/models: the day on which the file was added.
        ("resnet50-v1-12.onnx", "2021-07-20"),
        ("vgg16-12.onnx", "2021-09-25"),
        ("inception-v1-12.onnx", "2022-01-11"),
        ("mobilenetv2-12.onnx", "2022-03-22"),
        ("densenet-12.onnx", "2022-05-11"),
    ],
)
def test_dates_of_onnx_files_are_those_of_their_commits(
    claims: list[Claim], file: str, day: str
) -> None:
    claim = one(claims, zoo="onnx", weights=file)
    assert claim.published_on is not None
    # The number in the README may have come a few days after the file.
    late = claim.published_on - datetime.date.fromisoformat(day)
    assert datetime.timedelta(0) <= late <= datetime.timedelta(days=14), claim.published_on


def test_every_row_has_a_source_and_an_architecture(claims: list[Claim]) -> None:
    for claim in claims:
        assert re.fullmatch(r"[a-z0-9][a-z0-9_.+-]*", claim.architecture), claim.architecture
        repository, _, rest = claim.source.partition(" ")
        assert repository.count("/") == 1, claim.source
        assert rest, claim.source
        # A source whose commit is not known says where its table was read.
        assert re.search(r"@[0-9a-f]{12}$", claim.source) or "copy" in rest, claim.source


def test_no_claim_is_listed_twice() -> None:
    with (catalogue.DATA / "claims.csv").open(encoding="utf-8", newline="") as file:
        rows = [tuple(row) for row in csv.reader(file)]
    assert [row for row, count in Counter(rows).items() if count > 1] == []


def test_what_one_page_says_twice_differs_in_its_printed_number(claims: list[Claim]) -> None:
    """Zoos print some models in two tables of one page; both rows stay and tell themselves."""
    groups: dict[tuple[object, ...], list[Claim]] = defaultdict(list)
    for c in claims:
        groups[c.zoo, c.model, c.weights, c.precision, c.input_height, c.source].append(c)
    repeated = {key: group for key, group in groups.items() if len(group) > 1}
    assert {key[0] for key in repeated} == {"paddleclas"}
    for group in repeated.values():
        assert len({(c.top1_percent, c.macs, c.parameters, c.note) for c in group}) == len(group)


def test_macs_of_one_network_at_one_size_agree_within_ten_percent_or_are_marked(
    claims: list[Claim],
) -> None:
    """A factor of two (FLOPs for MACs) or of a thousand (mega for giga) cannot hide here."""
    groups: dict[tuple[str, int], list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim.macs and claim.input_height:
            groups[claim.architecture, claim.input_height].append(claim)
    compared = 0
    for group in groups.values():
        median = statistics.median(c.macs for c in group if c.macs)
        for claim in group:
            compared += 1
            assert claim.macs
            # Counters differ in what they count besides convolutions; 10 % takes that in.
            agrees = median / 1.1 <= claim.macs <= median * 1.1
            assert agrees or claim.doubtful, (claim, median)
    assert compared > 2000


def test_open_model_zoo_is_halved_and_its_own_figure_kept(claims: list[Claim]) -> None:
    claim = one(claims, zoo="open_model_zoo", model="resnet-50-pytorch")
    # 7.816 GFLOPs as published; ResNet-50 v1.5 is 4.09 GMACs, v1 3.86.
    assert claim.macs == pytest.approx(4.1e9, rel=0.02)
    assert claim.macs_as_published is not None
    assert float(claim.macs_as_published) * 1e9 == pytest.approx(2 * claim.macs)


@pytest.mark.parametrize(
    ("zoo", "model", "value"),
    [
        ("mmpretrain", "resnet34_8xb32_in1k", ("parameters", 2_180_000)),
        ("open_model_zoo", "inception-resnet-v2-tf", ("parameters", 30_223_000)),
        ("open_model_zoo", "mobilenet-v2-pytorch", ("std", (58.624, 57.12, 57.375))),
    ],
)
def test_likely_typos_are_kept_as_published_and_marked(
    claims: list[Claim], zoo: str, model: str, value: tuple[str, object]
) -> None:
    claim = one(claims, zoo=zoo, model=model)
    assert getattr(claim, value[0]) == value[1]
    assert claim.doubtful
    assert value[0] in claim.doubtful


def test_doubts_are_few(claims: list[Claim]) -> None:
    """A rule that marked every tenth claim would mark nothing."""
    assert 20 < sum(claim.doubtful is not None for claim in claims) < 200


def test_each_entry_of_a_claim_exists_and_has_the_same_architecture(claims: list[Claim]) -> None:
    named = {claim.entry: claim.architecture for claim in claims if claim.entry is not None}
    assert len(named) > 200
    for reference, architecture in named.items():
        assert registry.resolve(str(reference)).model.architecture == architecture, reference


def test_every_torchvision_and_keras_network_has_a_claim(claims: list[Claim]) -> None:
    claimed = {(claim.zoo, claim.entry_model) for claim in claims}
    for zoo in ("torchvision", "keras"):
        missing = [name for name in registry.models(zoo) if (zoo, name) not in claimed]
        assert missing == []


def test_preprocessing_that_is_not_published_is_said_so(claims: list[Claim]) -> None:
    said = {zoo: {c.preprocessing for c in claims if c.zoo == zoo} for zoo in catalogue.zoo_names()}
    assert said["torchvision"] == {"yes"}
    assert said["keras"] == {"partial"}
    assert "no" in said["onnx_turnkey"]


def test_keras_table_is_not_called_measured_where_its_numbers_are_copied(
    claims: list[Claim],
) -> None:
    copied = {c.model for c in claims if c.zoo == "keras" and c.provenance == "copied"}
    assert {"EfficientNetB0", "mobilenet_v3_large_1.0_224"} <= copied
    for claim in claims:
        assert (claim.provenance is None) == (claim.top1_percent is None), claim


def test_the_data_package_describes_every_column(claims: list[Claim]) -> None:
    package = json.loads((catalogue.DATA / "datapackage.json").read_text(encoding="utf-8"))
    for resource in package["resources"]:
        with (catalogue.DATA / resource["path"]).open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        fields = resource["schema"]["fields"]
        assert [field["name"] for field in fields] == header
        assert resource["rows"] == len(rows)
        assert all(field["description"] for field in fields)
    numbers = {
        field["name"]: field.get("unit")
        for field in package["resources"][0]["schema"]["fields"]
        if field["type"] in ("number", "integer")
    }
    assert None not in numbers.values(), numbers


def test_claims_of_one_architecture_and_zoo() -> None:
    found = catalogue.claims_for("resnet50", zoo="torchvision")
    nominal = {c.weights: c.top1_percent for c in found if c.entry is not None}
    # The numbers of torchvision's own weights enum.
    assert nominal == {"IMAGENET1K_V1": 76.13, "IMAGENET1K_V2": 80.858}
    assert all(c.architecture == "resnet50" and c.zoo == "torchvision" for c in found)


def test_unknown_names_are_errors_with_suggestions() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean .*resnet50"):
        catalogue.claims_for("resnet5000")
    with pytest.raises(UnknownNameError, match=r"did you mean torchvision"):
        catalogue.claims_for("resnet50", zoo="torchvison")


def test_a_zoos_own_name_leads_to_the_architecture() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean vit_tiny_patch16"):
        catalogue.claims_for("ViT-ti16")
    about = {claim.architecture for claim in catalogue.claims_for("MobileNetV3Large")}
    assert about == {"mobilenet_v3_large"}, "another spelling of the architecture itself"


def test_a_claim_is_plain_json() -> None:
    claim = catalogue.claims_for("vgg19", zoo="onnx")[0]
    row = json.loads(json.dumps(claim.to_dict()))
    assert row["top1_percent"] == claim.top1_percent
    assert claim.published_on is None or row["published_on"] == claim.published_on.isoformat()


def test_reading_the_catalogue_imports_nothing_heavy() -> None:
    code = (
        "import sys; from zoodiff.claims import catalogue; catalogue.load();"
        "heavy = {'numpy', 'pydantic', 'pandas', 'pyarrow', 'scipy', 'torch', 'tensorflow'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=600
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("zoo", "model"), [("keras", "ResNet50"), ("torchvision", "resnet50"), ("keras", "nothing")]
)
def test_claims_of_a_model_are_those_of_all_that_name_it(zoo: str, model: str) -> None:
    everything = [one for one in catalogue.load() if one.zoo == zoo]
    expected = [one for one in everything if model in {one.model, one.entry_model}]
    assert catalogue.claims_of(zoo, model) == expected
    assert bool(expected) == (model != "nothing")
