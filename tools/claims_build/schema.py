"""The columns of the catalogue: name, type, unit and meaning, in the order of the file."""

from __future__ import annotations

import json
from typing import Any

Columns = list[tuple[str, str, str | None, str]]

# (name, Frictionless type, unit or None, meaning). An empty cell means: not published.
COLUMNS: Columns = [
    ("architecture", "string", None, "canonical name, shared by all entries of that network"),
    ("variant", "string", None, "how it departs from the nominal network: width factor, minimal"),
    ("zoo", "string", None, "the zoo that claims it"),
    ("collection", "string", None, "the part of the zoo, where it has several: slim, official ..."),
    ("model", "string", None, "the model as the zoo names it"),
    ("weights", "string", None, "the weights as the zoo names them"),
    ("entry_model", "string", None, "model of the entry zoo:model@weights in zoodiff, if any"),
    ("entry_weights", "string", None, "weights of that entry, if they are an entry"),
    ("zoo_default", "boolean", None, "the weights that the zoo hands out by default"),
    ("precision", "string", None, "fp32 or int8"),
    ("extra_data", "string", None, "extra training data, distillation, pruning; empty: none known"),
    ("top1_percent", "number", "%", "top-1 accuracy on the ImageNet-1k validation images"),
    ("top5_percent", "number", "%", "top-5 accuracy on the ImageNet-1k validation images"),
    ("top1_as_published", "string", None, "as printed, where that differs from top1_percent"),
    ("metric_form", "string", None, "how it is printed: percent, fraction, or error (a rate)"),
    ("provenance", "string", None, "measured by the zoo, copied from elsewhere, or unknown"),
    ("parameters", "integer", "parameters", "number of parameters"),
    ("parameters_as_published", "string", None, "as printed, where it is not the plain integer"),
    (
        "parameters_count",
        "string",
        None,
        "weights, with_statistics, with_auxiliary_heads, without_classifier, unknown",
    ),
    ("macs", "integer", "multiply-accumulates", "MACs of one image at the input size"),
    ("macs_as_published", "string", None, "the number as printed"),
    ("macs_unit", "string", None, "what the zoo calls that number"),
    ("macs_true_unit", "string", None, "what it is, where that differs"),
    ("input_height", "integer", "pixels", "height of the network's input"),
    ("input_width", "integer", "pixels", "width of the network's input"),
    ("protocol", "string", None, "id of what is published of the preprocessing, in protocols.csv"),
    ("bytes", "integer", "bytes", "size of the weights file, as exact as it is published"),
    ("bytes_as_published", "string", None, "as printed"),
    ("latency_as_published", "string", None, "as printed, with its conditions"),
    ("published_on", "date", None, "first day for which it is verified that it was public"),
    (
        "published_basis",
        "string",
        None,
        "what was public then: number, weights, checkpoint_name (the date stands in its name)",
    ),
    ("withdrawn_on", "date", None, "day on which the zoo took the number away or replaced it"),
    ("doubtful", "string", None, "what can hardly be right, and why; nothing is repaired"),
    (
        "equal_to",
        "string",
        None,
        "zoos with the same top-1 to the last digit: copied, or the same weights measured alike",
    ),
    ("source", "string", None, "id of the source, in sources.csv"),
    ("note", "string", None, "what else the source says"),
]

PROTOCOLS: Columns = [
    ("protocol", "string", None, "id"),
    ("resize", "integer", "pixels", "length to which an image is resized before the crop"),
    ("resize_policy", "string", None, "short_side, or squash (both sides, ratio not kept)"),
    ("crop", "integer", "pixels", "side of the centre crop"),
    ("crop_fraction", "number", "1", "crop over resize"),
    ("interpolation", "string", None, "bilinear, bicubic"),
    ("interpolation_library", "string", None, "pillow, opencv, tensorflow, mxnet, torchvision"),
    ("channel_order", "string", None, "RGB or BGR"),
    ("value_range", "string", None, "range of a pixel before mean and std, two numbers"),
    ("mean", "string", None, "three numbers in channel order, on value_range"),
    ("std", "string", None, "three numbers in channel order, on value_range"),
    ("inside_network", "boolean", None, "the network itself normalises its input"),
    ("preprocessing", "string", None, "published: yes, partial, code (only in code), no"),
    ("preprocessing_note", "string", None, "where, and what is missing"),
]

SOURCES: Columns = [
    ("source", "string", None, "id"),
    ("repository", "string", None, "owner and name on GitHub"),
    ("path", "string", None, "file, and what in it"),
    ("commit", "string", None, "commit at which it was read, 12 digits; empty: not known"),
]


RESOURCES = {"claims": COLUMNS, "protocols": PROTOCOLS, "sources": SOURCES}


def names(resource: str) -> list[str]:
    """The columns of one file, in order."""
    return [name for name, *_ in RESOURCES[resource]]


def datapackage(rows: dict[str, int]) -> str:
    """The description of the files, as a Frictionless data package."""
    resources = [_resource(name, RESOURCES[name], rows[name]) for name in RESOURCES]
    resources[0]["schema"]["foreignKeys"] = [
        {"fields": key, "reference": {"resource": f"{key}s", "fields": key}}
        for key in ("protocol", "source")
    ]
    package = {
        "name": "zoodiff-claims",
        "title": "What model zoos claim about their pre-trained networks",
        "description": "Facts from the zoos' own pages, tables, metadata and packages. Accuracies "
        "are those of one centre crop on the ImageNet-1k validation images unless the note says "
        "otherwise. Built by tools/build_claims.py; never edited by hand.",
        "resources": resources,
    }
    return json.dumps(package, indent=1, ensure_ascii=False) + "\n"


def _resource(name: str, columns: Columns, rows: int) -> dict[str, Any]:
    fields = []
    for column, kind, unit, meaning in columns:
        field: dict[str, Any] = {"name": column, "type": kind, "description": meaning}
        if unit:
            field["unit"] = unit
        if kind == "boolean":
            field |= {"trueValues": ["1"], "falseValues": ["0"]}
        fields.append(field)
    return {
        "name": name,
        "path": f"{name}.csv",
        "rows": rows,
        "schema": {"fields": fields, "missingValues": [""]},
    }
