"""Untrusted files: networks, data sets, studies, sidecars, results and bundles."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from support.text import hostile_texts
from zoodiff.results import Interval
from zoodiff.store.folder import Store
from zoodiff.store.manifest import Manifest
from zoodiff.store.records import (
    AccuracyValues,
    ArchitectureValues,
    DifferenceValues,
    Failure,
    FindingValues,
    Hardware,
    Record,
    WeightsInfo,
    attachment_name,
    key_of,
)

MACHINE = Hardware(processor="a processor", cores=2, memory_bytes=1 << 33, system="Linux")


def network(path: Path, *, outputs: int, seed: int = 0, texts: Sequence[str] = ()) -> None:
    """An ONNX file of (1, 3, 8, 8) with a convolution for each text, which stands in all names."""
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(seed)
    names = itertools.cycle(texts or ["net"])
    nodes, weights, current = [], [], "x"
    for number in range(max(1, len(texts))):
        text = next(names)
        kernel = random.standard_normal((3, 3, 1, 1)).astype(np.float32)
        weights.append(numpy_helper.from_array(kernel, f"{text} weight {number}"))
        following = f"{text} output {number}"
        node = helper.make_node(
            "Conv", [current, weights[-1].name], [following], name=f"{text} {number}"
        )
        node.doc_string = text
        nodes.append(node)
        current = following
    weights.append(
        numpy_helper.from_array(random.standard_normal((3, outputs)).astype(np.float32), "w")
    )
    nodes.append(helper.make_node("GlobalAveragePool", [current], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"]))
    nodes.append(helper.make_node("MatMul", ["flat", "w"], ["y"]))
    graph = helper.make_graph(
        nodes,
        next(names),
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, outputs])],
        weights,
        doc_string=next(names),
    )
    opsets = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    model.producer_name, model.domain, model.doc_string = next(names), next(names), next(names)
    model.metadata_props.add(key=next(names), value=next(names))
    path.write_bytes(model.SerializeToString())


def write_data(folder: Path, classes: Sequence[str], *, images: int = 2) -> None:
    """A folder of images for each class; names of images are hostile too."""
    random = np.random.default_rng(0)
    names = itertools.cycle(hostile_texts.file_names())
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(images):
            pixels = random.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG")
            text = next(names) if classes != ["cat", "dog"] else "image"
            (folder / name / f"{number} {text}.png").write_bytes(buffer.getvalue())


def record(kind: str, texts: Any) -> tuple[Record, bytes | None]:
    """A record whose every text is the next one."""
    key = key_of(kind=kind, text=next(texts))
    attachment = None
    values: ArchitectureValues | AccuracyValues
    if kind == "architecture":
        values = ArchitectureValues(
            parameters=1,
            statistics=0,
            unused_parameters=0,
            macs=1,
            convolutions=1,
            normalisations=0,
            linear_layers=1,
            nodes=2,
            opaque_nodes=1,
            input_shape=[1, 3, 8, 8],
            output_shape=[1, 10],
            softmax_inside=False,
            preprocessing_inside=True,
            preprocessing_ops=[next(texts), next(texts)],
            framework_parameters=1,
            framework_statistics=0,
            peak_rss_bytes=1,
            seconds=1.0,
        )
    else:
        attachment = b"predictions"
        interval = Interval(value=50.0, low=40.0, high=60.0)
        values = AccuracyValues(
            top1=interval,
            top5=interval,
            images=10,
            predictions_file=attachment_name(key, attachment),
            predictions_sha256=hashlib.sha256(attachment).hexdigest(),
            seconds=1.0,
            defaulted=[next(texts)],
            failed_checks=[next(texts)],
        )
    return (
        Record(
            key=key,
            entry=next(texts),
            zoo=next(texts),
            model=next(texts),
            architecture="a net",
            weights=WeightsInfo(name=next(texts), state="random"),
            preprocessing={"note": next(texts)},
            labels=next(texts),
            conditions={next(texts): next(texts), "data": next(texts)},
            versions={next(texts): next(texts)},
            hardware=Hardware(processor=next(texts), cores=1, memory_bytes=1, system=next(texts)),
            started="2026-07-03T12:00:00.000+00:00",
            finished="2026-07-03T12:01:00.000+00:00",
            values=values,
        ),
        attachment,
    )


def difference(first: Record, second: Record, texts: Any) -> Record:
    """What differs between the graphs of two records; its every text is the next one."""
    finding = FindingValues(
        code=next(texts),
        name=next(texts),
        effect=next(texts),
        has_effect=True,
        left=next(texts),
        right=next(texts),
        count=2,
        noun=next(texts),
        places=next(texts),
    )
    values = DifferenceValues(
        other=second.entry,
        relation="different functions",
        sentence=next(texts),
        because=[finding.code],
        of_effect=[finding.code],
        up_to=[next(texts)],
        sameness="different",
        findings=[finding],
        fingerprints=[next(texts), next(texts)],
        structures=[next(texts), None],
        seconds=1.0,
    )
    key = key_of(kind="difference", text=next(texts))
    return first.model_copy(update={"key": key, "values": values})


def is_unicode(text: str) -> bool:
    """Whether the text is Unicode, as TOML must be."""
    return text in hostile_texts.unicode_texts() or text.isascii()


def study_text(texts: Sequence[str]) -> str:
    """A study whose titles are the texts."""
    title, question, left_out = (
        json.dumps(" ".join(texts[k::3]), ensure_ascii=False).replace("\x7f", "\\u007f")
        for k in range(3)
    )
    return f'name = "run"\ntitle = {title}\nquestion = {question}\nnot_run = [{left_out}]\n'


def results_folder(folder: Path, texts: Sequence[str] = ("text",)) -> None:
    """A results folder with a run, some of it damaged, by an attacker who knows its hashes."""
    cycle = itertools.cycle(texts)
    store = Store(folder)
    store.prepare()
    written = [
        record(kind, cycle) for kind in ("architecture", "architecture", "accuracy", "accuracy")
    ]
    written.append((difference(written[0][0], written[1][0], cycle), None))
    names = [store.put(*one) for one in written]
    manifest = Manifest(
        study="run",
        title=next(cycle),
        study_sha256=next(cycle),
        study_text=study_text([text for text in texts if is_unicode(text)]),
        started="2026-07-03T12:00:00.000+00:00",
        updated="2026-07-03T12:01:00.000+00:00",
        complete=True,
        records=names,
        failures=[
            Failure(kind=kind, entry=next(cycle), architecture=next(cycle), reason=next(cycle))
            for kind in ("architecture", "latency", "accuracy") * 5
        ],
        planned=4,
        zoodiff_version=next(cycle),
        hardware=MACHINE,
        versions={next(cycle): {next(cycle): next(cycle)}},
        options={next(cycle): next(cycle)},
    )
    store.write_manifest(manifest)


def strew(folder: Path, names: Sequence[str]) -> None:
    """Put files of hostile names wherever a results folder is looked through."""
    for place in ("records/architecture", "set-aside", "unfinished", "leases", "runs"):
        for number, name in enumerate(names):
            path = folder / place / (f"{name}.json" if number % 2 else name)
            if place == "runs":
                path = path / "run.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"study": name}, default=repr))
            os.utime(path, (0, 0))


def bundle(path: Path, name: str) -> None:
    """A file for ``store import`` that names a member of its choice."""
    contents = {"format": 1, "files": [{"name": name, "bytes": 1, "sha256": "0" * 64}]}
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for member, data in (("bundle.json", json.dumps(contents).encode()), (name, b"x")):
            facts = tarfile.TarInfo(member)
            facts.size = len(data)
            archive.addfile(facts, io.BytesIO(data))
