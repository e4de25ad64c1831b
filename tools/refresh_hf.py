"""Write the data files of the zoo ``hf`` from the installed transformers.

    python tools/refresh_hf.py [--check]

``data/hf_processors.json``: the defaults of each class of image processors, whether it has steps
of its own, and the class of each model type.
``data/hf.json``: the image classifiers and backbones, each with its model type, the input shape and
the number of classes of its default configuration; and those that are left out, with the reason:
each was built and run on an image of the meta device. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoodiff.torch_compat import import_torchvision
from zoodiff.zoos.hf import networks
from zoodiff.zoos.hf.config import image_size
from zoodiff.zoos.hf.image_processor import specification
from zoodiff.zoos.hf.image_processor_steps import BY_CLASS

DATA = Path(__file__).resolve().parents[1] / "src/zoodiff/zoos/data"
_KEYS = (
    *("do_resize", "size", "default_to_square", "resample", "do_center_crop", "crop_size"),
    *("crop_pct", "do_rescale", "rescale_factor", "rescale_offset", "include_top"),
    *("do_normalize", "image_mean", "image_std", "do_flip_channel_order", "do_pad"),
)
"""The attributes of a class that ``zoos/hf/image_processor.py`` reads."""
_PLAIN = {"valid_kwargs", "to_dict"}
"""Overridden members that change no step."""
_SIZES = ("size", "crop_size")
"""What is left out for classes whose steps nobody has read."""


def processors() -> str:
    """The classes of image processors, as their data file holds them."""
    import_torchvision()
    import transformers
    from transformers.models.auto import image_processing_auto as auto

    classes: dict[str, dict[str, Any]] = {}
    by_model_type: dict[str, str] = {}
    for model_type, mapping in sorted(auto.IMAGE_PROCESSOR_MAPPING_NAMES.items()):
        for backend, name in sorted(mapping.items(), reverse=True):  # torchvision first
            own = auto.get_image_processor_class_from_name(name)
            general = name.removesuffix("Pil")
            by_model_type.setdefault(model_type, general)
            entry = classes.setdefault(general, {"backends": [], "standard": True})
            if backend in entry["backends"]:
                continue
            entry["backends"].append(backend)
            entry["standard"] &= _overridden(own) <= _PLAIN
            values = _defaults(own)
            if not entry["standard"] and general not in BY_CLASS:
                values |= dict.fromkeys(_SIZES)
            different = {
                k: values[k] for k in _KEYS if values[k] != entry.get("defaults", {}).get(k)
            }
            if "defaults" not in entry:
                entry["defaults"] = {k: v for k, v in values.items() if v is not None}
            elif different:
                entry["pil"] = different
    head = {"written_by": "tools/refresh_hf.py", "transformers": transformers.__version__}
    lines = ",\n".join(f"{json.dumps(name)}:{_line(classes[name])}" for name in sorted(classes))
    return (
        _line(head)[:-1]
        + f',\n"classes":{{\n{lines}\n}},\n"by_model_type":{_line(by_model_type)}}}\n'
    )


def classes() -> str:
    """The image classifiers and backbones, as their data file holds them."""
    import_torchvision()
    import transformers
    from transformers.models.auto import modeling_auto as auto

    lists = {
        "classifier": auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
        "backbone": auto.MODEL_FOR_BACKBONE_MAPPING_NAMES,
    }
    rows: dict[str, list[Any]] = {}
    left_out: dict[str, str] = {}
    for kind, mapping in lists.items():
        for model_type, names in mapping.items():
            for name in (names,) if isinstance(names, str) else names:
                try:
                    rows.setdefault(name, _class(name, model_type, kind))
                except Exception as error:
                    left_out[name] = " ".join(str(error).split())[:200]
    head = {"written_by": "tools/refresh_hf.py", "transformers": transformers.__version__}
    lines = ",\n".join(_line(rows[name]) for name in sorted(rows))
    reasons = ",\n".join(f"{_line(name)}:{_line(left_out[name])}" for name in sorted(left_out))
    return _line(head)[:-1] + f',\n"classes":[\n{lines}\n],\n"left_out":{{\n{reasons}\n}}}}\n'


def _class(name: str, model_type: str, kind: str) -> list[Any]:
    """Return the row of a class; raise where it cannot be built, or does not take an image."""
    import torch

    config = networks.configuration(name, None)
    size = image_size(config.to_dict(), _default_size(model_type))
    shape = [3, *size]
    module, _ = networks.without_values(name, config)
    if module.main_input_name == "input_ids":
        raise ValueError("it takes tokens, not an image alone")
    with torch.no_grad():
        output = module(torch.empty(1, *shape, device="meta"))
    expected = kind == "classifier"
    if output.shape[0] != 1 or (output.ndim == 2) != expected:
        raise ValueError(f"its output has the shape {tuple(output.shape)}")
    return [name, model_type, kind, shape, output.shape[1] if expected else 0]


def _default_size(model_type: str) -> tuple[int, int]:
    return specification({}, model_type=model_type).input_size or (224, 224)


def _overridden(own: type) -> set[str]:
    """Return the callables that a class defines above the two backends of transformers."""
    from transformers.image_processing_backends import PilBackend, TorchvisionBackend

    members: set[str] = set()
    for base in own.__mro__:
        if base in (PilBackend, TorchvisionBackend):
            return members
        members |= {
            name
            for name, value in vars(base).items()
            if (callable(value) or isinstance(value, classmethod))
            and not name.startswith(("__", "post_process"))
        }
    return {"no backend"}


def _defaults(own: type) -> dict[str, Any]:
    values = {key: getattr(own, key, None) for key in _KEYS}
    return {key: _plain(value) for key, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    return int(value) if isinstance(value, int) else value


def _line(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def main() -> int:
    """Write the data files, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    texts = {DATA / "hf_processors.json": processors(), DATA / "hf.json": classes()}
    if options.check:
        return int(any(path.read_text(encoding="utf-8") != text for path, text in texts.items()))
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}, {len(text.encode()):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
