"""Write the graphs of some networks of the zoos beside the tests that need graphs, not frameworks.

Run with all frameworks installed: ``python tools/write_graph_fixtures.py``.
"""

from __future__ import annotations

import gzip
from pathlib import Path

from zoodiff import api

ENTRIES = (
    "keras:ConvNeXtTiny",
    "keras:EfficientNetB0",
    "keras:MobileNetV3Small",
    "keras:ResNet50",
    "keras:Xception",
    "onnx:light_bvlc_alexnet",
    "torchvision:densenet121",
    "torchvision:inception_v3",
    "torchvision:mnasnet1_0",
    "torchvision:mobilenet_v2",
    "torchvision:regnet_y_400mf",
    "torchvision:resnet18",
    "torchvision:resnet50",
    "torchvision:shufflenet_v2_x1_0",
    "torchvision:squeezenet1_1",
    "torchvision:vgg11_bn",
)
FOLDER = Path(__file__).resolve().parents[1] / "tests" / "graph" / "networks"


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for entry in ENTRIES:
        text = api.describe(f"{entry}@random").to_json()
        name = entry.replace(":", "__") + ".json.gz"
        # No time of writing in the file, so that equal graphs give equal files.
        (FOLDER / name).write_bytes(gzip.compress(text.encode(), mtime=0))
        print(name)


if __name__ == "__main__":
    main()
