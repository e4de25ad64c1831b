"""The columns of the tables of times, further accuracies and recipes, as collected."""

from __future__ import annotations

FILES = {
    "latency": ("latency_claims.csv", "latency_claims_timm.csv"),
    "accuracy": ("accuracy_claims_more.csv",),
    "recipes": ("recipes.csv",),
}
"""The collected files of each table, in the order of its rows."""

ADDED = {
    "architecture": "canonical name; the zoo's own where no rule knows it",
    "claimed_by": "the zoo, as zoodiff calls it",
    "doubtful": "what can hardly be right, and why; nothing is repaired",
    "equal_to": "where the same number stands, to the last digit: it was copied, or the same "
    "weights were measured alike",
}
_NAMED = {
    "zoo": "the zoo, as it was collected",
    "model": "the zoo's name of the model",
    "weights": "the weights; `random` where a benchmark draws them",
}
_SOURCE = {
    "date": "last change of the source: YYYY-MM-DD or YYYY-MM",
    "source_repo": "owner and name on GitHub",
    "source_path": "file, and what in it",
    "commit": "commit or package version at which it was read",
    "note": "what else the source says",
}

COLUMNS: dict[str, dict[str, str]] = {
    "latency": {
        **_NAMED,
        "measure": "what the milliseconds are for; rows of different measures are not comparable",
        "latency_ms": "milliseconds",
        "throughput_img_s": "images per second, where the zoo publishes them",
        "speedup_ratio": "times faster, no unit",
        "batch": "images per step",
        "image_size": "pixels",
        "precision": "as the zoo calls it",
        "layout": "nchw or nhwc",
        "compile_mode": "eager or compile",
        "device": "machine",
        "compute_unit": "CPU, GPU, NPU, ...",
        "threads": "number of threads",
        "runtime": "runtime",
        "runtime_version": "its version, and those of its libraries",
        "params_m": "parameters, millions",
        "gmacs": "multiply-accumulates per image, 1e9",
        "mactivations": "elements of the outputs of layers, millions",
        "peak_memory_mb": "minimum-maximum, MB",
        **_SOURCE,
    },
    "accuracy": {
        **_NAMED,
        "dataset": "test set",
        "top1": "percent",
        "top5": "percent",
        "metric_form": "how it is printed",
        "n_images": "images of the test set",
        "image_size": "pixels",
        "crop_pct": "crop over resize",
        "interpolation": "of the resize",
        "precision": "as the zoo calls it",
        "device": "machine",
        "runtime": "runtime",
        "runtime_version": "its version",
        "top1_diff": "percentage points, the zoo's own comparison",
        "top5_diff": "percentage points, the zoo's own comparison",
        "rank_diff": "places, the zoo's own comparison",
        "params_m": "parameters, millions",
        **_SOURCE,
    },
    "recipes": {
        **_NAMED,
        "processor": "function or class",
        "backend": "library that resizes",
        "resize_policy": "what is resized to what",
        "resize_size": "pixels",
        "crop_pct": "crop over resize",
        "crop_size": "pixels",
        "input_size": "channels, rows and columns, or what replaces them",
        "interpolation": "of the resize",
        "antialias": "whether the resize filters when it shrinks",
        "mean": "three numbers",
        "std": "three numbers",
        "channel_order": "RGB or BGR",
        "value_range": "of a pixel before mean and std",
        "rescale_factor": "that pixels are multiplied by",
        "do_resize": "yes or no; empty: the class has no such default",
        "do_center_crop": "yes or no; empty: the class has no such default",
        "do_rescale": "yes or no; empty: the class has no such default",
        "do_normalize": "yes or no; empty: the class has no such default",
        "test_input_size": "the larger evaluation setting",
        "test_crop_pct": "crop over resize of that setting",
        "num_classes": "outputs of the weights",
        "fixed_input_size": "yes or no",
        "has_imagenet1k_head": "yes or no",
        "license": "of the weights",
        **_SOURCE,
    },
}
