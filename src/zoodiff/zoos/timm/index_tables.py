"""Values of the index tables of timm's modules that were built on the meta device."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def index_tables(module: Any) -> dict[str, NDArray[np.generic]]:
    """Return the buffers of whole numbers that timm's modules compute themselves, by name.

    A module of timm fills its buffers in ``init_non_persistent_buffers``; this is called on a copy
    in memory, whose weights nobody reads. Buffers that it leaves open are left out.
    """
    tables: dict[str, NDArray[np.generic]] = {}
    for path, part in module.named_modules():
        fill = getattr(part, "init_non_persistent_buffers", None)
        if fill is not None:
            named = _filled(part)
            tables |= {f"{path}.{name}" if path else name: t for name, t in named.items()}
    return tables


_MOST = 1 << 28
"""The most elements of a module that is copied; its weights take no memory until they are read."""


def _filled(part: Any) -> dict[str, NDArray[np.generic]]:
    """Return the buffers of whole numbers of one module, as far as it fills them."""
    import torch

    unfilled = torch.iinfo(torch.int32).min
    names = [
        name
        for name, b in part._buffers.items()
        if b is not None and b.is_meta and b.dtype in (torch.int32, torch.int64)
    ]
    tensors = [*part.parameters(), *part.buffers()]
    if not names or sum(t.numel() for t in tensors) > _MOST:
        return {}
    try:
        with torch.no_grad():
            clone = copy.deepcopy(part).to_empty(device="cpu")
            for name in names:
                clone._buffers[name].fill_(unfilled)
            clone.init_non_persistent_buffers()
    except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return {}
    filled = {name: clone._buffers.get(name) for name in names}
    return {
        name: b.numpy()
        for name, b in filled.items()
        if b is not None
        and not b.is_meta
        and b.shape == part._buffers[name].shape
        and not bool((b == unfilled).any())
    }
