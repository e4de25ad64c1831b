"""Writes a minimal reproducer of a difference that runs without zoodiff.

It contains one image, the input and output of each network, the versions, and a script that repeats
the run with the zoos' own libraries. It can be attached to a bug report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff._version import __version__
from zoodiff.accuracy.attribution.preprocessing import Explanation
from zoodiff.accuracy.checkpoints import Memory
from zoodiff.accuracy.classes.label_mapping import label_mapping_of
from zoodiff.accuracy.evaluation import PassOptions
from zoodiff.accuracy.evaluator import Evaluator
from zoodiff.accuracy.pairs import Pair
from zoodiff.accuracy.subject import EvaluatedEntry
from zoodiff.data.images import ImageSet
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import MeasurementError, UsageError, ZoodiffError
from zoodiff.preprocessing.alone import script
from zoodiff.preprocessing.geometry import steps
from zoodiff.store.files import write_atomically
from zoodiff.text import file_name, json_text, markdown, markdown_code, visible
from zoodiff.zoos.alone import alone

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SUFFIXES = {b"\xff\xd8": ".jpg", b"\x89P": ".png", b"GI": ".gif", b"BM": ".bmp", b"RI": ".webp"}


@dataclass(frozen=True)
class NetworkRun:
    """The run of one entry on the image."""

    name: str
    inputs: NDArray[np.float32]
    """(1, ...), the network's input in its own layout."""
    outputs: NDArray[np.float32]
    """(outputs,), the network's own outputs."""
    best: tuple[int, ...]
    """The five best classes of the data set, -1 for none."""
    versions: dict[str, str]
    script: str
    """Python that defines ``prepare`` and ``run``; empty if it cannot be written."""
    problem: str
    """Why there is no script; empty with one."""


def write(
    folder: Path,
    engine: WorkerPool,
    sides: tuple[EvaluatedEntry, EvaluatedEntry],
    images: ImageSet,
    pair: Pair,
    explanation: Explanation | None = None,
    *,
    seed: int = 0,
) -> Path:
    """Write the reproducer of one pair into a new folder and return its path.

    The image is the flip with the highest scores. Raises UsageError if the folder cannot be
    written, MeasurementError if an entry cannot be run.
    """
    number = pair.flips[0].image if pair.flips else 0
    try:
        data = images.read(number)
    except OSError as error:
        raise MeasurementError(
            f"{images.samples[number].name} cannot be read any more ({error.strerror or error})"
        ) from None
    runs = [_run_network(engine, subject, images, number, data, seed) for subject in sides]
    target = folder / _folder_name(pair.first, pair.second)
    name = "image" + _SUFFIXES.get(data[:2], ".img")
    try:
        target.mkdir(parents=True, exist_ok=True)
        write_atomically(target / name, data)
        for side, run in zip(_SIDES, runs, strict=True):
            _save(target / f"{side}_input.npy", run.inputs)
            _save(target / f"{side}_output.npy", run.outputs)
        facts = _facts(images, number, pair, runs, explanation)
        write_atomically(target / "facts.json", (json_text(facts) + "\n").encode())
        write_atomically(target / "README.md", _readme(images, number, pair, runs).encode())
        write_atomically(target / "repeat.py", _program(name, runs).encode())
    except OSError as error:
        raise UsageError(
            f"{target} cannot be written ({error.strerror}); make room or permit writing there, or "
            "name another folder with --evidence"
        ) from None
    return target


_SIDES = ("first", "second")


def _run_network(
    engine: WorkerPool,
    subject: EvaluatedEntry,
    images: ImageSet,
    number: int,
    data: bytes,
    seed: int,
) -> NetworkRun:
    from zoodiff.preprocessing.numbers import to_input

    parts = Memory()
    evaluation = Evaluator(
        engine, [subject], images, parts, PassOptions(batch=1, seed=seed, numbers=[number])
    ).run()
    if evaluation.failed or len(evaluation.images) != 1:
        why = [*evaluation.failed.values(), *evaluation.left_out.values()]
        raise MeasurementError(f"{subject.name}: {why[0]}")
    outputs = parts.get(0).outputs[subject.name][0]
    label_mapping = label_mapping_of(subject, images, len(outputs))
    order = (-outputs).argsort(kind="stable")[:5].tolist()
    class_by_output = {
        int(output): label for label, output in enumerate(label_mapping.tolist()) if output >= 0
    }
    layout = evaluation.loaded[subject.handle].get("layout", "NCHW")
    pixels, size = _pixels(engine, subject, images, data)
    problem, text = "", ""
    try:
        text = script(subject.spec, steps(subject.geometry, *size), layout)
        text += "\n\n" + alone(subject.entry, seed)
    except ZoodiffError as error:
        problem, text = str(error), ""
    return NetworkRun(
        subject.name,
        to_input(pixels, subject.spec, layout),
        outputs,
        tuple(class_by_output.get(output, -1) for output in order),
        evaluation.versions[subject.name],
        text,
        problem,
    )


def _pixels(
    engine: WorkerPool, subject: EvaluatedEntry, images: ImageSet, data: bytes
) -> tuple[NDArray[Any], tuple[int, int]]:
    """Return the pixels, (1, rows, columns, 3), and the image's size before resizing."""
    from zoodiff.zoos.decoding import decoding

    zoo = decoding([subject.geometry.library])
    worker = engine.worker(zoo, "decode")
    answer = worker.decode([data], [subject.geometry], doing=f"decoding an image of {images.name}")
    if len(answer.extents) != 1:
        reason = answer.failed.get("0", "its size is not known")
        raise MeasurementError(f"an image of {images.name} cannot be decoded ({reason})")
    return worker.pixels_of(answer.pixels[0], 1, subject.geometry), answer.extents[0]


def _folder_name(first: str, second: str) -> str:
    return "--".join(map(file_name, (first, second)))


def _save(path: Path, array: NDArray[Any]) -> None:
    import io

    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, array)
    write_atomically(path, buffer.getvalue())


def _facts(
    images: ImageSet,
    number: int,
    pair: Pair,
    runs: Sequence[NetworkRun],
    explanation: Explanation | None,
) -> dict[str, Any]:
    return {
        "zoodiff": __version__,
        "image": images.samples[number].name,
        "label": images.samples[number].label,
        "images": pair.images,
        "points": asdict(pair)["difference"].model_dump(),
        "p_value": pair.p_value,
        "entries": {
            side: {"name": run.name, "best": list(run.best), "versions": run.versions}
            for side, run in zip(_SIDES, runs, strict=True)
        },
        "explanation": explanation.to_dict() if explanation else None,
    }


def _readme(images: ImageSet, number: int, pair: Pair, runs: Sequence[NetworkRun]) -> str:
    sample = images.samples[number]
    low, high = pair.difference.low, pair.difference.high
    lines = [
        f"# {markdown(pair.first)} and {markdown(pair.second)}",
        "",
        f"On {pair.images:,} images of {markdown(images.name)} top-1 of the first less that of the "
        f"second is {pair.difference.value:+.2f} points ({low:+.2f} to {high:+.2f} at 95 %); "
        f"McNemar's exact p-value is {pair.p_value:.2g}. The two give the same class to "
        f"{pair.agreement:.1f} % of the images.",
        "",
        f"The image here is {markdown_code(sample.name)}"
        + (f", of class {sample.label}" if sample.label is not None else "")
        + ". The five best classes:",
        "",
    ]
    for run in runs:
        lines.append(f"- {markdown_code(run.name)}: {', '.join(map(str, run.best))}")
    lines += ["", "`*_input.npy` is the input of each network, `*_output.npy` its output."]
    if all(run.script for run in runs):
        lines.append("`python repeat.py` repeats the run without zoodiff and compares.")
    lines += [f"{markdown(run.problem)}; `repeat.py` leaves it out." for run in runs if run.problem]
    for run in runs:
        versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
        lines += ["", f"{markdown_code(run.name)} was run with {markdown(versions)}."]
    return "\n".join(lines) + "\n"


_COUNTS = ("nothing", "one network", "two networks")
_HEAD = '''\
"""Runs one image through {count} and compares with what is stored here.

Needs numpy and the libraries that are imported below, and nothing else.
"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
IMAGE = str(HERE / "{image}")


def compare(which, name, prepare, run):
    x = prepare(IMAGE)
    y = np.asarray(run(x)).reshape(-1)
    stored = [np.load(HERE / f"{{which}}_{{part}}.npy") for part in ("input", "output")]
    print(name)
    print("  five best outputs:", (-y).argsort(kind="stable")[:5].tolist())
    print("  stored:           ", (-stored[1]).argsort(kind="stable")[:5].tolist())
    far = [float(abs(a - b).max() / max(np.ptp(b), 1e-30)) for a, b in zip((x, y), stored)]
    print(f"  largest difference, relative: input {{far[0]:.1e}}, output {{far[1]:.1e}}")
    return max(far) < 1e-2
'''


def _program(image: str, runs: Sequence[NetworkRun]) -> str:
    """Return the script; each network has its own function, so that names do not collide."""
    runnable = [(side, run) for side, run in zip(_SIDES, runs, strict=True) if run.script]
    # Names of entries are untrusted: they appear in the program only as string literals.
    text = _HEAD.format(count=_COUNTS[len(runnable)], image=image)
    for side, run in runnable:
        body = "\n".join(f"    {line}" if line else "" for line in run.script.splitlines())
        text += f"\n\ndef {side}():\n{body}\n"
        text += f"\n    return compare({side!r}, {visible(run.name)!r}, prepare, run)\n"
    calls = ", ".join(side for side, _ in runnable)
    text += "\n\n"
    # Separate processes: TensorFlow and PyTorch in one process compete for threads.
    text += (
        'if __name__ == "__main__":\n'
        "    if len(sys.argv) > 1:\n"
        "        sys.exit(not globals()[sys.argv[1]]())\n"
        "    import subprocess\n\n"
        f"    sides = [{', '.join(repr(side) for side, _ in runnable)}]\n"
        "    codes = [subprocess.call([sys.executable, __file__, side]) for side in sides]\n"
        '    print("as stored" if not any(codes) else "NOT as stored")\n'
        "    sys.exit(any(codes))\n"
        if calls
        else ""
    )
    return text
