"""Orders of networks on two machines: made-up times, and one value of the data counted here."""

from __future__ import annotations

import json
import lzma
from itertools import combinations
from typing import Any

import pytest

from zoodiff.claims.catalogue import DATA
from zoodiff.claims.machines import compare
from zoodiff.claims.times import LatencyClaim, latency_claims
from zoodiff.errors import UsageError


def time(model: str, machine: str, milliseconds: float, **changes: Any) -> LatencyClaim:
    fields: dict[str, Any] = dict.fromkeys(LatencyClaim.__dataclass_fields__)
    fields |= {"architecture": model, "zoo": "z", "model": model, "weights": "random"}
    fields |= {"measure": "batch step", "batch": 4, "image_size": 224, "precision": "fp32"}
    fields |= {"runtime": "r", "source": "s", "machine": machine, "milliseconds": milliseconds}
    return LatencyClaim(**(fields | changes))


FIRST = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "e": 5.0}
SECOND = {"a": 20.0, "b": 10.0, "c": 30.0, "d": 40.0, "e": 50.0}


def table(**changes: Any) -> list[LatencyClaim]:
    return [
        *(time(model, "one", ms, **changes) for model, ms in FIRST.items()),
        *(time(model, "two", ms, **changes) for model, ms in SECOND.items()),
    ]


def test_one_exchanged_pair_of_ten_gives_tau_08() -> None:
    ranking = compare(table(), "One", "two")
    assert ranking.agreement.tau == pytest.approx(0.8)
    (pair,) = ranking.exchanged
    assert (pair.faster_on_first.model, pair.faster_on_second.model) == ("a", "b")
    assert (pair.first_factor, pair.second_factor) == (pytest.approx(2), pytest.approx(2))
    assert ranking.models == ()
    assert (pair.macs_ratio, pair.activations_ratio) == (None, None)


def test_a_pair_says_how_its_macs_and_activations_compare() -> None:
    counted = [
        time(c.model, c.machine or "", c.milliseconds or 0.0, macs_giga=m, activations_millions=3.0)
        for c, m in zip(table(), [6.0, 4.0, 1.0, 1.0, 1.0] * 2, strict=True)
    ]
    (pair,) = compare(counted, "one", "two").exchanged
    assert (pair.macs_ratio, pair.activations_ratio) == (pytest.approx(1.5), pytest.approx(1.0))


def test_a_machine_whose_times_follow_macs_and_activations_has_that_regression() -> None:
    sizes = [(1.0 + k % 7, 2.0 + k % 5, 1.0 + k % 3) for k in range(40)]
    rows = [
        time(
            f"net{k}",
            machine,
            macs**a * moved**b * (2.0 if k == 11 else 1.0),
            macs_giga=macs,
            activations_millions=moved,
            parameters_millions=held,
        )
        for machine, a, b in (("one", 0.2, 0.7), ("two", 0.6, 0.3))
        for k, (macs, moved, held) in enumerate(sizes)
    ]
    first, second = compare(rows, "one", "two").models
    assert first.exponents["activations"] == pytest.approx(0.7, abs=0.1)
    assert second.exponents["MACs"] == pytest.approx(0.6, abs=0.1)
    assert first.outliers[0].network.model == second.outliers[0].network.model == "net11"
    assert first.outliers[0].factor == pytest.approx(2.0, rel=0.15)


@pytest.mark.parametrize(
    "change",
    [
        *({"batch": 8}, {"measure": "inference"}, {"precision": "fp16"}, {"zoo": "y"}),
        *({"layout": "nhwc"}, {"compile_mode": "compile"}, {"runtime": "q"}),
    ],
)
def test_times_under_other_conditions_are_not_compared(change: dict[str, Any]) -> None:
    """The reversed order of the second table does not mix with that of the first."""
    reversed_ = [time(model, "two", 6 - ms, **change) for model, ms in FIRST.items()]
    assert compare([*table(), *reversed_], "one", "two").agreement.tau == pytest.approx(0.8)
    with pytest.raises(UsageError, match="share fewer than 5 networks"):
        compare([*table()[:5], *reversed_], "one", "two")


def test_the_conditions_with_most_networks_are_taken_and_others_named() -> None:
    more = [
        time(model, machine, ms, batch=8)
        for machine in ("one", "two")
        for model, ms in (FIRST | {"f": 6.0}).items()
    ]
    ranking = compare([*table(), *more], "one", "two")
    assert (ranking.conditions.batch, ranking.agreement.items) == (8, 6)
    assert [(conditions.batch, count) for conditions, count in ranking.alternatives] == [(4, 5)]


def test_times_whose_batch_is_not_stated_are_compared_with_such_alone() -> None:
    unstated = table(batch=None)
    assert "batch not stated" in str(compare(unstated, "one", "two").conditions)
    with pytest.raises(UsageError, match="share fewer than 5"):
        compare([*unstated[:5], *table()[5:]], "one", "two")


def test_doubtful_times_are_left_out_and_threads_are_kept_apart() -> None:
    doubtful = time("f", "two", 1.0, doubtful="likely typo")
    assert compare([*table(), time("f", "one", 9.0), doubtful], "one", "two").doubtful == 1
    threads = [time(model, "two", 6 - ms, threads=4) for model, ms in FIRST.items()]
    ranking = compare([*table(), *threads[:4]], "one", "two")
    assert ranking.second.threads == 0
    assert ranking.agreement.tau == pytest.approx(0.8)


def test_sizes_of_one_network_are_one_cluster() -> None:
    larger = [
        time(model, machine, 3 * ms, image_size=384)
        for machine, times in (("one", FIRST), ("two", SECOND))
        for model, ms in times.items()
    ]
    agreement = compare([*table(), *larger], "one", "two").agreement
    assert (agreement.items, agreement.clusters) == (10, 5)


def test_the_tau_of_the_two_processors_is_that_of_counting_pairs_in_the_file() -> None:
    """Read from the file and counted by the definition, with none of the code above."""
    document = json.loads(lzma.decompress((DATA / "latency.json.xz").read_bytes()))
    texts = {name: [known[code] for code in codes] for name, (known, codes) in document.items()}
    rows = [dict(zip(texts, cells, strict=True)) for cells in zip(*texts.values(), strict=True)]
    by_machine: dict[str, dict[tuple[str, str], float]] = {}
    for row in rows:
        if row["zoo"] == "timm" and row["device"].startswith("Intel") and not row["doubtful"]:
            times = by_machine.setdefault(row["device"], {})
            times[row["model"], row["image_size"]] = float(row["latency_ms"])
    first, second = by_machine["Intel Core i7-12700H"], by_machine["Intel Core i9-10940X"]
    shared = sorted(first.keys() & second.keys())
    pairs = [(first[key], second[key]) for key in shared]
    balance = ties_first = ties_second = exchanged = 0
    for (a, b), (c, d) in combinations(pairs, 2):
        balance += (a < c) == (b < d) and a != c and b != d
        exchanged += (a < c and b > d) or (a > c and b < d)
        ties_first += a == c
        ties_second += b == d
    total = len(pairs) * (len(pairs) - 1) // 2
    tau = (balance - exchanged) / ((total - ties_first) * (total - ties_second)) ** 0.5
    ranking = compare(latency_claims(), "i7-12700H", "i9-10940X", most=1)
    assert ranking.agreement.items == len(shared) == 1433
    assert ranking.agreement.tau == pytest.approx(tau, abs=1e-12)
    assert ranking.agreement.tau == pytest.approx(0.8586, abs=1e-4)
    assert ranking.agreement.exchanged_share == pytest.approx(exchanged / total)
    assert ranking.agreement.low is not None
    assert ranking.agreement.high is not None
    assert ranking.agreement.low < tau < ranking.agreement.high
