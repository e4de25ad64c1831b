"""Write ``src/zoodiff/zoos/data/onnx.json`` from the ONNX Model Zoo's manifest and READMEs.

    python tools/refresh_onnx.py MANIFEST.csv CLAIMS.csv [--output FILE]

MANIFEST.csv holds path, opset, sha256, bytes and inputs of the zoo's files; CLAIMS.csv what its
READMEs publish about them. The light graphs are listed from the installed ``onnx`` package.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos.onnx.backend import light_folder

TARGET = Path(__file__).resolve().parents[1] / "src/zoodiff/zoos/data/onnx.json"
REPOSITORY = "https://huggingface.co/onnxmodelzoo/legacy_models/resolve/main/"
LIGHT = {
    "bvlc_alexnet": "alexnet",
    "inception_v1": "googlenet",
    "squeezenet": "squeezenet1_1",
    "shufflenet": "shufflenet_v1",
    "zfnet512": "zfnet_512",
}
"""Architectures of light graphs whose file name is not the canonical name already."""
Row = Mapping[str, str]


def catalogue(manifest: list[Row], claims: list[Row]) -> dict[str, Any]:
    """The catalogue as JSON holds it."""
    facts = {
        claim["weights_id"].split()[-1]: claim
        for claim in claims
        if claim["zoo"] == "onnx_model_zoo" and claim["weights_id"].endswith(".onnx")
    }
    sizes = {row["model"]: shape for row in manifest if (shape := _input(row["inputs"]))}
    light = [_light(path) for path in sorted(light_folder().glob("light_*.onnx"))]
    files = [_file(row, facts.get(PurePosixPath(row["path"]).name), sizes) for row in manifest]
    return {
        "written_by": "tools/refresh_onnx.py",
        "manifest": "onnx/models@b1eeaa1",
        "models": sorted([*light, *files], key=lambda m: m["name"]),
    }


def _light(path: Path) -> dict[str, Any]:
    name = path.stem.removeprefix("light_")
    return {
        "name": path.stem,
        "architecture": LIGHT.get(name, name),
        "weights": [{"name": "placeholder", "default": True}],
        "preprocessing": Preprocessing(input_size=(224, 224), layout="NCHW").to_dict(),
        "input_shape": [3, 224, 224],
        "labels": "imagenet-1k",
        "note": "a graph with constant placeholder weights that ships with the onnx package",
        "needs_file": False,
    }


def _file(row: Row, fact: Row | None, sizes: Mapping[str, list[int]]) -> dict[str, Any]:
    path = PurePosixPath(row["path"])
    known = _input(row["inputs"]) or sizes.get(row["model"])
    shape = known or [3, 224, 224]
    notes = [f"opset {row['opset']}"]
    if known is None:
        notes.append("its manifest gives no input shape; 224 is assumed")
    if "rcnn" in path.name:
        notes.append("a detector's classifier, not an ImageNet classifier")
    if "preproc" in path.name:
        notes.append("a preprocessing graph, not a classifier")
    architecture = fact["architecture_family"] if fact else path.parts[3]
    labels = "mnist" if shape == [1, 28, 28] else "imagenet-1k"
    if "rcnn" in path.name:
        labels = "ilsvrc2013-detection"
    if "preproc" in path.name:
        architecture += "_preproc"
    return {
        "name": path.stem,
        "architecture": architecture.lower(),
        "weights": [
            {
                "name": "published",
                "default": True,
                "url": REPOSITORY + row["path"],
                "sha256": row["sha256"],
                "bytes": int(row["bytes"]),
            }
        ],
        "preprocessing": preprocessing(fact, shape).to_dict(),
        "input_shape": shape,
        "labels": labels,
        "note": "; ".join(notes),
        "needs_file": True,
    }


def _input(text: str) -> list[int] | None:
    """(channels, height, width) from ``data [1, 3, 224, 224]``, whatever its layout."""
    match = re.search(r"\[([^\]]+)\]", text)
    extents = [int(n) for n in re.findall(r"\b\d+\b", match[1])][-3:] if match else []
    if len(extents) != 3:
        return None
    return [extents[2], *extents[:2]] if extents[2] in {1, 3} else extents


def preprocessing(fact: Row | None, shape: list[int]) -> Preprocessing:
    """What the zoo's README publishes."""
    size = (shape[1], shape[2])
    published = "" if fact is None else fact["preproc_published"]
    if fact is None or published in {"", "no"} or published.startswith("only a link"):
        return Preprocessing(input_size=size)
    mean, std = _triple(fact["mean"]), _triple(fact["std"])
    resize = re.match(r"\d+", fact["resize_size"])
    side = int(resize[0]) if resize else None
    squash = "squash" in fact["resize_size"]
    spread = _range(fact["value_range"])
    if mean is not None and max(mean) > 1.5:
        spread = (0.0, 255.0)  # a mean of such size is subtracted from unscaled pixels
    order = fact["channel_order"]
    if order == "BGR" and mean is not None and "RGB order" in fact["mean"]:
        mean = mean[::-1]  # here mean and std come in the order that the network is fed
    interpolation = (fact["interpolation"] or "").split(" ")[0]
    whole = published.startswith("yes")
    return Preprocessing(
        input_size=size,
        resize=(side, side) if side and squash else side,
        resize_policy=("squash" if squash else "short_side") if side else None,
        # "PIL default" has been nearest, then bicubic: which one is not published.
        interpolation=interpolation if interpolation not in {"", "PIL"} else None,
        channel_order="BGR" if order == "BGR" else "RGB" if order == "RGB" else None,
        value_range=spread,
        mean=mean,
        std=std,
        published="yes" if whole and resize and mean else "partial",
        source=f"{fact['source_repo']} {fact['source_path']}@{fact['commit'][:7]}",
    )


def _triple(text: str) -> tuple[float, float, float] | None:
    numbers = [float(n) for n in re.findall(r"\d+\.?\d*", text)]
    if len(numbers) == 1:
        numbers *= 3
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 else None


def _range(text: str) -> tuple[float, float] | None:
    match = re.match(r"\[(-?\d+),\s*(\d+)\]", text)
    return (float(match[1]), float(match[2])) if match else None


def main() -> int:
    """Write the catalogue."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("claims", type=Path)
    parser.add_argument("--output", type=Path, default=TARGET)
    options = parser.parse_args()
    tables = []
    for path in (options.manifest, options.claims):
        with path.open(newline="", encoding="utf-8") as file:
            tables.append(list(csv.DictReader(file)))
    text = json.dumps(catalogue(tables[0], tables[1]), indent=1) + "\n"
    options.output.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
