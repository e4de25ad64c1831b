"""Tables of one entry's facts, of architectures by zoo, and of networks by fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from zoodiff.cli.render.console import print_line, print_table

if TYPE_CHECKING:
    from zoodiff.api.entries import EntryFacts, FingerprintGroups, LayerRow
    from zoodiff.api.values.shared import Claim, LabelSpace


def print_facts(facts: EntryFacts, *, layers: bool) -> None:
    """Print the facts of an entry, and its layers if requested."""
    model, preprocessing = facts.entry.model, facts.entry.preprocessing
    weights = [
        f"{named_weights.name}{' (default)' if named_weights.default else ''}"
        for named_weights in model.weights
    ]
    rows = [
        ["entry", str(facts.entry.ref)],
        ["architecture", model.architecture],
        ["zoo", facts.entry.zoo.title],
        ["weights", ", ".join(weights) or "none published"],
        ["input", _size(facts.input_shape)],
        ["labels", _labels(facts.entry.labels)],
        [
            "preprocessing",
            f"{preprocessing.sentence()} (published: {preprocessing.published})",
        ],
        *_network_rows(facts),
        *(["claim", _claim(claim)] for claim in facts.claims),
    ]
    if model.note:
        rows.append(["note", model.note])
    print_table(["", ""], rows)
    if layers and facts.graph is not None:
        _print_layers(facts.layers)


def _network_rows(facts: EntryFacts) -> list[list[str]]:
    counts = facts.counts
    if counts is None:
        return []
    rows = [
        ["parameters", f"{counts.parameters:,}"],
        ["statistics", f"{counts.statistics:,} (moving means and variances)"],
        ["MACs", f"{counts.macs:,}"],
        [
            "layers",
            f"{counts.convolutions} convolutions, {counts.normalisations} "
            f"normalisations, {counts.linear_layers} linear",
        ],
        ["fingerprint", facts.fingerprint or ""],
        ["softmax inside", "yes" if counts.softmax_inside else "no"],
        [
            "preprocessing inside",
            ", ".join(counts.preprocessing_ops) if counts.preprocessing_inside else "no",
        ],
    ]
    if counts.unused_parameters:
        rows.append(["of these unused", f"{counts.unused_parameters:,} at inference"])
    return rows


def _labels(space: LabelSpace) -> str:
    return f"{space.name} ({space.classes} classes)" if space.classes else space.name


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(str(n) for n in shape)


def _claim(claim: Claim) -> str:
    top1 = "no top-1" if claim.top1_percent is None else f"top-1 {claim.top1_percent:g} %"
    top5 = "" if claim.top5_percent is None else f", top-5 {claim.top5_percent:g} %"
    return f"{claim.weights or 'default'}: {top1}{top5} ({claim.source})"


def _print_layers(layers: list[LayerRow]) -> None:
    print_table(
        ["layer", "operator", "output", ("parameters", "right"), ("MACs", "right"), "attributes"],
        [
            [
                layer.name,
                layer.operator,
                _size(layer.shape),
                f"{layer.parameters:,}" if layer.has_parameters else "",
                f"{layer.macs:,}" if layer.macs else "",
                ", ".join(f"{key}={value}" for key, value in sorted(layer.attributes.items())),
            ]
            for layer in layers
        ],
    )


def print_architectures(by_architecture: Mapping[str, Mapping[str, list[str]]]) -> None:
    """Print the models of each zoo, one line per architecture."""
    zoos = list(dict.fromkeys(zoo for by_zoo in by_architecture.values() for zoo in by_zoo))
    print_table(
        ["architecture", *zoos],
        [
            [architecture, *(", ".join(by_zoo.get(zoo, [])) for zoo in zoos)]
            for architecture, by_zoo in by_architecture.items()
        ],
    )
    models = sum(len(names) for by_zoo in by_architecture.values() for names in by_zoo.values())
    print_line(f"{len(by_architecture)} architectures, {models} models")


def print_fingerprint_groups(grouped: FingerprintGroups) -> None:
    """Print entries by the fingerprint of their network, the largest group first."""
    groups = grouped.groups
    print_table(
        ["fingerprint", "entries of this one network"],
        [[text, ", ".join(members)] for text, members in sorted(groups.items(), key=_largest)],
    )
    shared = sum(len(members) > 1 for members in groups.values())
    print_line(
        f"{sum(map(len, groups.values()))} entries, {len(groups)} networks, "
        f"{shared} of them under several names; {len(grouped.not_described)} entries could not be "
        "described"
    )


def _largest(item: tuple[str, tuple[str, ...]]) -> tuple[int, str]:
    return (-len(item[1]), item[1][0])
