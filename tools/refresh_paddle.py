"""Write ``src/zoodiff/zoos/data/paddle.json``; run with the interpreter of the environment paddle.

    PYTHONPATH=src "$ZOODIFF_PADDLE_PYTHON" tools/refresh_paddle.py [--check]

The networks are the public builders of ``paddle.vision.models``, and LeNet, of which there is only
the class. Addresses of weights are those in the modules' own tables. ``--check`` writes nothing and
ends with 1 where the file is out of date.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

import paddle

from zoodiff.zoos.paddle.backend import builders

TARGET = Path(__file__).resolve().parents[1] / "src" / "zoodiff" / "zoos" / "data" / "paddle.json"
SIZES = {"LeNet": [1, 28, 28], "inception_v3": [3, 299, 299]}
"""LeNet's classifier takes 28 x 28, and the docstring of InceptionV3 publishes 299 x 299."""
NOTES = {
    "LeNet": "for digits; no weights are published",
    "googlenet": "has batch norms nowhere, and returns its two auxiliary classifiers at inference",
}


def main() -> int:
    """Write the catalogue, or compare it."""
    text = json.dumps({"models": [entry(name) for name in builders(paddle)]}, indent=1) + "\n"
    if "--check" in sys.argv[1:]:
        return int(TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    print(f"{text.count('input_shape')} models in {TARGET}")
    return 0


def entry(name: str) -> dict[str, Any]:
    """One model of the catalogue."""
    builder = getattr(paddle.vision.models, name)
    urls = getattr(inspect.getmodule(builder), "model_urls", {})
    address = urls.get(_key(name, urls))
    weights = [{"name": "imagenet", "default": True, "url": address[0]}] if address else []
    return {
        "name": name,
        "architecture": _architecture(name),
        "weights": weights,
        "preprocessing": {"published": "no"},
        "labels": "mnist" if name == "LeNet" else "imagenet-1k",
        "input_shape": SIZES.get(name, [3, 224, 224]),
        "note": NOTES.get(name),
    }


def _key(name: str, urls: Any) -> str:
    """The key of a builder's weights: widths of MobileNets are in it (``mobilenetv2_1.0``)."""
    plain = re.sub(r"^(mobilenet)_(v\d)", r"\1\2", name)
    return next((key for key in (name, plain, f"{plain}_1.0", f"{name}_x1.0") if key in urls), "")


def _architecture(name: str) -> str:
    """The canonical name: widths of ShuffleNet V2 are written with a dot."""
    return re.sub(r"^(shufflenet_v2_x\d)_(\d+)$", r"\1.\2", name.lower())


if __name__ == "__main__":
    sys.exit(main())
