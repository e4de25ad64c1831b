"""Ask zoodiff about small random networks of KerasHub's backbones and Keras's own exports.

    python -m benchmarks.kerashub_matrix FILE [--only BertBackbone,LSTM] [--limit 20]

KerasHub is in the zoo's own environment (``zoodiff env create kerashub``), whose packages
``PYTHONPATH`` has to name; ``zoodiff env list`` says where it is. The backend is TensorFlow.

Each network is written by ``model.export`` as ONNX, TFLite and SavedModel. The network in Python
is compared with each file: the right answer is "the same function" where the file computes what
the network does when it is run without zoodiff, "different functions" where it does not. A copy of
the network with one planted change is compared with one of the files; the right answer is
"different functions". FILE gets one JSON line per network; networks that it has are not run again.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.matrix import Matrix, parser_of, run_matrix

EXPORTERS = ("onnx", "litert", "tf_saved_model")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the networks that the file lacks; print the table of all that it has."""
    options = parser_of(__doc__.splitlines()[0], exporters=EXPORTERS).parse_args(arguments)
    return run_matrix(Matrix("networks", _prepare, _names, _ask, _share, EXPORTERS), options)


def _prepare() -> None:
    """Import the frameworks once; each network gets a copy of this process.

    No operation of TensorFlow runs here: its threads would be missing in the copies.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in ("tensorflow", "keras", "keras_hub", "tf2onnx", "onnxruntime"):
        importlib.import_module(name)
    importlib.import_module("benchmarks.small_kerashub.answers")


def _names() -> list[str]:
    from benchmarks.small_kerashub.networks import architectures

    return list(architectures())


def _ask(name: str, exporters: Sequence[str]) -> Any:
    from benchmarks.small_kerashub.answers import outcome

    return outcome(name, exporters)


def _share(rows: Sequence[Mapping[str, Any]]) -> str:
    """How many of all answers, of planted changes as well, are right."""
    verdicts = [v for row in rows for v in (*row["exports"].values(), row.get("planted")) if v]
    asked = [v for v in verdicts if v["state"] != "export failed"]
    return f"{sum(v['state'] == 'right' for v in asked)} of {len(asked)} answers right"


if __name__ == "__main__":
    sys.exit(main())
