"""Compare stated probabilities with observed frequencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def expected_calibration_error(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], bins: int = 15
) -> float:
    """Return the expected calibration error, a fraction: mean |confidence - accuracy| over bins.

    ``confidence`` and ``right`` have the shape (images,); the bins have equal widths. Raises
    ValueError without images. C. Guo et al., "On calibration of modern neural networks", ICML 2017,
    equation 3.
    """
    import numpy as np
    from scipy.stats import binned_statistic

    if len(confidence) == 0:
        raise ValueError("a calibration error needs at least one image")
    gap = np.asarray(right, dtype=float) - np.asarray(confidence, dtype=float)
    sums = binned_statistic(confidence, gap, "sum", bins=bins, range=(0, 1)).statistic
    return float(np.abs(np.nan_to_num(sums)).sum() / len(confidence))
