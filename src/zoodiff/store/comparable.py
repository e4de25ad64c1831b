"""The part of a record that is equal in two runs of one study."""

from __future__ import annotations

from typing import Any

from zoodiff.store.records import Record

_TIMES = ("started", "finished")
_MEASURED = ("seconds", "peak_rss_bytes")
_KEPT_OF_LATENCY = ("kind", "scope", "repeat")


def comparable(record: Record) -> dict[str, Any]:
    """Return a record without times, memory and other properties of the machine."""
    plain = record.model_dump(mode="json", exclude=set(_TIMES))
    values = plain["values"].items()
    if record.kind == "latency":
        plain["values"] = {k: v for k, v in values if k in _KEPT_OF_LATENCY}
    else:
        plain["values"] = {k: v for k, v in values if k not in _MEASURED}
    return plain
