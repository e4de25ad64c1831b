"""Numbers that are equal to the last digit across zoos, or repeated within one zoo.

Such a number was copied, or both zoos measured the same weights alike; the digits cannot say
which. A number with few digits agrees by chance, so it needs three significant ones (a time), or
two decimals or an equal top-5 (an accuracy).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

Row = dict[str, str]
VALIDATION = "ImageNet-1k val"
UNNAMED = ("", "not stated", "GPU not named", "host (not stated)")


def significant(text: str) -> int:
    """Return the number of significant digits that are printed, without trailing zeros.

    >>> significant("0.730"), significant("100.025"), significant("8")
    (2, 6, 1)
    """
    return len(text.replace(".", "").strip("0"))


def decimals(text: str) -> int:
    """Return the number of printed decimals, without trailing zeros."""
    return len(text.partition(".")[2].rstrip("0"))


def equal_times(rows: Sequence[Row]) -> dict[int, str]:
    """Return by index of a row the zoos that publish the same time of the same network."""

    def key(row: Row) -> tuple[str, ...] | None:
        digits = row["latency_ms"]
        if significant(digits) < 3:
            return None
        return row["architecture"], row["image_size"], f"{float(digits):.10g}"

    return _across_zoos(rows, key, _same_device)


def _same_device(first: Row, second: Row) -> bool:
    devices = {first["device"], second["device"]}
    return len(devices) == 1 or bool(devices & set(UNNAMED))


def equal_accuracies(rows: Sequence[Row]) -> dict[int, str]:
    """Return by index of a row the zoos with the same top-1 on the same test set."""

    def key(row: Row) -> tuple[str, ...] | None:
        if not row["top1"]:
            return None
        return row["architecture"], row["test_set"], f"{float(row['top1']):.10g}"

    def enough(first: Row, second: Row) -> bool:
        if min(decimals(first["top1"]), decimals(second["top1"])) >= 2:
            return True
        return bool(first["top5"] and second["top5"]) and float(first["top5"]) == float(
            second["top5"]
        )

    return _across_zoos(rows, key, enough)


def _across_zoos(
    rows: Sequence[Row],
    key: Callable[[Row], tuple[str, ...] | None],
    agree: Callable[[Row, Row], bool],
) -> dict[int, str]:
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        value = key(row)
        if value is not None:
            groups[value].append(index)
    marks = {}
    for members in groups.values():
        for index in members:
            others = sorted(
                {
                    f"{rows[other]['claimed_by']} {rows[other]['model']}"
                    for other in members
                    if rows[other]["claimed_by"] != rows[index]["claimed_by"]
                    and agree(rows[index], rows[other])
                }
            )
            if others:
                marks[index] = _listed(others)
    return marks


def with_test_set(row: Row) -> Row:
    """Return the row with its test set by one name; subsets and other labels keep their own."""
    name = row["dataset"].partition(" (")[0]
    return row | {"test_set": VALIDATION if name == VALIDATION else row["dataset"]}


def repeated_references(rows: Sequence[Row]) -> dict[int, str]:
    """Return by index of a row the other runtimes with the same reference accuracy.

    Open Model Zoo's accuracy checks repeat the figure of the source framework for the converted
    network, so it is no measurement of that.
    """
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if row["top1"] and "reference, launcher" in row["weights"]:
            figure = f"{float(row['top1']):.10g}"
            groups[row["zoo"], row["model"], row["test_set"], figure].append(index)
    marks = {}
    for members in groups.values():
        runtimes = {rows[index]["runtime"] for index in members}
        for index in members:
            others = sorted(runtimes - {rows[index]["runtime"]})
            if others:
                marks[index] = f"the same zoo's reference for {_listed(others)}"
    return marks


def equal_weights(rows: Sequence[Row]) -> dict[int, str]:
    """Return by index of a row the models of the zoo with other weights and the same time.

    A zoo that times a network once gives the time to all its weights.
    """
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    names = ("zoo", "architecture", "latency_ms", "batch", "image_size", "device", "runtime")
    for index, row in enumerate(rows):
        if significant(row["latency_ms"]) >= 3:
            groups[tuple(row[name] for name in (*names, "threads", "compute_unit"))].append(index)
    marks = {}
    for members in groups.values():
        for index in members:
            others = sorted(
                {
                    f"{rows[other]['claimed_by']} {rows[other]['model']}"
                    for other in members
                    if rows[other]["weights"] != rows[index]["weights"]
                    and rows[other]["model"] != rows[index]["model"]
                }
            )
            if others:
                marks[index] = _listed(others)
    return marks


def merged(first: Mapping[int, str], second: Mapping[int, str]) -> dict[int, str]:
    """Return the marks of both; a row that has two keeps them, ``; `` between them."""
    both = {index: f"{first[index]}; {second[index]}" for index in first.keys() & second.keys()}
    return {**first, **second, **both}


def _listed(names: Iterable[str], most: int = 3) -> str:
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
