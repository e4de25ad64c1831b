"""Write ``src/zoodiff/zoos/data/paddleclas.json``; run with the interpreter of the environment paddle.

    PYTHONPATH=src "$ZOODIFF_PADDLE_PYTHON" tools/refresh_paddleclas.py [--check]

The networks are the builders of PaddleClas's package that can fetch weights; the addresses are
those that they ask for. Preprocessing is that of ``tools/paddleclas_evaluation.csv``, else the
default of the package's own predictor for networks that it lists. Canonical names are those of the
table of names, else of PaddleClas's own claims, else PaddleClas's in lower case. ``--check`` writes
nothing and ends with 1 where the file is out of date.
"""  # noqa: E501

from __future__ import annotations

import ast
import csv
import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

from zoodiff.claims.catalogue import claims_for
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos.names import table
from zoodiff.zoos.paddle.layers import import_paddle, without_values
from zoodiff.zoos.paddleclas import architectures

TOOLS = Path(__file__).resolve().parent
TARGET = TOOLS.parent / "src" / "zoodiff" / "zoos" / "data" / "paddleclas.json"
ZOO = "paddleclas"
CONFIGURATIONS = "PaddlePaddle/PaddleClas ppcls/configs/ImageNet/{}.yaml@d178931fca43"
PREDICTOR = "paddleclas 2.6.0, deploy/configs/inference_cls.yaml, the default of its predictor"

WEIGHTS = {
    "ssld": "use_ssld",
    "22kto1k": "use_imagenet22kto1k_pretrained",
}
"""Further sets of weights, and the option that chooses them; ``pretrained`` is the usual set.

Every builder takes the options. The weights exist where PaddleClas lists them: as a network of its
predictor or in its claims, with the name of the weights behind that of the network.
"""
CAE = {
    name: {
        "enable_linear_eval": False,
        "init_values": 0.1,
        "model_ema": {"enable_model_ema": False},
        "model_key": "model|module|state_dict",
        "use_abs_pos_emb": False,
        "use_rel_pos_bias": True,
    }
    for name in ("cae_base_patch16_224", "cae_large_patch16_224")
}
"""What these builders cannot be called without, as PaddleClas's ``configs/CAE`` has it."""
LABELS = {
    "CLIP_large_patch14_224_aesthetic": "no classes",
    "EVA_vit_giant_patch14": "no classes",
    "EfficientNetB3_watermark": "watermark",
}
"""Networks whose outputs are not ImageNet's classes: a score, features, another task."""
NO_ADDRESS = "PaddleClas publishes no weights of it"
BROKEN = "PaddleClas 2.6.0 cannot run it"
"""Swin V2, SOLIDER, ``MAE_vit_huge_patch14`` and the aesthetic score fail in their own code."""


def main() -> int:
    """Write the catalogue, or compare it."""
    names = architectures.builders()
    text = json.dumps({"models": [entry(name) for name in names]}, indent=1) + "\n"
    if "--check" in sys.argv[1:]:
        return int(TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    print(f"{len(names)} models in {TARGET}")
    return 0


def entry(name: str) -> dict[str, Any]:
    """Return one model of the catalogue."""
    spec = preprocessing(name)
    arguments = arguments_of(name)
    weights = weights_of(name)
    size = spec.input_size or (described_size(name),) * 2
    raw = {
        "name": name,
        "architecture": architecture(name),
        "weights": weights,
        "preprocessing": spec.to_dict(),
        "labels": LABELS.get(name, "imagenet-1k"),
        "input_shape": [3, *size],
        "note": note(name, bool(weights)),
    }
    return raw | ({"arguments": arguments} if arguments else {})


def note(name: str, has_weights: bool) -> str | None:
    """Return what is unusual about a network."""
    broken = {"MAE_vit_huge_patch14", "CLIP_large_patch14_224_aesthetic"}
    if name in broken or name.startswith("SwinTransformerV2_") or name.endswith("_SOLIDER"):
        return BROKEN
    return None if has_weights else NO_ADDRESS


def architecture(name: str) -> str:
    """Return the canonical name."""
    row = table.by_entry().get((ZOO, name))
    if row is not None:
        return row.name
    claimed = next((claim.architecture for claim in claims() if claim.model == name), None)
    return claimed or name.lower()


def weights_of(name: str) -> list[dict[str, Any]]:
    """Return the sets of weights that PaddleClas publishes of a network, the usual first."""
    usual = address(name)
    if usual is None:
        return []
    sets = [{"name": "pretrained", "default": True, "url": usual}]
    for weights, option in WEIGHTS.items():
        if f"{name}_{weights}" in listed() and option in architectures.options(name):
            url = address(name, **{option: True})
            if url != usual:
                sets.append({"name": weights, "default": False, "url": url})
    return sets


def address(name: str, **options: bool) -> str | None:
    """Return the address that a builder asks for."""
    paddle = import_paddle()
    with without_values(paddle), paddle.utils.unique_name.guard():
        return architectures.address(name, {**arguments_of(name), **options})


def arguments_of(name: str) -> dict[str, Any]:
    """Return the arguments that PaddleClas's configuration of a network gives to its builder."""
    row = evaluations().get(name)
    configured: dict[str, Any] = json.loads(row["arguments"]) if row and row["arguments"] else {}
    return CAE.get(name, configured)


def preprocessing(name: str) -> Preprocessing:
    """Return the preprocessing of a network's evaluation."""
    row = evaluations().get(name)
    if row is not None:
        return published(row, CONFIGURATIONS.format(f"*/{name}"))
    if name in predicted():
        return published(evaluations()["ResNet50"], PREDICTOR)
    return Preprocessing()


def published(row: dict[str, str], source: str) -> Preprocessing:
    """Return a row of the table of evaluations as a specification."""
    size, policy = int(row["crop"] or row["resize"]), row["policy"]
    resize: int | tuple[int, int] | None = None
    if policy != "central_square":
        resize = (size, size) if policy == "squash" else int(row["resize"])
    scale = float(row["scale"]) * 255.0
    top = 1.0 if abs(scale - 1.0) < 1e-6 else scale
    mean, std = (tuple(float(v) for v in row[key].split()) for key in ("mean", "std"))
    return Preprocessing(
        input_size=(size, size),
        resize=resize,
        resize_policy=policy,  # type: ignore[arg-type]
        crop_fraction=float(row["resize"]) if policy == "central_square" else None,
        crop_rounding=None if policy == "squash" else "down",
        library=row["library"],  # type: ignore[arg-type]
        interpolation=row["interpolation"],  # type: ignore[arg-type]
        antialias=row["library"] == "pillow",
        channel_order=row["channels"],  # type: ignore[arg-type]
        value_range=(0.0, top),
        mean=mean,  # type: ignore[arg-type]
        std=std,  # type: ignore[arg-type]
        layout="NCHW",
        published="yes",
        source=source,
    )


def described_size(name: str) -> int:
    """Return the input size of a network without a configuration.

    It is the number at the end of its name, else the size of the other networks of its module.
    """
    match = re.search(r"_(\d{3})$", name)
    if match:
        return int(match[1])
    module = architectures.module_of(name)
    family = [other for other in evaluations() if other in architectures.builders()]
    sizes = {int(evaluations()[o]["crop"]) for o in family if architectures.module_of(o) == module}
    return sizes.pop() if len(sizes) == 1 else 224


@cache
def evaluations() -> dict[str, dict[str, str]]:
    """Return the rows of ``paddleclas_evaluation.csv`` by network."""
    with (TOOLS / "paddleclas_evaluation.csv").open(encoding="utf-8", newline="") as file:
        return {row["model"]: row for row in csv.DictReader(file)}


@cache
def listed() -> frozenset[str]:
    """Return the networks that PaddleClas lists with weights: of its predictor, and claimed."""
    return predicted() | {claim.model for claim in claims()}


@cache
def predicted() -> frozenset[str]:
    """Return the networks of the package's predictor, read from its source."""
    source = (architectures.folder() / "paddleclas.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and "IMN_MODEL_SERIES" in ast.unparse(node.targets[0]):
            series: dict[str, list[str]] = ast.literal_eval(node.value)
            return frozenset(name for names in series.values() for name in names)
    raise SystemExit("PaddleClas's predictor lists no networks")


@cache
def claims() -> tuple[Any, ...]:
    """Return PaddleClas's claims."""
    return tuple(claims_for(zoo=ZOO))


if __name__ == "__main__":
    sys.exit(main())
