"""Write a minimal reproducer of a difference that runs without zoodiff.

It holds one image, what each network was fed and what it answered, the versions, and a script that
repeats it with the zoos' own libraries alone. It can be attached to a bug report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff._version import __version__
from zoodiff.accuracy.attribution.preprocessing import Explanation
from zoodiff.accuracy.checkpoints import Memory
from zoodiff.accuracy.comparison import Pair
from zoodiff.accuracy.evaluation import PassOptions
from zoodiff.accuracy.evaluator import Evaluator
from zoodiff.accuracy.label_mapping import label_mapping_of
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
class Shown:
    """One entry on the image."""

    name: str
    fed: NDArray[np.float32]
    """(1, ...), the network's input, in its own layout."""
    answered: NDArray[np.float32]
    """(outputs,), as the network gives them."""
    best: tuple[int, ...]
    """The five best classes of the data set, -1 for none."""
    versions: dict[str, str]
    script: str
    """Python that defines ``prepare`` and ``run``; empty where there is no short way."""
    problem: str


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
    """Write the evidence of one pair into a folder of its own and return its path.

    The image is the one on which the two are surest of different classes. Raises UsageError where
    the folder cannot be written, MeasurementError where an entry cannot be run.
    """
    number = pair.flips[0].image if pair.flips else 0
    try:
        data = images.read(number)
    except OSError as error:
        raise MeasurementError(
            f"{images.samples[number].name} cannot be read any more ({error.strerror or error})"
        ) from None
    shown = [_shown(engine, one, images, number, data, seed) for one in sides]
    target = folder / _named(pair.first, pair.second)
    name = "image" + _SUFFIXES.get(data[:2], ".img")
    try:
        target.mkdir(parents=True, exist_ok=True)
        write_atomically(target / name, data)
        for which, one in zip(_SIDES, shown, strict=True):
            _save(target / f"{which}_input.npy", one.fed)
            _save(target / f"{which}_output.npy", one.answered)
        facts = _facts(images, number, pair, shown, explanation)
        write_atomically(target / "facts.json", (json_text(facts) + "\n").encode())
        write_atomically(target / "README.md", _readme(images, number, pair, shown).encode())
        write_atomically(target / "repeat.py", _program(name, shown).encode())
    except OSError as error:
        raise UsageError(
            f"{target} cannot be written ({error.strerror}); make room or permit writing there, or "
            "name another folder with --evidence"
        ) from None
    return target


_SIDES = ("first", "second")


def _shown(
    engine: WorkerPool,
    one: EvaluatedEntry,
    images: ImageSet,
    number: int,
    data: bytes,
    seed: int,
) -> Shown:
    from zoodiff.preprocessing.numbers import to_input

    parts = Memory()
    found = Evaluator(
        engine, [one], images, parts, PassOptions(batch=1, seed=seed, numbers=[number])
    ).run()
    if found.failed or len(found.images) != 1:
        why = [*found.failed.values(), *found.left_out.values()]
        raise MeasurementError(f"{one.name}: {why[0]}")
    answered = parts.get(0).outputs[one.name][0]
    label_mapping = label_mapping_of(one, images, len(answered))
    order = (-answered).argsort(kind="stable")[:5].tolist()
    meant = {
        int(output): label for label, output in enumerate(label_mapping.tolist()) if output >= 0
    }
    layout = found.loaded[one.handle].get("layout", "NCHW")
    pixels, size = _pixels(engine, one, images, data)
    problem, text = "", ""
    try:
        text = script(one.spec, steps(one.geometry, *size), layout)
        text += "\n\n" + alone(one.entry, seed)
    except ZoodiffError as error:
        problem, text = str(error), ""
    return Shown(
        one.name,
        to_input(pixels, one.spec, layout),
        answered,
        tuple(meant.get(output, -1) for output in order),
        found.versions[one.name],
        text,
        problem,
    )


def _pixels(
    engine: WorkerPool, one: EvaluatedEntry, images: ImageSet, data: bytes
) -> tuple[NDArray[Any], tuple[int, int]]:
    """(1, rows, columns, 3) of the image, and its size before it was resized."""

    from zoodiff.zoos.decoding import decoding

    zoo = decoding([one.geometry.library])
    worker = engine.worker(zoo, "decode")
    answer = worker.decode([data], [one.geometry], doing=f"decoding an image of {images.name}")
    if len(answer.extents) != 1:
        reason = answer.failed.get("0", "its size is not known")
        raise MeasurementError(f"an image of {images.name} cannot be decoded ({reason})")
    return worker.pixels_of(answer.pixels[0], 1, one.geometry), answer.extents[0]


def _named(first: str, second: str) -> str:
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
    shown: Sequence[Shown],
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
            which: {"name": one.name, "best": list(one.best), "versions": one.versions}
            for which, one in zip(_SIDES, shown, strict=True)
        },
        "explanation": explanation.to_dict() if explanation else None,
    }


def _readme(images: ImageSet, number: int, pair: Pair, shown: Sequence[Shown]) -> str:
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
    for one in shown:
        lines.append(f"- {markdown_code(one.name)}: {', '.join(map(str, one.best))}")
    lines += ["", "`*_input.npy` is what each network was fed, `*_output.npy` what it answered."]
    if all(one.script for one in shown):
        lines.append("`python repeat.py` does it again, without zoodiff, and compares.")
    lines += [
        f"{markdown(one.problem)}; `repeat.py` leaves it out." for one in shown if one.problem
    ]
    for one in shown:
        versions = ", ".join(f"{name} {version}" for name, version in one.versions.items())
        lines += ["", f"{markdown_code(one.name)} was run with {markdown(versions)}."]
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


def _program(image: str, shown: Sequence[Shown]) -> str:
    """Each side in a function of its own: two frameworks in one process keep their names apart."""
    told = [(which, one) for which, one in zip(_SIDES, shown, strict=True) if one.script]
    # Nothing but a literal may hold a name: what stands in a program is run.
    text = _HEAD.format(count=_COUNTS[len(told)], image=image)
    for which, one in told:
        body = "\n".join(f"    {line}" if line else "" for line in one.script.splitlines())
        text += f"\n\ndef {which}():\n{body}\n"
        text += f"\n    return compare({which!r}, {visible(one.name)!r}, prepare, run)\n"
    calls = ", ".join(which for which, _ in told)
    text += "\n\n"
    # In processes apart: TensorFlow and PyTorch in one process fight over their threads.
    text += (
        'if __name__ == "__main__":\n'
        "    if len(sys.argv) > 1:\n"
        "        sys.exit(not globals()[sys.argv[1]]())\n"
        "    import subprocess\n\n"
        f"    sides = [{', '.join(repr(which) for which, _ in told)}]\n"
        "    codes = [subprocess.call([sys.executable, __file__, side]) for side in sides]\n"
        '    print("as stored" if not any(codes) else "NOT as stored")\n'
        "    sys.exit(any(codes))\n"
        if calls
        else ""
    )
    return text
