"""Build the tables of times, further accuracies and recipes.

``build_claim_tables.py FOLDER`` reads the collected CSV files of a folder and writes one Parquet
file per table, and ``tables.json``, into the package. ``build_claim_tables.py --check FOLDER``
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

import pyarrow as pa
import pyarrow.parquet as pq
from build_claims import comparable
from claims_build import accuracy_doubts, copies, time_doubts
from claims_build.names import OUR_ZOOS, Names
from claims_build.tables import ADDED, COLUMNS, FILES

ROOT = Path(__file__).resolve().parents[1]
PACKAGE_DATA = ROOT / "src" / "zoodiff" / "claims" / "data"
ROWS_PER_GROUP = 1024
"""Rows that are read together; a name's rows lie in one or two groups."""
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
        arrays = [pa.array([rows[k][column] for k in order]) for column in columns]
        data = pa.table([*arrays, pa.array(order, pa.int32())], names=[*columns, "row"])
        pq.write_table(
            data,
            out / f"{table}.parquet",
            compression="zstd",
            compression_level=19,
            row_group_size=ROWS_PER_GROUP,
        )
        described[table] = _description(table, [folder / name for name in names])
        size = (out / f"{table}.parquet").stat().st_size
        print(f"{out / table}.parquet: {len(rows):,} rows, {size:,} bytes")
    text = json.dumps(described, indent=1, ensure_ascii=False) + "\n"
    (out / "tables.json").write_text(text, encoding="utf-8")


def differences(folder: Path, out: Path) -> list[str]:
    """Return in sentences where the written tables differ from the CSV files; row by row."""
    problems = []
    for table, names in FILES.items():
        written = restored(out / f"{table}.parquet", [*COLUMNS[table]])
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


def restored(file: Path, columns: Sequence[str]) -> list[Row]:
    """Return the rows of a written table in the order of the CSV files."""
    data = pq.read_table(file).sort_by("row")
    if data.column("row").to_pylist() != list(range(data.num_rows)):
        raise SystemExit(f"{file}: the numbers of its rows are not 0 to {data.num_rows - 1}")
    return data.select(list(columns)).to_pylist()


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
        "path": f"{table}.parquet",
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
