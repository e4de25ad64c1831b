"""Runs all entries in one pass over a data set.

Each image is read and decoded once, and resized once per distinct geometry, for any number of
entries. Parallel *pipelines* do the work: in each, one worker decodes images and one worker per zoo
runs networks on one thread. So no core waits for another, which is faster than networks with
several threads; in exchange each pipeline holds the weights. Finished parts are stored on disk, and
an interrupted run continues from them.
"""

from __future__ import annotations

import hashlib
import math
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zoodiff.accuracy.checkpoints import Part, PartStore
from zoodiff.accuracy.classes.constant_outputs import constants_of
from zoodiff.accuracy.classes.label_mapping import label_mapping_of
from zoodiff.accuracy.encoded import EncodedImages
from zoodiff.accuracy.evaluation import Evaluation, PassOptions, Repeated, collect
from zoodiff.accuracy.predictions import Predictions, predictions
from zoodiff.accuracy.subject import EvaluatedEntry
from zoodiff.data.images import ImageSet
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import MeasurementError, ZoodiffError
from zoodiff.workers.client import WorkerClient
from zoodiff.workers.messages import Array, Classify, Load
from zoodiff.workers.threads import thread
from zoodiff.zoos.decoding import decoding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REPEATED = 8
"""Images that are run twice, to check that answers depend only on the image."""
CHUNK = 64
"""Images per part."""


@dataclass
class _Chunk:
    number: int
    images: list[int]
    hashes: list[bytes]
    failed: dict[int, str]
    """By position in the chunk."""
    pixels: list[tuple[int, list[Array]]]
    """Per piece of the chunk: its number of images, and an array per geometry in shared memory.
    Almost always there is one piece."""


class Evaluator:
    """Runs entries over a data set."""

    def __init__(
        self,
        engine: WorkerPool,
        subjects: Sequence[EvaluatedEntry],
        images: ImageSet,
        parts: PartStore,
        options: PassOptions | None = None,
    ) -> None:
        self._engine, self._subjects, self._images = engine, list(subjects), images
        self._parts, self._options = parts, options or PassOptions()
        numbers, pipelines = self._options.numbers, self._options.pipelines
        self._numbers = list(range(len(images)) if numbers is None else numbers)
        self._encoded = EncodedImages(images, pipelines)
        self._geometries = list(dict.fromkeys(subject.geometry for subject in subjects))
        libraries = list(dict.fromkeys(geometry.library for geometry in self._geometries))
        self._decoding = decoding(libraries)
        self._lock = threading.Lock()
        self._failed: dict[str, str] = {}
        self._loaded: dict[str, dict[str, Any]] = {}
        self._versions: dict[str, dict[str, str]] = {}
        self._repeated: dict[str, Repeated] = {}
        self._stop = threading.Event()
        self._unfinished: dict[int, Part] = {}
        """Parts of an interrupted run that lack some entries."""
        self._unjudged: dict[int, Part] = {}
        self._judged = 0
        self._satisfied = threading.Event()
        self._error: BaseException | None = None
        self._done = self._decoding_pipelines = 0

    def run(self) -> Evaluation:
        """Evaluate the missing images and return the evaluation of all images.

        Entries whose workers fail are left out, with the reason. Raises MeasurementError if no
        entry is left, and any error of a thread.
        """
        import time

        begin = time.perf_counter()
        chunks = [self._numbers[k : k + CHUNK] for k in range(0, len(self._numbers), CHUNK)]
        missing = [k for k in range(len(chunks)) if not self._is_finished(self._options.first + k)]
        earlier = sum(len(chunk) for k, chunk in enumerate(chunks) if k not in set(missing))
        self._done = earlier
        self._options.step(self._done, len(self._numbers))
        if self._options.enough is not None:
            for number in sorted(set(range(len(chunks))) - set(missing)):
                self._judge(self._parts.get(self._options.first + number))
        if missing and not self._satisfied.is_set():
            self._work(chunks, missing)
        count = self._judged if self._satisfied.is_set() else len(chunks)
        parts = [self._parts.get(self._options.first + k) for k in range(count)]
        evaluation = collect(self._subjects, parts, self._failed, time.perf_counter() - begin)
        evaluation.done_now = self._done - earlier
        return evaluation

    def _is_finished(self, number: int) -> bool:
        """Return whether a part is finished for all entries; copy its facts about them."""
        if not self._parts.has(number):
            return False
        part = self._parts.get(number)
        for subject in self._subjects:
            if subject.name not in part.predictions or subject.name not in part.facts:
                continue
            facts = part.facts[subject.name]
            self._loaded.setdefault(subject.handle, facts["loaded"])
            self._versions.setdefault(subject.handle, facts["versions"])
            self._versions.setdefault("decoder", facts["decoder"])
            if facts["repeated"] is not None:
                self._repeated.setdefault(subject.name, Repeated(*facts["repeated"]))
        if {subject.name for subject in self._subjects} <= part.predictions.keys():
            return True
        self._unfinished[number] = part
        return False

    def _earlier_part(self, chunk: _Chunk) -> Part | None:
        """Return the part that an interrupted run stored for a chunk; None if images differ."""
        part = self._unfinished.get(chunk.number)
        left_out = {chunk.images[k] for k in chunk.failed}
        same = part is not None and (
            list(part.hashes) == chunk.hashes and part.left_out.keys() == left_out
        )
        return part if same else None

    def _facts(self, subject: EvaluatedEntry, number: int) -> dict[str, Any]:
        repeated = self._repeated.get(subject.name) if number == 0 else None
        return {
            "loaded": self._loaded.get(subject.handle, {}),
            "versions": self._versions.get(subject.handle, {}),
            "decoder": self._versions.get("decoder", {}),
            "repeated": None
            if repeated is None
            else [repeated.images, repeated.changed, repeated.deviation],
        }

    def _judge(self, part: Part) -> None:
        """Pass finished parts to ``enough`` in the order of the images."""
        if self._options.enough is None or self._satisfied.is_set():
            return
        self._unjudged[part.number - self._options.first] = part
        while self._judged in self._unjudged and not self._satisfied.is_set():
            next_part = self._unjudged.pop(self._judged)
            self._judged += 1
            if self._options.enough(next_part):
                self._satisfied.set()

    def _work(self, chunks: list[list[int]], missing: list[int]) -> None:
        todo: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        for number in missing:
            todo.put(number)
        pipelines = min(self._options.pipelines, len(missing))
        for _ in range(pipelines):
            todo.put(None)
        ready: queue.Queue[_Chunk | None] = queue.Queue(maxsize=pipelines + 1)
        self._decoding_pipelines = pipelines
        decoders = [
            thread(self._guard, self._decode, pipeline, chunks, todo, ready)
            for pipeline in range(pipelines)
        ]
        runners = [
            thread(self._guard, self._classify, pipeline, ready) for pipeline in range(pipelines)
        ]
        try:
            for pipeline_thread in (*decoders, *runners):
                pipeline_thread.start()
            for pipeline_thread in (*decoders, *runners):
                while pipeline_thread.is_alive():
                    pipeline_thread.join(0.5)
        finally:
            self._stop.set()
            for pipeline_thread in (*decoders, *runners):
                if pipeline_thread.is_alive():
                    pipeline_thread.join(60)
            # A worker process ends with the thread that started it, so none of them can be reused.
            self._engine.release(self._decoding, "decode")
            for spec in dict.fromkeys(subject.entry.worker for subject in self._subjects):
                self._engine.release(spec, "accuracy")
        if self._error is not None:
            raise self._error

    def _guard(self, work: Callable[..., None], *arguments: Any) -> None:
        completed = False
        try:
            work(*arguments)
            completed = True
        except BaseException as error:
            if self._error is None and not self._stop.is_set():
                self._error = error
        finally:
            if not completed:  # also if the lines above ran out of memory
                self._stop.set()

    # Decoding

    def _decode(
        self,
        pipeline: int,
        chunks: list[list[int]],
        todo: queue.SimpleQueue[int | None],
        ready: queue.Queue[_Chunk | None],
    ) -> None:
        with self._lock:
            worker = self._engine.worker(self._decoding, "decode", copy=pipeline)
        versions = worker.hello("importing what decodes images")
        with self._lock:
            self._versions["decoder"] = versions
        while not (self._stop.is_set() or self._satisfied.is_set()):
            number = todo.get()
            if number is None:
                break
            self._put(self._decoded(worker, number, chunks[number]), ready)
        with self._lock:
            self._decoding_pipelines -= 1
            last = self._decoding_pipelines == 0
        if last:
            for _ in range(ready.maxsize - 1):
                self._put(None, ready)

    def _put(self, chunk: _Chunk | None, ready: queue.Queue[_Chunk | None]) -> None:
        while not self._stop.is_set():
            try:
                ready.put(chunk, timeout=0.5)
            except queue.Full:
                continue
            return

    def _decoded(self, worker: WorkerClient, number: int, images: list[int]) -> _Chunk:
        failed: dict[int, str] = {}
        hashes: list[bytes] = []
        pixels: list[tuple[int, list[Array]]] = []
        for data in self._encoded.pieces(images, failed):
            first = len(hashes)
            hashes += [hashlib.sha256(image).digest() for image in data]
            answer = worker.decode(
                data, self._geometries, doing=f"decoding images of {self._images.name}"
            )
            for place, why in answer.failed.items():
                failed.setdefault(first + int(place), why)
            shared = [
                worker.share_pixels(array, len(data), geometry)
                for geometry, array in zip(self._geometries, answer.pixels, strict=True)
            ]
            pixels.append((len(data), shared))
        return _Chunk(self._options.first + number, images, hashes, failed, pixels)

    # Classifying

    def _classify(self, pipeline: int, ready: queue.Queue[_Chunk | None]) -> None:
        workers: dict[str, WorkerClient] = {}
        for subject in self._subjects:
            if not self._stop.is_set() and subject.handle not in workers:
                self._load(subject, pipeline, workers)
        while not self._stop.is_set():
            try:
                chunk = ready.get(timeout=0.5)
            except queue.Empty:
                continue
            if chunk is None:
                return
            self._finish(chunk, self._answers(chunk, workers))

    def _load(
        self, subject: EvaluatedEntry, pipeline: int, workers: dict[str, WorkerClient]
    ) -> None:
        with self._lock:
            worker = self._engine.worker(subject.entry.worker, "accuracy", copy=pipeline)
        try:
            model, weights = subject.entry.worker_model, subject.entry.weights_name
            request = Load(subject.handle, model, weights, self._options.seed, worker.threads)
            loaded = asdict(worker.load(request, doing=f"loading {subject.name}"))
            versions = worker.hello("asking for versions")
        except ZoodiffError as error:
            for sharing in self._subjects:
                if sharing.handle == subject.handle:
                    self._fail(sharing.name, str(error))
            return
        workers[subject.handle] = worker
        with self._lock:
            self._loaded[subject.handle] = loaded
            self._versions[subject.handle] = versions

    def _fail(self, name: str, why: str) -> None:
        with self._lock:
            self._failed.setdefault(name, why)
            if len(self._failed) == len(self._subjects):
                first = next(iter(self._failed.values()))
                raise MeasurementError(f"no entry could be run; the first: {first}")

    def _answers(self, chunk: _Chunk, workers: dict[str, WorkerClient]) -> dict[str, NDArray[Any]]:
        outputs: dict[str, NDArray[Any]] = {}
        earlier = self._earlier_part(chunk)
        for subject in self._subjects:
            if earlier is not None and subject.name in earlier.predictions:
                continue
            with self._lock:
                if subject.name in self._failed:
                    continue
            try:
                outputs[subject.name] = self._classified(subject, chunk, workers[subject.handle])
            except ZoodiffError as error:
                self._fail(subject.name, str(error))
        for _, piece in chunk.pixels:
            for array in piece:
                WorkerClient.unshare(array)
        return outputs

    def _classified(
        self, subject: EvaluatedEntry, chunk: _Chunk, worker: WorkerClient
    ) -> NDArray[Any]:
        """Return the outputs of an entry for a chunk, (images, outputs)."""
        import numpy as np

        pieces = []
        for number, (images, piece) in enumerate(chunk.pixels):
            request = Classify(
                subject.handle,
                piece[self._geometries.index(subject.geometry)],
                subject.spec.to_dict(),
                self._options.batch,
                # Always the first images, so that equal runs write equal records.
                repeat=0 if subject.variant or chunk.number or number else REPEATED,
            )
            outputs, answer = worker.classify(request, images, doing=f"running {subject.name}")
            if answer.repeated:
                deviation = math.nan if answer.deviation is None else answer.deviation
                self._repeated[subject.name] = Repeated(answer.repeated, answer.changed, deviation)
            pieces.append(outputs)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _finish(self, chunk: _Chunk, outputs: dict[str, NDArray[Any]]) -> None:
        import numpy as np

        labels = np.array(
            [
                -1 if (label := self._images.samples[k].label) is None else label
                for k in chunk.images
            ],
            dtype=np.int64,
        )
        decoded = np.array([k not in chunk.failed for k in range(len(chunk.images))])
        predictions_by_entry: dict[str, Predictions] = {}
        complete_outputs: dict[str, NDArray[np.float32]] = {}
        facts: dict[str, dict[str, Any]] = {}
        earlier = self._earlier_part(chunk)
        if earlier is not None:
            predictions_by_entry, facts = dict(earlier.predictions), dict(earlier.facts)
        for subject in self._subjects:
            if subject.name not in outputs:
                continue
            values = np.asarray(outputs[subject.name])[decoded]
            try:
                label_mapping = label_mapping_of(subject, self._images, values.shape[1])
                wrong = int((~np.isfinite(values)).any(1).sum())
                if wrong:
                    raise MeasurementError(
                        f"{subject.name} gave outputs that are no numbers for {wrong} of "
                        f"{len(values)} images"
                    )
            except ZoodiffError as error:
                self._fail(subject.name, str(error))
                continue
            predictions_by_entry[subject.name] = predictions(values, labels[decoded], label_mapping)
            constant = constants_of(values, label_mapping)
            facts[subject.name] = {**self._facts(subject, chunk.number), "constant": constant}
            if self._parts.wants_outputs:
                complete_outputs[subject.name] = values
        part = Part(
            chunk.number,
            [k for k, valid in zip(chunk.images, decoded, strict=True) if valid],
            labels[decoded],
            chunk.hashes,
            {chunk.images[k]: why for k, why in chunk.failed.items()},
            predictions_by_entry,
            complete_outputs,
            facts,
        )
        self._parts.put(part)
        with self._lock:
            self._judge(part)
            self._done += len(chunk.images)
            self._options.step(self._done, len(self._numbers))
