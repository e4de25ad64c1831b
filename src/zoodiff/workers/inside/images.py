"""Decodes images in a worker, and runs networks on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoodiff.errors import ImageError
from zoodiff.workers import messages

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.workers.inside.arrays import WorkerArrays
    from zoodiff.zoos.base import Network


def decode(arrays: WorkerArrays, request: messages.Pixels) -> messages.Decoded:
    """Decode concatenated images and resize them to each geometry.

    Returns one array ``(images, rows, columns, 3)`` per geometry, and by position the reasons
    why images failed, whose pixels are 0. For a single image, ``extents`` are its rows and
    columns before it is resized, by geometry.
    """
    import numpy as np

    from zoodiff.preprocessing.geometry import Geometry
    from zoodiff.preprocessing.pixels import extent, pixels

    encoded, sizes = arrays.get(request.data), request.sizes
    geometries = [Geometry.from_dict(raw) for raw in request.geometries]
    resized: list[NDArray[Any]] = [
        np.zeros((len(sizes), *geometry.size, 3), dtype=geometry.dtype) for geometry in geometries
    ]
    failed: dict[str, str] = {}
    start = 0
    for position, size in enumerate(sizes):
        image = encoded[start : start + size].tobytes()
        start += size
        try:
            for target, image_pixels in zip(resized, pixels(image, geometries), strict=True):
                target[position] = image_pixels
        except ImageError as error:
            failed[str(position)] = str(error)
            for target in resized:
                target[position] = 0
    extents: list[tuple[int, int]] = []
    if len(sizes) == 1 and not failed:
        for geometry in geometries:
            rows, columns = extent(encoded.tobytes(), geometry)
            extents.append((int(rows), int(columns)))
    return messages.Decoded(
        [messages.Array(arrays.put(array)) for array in resized], failed, extents
    )


def classify(
    network: Network, arrays: WorkerArrays, request: messages.Classify
) -> messages.Classified:
    """Preprocess pixels ``(images, rows, columns, 3)`` as requested; return the outputs.

    The first ``repeat`` images are run a second time, one by one and the last first; the best
    output of ``changed`` of them differs then, and ``deviation`` is the largest difference over
    the spread of the outputs.
    """
    import numpy as np

    from zoodiff.preprocessing.numbers import to_input
    from zoodiff.preprocessing.spec import Preprocessing

    spec, batch = Preprocessing.from_dict(request.preprocessing), request.batch
    images = arrays.get(request.pixels)

    def run(chosen: NDArray[Any]) -> NDArray[np.float32]:
        network_input = to_input(chosen, spec, network.layout)
        result = np.asarray(network.run(network_input), dtype=np.float32)
        return result.reshape(len(network_input), -1)

    outputs = np.concatenate(
        [run(images[first : first + batch]) for first in range(0, len(images), batch)]
    )
    again = min(request.repeat, len(images))
    if not again:
        return messages.Classified(messages.Array(arrays.put(outputs)))
    alone = np.concatenate([run(images[k : k + 1]) for k in reversed(range(again))])[::-1]
    before = outputs[:again]
    deviation = float(np.abs(alone - before).max() / max(np.ptp(before), 1e-30))
    return messages.Classified(
        messages.Array(arrays.put(outputs)),
        repeated=again,
        changed=int((alone.argmax(1) != before.argmax(1)).sum()),
        deviation=deviation if np.isfinite(deviation) else None,
    )


def predict(network: Network, arrays: WorkerArrays, request: messages.Predict) -> messages.Outputs:
    """Preprocess and run decoded images; return the outputs, one row per image."""
    import numpy as np

    pixels, batch = arrays.get(request.images), request.batch
    outputs = [
        network.run(network.prepare(np.asarray(pixels[first : first + batch])))
        for first in range(0, len(pixels), batch)
    ]
    return messages.Outputs(messages.Array(arrays.put(np.concatenate(outputs))))
