"""Write ``src/zoodiff/zoos/names/default_weights.csv``: default weights that changed by version.

    python tools/default_weights.py FOLDER

FOLDER has one unpacked package per version, named as its wheel is: ``torchvision-0.12.0``. Sources
are read and never imported, so old versions need no old framework. What cannot be read from a
source (addresses that are computed) is left out, and a change is stated only where the files of
both versions are known. A file that was stored again under another hash, with the same name of
weights, is no change: nobody can tell from the sources whether its numbers differ.
"""

from __future__ import annotations

import argparse
import ast
import csv
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

TARGET = Path(__file__).resolve().parents[1] / "src/zoodiff/zoos/names/default_weights.csv"
COLUMNS = ("zoo", "model", "from_version", "to_version", "before", "after", "file_before",
           "file_after", "source")  # fmt: skip


class Default(NamedTuple):
    """The default weights of a model in one version."""

    name: str
    """What the package calls them; empty if it gives them no name."""
    file: str
    """Name of the file; empty if the source does not say it."""
    source: str
    """Path in the package."""


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    rows = []
    for zoo, read in (("torchvision", torchvision), ("timm", timm), ("keras", keras)):
        packages = sorted(folder.glob(f"{zoo}-*"), key=lambda path: version_key(path.name))
        tables = [(path.name.partition("-")[2], read(path)) for path in packages]
        rows += list(changes(zoo, tables))
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([COLUMNS, *sorted(rows)])


def version_key(name: str) -> list[int]:
    """Return the numbers of a version, to sort by."""
    return [int(part) for part in re.findall(r"\d+", name.partition("-")[2])]


def changes(zoo: str, tables: list[tuple[str, Mapping[str, Default]]]) -> Iterator[tuple[str, ...]]:
    """Yield a row per model whose default weights differ between two versions that follow."""
    for (old, before), (new, after) in pairwise(tables):
        for model in sorted(before.keys() & after.keys()):
            first, second = before[model], after[model]
            if differ(first, second):
                source = f"{zoo} {new}, {second.source}"
                yield (zoo, model, old, new, first.name or first.file, second.name or second.file,
                       first.file, second.file, source)  # fmt: skip


def differ(first: Default, second: Default) -> bool:
    """Whether two versions certainly have other default weights."""
    named = bool(first.name and second.name)
    if named and first.name == second.name:
        return False
    if first.file and second.file:
        return first.file != second.file and (named or not same_stem(first.file, second.file))
    return named


def same_stem(first: str, second: str) -> bool:
    """Whether two files have one name but for hash, case and separators.

    >>> same_stem("ECAResNet50D_833caf58.pth", "ecaresnet50d-93c81e3b.pth")
    True
    """
    stems = [
        re.sub(r"[^a-z0-9]", "", re.sub(r"([-_][0-9a-f]{8})?\.\w+$", "", file).lower())
        for file in (first, second)
    ]
    return stems[0].endswith(stems[1]) or stems[1].endswith(stems[0])


def trees(folder: Path) -> Iterator[tuple[str, ast.Module]]:
    """Yield the modules of a folder, not of those below it."""
    for path in sorted(folder.glob("*.py")):
        yield path.name, ast.parse(path.read_text(encoding="utf-8"))


def constants(tree: ast.Module) -> dict[str, str]:
    """Return the texts that a module assigns to names at its top."""
    known: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = text_of(node.value, known)
            if value is not None:
                known[node.targets[0].id] = value
    return known


def text_of(node: ast.expr | None, known: Mapping[str, str]) -> str | None:
    """Return a text that a source states, joined of texts and names of texts; else None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = text_of(node.left, known), text_of(node.right, known)
        return None if left is None or right is None else left + right
    return None


def file_of(address: str | None) -> str:
    """Return the name of the file at an address."""
    return (address or "").rpartition("/")[2].partition("?")[0]


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return a keyword argument of a call."""
    return next((item.value for item in call.keywords if item.arg == name), None)


def torchvision(package: Path) -> dict[str, Default]:
    """``pretrained=True`` of old versions, ``weights="DEFAULT"`` of newer ones."""
    defaults: dict[str, Default] = {}
    for name, tree in trees(package / "torchvision" / "models"):
        source, known = f"torchvision/models/{name}", constants(tree)
        enums: dict[str, Default] = {}
        for node in tree.body:
            target = node.target if isinstance(node, ast.AnnAssign) else None
            if isinstance(node, ast.Assign):
                target = node.targets[0]
            if isinstance(target, ast.Name) and target.id.lower().endswith("model_urls"):
                pairs = getattr(node, "value", None)
                if isinstance(pairs, ast.Dict):
                    for key, value in zip(pairs.keys, pairs.values, strict=True):
                        model, address = text_of(key, known), text_of(value, known)
                        if model and address:
                            defaults[model] = Default("pretrained=True", file_of(address), source)
            if isinstance(node, ast.ClassDef) and node.name.endswith("_Weights"):
                default = enum_default(node, known, source)
                if default is not None:
                    enums[node.name] = default
            if isinstance(node, ast.FunctionDef):
                wanted = next((a for a in node.args.kwonlyargs if a.arg == "weights"), None)
                names = (
                    {n.id for n in ast.walk(wanted) if isinstance(n, ast.Name)} if wanted else ()
                )
                for enum in names:
                    if enum in enums:
                        defaults[node.name] = enums[enum]
    return defaults


def enum_default(node: ast.ClassDef, known: Mapping[str, str], source: str) -> Default | None:
    """Return the default of an enum of weights; None if it states none."""
    files: dict[str, str] = {}
    for item in node.body:
        if not (isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name)):
            continue
        if isinstance(item.value, ast.Call):
            files[item.targets[0].id] = file_of(text_of(keyword(item.value, "url"), known))
        elif item.targets[0].id == "DEFAULT" and isinstance(item.value, ast.Name):
            return Default(item.value.id, files.get(item.value.id, ""), source)
    return None


def timm(package: Path) -> dict[str, Default]:
    """The first weights of a model, by the rules of timm's ``generate_default_cfgs``."""
    defaults: dict[str, Default] = {}
    for name, tree in trees(package / "timm" / "models"):
        source, known = f"timm/models/{name}", constants(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
                continue
            if not node.targets[0].id.startswith("default_cfg"):
                continue
            tagged = isinstance(node.value, ast.Call)
            pairs = (
                node.value.args[0]
                if isinstance(node.value, ast.Call) and node.value.args
                else node.value
            )
            if isinstance(pairs, ast.Dict):
                defaults |= of_cfgs(pairs, known, source, tagged=tagged)
    return defaults


def of_cfgs(
    pairs: ast.Dict, known: Mapping[str, str], source: str, *, tagged: bool
) -> dict[str, Default]:
    """Return the default weights of each model in a table of timm."""
    chosen: dict[str, Default] = {}
    certain: set[str] = set()
    for key, value in zip(pairs.keys, pairs.values, strict=True):
        full = text_of(key, known)
        if full is None or not isinstance(value, ast.Call):
            continue
        model, _, tag = full.partition(".")
        address = text_of(keyword(value, "url"), known) or (
            text_of(value.args[0], known) if value.args else None
        )
        has_weights = bool(address) or keyword(value, "hf_hub_id") is not None
        if not has_weights:
            continue
        first = not tag or tag.endswith("*")
        if model not in chosen or (first and model not in certain):
            default = Default(tag.strip("*") if tagged else "", file_of(address), source)
            chosen[model] = default
            certain |= {model} if first else set()
    return chosen


def keras(package: Path) -> dict[str, Default]:
    """The hash of the file with the classifier, which keras checks after fetching it."""
    folder = next(
        path
        for path in (package / "keras" / "src" / "applications", package / "keras" / "applications")
        if path.is_dir()
    )
    defaults: dict[str, Default] = {}
    for name, tree in trees(folder):
        source = f"{folder.relative_to(package).as_posix()}/{name}"
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)):
                continue
            target = node.targets[0]
            if not (isinstance(target, ast.Name) and target.id.endswith("HASHES")):
                continue
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                model = text_of(key, {})
                hashes = value.elts if isinstance(value, ast.Tuple) else []
                digest = text_of(hashes[0], {}) if hashes else None
                if model and digest:
                    known = f"{name.removesuffix('.py')}/{model}"
                    defaults[known] = Default("", f"{digest}.h5", source)
    return defaults


if __name__ == "__main__":
    main()
