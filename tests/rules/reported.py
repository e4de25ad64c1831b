"""Examples of the rules that are reported by measurements: data in, lines as they are printed out.

``tools/write_rule_pages.py`` shows them on the rules' pages, ``test_examples.py`` runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from zoodiff.accuracy.attribution.inference import infer
from zoodiff.accuracy.attribution.preprocessing import explain
from zoodiff.accuracy.attribution.preprocessing_diff import (
    EntryPreprocessing,
    diff_preprocessing,
    scaling_warning,
)
from zoodiff.accuracy.attribution.suggestions import sentences
from zoodiff.accuracy.classes.class_findings import class_findings, constant_findings
from zoodiff.accuracy.classes.constant_outputs import constant_classes, constants_of
from zoodiff.accuracy.preprocessing_runs import Recipe as TriedRecipe
from zoodiff.architecture import naming
from zoodiff.architecture.naming import EntryUnderName
from zoodiff.graph.input_stage import InputStage
from zoodiff.latency import findings
from zoodiff.latency.attribution.decomposition import RatioParts
from zoodiff.latency.benchmark import Measured, Samples
from zoodiff.latency.cold_start import Cold, ColdRun
from zoodiff.latency.comparison import read
from zoodiff.latency.conditions import Conditions, MeasuredConditions
from zoodiff.latency.subject import Loaded, TimedEntry
from zoodiff.latency.sweep_result import Cell, Sweep
from zoodiff.preprocessing.conventions import differing
from zoodiff.preprocessing.effective import effective
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.recipes.attribution import Ask, attribution
from zoodiff.recipes.difference import Difference
from zoodiff.recipes.findings import line_of, own_code_findings
from zoodiff.recipes.own_code import Correction, OwnCheck
from zoodiff.recipes.published import Recipe
from zoodiff.recipes.unstated import comparable
from zoodiff.stats.intervals import Estimate
from zoodiff.zoos import registry

Lines = list[str]


class Reported(NamedTuple):
    """Data that gives a finding, and data that looks alike and does not, each with its lines."""

    given: str
    lines: Callable[[], Lines]
    twin: str
    twin_lines: Callable[[], Lines]


# Preprocessing

_SPEC = Preprocessing(
    input_size=(224, 224),
    resize=256,
    resize_policy="short_side",
    library="pillow",
    interpolation="bilinear",
    channel_order="RGB",
    value_range=(0.0, 1.0),
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
_SIGNED = replace(_SPEC, value_range=(-1.0, 1.0), mean=None, std=None)
_RAW = replace(_SPEC, value_range=(0.0, 255.0), mean=None, std=None, inside_network=True)
_NONE = InputStage((1.0,) * 3, (0.0,) * 3, (0, 1, 2))
_RESCALING = InputStage((1 / 127.5,) * 3, (-1.0,) * 3, (0, 1, 2), ("rescaling",))


def _entry_preprocessing(
    name: str, spec: Preprocessing, input_stage: InputStage = _NONE
) -> EntryPreprocessing:
    return EntryPreprocessing(name, spec, (), effective(spec, input_stage), "")


def _preprocessings(
    second: Preprocessing, input_stage: InputStage = _NONE, *, first: Any = _SPEC
) -> Lines:
    """What `zoodiff diff --preprocessing` prints of two preprocessings."""
    found = diff_preprocessing(
        _entry_preprocessing("a", first), _entry_preprocessing("b", second, input_stage)
    )
    return [f"{x.code}  {x.factor}  {x.left} | {x.right}" for x in found.findings]


def _scaling(spec: Preprocessing, input_stage: InputStage) -> Lines:
    """What is printed of a scaling that is done twice, or never."""
    warning = scaling_warning(effective(spec, input_stage))
    return [] if warning is None else [f"{warning[0]}  a: {warning[1]}"]


_SQUARE: dict[str, Any] = {
    "resize_policy": "central_square",
    "resize": None,
    "crop_fraction": 0.875,
}


def _audited(second: Preprocessing, *, first: Preprocessing = _SPEC, levels: float = 60) -> Lines:
    """What `zoodiff audit-recipes` prints of two recipes whose words make a difference."""
    pair = comparable(first, second)
    assert pair is not None
    search, answers = attribution(pair.first, pair.second), dict[Ask, Difference | None]()
    asks = next(search)
    while True:
        for ask in asks:
            same = ask.first == ask.second
            answers[ask] = Difference(45, *((0.0,) * 3 if same else (levels, 2.0, levels / 4)))
        try:
            asks = search.send(answers)
        except StopIteration as end:
            return [line_of(cause) for cause in end.value.causes]


def _not_as_stated(done: str) -> Lines:
    """What `zoodiff audit-recipes` prints of a recipe whose code resizes by another kernel."""
    recipe = Recipe("zoo", _SPEC, "words", "file")
    same = done == _SPEC.interpolation
    difference = Difference(45, *((0.0,) * 3 if same else (33.0, 1.6, 8.0)))
    correction = None if same else Correction("interpolation", "bilinear", done, _SPEC)
    checks = {recipe: OwnCheck(45, difference, {}, correction)}
    return [finding.line for finding in own_code_findings({recipe: ["zoo:a@b"]}, checks)]


# Labels and networks

_IMAGES, _CLASSES = 400, 40
_TRUE = np.arange(_IMAGES) % _CLASSES
_HARDNESS = np.random.default_rng(1).uniform(size=_IMAGES)


class _Network:
    """A network that is right on a share of the images, less where channels are swapped."""

    input_stage = None
    meaning = None

    def __init__(self, name: str, share: float) -> None:
        self.name, self.spec, self._share = name, _SPEC, share

    def _right(self, spec: Preprocessing) -> np.ndarray:
        return self._share - 0.2 * len(differing(spec, _SPEC)) > _HARDNESS

    def right(self, recipes: Sequence[TriedRecipe]) -> list[np.ndarray]:
        return [self._right(recipe.spec) for recipe in recipes]

    def __call__(self, specs: Sequence[Preprocessing]) -> list[np.ndarray]:
        every = []
        for spec in specs:
            right = self._right(spec)
            best = np.where(right, _TRUE, (_TRUE + 7) % _CLASSES)
            probabilities = np.full((_IMAGES, _CLASSES), 0.1 / (_CLASSES - 1))
            probabilities[np.arange(_IMAGES), best] = 0.3 + 0.6 * right.mean()
            every.append(probabilities)
        return every


def _labelled(labels: np.ndarray, share: float = 0.9) -> Lines:
    """What `zoodiff accuracy --infer-preprocessing` prints of these labels."""
    found = infer(_Network("a", share), _SPEC, labels, np.arange(_CLASSES))
    return [f"{code}  a: {words}" for code, words in sentences(found)]


_AS_STRINGS = np.argsort(np.array(sorted(range(_CLASSES), key=str)))
_PERMUTED = np.random.default_rng(3).permutation(_CLASSES)


def _by_class(moved: Mapping[int, int], images: int = _IMAGES, times: int = 1) -> Lines:
    """What `zoodiff accuracy` prints of a network that is right but for renumbered outputs."""
    place = np.arange(_CLASSES)
    place[list(moved)] = list(moved.values())
    right = _HARDNESS < 0.9
    best = place[np.where(right, _TRUE, (3 * _TRUE + 7) % _CLASSES)]
    labels, best = np.tile(_TRUE[:images], times), np.tile(best[:images], times)
    found = class_findings(labels, best, _CLASSES)
    return [f"{one.code}  a: {one.sentence()}" for one in found]


def _constant(outputs: np.ndarray) -> Lines:
    """What `zoodiff accuracy` prints of these outputs, (images, classes)."""
    constants = constants_of(outputs, np.arange(outputs.shape[1]))
    found = constant_findings(constant_classes([constants], _CLASSES), len(outputs))
    return [f"{one.code}  a: {one.sentence()}" for one in found]


_LOGITS = np.random.default_rng(5).normal(size=(_IMAGES, _CLASSES))
_ZEROED = np.where(np.arange(_CLASSES) == 7, 0.0, _LOGITS)


def _on_the_same_pixels(first: float, second: float) -> Lines:
    """Lines of `zoodiff accuracy --explain` whose interval leaves 0 out."""
    found = explain(_Network("a", first), _Network("b", second))
    return [
        f"{part.code}  {part.what}  {part.first} | {part.second}  {part.points.value:+.2f} "
        f"[{part.points.low:+.2f}, {part.points.high:+.2f}]"
        for part in found.parts
        if part.code and part.shown
    ]


# Latency


def _rounds(
    milliseconds: float, *, growth: float = 0.0, processes: int = 8, seed: int = 0
) -> list[np.ndarray]:
    """Rounds of several processes, with a noise of 1 % between processes and 0.2 % between rounds.

    By ``growth`` the last round of a process is slower than the first.
    """
    rng = np.random.default_rng([round(1000 * milliseconds), seed])
    trend = milliseconds * np.linspace(1.0, 1.0 + growth, 30)
    noise = 0.01 * rng.standard_normal((processes, 1)) + 0.002 * rng.standard_normal(
        (processes, 30)
    )
    return list(trend * np.exp(noise))


def _samples(name: str, rounds: list[np.ndarray], paused: float = 1.0, of: str = "") -> Samples:
    entry = registry.resolve("torchvision:resnet18@random")
    one = TimedEntry(name, entry, copy=int(bool(of)), of=of, conditions=Conditions())
    loaded = Loaded(
        "random", None, (3, 8, 8), MeasuredConditions(name, "torchvision", "", {}), {}, 1, {}
    )
    return Samples(one, loaded, rounds, rounds, rounds, [paused], 0.001, 7)


def _latencies(
    *samples: Samples,
    entries: Mapping[str, str] = {},
    macs: Mapping[str, int] = {},
    system_noise: tuple[str, ...] = (),
    parts: Mapping[tuple[str, str], RatioParts] = {},
) -> Lines:
    """What `zoodiff latency` prints beside its numbers."""
    run = Measured(samples, (), "time spent", 8, 1.0, 1.0, None, system_noise)
    resolved = {name: registry.resolve(entry) for name, entry in entries.items()}
    found = findings.find(read(run), run, resolved, macs, parts)
    return [f"{x.code}  {x.sentence}" for x in found]


def _two(a: float, b: float, **more: Any) -> Lines:
    """Two entries with these milliseconds, and a copy of the second as control."""
    samples = (
        _samples("a", _rounds(a)),
        _samples("b", _rounds(b)),
        _samples("b (control)", _rounds(b, seed=1), of="b"),
    )
    return _latencies(*samples, **more)


def _decomposed(framework: float = 1.0, architecture: float = 1.0, inside: float = 1.0) -> Lines:
    """Two entries of which the first is slower by these factors, known within 2 %."""

    def within(factor: float) -> Estimate:
        return Estimate(factor, factor / 1.02, factor * 1.02)

    total = framework * architecture * inside
    parts = RatioParts(
        within(total), within(architecture), within(framework), within(inside), ("softmax",)
    )
    return _two(total, 1.0, parts={("a", "b"): parts})


def _threads(number: int) -> Lines:
    samples = _samples("a", _rounds(1.0))
    samples.runtime_info = {"threading": [{"internal_api": "openmp", "num_threads": number}]}
    return _latencies(samples)


def _cold(start: float, inference: float) -> Lines:
    run = ColdRun({"import": 0.75 * start, "build": 0.25 * start}, inference, inference, 0, 1, 1, 1)
    found = findings.cold_starts([Cold("a", "a", 1, 1, {}, None, (run,) * 3)])
    return [f"{x.code}  {x.sentence}" for x in found]


def _sweep(**milliseconds: tuple[float, float]) -> Lines:
    """Entries with their milliseconds at batch 1 and at batch 8."""
    cells = tuple(
        Cell(name, 1, batch, tuple(_rounds(ms, processes=3)))
        for name, both in milliseconds.items()
        for batch, ms in zip((1, 8), both, strict=True)
    )
    found = findings.rank_changes(Sweep(tuple(milliseconds), cells, (), 1.0, None))
    return [f"{x.code}  {x.sentence}" for x in found]


# Names


def _named_entry(name: str, network: str | None = None) -> EntryUnderName:
    return EntryUnderName(
        f"zoo:{name}", "zoo", 1, (3, 224, 224), 1000, network=network, exact=network
    )


def _named(*, a: EntryUnderName, b: EntryUnderName, under: str) -> Lines:
    """Findings about two entries under one name, net, or under two, net-a and net-b."""
    grouped = {"net": [a, b]} if under == "one" else {"net-a": [a], "net-b": [b]}
    return [
        finding.line
        for finding in naming.findings({n: naming.lettered(m) for n, m in grouped.items()})
    ]


_PUBLISHED = {"a": "keras:ResNet50@random", "b": "keras:ResNet50V2@random"}

EXAMPLES: dict[str, Reported] = {
    "PRE101": Reported(
        "One entry takes RGB, the other BGR, with ImageNet's mean and std in that order.",
        lambda: _preprocessings(
            replace(_SPEC, channel_order="BGR", mean=_SPEC.mean[::-1], std=_SPEC.std[::-1])  # type: ignore[index]
        ),
        "One entry states RGB, the other says nothing of the order, which means RGB.",
        lambda: _preprocessings(replace(_SPEC, channel_order=None)),
    ),
    "PRE102": Reported(
        "One entry takes [0, 1] with ImageNet's mean and std, the other [-1, 1].",
        lambda: _preprocessings(_SIGNED),
        "One entry is fed [-1, 1]; the other is fed [0, 255] and brings it to [-1, 1] itself.",
        lambda: _preprocessings(_RAW, _RESCALING, first=_SIGNED),
    ),
    "PRE103": Reported(
        "One entry crops the centre, the other squashes the image.",
        lambda: _preprocessings(replace(_SPEC, resize_policy="squash", resize=(224, 224))),
        "Both entries squash; one does not repeat the size, which is the input's.",
        lambda: _preprocessings(
            replace(_SPEC, resize_policy="squash", resize=None),
            first=replace(_SPEC, resize_policy="squash", resize=(224, 224)),
        ),
    ),
    "PRE104": Reported(
        "One entry resizes bilinearly, the other bicubically.",
        lambda: _preprocessings(replace(_SPEC, interpolation="bicubic")),
        "One entry states that Pillow antialiases, as it always does; the other says nothing of "
        "it.",
        lambda: _preprocessings(replace(_SPEC, antialias=True)),
    ),
    "PRE105": Reported(
        "One entry decodes and resizes with Pillow, the other with OpenCV (both antialias).",
        lambda: _preprocessings(
            replace(_SPEC, library="opencv", antialias=True, exif=False),
            first=replace(_SPEC, antialias=True, exif=False),
        ),
        "Both use Pillow, with another interpolation.",
        lambda: _preprocessings(replace(_SPEC, interpolation="bicubic")),
    ),
    "PRE106": Reported(
        "One entry is fed 224x224 pixels, the other 256x256, from the same resized image.",
        lambda: _preprocessings(replace(_SPEC, input_size=(256, 256))),
        "Both are fed 224x224 pixels, of images that were resized to another size.",
        lambda: _preprocessings(replace(_SPEC, resize=288)),
    ),
    "PRE107": Reported(
        "Pixels are brought to [-1, 1], and the network multiplies them by 1 / 127.5 again.",
        lambda: _scaling(_SIGNED, _RESCALING),
        "The same network is fed pixels in [0, 255].",
        lambda: _scaling(_RAW, _RESCALING),
    ),
    "PRE108": Reported(
        "The network is said to scale its pixels, and its graph has no step for it.",
        lambda: _scaling(_RAW, _NONE),
        "The graph brings [0, 255] to [-1, 1].",
        lambda: _scaling(_RAW, _RESCALING),
    ),
    "PRE109": Reported(
        "One entry resizes to 256 and crops 224; the other crops the same share and resizes it.",
        lambda: _audited(replace(_SPEC, **_SQUARE)),
        "Both crop first; one states where it says so.",
        lambda: _audited(
            replace(_SPEC, **_SQUARE, source="README"), first=replace(_SPEC, **_SQUARE)
        ),
    ),
    "PRE110": Reported(
        "Both entries resize with TensorFlow; one rounds the result to 8 bits.",
        lambda: _audited(
            replace(_SPEC, library="tensorflow", rounded=True),
            first=replace(_SPEC, library="tensorflow"),
            levels=0.4,
        ),
        "One entry states that Pillow rounds, as it always does.",
        lambda: _audited(replace(_SPEC, rounded=True)),
    ),
    "PRE111": Reported(
        "One entry turns photographs as their EXIF orientation says.",
        lambda: _audited(replace(_SPEC, exif=True)),
        "One entry states that it does not turn them, which is Pillow's default.",
        lambda: _audited(replace(_SPEC, exif=False)),
    ),
    "PRE112": Reported(
        "The catalogue states bilinear, and the zoo's code resizes bicubically.",
        lambda: _not_as_stated("bicubic"),
        "The zoo's code does what the catalogue states.",
        lambda: _not_as_stated("bilinear"),
    ),
    "LAB101": Reported(
        "Each label is one too high.",
        lambda: _labelled(np.clip(_TRUE + 1, 0, _CLASSES - 1)),
        "The labels are right, the network is right on 60 % of the images.",
        lambda: _labelled(_TRUE, share=0.6),
    ),
    "LAB102": Reported(
        "The folders 0 to 39 are counted in the order 0, 1, 10, 11, ..., 2, 20, ...",
        lambda: _labelled(_AS_STRINGS[_TRUE]),
        "Each label is one too high.",
        lambda: _labelled(np.clip(_TRUE + 1, 0, _CLASSES - 1)),
    ),
    "LAB103": Reported(
        "The classes are in a random order.",
        lambda: _labelled(_PERMUTED[_TRUE]),
        "The folders are counted in the order of strings, which is known.",
        lambda: _labelled(_AS_STRINGS[_TRUE]),
    ),
    "LAB104": Reported(
        "The outputs of the classes 3 and 30 are exchanged; there are ten images of each class.",
        lambda: _by_class({3: 30, 30: 3}),
        "The same network on two images of each class, which cannot show it.",
        lambda: _by_class({3: 30, 30: 3}, images=2 * _CLASSES),
    ),
    "LAB105": Reported(
        "The outputs 10 to 19 are shifted by one, the last to the first place.",
        lambda: _by_class({10 + k: 10 + (k + 1) % 10 for k in range(10)}),
        "Two of them are exchanged.",
        lambda: _by_class({10: 11, 11: 10}),
    ),
    "LAB106": Reported(
        "There are thirty images of each class; those of class 7 are taken for class 8.",
        lambda: _by_class({7: 8}, times=3),
        "The same network on two images of each class, which cannot show it.",
        lambda: _by_class({7: 8}, images=2 * _CLASSES),
    ),
    "LAB107": Reported(
        "The row of class 7 in the last layer is zeroed.",
        lambda: _constant(_ZEROED),
        "The same outputs as probabilities, in 8 bits, where all small ones are 0.",
        lambda: _constant(np.round(200 * np.eye(_CLASSES)[_TRUE % 20]) / 200),
    ),
    "NAM101": Reported(
        "Two entries have one name, the same input and classes, and other structures.",
        lambda: _named(a=_named_entry("a", "zs1:1"), b=_named_entry("b", "zs1:2"), under="one"),
        "One of the entries is known as a variant, and its name says so.",
        lambda: _named(
            a=_named_entry("a", "zs1:1"),
            b=replace(_named_entry("b", "zs1:2"), kind="variant", difference="d", told_by="b"),
            under="one",
        ),
    ),
    "NAM102": Reported(
        "Entries of two names have the same fingerprint.",
        lambda: _named(a=_named_entry("a", "zs1:1"), b=_named_entry("b", "zs1:1"), under="two"),
        "Both entries have one name.",
        lambda: _named(a=_named_entry("a", "zs1:1"), b=_named_entry("b", "zs1:1"), under="one"),
    ),
    "NAM103": Reported(
        "An entry is a variant, and its name does not say so.",
        lambda: _named(
            a=replace(
                _named_entry("a"), kind="variant", difference="group widths rounded as in pycls"
            ),
            b=_named_entry("b"),
            under="one",
        ),
        "The entry `a-int8` is quantised to int8.",
        lambda: _named(
            a=replace(
                _named_entry("a-int8"),
                kind="variant",
                difference="quantised to int8",
                told_by="-int8",
            ),
            b=_named_entry("b"),
            under="one",
        ),
    ),
    "NAM104": Reported(
        "A model has other default weights since an upgrade of its zoo.",
        lambda: _named(
            a=replace(
                _named_entry("a"),
                changes=("the default weights of zoo:a were V1 in zoo 0.12 and are V2 in 0.13",),
            ),
            b=_named_entry("b"),
            under="one",
        ),
        "Its default weights are those of the older version.",
        lambda: _named(a=_named_entry("a"), b=_named_entry("b"), under="one"),
    ),
    "ACC101": Reported(
        "With the same preprocessing one network is right on 90 % of 400 images, the other on 80 "
        "%.",
        lambda: _on_the_same_pixels(0.9, 0.8),
        "Both are right on the same images.",
        lambda: _on_the_same_pixels(0.9, 0.9),
    ),
    "LAT101": Reported(
        "In eight processes one entry takes 1.2 ms and the other 1 ms, with a noise of 1 %.",
        lambda: _two(1.2, 1.0),
        "One takes 0.5 % longer, which may be noise.",
        lambda: _two(1.005, 1.0),
    ),
    "LAT102": Reported(
        "Keras publishes 58.2 ms for ResNet50 and 45.6 ms for ResNet50V2; here one takes three "
        "times as long as the other.",
        lambda: _two(3.0, 1.0, entries=_PUBLISHED),
        "Here one takes 1.28 times as long, as published.",
        lambda: _two(1.28, 1.0, entries=_PUBLISHED),
    ),
    "LAT103": Reported(
        "The slower entry has a tenth of the multiply-accumulates.",
        lambda: _two(1.5, 1.0, macs={"a": 10**8, "b": 10**9}),
        "The slower entry has ten times as many.",
        lambda: _two(1.5, 1.0, macs={"a": 10**9, "b": 10**8}),
    ),
    "LAT104": Reported(
        "One thread is asked for, and OpenMP's pool has 4096.",
        lambda: _threads(4096),
        "The pool has one.",
        lambda: _threads(1),
    ),
    "LAT105": Reported(
        "A start takes 30 s and an inference 10 ms.",
        lambda: _cold(30.0, 0.01),
        "A start takes 30 s and an inference 100 ms.",
        lambda: _cold(30.0, 0.1),
    ),
    "LAT106": Reported(
        "One entry takes 1 ms at batch 1 and 8 ms at batch 8, the other 1.5 ms and 4 ms.",
        lambda: _sweep(a=(1.0, 8.0), b=(1.5, 4.0)),
        "The other takes 1.5 ms and 12 ms.",
        lambda: _sweep(a=(1.0, 8.0), b=(1.5, 12.0)),
    ),
    "LAT107": Reported(
        "A call takes 1 ms back to back and 3 ms after idle time.",
        lambda: _latencies(_samples("a", _rounds(1.0), paused=3.0)),
        "A call takes 1.05 ms after idle time.",
        lambda: _latencies(_samples("a", _rounds(1.0), paused=1.05)),
    ),
    "LAT108": Reported(
        "In all processes the last round takes 40 % longer than the first.",
        lambda: _latencies(_samples("a", _rounds(1.0, growth=0.4), paused=1.0)),
        "That is so in one process of eight.",
        lambda: _latencies(
            _samples("a", [*_rounds(1.0, growth=0.4, processes=1), *_rounds(1.0, processes=7)])
        ),
    ),
    "LAT109": Reported(
        "The machine swapped during the run.",
        lambda: _latencies(_samples("a", _rounds(1.0)), system_noise=("the machine was swapping",)),
        "It did not.",
        lambda: _latencies(_samples("a", _rounds(1.0))),
    ),
    "LAT110": Reported(
        "The first takes 1.5 times as long, and its framework relative to the reference runtime "
        "too.",
        lambda: _decomposed(framework=1.5),
        "It takes 1.5 times as long in the reference runtime as well.",
        lambda: _decomposed(architecture=1.5),
    ),
    "LAT111": Reported(
        "The first takes 1.5 times as long, in its framework and in the reference runtime.",
        lambda: _decomposed(architecture=1.5),
        "In the reference runtime both take as long.",
        lambda: _decomposed(framework=1.5),
    ),
    "LAT112": Reported(
        "Only the first has a softmax inside, and without it takes as long as the second.",
        lambda: _decomposed(inside=1.5),
        "Without its softmax it is as slow.",
        lambda: _decomposed(architecture=1.5),
    ),
}
