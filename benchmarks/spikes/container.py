"""Measure whether onnx-ir could hold the canonical graph; docs/decisions/onnx-ir.md has the answer.

    python benchmarks/spikes/container.py [ZOO:NETWORK ...] [--repeat N]

Networks of torchvision and timm are described on the meta device, so no weight is allocated. The
nodes of the graph, with their attributes and parameters, are held once by our containers and once
by onnx-ir's, and the same work is done on both in turns. Times are of the processor, which
neighbours disturb little, and medians of N runs; memory is the peak of Python's allocations, of a
run of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import json
import logging
import os
import statistics
import subprocess
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import onnx_ir
import onnx_ir.passes.common

from zoodiff.errors import MeasurementError
from zoodiff.graph import passes
from zoodiff.graph.ir import Graph
from zoodiff.graph.mutable import MutableGraph

NETWORKS = (
    "torchvision:alexnet",
    "torchvision:resnet50",
    "torchvision:convnext_large",
    "torchvision:densenet201",
    "torchvision:efficientnet_b7",
    "torchvision:swin_v2_b",
    "timm:hrnet_w64",
    "timm:swinv2_cr_giant_224",
)
DOMAIN = "zoodiff"
Work = Callable[[Any], Any]


def described(reference: str) -> Graph:
    """The graph that passes are given: canonical operators, as the source spells the network."""
    import torch

    from zoodiff.frontends.torch.export import to_graph
    from zoodiff.torch_compat import import_torchvision

    zoo, name = reference.split(":")
    torchvision = import_torchvision()
    with torch.device("meta"):
        if zoo == "torchvision":
            module, shape = torchvision.models.get_model(name), (3, 224, 224)
        else:
            import timm

            module = timm.create_model(name)
            shape = module.default_cfg["input_size"]
    return to_graph(module.eval(), (1, *shape), name)


# The canonical nodes in onnx-ir's containers. What it has no place for goes into metadata.


def in_onnx_ir(raw: dict[str, Any]) -> onnx_ir.Model:
    values = {tensor["name"]: _value(tensor) for tensor in raw["inputs"]}
    weights: dict[str, onnx_ir.Value] = {}
    nodes = []
    for node in raw["nodes"]:
        operands = [values[name] for name in node["inputs"]]
        for parameter in node["parameters"]:
            if parameter["name"] not in weights:
                weights[parameter["name"]] = _value(parameter)
                weights[parameter["name"]].metadata_props.update(_details(parameter))
            operands.append(weights[parameter["name"]])
        outputs = [_value(raw["tensors"][name]) for name in node["outputs"]]
        values.update((output.name or "", output) for output in outputs)
        attributes = onnx_ir.convenience.convert_attributes(node["attributes"])
        made = onnx_ir.Node(
            DOMAIN, node["op"], operands, attributes, outputs=outputs, name=node["name"]
        )
        if node["notes"]:
            made.metadata_props["notes"] = ",".join(node["notes"])
        nodes.append(made)
    graph = onnx_ir.Graph(
        [*(values[tensor["name"]] for tensor in raw["inputs"]), *weights.values()],
        [values[tensor["name"]] for tensor in raw["outputs"]],
        nodes=nodes,
        opset_imports={DOMAIN: 1},
        name=raw["source"],
    )
    return onnx_ir.Model(graph, ir_version=10)


def _value(raw: dict[str, Any]) -> onnx_ir.Value:
    codes = {"float32": onnx_ir.DataType.FLOAT, "int64": onnx_ir.DataType.INT64}
    kind = onnx_ir.TensorType(codes.get(raw["dtype"], onnx_ir.DataType.UNDEFINED))
    return onnx_ir.Value(name=raw["name"], shape=onnx_ir.Shape(raw["shape"]), type=kind)


def _details(parameter: dict[str, Any]) -> dict[str, str]:
    details = {key: parameter[key] for key in ("role", "layout", "whole") if parameter.get(key)}
    if parameter.get("view"):
        details["view"] = json.dumps(parameter["view"])
    if not parameter["trainable"]:
        details["trainable"] = "0"
    return details


# Two passes on each.


def fold_ours(net: MutableGraph) -> None:
    """Take every batch norm behind a convolution into it, which then has a bias."""
    for norm in net.of("BatchNormalization"):
        conv = net.before(norm)
        if conv is None or conv.op != "Conv" or net.sole_user(conv.output) is not norm:
            continue
        weight = conv.parameters[0]
        conv.parameters = [weight, replace(norm.parameters[1], role="bias")]
        conv.attributes["bias"] = True
        net.bypass(norm)


def fold_theirs(model: onnx_ir.Model) -> None:
    outputs = set(model.graph.outputs)
    for norm in list(model.graph):
        source = norm.inputs[0] if norm.op_type == "BatchNormalization" else None
        conv = source.producer() if source is not None else None
        if source is None or conv is None or conv.op_type != "Conv":
            continue
        if len(source.uses()) != 1 or source in outputs:
            continue
        shift = norm.inputs[2]
        conv.resize_inputs(3)
        conv.replace_input_with(2, shift)
        conv.attributes.add(onnx_ir.AttrInt64("bias", 1))
        onnx_ir.convenience.replace_all_uses_with(
            norm.outputs[0], source, replace_graph_outputs=True
        )
        model.graph.remove(norm, safe=True)


def prune_ours(net: MutableGraph) -> None:
    """Make the tensor halfway the output, and take out what nothing depends on any more."""
    nodes = list(net.nodes.values())
    net.outputs = [nodes[len(nodes) // 2].output]
    net.prune()


def prune_theirs(model: onnx_ir.Model) -> None:
    middle = list(model.graph)[len(model.graph) // 2]
    model.graph.outputs[:] = [middle.outputs[0]]
    onnx_ir.passes.common.RemoveUnusedNodesPass()(model)


def all_passes(net: MutableGraph) -> None:
    """Our own, for scale; where they refuse a network, up to there."""
    with contextlib.suppress(MeasurementError):
        passes.apply(net)


def write_theirs(model: onnx_ir.Model) -> bytes:
    written: bytes = onnx_ir.serde.serialize_model(model).SerializeToString(deterministic=True)
    return hashlib.sha256(written).digest()


def read_theirs(written: bytes) -> onnx_ir.Model:
    import onnx

    return onnx_ir.serde.deserialize_model(onnx.ModelProto.FromString(written))


# What is measured.


def clocked(prepare: Callable[[], Any], work: Work) -> float:
    given = prepare()
    gc.collect()
    begin = time.process_time()
    kept = work(given)
    took = time.process_time() - begin
    del kept
    return took


def peak(prepare: Callable[[], Any], work: Work) -> float:
    given = prepare()
    gc.collect()
    tracemalloc.start()
    kept = work(given)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del kept
    return most / 1e6


def lost_attributes(raw: dict[str, Any], model: onnx_ir.Model) -> tuple[int, int]:
    """How many attributes are another value or type when they are read back, and of how many."""
    back = read_theirs(onnx_ir.serde.serialize_model(model).SerializeToString())
    lost = total = 0
    for node, copied in zip(raw["nodes"], back.graph, strict=True):
        for key, value in node["attributes"].items():
            total += 1
            read = copied.attributes[key].value if key in copied.attributes else None
            read = list(read) if isinstance(read, tuple) else read
            lost += read != value or type(read) is not type(value)
    return lost, total


def measure(reference: str, repeat: int) -> None:
    graph = described(reference)
    text = graph.to_json()
    raw, model = json.loads(text), in_onnx_ir(json.loads(text))
    written = onnx_ir.serde.serialize_model(model).SerializeToString()
    folded, pruned = MutableGraph(graph), MutableGraph(graph)
    fold_ours(folded), prune_ours(pruned)
    for ours, work in ((folded, fold_theirs), (pruned, prune_theirs)):
        theirs = model.clone()
        work(theirs)
        assert len(ours.nodes) == len(theirs.graph), (reference, work.__name__)
    steps: dict[str, tuple[Callable[[], Any], Work, Callable[[], Any], Work]] = {
        "build": (lambda: raw, Graph.from_dict, lambda: raw, in_onnx_ir),
        "copy": (lambda: graph, MutableGraph, lambda: model, lambda m: m.clone()),
        "fold": (lambda: MutableGraph(graph), fold_ours, model.clone, fold_theirs),
        "prune": (lambda: MutableGraph(graph), prune_ours, model.clone, prune_theirs),
        "sort": (
            lambda: MutableGraph(graph),
            MutableGraph.freeze,
            model.clone,
            lambda m: m.graph.sort(),
        ),
        "write, hash": (
            lambda: graph,
            lambda g: hashlib.sha256(g.to_json().encode()).digest(),
            lambda: model,
            write_theirs,
        ),
        "read": (lambda: text, Graph.from_json, lambda: written, read_theirs),
    }
    cells = []
    for ours_from, ours, theirs_from, theirs in steps.values():
        times = [(clocked(ours_from, ours), clocked(theirs_from, theirs)) for _ in range(repeat)]
        own, their = (statistics.median(column) for column in zip(*times, strict=True))
        cells.append(f"{own * 1e3:.1f} ms x {their / own:.1f}")
    for name in ("build", "copy"):
        ours_from, ours, theirs_from, theirs = steps[name]
        own, their = peak(ours_from, ours), peak(theirs_from, theirs)
        cells.append(f"{own:.2f} MB x {their / own:.1f}")
    cells.append(f"{len(text) / 1e3:.0f} kB x {len(written) / len(text):.2f}")
    cells.append("{} of {}".format(*lost_attributes(raw, model)))
    cells.append(f"{clocked(lambda: MutableGraph(graph), all_passes) * 1e3:.0f} ms")
    print(f"| {reference} | {len(graph.nodes)} | " + " | ".join(cells) + " |", flush=True)


def imported(module: str) -> tuple[float, float]:
    """Seconds and megabytes that importing a module takes in a process of its own."""
    program = (
        f"import time, psutil; b = time.perf_counter(); import {module}; "
        "print(time.perf_counter() - b, psutil.Process().memory_info().rss / 1e6)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        for _ in range(5)
    ]
    values = [[float(part) for part in run.stdout.split()] for run in runs]
    seconds, memory = (statistics.median(column) for column in zip(*values, strict=True))
    return seconds, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    for module in ("zoodiff.graph.mutable", "onnx_ir"):
        seconds, memory = imported(module)
        print(f"import {module}: {seconds:.2f} s, process of {memory:.0f} MB")
    heads = "build, copy, fold, prune, sort, write and hash, read, peak of build, peak of copy"
    heads += ", size written, attributes changed by writing, all our passes"
    print(f"| network | nodes | {heads.replace(', ', ' | ')} |")
    for reference in options.networks:
        measure(reference, options.repeat)
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
