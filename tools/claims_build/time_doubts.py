"""Mark published times that can hardly be right. Nothing is repaired.

What of two figures that disagree is wrong is not known; with only two, both are marked.
"""

from __future__ import annotations

import math
import re
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence

from claims_build.copies import UNNAMED, significant

Row = dict[str, str]
FACTOR = 2.0
"""Between two figures of one zoo for the same conditions; beyond what another round differs."""
RATE_SHARE = 0.05
"""Between the published rate and the one that time and batch give."""
SAME_COLUMN = 4
"""Models with equal figures, above which a column is another machine's column."""
NOTED = re.compile(
    r"likely typo|contradicts|same figures to two decimals|but the .* page gives|"
    r"machine not stated at the table|info\.yaml states"
)
"""What the people who collected the tables remarked on a row."""


def mark(rows: Sequence[Row]) -> dict[int, str]:
    """Return by index of a row why it is doubtful, sentences with ``; `` between them."""
    doubts: dict[int, list[str]] = defaultdict(list)
    _rates(doubts, rows)
    _contradictions(doubts, rows)
    _columns(doubts, rows)
    for index, row in enumerate(rows):
        if "which one not stated" in row["device"]:
            doubts[index].append("the table names a processor and a GPU, not which it timed")
        if NOTED.search(row["note"]):
            doubts[index].append(row["note"])
    return {index: "; ".join(dict.fromkeys(texts)) for index, texts in doubts.items() if texts}


def _rates(doubts: dict[int, list[str]], rows: Iterable[Row]) -> None:
    for index, row in enumerate(rows):
        if row["latency_ms"] and row["throughput_img_s"] and row["batch"].isdecimal():
            computed = 1000 * int(row["batch"]) / float(row["latency_ms"])
            if abs(computed / float(row["throughput_img_s"]) - 1) > RATE_SHARE:
                doubts[index].append(
                    f"{row['latency_ms']} ms at batch {row['batch']} are {computed:.4g} images "
                    f"per second, not {row['throughput_img_s']}"
                )


def _contradictions(doubts: dict[int, list[str]], rows: Sequence[Row]) -> None:
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if row["latency_ms"]:
            precision = row["precision"].removesuffix(" (assumed)")
            names = ("zoo", "model", "weights", "measure", "batch", "image_size", "layout")
            machine = ("compile_mode", "device", "compute_unit", "runtime")
            groups[(precision, *(row[name] for name in names + machine))].append(index)
    for members in groups.values():
        times = {index: float(rows[index]["latency_ms"]) for index in members}
        distinct = sorted(set(times.values()))
        if len(distinct) < 2 or distinct[-1] < FACTOR * distinct[0]:
            continue
        middle = statistics.median(map(math.log, distinct))
        for index, time in times.items():
            off = abs(math.log(time) - middle) >= math.log(FACTOR)
            against = [value for value in distinct if max(value, time) >= FACTOR * min(value, time)]
            if against and (off or len(distinct) == 2):
                doubts[index].append(
                    f"the zoo also publishes {', '.join(f'{value:g}' for value in against)} ms "
                    "for the same conditions"
                )


def _columns(doubts: dict[int, list[str]], rows: Sequence[Row]) -> None:
    """A column of a table that repeats the column of another machine."""
    columns: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for index, row in enumerate(rows):
        named = row["latency_ms"] and row["device"] not in UNNAMED and row["zoo"] != "timm"
        if named:
            fields = ("zoo", "source_path", "device", "compute_unit", "batch", "threads")
            columns[tuple(row[name] for name in fields)].setdefault(row["model"], index)
    for column, members in columns.items():
        for other, others in columns.items():
            zoo, page, machine, *_, threads = other
            if column[0] != zoo or column[2] == machine:
                continue
            shared = members.keys() & others.keys()
            repeated = [
                model for model in shared if _repeats(rows[members[model]], rows[others[model]])
            ]
            if len(repeated) >= SAME_COLUMN and 2 * len(repeated) > len(shared):
                on = f" with {threads} threads" if threads else ""
                for model in shared:
                    doubts[members[model]].append(
                        f"this column repeats that of {machine}{on} in {page}"
                    )


def _repeats(first: Row, second: Row) -> bool:
    """Return whether one figure is the other, or the other with fewer digits."""
    texts = sorted((first["latency_ms"], second["latency_ms"]), key=significant)
    if significant(texts[0]) < 3:
        return False
    places = len(texts[0].partition(".")[2])
    return round(float(texts[1]), places) == float(texts[0])
