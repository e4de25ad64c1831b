"""Write ``src/zoodiff/zoos/data/torchvision.json`` from the installed torchvision.

    python tools/refresh_torchvision.py [--check]

Everything but the architectures' canonical names comes from the framework's weights enums.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.torch_compat import import_torchvision

TARGET = Path(__file__).resolve().parents[1] / "src/zoodiff/zoos/data/torchvision.json"

NAMES = {"maxvit_t": "maxvit_tiny"}
RULES = (
    (r"efficientnet_v2_([sml])", r"efficientnetv2_\1"),
    (r"mnasnet(\d)_(\d+)", r"mnasnet_\1.\2"),
    (r"regnet_([xy])_(\d+)mf", r"regnet\1_\2mf"),
    (r"shufflenet_v2_x(\d)_(\d)", r"shufflenet_v2_x\1.\2"),
)
SIZES = {"t": "tiny", "s": "small", "b": "base", "l": "large", "h": "huge"}


def architecture(name: str) -> str:
    """The canonical name: torchvision's own, but where other zoos have a commoner one."""
    if name in NAMES:
        return NAMES[name]
    for pattern, replacement in RULES:
        if re.fullmatch(pattern, name):
            return re.sub(pattern, replacement, name)
    if match := re.fullmatch(r"regnet_([xy])_([\d_]+)gf", name):
        return f"regnet{match[1]}_{round(float(match[2].replace('_', '.')) * 1000)}mf"
    if match := re.fullmatch(r"swin(_v2)?_([tsb])", name):
        return f"swin{'v2' if match[1] else ''}_{SIZES[match[2]]}"
    if match := re.fullmatch(r"vit_([blh])_(\d+)", name):
        return f"vit_{SIZES[match[1]]}_patch{match[2]}"
    return name


def catalogue() -> dict[str, Any]:
    """The catalogue as JSON holds it."""
    torchvision = import_torchvision()
    models = torchvision.models
    found = []
    for name in sorted(models.list_models(module=models)):
        enum = models.get_model_weights(name)
        weights = []
        for member in enum:
            meta = member.meta
            digits = re.search(r"-([0-9a-f]{8,})\.", member.url)
            weights.append(
                {
                    "name": member.name,
                    "default": member is enum.DEFAULT,
                    "url": member.url,
                    "sha256": digits[1] if digits else None,
                    "bytes": None,
                    "parameters": meta["num_params"],
                    "macs": round(meta["_ops"] * 1e9),
                    "preprocessing": preprocessing(member).to_dict(),
                }
            )
        found.append({"name": name, "architecture": architecture(name), "weights": weights})
    version = torchvision.__version__.partition("+")[0]
    return {
        "written_by": "tools/refresh_torchvision.py",
        "torchvision": version,
        "models": found,
    }


def preprocessing(member: Any) -> Preprocessing:
    """What ``member.transforms()`` does, as data."""
    transform = member.transforms()
    resize, crop = list(transform.resize_size), list(transform.crop_size)
    return Preprocessing(
        input_size=tuple((crop * 2)[:2]),
        resize=resize[0] if len(resize) == 1 else tuple(resize),
        resize_policy="short_side" if len(resize) == 1 else "squash",
        crop_fraction=None,
        library="pillow",
        interpolation=transform.interpolation.value,
        antialias=bool(transform.antialias),
        channel_order="RGB",
        value_range=(0.0, 1.0),
        mean=tuple(transform.mean),
        std=tuple(transform.std),
        layout="NCHW",
        inside_network=False,
        published="yes",
        source=f"torchvision.models.{type(member).__name__}.{member.name}.transforms()",
    )


def main() -> int:
    """Write the catalogue, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    text = json.dumps(catalogue(), indent=1) + "\n"
    if options.check:
        return int(TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    print(f"wrote {TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
