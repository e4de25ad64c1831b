"""Write ``src/zoodiff/zoos/data/timm.json`` from the installed timm.

    python tools/refresh_timm.py [--check]

Everything comes from timm's registry of models and their ``pretrained_cfg``; the canonical names
are in ``src/zoodiff/zoos/timm/names.csv``, by hand. Nothing is downloaded, no network is built.
Recipes that are equal are written once, and a model is one line:
``[name, [[tag, recipe, classes, place], ...], recipe, classes]``, where the last two are those
with random weights, the default weights come first, and ``place`` is left out where it is the
repository ``timm/NAME.TAG`` of the hub.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zoodiff.errors import UsageError
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.torch_compat import import_torchvision
from zoodiff.zoos.timm.pretrained_cfg import from_timm

TARGET = Path(__file__).resolve().parents[1] / "src/zoodiff/zoos/data/timm.json"


class Recipes:
    """The distinct preprocessings, each with its number."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {}

    def number(self, config: Mapping[str, Any]) -> int:
        """The number of a model's preprocessing."""
        values = {key: value for key, value in spec(config).to_dict().items() if value is not None}
        return self.texts.setdefault(_line(values), len(self.texts))


def spec(config: Mapping[str, Any]) -> Preprocessing:
    """The preprocessing of a ``pretrained_cfg``; the part that can be said, where it pads."""
    try:
        return from_timm(config)
    except UsageError as error:
        unpadded = from_timm({**config, "crop_mode": "center"}).to_dict()
        known = {**unpadded, "resize": None, "resize_policy": None, "published": "partial"}
        return Preprocessing.from_dict({**known, "source": f"timm's pretrained_cfg; {error}"})


def catalogue() -> str:
    """The catalogue as its file holds it."""
    import_torchvision()
    import timm
    from timm.models import _registry as registry

    recipes, models = Recipes(), []
    for name in sorted(timm.list_models()):
        published = registry._model_default_cfgs[name]
        tags = [tag for tag in published.tags if published.cfgs[tag].has_weights]
        # What ``create_model(name, pretrained=True)`` takes is the first.
        assert not tags or tags[0] == published.tags[0], name
        weights = [_weights(name, tag, published.cfgs[tag], recipes) for tag in tags]
        usual = published.default
        random = [recipes.number(asdict(usual)), usual.num_classes]
        models.append(_line([name, weights, *random]))
    head = {"written_by": "tools/refresh_timm.py", "timm": timm.__version__}
    return (
        _line(head)[:-1]
        + ',\n"recipes":[\n'
        + ",\n".join(recipes.texts)
        + '\n],\n"models":[\n'
        + ",\n".join(models)
        + "\n]}\n"
    )


def _weights(name: str, tag: str, config: Any, recipes: Recipes) -> list[Any]:
    hub = f"timm/{name}.{tag}"
    place = f"{config.hf_hub_id}{name}.{tag}" if config.hf_hub_id == "timm/" else config.hf_hub_id
    place = place or config.url
    assert config.hf_hub_filename is None, name
    found = [tag, recipes.number(asdict(config)), config.num_classes]
    return found if place == hub else [*found, place]


def _line(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def main() -> int:
    """Write the catalogue, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    text = catalogue()
    if options.check:
        return int(TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    print(f"wrote {TARGET}, {len(text.encode()):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
