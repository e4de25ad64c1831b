"""Measure the report of 100 names by 6 zoos in Chromium: size, first view, filter.

    python benchmarks/report.py [NAMES] [--json FILE] [--keep FOLDER]

The study is made up of the real types of results: each name has three graphs with twelve findings
a pair, latencies of 200 rounds, accuracies, all pairs of both, and an explanation of each pair. Its
store has graphs of real networks for all pairs, so that as many pictures are drawn as a report
holds, and predictions for a few images. The names are those of the catalogue with most claims, so
that claims are real. The browser is driven
over its DevTools pipe, with software rendering, at 1280 by 900 pixels.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from support import answers, chromium, drawn_reports, report_examples  # noqa: E402
from zoodiff.claims import catalogue  # noqa: E402
from zoodiff.report import write  # noqa: E402
from zoodiff.results import Contingency, Discrepancy, Interval, RatioFactor  # noqa: E402
from zoodiff.store.explanation_values import ExplanationValues, PartValues  # noqa: E402
from zoodiff.store.folder import Store  # noqa: E402
from zoodiff.store.records import (  # noqa: E402
    AccuracyValues,
    ArchitectureValues,
    LatencyValues,
    Record,
)
from zoodiff.study.result import ComparedGraphs, Explained, StudyResult  # noqa: E402

ZOOS = ("torchvision", "keras", "onnx", "tfmg", "timm", "hf")
GRAPH_OF = (0, 1, 0, 2, 0, 1)
"""The graph of each zoo's entry."""
ROUNDS = 200
FINDINGS = ("ARC101", "ARC107", "ARC120", "ARC140", "ARC111", "ARC113")
PARTS = ("preprocessing", "factor", "factor", "factor", "together", "network", "weights", "graph")
NETWORKS = (
    ("torchvision__resnet50", "keras__ResNet50"),
    ("torchvision__densenet121", "torchvision__inception_v3"),
)
"""Pairs of real networks, which stand for all pairs in turn."""
FACTORS = [
    RatioFactor(code=code, what=what, ratio=Interval(value=1.5, low=1.4, high=1.6))
    for code, what in report_examples.FACTOR_NAMES
]
FILTERS = ("resnet", "keras 50", "zzz", "")

_FIRST_VIEW = """new Promise((done) => {
  const seen = () => performance.getEntriesByName('first-contentful-paint')[0];
  const wait = () => (seen() ? done(seen().startTime) : requestAnimationFrame(wait));
  wait();
})"""
_DRAWN = """new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
  done(performance.now()))))"""
_FILTER = """new Promise((done) => {
  const box = document.querySelector('#app input[type=search]');
  const start = performance.now();
  box.value = %r;
  box.dispatchEvent(new Event('input'));
  const typed = performance.now() - start;
  requestAnimationFrame(() => requestAnimationFrame(() =>
    done([typed, performance.now() - start])));
})"""
_GO = """new Promise((done) => {
  const start = performance.now();
  location.hash = %r;
  addEventListener('hashchange', () => requestAnimationFrame(() => requestAnimationFrame(() =>
    done(performance.now() - start))), {once: true});
})"""


def study(names: int) -> StudyResult:
    """A study of so many names in six zoos."""
    chance = random.Random(17)
    counted = Counter(claim.architecture for claim in catalogue.load() if claim.top1_percent)
    chosen = [name for name, _ in counted.most_common(names)]
    chosen += [f"network{k:04}" for k in range(names - len(chosen))]
    parts = [_name(name, chance) for name in chosen]
    merged: dict[str, list[Any]] = {key: [] for key in parts[0]}
    for part in parts:
        for key, values in part.items():
            merged[key] += values
    for key in ("measured_accuracy", "latency"):
        merged[key].sort(key=lambda row: -row.difference)
    return report_examples.example().model_copy(
        update={**merged, "mismatches": [], "comparisons": [], "failures": [], "top": 10}
    )


def _name(name: str, chance: random.Random) -> dict[str, list[Any]]:
    entries = [f"{zoo}:{name}@default" for zoo in ZOOS]
    graphs = [[e for e, g in zip(entries, GRAPH_OF, strict=True) if g == k] for k in range(3)]
    findings = [
        (
            *(code, "a difference", "function", "1 before, 0 after", "0 before, 1 after", 9),
            *("layers", f"layer{k}.0.conv1, layer{k}.1.conv2, layer{k}.2.downsample and 6 more"),
        )
        for k, code in enumerate(FINDINGS * 2)
    ]
    return {
        "differences": [
            report_examples.difference(name, one[0], two[0], findings)
            for one, two in itertools.combinations(graphs, 2)
        ],
        "graphs": [
            ComparedGraphs(
                comparison=name, graphs=graphs, verdict="mismatch", same=None, not_compared=[]
            )
        ],
        "records": [record for entry in entries for record in _records(entry, name, chance)],
        "latency": _rows("latency", name, entries, chance),
        "measured_accuracy": _rows("measured_top1", name, entries, chance),
        "explanations": [
            _explained(name, one, two, chance) for one, two in itertools.combinations(entries, 2)
        ],
    }


def _spread(value: float, width: float) -> Interval:
    return Interval(value=value, low=value - width, high=value + width)


def _records(entry: str, name: str, chance: random.Random) -> list[Record]:
    template = next(
        record
        for record in report_examples.architecture_records()
        if isinstance(record.values, ArchitectureValues)
    ).values
    milliseconds = chance.uniform(5, 80)
    timed = LatencyValues(
        median_ms=_spread(milliseconds, 0.4),
        p10_ms=milliseconds * 0.97,
        p90_ms=milliseconds * 1.05,
        calls=4 * ROUNDS,
        round_medians_ms=[milliseconds * chance.gauss(1, 0.01) for _ in range(ROUNDS)],
        group=name,
    )
    right = chance.uniform(60, 85)
    measured = AccuracyValues(
        top1=_spread(right, 0.3),
        top5=_spread(min(99.0, right + 14), 0.2),
        images=50_000,
        predictions_file="0123456789abcdef.parquet",
        predictions_sha256="0" * 64,
        seconds=900.0,
    )
    return [
        report_examples.record(entry, name, "published", values)
        for values in (template, timed, measured)
    ]


def _rows(metric: str, name: str, entries: list[str], chance: random.Random) -> list[Discrepancy]:
    timed = metric == "latency"
    return [
        Discrepancy(
            metric="latency" if timed else "measured_top1",
            architecture=name,
            high_entry=one,
            low_entry=two,
            high=60.0,
            low=50.0,
            unit="ms" if timed else "%",
            difference=(difference := chance.uniform(0, 40)),
            difference_unit="%" if timed else "percentage points",
            interval=_spread(difference, 1.5),
            p_value=None if timed else 0.01,
            verdict="discrepancy" if difference > 3 else "within noise",
            high_weights="published",
            low_weights="published",
            causes=report_examples.CAUSES,
            factors=FACTORS if timed else [],
            contingency=None
            if timed
            else Contingency(
                both=30_000,
                high_alone=6_000,
                low_alone=3_000,
                neither=11_000,
                same_answer=33_000,
            ),
        )
        for one, two in itertools.combinations(entries, 2)
    ]


def _explained(name: str, one: str, two: str, chance: random.Random) -> Explained:
    parts = [
        PartValues(
            kind=kind,
            what=f"{kind} {number}",
            code="PRE102" if kind == "factor" else None,
            first="[0.485, 0.456, 0.406], standard deviation 0.229",
            second="103.939, 116.779, 123.68",
            points=_spread(chance.uniform(-3, 3), 0.5),
        )
        for number, kind in enumerate(PARTS)
    ]
    values = ExplanationValues(other=two, images=50_000, total=_spread(3.0, 0.6), parts=parts)
    return Explained(architecture=name, entry=one, values=values, record="0" * 64)


def awaited(tab: chromium.Tab, expression: str) -> Any:
    """The value of a promise in the page."""
    answer = tab.call(
        "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
    )
    if "exceptionDetails" in answer:
        raise RuntimeError(str(answer["exceptionDetails"]))
    return answer["result"].get("value")


def stored(result: StudyResult, store: Store, chance: random.Random) -> StudyResult:
    """The study with graphs and predictions in a store."""
    digests = [drawn_reports.stored(store, pair) for pair in NETWORKS]
    differences = []
    for number, each in enumerate(result.differences):
        values = each.values.model_copy(update={"graphs": digests[number % len(digests)]})
        update = {"values": values, "record": f"{number:016x}" + "0" * 48}
        differences.append(each.model_copy(update=update))
    given = {
        record.entry: [chance.randrange(answers.CLASSES) for _ in answers.LABELS]
        for record in result.records
    }
    top1 = {r.entry: r.values.top1.value for r in result.records if r.kind == "accuracy"}
    rows = [
        row.model_copy(update={"high": top1[row.high_entry], "low": top1[row.low_entry]})
        for row in result.measured_accuracy
    ]
    changed = result.model_copy(update={"differences": differences, "measured_accuracy": rows})
    return drawn_reports.with_predictions(changed, store, given=given)


def measured(names: int, folder: Path) -> dict[str, float]:
    """All numbers, by name."""
    executable = chromium.find()
    if executable is None:
        raise SystemExit(f"no Chromium under any name of {', '.join(chromium.NAMES)}")
    with tempfile.TemporaryDirectory() as results:
        store = Store(results)
        result = stored(study(names), store, random.Random(23))
        start = time.perf_counter()
        page = write(result, folder, store).html
    numbers = {"written, s": time.perf_counter() - start, "page, MB": page.stat().st_size / 1e6}
    whole = list((folder / "pictures").iterdir())
    numbers["pictures"] = len(whole)
    numbers["pictures as pages, MB"] = sum(path.stat().st_size for path in whole) / 1e6
    address = page.as_uri()
    with (
        tempfile.TemporaryDirectory() as profile,
        chromium.Browser(executable, Path(profile)) as browser,
    ):
        browser.open(address)  # fonts and caches
        views = [browser.open(address) for _ in range(3)]
        numbers["first view, ms"] = statistics.median(awaited(tab, _FIRST_VIEW) for tab in views)
        opened = [awaited(browser.open(address), _DRAWN) for _ in range(3)]
        numbers["all of it drawn, ms"] = statistics.median(opened)
        for view in ("architectures", "entries", "pairs"):
            tab = browser.open(address)
            numbers[f"to {view}, ms"] = awaited(tab, _GO % f"#/{view}")
            spent = [awaited(tab, _FILTER % text) for text in FILTERS * 2]
            numbers[f"filter of {view}, ms"] = max(typed for typed, _ in spent)
            numbers[f"filter of {view} and its drawing, ms"] = max(drawn for _, drawn in spent)
        name = result.graphs[0].comparison
        numbers["to an architecture, ms"] = awaited(tab, _GO % f"#/architecture/{name}")
        pair = "/".join(quote(part, safe="") for part in (name, *_first_pair(result)))
        numbers["to a pair with a picture, ms"] = awaited(tab, _GO % f"#/pair/{pair}")
        if complaints := tab.complaints():
            raise RuntimeError(str(complaints))
    return numbers


def _first_pair(result: StudyResult) -> tuple[str, str]:
    """The entries of the first pair of the first name."""
    return result.differences[0].first, result.differences[0].second


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="?", type=int, default=100)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="a folder for the report")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        numbers = measured(options.names, options.keep or Path(folder))
    for name, value in numbers.items():
        print(f"{name:40} {value:10.2f}")
    if options.json is not None:
        options.json.write_text(json.dumps(numbers, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
