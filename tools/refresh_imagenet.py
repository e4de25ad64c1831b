"""Write ``src/zoodiff/data/imagenet_1k.json`` from what timm and torchvision ship.

    python tools/refresh_imagenet.py

For each class of ImageNet-1k, in the order of the WordNet ids: the id, torchvision's name of it
and WordNet's own words.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from zoodiff.torch_compat import import_torchvision

TARGET = Path(__file__).resolve().parents[1] / "src/zoodiff/data/imagenet_1k.json"


def main() -> int:
    """Write the file."""
    torchvision = import_torchvision()
    import timm

    folder = Path(timm.__file__).parent / "data" / "_info"
    synsets = (folder / "imagenet_synsets.txt").read_text().split()
    words = dict(
        line.split("\t", 1)
        for line in (folder / "imagenet_synset_to_lemma.txt").read_text().splitlines()
    )
    names = torchvision.models.ResNet50_Weights.DEFAULT.meta["categories"]
    classes = [
        {"wnid": wnid, "name": name, "words": words[wnid].split(", ")}
        for wnid, name in zip(synsets, names, strict=True)
    ]
    lines = ",\n  ".join(json.dumps(one, ensure_ascii=False) for one in classes)
    head = '{\n "written_by": "tools/refresh_imagenet.py",\n "classes": [\n  '
    TARGET.write_text(head + lines + "\n ]\n}\n", encoding="utf-8")
    print(f"{len(classes)} classes in {TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
