"""Write ``src/zoodiff/zoos/pytorchcv/models.csv`` from the installed pytorchcv.

    python tools/refresh_pytorchcv.py [--check]

Names come from ``pytorchcv.model_provider``, published weights from its ``model_metainfos.csv``,
top-1 errors and operations from the README that the wheel carries as its description. Only
classifiers are kept: networks for ImageNet-1k, and those whose name ends with another data set of
classes. Input sizes that no file states are those of the network, built on the meta device.
Canonical names are in ``names.csv`` beside the table, by hand. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import io
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from zoodiff.torch_compat import import_torchvision
from zoodiff.zoos.pytorchcv.catalogue import COLUMNS

TARGET = Path(__file__).resolve().parents[1] / "src/zoodiff/zoos/pytorchcv/models.csv"
_OTHER_DATA = {"_cifar10": "32", "_cifar100": "32", "_svhn": "32", "_cub": ""}
"""Heights of the images of other data sets by the ending of a model's name, if all are the same."""
_FILE = re.compile(r"/releases/download/(v[\d.]+)/(\w+)-(\d+)-([0-9a-f]{8})\.pth\.log")
_NOT_PUBLISHED = "NA"


def table() -> str:
    """Return the table as its file holds it."""
    import_torchvision()
    provider = importlib.import_module("pytorchcv.model_provider")
    published = _metainfos()
    readme = dict(_readme())
    target = io.StringIO()
    writer = csv.DictWriter(target, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for name in sorted(provider._models):
        row = _row(name, provider, published.get(name, {}), readme)
        if row:
            writer.writerow(row)
    return target.getvalue()


def _metainfos() -> Mapping[str, Mapping[str, str]]:
    """Return what the package's own table says of models; a model may have several rows."""
    path = files("pytorchcv").joinpath("models/common/model_metainfos.csv")
    published: dict[str, dict[str, str]] = {}
    for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
        values = {name: value for name, value in row.items() if value != _NOT_PUBLISHED}
        published.setdefault(row["model_name"], {}).update(values)
    return published


def _readme() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield models with the errors and operations that the README prints for them."""
    text = importlib.metadata.metadata("pytorchcv").get_payload()
    assert isinstance(text, str)
    for line in text.splitlines():
        file = _FILE.search(line)
        if file is None:
            continue
        caption, *numbers = [cell.strip() for cell in line.strip("|").split("|")]
        if len(numbers) == 5:
            top1, top5, _, operations, _ = numbers
            yield (
                file[2],
                {
                    "top1_error": top1,
                    "top5_error": top5,
                    "operations": operations.replace(",", ""),
                    "preprocessing": "other" if caption.endswith("*") else "standard",
                },
            )


def _row(
    name: str, provider: Any, published: Mapping[str, str], readme: Mapping[str, dict[str, str]]
) -> dict[str, str] | None:
    """Return the row of a classifier; None for other networks."""
    ending = next((e for e in _OTHER_DATA if name.endswith(e)), "")
    size = published.get("img_size") or _OTHER_DATA.get(ending)
    if not ending and published.get("test_dataset", "in1k") != "in1k":
        return None
    if not size:
        classes, size = _built(name, provider)
        if not size or (not ending and classes != 1000):
            return None
    printed = readme.get(name, {})
    error = published.get("error_value", "")
    if printed and error.replace(".", "") != printed["top5_error"].replace(".", "").zfill(4):
        print(f"{name}: the file says {error}, the README {printed['top5_error']}")
    return {
        "model": name,
        "dataset": ending[1:] or "in1k",
        "size": size,
        "scale": published.get("img_scale", ""),
        "parameters": published.get("net_weights", ""),
        "error": error,
        "top1_error": printed.get("top1_error", ""),
        "top5_error": printed.get("top5_error", ""),
        "operations": printed.get("operations", ""),
        "preprocessing": printed.get("preprocessing", ""),
        "release": published.get("repo_release_tag", ""),
        "sha1": published.get("checksum", ""),
    }


def _built(name: str, provider: Any) -> tuple[int | None, str]:
    """Return the classes and the input size of a network that is built without values.

    Networks of speech, which need further packages, and of video cannot be built so; they are no
    classifiers of images.
    """
    import torch

    try:
        with torch.device("meta"):
            module = provider.get_model(name)
    except (ModuleNotFoundError, NotImplementedError):
        return None, ""
    size = getattr(module, "in_size", None)
    return getattr(module, "num_classes", None), str(size[0]) if size else ""


def main() -> int:
    """Write the table, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    text = table()
    if options.check:
        return int(TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    print(f"wrote {TARGET}, {text.count(chr(10)) - 1} models")
    return 0


if __name__ == "__main__":
    sys.exit(main())
