"""One cell of the collected facts -> typed cells of the catalogue.

Every spelling is listed; a new one is an error, so that nothing is read wrongly in silence.
"""

from __future__ import annotations

import re

Row = dict[str, str]

ZOOS = {
    "torchvision": "torchvision",
    "keras_applications": "keras",
    "tf_model_garden": "tfmg",
    "onnx_model_zoo": "onnx",
    "onnx_model_zoo_turnkey": "onnx_turnkey",
    "timm": "timm",
    "mmpretrain": "mmpretrain",
    "paddleclas": "paddleclas",
    "open_model_zoo": "open_model_zoo",
    "gluoncv": "gluoncv",
    "keras_hub": "keras_hub",
    "tf_tpu_models": "tf_tpu_models",
}
# MACs in one unit of what the zoo publishes. Only Open Model Zoo counts two operations a MAC.
MACS_UNITS = {
    "MACs": ("MACs", 1.0),
    "MMACs": ("MMACs", 1e6),
    "GMACs": ("GMACs", 1e9),
    "GFLOPs (2 x MACs)": ("GFLOPs = 2 x MACs", 5e8),
    "GMACs (not doubled, unlike the rest of the zoo)": ("GMACs", 1e9),
}
INTERPOLATIONS = {
    "": ("", ""),
    "bilinear": ("bilinear", ""),
    "bicubic": ("bicubic", ""),
    "cubic": ("bicubic", ""),
    "bicubic [pillow]": ("bicubic", "pillow"),
    "bilinear [pillow]": ("bilinear", "pillow"),
    "bicubic [pil]": ("bicubic", "pillow"),
    "bilinear [pil]": ("bilinear", "pillow"),
    "PIL default": ("", "pillow"),  # nearest or bicubic, by Pillow's version
    "bilinear (cv2 default) [cv2]": ("bilinear", "opencv"),
    "bilinear [cv2]": ("bilinear", "opencv"),
    "bicubic [cv2]": ("bicubic", "opencv"),
    "bilinear (cv2 INTER_LINEAR)": ("bilinear", "opencv"),
    "cv2 bilinear default": ("bilinear", "opencv"),
    "bilinear (mxnet Resize default)": ("bilinear", "mxnet"),
    "bilinear (align_corners=False)": ("bilinear", "tensorflow"),
}
# Range of a pixel before mean and std. "[-1,1]" describes the result of mean and std 127.5 there.
RANGES = {
    "": "",
    "[0,1] before normalise": "0 1",
    "/255 (mode=torch)": "0 1",
    "[0,255] scale": "0 255",
    "[-1,1]": "0 255",
    "[-1,1] (mode=tf)": "0 255",
    "[-1,1] for AdvProp": "0 255",
    "[0,255] mean-subtracted": "0 255",
    "[0,255] mean-subtracted (mode=caffe)": "0 255",
    "[0,255] input; normalisation inside model": "0 1",
    "[0,255] input; Rescaling(1/127.5,-1) inside model": "0 255",
    "[0,255] input; Rescaling(1/128,-1) inside model": "0 255",
}
PREPROCESSING = [
    ("yes", "yes"),
    ("no", "no"),
    ("partial", "partial"),
    ("ambiguous", "partial"),
    ("in code only", "code"),
    ("in code", "code"),
    ("in preset config", "code"),
    ("only a link", "no"),
    ("config not matched", "no"),
]
FORMS = {
    "accuracy_percent": "percent",
    "accuracy_fraction": "fraction",
    "error_percent": "error",
    "": "",
}


def number(text: str) -> str:
    """A decimal without trailing zeros: 71.50 -> 71.5."""
    return f"{float(text):.10g}" if text else ""


def accuracy(row: Row) -> dict[str, str]:
    """Accuracies in percent, and how the zoo prints them."""
    top1 = number(row["top1"])
    printed = row["top1_as_published"].strip()
    if not top1:
        return {}
    form = FORMS[row["metric_form"]]
    plain = re.fullmatch(r"[\d.]+", printed) and float(printed) == float(top1)
    return {
        "top1_percent": top1,
        "top5_percent": number(row["top5"]),
        "top1_as_published": "" if plain else printed,
        "metric_form": form,
    }


def parameters(row: Row, zoo: str, collection: str) -> dict[str, str]:
    """Number of parameters, and what it counts."""
    if not row["params"]:
        return {}
    count = ""
    if zoo == "keras_hub":
        count = "without_classifier"
    elif zoo == "keras" and collection == "documentation":
        count = "with_statistics"
    elif zoo == "torchvision":
        # GoogLeNet's published weights carry no auxiliary heads in the count; Inception v3's do.
        auxiliary = row["model"].endswith("inception_v3")
        count = "with_auxiliary_heads" if auxiliary else "weights"
    elif re.search(r"_in2[12]k$", row["model"]):
        count = "with_larger_classifier"
    elif zoo in ("mmpretrain", "timm"):
        count = "weights"
    printed = row["params_as_published"].strip()
    return {
        "parameters": row["params"],
        "parameters_as_published": "" if printed == row["params"] else printed,
        "parameters_count": count,
    }


def macs(row: Row) -> dict[str, str]:
    """MACs as an integer; the number and the unit as the zoo prints them beside it."""
    if not row["flops_or_macs"]:
        return {}
    unit, factor = MACS_UNITS[row["flops_actual_unit"]]
    claimed = re.sub(r"\s*\((docs|benchmark).*\)$", "", row["flops_unit_claimed"])
    return {
        "macs": str(round(float(row["flops_or_macs"]) * factor)),
        "macs_as_published": row["flops_or_macs"],
        "macs_unit": claimed,
        "macs_true_unit": "" if unit == claimed else unit,
    }


def extra_data(row: Row) -> str:
    """Extra training data, distillation, pruning; mmpretrain's linear probes are none of these
    by its own columns, but no supervised training either.
    """
    given = row["extra_data_or_distilled"]
    linear = row["zoo"] == "mmpretrain" and "-linear-" in row["model"]
    return given or ("self-supervised pre, linear probe" if linear else "")


def size(row: Row) -> dict[str, str]:
    """Bytes of the file. MB in the notes of torchvision and Keras are MiB (checked on files)."""
    note = row["note"]
    exact = re.search(r"model_bytes=(\d+)", note)
    if exact:
        return {"bytes": exact[1]}
    mebibytes = re.search(r"(?:file_size_MB|size_MB)=([\d.]+)|size=([\d.]+) MB depth", note)
    if mebibytes:
        value = mebibytes[1] or mebibytes[2]
        return {"bytes": str(round(float(value) * 2**20)), "bytes_as_published": f"{value} MB"}
    return {}


def protocol(row: Row) -> dict[str, str]:
    """Input size, resize, crop, interpolation, normalisation, as far as published."""
    method, library = INTERPOLATIONS[row["interpolation"]]
    resize = re.fullmatch(r"\[?(\d+)(?:, \d+\])?( \(squash\))?", row["resize_size"])
    inside = "in-model" in row["mean"] + row["std"] or "inside model" in row["value_range"]
    side = row["input_size"] or row["crop_size"]
    cells = {
        "input_height": side,
        "input_width": side,
        "resize": resize[1] if resize else "",
        "resize_policy": ("squash" if resize[2] else "short_side") if resize else "",
        "crop": row["crop_size"],
        "crop_fraction": number(row["crop_pct"]),
        "interpolation": method,
        "interpolation_library": library,
        "channel_order": row["channel_order"],
        "value_range": RANGES[row["value_range"]],
        "mean": triple(row["mean"], row["channel_order"]),
        "std": triple(row["std"], row["channel_order"]),
        "inside_network": "1" if inside else "0" if row["mean"] else "",
    }
    if "Rescaling(1/128" in row["value_range"]:  # x / 128 - 1, which is (x - 128) / 128
        cells |= {"mean": "128 128 128", "std": "128 128 128"}
    if not cells["value_range"] and cells["mean"]:
        cells["value_range"] = "0 255" if float(cells["mean"].split()[0]) > 1 else "0 1"
    return cells


def triple(text: str, order: str) -> str:
    """Three numbers in channel order; one number stands for three; "none" divides by 1."""
    if text == "none":
        return "1 1 1"
    values = re.findall(r"\d+(?:\.\d+)?", re.sub(r"x/128-1", "", text))
    if not values:
        return ""
    values = values * 3 if len(values) == 1 else values
    if "before swap" in text and order == "BGR":
        values = values[::-1]
    return " ".join(f"{float(value):.6g}" for value in values[:3])


def preprocessing(row: Row) -> dict[str, str]:
    """Whether the zoo publishes its preprocessing: yes, partial, code, no."""
    text = row["preproc_published"]
    kind = next(kind for start, kind in PREPROCESSING if text.startswith(start))
    rest = re.sub(r"^(yes|partial|no|ambiguous|in code only)\b\s*", "", text).strip()
    rest = rest[1:-1] if rest.startswith("(") and rest.endswith(")") else rest
    return {"preprocessing": kind, "preprocessing_note": rest}


# What other columns or the page of the zoo in docs/claims.md say, and what is left out.
_NOISE = re.compile(
    r"(file_size_MB|min_size|antialias|recipe|model_bytes|size_MB|size|input|depth)=.*"
    r"|(a|r|real|sketch|v2mf)_top[15]=.*"
    r"|crop_mode=squash"
    r"|params exclude classifier head for backbone presets|no accuracy in preset metadata"
    r"|no params/FLOPs published|turnkey export|no accuracy published"
    r"|weights may be random or pre-trained - not stated|opsets available: .*"
    r"|older table: fraction accuracies, exact params, other latency basis"
    r"|default_size from keras .*|converted from http.*|companion repo, .*"
    r"|input size for .* from family default"
)


def note(row: Row) -> str:
    """What the note says beyond the other columns."""
    parts = (part.strip() for part in row["note"].split(";"))
    kept = (part for part in parts if part and not _NOISE.fullmatch(part))
    return "; ".join(dict.fromkeys(kept))
