"""Writes the preprocessing of one image as plain Python that needs numpy and one image library."""

from __future__ import annotations

from zoodiff.errors import UsageError
from zoodiff.preprocessing.geometry import Geometry, Steps, geometry_of
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.text import visible


def script(spec: Preprocessing, steps: Steps, layout: str) -> str:
    """Return Python code that defines ``prepare(path)``: image file to float32 array (1, ...).

    ``steps`` are computed for the size of this image, so crops and sizes appear in the code as
    numbers. ``layout`` is NCHW or NHWC. Raises UsageError if a field is missing.
    """
    geometry = geometry_of(spec)
    lines = [
        *_decode_lines(geometry, steps),
        *_crop_after_lines(steps),
        *_arithmetic_lines(spec, geometry, layout),
    ]
    body = "\n".join(f"    {line}" for line in lines)
    return f"def prepare(path):\n    # {visible(spec.sentence())}\n{body}\n"


def _decode_lines(geometry: Geometry, steps: Steps) -> list[str]:
    makers = {
        "pillow": _pillow,
        "torchvision": _torchvision,
        "torchvision_v2": _torchvision_v2,
        "tensorflow": _tensorflow,
        "opencv": _opencv,
    }
    return makers[geometry.library](geometry, steps)


def _open_lines(geometry: Geometry) -> list[str]:
    lines = ["from PIL import Image, ImageOps"] if geometry.exif else ["from PIL import Image"]
    opened = "Image.open(path)"
    opened = f"ImageOps.exif_transpose({opened})" if geometry.exif else opened
    return [*lines, f'image = {opened}.convert("RGB")']


def _pillow(geometry: Geometry, steps: Steps) -> list[str]:
    lines = _open_lines(geometry)
    if steps.before is not None:
        top, left, rows, columns = steps.before
        lines.append(f"image = image.crop({(left, top, left + columns, top + rows)})")
    filters = {"area": "BOX", "box": "BOX"}
    name = filters.get(geometry.interpolation, geometry.interpolation.upper())
    size = steps.size[::-1]
    lines.append(f"image = image.resize({size}, Image.Resampling.{name})  # columns, rows")
    return [*lines, "pixels = np.asarray(image)"]


def _torchvision(geometry: Geometry, steps: Steps) -> list[str]:
    lines = [
        "from torchvision.transforms import InterpolationMode, functional",
        *_open_lines(geometry),
    ]
    lines.append("image = functional.pil_to_tensor(image)")
    if steps.before is not None:
        lines.append(f"image = functional.crop(image, *{steps.before})")
    if not geometry.rounded:
        lines.append("image = image.float()")
    mode = f"InterpolationMode.{geometry.interpolation.upper()}"
    size = list(steps.size)
    lines.append(
        f"image = functional.resize(image, {size}, {mode}, antialias={geometry.antialias})"
    )
    return [*lines, "pixels = image.permute(1, 2, 0).numpy()"]


def _torchvision_v2(geometry: Geometry, steps: Steps) -> list[str]:
    first, *lines = _torchvision(geometry, steps)
    module = "from torchvision.transforms.v2 import functional"
    assert first.endswith("import InterpolationMode, functional")
    exact = "InterpolationMode.NEAREST_EXACT,"  # the pixel under the centre
    lines = [line.replace("InterpolationMode.NEAREST,", exact) for line in lines]
    return [first.removesuffix(", functional"), module, *lines]


def _tensorflow(geometry: Geometry, steps: Steps) -> list[str]:
    lines = ["import tensorflow as tf", "data = tf.io.read_file(path)"]
    lines.append("image = tf.io.decode_image(data, channels=3, expand_animations=False)")
    if geometry.unit:
        lines.append("image = tf.image.convert_image_dtype(image, tf.float32)")
    lines += _crop_before_lines(steps)
    if geometry.interpolation == "bilinear_tf1":
        lines.append("image = tf.cast(image, tf.float32)[tf.newaxis]")
        lines.append(f"image = tf.raw_ops.ResizeBilinear(images=image, size={steps.size})[0]")
    else:
        method = {"lanczos": "lanczos3"}.get(geometry.interpolation, geometry.interpolation)
        options = f'method="{method}", antialias={geometry.antialias}'
        lines.append(f"image = tf.image.resize(image, {steps.size}, {options})")
    if geometry.rounded:
        lines.append("image = tf.saturate_cast(tf.round(image), tf.uint8)")
        return [*lines, "pixels = image.numpy()"]
    return [*lines, "pixels = tf.cast(image, tf.float32).numpy()"]


def _opencv(geometry: Geometry, steps: Steps) -> list[str]:
    flags = "cv2.IMREAD_COLOR" + ("" if geometry.exif else " | cv2.IMREAD_IGNORE_ORIENTATION")
    lines = [
        "import cv2",
        f"image = cv2.imread(path, {flags})[..., ::-1]",
        *_crop_before_lines(steps),
    ]
    names = {
        "nearest": "NEAREST",
        "bilinear": "LINEAR",
        "bicubic": "CUBIC",
        "lanczos": "LANCZOS4",
        "area": "AREA",
    }
    method = f"cv2.INTER_{names[geometry.interpolation]}"
    size = steps.size[::-1]
    number_type = "np.uint8" if geometry.rounded else "np.float32"
    lines.append(f"image = np.ascontiguousarray(image, {number_type})")
    return [*lines, f"pixels = cv2.resize(image, {size}, interpolation={method})"]


def _crop_before_lines(steps: Steps) -> list[str]:
    if steps.before is None:
        return []
    top, left, rows, columns = steps.before
    return [f"image = image[{top}:{top + rows}, {left}:{left + columns}]"]


def _crop_after_lines(steps: Steps) -> list[str]:
    if steps.after is None:
        return []
    top, left, rows, columns = steps.after
    size = steps.size
    lines = []
    pad_before = (max(-top, 0), max(-left, 0))
    pad_after = (max(top + rows - size[0], 0), max(left + columns - size[1], 0))
    if any((*pad_before, *pad_after)):
        pads = ((pad_before[0], pad_after[0]), (pad_before[1], pad_after[1]), (0, 0))
        lines.append(f"pixels = np.pad(pixels, {pads})")
    row, column = top + pad_before[0], left + pad_before[1]
    lines.append(f"pixels = pixels[{row}:{row + rows}, {column}:{column + columns}]")
    return lines


def _arithmetic_lines(spec: Preprocessing, geometry: Geometry, layout: str) -> list[str]:
    if spec.value_range is None:
        raise UsageError("the preprocessing does not state value_range")
    low, high = spec.value_range
    lines = ["x = pixels.astype(np.float32)"]
    channels = 3
    if spec.channel_order == "BGR":
        lines.append("x = x[..., ::-1]")
    elif spec.channel_order == "grey":
        lines, channels = _grey_lines(geometry), 1
    if (low, high) != (0.0, 255.0):
        if not geometry.unit:
            lines.append("x = x / np.float32(255)")
        if (low, high) != (0.0, 1.0):
            lines.append(f"x = x * np.float32({high - low:g}) + np.float32({low:g})")
    if spec.mean is not None:
        lines.append(f"x = x - np.array({tuple(spec.mean[:channels])}, np.float32)")
    if spec.std is not None:
        lines.append(f"x = x / np.array({tuple(spec.std[:channels])}, np.float32)")
    if layout == "NCHW":
        lines.append("x = x.transpose(2, 0, 1)")
    return [*lines, "return np.ascontiguousarray(x[None])"]


def _grey_lines(geometry: Geometry) -> list[str]:
    """Return the lines that reduce RGB to one channel, as ``preprocessing.numbers`` does."""
    if geometry.dtype != "uint8":
        weights = "np.array([[0.299], [0.587], [0.114]], np.float32)"
        return [f"x = pixels @ {weights}"]
    weights = "np.array([[19595], [38470], [7471]])"
    return [f"x = ((pixels @ {weights} + 0x8000) >> 16).astype(np.float32)"]
