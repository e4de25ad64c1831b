"""Describe every architecture of a zoo, and hold its parameters against the zoo's own count.

    python benchmarks/describe_zoo.py timm [--jobs 2] [--output FILE] [--every N]

Each architecture is built as its zoo builds it with random weights, without any values, and its
graph is taken. One line of JSON an architecture is added to FILE; those that are in it already are
not described again. Printed are the entries described, those whose parameters equal the
framework's own count, the reasons of failures, operators that stayed opaque, seconds and memory.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any, TextIO

from zoodiff.architecture.describe import describe
from zoodiff.engines.pool import WorkerPool
from zoodiff.entry import RANDOM
from zoodiff.errors import ZoodiffError
from zoodiff.graph.cost import count
from zoodiff.zoos import registry
from zoodiff.zoos.registry import Entry

_CHUNK = 100
"""Architectures of one worker; a new one starts with as little memory as the first."""
_WRITING = Lock()


def measured(engine: WorkerPool, entry: Entry) -> dict[str, Any]:
    """One architecture: its counts, or the reason why there are none."""
    begin = time.perf_counter()
    line: dict[str, Any] = {"model": entry.model.name}
    try:
        graph, answer = describe(engine, entry)
        counts = count(graph)
    except ZoodiffError as error:
        line["reason"] = str(error)
    else:
        line |= {
            "parameters": counts.parameters,
            "own": answer.facts.parameters,
            "nodes": len(graph.nodes),
            "opaque": dict(Counter(node.op for node in graph.nodes if "::" in node.op)),
            "in_worker": answer.seconds,
            "peak_bytes": answer.peak_rss_bytes,
        }
    return line | {"seconds": time.perf_counter() - begin, "load": os.getloadavg()[0]}


def run(entries: Sequence[Entry], jobs: int, output: TextIO) -> None:
    """Describe entries in several workers, and write a line for each."""

    def work(chunk: Sequence[Entry]) -> None:
        with WorkerPool() as engine:
            for entry in chunk:
                text = json.dumps(measured(engine, entry))
                with _WRITING:
                    output.write(text + "\n")
                    output.flush()

    chunks = [entries[k : k + _CHUNK] for k in range(0, len(entries), _CHUNK)]
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        for future in [pool.submit(work, chunk) for chunk in chunks]:
            future.result()


def report(lines: Sequence[dict[str, Any]], known: int) -> int:
    """Print what was found; 1 where parameters differ."""
    described = [line for line in lines if "reason" not in line]
    failed = [line for line in lines if "reason" in line]
    differing = [line for line in described if line["parameters"] != line["own"]]
    print(
        f"{len(described)} of {known} architectures described, {len(failed)} failed, "
        f"{known - len(lines)} not tried"
    )
    print(
        f"parameters equal the zoo's own count in {len(described) - len(differing)} of "
        f"{len(described)}"
    )
    for line in differing:
        print(f"  {line['model']}: {line['parameters']:,}, the zoo counts {line['own']:,}")
    for line in failed:
        print(f"  {line['model']}: {line['reason']}")
    opaque = Counter(op for line in described for op in line["opaque"])
    whole = sum(not line["opaque"] for line in described)
    print(
        f"{whole} without opaque operators; networks with each: "
        + ", ".join(f"{op} {n}" for op, n in opaque.most_common(20))
    )
    seconds = [line["seconds"] for line in lines]
    if described:
        print(
            f"seconds: median {statistics.median(seconds):.2f}, longest {max(seconds):.1f}, "
            f"together {sum(seconds):.0f}; load {statistics.mean(x['load'] for x in lines):.1f}; "
            f"peak memory of a worker {max(x['peak_bytes'] for x in described) / 2**20:.0f} MiB"
        )
    return int(bool(differing))


def main() -> int:
    """Describe what is missing and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("zoo")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=None)
    parser.add_argument("--every", type=int, default=1, help="only each Nth architecture")
    options = parser.parse_args()
    path = options.output or Path(f"describe_{options.zoo}.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    zoo = registry.find_zoo(options.zoo)
    models = [m for m in registry.models(zoo.name).values() if not m.needs_file]
    done = {line["model"] for line in lines}
    missing = [
        registry.resolve(f"{zoo.name}:{model.name}@{RANDOM}")
        for model in models[:: options.every]
        if model.name not in done
    ]
    begin = time.perf_counter()
    with path.open("a", encoding="utf-8") as output:
        run(missing, options.jobs, output)
    print(f"{len(missing)} described now in {time.perf_counter() - begin:.0f} s")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return report(lines, len(models))


if __name__ == "__main__":
    sys.exit(main())
