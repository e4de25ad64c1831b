"""The made-up result of a study whose store has graphs, so that its report has pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from support import answers, pictures, report_examples
from zoodiff.store import graphs
from zoodiff.store.folder import Store
from zoodiff.store.records import AccuracyValues, attachment_name
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


ANSWERS = {
    "mini-torch:digits@v1": [0, 1, 2, 3, 0, 1],
    "mini-keras:digits@v1": [0, 1, 2, 3, 0, 3],
    "mini-tfmg:digits@v1": [1, 2, 2, 3, 1, 0],
    "mini-onnx:digits@v1": [0, 1, 2, 3, 0, 0],
}
"""On the images of ``answers``, which are fewer than the records say."""


def with_predictions(
    result: StudyResult,
    store: Store,
    keys: Sequence[int] = (),
    given: Mapping[str, Sequence[int]] = ANSWERS,
) -> StudyResult:
    """The result with predictions for a few images, of these keys, in the store."""
    records = []
    for record in result.records:
        if isinstance(record.values, AccuracyValues):
            file = answers.content(given[record.entry], range(6), keys=keys)
            update = {
                "predictions_file": attachment_name(record.key, file),
                "predictions_sha256": hashlib.sha256(file).hexdigest(),
            }
            values = record.values.model_copy(update=update)
            record = record.model_copy(update={"values": values})  # noqa: PLW2901
            store.put(record, file)
        records.append(record)
    return result.model_copy(update={"records": records})


def example(store: Store) -> StudyResult:
    """``report_examples.example`` with graphs of both ResNet-50 for every pair, and predictions."""
    result = with_predictions(report_examples.example(), store)
    return with_graphs(result, stored(store))
