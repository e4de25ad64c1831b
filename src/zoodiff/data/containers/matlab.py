"""Parses the devkit of ILSVRC 2012, which maps its class numbers to WordNet ids."""

from __future__ import annotations

from typing import Any

import scipy.io
import scipy.io.matlab

_MOST = 100_000


def devkit(file: object) -> tuple[dict[str, Any], bytes]:
    """Return the WordNet ids in ``meta.mat`` by number; raise any error if it is invalid."""
    synsets = scipy.io.loadmat(file, squeeze_me=True)["synsets"]
    if len(synsets) > _MOST:
        raise ValueError(f"{len(synsets):,} classes")
    ids = {int(row["ILSVRC2012_ID"]): str(row["WNID"])[:20] for row in synsets}
    return {"ids": {str(number): wnid for number, wnid in ids.items()}}, b""
