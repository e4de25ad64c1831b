"""The made-up result of a study whose store has graphs, so that its report has pictures."""

from __future__ import annotations

from collections.abc import Sequence

from support import pictures, report_examples
from zoodiff.store import graphs
from zoodiff.store.folder import Store
from zoodiff.study.result import Difference, StudyResult

NETWORKS = ("torchvision__resnet50", "keras__ResNet50")


def stored(store: Store, names: Sequence[str] = NETWORKS) -> list[str]:
    """The digests of kept networks, which the store has from now on."""
    files = [graphs.packed(pictures.graph(name)) for name in names]
    return [store.put_graph(content) for content in files if content is not None]


def with_graphs(result: StudyResult, digests: Sequence[str]) -> StudyResult:
    """The result with a record of its own for each pair, which names these graphs."""

    def named(number: int, each: Difference) -> Difference:
        values = each.values.model_copy(update={"graphs": list(digests)})
        return each.model_copy(update={"values": values, "record": f"{number:016x}" + "0" * 48})

    differences = [named(number, each) for number, each in enumerate(result.differences)]
    return result.model_copy(update={"differences": differences})


def example(store: Store) -> StudyResult:
    """``report_examples.example`` with the graphs of both ResNet-50 for every pair."""
    return with_graphs(report_examples.example(), stored(store))
