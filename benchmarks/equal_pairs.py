"""How often equal networks are called different, and planted faults equal.

    python benchmarks/equal_pairs.py --networks 25 --faults 100

Every network is drawn anew and written by several exporters, for several runtimes, at several
levels of optimisation and in half precision. A copy in half precision counts as right where the
answer is "same network, other precision". A fault multiplies the weights of one layer by 1 + 0.001
noise. Files of TorchScript are added to the allowed ones; set ZOODIFF_HOME to keep them apart.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.formats import keras_networks, torch_networks
from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.comparison import compare
from zoodiff.errors import ZoodiffError
from zoodiff.workers import permissions
from zoodiff.zoos import registry

_REFERENCE = "onnx script 17"
_FAULT = 1e-3


@dataclass(frozen=True)
class Pair:
    """Two files and what a right answer says of them."""

    kind: str
    a: Path
    b: Path
    right: frozenset[str]


_EQUAL = frozenset({"same function"})
_ROUNDED = frozenset({"same function", "same network, other precision"})
_FAULTY = frozenset({"different functions"})


def torch_pairs(count: int, folder: Path) -> Iterator[Pair]:
    """Copies of PyTorch's networks: ONNX Runtime, torch.export and TorchScript."""
    for seed in range(count):
        for name, module in torch_networks.networks(seed).items():
            place = folder / f"{name}{seed}"
            place.mkdir()
            files = torch_networks.TorchFiles(module, place)
            reference = files.path(_REFERENCE)
            for way in torch_networks.SAME:
                yield Pair(way, reference, files.path(way), _EQUAL)
            for way in ("half", "half inside"):
                yield Pair(way, reference, files.path(way), _ROUNDED)


def keras_pairs(count: int, folder: Path) -> Iterator[Pair]:
    """Copies of Keras's networks: Keras, SavedModel and LiteRT."""
    for seed in range(count):
        for name, model in keras_networks.networks(seed).items():
            place = folder / f"keras-{name}{seed}"
            place.mkdir()
            files = keras_networks.KerasFiles(model, place)
            for way in keras_networks.SAME:
                yield Pair(way, files.path("keras"), files.path(way), _EQUAL)
            yield Pair("tflite half", files.path("tflite"), files.path("tflite half"), _ROUNDED)


def faulty_pairs(count: int, folder: Path) -> Iterator[Pair]:
    """Exports with a relative fault in the weights of one layer, layer after layer."""
    import onnx
    from onnx import numpy_helper

    made = seed = 0
    while made < count:
        for name, module in torch_networks.networks(seed).items():
            place = folder / f"fault-{name}{seed}"
            place.mkdir()
            files = torch_networks.TorchFiles(module, place)
            reference = files.path(_REFERENCE)
            copy = onnx.load(files.path("onnx dynamo 18"))
            random = np.random.default_rng(seed)
            for k, tensor in enumerate(copy.graph.initializer):
                if len(tensor.dims) < 2 or tensor.data_type != onnx.TensorProto.FLOAT:
                    continue
                if made == count:
                    return
                values = numpy_helper.to_array(tensor)
                noise = 1 + _FAULT * random.standard_normal(values.shape).astype(values.dtype)
                faulty = type(copy).FromString(copy.SerializeToString())
                faulty.graph.initializer[k].CopyFrom(
                    numpy_helper.from_array(values * noise, tensor.name)
                )
                path = place / f"fault{k}.onnx"
                onnx.save(faulty, path)
                made += 1
                yield Pair(f"fault in {name}", reference, path, _FAULTY)
        seed += 1


def answer_of(engine: WorkerPool, pair: Pair) -> str:
    """The relation that zoodiff finds, or why it finds none."""
    try:
        entries = [registry.resolve(f"{path}?size=32") for path in (pair.a, pair.b)]
        return compare(engine, entries[0], entries[1]).answer.relation
    except ZoodiffError as error:
        return f"error: {error}"


def main() -> None:
    """Compare all pairs and print a table of kinds: pairs, right answers, others."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=25, help="draws of each torch network")
    parser.add_argument("--keras", type=int, default=25, help="draws of each Keras network")
    parser.add_argument("--faults", type=int, default=100)
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    tables: dict[str, Counter[str]] = {}
    right: Counter[str] = Counter()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        makers = (
            torch_pairs(asked.networks, folder),
            keras_pairs(asked.keras, folder),
            faulty_pairs(asked.faults, folder),
        )
        pairs = [pair for maker in makers for pair in maker]
        for path in (pair.b for pair in pairs if pair.b.suffix == ".ts"):
            permissions.allow(path)
        # Workers learn what is allowed when they start.
        engine: Any = stack.enter_context(WorkerPool())
        for pair in pairs:
            found = answer_of(engine, pair)
            tables.setdefault(pair.kind, Counter())[found] += 1
            right[pair.kind] += found in pair.right
    for kind, answers in tables.items():
        shown = ", ".join(f"{count} {answer}" for answer, count in answers.most_common())
        print(f"{kind:32} {right[kind]:4} of {answers.total():4} right: {shown}")
    for title, kinds in (
        ("equal pairs", [k for k in tables if not k.startswith("fault")]),
        ("planted faults", [k for k in tables if k.startswith("fault")]),
    ):
        total = sum(tables[k].total() for k in kinds)
        print(f"{title}: {sum(right[k] for k in kinds)} of {total} right")


if __name__ == "__main__":
    main()
