"""Runtime info of a worker process: libraries, threads, environment variables.

Standard library, and threadpoolctl where it is installed: this runs in workers.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Mapping
from typing import Any

_PREFIXES = (
    *("BLIS_", "CUDA_", "CUDNN_", "DNNL_", "GOMP_", "KMP_", "MALLOC_", "MKL_", "NUMEXPR_"),
    *("NVIDIA_", "OMP_", "ONEDNN_", "OPENBLAS_", "ORT_", "TORCH_", "VECLIB_", "XLA_", "XNNPACK_"),
    # TF_ alone would take in another program's, with paths and tokens.
    *("TF_CPP_", "TF_CUDNN", "TF_DETERMINISTIC", "TF_DISABLE_", "TF_ENABLE_", "TF_FORCE_"),
    *("TF_GPU_", "TF_MKL_", "TF_NUM_", "TF_ONEDNN", "TF_USE_", "TF_XLA_"),
)
_NAMES = ("LD_PRELOAD", "LD_BIND_NOW", "GLIBC_TUNABLES", "PYTHONMALLOC")
_LIBRARIES = ("intel-openmp", "mkl", "numpy")
"""Libraries beneath frameworks; a framework's own version comes from the zoo's backend."""


def runtime_info(frameworks: Mapping[str, str]) -> dict[str, Any]:
    """Return plain values; unknown facts are None or missing.

    ``frameworks`` are versions of those that the worker imported.
    """
    return {
        "python": platform.python_version(),
        "libraries": {**_libraries(), **frameworks},
        "threading": _threading(),
        "frameworks": _frameworks(),
        "variables": variables(os.environ),
    }


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that change how fast numerical libraries are."""
    return {
        name: value
        for name, value in sorted(environment.items())
        if name in _NAMES or name.startswith(_PREFIXES)
    }


def _libraries() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _threading() -> list[dict[str, Any]] | None:
    """Thread pools of BLAS and OpenMP libraries in this process; None without threadpoolctl.

    Pools of ONNX Runtime, TensorFlow and XNNPACK are their own and not among them.
    """
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return None
    kept = ("user_api", "internal_api", "version", "num_threads", "threading_layer", "architecture")
    pools = [{key: pool.get(key) for key in kept} for pool in threadpool_info()]
    return sorted(pools, key=lambda pool: [str(pool[key]) for key in kept])


def _frameworks() -> dict[str, dict[str, int]]:
    """Threads that frameworks say they use; only those that are loaded are asked."""
    found: dict[str, dict[str, int]] = {}
    with contextlib.suppress(Exception):
        if (torch := sys.modules.get("torch")) is not None:
            found["torch"] = {
                "intra": torch.get_num_threads(),
                "inter": torch.get_num_interop_threads(),
            }
    with contextlib.suppress(Exception):
        if (tensorflow := sys.modules.get("tensorflow")) is not None:
            threading = tensorflow.config.threading
            found["tensorflow"] = {
                "intra": threading.get_intra_op_parallelism_threads(),
                "inter": threading.get_inter_op_parallelism_threads(),
            }
    return found
