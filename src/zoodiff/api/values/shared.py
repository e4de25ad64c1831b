"""The types of claims, rules and limits, which several subjects share."""

from __future__ import annotations

from zoodiff.claims.catalogue import Claim
from zoodiff.data.labels import LabelSpace
from zoodiff.rules.rule import Rule
from zoodiff.workers.limits import Limits

__all__ = ["Claim", "LabelSpace", "Limits", "Rule"]
