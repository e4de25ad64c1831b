"""``zoodiff show``: the facts of one entry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import AllowCode
from zoodiff.cli.render.console import Json, complete_entry, print_json, print_table, status

if TYPE_CHECKING:
    from zoodiff.graph.cost import Counts
    from zoodiff.graph.ir import Graph
    from zoodiff.workers.process import Limits
    from zoodiff.zoos.registry import Entry


def show(
    entry: Annotated[
        str,
        typer.Argument(
            help="zoo:model, zoo:model@weights or a file.", autocompletion=complete_entry
        ),
    ],
    layers: Annotated[bool, typer.Option("--layers", help="Print the layer table too.")] = False,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="FILE",
            help="Write the canonical graph too: .json, .onnx (no weights, for viewers) or .dot.",
        ),
    ] = None,
    catalogue_only: Annotated[
        bool,
        typer.Option("--catalogue-only", help="Only what needs no framework; answers at once."),
    ] = False,
    allow_code: AllowCode = None,
    worker_seconds: WorkerSeconds = SECONDS,
    worker_memory: WorkerMemory = None,
    json: Json = False,
) -> None:
    """Show an entry's counts, preprocessing, labels, weights and claims."""
    from dataclasses import asdict

    from zoodiff.claims import catalogue
    from zoodiff.zoos import registry

    found = registry.resolve(entry)
    facts: dict[str, Any] = {
        "entry": str(found.ref),
        "architecture": found.model.architecture,
        "zoo": found.zoo.title,
        "weights": {w.name: asdict(w) for w in found.model.weights},
        "input_shape": list(found.model.input_shape),
        "labels": asdict(found.model.labels),
        "preprocessing": found.preprocessing.to_dict(),
        "note": found.model.note,
    }
    claimed = (
        catalogue.claims_for(architecture=found.model.architecture, zoo=found.zoo.name)
        if found.zoo.name in catalogue.zoo_names()
        and found.model.architecture in catalogue.architectures()
        else []
    )
    claims = [c for c in claimed if c.entry_model == found.model.name]
    facts["claims"] = [asdict(c) for c in claims]
    graph: Graph | None = None
    if not catalogue_only:
        graph, counts = _describe(found, limits_of(worker_seconds, worker_memory))
        facts["counts"] = asdict(counts)
        facts["input_shape"] = list(graph.inputs[0].shape)
        facts["fingerprint"] = _saved(graph, save)
        if layers:
            facts["layers"] = graph.to_dict()["nodes"]
    if json:
        print_json(facts)
        return
    _print(found, facts, claims)
    if layers and graph is not None:
        _print_layers(graph)


def _saved(graph: Graph, path: Path | None) -> str:
    """The fingerprint; the canonical graph is written on the way where that is wanted."""
    from zoodiff.graph.canonical import canonical
    from zoodiff.graph.export import save
    from zoodiff.graph.fingerprint import fingerprint

    clean = canonical(graph)
    if path is not None:
        save(clean, path)
    return fingerprint(clean, is_canonical=True)


def _describe(entry: Entry, limits: Limits) -> tuple[Graph, Counts]:
    from zoodiff.architecture.describe import describe
    from zoodiff.engines.pool import WorkerPool
    from zoodiff.graph.cost import count

    with WorkerPool(limits) as engine, status(f"building {entry.ref} without weights"):
        graph, _ = describe(engine, entry)
    return graph, count(graph)


def _print(entry: Entry, facts: dict[str, Any], claims: list[Any]) -> None:
    rows = [
        ["entry", facts["entry"]],
        ["architecture", facts["architecture"]],
        ["zoo", facts["zoo"]],
        ["weights", ", ".join(_weights(w) for w in facts["weights"].values()) or "none published"],
        ["input", "x".join(str(n) for n in facts["input_shape"])],
        ["labels", f"{entry.model.labels.name} ({entry.model.labels.classes} classes)"],
        [
            "preprocessing",
            f"{entry.preprocessing.sentence()} (published: {entry.preprocessing.published})",
        ],
    ]
    counts = facts.get("counts")
    if counts:
        rows += [
            ["parameters", f"{counts['parameters']:,}"],
            ["statistics", f"{counts['statistics']:,} (moving means and variances)"],
            ["MACs", f"{counts['macs']:,}"],
            [
                "layers",
                f"{counts['convolutions']} convolutions, {counts['normalisations']} "
                f"normalisations, {counts['linear_layers']} linear",
            ],
            ["fingerprint", facts["fingerprint"]],
            ["softmax inside", "yes" if counts["softmax_inside"] else "no"],
            [
                "preprocessing inside",
                ", ".join(counts["preprocessing_ops"]) if counts["preprocessing_inside"] else "no",
            ],
        ]
        if counts["unused_parameters"]:
            rows.append(["of these unused", f"{counts['unused_parameters']:,} at inference"])
    rows += [["claim", _claim(claim)] for claim in claims]
    if entry.model.note:
        rows.append(["note", entry.model.note])
    print_table(["", ""], rows)


def _weights(weights: dict[str, Any]) -> str:
    return str(weights["name"]) + (" (default)" if weights["default"] else "")


def _claim(claim: Any) -> str:
    top1 = "no top-1" if claim.top1_percent is None else f"top-1 {claim.top1_percent:g} %"
    top5 = "" if claim.top5_percent is None else f", top-5 {claim.top5_percent:g} %"
    return f"{claim.weights or 'default'}: {top1}{top5} ({claim.source})"


def _print_layers(graph: Graph) -> None:
    from zoodiff.graph.cost import macs_of

    def rows() -> list[list[str]]:
        table = []
        for node in graph.nodes:
            shape = graph.tensors[node.outputs[0]].shape if node.outputs else ()
            attributes = ", ".join(
                f"{key}={value}" for key, value in sorted(node.attributes.items())
            )
            macs = macs_of(graph, node)
            table.append(
                [
                    node.name,
                    node.op,
                    "x".join(str(n) for n in shape),
                    f"{sum(p.size for p in node.parameters):,}" if node.parameters else "",
                    f"{macs:,}" if macs else "",
                    attributes,
                ]
            )
        return table

    print_table(
        ["layer", "operator", "output", ("parameters", "right"), ("MACs", "right"), "attributes"],
        rows(),
    )
