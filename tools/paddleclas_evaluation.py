"""Write ``tools/paddleclas_evaluation.csv`` from a copy of PaddleClas's repository.

    "$ZOODIFF_PADDLE_PYTHON" tools/paddleclas_evaluation.py FOLDER

PaddleClas's package holds no configuration of its networks; its repository has one file of each,
``ppcls/configs/ImageNet/*/NAME.yaml``, whose ``Eval`` lists the steps of the preprocessing. A step
that this file does not know is an error. The table was made of commit d178931fca43, the last whose
``version.txt`` says 2.6.0.
"""

from __future__ import annotations

import ast
import csv
import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

TARGET = Path(__file__).with_suffix(".csv")
COLUMNS = (
    *("model", "policy", "resize", "crop", "interpolation", "library"),
    *("channels", "scale", "mean", "std", "arguments"),
)
_OF_TRAINING = {"name", "class_num", "pretrained", "use_ssld", "use_sync_bn"}
"""Settings of ``Arch`` that say which network, which weights, and how it is trained."""
_LIBRARIES = {"pil": "pillow", "cv2": "opencv"}


def main(arguments: list[str]) -> int:
    """Write the table; 2 for wrong usage."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    rows = []
    for path in sorted(Path(arguments[0]).glob("ppcls/configs/ImageNet/*/*.yaml")):
        configuration = yaml.safe_load(path.read_text(encoding="utf-8"))
        if configuration["Arch"].get("name") == path.stem:  # others are recipes of training
            rows.append({"model": path.stem, **evaluation(configuration)})
    rows.sort(key=lambda row: row["model"])
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} networks in {TARGET}")
    return 0


def evaluation(configuration: dict[str, Any]) -> dict[str, Any]:
    """Return the preprocessing of a configuration as the columns of the table."""
    steps = configuration["DataLoader"]["Eval"]["dataset"]["transform_ops"]
    names = [next(iter(step)) for step in steps]
    settings = {name: step[name] for name, step in zip(names, steps, strict=True)}
    decode, norm = settings.pop("DecodeImage"), settings.pop("NormalizeImage")
    assert not decode.get("channel_first"), names
    # An image that stays Pillow's has red first; an array has blue first unless it is turned.
    red_first = not decode.get("to_np", True) or decode.get("to_rgb", True)
    values = {
        "channels": "RGB" if red_first else "BGR",
        "scale": scale(norm["scale"]),
        "mean": words(norm["mean"]),
        "std": words(norm["std"]),
        "arguments": arguments_of(configuration["Arch"]),
    }
    if list(settings) == ["CropImageAtRatio"]:
        ratio = settings["CropImageAtRatio"]
        part = ratio["size"] / (ratio["size"] + ratio["pad"])
        # paddle.vision.transforms resizes arrays by OpenCV.
        geometry = ("central_square", part, ratio["size"])
        return row(geometry, ratio.get("interpolation", "bilinear"), "opencv") | values
    resize = settings.pop("ResizeImage")
    crop = settings.pop("CropImage", {"size": None})["size"]
    assert not settings, names
    library = _LIBRARIES[resize.get("backend", "cv2").lower()]
    interpolation = resize.get("interpolation", "bilinear")
    if "resize_short" in resize:
        return row(("short_side", resize["resize_short"], crop), interpolation, library) | values
    assert crop in (None, resize["size"]), names
    return row(("squash", resize["size"], resize["size"]), interpolation, library) | values


def arguments_of(architecture: dict[str, Any]) -> str:
    """Return the arguments that a configuration gives to a builder, as JSON; empty for none."""
    arguments = {k: plain(v) for k, v in architecture.items() if k not in _OF_TRAINING}
    return json.dumps(arguments, sort_keys=True) if arguments else ""


def plain(value: Any) -> Any:
    """Return a value as PaddleClas reads it: text such as ``1e-6`` is a number."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value


def row(geometry: tuple[str, float, int], interpolation: str, library: str) -> dict[str, Any]:
    """Return the columns of the geometry."""
    policy, resize, crop = geometry
    return {
        "policy": policy,
        "resize": resize,
        "crop": crop,
        "interpolation": interpolation,
        "library": library,
    }


def scale(value: float | str) -> float:
    """Return the factor of a pixel, which may be written as a fraction."""
    numerator, _, denominator = str(value).partition("/")
    return float(Fraction(numerator) / Fraction(denominator or "1"))


def words(values: list[float]) -> str:
    """Return three numbers as one cell."""
    return " ".join(f"{value:g}" for value in values)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
