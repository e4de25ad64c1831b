"""A made-up result of a study, as varied as a real one; its numbers are nobody's measurements."""

from __future__ import annotations

import hashlib
from typing import Any

from zoodiff.results import (
    Cause,
    ClaimedRanking,
    Contingency,
    Control,
    Discrepancy,
    FactorName,
    Interval,
    LayerTime,
    LayerTimes,
    Mismatch,
    RatioFactor,
    Verdict,
)
from zoodiff.store.explanation_values import (
    ConfirmationValues,
    ExplanationValues,
    NamedValues,
    PartValues,
)
from zoodiff.store.records import (
    AccuracyValues,
    ArchitectureValues,
    DifferenceValues,
    Failure,
    FindingValues,
    Hardware,
    LatencyValues,
    Record,
    WeightsInfo,
)
from zoodiff.study.graph_answers import answer_line
from zoodiff.study.result import ComparedGraphs, Difference, Explained, StudyResult

HOSTILE_MODEL = "<script>alert(document.cookie)</script>|`x`"
HOSTILE = f"extra:{HOSTILE_MODEL}@random"
GROUP = "2026-07-03T12:02:00.000+00:00"
MACHINE = Hardware(
    processor="Example Processor 9000 at 2.40 GHz",
    cores=2,
    memory_bytes=8 << 30,
    system="Linux 6.1.0 x86_64",
)
STUDY_TEXT = """\
title = "Quick study over four zoos"
question = "Do entries of one name agree?"


[latency]
entries = ["torchvision:resnet50", "keras:ResNet50"]  # <b>not bold</b>
threads = 1
"""
COMMIT = "b1eeaa1ac722dcc1cd1a8284bde34393dab61c3d"
VISION = (
    "pytorch/vision torchvision/models (wheel metadata)@8fb87713a24951e639c494b0f2a8a81b5f8e33a6"
)

# zoo, model, architecture, parameters, MACs, convolutions, normalisations, linear layers, input
NETWORKS: list[tuple[str, str, str, int, int, int, int, int, list[int]]] = [
    ("torchvision", "alexnet", "alexnet", 61100840, 714188480, 5, 0, 3, [1, 3, 224, 224]),
    ("onnx", "bvlcalexnet-12", "alexnet", 60965224, 665784864, 5, 2, 3, [1, 3, 224, 224]),
    ("tfmg", "slim/alexnet_v2", "alexnet", 50316136, 668940288, 8, 0, 0, [1, 3, 224, 224]),
    ("torchvision", "resnet50", "resnet50", 25557032, 4089184256, 53, 53, 1, [1, 3, 224, 224]),
    ("keras", "ResNet50", "resnet50", 25583592, 3857973248, 53, 53, 1, [1, 3, 224, 224]),
    ("onnx", "light_resnet50", "resnet50", 25557032, 4089184256, 53, 53, 1, [1, 3, 224, 224]),
    ("tfmg", "slim/resnet_v1_50", "resnet50", 25557032, 3857973248, 53, 53, 1, [1, 3, 224, 224]),
    ("torchvision", "vgg19", "vgg19", 143667240, 19632062464, 16, 0, 3, [1, 3, 224, 224]),
    ("keras", "VGG19", "vgg19", 143667240, 19632062464, 16, 0, 3, [1, 3, 224, 224]),
    ("onnx", "light_vgg19", "vgg19", 143667240, 19632062464, 16, 0, 3, [1, 3, 224, 224]),
    ("torchvision", "mobilenet_v2", "mobilenetv2", 3504872, 300774272, 52, 52, 1, [1, 3, 224, 224]),
    ("keras", "MobileNetV2", "mobilenetv2", 3504872, 300774272, 52, 52, 1, [1, 3, 224, 224]),
    (
        "torchvision",
        "inception_v3",
        "inceptionv3",
        27161264,
        5713232480,
        96,
        96,
        2,
        [1, 3, 299, 299],
    ),
    ("keras", "InceptionV3", "inceptionv3", 23817352, 5713216096, 94, 94, 1, [1, 3, 299, 299]),
    ("onnx", "light_squeezenet", "squeezenet1_1", 1235496, 349151936, 26, 0, 0, [1, 3, 224, 224]),
    (
        "torchvision",
        "squeezenet1_1",
        "squeezenet1_1",
        1235496,
        349151936,
        26,
        0,
        0,
        [1, 3, 224, 224],
    ),
    ("mini-torch", "digits", "digits", 5466, 157072, 2, 2, 1, [1, 1, 8, 8]),
    ("mini-keras", "digits", "digits", 5466, 157072, 2, 2, 1, [1, 8, 8, 1]),
    ("mini-tfmg", "digits", "digits", 5466, 152976, 2, 2, 1, [1, 8, 8, 1]),
    ("mini-onnx", "digits", "digits", 5434, 157072, 2, 0, 1, [1, 1, 8, 8]),
    ("extra", HOSTILE_MODEL, "resnet50", 25557033, 4089184256, 53, 53, 1, [1, 3, 224, 224]),
]

# entry, state, median, low, high
LATENCIES = [
    ("torchvision:alexnet@random", "alexnet", "random", 11.42, 11.31, 11.62),
    ("onnx:bvlcalexnet-12@placeholder", "alexnet", "placeholder", 26.31, 25.9, 26.8),
    ("torchvision:resnet50@random", "resnet50", "random", 52.1, 51.3, 53.4),
    ("keras:ResNet50@random", "resnet50", "random", 81.7, 80.1, 83.9),
    ("onnx:light_resnet50@placeholder", "resnet50", "placeholder", 52.9, 51.8, 54.6),
    ("torchvision:vgg19@random", "vgg19", "random", 252.4, 249.7, 256.0),
    ("keras:VGG19@random", "vgg19", "random", 259.8, 255.2, 266.1),
    ("torchvision:mobilenet_v2@random", "mobilenetv2", "random", 14.24, 13.98, 14.61),
    ("keras:MobileNetV2@random", "mobilenetv2", "random", 19.71, 19.24, 20.33),
    (HOSTILE, "resnet50", "random", 52.3, 51.6, 53.2),
]
ACCURACIES = [
    ("mini-torch:digits@v1", 97.22, 99.72),
    ("mini-keras:digits@v1", 95.56, 100.0),
    ("mini-tfmg:digits@v1", 91.94, 99.44),
    ("mini-onnx:digits@v1", 96.94, 99.72),
]


def explanations() -> list[Explained]:
    """One that adds up, with a hostile name, and one that could not be made."""
    parts = [
        ("preprocessing", "preprocessing", None, "", "", (9.5, 7.2, 11.8)),
        ("factor", "channel order", "PRE101", "RGB", "BGR", (9.0, 6.9, 11.1)),
        ("together", "several of these together", None, "", "", (0.5, -0.4, 1.4)),
        ("network", "network", "ACC101", "one", "<b>two</b>|", (0.5, -1.1, 2.1)),
        ("runtime", "runtime", None, "its own", "its own, quantised", (0.2, -0.3, 0.7)),
        ("weights", "weights", None, "identical", "", (0.0, 0.0, 0.0)),
        ("graph", "graph", None, "1 difference", "", (0.3, -0.9, 1.5)),
        ("difference", "padding", "ARC107", "0 before", "1 before", (0.3, -0.9, 1.5)),
        ("interaction", "each by its own preprocessing", None, "", "", (4.0, 2.0, 6.0)),
    ]
    values = ExplanationValues(
        other=HOSTILE,
        images=500,
        total=interval(10.0, 7.5, 12.5),
        parts=[
            PartValues(
                kind=kind, what=what, code=code, first=one, second=two, points=interval(*points)
            )
            for kind, what, code, one, two, points in parts
        ],
        confirmation=ConfirmationValues(
            what="channel order", code="PRE101", points=interval(8.8, 6.5, 11.1), confirmed=True
        ),
        named=[NamedValues(code="PRE101", entry=HOSTILE, words="channel order RGB, not BGR")],
        notes=["the networks take <i>images</i> of different sizes"],
    )
    missing = ExplanationValues(
        other="keras:ResNet50@random",
        images=0,
        total=None,
        problems=["keras:ResNet50@random has random weights, so its accuracy is chance"],
    )
    return [
        Explained(
            architecture="resnet50",
            entry="torchvision:resnet50@IMAGENET1K_V1",
            values=one,
            record="0" * 64,
        )
        for one in (values, missing)
    ]


def interval(value: float, low: float, high: float) -> Interval:
    return Interval(value=value, low=low, high=high)


def record(entry: str, architecture: str, state: str, values: Any, **conditions: Any) -> Record:
    zoo, _, rest = entry.partition(":")
    model, _, name = rest.rpartition("@") if "@" in rest else (rest, "", "default")
    repeat = getattr(values, "repeat", 0)
    return Record(
        key=hashlib.sha256(f"{entry}{values.kind}{repeat}".encode()).hexdigest(),
        entry=entry,
        zoo=zoo,
        model=model,
        architecture=architecture,
        weights=WeightsInfo.model_validate({"name": name, "state": state}),
        preprocessing={},
        labels="digits" if zoo.startswith("mini") else "imagenet-1k",
        conditions=conditions,
        versions={"python": "3.11.9"},
        hardware=MACHINE,
        started="2026-07-03T12:00:00.000+00:00",
        finished="2026-07-03T12:01:00.000+00:00",
        values=values,
    )


def architecture_records() -> list[Record]:
    found = []
    for zoo, model, name, parameters, macs, convolutions, norms, linear, shape in NETWORKS:
        keras = zoo in ("keras", "mini-keras")
        values = ArchitectureValues(
            parameters=parameters,
            statistics=53120 if norms else 0,
            unused_parameters=3326696 if model == "inception_v3" else 0,
            macs=macs,
            convolutions=convolutions,
            normalisations=norms,
            linear_layers=linear,
            nodes=3 * convolutions + 10,
            opaque_nodes=1 if model == "bvlcalexnet-12" else 0,
            input_shape=shape,
            output_shape=[1, 10 if name == "digits" else 1000],
            softmax_inside=keras or zoo == "onnx",
            preprocessing_inside=zoo == "mini-tfmg",
            preprocessing_ops=["Mul"] if zoo == "mini-tfmg" else [],
            published_parameters=parameters + (53120 if model == "ResNet50" else 0)
            if zoo in ("torchvision", "keras")
            else None,
            framework_parameters=parameters,
            framework_statistics=0,
            peak_rss_bytes=512 << 20,
            seconds=1.5,
        )
        suffix = "" if zoo.startswith("mini") or zoo == "extra" else "@default"
        found.append(record(f"{zoo}:{model}{suffix}", name, "none", values))
    return found


def latency_values(median: Interval, repeat: int = 0) -> LatencyValues:
    rounds = [round(median.value * (1 + 0.002 * (i % 5 - 2)), 4) for i in range(15)]
    return LatencyValues(
        median_ms=median,
        p10_ms=median.low * 0.97,
        p90_ms=median.high * 1.06,
        calls=225,
        round_medians_ms=rounds,
        group=GROUP,
        repeat=repeat,
    )


def latency_records() -> list[Record]:
    conditions = {"batch": 1, "threads": 1, "rounds": 15, "seed": 0}
    found = [
        record(entry, name, state, latency_values(interval(median, low, high)), **conditions)
        for entry, name, state, median, low, high in LATENCIES
    ]
    entry, name, state, median, low, high = LATENCIES[0]
    again = latency_values(interval(median * 1.004, low, high), repeat=1)
    return [*found, record(entry, name, state, again, **conditions)]


def accuracy_records() -> list[Record]:
    return [
        record(
            entry,
            "digits",
            "trained",
            AccuracyValues(
                top1=interval(top1, top1 - 2.2, min(top1 + 1.6, 100)),
                top5=interval(top5, top5 - 1.0, 100),
                images=360,
                predictions_file="0123456789abcdef.parquet",
                predictions_sha256="0" * 64,
                seconds=0.4,
            ),
            data="digits",
            data_sha256="ab" * 32,
            split="test",
            batch=64,
        )
        for entry, top1, top5 in ACCURACIES
    ]


def claim(
    name: str, high: tuple[str, float, str | None], low: tuple[str, float, str | None]
) -> Discrepancy:
    return Discrepancy(
        metric="claimed_top1",
        architecture=name,
        high_entry=high[0],
        low_entry=low[0],
        high=high[1],
        low=low[1],
        unit="%",
        difference=round(high[1] - low[1], 3),
        difference_unit="percentage points",
        interval=None,
        verdict="discrepancy",
        high_weights="claim",
        low_weights="claim",
        high_source=high[2],
        low_source=low[2],
    )


def claimed() -> ClaimedRanking:
    keras = "keras-team/keras-applications README.md@06fbeb0f16e1304f239b2296578d1c50b15a983a"
    onnx = f"onnx/models validated/vision/classification/vgg/README.md@{COMMIT}"
    slim = "tensorflow/models research/slim/README.md@6d14464e699184e7b0e0059edeb92a784eae1e92"
    rows = [
        claim("vgg19", ("onnx:vgg19", 74.0, onnx), ("torchvision:vgg19", 71.38, VISION)),
        claim("densenet121", ("keras:DenseNet121", 75.0, keras), ("onnx:densenet", 72.9, onnx)),
        claim("vgg16", ("onnx:vgg16", 73.4, onnx), ("keras:VGG16", 71.3, keras)),
        claim("resnet101", ("torchvision:resnet101", 77.37, VISION), ("keras:R101", 76.4, keras)),
        claim("alexnet", ("torchvision:alexnet", 56.52, VISION), ("onnx:alexnet", 55.8, None)),
        claim(
            "resnet50",
            ("torchvision:resnet50", 76.13, VISION),
            ("keras:ResNet50", 74.9, "the zoo's page, read in 2021"),
        ),
        claim(
            "googlenet",
            ("tfmg:slim/inception_v1", 69.8, slim),
            ("onnx:googlenet", 69.3, "javascript:alert(1)"),
        ),
    ]
    return ClaimedRanking(
        rows=rows,
        architectures=36,
        entries=92,
        rules=[
            "Only claims of the four zoos are compared.",
            "Inferred: of several weights, those that were published first are taken.",
            "Quantised networks are left out (inferred).",
        ],
        sensitivity=[
            {
                "rules": "as stated",
                "first": 2.62,
                "last": 1.23,
                "top": [["vgg19", 2.62], ["densenet121", 2.1], ["resnet50", 1.23]],
                "has_published_figures": True,
            },
            {
                "rules": {"weights": "default", "precision": "any"},
                "first": 6.2,
                "last": 2.1,
                "top": [{"architecture": "resnet50", "difference": 6.2}, "vgg19 2.62"],
                "has_published_figures": False,
            },
        ],
        notes=["The list of models of the study that this one repeats was not available."],
    )


def contingency(high: float, alone: str) -> Contingency:
    """The table of two entries on 360 images; ``alone`` is "22 and 3"."""
    one, two = map(int, alone.split(" and "))
    both = round(high * 3.6) - one
    neither = 360 - both - one - two
    return Contingency(
        both=both,
        high_alone=one,
        low_alone=two,
        neither=neither,
        same_answer=both + max(neither - 2, 0),
    )


def measured_accuracy() -> list[Discrepancy]:
    rows: list[tuple[int, int, float, Interval, float, Verdict, str]] = [
        (0, 2, 5.28, interval(5.28, 2.9, 7.8), 0.00012, "discrepancy", "22 and 3"),
        (3, 2, 5.0, interval(5.0, 2.6, 7.5), 0.0004, "discrepancy", "21 and 3"),
        (1, 2, 3.61, interval(3.61, 1.0, 6.3), 0.021, "discrepancy", "19 and 6"),
        (0, 1, 1.67, interval(1.67, -0.1, 3.5), 0.146, "no difference", "9 and 3"),
        (3, 1, 1.39, interval(1.39, -0.5, 3.2), 0.31, "no difference", "9 and 4"),
        (0, 3, 0.28, interval(0.28, -0.6, 1.1), 1.0, "no difference", "2 and 1"),
    ]
    return [
        Discrepancy(
            metric="measured_top1",
            architecture="digits",
            high_entry=ACCURACIES[high][0],
            low_entry=ACCURACIES[low][0],
            high=ACCURACIES[high][1],
            low=ACCURACIES[low][1],
            unit="%",
            difference=difference,
            difference_unit="percentage points",
            interval=spread,
            p_value=p_value,
            verdict=verdict,
            high_weights="trained",
            low_weights="trained",
            note=f"right in one alone: {alone} of 360 images",
            contingency=contingency(ACCURACIES[high][1], alone),
        )
        for high, low, difference, spread, p_value, verdict, alone in rows
    ]


CAUSES = [
    Cause(code="LAT110", words="onnx: its framework takes 2.20 [2.15, 2.25] times as long"),
    Cause(code="LAT999", words="a code of a later <version>"),
]


FACTOR_NAMES: tuple[tuple[str, FactorName], ...] = (
    ("LAT110", "framework"),
    ("LAT111", "layers"),
    ("LAT112", "inside"),
)
FACTORS = [
    RatioFactor(code=code, what=what, ratio=interval(*ratio))
    for (code, what), ratio in zip(
        FACTOR_NAMES, ((2.2, 2.15, 2.25), (1.08, 1.05, 1.11), (0.97, 0.94, 1.01)), strict=True
    )
]


def layer_times(high: str, low: str) -> LayerTimes:
    return LayerTimes(
        first=high,
        second=low,
        first_ms=12.0,
        second_ms=9.5,
        layers=[
            LayerTime(
                name="<b>conv2</b>", op="Conv", first_ms=4.0, second_ms=2.0, codes=["ARC105"]
            ),
            LayerTime(name="fc6", op="Gemm", first_ms=3.0, second_ms=2.25),
            LayerTime(name="between operators", op="", first_ms=0.5, second_ms=1.0),
            LayerTime(name="noise: medians do not add up", op="", first_ms=0.0, second_ms=0.25),
        ],
        rest=LayerTime(name="12 others", op="", first_ms=4.5, second_ms=4.25),
    )


def layers_of(slow: int, high: str, low: str) -> LayerTimes | None:
    """The layers of the slowest, why another has none, and of the others nothing."""
    if slow == 6:
        return LayerTimes.without(high, low, "the profile <b>has no node</b> of its graph")
    return layer_times(high, low) if slow == 1 else None


def latency() -> list[Discrepancy]:
    rows: list[tuple[int, int, float, float, float, Verdict, str | None]] = [
        (1, 0, 130.6, 126.1, 134.9, "discrepancy", "constant placeholder weights may run at "
         "another speed than real ones"),
        (3, 2, 56.8, 53.2, 60.4, "discrepancy", None),
        (3, 9, 56.2, 52.7, 59.8, "discrepancy", None),
        (8, 7, 38.4, 35.0, 41.8, "discrepancy", None),
        (6, 5, 2.93, 1.1, 4.8, "within noise", None),
        (4, 2, 1.54, -0.9, 3.6, "no difference", None),
        (9, 2, 0.38, -1.2, 1.9, "no difference", "=HYPERLINK(1)"),
    ]  # fmt: skip
    return [
        Discrepancy(
            metric="latency",
            architecture=LATENCIES[slow][1],
            high_entry=LATENCIES[slow][0],
            low_entry=LATENCIES[fast][0],
            high=LATENCIES[slow][3],
            low=LATENCIES[fast][3],
            unit="ms",
            difference=difference,
            difference_unit="%",
            interval=interval(difference, low, high),
            verdict=verdict,
            high_weights=LATENCIES[slow][2],
            low_weights=LATENCIES[fast][2],
            note=note,
            causes=CAUSES if slow == 1 else [],
            factors=FACTORS if slow in (1, 6, 8) else [],
            layers=layers_of(slow, LATENCIES[slow][0], LATENCIES[fast][0]),
        )
        for slow, fast, difference, low, high, verdict, note in rows
    ]


def mismatches() -> list[Mismatch]:
    properties = (
        ("parameters", lambda n: f"{n[3]:,}"),
        ("MACs", lambda n: f"{n[4]:,}"),
        ("convolutions", lambda n: str(n[5])),
        ("normalisations", lambda n: str(n[6])),
        ("softmax inside", lambda n: "yes" if n[0] in ("keras", "onnx", "mini-keras") else "no"),
    )
    found = []
    for architecture in ("alexnet", "digits", "inceptionv3", "mobilenetv2", "resnet50", "vgg19"):
        members = [n for n in NETWORKS if n[2] == architecture]
        for name, printed in properties:
            values = {f"{n[0]}:{n[1]}": printed(n) for n in members}
            groups = len(set(values.values()))
            if groups > 1:
                found.append(
                    Mismatch(architecture=architecture, property=name, values=values, groups=groups)
                )
    return found


# comparison, first, second, findings: code, name, effect, left, right, count, noun, places
DIFFERENCES: list[tuple[str, str, str, list[tuple[str, str, str, str, str, int, str, str]]]] = [
    (
        "resnet50",
        "torchvision:resnet50@default",
        "keras:ResNet50@default",
        [
            (
                *("ARC101", "stride placement", "function", "stride 1 and 2", "2 and 1", 4),
                *("blocks", "layer1.0, layer2.0, layer3.0, layer4.0"),
            ),
            ("ARC120", "epsilon", "function", "1e-05", "1.001e-05", 53, "batch norms", "53 norms"),
            ("ARC140", "output", "output", "logits", "softmax", 1, "layers", "predictions"),
            ("ARC113", "bias before a norm", "parametrisation", "no", "yes", 53, "layers", "conv1"),
        ],
    ),
    (
        "resnet50",
        "torchvision:resnet50@default",
        f"extra:{HOSTILE_MODEL}",
        [
            (
                *("ARC107", "padding", "function", "<b>1</b>", "2 | [x](y)", 1, "layers"),
                "layer<script>alert(1)</script>`conv`|1",
            ),
            ("ZZZ999", "of a later version", "function", "a", "b", 2, "layers", "c, d"),
        ],
    ),
    (
        "digits",
        "mini-torch:digits",
        "mini-onnx:digits",
        [
            (
                *("ARC112", "folded norm", "parametrisation", "batch norm", "folded", 2),
                *("batch norms", "2 batch norms (norm1, norm2)"),
            ),
            ("ARC111", "bias", "parametrisation", "none", "zeros", 1, "layers", "head"),
        ],
    ),
]


def difference(
    comparison: str,
    first: str,
    second: str,
    rows: list[tuple[str, str, str, str, str, int, str, str]],
) -> Difference:
    findings = [
        FindingValues(
            code=code,
            name=name,
            effect=effect,
            has_effect=effect != "parametrisation",
            left=left,
            right=right,
            count=count,
            noun=noun,
            places=places,
        )
        for code, name, effect, left, right, count, noun, places in rows
    ]
    of_effect = [finding.code for finding in findings if finding.has_effect]
    architectures = f"different architectures ({', '.join(of_effect)})"
    values = DifferenceValues(
        other=second,
        relation="not decided",
        sentence=f"not decided: {architectures if of_effect else 'the same architecture'}, but "
        "weights and outputs were not compared",
        because=[],
        of_effect=of_effect,
        up_to=[finding.code for finding in findings if not finding.has_effect],
        sameness="different" if of_effect else "same up to",
        findings=findings,
        fingerprints=["zd2:" + "1" * 32, "zd2:" + "2" * 32],
        structures=["zs1:" + "1" * 32, None],
        seconds=0.1,
    )
    return Difference(
        comparison=comparison,
        first=first,
        second=second,
        answer=answer_line(values),
        has_effect=values.has_effect,
        values=values,
        record="0" * 64,
    )


def differences() -> list[Difference]:
    """Two pairs with an effect, one of them with a hostile name, and a harmless one."""
    return [difference(*row) for row in DIFFERENCES]


def compared_graphs() -> list[ComparedGraphs]:
    """A mismatch, a harmless difference, one graph for all, and a pair that was not compared."""
    hostile = f"extra:{HOSTILE_MODEL}"
    return [
        ComparedGraphs(
            comparison="resnet50",
            graphs=[
                ["torchvision:resnet50@default", "onnx:light_resnet50@default"],
                ["keras:ResNet50@default"],
                [hostile],
            ],
            verdict="mismatch",
            same="torchvision:resnet50@default and onnx:light_resnet50@default: the same "
            "architecture",
            not_compared=[["keras:ResNet50@default", hostile]],
        ),
        ComparedGraphs(
            comparison="digits",
            graphs=[["mini-torch:digits"], ["mini-onnx:digits"]],
            verdict="harmless",
            same=None,
            not_compared=[],
        ),
        ComparedGraphs(
            comparison="squeezenet1_1",
            graphs=[["torchvision:squeezenet1_1@default", "onnx:light_squeezenet@default"]],
            verdict="same",
            same="torchvision:squeezenet1_1@default and onnx:light_squeezenet@default: the same "
            "architecture",
            not_compared=[],
        ),
        ComparedGraphs(
            comparison="mobilenetv2",
            graphs=[["torchvision:mobilenet_v2@default"], ["keras:MobileNetV2@default"]],
            verdict="not decided",
            same=None,
            not_compared=[["torchvision:mobilenet_v2@default", "keras:MobileNetV2@default"]],
        ),
    ]


def failures() -> list[Failure]:
    offline = (
        "published weights of this zoo could not be fetched from download.example.org (no "
        "network); connect, or put the file into the zoo's cache"
    )
    return [
        *(
            Failure(kind="accuracy", entry=f"torchvision:net{i}", architecture=None, reason=offline)
            for i in range(9)
        ),
        Failure(
            kind="latency",
            entry="tfmg:slim/resnet_v1_50@random",
            architecture="resnet50",
            reason="the worker of tfmg ended after 120 s; give it more with --timeout",
        ),
        Failure(
            kind="accuracy",
            entry="torchvision:vgg19@random",
            architecture="vgg19",
            reason="<img src=x onerror=alert(1)> is | not a data set",
        ),
    ]


def example() -> StudyResult:
    """Some twenty entries of nine zoos, with everything that a report has to cope with."""
    return StudyResult(
        study="quick",
        title="Quick study over four zoos",
        question="Do entries that carry one name in several zoos agree?",
        complete=True,
        started="2026-07-03T12:00:00.000+00:00",
        finished="2026-07-03T12:04:09.000+00:00",
        top=5,
        claimed=claimed(),
        measured_accuracy=measured_accuracy(),
        latency=latency(),
        controls=[
            Control(
                entry=LATENCIES[0][0], ratio=interval(1.0041, 0.9896, 1.0195), noise_percent=3.2
            )
        ],
        mismatches=mismatches(),
        differences=differences(),
        graphs=compared_graphs(),
        explanations=explanations(),
        records=[*architecture_records(), *latency_records(), *accuracy_records()],
        failures=failures(),
        not_run=[
            "Accuracy on ImageNet: the images may not be passed on; name a folder to measure it.",
        ],
        zoodiff_version="0.1.0",
        versions={
            "torchvision": {"torch": "2.13.0", "torchvision": "0.28.0"},
            "keras": {"keras": "3.15.1", "tensorflow": "2.21.0"},
            "onnx": {"onnx": "1.20.0", "onnxruntime": "1.24.0"},
            "tfmg": {"tf-models-official": "2.20.0", "tensorflow": "2.20.0"},
        },
        hardware=MACHINE,
        study_text=STUDY_TEXT,
        study_sha256=hashlib.sha256(STUDY_TEXT.encode()).hexdigest(),
        notes=["Two records were damaged; they were set aside and measured again."],
    )


def empty() -> StudyResult:
    """A run in which nothing was asked for and nothing found."""
    return example().model_copy(
        update={
            "claimed": None,
            "measured_accuracy": [],
            "latency": [],
            "controls": [],
            "mismatches": [],
            "differences": [],
            "graphs": [],
            "explanations": [],
            "records": [],
            "failures": [],
            "not_run": [],
            "notes": [],
            "versions": {},
        }
    )
