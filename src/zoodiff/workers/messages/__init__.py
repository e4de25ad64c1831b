"""Every request to a worker and every reply, as types; one module per subject.

Both sides use these types: a worker returns a reply, ``encode`` converts it to plain values, and
``decode`` checks them in the parent. Standard library only, because workers import it.
"""

from __future__ import annotations

from zoodiff.workers.messages.arrays import Array
from zoodiff.workers.messages.decoding import Message, decode, encode
from zoodiff.workers.messages.images import (
    Classified,
    Classify,
    Decoded,
    OwnRecipes,
    Pixels,
    Predict,
    Prepare,
    Recipe,
    Recipes,
)
from zoodiff.workers.messages.machine import Environment, MeasuredPeaks, Peaks, RuntimeInfo
from zoodiff.workers.messages.networks import (
    Describe,
    Described,
    Done,
    Facts,
    Forget,
    Hello,
    Load,
    Loaded,
    Models,
    Modes,
    Names,
    Unload,
    Versions,
)
from zoodiff.workers.messages.timing import (
    LoadTest,
    LoadTested,
    Memory,
    OperatorTime,
    PeakMemory,
    Percentiles,
    Profile,
    Profiled,
    Scenario,
    ScenarioLoad,
    Size,
    Time,
    Times,
    WeightsSize,
)
from zoodiff.workers.messages.weights import (
    Arrays,
    Assign,
    Outputs,
    Run,
    RunNamed,
    Weights,
)

__all__ = [
    "METHODS",
    "REQUESTS",
    "Array",
    "Arrays",
    "Assign",
    "Classified",
    "Classify",
    "Decoded",
    "Describe",
    "Described",
    "Done",
    "Environment",
    "Facts",
    "Forget",
    "Hello",
    "Load",
    "LoadTest",
    "LoadTested",
    "Loaded",
    "MeasuredPeaks",
    "Memory",
    "Message",
    "Models",
    "Modes",
    "Names",
    "OperatorTime",
    "Outputs",
    "OwnRecipes",
    "PeakMemory",
    "Peaks",
    "Percentiles",
    "Pixels",
    "Predict",
    "Prepare",
    "Profile",
    "Profiled",
    "Recipe",
    "Recipes",
    "Run",
    "RunNamed",
    "RuntimeInfo",
    "Scenario",
    "ScenarioLoad",
    "Size",
    "Time",
    "Times",
    "Unload",
    "Versions",
    "Weights",
    "WeightsSize",
    "decode",
    "encode",
]

REQUESTS: dict[str, type] = {
    "hello": Hello,
    "models": Models,
    "modes": Modes,
    "describe": Describe,
    "forget": Forget,
    "load": Load,
    "unload": Unload,
    "time": Time,
    "memory": Memory,
    "size": Size,
    "load_test": LoadTest,
    "weights": Weights,
    "assign": Assign,
    "run": Run,
    "run_named": RunNamed,
    "pixels": Pixels,
    "classify": Classify,
    "predict": Predict,
    "recipes": Recipes,
    "prepare": Prepare,
    "profile": Profile,
    "environment": Environment,
    "peaks": Peaks,
}
"""Types of requests by method."""

METHODS = {kind: method for method, kind in REQUESTS.items()}
"""The method of each type of request."""
