"""A worker with one typed method per request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from zoodiff.errors import WorkerError
from zoodiff.workers import exchange, messages
from zoodiff.workers.process import Worker
from zoodiff.workers.protocol import ProtocolError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoodiff.preprocessing.geometry import Geometry

T = TypeVar("T")


class WorkerClient(Worker):
    """A worker whose replies are checked and typed.

    The argument ``doing`` of every method completes the sentence of an error: "... while describing
    resnet50". Every method raises the ZoodiffError that the worker raised, and WorkerError if the
    worker died, took too long or sent an invalid reply.
    """

    def hello(self, doing: str) -> dict[str, str]:
        """Import the framework; return versions by name."""
        return self.hello_later(doing)()

    def hello_later(self, doing: str) -> Callable[[], dict[str, str]]:
        """Start importing the framework; return a function that waits and returns the versions."""
        answer = self._request_later(messages.Hello(), messages.Versions, doing)
        return lambda: answer().versions

    def describe(
        self,
        model: str,
        weights: str | None,
        *,
        doing: str,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
    ) -> messages.Described:
        """Return a network's graph, not yet validated, and the framework's own facts.

        ``shapes`` are those of inputs whose extents the network leaves open, by name.
        """
        request = messages.Describe(model, weights, dict(shapes or {}))
        return self._request(request, messages.Described, doing)

    def load(self, request: messages.Load, *, doing: str) -> messages.Loaded:
        """Load a network under a handle."""
        return self._request(request, messages.Loaded, doing)

    def unload(self, handle: str, *, doing: str) -> None:
        """Drop a network."""
        self._request(messages.Unload(handle), messages.Done, doing)

    def time(self, request: messages.Time, *, doing: str) -> list[float]:
        """Return the latency of each call in milliseconds."""
        times = self._request(request, messages.Times, doing).milliseconds
        if len(times) != request.calls or min(times, default=0.0) < 0.0:
            raise self._invalid(f"{len(times)} times for {request.calls} calls", doing)
        return list(times)

    def peak_memory(self, *, doing: str) -> int:
        """Return the peak of resident memory so far, bytes."""
        return self._request(messages.Memory(), messages.PeakMemory, doing).peak_rss_bytes

    def weights_size(self, handle: str, *, doing: str) -> int | None:
        """Return the bytes of a network's weights; None if they cannot be read."""
        return self._request(messages.Size(handle), messages.WeightsSize, doing).weights_bytes

    def load_test(self, request: messages.LoadTest, *, doing: str) -> messages.LoadTested:
        """Run an MLPerf load test."""
        return self._request(request, messages.LoadTested, doing)

    def weights(self, handle: str, *, doing: str, most: int) -> dict[str, NDArray[Any]]:
        """Return all weights of a network by name; raise WorkerError above ``most`` bytes."""
        answer = self._request(messages.Weights(handle), messages.Arrays, doing)
        arrays, left = {}, most
        for name, array in answer.arrays.items():
            arrays[name] = self.get_array(array, most=left)
            left -= arrays[name].nbytes
        return arrays

    def assign(self, handle: str, weights: Mapping[str, NDArray[Any]], *, doing: str) -> None:
        """Replace a network's weights, by name."""
        sent = {name: messages.Array(self.put_array(array)) for name, array in weights.items()}
        self._request(messages.Assign(handle, sent), messages.Done, doing)

    def run(self, handle: str, images: NDArray[Any], *, doing: str) -> NDArray[Any]:
        """Return the raw outputs for images ``(batch, channels, height, width)``."""
        request = messages.Run(handle, messages.Array(self.put_array(images)))
        return self.get_array(self._request(request, messages.Outputs, doing).outputs)

    def run_named(
        self, handle: str, inputs: Mapping[str, NDArray[Any]], *, doing: str
    ) -> dict[str, NDArray[Any]]:
        """Return the outputs of one run by name, in the network's order, each in its own type."""
        sent = {name: messages.Array(self.put_array(array)) for name, array in inputs.items()}
        answer = self._request(messages.RunNamed(handle, sent), messages.Arrays, doing)
        outputs, left = {}, exchange.LARGEST_REPLY
        for name, array in answer.arrays.items():
            outputs[name] = self.get_array(array, most=left)
            left -= outputs[name].nbytes
        return outputs

    def decode(
        self, images: Sequence[bytes], geometries: Sequence[Geometry], *, doing: str
    ) -> messages.Decoded:
        """Decode images and resize them to each geometry; the pixels stay with the worker.

        ``pixels_of`` copies the pixels, ``share_pixels`` passes them to other workers.
        """
        import numpy as np

        data = np.frombuffer(b"".join(images) or b"\0", dtype=np.uint8)
        request = messages.Pixels(
            messages.Array(self.put_array(data)),
            [len(image) for image in images],
            [geometry.to_dict() for geometry in geometries],
        )
        answer = self._request(request, messages.Decoded, doing)
        positions = {str(number) for number in range(len(images))}
        if len(answer.pixels) != len(geometries) or not answer.failed.keys() <= positions:
            raise self._invalid("pixels of other images", doing)
        return answer

    def pixels_of(self, array: messages.Array, images: int, geometry: Geometry) -> NDArray[Any]:
        """Return a copy of the pixels of images, shape ``(images, rows, columns, 3)``."""
        shape, most = _pixels_shape(images, geometry)
        return self.get_array(array, shape, most=most)

    def share_pixels(
        self, array: messages.Array, images: int, geometry: Geometry
    ) -> messages.Array:
        """Return a handle of pixels for every worker, valid until ``unshare`` is called."""
        shape, most = _pixels_shape(images, geometry)
        return messages.Array(self.share_array(array, shape, most=most))

    def classify(
        self, request: messages.Classify, images: int, *, doing: str
    ) -> tuple[NDArray[Any], messages.Classified]:
        """Return the outputs, one row per image, and the reply with the repeated images."""
        answer = self._request(request, messages.Classified, doing)
        again = min(request.repeat, images)
        if answer.repeated != again or not 0 <= answer.changed <= again:
            raise self._invalid(f"{answer.changed} of {answer.repeated} images", doing)
        return self.get_array(answer.outputs, (images, None)), answer

    def predict(self, handle: str, images: NDArray[Any], batch: int, *, doing: str) -> NDArray[Any]:
        """Return the outputs for decoded images, prepared by the zoo's own preprocessing."""
        request = messages.Predict(handle, messages.Array(self.put_array(images)), batch)
        return self.get_array(self._request(request, messages.Outputs, doing).outputs)

    def recipes(self, entries: Sequence[tuple[str, str]], *, doing: str) -> messages.OwnRecipes:
        """Return the zoo's own preprocessings of weights, given as (model, weights)."""
        models, weights = [model for model, _ in entries], [name for _, name in entries]
        answer = self._request(messages.Recipes(models, weights), messages.OwnRecipes, doing)
        if len(answer.recipes) != len(entries):
            raise self._invalid(f"{len(answer.recipes)} answers to {len(entries)} questions", doing)
        return answer

    def prepare_later(
        self, entry: tuple[str, str], processor: str, image: NDArray[Any], *, doing: str
    ) -> Callable[[], NDArray[Any]]:
        """Start the zoo's own preprocessing; return a function that waits for the input.

        ``image`` is a file's bytes (bytes,) or pixels (rows, columns, 3).
        """
        model, weights = entry
        request = messages.Prepare(model, weights, processor, messages.Array(self.put_array(image)))
        answer = self._request_later(request, messages.Outputs, doing)
        return lambda: self.get_array(answer().outputs)

    def profile(self, request: messages.Profile, *, doing: str) -> messages.Profiled:
        """Return the latency of each operator of an ONNX file."""
        answer = self._request(request, messages.Profiled, doing)
        if any(len(operator.ms) != len(answer.runs_ms) for operator in answer.operators):
            raise self._invalid("operators of other runs", doing)
        return answer

    def runtime_info(self, *, doing: str) -> messages.RuntimeInfo:
        """Return the runtime info of the process."""
        return self._request(messages.Environment(), messages.RuntimeInfo, doing)

    def peaks(self, request: messages.Peaks, *, doing: str) -> messages.MeasuredPeaks:
        """Return the measured peaks of the process."""
        return self._request(request, messages.MeasuredPeaks, doing)

    def _request(self, request: messages.Message, reply: type[T], doing: str) -> T:
        return self._request_later(request, reply, doing)()

    def _request_later(
        self, request: messages.Message, reply: type[T], doing: str
    ) -> Callable[[], T]:
        method = messages.METHODS[type(request)]
        wait = self.ask(method, doing=doing, seconds=None, **messages.encode(request))

        def answer() -> T:
            raw = wait()
            try:
                return messages.decode(reply, raw)
            except ProtocolError as error:
                raise self._invalid(str(error), doing) from None

        return answer

    def _invalid(self, problem: str, doing: str) -> WorkerError:
        return WorkerError(
            f"the worker of {self.spec.name} gave an answer that makes no sense while {doing} "
            f"({problem})"
        )


def _pixels_shape(images: int, geometry: Geometry) -> tuple[tuple[int, ...], int]:
    import numpy as np

    rows, columns = geometry.size
    shape = (images, rows, columns, 3)
    most = int(np.prod(shape)) * np.dtype(geometry.dtype).itemsize
    return shape, max(most, exchange.LARGEST_REPLY)
