"""What a worker can be asked: describe, load, time, predict, each over the zoo's backend."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.errors import ImageError, MeasurementError
from zoodiff.workers import timing
from zoodiff.zoos import stages

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.workers.worker_arrays import WorkerArrays
    from zoodiff.zoos.base import Backend, Network, TakesWeights


class Handlers:
    """The requests of one worker. The backend is made at the first request that needs it."""

    def __init__(self, make_backend: Callable[[], Backend], arrays: WorkerArrays) -> None:
        self._make_backend = make_backend
        self._backend: Backend | None = None
        self._arrays = arrays
        self._networks: dict[str, tuple[Network, NDArray[np.float32] | None]] = {}

    def call(self, method: str, params: Mapping[str, Any]) -> Any:
        """Answer one request; raise LookupError for a method that there is not."""
        handler = getattr(self, f"on_{method}", None)
        if handler is None:
            raise LookupError(f"a worker cannot {method}")
        return handler(**params)

    @property
    def backend(self) -> Backend:
        """The zoo's backend; making it may import the framework, which takes seconds."""
        if self._backend is None:
            with stages.stage(stages.IMPORT):
                self._backend = self._make_backend()
        return self._backend

    def on_hello(self) -> dict[str, Any]:
        """Return versions; this imports the framework."""
        return {"versions": {"python": platform.python_version(), **self.backend.versions()}}

    def on_models(self) -> list[str]:
        """Names that the installed framework itself knows."""
        return list(self.backend.models())

    def on_describe(self, model: str, weights: str | None) -> dict[str, Any]:
        """Return the graph of a network, without weights, and the framework's own counts."""
        begin = time.perf_counter()
        graph = self.backend.describe(model, weights)
        seconds = time.perf_counter() - begin
        facts = dict(self.backend.facts(model, weights))
        return {
            "graph": graph.to_dict(),
            "facts": facts,
            "seconds": seconds,
            "peak_rss_bytes": peak_rss_bytes(),
        }

    def on_forget(self, folder: str) -> None:
        """Look for what PyTorch compiled in this folder, which the parent made and removes."""
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder

    def on_modes(self) -> list[str]:
        """Ways in which the backend can run networks, the default first; none for only one."""
        from zoodiff.zoos.base import HasModes

        return list(self.backend.modes()) if isinstance(self.backend, HasModes) else []

    def on_load(
        self,
        handle: str,
        model: str,
        weights: str | None,
        seed: int,
        threads: int,
        mode: str = "",
    ) -> dict[str, Any]:
        """Load a network under a handle; one loaded before under the same handle is dropped.

        ``scope`` says what is measured when it is timed. ``stages`` are seconds that add up to
        ``seconds``; ``import`` is among them where the framework was not imported before.
        """
        self._networks.pop(handle, None)
        begin = time.perf_counter()
        with stages.recording() as parts:
            network = self._load(model, weights, seed, threads, mode)
        seconds = time.perf_counter() - begin
        self._networks[handle] = (network, None)
        return {
            "seconds": seconds,
            "weights_state": network.weights_state,
            "weights_sha256": network.weights_sha256,
            "input_shape": list(network.input_shape),
            "layout": network.layout,
            "peak_rss_bytes": peak_rss_bytes(),
            "scope": timing.scope_of(network),
            "stages": parts,
        }

    def _load(self, model: str, weights: str | None, seed: int, threads: int, mode: str) -> Network:
        from zoodiff.zoos.base import HasModes
        from zoodiff.zoos.modes import choose

        if isinstance(self.backend, HasModes):
            return self.backend.load(model, weights, seed=seed, threads=threads, mode=mode)
        choose(mode, (), "this zoo")
        return self.backend.load(model, weights, seed=seed, threads=threads)

    def on_unload(self, handle: str) -> None:
        """Drop a network."""
        self._networks.pop(handle, None)

    def on_time(
        self,
        handle: str,
        calls: int,
        batch: int,
        seed: int,
        settle_ms: float = 0.0,
        pause_ms: float = 0.0,
    ) -> dict[str, Any]:
        """Time single inferences, in milliseconds, on one fixed standard-normal input.

        The clock holds the call into the framework with a numpy array in and a numpy array out:
        what a user of the zoo waits for, once the image is preprocessed. Untimed calls come first
        until ``settle_ms`` have passed, and a sleep of ``pause_ms`` before each timed one. The
        handle ``identity`` is a network that returns its input, and needs no loading.
        """
        network, data = self._fed(handle, batch, seed)
        times = timing.timed_calls(network, data, calls, settle_ms=settle_ms, pause_ms=pause_ms)
        return {"milliseconds": times}

    def _fed(self, handle: str, batch: int, seed: int) -> tuple[Network, NDArray[np.float32]]:
        """A network and the input that it is timed on, made once for each batch size."""
        if handle == timing.IDENTITY and handle not in self._networks:
            self._networks[handle] = (timing.Identity(), None)
        network, data = self._networks[handle]
        if data is None or data.shape[0] != batch:
            import numpy as np

            shape = (batch, *network.input_shape[1:])
            data = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
            self._networks[handle] = (network, data)
        return network, data

    def on_memory(self) -> dict[str, int]:
        """Return the peak of resident memory so far, bytes."""
        return {"peak_rss_bytes": peak_rss_bytes()}

    def on_size(self, handle: str) -> dict[str, int | None]:
        """Return the bytes of a loaded network's weights as they are stored; None where unknown."""
        network, _ = self._networks[handle]
        return {"weights_bytes": timing.weights_bytes(network)}

    def on_load_test(
        self, handle: str, load: dict[str, Any], generator: str = ""
    ) -> dict[str, Any]:
        """Put one of MLPerf's loads on a network; see ``zoodiff.workers.scenarios``."""
        from zoodiff.workers import scenarios

        asked = scenarios.Load(**load)
        network, data = self._fed(handle, asked.batch, asked.seed)
        return scenarios.run(network, data, asked, generator)

    def on_weights(self, handle: str) -> dict[str, dict[str, str]]:
        """Write a loaded network's weights out, one after the other; return them by name."""
        found = self._taking(handle).weights()
        return {name: self._arrays.put(found[name]) for name in found}

    def on_assign(self, handle: str, weights: dict[str, dict[str, str]]) -> None:
        """Put values into a loaded network's weights; they are read from where they lie."""
        self._taking(handle).assign(
            {name: self._arrays.get(array) for name, array in weights.items()}
        )

    def _taking(self, handle: str) -> TakesWeights:
        from zoodiff.zoos.base import TakesWeights

        network, _ = self._networks[handle]
        if not isinstance(network, TakesWeights):
            raise MeasurementError("this zoo's networks do not take weights")
        return network

    def on_run(self, handle: str, image: dict[str, str]) -> dict[str, Any]:
        """Run one image, given channels first; return the raw outputs."""
        import numpy as np

        network, _ = self._networks[handle]
        batch = self._arrays.get(image)
        if network.layout == "NHWC" and batch.ndim == 4:
            batch = batch.transpose(0, 2, 3, 1)
        outputs = network.run(np.ascontiguousarray(batch, dtype=np.float32))
        return {"outputs": self._arrays.put(np.asarray(outputs))}

    def on_pixels(
        self, data: dict[str, str], sizes: list[int], geometries: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Decode images, given one after the other, and bring them to each geometry.

        Returns for each geometry an array (images, rows, columns, 3), and why images failed, by
        their positions; their rows are 0. ``extents`` are rows and columns of a single image
        before it is resized, by geometry.
        """
        import numpy as np

        from zoodiff.preprocessing.geometry import Geometry
        from zoodiff.preprocessing.pixels import extent, pixels

        encoded = self._arrays.get(data)
        wanted = [Geometry.from_dict(raw) for raw in geometries]
        made: list[NDArray[Any]] = [
            np.zeros((len(sizes), *one.size, 3), dtype=one.dtype) for one in wanted
        ]
        failed: dict[str, str] = {}
        start = 0
        for position, size in enumerate(sizes):
            one = encoded[start : start + size].tobytes()
            start += size
            try:
                for target, found in zip(made, pixels(one, wanted), strict=True):
                    target[position] = found
            except ImageError as error:
                failed[str(position)] = str(error)
                for target in made:
                    target[position] = 0
        arrays = [self._arrays.put(array) for array in made]
        extents = []
        if len(sizes) == 1 and not failed:
            extents = [list(extent(encoded.tobytes(), one)) for one in wanted]
        return {"pixels": arrays, "failed": failed, "extents": extents}

    def on_classify(
        self,
        handle: str,
        pixels: dict[str, str],
        preprocessing: dict[str, Any],
        batch: int,
        repeat: int = 0,
    ) -> dict[str, Any]:
        """Run pixels (images, rows, columns, 3) by a stated preprocessing; return the outputs.

        The first ``repeat`` images are run a second time, one by one and the last first;
        ``changed`` of them have another best output then, and ``deviation`` is the largest
        difference over the spread of the outputs.
        """
        import numpy as np

        from zoodiff.preprocessing.numbers import to_input
        from zoodiff.preprocessing.spec import Preprocessing

        network, _ = self._networks[handle]
        spec = Preprocessing.from_dict(preprocessing)
        images = self._arrays.get(pixels)

        def run(chosen: NDArray[Any]) -> NDArray[np.float32]:
            given = to_input(chosen, spec, network.layout)
            found = np.asarray(network.run(given), dtype=np.float32)
            return found.reshape(len(given), -1)

        outputs = np.concatenate(
            [run(images[first : first + batch]) for first in range(0, len(images), batch)]
        )
        again = min(repeat, len(images))
        facts: dict[str, Any] = {}
        if again:
            alone = np.concatenate([run(images[k : k + 1]) for k in reversed(range(again))])[::-1]
            before = outputs[:again]
            facts = {
                "changed": int((alone.argmax(1) != before.argmax(1)).sum()),
                "deviation": float(np.abs(alone - before).max() / max(np.ptp(before), 1e-30)),
                "repeated": again,
            }
        return {"outputs": self._arrays.put(outputs), **facts}

    def on_predict(self, handle: str, images: dict[str, str], batch: int) -> dict[str, Any]:
        """Preprocess and run decoded images; return the outputs, one row an image."""
        import numpy as np

        network, _ = self._networks[handle]
        pixels = self._arrays.get(images)
        outputs = [
            network.run(network.prepare(np.asarray(pixels[first : first + batch])))
            for first in range(0, len(pixels), batch)
        ]
        return {"outputs": self._arrays.put(np.concatenate(outputs))}

    def on_profile(
        self, path: str, runs: int, batch: int, seed: int, threads: int
    ) -> dict[str, Any]:
        """How long each operator of an ONNX file takes; see ``zoodiff.zoos.onnx_profile``."""
        from zoodiff.zoos.onnx_profile import profile

        return profile(
            Path(path),
            runs=runs,
            batch=batch,
            seed=seed,
            threads=threads,
            folder=self._arrays.scratch,
        )

    def on_environment(self) -> dict[str, Any]:
        """What this process runs with; the framework is imported, so that its threads count."""
        from zoodiff.workers.surroundings import surroundings

        return surroundings(self.backend.versions())

    def on_peaks(
        self, threads: int, each_seconds: float, cache_bytes: int | None
    ) -> dict[str, Any]:
        """What this process reaches at best; see ``zoodiff.workers.peaks``."""
        from zoodiff.workers.peaks import peaks

        return peaks(threads, each_seconds, cache_bytes)


def peak_rss_bytes() -> int:
    """Peak resident memory of this process so far.

    On Linux ``ru_maxrss`` begins at what the parent had before the fork; ``VmHWM`` does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
