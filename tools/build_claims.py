"""Build the catalogue of claims from the collected facts: ``build_claims.py CLAIMS_CSV [FOLDER]``.

Reads ``claims.csv`` as collected (see the README beside it) and writes ``claims.csv``,
``protocols.csv``, ``sources.csv`` and ``datapackage.json`` into the package, or into FOLDER. The
same input gives the same bytes. Left out on purpose: addresses of checkpoints and timm's figures
on other test sets.
"""

from __future__ import annotations

import csv
import hashlib
import io
import sys
from pathlib import Path

from claims_build import (
    architectures,
    cells,
    copies,
    dates,
    doubts,
    entries,
    provenance,
    schema,
)

ROOT = Path(__file__).resolve().parents[1]
PACKAGE_DATA = ROOT / "src" / "zoodiff" / "claims" / "data"
Cells = dict[str, str]


def main(arguments: list[str]) -> int:
    """Read, convert, mark, write; the exit status is 2 for wrong usage."""
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    with Path(arguments[0]).open(encoding="utf-8", newline="") as file:
        collected = list(csv.DictReader(file))
    folder = Path(arguments[1]) if len(arguments) == 2 else PACKAGE_DATA
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in build(collected).items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
        print(f"{folder / name}: {len(text.encode()):,} bytes")
    return 0


def build(collected: list[Cells]) -> dict[str, str]:
    """File name -> content."""
    known = dates.Dates()
    canonical = architectures.canonical(collected)
    rows = [_claim(row, canonical[row["architecture_family"]], known) for row in collected]
    if known.unused():
        raise SystemExit(f"dates.csv names claims that do not exist: {known.unused()[:5]}")
    provenance.mark(rows)
    doubts.mark(rows)
    for index, zoos in copies.equal_accuracies([comparable(row) for row in rows]).items():
        rows[index]["equal_to"] = zoos
    for row in rows:
        row["protocol"] = _id([row[name] for name in schema.names("protocols")[1:]])
    tables = {
        name: sorted({tuple(row[column] for column in schema.names(name)) for row in rows})
        for name in ("protocols", "sources")
    }
    # Two claims may agree in every column (a zoo's list may repeat a row): both stay.
    tables["claims"] = sorted(tuple(row[name] for name in schema.names("claims")) for row in rows)
    for name in ("protocols", "sources"):
        if len({line[0] for line in tables[name]}) != len(tables[name]):
            raise SystemExit(f"two {name} share an id; make the ids longer")
    files = {f"{name}.csv": _csv(schema.names(name), lines) for name, lines in tables.items()}
    sizes = {name: len(lines) for name, lines in tables.items()}
    return files | {"datapackage.json": schema.datapackage(sizes)}


def comparable(claim: Cells) -> Cells:
    """The cells of a claim that say whether another zoo publishes the same accuracy."""
    return {
        "architecture": claim["architecture"],
        "claimed_by": claim["zoo"],
        "model": claim["model"],
        "test_set": copies.VALIDATION,
        "top1": claim["top1_percent"],
        "top5": claim["top5_percent"],
    }


def _claim(row: Cells, architecture: str, known: dates.Dates) -> Cells:
    zoo = cells.ZOOS[row["zoo"]]
    part = entries.collection(row, zoo)
    model, weights = entries.entry(row, zoo, part)
    claim = dict.fromkeys([n for name in schema.RESOURCES for n in schema.names(name)], "")
    claim |= {
        "architecture": architecture,
        "variant": architectures.variant(architecture),
        "zoo": zoo,
        "collection": part,
        "model": row["model"],
        "weights": entries.weights(row, zoo),
        "entry_model": model,
        "entry_weights": weights,
        "zoo_default": row["is_zoo_default"],
        "precision": row["precision"],
        "extra_data": cells.extra_data(row),
        "latency_as_published": row["latency_claim"],
        "note": cells.note(row),
    }
    claim |= cells.accuracy(row) | cells.parameters(row, zoo, part) | cells.macs(row)
    claim |= cells.protocol(row) | cells.preprocessing(row) | cells.size(row)
    claim |= known.cells(zoo, row["model"], row["weights_id"])
    claim |= _source(row)
    return claim


def _source(row: Cells) -> Cells:
    repository, path = row["source_repo"], row["source_path"]
    copied = repository.startswith("copy of ") or " (late version" in path
    if repository.startswith("copy of keras-io table"):
        repository = "keras-team/keras-io"
    # The page is the source also where its table was read from a copy.
    path = path.partition(" (late version")[0] + (" (read from a copy)" if copied else "")
    cells_ = {"repository": repository, "path": path, "commit": row["commit"][:12]}
    return {"source": _id(list(cells_.values()))} | cells_


def _id(parts: list[str]) -> str:
    """Seven hexadecimal digits that depend on the content alone."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:7]


def _csv(header: list[str], rows: list[tuple[str, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
