"""Write ``src/zoodiff/zoos/data/kecam.json`` from the installed keras_cv_attention_models.

    python tools/refresh_kecam.py [--check [NAME ...]]

The builders are found by their signatures, and each is built without values: its input size, its
way to normalise pixels, and its published files, whose addresses the package's own loader tells.
Nothing is downloaded. A network is one line: ``[name, [height, width], rescale_mode, [[weights,
pretrained, [height, width], rescale_mode, classes, address], ...]]``, the default weights first.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from inspect import signature
from io import StringIO
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from zoodiff.zoos.kecam import package
from zoodiff.zoos.kecam.weights import Asked, without_files
from zoodiff.zoos.keras.backend import size_of

TARGET = Path(__file__).resolve().parents[1] / "src/zoodiff/zoos/data/kecam.json"
LOADER = "reload_model_weights"
OTHER_CLASSES: Mapping[tuple[str, str], int | None] = {
    # As the documentation of the package's modules says; None where it does not.
    ("maxvit", "imagenet21k"): 21843,
    ("mlp_family", "imagenet21k"): 21843,
    ("nat", "imagenet21k"): 21841,
    ("efficientnet", "imagenet21k"): None,
    ("swin_transformer_v2", "imagenet21k"): None,
    ("mobilenetv3_family", "miil_21k"): None,
}
"""Outputs of weights that were not trained on ImageNet-1k last, by family and name."""


@dataclass(frozen=True)
class Call:
    """A call of the package's loader, for one network."""

    loader: FunctionType
    arguments: Mapping[str, Any]

    @property
    def model(self) -> Any:
        """The network that the weights are for."""
        return self.arguments["model"]

    def published(self) -> Iterator[tuple[str, int | None]]:
        """Yield the names of published weights, each with the input sizes that it was made for."""
        if "pretrained_dict" in self.arguments:
            files = self.arguments["pretrained_dict"].get(self.model.name, {})
        else:
            # EfficientNets have a loader of their own, with other names of the files.
            hashes = self.loader.__globals__["FILE_HASH_DICT"]
            own = hashes.get(self.model.name.split("_")[-1], {})
            files = {
                ("imagenet" + name if name[0] == "2" else name): md5 for name, md5 in own.items()
            }
        for name, md5 in files.items():
            yield from ((name, size) for size in (md5 if isinstance(md5, dict) else [None]))

    def asked(self, tools: Tools, name: str, size: int | None) -> Asked:
        """Return the first file that the loader asks for."""
        asked: list[Asked] = []
        more = {} if size is None else {"request_resolution": size}
        with without_files(tools.package, tools.keras, asked.append), redirect_stdout(StringIO()):
            self.loader(**{**self.arguments, "pretrained": name, **more})
        assert asked and asked[0].md5, (self.model.name, name, size)
        return asked[0]


@dataclass(frozen=True)
class Tools:
    """The imported package."""

    package: ModuleType
    keras: Any

    def network(self, builder: FunctionType, pretrained: str | None) -> Any:
        """Build a network without values and files."""
        with without_files(self.package, self.keras), package.without_values(self.keras):
            return package.build(self.keras, builder, pretrained)


@contextmanager
def watched(calls: list[Call]) -> Iterator[None]:
    """Note the calls of the package's loaders instead of making them."""
    modules = [
        module
        for name, module in list(sys.modules.items())
        if name.startswith(f"{package.PACKAGE}.") and hasattr(module, LOADER)
    ]
    before = [(module, getattr(module, LOADER)) for module in modules]

    def noting(loader: FunctionType) -> Any:
        def note(*arguments: Any, **named: Any) -> None:
            calls.append(Call(loader, signature(loader).bind(*arguments, **named).arguments))

        return note

    for module, loader in before:
        setattr(module, LOADER, noting(loader))
    try:
        yield
    finally:
        for module, loader in before:
            setattr(module, LOADER, loader)


@dataclass(frozen=True)
class Family:
    """What the networks of a module have in common, as its first with several weights tells."""

    mode: str
    changing: bool = True
    """Whether weights change the way to normalise."""


def line(tools: Tools, name: str, builder: FunctionType, families: dict[str, Family]) -> list[Any]:
    """Return what the catalogue says about one builder; ``families`` has the modules before it.

    A network that does not build on Keras 3 is an entry without weights.
    """
    calls: list[Call] = []
    module = builder.__module__
    try:
        with watched(calls):
            network = tools.network(builder, None)
    except package.UNBUILDABLE as error:
        print(f"{name} does not build: {' '.join(str(error).split())[:200]}", file=sys.stderr)
        height, width, _ = signature(builder).parameters["input_shape"].default
        return [name, [height, width], families[module].mode, []]
    trainable = sum(map(size_of, network.trainable_weights))
    print(f"{name}: {trainable:,} trainable of {network.count_params():,}", file=sys.stderr)
    size, mode = list(network.input_shape[1:3]), network.rescale_mode
    assert None not in size and isinstance(mode, str), name
    family = families.setdefault(module, Family(mode))
    files: list[list[Any]] = []
    by_name = {None: mode}
    for call in calls[:1]:
        for pretrained, resolution in call.published():
            if pretrained not in by_name:
                by_name[pretrained] = mode
                if family.changing:
                    by_name[pretrained] = tools.network(builder, pretrained).rescale_mode
            own = [resolution, resolution] if resolution else size
            tag = pretrained if own == size else f"{resolution}_{pretrained}"
            classes = OTHER_CLASSES.get((module.split(".")[1], pretrained), 1000)
            url = call.asked(tools, pretrained, resolution).url
            files.append([tag, pretrained, own, by_name[pretrained], classes, url])
        if len(by_name) > 2:  # one set of weights tells nothing of others
            families[module] = Family(mode, set(by_name.values()) != {mode})
    default = package.default_pretrained(builder)
    files.sort(key=lambda file: (file[1] != default, abs(file[2][0] - size[0])))
    return [name, size, mode, files]


def catalogue(names: Collection[str] = ()) -> str:
    """Return the catalogue as its file holds it; with other names, of these networks only."""
    imported, keras, _ = package.import_package()
    tools, families = Tools(imported, keras), dict[str, Family]()
    lines = [
        _line(line(tools, name, builder, families))
        for name, builder in package.builders(imported).items()
        if not names or name in names
    ]
    head = {"written_by": "tools/refresh_kecam.py", package.PACKAGE: imported.__version__}
    return _line(head)[:-1] + ',\n"models":[\n' + ",\n".join(lines) + "\n]}\n"


def _line(value: Mapping[str, Any] | Sequence[Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


def main() -> int:
    """Write the catalogue, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("names", nargs="*", help="with --check: only these networks")
    options = parser.parse_args()
    if options.names and not options.check:
        parser.error("names are for --check")
    text = catalogue(options.names)
    if options.check:
        own, known = (json.loads(t) for t in (text, TARGET.read_text(encoding="utf-8")))
        chosen = {name: rest for name, *rest in known.pop("models")}
        read = {name: rest for name, *rest in own.pop("models")}
        wanted = {name: chosen.get(name) for name in options.names or chosen}
        return int((own, read) != (known, wanted))
    TARGET.write_text(text, encoding="utf-8")
    print(f"wrote {TARGET}, {len(text.encode()):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
