"""Tables of published times, of accuracies on further test sets, of recipes, and rankings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from zoodiff.cli.render.claims_notes import WIDTH, numbered, print_sources, remarks
from zoodiff.cli.render.console import print_line, print_table

if TYPE_CHECKING:
    from zoodiff.api.claimed.claims_values import (
        AccuracyClaim,
        LatencyClaim,
        MachineRanking,
        RecipeClaim,
        TimeModel,
    )

Column = str | tuple[str, str]


def print_times(times: Sequence[LatencyClaim]) -> None:
    """Print published times, one table per measure and batch, since only those are comparable."""
    sources = numbered(claim.source for claim in times)
    groups: dict[tuple[str, int | None], list[LatencyClaim]] = {}
    for claim in times:
        groups.setdefault((claim.measure, claim.batch), []).append(claim)
    for (measure, batch), rows in groups.items():
        size = "batch not stated" if batch is None else f"batch {batch}"
        ratio = any(claim.speedup_ratio for claim in rows)
        columns: list[Column] = [
            *(("model", "fold"), ("machine", "fold"), ("runtime", "fold"), ("precision", "fold"))
        ]
        numbers = ("batch", "px", "times" if ratio else "ms", "img/s", "")
        print_table(
            [*columns, *((name, "right") for name in numbers)],
            [[*_time_row(claim), f"[{sources[claim.source]}]"] for claim in rows],
            title=f"{measure}, {size}",
            width=WIDTH,
        )
    print_line(f"{len(times)} times; tables of another measure or batch are not comparable.")
    if any(_is_computed(claim) for claim in times):
        print_line("~ images per second are batch over time; the others are published.")
    named = [(f"{c.zoo} {c.model} on {c.machine}", c.doubtful, c.equal_to) for c in times]
    for line in remarks(named):
        print_line(line)
    print_sources(sources)


def _is_computed(claim: LatencyClaim) -> bool:
    return claim.images_per_second is None and claim.computed_images_per_second is not None


def _time_row(claim: LatencyClaim) -> list[str]:
    unit = claim.compute_unit if claim.compute_unit not in (None, "GPU", "CPU") else None
    threads = f"{claim.threads} threads" if claim.threads else None
    mode = " ".join(text for text in (claim.layout, claim.compile_mode) if text)
    value = claim.milliseconds if claim.milliseconds is not None else claim.speedup_ratio
    rate = claim.computed_images_per_second
    marks = ("?" if claim.doubtful else "") + ("=" if claim.equal_to else "")
    return [
        f"{claim.zoo} {claim.model}",
        ", ".join(text for text in (claim.machine or "not stated", unit, threads) if text),
        claim.runtime or "",
        f"{claim.precision or ''} {mode}".strip(),
        "" if claim.batch is None else str(claim.batch),
        "" if claim.image_size is None else str(claim.image_size),
        ("" if value is None else f"{value:.5g}") + marks,
        "" if rate is None else ("~" if _is_computed(claim) else "") + f"{rate:.5g}",
    ]


def print_accuracies(accuracies: Sequence[AccuracyClaim]) -> None:
    """Print accuracies, one table per test set."""
    sources = numbered(claim.source for claim in accuracies)
    for test_set, members in groupby(accuracies, key=lambda c: c.test_set):
        columns: list[Column] = [("model", "fold"), ("precision", "fold"), ("on", "fold")]
        numbers = ("top-1", "top-5", "change", "images", "px", "")
        print_table(
            [*columns, *((name, "right") for name in numbers)],
            [[*_accuracy_row(claim), f"[{sources[claim.source]}]"] for claim in members],
            title=test_set,
            width=WIDTH,
        )
    print_line(
        f"{len(accuracies)} accuracies; change: points from ImageNet-1k or the float network."
    )
    for line in remarks((f"{c.zoo} {c.model}", c.doubtful, c.equal_to) for c in accuracies):
        print_line(line)
    print_sources(sources)


def _accuracy_row(claim: AccuracyClaim) -> list[str]:
    change = claim.top1_difference_points
    where = ", ".join(text for text in (claim.machine, claim.runtime) if text)
    marks = ("?" if claim.doubtful else "") + ("=" if claim.equal_to else "")
    return [
        claim.model if claim.zoo == "timm" else f"{claim.zoo} {claim.model}",
        claim.precision or "",
        where,
        ("" if claim.top1_percent is None else f"{claim.top1_percent:g}") + marks,
        "" if claim.top5_percent is None else f"{claim.top5_percent:g}",
        "" if change is None else f"{change:+g}",
        "" if claim.images is None else str(claim.images),
        claim.image_size or "",
    ]


def print_recipes(recipes: Sequence[RecipeClaim]) -> None:
    """Print published preprocessing."""
    sources = numbered(f"{claim.source.partition(' ')[0]}" for claim in recipes)
    columns: list[Column] = [
        *("zoo", ("model @weights", "fold"), ("resize", "fold"), ("interpolation", "fold")),
        ("mean", "fold"),
    ]
    print_table(
        [*columns, ("crop", "right"), ("", "right")],
        [
            [
                claim.zoo,
                f"{claim.model} @{claim.weights}" if claim.weights else claim.model,
                claim.resize_size or claim.resize_policy,
                claim.interpolation or "",
                claim.mean or "",
                claim.crop_size or "",
                f"[{sources[claim.source.partition(' ')[0]]}]",
            ]
            for claim in recipes
        ],
        width=WIDTH,
    )
    print_line(f"{len(recipes)} recipes; --json has all columns, with the source of each.")
    print_sources(sources)


def print_ranking(ranking: MachineRanking) -> None:
    """Print how far two machines order networks alike."""
    agreement = ranking.agreement
    print_line(f"{ranking.first} | {ranking.second}")
    print_line(f"  {ranking.conditions}")
    versions = [", ".join(versions) or "not stated" for versions in ranking.runtime_versions]
    if versions[0] != versions[1]:
        print_line(f"  the runtime's version differs too: {versions[0]} | {versions[1]}")
    interval = "no interval: too few differ"
    if agreement.low is not None and agreement.high is not None:
        interval = f"{agreement.low:.3f} to {agreement.high:.3f}"
    print_line(
        f"  Kendall's tau-b {agreement.tau:.3f} ({interval}) over {agreement.items} networks;"
    )
    print_line(f"  {100 * agreement.exchanged_share:.1f} % of their pairs exchange order")
    if ranking.doubtful:
        print_line(f"  left out as doubtful: {ranking.doubtful} of the two machines' times")
    _print_exchanges(ranking)
    for model in ranking.models:
        _print_model(model)
    if not ranking.models:
        print_line("No regression: the zoo publishes no MACs and activations with these times.")
    for conditions, count in ranking.alternatives[:5]:
        print_line(f"also shared: {count} networks, {conditions}")


def _print_exchanges(ranking: MachineRanking) -> None:
    if not ranking.exchanged:
        print_line("No pair of networks exchanges order.")
        return
    counted = any(pair.macs_ratio or pair.activations_ratio for pair in ranking.exchanged)
    print_table(
        [
            ("faster on the first", "fold"),
            ("faster on the second", "fold"),
            ("first", "right"),
            ("second", "right"),
            *((("MACs", "right"), ("act.", "right")) if counted else ()),
        ],
        [
            [
                str(pair.faster_on_first),
                str(pair.faster_on_second),
                f"{pair.first_factor:.2f}x",
                f"{pair.second_factor:.2f}x",
                *((_times(pair.macs_ratio), _times(pair.activations_ratio)) if counted else ()),
            ]
            for pair in ranking.exchanged
        ],
        title="pairs that exchange order most, each network once",
        width=WIDTH,
    )
    if counted:
        print_line("MACs, act.: multiply-accumulates and activations, the left over the right one")


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}x"


def _print_model(model: TimeModel) -> None:
    powers = [f"{name}^{value:.2f}" for name, value in model.exponents.items()]
    factors = [f"{value:.2f} with {name}" for name, value in model.factors.items()]
    print_line(f"{model.setup}: time ~ {' x '.join([*powers, *factors])}")
    print_line(
        f"  a log-linear regression of {model.rows} times, a description and no cause: "
        f"R2 {model.r_squared:.2f}"
    )
    print_line(f"  it is typically off by {model.typical_factor:.2f}x; furthest off:")
    print_table(
        [("network", "fold"), "layout", ("time over expected", "right")],
        [
            [
                str(outlier.network),
                f"{outlier.layout} {outlier.compile_mode}".strip(),
                f"{outlier.factor:.2f}x",
            ]
            for outlier in model.outliers
        ],
        width=WIDTH,
    )
