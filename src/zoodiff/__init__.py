"""zoodiff: discrepancies between pre-trained networks of the same name in different model zoos.

>>> import zoodiff
>>> zoodiff.resolve("torchvision:resnet50").model.architecture
'resnet50'

Every public name is loaded at its first use, so importing zoodiff is fast.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from zoodiff._version import __version__

if TYPE_CHECKING:
    from zoodiff.accuracy.comparison import Comparison as Comparison
    from zoodiff.api import AccuracyReport as AccuracyReport
    from zoodiff.api import AccuracyRequest as AccuracyRequest
    from zoodiff.api import Answer as Answer
    from zoodiff.api import ClaimSpread as ClaimSpread
    from zoodiff.api import ClaimsReport as ClaimsReport
    from zoodiff.api import ClaimsRequest as ClaimsRequest
    from zoodiff.api import CompareRequest as CompareRequest
    from zoodiff.api import DiffReport as DiffReport
    from zoodiff.api import DiffRequest as DiffRequest
    from zoodiff.api import EntryFacts as EntryFacts
    from zoodiff.api import FingerprintGroups as FingerprintGroups
    from zoodiff.api import LatencyReport as LatencyReport
    from zoodiff.api import LatencyRequest as LatencyRequest
    from zoodiff.api import Picture as Picture
    from zoodiff.api import ProgressBar as ProgressBar
    from zoodiff.api import RecipesReport as RecipesReport
    from zoodiff.api import RunRequest as RunRequest
    from zoodiff.api import SelectedClaims as SelectedClaims
    from zoodiff.api import StoredRun as StoredRun
    from zoodiff.api import StudyRun as StudyRun
    from zoodiff.api import WhichReport as WhichReport
    from zoodiff.api import WhichRequest as WhichRequest
    from zoodiff.api import ZoosReport as ZoosReport
    from zoodiff.api import accuracy as accuracy
    from zoodiff.api import add_zoo as add_zoo
    from zoodiff.api import all_rules as all_rules
    from zoodiff.api import allow_code as allow_code
    from zoodiff.api import audit_recipes as audit_recipes
    from zoodiff.api import claim_spreads as claim_spreads
    from zoodiff.api import claims as claims
    from zoodiff.api import collect_waste as collect_waste
    from zoodiff.api import compare as compare
    from zoodiff.api import compare_entries as compare_entries
    from zoodiff.api import compare_runs as compare_runs
    from zoodiff.api import create_environment as create_environment
    from zoodiff.api import describe as describe
    from zoodiff.api import diff as diff
    from zoodiff.api import diff_preprocessing as diff_preprocessing
    from zoodiff.api import diff_weights as diff_weights
    from zoodiff.api import entry_facts as entry_facts
    from zoodiff.api import environments as environments
    from zoodiff.api import export_index as export_index
    from zoodiff.api import export_results as export_results
    from zoodiff.api import find_rule as find_rule
    from zoodiff.api import fingerprints as fingerprints
    from zoodiff.api import group_by_fingerprint as group_by_fingerprint
    from zoodiff.api import import_index as import_index
    from zoodiff.api import import_results as import_results
    from zoodiff.api import index_summary as index_summary
    from zoodiff.api import json_documents as json_documents
    from zoodiff.api import json_schema as json_schema
    from zoodiff.api import latency as latency
    from zoodiff.api import list_entries as list_entries
    from zoodiff.api import names as names
    from zoodiff.api import prove as prove
    from zoodiff.api import read_run as read_run
    from zoodiff.api import remove_environment as remove_environment
    from zoodiff.api import remove_zoo as remove_zoo
    from zoodiff.api import report_server as report_server
    from zoodiff.api import run as run
    from zoodiff.api import run_study as run_study
    from zoodiff.api import select_claims as select_claims
    from zoodiff.api import survey as survey
    from zoodiff.api import verify_results as verify_results
    from zoodiff.api import which as which
    from zoodiff.api import write_example as write_example
    from zoodiff.api import write_report as write_report
    from zoodiff.api import zoos_report as zoos_report
    from zoodiff.claims.catalogue import Claim as Claim
    from zoodiff.claims.catalogue import claims_for as claims_for
    from zoodiff.entry import ModelRef as ModelRef
    from zoodiff.errors import ZoodiffError as ZoodiffError
    from zoodiff.graph.cost import count as count
    from zoodiff.graph.ir import Graph as Graph
    from zoodiff.latency.comparison import Timings as Timings
    from zoodiff.preprocessing.spec import Preprocessing as Preprocessing
    from zoodiff.results import Discrepancy as Discrepancy
    from zoodiff.results import Mismatch as Mismatch
    from zoodiff.store.folder import Store as Store
    from zoodiff.store.records import Record as Record
    from zoodiff.study.config import load_study as load_study
    from zoodiff.study.result import StudyResult as StudyResult
    from zoodiff.workers.limits import Limits as Limits
    from zoodiff.zoos.registry import Entry as Entry
    from zoodiff.zoos.registry import find_zoo as find_zoo
    from zoodiff.zoos.registry import resolve as resolve

_PUBLIC = {
    "AccuracyReport": "zoodiff.api",
    "AccuracyRequest": "zoodiff.api",
    "Answer": "zoodiff.api",
    "Claim": "zoodiff.claims.catalogue",
    "ClaimSpread": "zoodiff.api",
    "ClaimsReport": "zoodiff.api",
    "ClaimsRequest": "zoodiff.api",
    "CompareRequest": "zoodiff.api",
    "Comparison": "zoodiff.accuracy.comparison",
    "DiffReport": "zoodiff.api",
    "DiffRequest": "zoodiff.api",
    "Discrepancy": "zoodiff.study.result",
    "Entry": "zoodiff.zoos.registry",
    "EntryFacts": "zoodiff.api",
    "FingerprintGroups": "zoodiff.api",
    "Graph": "zoodiff.graph.ir",
    "LatencyReport": "zoodiff.api",
    "LatencyRequest": "zoodiff.api",
    "Limits": "zoodiff.workers.limits",
    "Mismatch": "zoodiff.study.result",
    "ModelRef": "zoodiff.entry",
    "NameRow": "zoodiff.api",
    "NamesReport": "zoodiff.api",
    "Picture": "zoodiff.api",
    "Preprocessing": "zoodiff.preprocessing.spec",
    "Record": "zoodiff.store.records",
    "ProgressBar": "zoodiff.api",
    "RecipesReport": "zoodiff.api",
    "RunRequest": "zoodiff.api",
    "SelectedClaims": "zoodiff.api",
    "Store": "zoodiff.store.folder",
    "StoredRun": "zoodiff.api",
    "StudyResult": "zoodiff.study.result",
    "StudyRun": "zoodiff.api",
    "Timings": "zoodiff.latency.comparison",
    "WhichReport": "zoodiff.api",
    "WhichRequest": "zoodiff.api",
    "ZoodiffError": "zoodiff.errors",
    "ZoosReport": "zoodiff.api",
    "accuracy": "zoodiff.api",
    "add_zoo": "zoodiff.api",
    "all_rules": "zoodiff.api",
    "audit_recipes": "zoodiff.api",
    "allow_code": "zoodiff.api",
    "claim_spreads": "zoodiff.api",
    "claims": "zoodiff.api",
    "claims_for": "zoodiff.claims.catalogue",
    "collect_waste": "zoodiff.api",
    "compare": "zoodiff.api",
    "compare_entries": "zoodiff.api",
    "compare_runs": "zoodiff.api",
    "count": "zoodiff.graph.cost",
    "create_environment": "zoodiff.api",
    "describe": "zoodiff.api",
    "diff": "zoodiff.api",
    "diff_preprocessing": "zoodiff.api",
    "diff_weights": "zoodiff.api",
    "entry_facts": "zoodiff.api",
    "environments": "zoodiff.api",
    "export_index": "zoodiff.api",
    "export_results": "zoodiff.api",
    "find_rule": "zoodiff.api",
    "find_zoo": "zoodiff.zoos.registry",
    "fingerprints": "zoodiff.api",
    "group_by_fingerprint": "zoodiff.api",
    "import_index": "zoodiff.api",
    "import_results": "zoodiff.api",
    "index_summary": "zoodiff.api",
    "json_documents": "zoodiff.api",
    "json_schema": "zoodiff.api",
    "latency": "zoodiff.api",
    "list_entries": "zoodiff.api",
    "load_study": "zoodiff.study.config",
    "names": "zoodiff.api",
    "prove": "zoodiff.api",
    "read_run": "zoodiff.api",
    "remove_environment": "zoodiff.api",
    "remove_zoo": "zoodiff.api",
    "report_server": "zoodiff.api",
    "resolve": "zoodiff.zoos.registry",
    "run": "zoodiff.api",
    "run_study": "zoodiff.api",
    "select_claims": "zoodiff.api",
    "survey": "zoodiff.api",
    "verify_results": "zoodiff.api",
    "which": "zoodiff.api",
    "write_example": "zoodiff.api",
    "write_report": "zoodiff.api",
    "zoos_report": "zoodiff.api",
}

__all__ = ["__version__", *sorted(_PUBLIC)]  # noqa: PLE0604 - names from the table above


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'zoodiff' has no attribute {name!r}")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)


class _Package(ModuleType):
    """The package ``zoodiff``; a public function wins over a subpackage of the same name.

    When a module of the subpackage ``latency`` is imported, Python sets ``zoodiff.latency`` to the
    subpackage; this class keeps it the function. Import modules of such a subpackage with
    ``from zoodiff.latency import session``: ``import zoodiff.latency.session as s`` gets the
    function and fails.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name in _PUBLIC and isinstance(value, ModuleType):
            return
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
