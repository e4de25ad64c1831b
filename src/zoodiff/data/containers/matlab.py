"""The devkit of ILSVRC 2012: which WordNet id each of its numbers means."""

from __future__ import annotations

from typing import Any

import scipy.io
import scipy.io.matlab

_MOST = 100_000


def devkit(file: object) -> tuple[dict[str, Any], bytes]:
    """The ids of ``meta.mat`` by their numbers; raises any error where it is none."""
    synsets = scipy.io.loadmat(file, squeeze_me=True)["synsets"]
    if len(synsets) > _MOST:
        raise ValueError(f"{len(synsets):,} classes")
    ids = {int(row["ILSVRC2012_ID"]): str(row["WNID"])[:20] for row in synsets}
    return {"ids": {str(number): wnid for number, wnid in ids.items()}}, b""
