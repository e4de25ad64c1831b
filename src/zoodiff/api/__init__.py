"""The Python interface: one typed function per command.

One module per subject: ``entries``, ``claimed``, ``names_report``, ``recipes_report``,
``studies``, ``accuracy_report``, ``latency_report``, ``diff_report``, ``storage``, ``zoos``,
``rules``, ``limits``, ``index``, ``json_schemas``. The folder ``values`` exports the types of their
results. A name is loaded at its first use, so that every command starts fast.

``limits`` set a worker's time per request and its memory, as ``--worker-seconds`` and
``--worker-memory`` do for the commands.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from zoodiff.api.pools import workers

if TYPE_CHECKING:
    from zoodiff.api.accuracy_report import AccuracyReport as AccuracyReport
    from zoodiff.api.accuracy_report import AccuracyRequest as AccuracyRequest
    from zoodiff.api.accuracy_report import accuracy as accuracy
    from zoodiff.api.claimed.claims_report import ClaimSpread as ClaimSpread
    from zoodiff.api.claimed.claims_report import ClaimsReport as ClaimsReport
    from zoodiff.api.claimed.claims_report import ClaimsRequest as ClaimsRequest
    from zoodiff.api.claimed.claims_report import SelectedClaims as SelectedClaims
    from zoodiff.api.claimed.claims_report import claim_spreads as claim_spreads
    from zoodiff.api.claimed.claims_report import claims as claims
    from zoodiff.api.claimed.claims_report import select_claims as select_claims
    from zoodiff.api.claimed.which_report import WhichReport as WhichReport
    from zoodiff.api.claimed.which_report import WhichRequest as WhichRequest
    from zoodiff.api.claimed.which_report import which as which
    from zoodiff.api.diff_report import MARGIN as MARGIN
    from zoodiff.api.diff_report import Answer as Answer
    from zoodiff.api.diff_report import Diff as Diff
    from zoodiff.api.diff_report import DiffReport as DiffReport
    from zoodiff.api.diff_report import DiffRequest as DiffRequest
    from zoodiff.api.diff_report import FailOn as FailOn
    from zoodiff.api.diff_report import Finding as Finding
    from zoodiff.api.diff_report import LayerWeights as LayerWeights
    from zoodiff.api.diff_report import OutputsEvidence as OutputsEvidence
    from zoodiff.api.diff_report import Picture as Picture
    from zoodiff.api.diff_report import PreprocessingDiff as PreprocessingDiff
    from zoodiff.api.diff_report import Proof as Proof
    from zoodiff.api.diff_report import diff as diff
    from zoodiff.api.diff_report import diff_preprocessing as diff_preprocessing
    from zoodiff.api.entries import EntryFacts as EntryFacts
    from zoodiff.api.entries import FingerprintGroups as FingerprintGroups
    from zoodiff.api.entries import describe as describe
    from zoodiff.api.entries import entry_facts as entry_facts
    from zoodiff.api.entries import fingerprints as fingerprints
    from zoodiff.api.entries import group_by_fingerprint as group_by_fingerprint
    from zoodiff.api.entries import list_entries as list_entries
    from zoodiff.api.entries import survey as survey
    from zoodiff.api.example_files import write_example as write_example
    from zoodiff.api.index import export_index as export_index
    from zoodiff.api.index import import_index as import_index
    from zoodiff.api.index import index_summary as index_summary
    from zoodiff.api.json_schemas import json_documents as json_documents
    from zoodiff.api.json_schemas import json_schema as json_schema
    from zoodiff.api.latency_report import LatencyReport as LatencyReport
    from zoodiff.api.latency_report import LatencyRequest as LatencyRequest
    from zoodiff.api.latency_report import latency as latency
    from zoodiff.api.limits import allow_code as allow_code
    from zoodiff.api.names_report import NameRow as NameRow
    from zoodiff.api.names_report import NamesReport as NamesReport
    from zoodiff.api.names_report import names as names
    from zoodiff.api.progress_bar import ProgressBar as ProgressBar
    from zoodiff.api.recipes_report import RecipesReport as RecipesReport
    from zoodiff.api.recipes_report import audit_recipes as audit_recipes
    from zoodiff.api.rules import all_rules as all_rules
    from zoodiff.api.rules import find_rule as find_rule
    from zoodiff.api.storage import collect_waste as collect_waste
    from zoodiff.api.storage import export_results as export_results
    from zoodiff.api.storage import import_results as import_results
    from zoodiff.api.storage import verify_results as verify_results
    from zoodiff.api.studies import CompareRequest as CompareRequest
    from zoodiff.api.studies import RunRequest as RunRequest
    from zoodiff.api.studies import Silent as Silent
    from zoodiff.api.studies import StoredRun as StoredRun
    from zoodiff.api.studies import StudyRun as StudyRun
    from zoodiff.api.studies import compare as compare
    from zoodiff.api.studies import compare_entries as compare_entries
    from zoodiff.api.studies import compare_runs as compare_runs
    from zoodiff.api.studies import read_run as read_run
    from zoodiff.api.studies import report_server as report_server
    from zoodiff.api.studies import run as run
    from zoodiff.api.studies import run_study as run_study
    from zoodiff.api.studies import write_report as write_report
    from zoodiff.api.zoos import ZoosReport as ZoosReport
    from zoodiff.api.zoos import add_zoo as add_zoo
    from zoodiff.api.zoos import create_environment as create_environment
    from zoodiff.api.zoos import environments as environments
    from zoodiff.api.zoos import remove_environment as remove_environment
    from zoodiff.api.zoos import remove_zoo as remove_zoo
    from zoodiff.api.zoos import zoos_report as zoos_report
    from zoodiff.equivalence.weights.weight_diff import WeightsDiff
    from zoodiff.workers.limits import Limits

_MODULES = {
    "accuracy_report": (
        "AccuracyReport",
        "AccuracyRequest",
        "accuracy",
    ),
    "claimed.claims_report": (
        "ClaimSpread",
        "ClaimsReport",
        "ClaimsRequest",
        "SelectedClaims",
        "claim_spreads",
        "claims",
        "select_claims",
    ),
    "diff_report": (
        "MARGIN",
        "Answer",
        "Diff",
        "DiffReport",
        "DiffRequest",
        "FailOn",
        "Finding",
        "LayerWeights",
        "OutputsEvidence",
        "Picture",
        "PreprocessingDiff",
        "Proof",
        "diff",
        "diff_preprocessing",
    ),
    "entries": (
        "EntryFacts",
        "FingerprintGroups",
        "describe",
        "entry_facts",
        "fingerprints",
        "group_by_fingerprint",
        "list_entries",
        "survey",
    ),
    "example_files": ("write_example",),
    "index": (
        "export_index",
        "import_index",
        "index_summary",
    ),
    "json_schemas": (
        "json_documents",
        "json_schema",
    ),
    "latency_report": (
        "LatencyReport",
        "LatencyRequest",
        "latency",
    ),
    "limits": ("allow_code",),
    "names_report": (
        "NameRow",
        "NamesReport",
        "names",
    ),
    "progress_bar": ("ProgressBar",),
    "recipes_report": (
        "RecipesReport",
        "audit_recipes",
    ),
    "rules": (
        "all_rules",
        "find_rule",
    ),
    "storage": (
        "collect_waste",
        "export_results",
        "import_results",
        "verify_results",
    ),
    "studies": (
        "CompareRequest",
        "RunRequest",
        "Silent",
        "StoredRun",
        "StudyRun",
        "compare",
        "compare_entries",
        "compare_runs",
        "read_run",
        "report_server",
        "run",
        "run_study",
        "write_report",
    ),
    "claimed.which_report": (
        "WhichReport",
        "WhichRequest",
        "which",
    ),
    "zoos": (
        "ZoosReport",
        "create_environment",
        "environments",
        "add_zoo",
        "remove_environment",
        "remove_zoo",
        "zoos_report",
    ),
}
"""The public names of each module."""
_PUBLIC = {name: module for module, members in _MODULES.items() for name in members}

__all__ = ["diff_weights", "prove", *sorted(_PUBLIC)]  # noqa: PLE0604 - names from the table above


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'zoodiff.api' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"zoodiff.api.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def prove(a: str, b: str, *, seed: int = 0, limits: Limits | None = None) -> tuple[Diff, Proof]:
    """Return the diff of two entries, and the proof by execution in their own frameworks.

    Both networks are built with random weights. A proof that fails has the verdict "not proved" and
    the reason. Raises UsageError for an invalid reference, MeasurementError if an entry cannot be
    built.
    """
    from zoodiff.equivalence.comparison import Effort, prove_entries
    from zoodiff.zoos import registry

    with workers(limits) as engine:
        return prove_entries(engine, registry.resolve(a), registry.resolve(b), Effort(seed=seed))


def diff_weights(a: str, b: str, *, limits: Limits | None = None) -> tuple[Diff, WeightsDiff]:
    """Return the diff of two entries and the comparison of their weights.

    Raises UsageError for an invalid reference, WeightsUnavailableError if weights are unavailable,
    MeasurementError if an entry cannot be built or has no readable weights.
    """
    from zoodiff.architecture import describe as architecture
    from zoodiff.architecture.diff import diff as compare_graphs
    from zoodiff.equivalence.runs.native_run import weights_of
    from zoodiff.equivalence.weights.weight_diff import compare_weights
    from zoodiff.zoos import registry

    first, second = registry.resolve(a), registry.resolve(b)
    with workers(limits) as engine:
        first_graph, second_graph = (
            architecture.graph_of(engine, entry) for entry in (first, second)
        )
        graph_diff = compare_graphs(first_graph, second_graph, str(first.ref), str(second.ref))
        return graph_diff, compare_weights(
            graph_diff, weights_of(engine, first), weights_of(engine, second)
        )
