"""Show, export and import the cache of graphs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoodiff.architecture.graph_holdings import IndexSummary
    from zoodiff.architecture.graph_index import ExportedIndex, ImportedIndex

__all__ = ["export_index", "import_index", "index_summary"]


def index_summary() -> IndexSummary:
    """Return the graphs that zoodiff has built and kept, by zoo and versions."""
    from zoodiff.architecture import graph_holdings

    return graph_holdings.summary()


def export_index(file: str | Path, *, zoos: Collection[str] = ()) -> ExportedIndex:
    """Write the graphs that were built, or those of some zoos, into one file.

    Raises UnknownNameError for an unknown zoo, StoreError if there is no graph or the file cannot
    be written.
    """
    from zoodiff.architecture import graph_index
    from zoodiff.zoos import registry

    return graph_index.export(Path(file), [registry.find_zoo(zoo).name for zoo in zoos])


def import_index(file: str | Path, *, check_all: bool = False) -> ImportedIndex:
    """Check a file that ``export_index`` wrote, and add the graphs that are missing here.

    ``check_all`` computes all fingerprints again instead of those of a few graphs. Raises
    StoreError, before anything is added, if the file is invalid.
    """
    from zoodiff.architecture import graph_index

    return graph_index.bring(Path(file), check_all=check_all)
