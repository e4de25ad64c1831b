"""The type of each JSON document, and the schemas that follow from them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from zoodiff.api.claimed.claims_values import ClaimSpread
from zoodiff.api.schemas import compared, listed, measured
from zoodiff.api.schemas.generation import schema_of
from zoodiff.api.schemas.names import find
from zoodiff.api.zoos import ZooState
from zoodiff.architecture.graph_index import ImportedIndex
from zoodiff.claims.recipes import RecipeClaim
from zoodiff.claims.test_sets import AccuracyClaim
from zoodiff.study.result import StudyResult

KINDS: Mapping[str, Any] = MappingProxyType(
    {
        "list": dict[str, dict[str, list[str]]],
        "list-by-fingerprint": listed.FingerprintGroups,
        "names": listed.Names,
        "audit-recipes": listed.Recipes,
        "show": listed.Facts,
        "claims": list[listed.ClaimOfZoo],
        "claims-spreads": list[ClaimSpread],
        "claims-latency": list[listed.TimeClaim],
        "claims-test-set": list[AccuracyClaim],
        "claims-recipes": list[RecipeClaim],
        "claims-rankings": listed.Ranking,
        "which": listed.Which,
        "compare": StudyResult,
        "diff": compared.DiffDocument,
        "diff-each": list[compared.DiffDocument | compared.NotCompared],
        "diff-preprocessing": compared.PreprocessingDocument,
        "accuracy": measured.AccuracyDocument,
        "agreement": measured.AgreementDocument,
        "latency": measured.LatencyDocument,
        "fingerprint": dict[str, str | listed.Error],
        "run": listed.RunSummary,
        "report": listed.ReportFiles,
        "report-changes": listed.RunChanges,
        "rules": list[listed.RuleText],
        "schema": list[listed.DocumentName],
        "example": listed.ExampleFiles,
        "zoos": listed.Zoos,
        "zoos-add": ZooState,
        "zoos-remove": listed.RemovedZoo,
        "env-list": list[listed.EnvironmentState],
        "index": listed.Index,
        "index-export": listed.ExportedGraphs,
        "index-import": ImportedIndex,
        "store-verify": listed.VerifiedStore,
        "store-gc": listed.Collected,
        "store-export": listed.ExportedResults,
        "store-import": listed.ImportedResults,
        "error": listed.Error,
    }
)


@functools.cache
def schema(name: str) -> dict[str, Any]:
    """Return the schema of a document; raise UnknownNameError for an unknown name."""
    document = find(name)
    return schema_of(KINDS[document.name], document.label, document.title)
