"""The handlers of a worker's requests: describe, load, time, predict."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.errors import MeasurementError
from zoodiff.workers import messages
from zoodiff.workers.inside import images, own_recipes, timing
from zoodiff.workers.inside.offline import without_network
from zoodiff.zoos.runtime import load_stages

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph
    from zoodiff.workers.inside.arrays import WorkerArrays
    from zoodiff.zoos.base import Backend, Network, TakesWeights


class Handlers:
    """Handles the requests of one worker. The backend is created when first needed."""

    def __init__(self, make_backend: Callable[[], Backend], arrays: WorkerArrays) -> None:
        self._make_backend = make_backend
        self._backend: Backend | None = None
        self._arrays = arrays
        self._networks: dict[str, tuple[Network, NDArray[np.float32] | None]] = {}

    def call(self, method: str, params: Mapping[str, object]) -> dict[str, object]:
        """Answer one request; raise LookupError for an unknown method."""
        kind = messages.REQUESTS.get(method)
        if kind is None:
            raise LookupError(f"a worker cannot {method}")
        reply = getattr(self, f"on_{method}")(messages.decode(kind, params))
        return messages.encode(reply)

    @property
    def backend(self) -> Backend:
        """The zoo's backend; its creation may import the framework, which takes seconds."""
        if self._backend is None:
            with load_stages.stage(load_stages.IMPORT):
                self._backend = self._make_backend()
        return self._backend

    def on_hello(self, request: messages.Hello) -> messages.Versions:
        """Import the framework and return the versions of Python and of the framework."""
        return messages.Versions({"python": platform.python_version(), **self.backend.versions()})

    def on_models(self, request: messages.Models) -> messages.Names:
        """Return the names of the models that the installed framework knows."""
        return messages.Names(list(self.backend.models()))

    def on_describe(self, request: messages.Describe) -> messages.Described:
        """Return the graph of a network, without weights, and the framework's own counts."""
        begin = time.perf_counter()
        graph = self._described(request)
        seconds = time.perf_counter() - begin
        facts = self.backend.facts(request.model, request.weights)
        return messages.Described(
            graph=graph.to_dict(),
            facts=messages.Facts(
                int(facts["parameters"]), int(facts["statistics"]), facts.get("sha256")
            ),
            seconds=seconds,
            peak_rss_bytes=peak_rss_bytes(),
        )

    def _described(self, request: messages.Describe) -> Graph:
        from zoodiff.zoos.base import TakesShapes

        backend = self.backend
        if not request.shapes:
            return backend.describe(request.model, request.weights)
        if not isinstance(backend, TakesShapes):
            raise MeasurementError("networks of this zoo take inputs of their own shapes only")
        return backend.describe_at(request.model, request.weights, request.shapes)

    def on_forget(self, request: messages.Forget) -> messages.Done:
        """Move PyTorch's compilation cache to this folder, which the parent owns."""
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = request.folder
        return messages.Done()

    def on_modes(self, request: messages.Modes) -> messages.Names:
        """Return the execution modes of the backend, the default first; empty if it has one."""
        from zoodiff.zoos.base import HasModes

        known = self.backend.modes() if isinstance(self.backend, HasModes) else ()
        return messages.Names(list(known))

    def on_load(self, request: messages.Load) -> messages.Loaded:
        """Load a network under a handle; an earlier network of the same handle is dropped.

        ``scope`` holds the conditions of timing it. ``stages`` are seconds that add up to
        ``seconds``; they include ``import`` if the framework was not imported before.
        """
        self._networks.pop(request.handle, None)
        begin = time.perf_counter()
        reach = contextlib.nullcontext() if request.fetch else without_network()
        with load_stages.recording() as parts, reach:
            network = self._load(request)
        seconds = time.perf_counter() - begin
        self._networks[request.handle] = (network, None)
        return messages.Loaded(
            seconds=seconds,
            weights_state=network.weights_state,
            weights_sha256=network.weights_sha256,
            input_shape=tuple(int(length) for length in network.input_shape),
            layout=network.layout,
            peak_rss_bytes=peak_rss_bytes(),
            scope={key: str(value) for key, value in timing.scope_of(network).items()},
            stages=dict(parts),
        )

    def _load(self, request: messages.Load) -> Network:
        from zoodiff.zoos.base import HasModes
        from zoodiff.zoos.runtime.modes import choose

        seed, threads = request.seed, request.threads
        if isinstance(self.backend, HasModes):
            return self.backend.load(
                request.model, request.weights, seed=seed, threads=threads, mode=request.mode
            )
        choose(request.mode, (), "this zoo")
        return self.backend.load(request.model, request.weights, seed=seed, threads=threads)

    def on_unload(self, request: messages.Unload) -> messages.Done:
        """Drop a network."""
        self._networks.pop(request.handle, None)
        return messages.Done()

    def on_time(self, request: messages.Time) -> messages.Times:
        """Time single inferences, in milliseconds, on one fixed standard-normal input.

        The timing covers the call into the framework, from numpy array to numpy array: what a user
        of the zoo waits for once the image is preprocessed. Untimed calls come first for
        ``settle_ms``, and each timed call follows a sleep of ``pause_ms``. The handle ``identity``
        is a network that returns its input; it needs no loading.
        """
        network, data = self._network_and_input(request.handle, request.batch, request.seed)
        times = timing.timed_calls(
            network,
            data,
            request.calls,
            settle_ms=request.settle_ms,
            pause_ms=request.pause_ms,
        )
        return messages.Times(tuple(times))

    def _network_and_input(
        self, handle: str, batch: int, seed: int
    ) -> tuple[Network, NDArray[np.float32]]:
        """Return a network and its timing inputs, which are created once per batch size."""
        if handle == timing.IDENTITY and handle not in self._networks:
            self._networks[handle] = (timing.Identity(), None)
        network, data = self._networks[handle]
        if data is None or data.shape[0] != batch:
            import numpy as np

            shape = (batch, *network.input_shape[1:])
            data = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
            self._networks[handle] = (network, data)
        return network, data

    def on_memory(self, request: messages.Memory) -> messages.PeakMemory:
        """Return the peak of resident memory so far, bytes."""
        return messages.PeakMemory(peak_rss_bytes())

    def on_size(self, request: messages.Size) -> messages.WeightsSize:
        """Return the bytes of a loaded network's weights as stored; None if unknown."""
        network, _ = self._networks[request.handle]
        return messages.WeightsSize(timing.weights_bytes(network))

    def on_load_test(self, request: messages.LoadTest) -> messages.LoadTested:
        """Run an MLPerf load test; see ``zoodiff.workers.inside.scenarios``."""
        from zoodiff.workers.inside import scenarios

        network, data = self._network_and_input(
            request.handle, request.load.batch, request.load.seed
        )
        return scenarios.run(network, data, request.load, request.generator)

    def on_weights(self, request: messages.Weights) -> messages.Arrays:
        """Write the weights of a loaded network one by one; return their handles by name."""
        weights = self._network_with_weights(request.handle).weights()
        return messages.Arrays({name: self._put(weights[name]) for name in weights})

    def on_assign(self, request: messages.Assign) -> messages.Done:
        """Replace the weights of a loaded network."""
        self._network_with_weights(request.handle).assign(
            {name: self._arrays.get(array) for name, array in request.weights.items()}
        )
        return messages.Done()

    def _put(self, array: NDArray[Any]) -> messages.Array:
        return messages.Array(self._arrays.put(array))

    def _network_with_weights(self, handle: str) -> TakesWeights:
        from zoodiff.zoos.base import TakesWeights

        network, _ = self._networks[handle]
        if not isinstance(network, TakesWeights):
            raise MeasurementError("this zoo's networks do not take weights")
        return network

    def on_run(self, request: messages.Run) -> messages.Outputs:
        """Run one image, given channels first; return the raw outputs."""
        import numpy as np

        network, _ = self._networks[request.handle]
        batch = self._arrays.get(request.image)
        if network.layout == "NHWC" and batch.ndim == 4:
            batch = batch.transpose(0, 2, 3, 1)
        outputs = network.run(np.ascontiguousarray(batch, dtype=np.float32))
        return messages.Outputs(self._put(np.asarray(outputs)))

    def on_run_named(self, request: messages.RunNamed) -> messages.Arrays:
        """Run once on named inputs; return the outputs by name."""
        from zoodiff.zoos.base import RunsNamed

        network, _ = self._networks[request.handle]
        if not isinstance(network, RunsNamed):
            raise MeasurementError("networks of this zoo take one batch of images")
        inputs = {name: self._arrays.get(array) for name, array in request.inputs.items()}
        outputs = network.run_named(inputs)
        return messages.Arrays({name: self._put(array) for name, array in outputs.items()})

    def on_pixels(self, request: messages.Pixels) -> messages.Decoded:
        """Decode concatenated images and resize them; see ``zoodiff.workers.inside.images``."""
        return images.decode(self._arrays, request)

    def on_classify(self, request: messages.Classify) -> messages.Classified:
        """Preprocess pixels as requested and run them; see ``zoodiff.workers.inside.images``."""
        network, _ = self._networks[request.handle]
        return images.classify(network, self._arrays, request)

    def on_predict(self, request: messages.Predict) -> messages.Outputs:
        """Preprocess and run decoded images; return the outputs, one row per image."""
        network, _ = self._networks[request.handle]
        return images.predict(network, self._arrays, request)

    def on_recipes(self, request: messages.Recipes) -> messages.OwnRecipes:
        """Return the zoo's own preprocessings of weights; none if it has no code for them."""
        return own_recipes.recipes(self.backend, request)

    def on_prepare(self, request: messages.Prepare) -> messages.Outputs:
        """Return the input that the zoo's own code makes of one image."""
        return own_recipes.prepare(self.backend, self._arrays, request)

    def on_profile(self, request: messages.Profile) -> messages.Profiled:
        """Return the latency of each operator of an ONNX file; see ``onnx_profile``."""
        from zoodiff.zoos.runtime.onnx_profile import profile

        measured = profile(
            Path(request.path),
            runs=request.runs,
            batch=request.batch,
            seed=request.seed,
            threads=request.threads,
            folder=self._arrays.scratch,
        )
        return messages.decode(messages.Profiled, measured)

    def on_environment(self, request: messages.Environment) -> messages.RuntimeInfo:
        """Return the runtime info of this process; imports the framework to include its threads."""
        from zoodiff.workers.inside.runtime_info import runtime_info

        return messages.decode(messages.RuntimeInfo, runtime_info(self.backend.versions()))

    def on_peaks(self, request: messages.Peaks) -> messages.MeasuredPeaks:
        """Return the measured peaks of this process; see ``workers.inside.peak_probe``."""
        from zoodiff.workers.inside.peak_probe import peaks

        measured = peaks(request.threads, request.each_seconds, request.cache_bytes)
        return messages.decode(messages.MeasuredPeaks, measured)


def peak_rss_bytes() -> int:
    """Return the peak resident memory of this process so far, bytes.

    On Linux ``ru_maxrss`` includes the parent's peak before the fork; ``VmHWM`` does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
