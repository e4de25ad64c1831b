"""Build the tables of times, further accuracies and recipes.

``build_claim_tables.py FOLDER`` reads the collected CSV files of a folder and writes one file
per table, and ``tables.json``, into the package. ``build_claim_tables.py --check FOLDER``
compares what is written with the CSV files, row by row; the exit status is 1 where they differ.

Every cell stays the text that was collected. Columns are added, none is changed: ``architecture``
(canonical), ``claimed_by`` (the zoo as zoodiff calls it), ``doubtful``, ``equal_to``, and ``row``,
the place of the row in the CSV files.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from build_claims import comparable
from claims_build import accuracy_doubts, copies, time_doubts
from claims_build.names import OUR_ZOOS, Names
from claims_build.tables import ADDED, COLUMNS, FILES

from zoodiff.claims.packed import read_table, write_table

ROOT = Path(__file__).resolve().parents[1]
PACKAGE_DATA = ROOT / "src" / "zoodiff" / "claims" / "data"
Row = dict[str, str]


def main(arguments: list[str]) -> int:
    """Write the tables, or check them; the exit status is 2 for wrong usage."""
    check = arguments[:1] == ["--check"]
    places = [Path(argument) for argument in arguments[check:]]
    if len(places) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    folder, out = places[0], places[1] if len(places) == 2 else PACKAGE_DATA
    if check:
        problems = differences(folder, out)
        print("\n".join(problems) or "every row equals its row in the CSV files")
        return 1 if problems else 0
    write(folder, out)
    return 0


def write(folder: Path, out: Path) -> None:
    """Write all tables, and the description of their columns."""
    out.mkdir(parents=True, exist_ok=True)
    collected = read_csv(folder / "claims.csv")
    described = {}
    for table, names in FILES.items():
        rows = [row for name in names for row in read_csv(folder / name)]
        _mark(table, rows, collected)
        order = sorted(range(len(rows)), key=lambda k: (rows[k]["architecture"], k))
        columns = [*COLUMNS[table], *ADDED]
        cells = {column: [rows[k][column] for k in order] for column in columns}
        file = write_table(out, table, cells | {"row": [str(number) for number in order]})
        described[table] = _description(table, [folder / name for name in names])
        print(f"{file}: {len(rows):,} rows, {file.stat().st_size:,} bytes")
    text = json.dumps(described, indent=1, ensure_ascii=False) + "\n"
    (out / "tables.json").write_text(text, encoding="utf-8")


def differences(folder: Path, out: Path) -> list[str]:
    """Return in sentences where the written tables differ from the CSV files; row by row."""
    problems = []
    for table, names in FILES.items():
        written = restored(out, table, [*COLUMNS[table]])
        rows = [(name, row) for name in names for row in read_csv(folder / name)]
        if len(rows) != len(written):
            problems.append(f"{table}: {len(written)} rows, where the CSV files have {len(rows)}")
        for number, ((name, row), values) in enumerate(zip(rows, written, strict=False)):
            for column, text in row.items():
                if values.get(column) != text:
                    problems.append(
                        f"{table}: row {number} ({name}), {column}: {values.get(column)!r}, where "
                        f"the CSV file has {text!r}"
                    )
    return problems


def restored(folder: Path, table: str, columns: Sequence[str]) -> list[Row]:
    """Return the rows of a written table in the order of the CSV files."""
    read = read_table(folder, table)
    places = [int(number) for number in read["row"].cells()]
    order = sorted(range(len(places)), key=places.__getitem__)
    if [places[k] for k in order] != list(range(len(places))):
        raise SystemExit(f"{table}: the numbers of its rows are not 0 to {len(places) - 1}")
    cells = [read[column].cells(order) for column in columns]
    return [dict(zip(columns, row, strict=True)) for row in zip(*cells, strict=True)]


def as_csv(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> bytes:
    """Return rows as the collected files have them, byte by byte."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row[column] for column in columns] for row in rows)
    return text.getvalue().encode()


def read_csv(file: Path) -> list[Row]:
    """Return the rows of a CSV file."""
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, strict=True))


def _mark(table: str, rows: list[Row], collected: list[Row]) -> None:
    """Fill the added columns."""
    names = Names(collected)
    for row in rows:
        row["architecture"] = names.architecture(row)
        row["claimed_by"] = OUR_ZOOS.get(row["zoo"], row["zoo"])
        row["doubtful"] = row["equal_to"] = ""
    if table == "latency":
        for index, reason in time_doubts.mark(rows).items():
            rows[index]["doubtful"] = reason
        equal = copies.merged(copies.equal_times(rows), copies.equal_weights(rows))
    elif table == "accuracy":
        for index, reason in accuracy_doubts.mark(rows).items():
            rows[index]["doubtful"] = reason
        claims = read_csv(PACKAGE_DATA / "claims.csv")
        both = [copies.with_test_set(row) for row in rows] + [comparable(row) for row in claims]
        repeated = copies.repeated_references(both[: len(rows)])
        equal = copies.merged(copies.equal_accuracies(both), repeated)
    else:
        equal = {}
    for index, zoos in equal.items():
        if index < len(rows):
            rows[index]["equal_to"] = zoos


def _description(table: str, files: Sequence[Path]) -> dict[str, object]:
    meanings = COLUMNS[table] | ADDED | {"row": "place of the row in the collected files"}
    return {
        "path": f"{table}.json.xz",
        "collected": [
            {
                "name": file.name,
                "rows": len(read_csv(file)),
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            }
            for file in files
        ],
        "fields": meanings,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
