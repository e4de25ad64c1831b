"""Since when a claim is public, as far as it was verified.

``dates.csv`` beside this file holds what was looked up once, with the evidence of each line:
git histories (onnx/models, keras-team/keras, keras-team/keras-applications) for numbers and
files, and the build dates inside torchvision's wheels 0.2.2 to 0.14.0, the first that names the
weights file. Dates that stand in the name of a checkpoint are read from the name.
"""

from __future__ import annotations

import csv
import datetime
import re
from pathlib import Path

Cells = dict[str, str]

FILE = Path(__file__).with_name("dates.csv")
TURNKEY = ("2023-12-08", "weights")
"""The commit "Model zoo revamp" of onnx/models added all of them."""
_STAMP = re.compile(r"(?<!\d)(20[12]\d)_?([01]\d)_?([0-3]\d)(?!\d)")


class Dates:
    """The looked-up dates, by zoo, model and weights as collected."""

    def __init__(self) -> None:
        with FILE.open(encoding="utf-8", newline="") as file:
            self._known = {
                (row["zoo"], row["model"], row["weights"]): row for row in csv.DictReader(file)
            }
        self._used: set[tuple[str, str, str]] = set()

    def cells(self, zoo: str, model: str, weights: str) -> Cells:
        """published_on, published_basis and withdrawn_on, empty where nothing is verified."""
        known = self._known.get((zoo, model, weights))
        if known is not None:
            self._used.add((zoo, model, weights))
            return {
                "published_on": known["published_on"],
                "published_basis": known["basis"],
                "withdrawn_on": known["withdrawn_on"],
            }
        if zoo == "onnx_turnkey":
            return {"published_on": TURNKEY[0], "published_basis": TURNKEY[1]}
        stamp = _stamp(weights) if zoo in ("tfmg", "mmpretrain") else None
        return {"published_on": stamp, "published_basis": "checkpoint_name"} if stamp else {}

    def unused(self) -> list[tuple[str, str, str]]:
        """Lines of dates.csv that match no claim: a spelling went wrong."""
        return sorted(set(self._known) - self._used)


def _stamp(name: str) -> str | None:
    match = _STAMP.search(name)
    if match is None:
        return None
    try:
        return datetime.date(*(int(part) for part in match.groups())).isoformat()
    except ValueError:
        return None
