"""One pass over a data set for all entries.

Each image is read and decoded once, and resized once for each distinct geometry, however many
entries there are. The work is done in parallel *pipelines*: in each, one worker decodes while
others, one for each zoo, run networks on one thread. So every core has work that waits for no other
core, which on one machine is faster than networks of several threads; only their weights are held
once per pipeline. What is finished is kept on disk, image by image, and a run that was killed goes
on from there.
"""

from __future__ import annotations

import hashlib
import math
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zoodiff.accuracy.checkpoints import Keeps, Part
from zoodiff.accuracy.encoded import EncodedImages
from zoodiff.accuracy.evaluation import Evaluation, PassOptions, Repeated, collect
from zoodiff.accuracy.label_mapping import label_mapping_of
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
"""Images that are run twice, to see that answers depend on the image alone."""
CHUNK = 64
"""Images that are handed over and kept together."""


@dataclass
class _Chunk:
    number: int
    images: list[int]
    hashes: list[bytes]
    failed: dict[int, str]
    """By position in the chunk."""
    pixels: list[tuple[int, list[Array]]]
    """Of each piece of the chunk its number of images, and for each geometry an array that every
    worker can read; almost always there is one piece."""


class Evaluator:
    """Runs subjects over a data set."""

    def __init__(
        self,
        engine: WorkerPool,
        subjects: Sequence[EvaluatedEntry],
        images: ImageSet,
        parts: Keeps,
        options: PassOptions | None = None,
    ) -> None:
        self._engine, self._subjects, self._images = engine, list(subjects), images
        self._parts, self._options = parts, options or PassOptions()
        numbers, pipelines = self._options.numbers, self._options.pipelines
        self._numbers = list(range(len(images)) if numbers is None else numbers)
        self._encoded = EncodedImages(images, pipelines)
        self._geometries = list(dict.fromkeys(one.geometry for one in subjects))
        self._decoding = decoding(list(dict.fromkeys(one.library for one in self._geometries)))
        self._lock = threading.Lock()
        self._failed: dict[str, str] = {}
        self._loaded: dict[str, dict[str, Any]] = {}
        self._versions: dict[str, dict[str, str]] = {}
        self._repeated: dict[str, Repeated] = {}
        self._stop = threading.Event()
        self._begun: dict[int, Part] = {}
        """Parts of an interrupted run that lack some entries."""
        self._waiting: dict[int, Part] = {}
        self._shown = 0
        self._satisfied = threading.Event()
        self._error: BaseException | None = None
        self._done = self._decoding_pipelines = 0

    def run(self) -> Evaluation:
        """Evaluate the missing images and return the whole result.

        An entry whose worker fails is left out with the reason. Raises MeasurementError where
        no entry is left, and what a thread raised.
        """
        import time

        begin = time.perf_counter()
        chunks = [self._numbers[k : k + CHUNK] for k in range(0, len(self._numbers), CHUNK)]
        missing = [k for k in range(len(chunks)) if not self._kept(self._options.first + k)]
        before = sum(len(one) for k, one in enumerate(chunks) if k not in set(missing))
        self._done = before
        self._options.step(self._done, len(self._numbers))
        if self._options.enough is not None:
            for number in sorted(set(range(len(chunks))) - set(missing)):
                self._show(self._parts.get(self._options.first + number))
        if missing and not self._satisfied.is_set():
            self._work(chunks, missing)
        count = self._shown if self._satisfied.is_set() else len(chunks)
        parts = [self._parts.get(self._options.first + k) for k in range(count)]
        found = collect(self._subjects, parts, self._failed, time.perf_counter() - begin)
        found.done_now = self._done - before
        return found

    def _kept(self, number: int) -> bool:
        """Whether a part is finished for all entries; takes over what it knows of them."""
        if not self._parts.has(number):
            return False
        part = self._parts.get(number)
        for one in self._subjects:
            if one.name not in part.found or one.name not in part.facts:
                continue
            facts = part.facts[one.name]
            self._loaded.setdefault(one.handle, facts["loaded"])
            self._versions.setdefault(one.handle, facts["versions"])
            self._versions.setdefault("decoder", facts["decoder"])
            if facts["repeated"] is not None:
                self._repeated.setdefault(one.name, Repeated(*facts["repeated"]))
        names = {one.name for one in self._subjects}
        if names <= part.found.keys():
            return True
        self._begun[number] = part
        return False

    def _before(self, chunk: _Chunk) -> Part | None:
        """What an interrupted run kept of a chunk, where its images are the same still."""
        part = self._begun.get(chunk.number)
        left_out = {chunk.images[k] for k in chunk.failed}
        same = part is not None and (
            list(part.hashes) == chunk.hashes and part.left_out.keys() == left_out
        )
        return part if same else None

    def _facts(self, one: EvaluatedEntry, number: int) -> dict[str, Any]:
        again = self._repeated.get(one.name) if number == 0 else None
        return {
            "loaded": self._loaded.get(one.handle, {}),
            "versions": self._versions.get(one.handle, {}),
            "decoder": self._versions.get("decoder", {}),
            "repeated": None if again is None else [again.images, again.changed, again.deviation],
        }

    def _show(self, part: Part) -> None:
        """Let the judge see all parts that have none missing before them."""
        if self._options.enough is None or self._satisfied.is_set():
            return
        self._waiting[part.number - self._options.first] = part
        while self._shown in self._waiting and not self._satisfied.is_set():
            seen = self._waiting.pop(self._shown)
            self._shown += 1
            if self._options.enough(seen):
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
            for one in (*decoders, *runners):
                one.start()
            for one in (*decoders, *runners):
                while one.is_alive():
                    one.join(0.5)
        finally:
            self._stop.set()
            for one in (*decoders, *runners):
                if one.is_alive():
                    one.join(60)
            # Workers end with the thread that started them: none of these can be used again.
            self._engine.release(self._decoding, "decode")
            for spec in dict.fromkeys(one.entry.worker for one in self._subjects):
                self._engine.release(spec, "accuracy")
        if self._error is not None:
            raise self._error

    def _guard(self, work: Callable[..., None], *arguments: Any) -> None:
        whole = False
        try:
            work(*arguments)
            whole = True
        except BaseException as error:
            if self._error is None and not self._stop.is_set():
                self._error = error
        finally:
            if not whole:  # also where there is no memory for the lines above
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
            self._hand_on(self._decoded(worker, number, chunks[number]), ready)
        with self._lock:
            self._decoding_pipelines -= 1
            last = self._decoding_pipelines == 0
        if last:
            for _ in range(ready.maxsize - 1):
                self._hand_on(None, ready)

    def _hand_on(self, chunk: _Chunk | None, ready: queue.Queue[_Chunk | None]) -> None:
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
            hashes += [hashlib.sha256(one).digest() for one in data]
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
        for one in self._subjects:
            if not self._stop.is_set() and one.handle not in workers:
                self._load(one, pipeline, workers)
        while not self._stop.is_set():
            try:
                chunk = ready.get(timeout=0.5)
            except queue.Empty:
                continue
            if chunk is None:
                return
            self._finish(chunk, self._answers(chunk, workers))

    def _load(self, one: EvaluatedEntry, pipeline: int, workers: dict[str, WorkerClient]) -> None:
        with self._lock:
            worker = self._engine.worker(one.entry.worker, "accuracy", copy=pipeline)
        try:
            model, weights = one.entry.model.name, one.entry.weights_name
            request = Load(one.handle, model, weights, self._options.seed, worker.threads)
            loaded = asdict(worker.load(request, doing=f"loading {one.name}"))
            versions = worker.hello("asking for versions")
        except ZoodiffError as error:
            for other in self._subjects:
                if other.handle == one.handle:
                    self._fail(other.name, str(error))
            return
        workers[one.handle] = worker
        with self._lock:
            self._loaded[one.handle] = loaded
            self._versions[one.handle] = versions

    def _fail(self, name: str, why: str) -> None:
        with self._lock:
            self._failed.setdefault(name, why)
            if len(self._failed) == len(self._subjects):
                first = next(iter(self._failed.values()))
                raise MeasurementError(f"no entry could be run; the first: {first}")

    def _answers(self, chunk: _Chunk, workers: dict[str, WorkerClient]) -> dict[str, NDArray[Any]]:
        found: dict[str, NDArray[Any]] = {}
        begun = self._before(chunk)
        for one in self._subjects:
            if begun is not None and one.name in begun.found:
                continue
            with self._lock:
                if one.name in self._failed:
                    continue
            try:
                found[one.name] = self._classified(one, chunk, workers[one.handle])
            except ZoodiffError as error:
                self._fail(one.name, str(error))
        for _, piece in chunk.pixels:
            for array in piece:
                WorkerClient.unshare(array)
        return found

    def _classified(self, one: EvaluatedEntry, chunk: _Chunk, worker: WorkerClient) -> NDArray[Any]:
        """(images, outputs) of a chunk."""
        import numpy as np

        found = []
        for number, (images, piece) in enumerate(chunk.pixels):
            request = Classify(
                one.handle,
                piece[self._geometries.index(one.geometry)],
                one.spec.to_dict(),
                self._options.batch,
                # Always the same images, so that the same run makes the same record.
                repeat=0 if one.variant or chunk.number or number else REPEATED,
            )
            outputs, answer = worker.classify(request, images, doing=f"running {one.name}")
            if answer.repeated:
                deviation = math.nan if answer.deviation is None else answer.deviation
                self._repeated[one.name] = Repeated(answer.repeated, answer.changed, deviation)
            found.append(outputs)
        return found[0] if len(found) == 1 else np.concatenate(found)

    def _finish(self, chunk: _Chunk, outputs: dict[str, NDArray[Any]]) -> None:
        import numpy as np

        labels = np.array(
            [
                -1 if (label := self._images.samples[k].label) is None else label
                for k in chunk.images
            ],
            dtype=np.int64,
        )
        kept = np.array([k not in chunk.failed for k in range(len(chunk.images))])
        found: dict[str, Predictions] = {}
        whole: dict[str, NDArray[np.float32]] = {}
        facts: dict[str, dict[str, Any]] = {}
        begun = self._before(chunk)
        if begun is not None:
            found, facts = dict(begun.found), dict(begun.facts)
        for one in self._subjects:
            if one.name not in outputs:
                continue
            values = np.asarray(outputs[one.name])[kept]
            try:
                label_mapping = label_mapping_of(one, self._images, values.shape[1])
                wrong = int((~np.isfinite(values)).any(1).sum())
                if wrong:
                    raise MeasurementError(
                        f"{one.name} gave outputs that are no numbers for {wrong} of "
                        f"{len(values)} images"
                    )
            except ZoodiffError as error:
                self._fail(one.name, str(error))
                continue
            found[one.name] = predictions(values, labels[kept], label_mapping)
            facts[one.name] = self._facts(one, chunk.number)
            if self._parts.wants_outputs:
                whole[one.name] = values
        part = Part(
            chunk.number,
            [k for k, keep in zip(chunk.images, kept, strict=True) if keep],
            labels[kept],
            chunk.hashes,
            {chunk.images[k]: why for k, why in chunk.failed.items()},
            found,
            whole,
            facts,
        )
        self._parts.put(part)
        with self._lock:
            self._show(part)
            self._done += len(chunk.images)
            self._options.step(self._done, len(self._numbers))
