"""Inputs of networks from image files, by zoodiff's specification and by the zoos' own code.

One worker per library decodes and resizes, so that no two frameworks share a process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import ImageError, ZoodiffError
from zoodiff.preprocessing.geometry import Geometry, geometry_of
from zoodiff.preprocessing.numbers import to_input
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.recipes.attribution import Ask
from zoodiff.recipes.difference import Accumulator, Difference
from zoodiff.recipes.images import AuditImage
from zoodiff.recipes.published import Recipe, Source
from zoodiff.zoos.decoding import decoding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROLE = "audit"
_AT_ONCE = 48
"""Geometries per request: their pixels are in memory together."""
_INPUTS = 24
"""Inputs of one image that are kept; the questions about a pair share most of theirs."""


class Renderer:
    """Prepares images with the workers of one pool, which belong to the calling thread."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    def by_specification(
        self, image: AuditImage, specs: Iterable[Preprocessing]
    ) -> dict[Preprocessing, NDArray[np.float32]]:
        """Return inputs (rows, columns, channels); none of a library that cannot decode it."""
        wanted = list(dict.fromkeys(specs))
        pixels = self.pixels(image, [geometry_of(spec) for spec in wanted])
        inputs = {spec: _input(pixels, spec) for spec in wanted}
        return {spec: made for spec, made in inputs.items() if made is not None}

    def pixels(
        self, image: AuditImage, geometries: Iterable[Geometry]
    ) -> dict[Geometry, NDArray[Any]]:
        """Return resized pixels (1, rows, columns, 3), without geometries that fail."""
        by_library: dict[str, list[Geometry]] = {}
        for geometry in dict.fromkeys(geometries):
            by_library.setdefault(geometry.library, []).append(geometry)
        pixels: dict[Geometry, NDArray[Any]] = {}
        for members in by_library.values():
            for first in range(0, len(members), _AT_ONCE):
                pixels |= self._resized(image, members[first : first + _AT_ONCE])
        return pixels

    def _resized(
        self, image: AuditImage, geometries: Sequence[Geometry]
    ) -> Mapping[Geometry, NDArray[Any]]:
        worker = self._pool.worker(decoding([geometries[0].library]), _ROLE)
        answer = worker.decode([image.data], geometries, doing=f"preparing {image.name}")
        arrays = [
            worker.pixels_of(array, 1, geometry)
            for array, geometry in zip(answer.pixels, geometries, strict=True)
        ]
        return {} if answer.failed else dict(zip(geometries, arrays, strict=True))

    def by_own_code(
        self, image: AuditImage, recipe: Recipe, source: Source, spec: Preprocessing
    ) -> NDArray[np.float32]:
        """Return the input (rows, columns, channels) that the zoo's own code makes.

        Code that takes pixels is given those of ``spec``'s geometry. Raises ImageError if the image
        cannot be prepared.
        """
        import numpy as np

        given: NDArray[Any] = np.frombuffer(image.data, dtype=np.uint8)
        if recipe.takes == "pixels":
            geometry = geometry_of(spec)
            decoded = self.pixels(image, [geometry]).get(geometry)
            if decoded is None:
                raise ImageError("its library cannot decode it")
            given = decoded[0]
        worker = self._pool.worker(source.worker, _ROLE)
        try:
            wait = worker.prepare_later(
                (source.model, source.weights),
                recipe.processor,
                given,
                doing=f"preparing {image.name} by {recipe.zoo}",
            )
            prepared = wait()
        except ZoodiffError as error:
            raise ImageError(str(error)) from None
        channels_last = prepared if recipe.layout == "NHWC" else np.moveaxis(prepared, 0, -1)
        return np.ascontiguousarray(channels_last)

    def differences(
        self, asks: Sequence[Ask], images: Sequence[AuditImage]
    ) -> dict[Ask, Difference | None]:
        """Return the difference of each pair of recipes over all images that both can prepare."""
        sums = {ask: Accumulator(ask.unit) for ask in dict.fromkeys(asks)}
        geometries = [geometry_of(spec) for ask in sums for spec in (ask.first, ask.second)]
        for image in images:
            pixels = self.pixels(image, geometries)
            made = lru_cache(_INPUTS)(partial(_input, pixels))
            for ask, total in sums.items():
                if image.name in ask.without:
                    continue
                first, second = made(ask.first), made(ask.second)
                if first is not None and second is not None:
                    total.add(first, second)
        return {ask: total.result() for ask, total in sums.items()}


def _input(
    pixels: Mapping[Geometry, NDArray[Any]], spec: Preprocessing
) -> NDArray[np.float32] | None:
    """Return the input (rows, columns, channels) from resized pixels; None without these."""
    import numpy as np

    decoded = pixels.get(geometry_of(spec))
    return None if decoded is None else np.ascontiguousarray(to_input(decoded, spec, "NHWC")[0])
