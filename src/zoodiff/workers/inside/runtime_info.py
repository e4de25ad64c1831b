"""Runtime info of a worker process: libraries, threads, environment variables.

Runs in workers: uses the standard library, and threadpoolctl if installed.
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
    # TF_ alone would include variables of other programs, with paths and tokens.
    *("TF_CPP_", "TF_CUDNN", "TF_DETERMINISTIC", "TF_DISABLE_", "TF_ENABLE_", "TF_FORCE_"),
    *("TF_GPU_", "TF_MKL_", "TF_NUM_", "TF_ONEDNN", "TF_USE_", "TF_XLA_"),
)
_NAMES = ("LD_PRELOAD", "LD_BIND_NOW", "GLIBC_TUNABLES", "PYTHONMALLOC")
_LIBRARIES = ("intel-openmp", "mkl", "numpy")
"""Libraries that frameworks use; a framework's own version comes from the zoo's backend."""


def runtime_info(frameworks: Mapping[str, str]) -> dict[str, Any]:
    """Return the runtime info as plain values; unknown values are None or missing.

    ``frameworks`` are the versions of the imported frameworks, by name.
    """
    return {
        "python": platform.python_version(),
        "libraries": {**_libraries(), **frameworks},
        "threading": _threading(),
        "frameworks": _frameworks(),
        "variables": variables(os.environ),
    }


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that change the speed of numerical libraries."""
    return {
        name: value
        for name, value in sorted(environment.items())
        if name in _NAMES or name.startswith(_PREFIXES)
    }


def _libraries() -> dict[str, str]:
    versions = {}
    for name in _LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def _threading() -> list[dict[str, Any]] | None:
    """Return the thread pools of BLAS and OpenMP libraries; None without threadpoolctl.

    The pools of ONNX Runtime, TensorFlow and XNNPACK are not included.
    """
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return None
    keys = ("user_api", "internal_api", "version", "num_threads", "threading_layer", "architecture")
    pools = [{key: pool.get(key) for key in keys} for pool in threadpool_info()]
    return sorted(pools, key=lambda pool: [str(pool[key]) for key in keys])


def _frameworks() -> dict[str, dict[str, int]]:
    """Return the thread counts that the loaded frameworks report."""
    threads: dict[str, dict[str, int]] = {}
    with contextlib.suppress(Exception):
        if (torch := sys.modules.get("torch")) is not None:
            threads["torch"] = {
                "intra": torch.get_num_threads(),
                "inter": torch.get_num_interop_threads(),
            }
    with contextlib.suppress(Exception):
        if (tensorflow := sys.modules.get("tensorflow")) is not None:
            threading = tensorflow.config.threading
            threads["tensorflow"] = {
                "intra": threading.get_intra_op_parallelism_threads(),
                "inter": threading.get_inter_op_parallelism_threads(),
            }
    return threads
