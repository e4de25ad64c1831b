"""A preprocessing of one image as plain Python, with the library that it names and numpy alone."""

from __future__ import annotations

from zoodiff.errors import UsageError
from zoodiff.preprocessing.geometry import Geometry, Steps, geometry
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.text import visible


def script(spec: Preprocessing, steps: Steps, layout: str) -> str:
    """Return Python code that defines ``prepare(path)``: image file to float32 array (1, ...).

    ``steps`` are those of the image at hand, so that crops and sizes stand as numbers. Raises
    UsageError where the specification is not complete.
    """
    how = geometry(spec)
    lines = [*_decoded(how, steps), *_after(steps), *_numbers(spec, how, layout)]
    body = "\n".join(f"    {line}" for line in lines)
    return f"def prepare(path):\n    # {visible(spec.sentence())}\n{body}\n"


def _decoded(how: Geometry, steps: Steps) -> list[str]:
    makers = {
        "pillow": _pillow,
        "torchvision": _torchvision,
        "tensorflow": _tensorflow,
        "opencv": _opencv,
    }
    return makers[how.library](how, steps)


def _opened(how: Geometry) -> list[str]:
    lines = ["from PIL import Image, ImageOps"] if how.exif else ["from PIL import Image"]
    opened = "Image.open(path)"
    opened = f"ImageOps.exif_transpose({opened})" if how.exif else opened
    return [*lines, f'image = {opened}.convert("RGB")']


def _pillow(how: Geometry, steps: Steps) -> list[str]:
    lines = _opened(how)
    if steps.before is not None:
        top, left, rows, columns = steps.before
        lines.append(f"image = image.crop({(left, top, left + columns, top + rows)})")
    filters = {"area": "BOX", "box": "BOX"}
    name = filters.get(how.interpolation, how.interpolation.upper())
    size = steps.size[::-1]
    lines.append(f"image = image.resize({size}, Image.Resampling.{name})  # columns, rows")
    return [*lines, "pixels = np.asarray(image)"]


def _torchvision(how: Geometry, steps: Steps) -> list[str]:
    lines = ["from torchvision.transforms import InterpolationMode, functional", *_opened(how)]
    lines.append("image = functional.pil_to_tensor(image)")
    if steps.before is not None:
        lines.append(f"image = functional.crop(image, *{steps.before})")
    mode = f"InterpolationMode.{how.interpolation.upper()}"
    size = list(steps.size)
    lines.append(f"image = functional.resize(image, {size}, {mode}, antialias={how.antialias})")
    return [*lines, "pixels = image.permute(1, 2, 0).numpy()"]


def _tensorflow(how: Geometry, steps: Steps) -> list[str]:
    lines = ["import tensorflow as tf", "data = tf.io.read_file(path)"]
    lines.append("image = tf.io.decode_image(data, channels=3, expand_animations=False)")
    if how.unit:
        lines.append("image = tf.image.convert_image_dtype(image, tf.float32)")
    lines += _cut(steps)
    if how.interpolation == "bilinear_tf1":
        lines.append("image = tf.cast(image, tf.float32)[tf.newaxis]")
        lines.append(f"image = tf.raw_ops.ResizeBilinear(images=image, size={steps.size})[0]")
    else:
        method = {"lanczos": "lanczos3"}.get(how.interpolation, how.interpolation)
        more = f'method="{method}", antialias={how.antialias}'
        lines.append(f"image = tf.image.resize(image, {steps.size}, {more})")
    return [*lines, "pixels = tf.cast(image, tf.float32).numpy()"]


def _opencv(how: Geometry, steps: Steps) -> list[str]:
    flags = "cv2.IMREAD_COLOR" + ("" if how.exif else " | cv2.IMREAD_IGNORE_ORIENTATION")
    lines = ["import cv2", f"image = cv2.imread(path, {flags})[..., ::-1]", *_cut(steps)]
    names = {
        "nearest": "NEAREST",
        "bilinear": "LINEAR",
        "bicubic": "CUBIC",
        "lanczos": "LANCZOS4",
        "area": "AREA",
    }
    method = f"cv2.INTER_{names[how.interpolation]}"
    size = steps.size[::-1]
    lines.append("image = np.ascontiguousarray(image)")
    return [*lines, f"pixels = cv2.resize(image, {size}, interpolation={method})"]


def _cut(steps: Steps) -> list[str]:
    if steps.before is None:
        return []
    top, left, rows, columns = steps.before
    return [f"image = image[{top}:{top + rows}, {left}:{left + columns}]"]


def _after(steps: Steps) -> list[str]:
    if steps.after is None:
        return []
    top, left, rows, columns = steps.after
    have = steps.size
    lines = []
    before = (max(-top, 0), max(-left, 0))
    behind = (max(top + rows - have[0], 0), max(left + columns - have[1], 0))
    if any((*before, *behind)):
        pads = ((before[0], behind[0]), (before[1], behind[1]), (0, 0))
        lines.append(f"pixels = np.pad(pixels, {pads})")
    first, second = top + before[0], left + before[1]
    lines.append(f"pixels = pixels[{first}:{first + rows}, {second}:{second + columns}]")
    return lines


def _numbers(spec: Preprocessing, how: Geometry, layout: str) -> list[str]:
    if spec.value_range is None:
        raise UsageError("the preprocessing says nothing of value_range")
    low, high = spec.value_range
    lines = ["x = pixels.astype(np.float32)"]
    channels = 3
    if spec.channel_order == "BGR":
        lines.append("x = x[..., ::-1]")
    elif spec.channel_order == "grey":
        lines, channels = _grey(how), 1
    if (low, high) != (0.0, 255.0):
        if not how.unit:
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


def _grey(how: Geometry) -> list[str]:
    """One channel, as ``preprocessing.numbers`` makes it."""
    if how.dtype != "uint8":
        weights = "np.array([[0.299], [0.587], [0.114]], np.float32)"
        return [f"x = pixels @ {weights}"]
    weights = "np.array([[19595], [38470], [7471]])"
    return [f"x = ((pixels @ {weights} + 0x8000) >> 16).astype(np.float32)"]
