"""The worker's side of arrays: map the parent's arrays, and write its own.

Standard library and numpy only: this runs in workers.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


class WorkerArrays:
    """The parent's folder of arrays, read-only for the worker, and the worker's own folder."""

    def __init__(self, incoming: Path, scratch: Path) -> None:
        self._incoming = incoming
        self.scratch = scratch
        """The only folder that a confined worker can write to."""
        self._numbers = itertools.count()

    def get(self, message: dict[str, Any]) -> NDArray[Any]:
        """Return a read-only mapping of an array of the parent, which removes its file."""
        import numpy as np

        dtype, shape = np.dtype(message["dtype"]), tuple(message["shape"])
        if not math.prod(shape):
            return np.zeros(shape, dtype)
        return np.memmap(self._incoming / message["$array"], dtype, mode="r", shape=shape)

    def put(self, array: NDArray[Any]) -> dict[str, Any]:
        """Write an array for the parent; return its handle for a reply."""
        import numpy as np

        whole = np.asarray(array, order="C")
        name = f"{next(self._numbers)}.array"
        with (self.scratch / name).open("wb", buffering=0) as file:
            whole.tofile(file)
        return {"$array": name, "dtype": whole.dtype.str, "shape": list(whole.shape)}
