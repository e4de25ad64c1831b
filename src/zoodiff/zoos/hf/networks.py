"""Build transformers' networks in a worker, with and without values in their weights."""

from __future__ import annotations

import contextlib
import importlib
import json
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.errors import MeasurementError
from zoodiff.zoos import checkpoints
from zoodiff.zoos.hf.config import cleaned
from zoodiff.zoos.hf.image_processor import Backend

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def class_named(name: str) -> Any:
    """Return a class of transformers; raise MeasurementError where this version has none."""
    transformers = importlib.import_module("transformers")
    named_class = getattr(transformers, name, None)
    if named_class is None:
        raise MeasurementError(f"transformers {transformers.__version__} has no class {name}")
    return named_class


def configuration(name: str, values: Mapping[str, Any] | None) -> Any:
    """Return the configuration of a class: the values of a file, or its defaults for None.

    The defaults go through JSON, as those of a repository do: lists, not tuples. Raises
    MeasurementError for values that the class does not take.
    """
    own = class_named(name).config_class
    try:
        if values is None:
            values = cleaned(json.loads(own().to_json_string(use_diff=False)))
        return own.from_dict(dict(values))
    except MeasurementError:
        raise
    except Exception as error:  # each class has checks of its own
        reason = " ".join(str(error).split())[:160]
        raise MeasurementError(
            f"{own.__name__} does not take the configuration ({reason})"
        ) from error


def build(name: str, config: Any) -> Any:
    """Return the network of a configuration, of which a call takes pixels and returns a tensor."""
    return _of_pixels(class_named(name)(config).eval())


def with_weights(name: str, config: Any, file: Path, label: str) -> Any:
    """Return the network with the weights of a safetensors file, read and renamed by transformers.

    Raises MeasurementError if tensors are missing, superfluous or of another shape.
    """
    import torch

    state = checkpoints.read(file)
    try:
        module, facts = class_named(name).from_pretrained(
            None,
            config=config,
            state_dict=dict(state),
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise MeasurementError(f"{file} does not fit {label} ({reason})") from error
    for key, words in (("missing_keys", "lacks"), ("unexpected_keys", "has superfluous")):
        names = sorted(map(str, facts.get(key) or ()))
        if names:
            raise MeasurementError(
                f"{file} does not fit {label}: it {words} {len(names)} tensors, the first "
                f"{names[0]}"
            )
    if facts.get("mismatched_keys"):
        first = sorted(map(str, facts["mismatched_keys"]))[0]
        raise MeasurementError(f"{file} does not fit {label}: {first} has another shape")
    return _of_pixels(module.eval())


def image_processor_class(name: str, backend: Backend) -> Any:
    """Return the class of an image processor: for tensors (torchvision), or for Pillow."""
    auto = importlib.import_module("transformers.models.auto.image_processing_auto")
    own = auto.get_image_processor_class_from_name(name + ("Pil" if backend == "pil" else ""))
    if own is None:
        raise MeasurementError(f"transformers has no image processor {name} for {backend}")
    return own


def _of_pixels(module: Any) -> Any:
    """Have a call of the module take pixels alone and return its scores or its last features.

    The method of the instance is replaced, not wrapped in another module: weights keep their names.
    """
    module.forward = types.MethodType(
        _forward(type(module).forward, module.main_input_name), module
    )
    return module


def _forward(own: Callable[..., Any], name: str) -> Callable[..., Any]:
    def forward(self: Any, pixels: Any) -> Any:
        output = own(self, **{name: pixels})
        for field in ("logits", "feature_maps", "last_hidden_state"):
            value = getattr(output, field, None)
            if value is not None:
                return value[-1] if isinstance(value, list | tuple) else value
        raise MeasurementError(f"{type(self).__name__} returns neither scores nor features")

    return forward


def without_values(name: str, config: Any) -> tuple[Any, dict[str, NDArray[np.generic]]]:
    """Return the network on the meta device, and the values of its buffers of whole numbers.

    Weights are never allocated; buffers of whole numbers, such as the tables of relative positions,
    are computed as in memory. Raises MeasurementError where the network cannot be built.
    """
    import torch

    try:
        try:
            with _floats_on_meta():
                module = build(name, config)
        except (NotImplementedError, RuntimeError):  # it computes with weights while it is built
            with torch.device("meta"):
                module = build(name, config)
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise MeasurementError(f"transformers cannot build {name} ({reason})") from error
    whole = {
        path: buffer.numpy()
        for path, buffer in module.named_buffers(remove_duplicate=False)
        if not buffer.is_meta and not buffer.is_floating_point() and not buffer.is_complex()
    }
    return module.to("meta"), whole


@contextlib.contextmanager
def attention_as_run() -> Iterator[None]:
    """Have an export see the attention that a run sees: none of an image's patches is masked.

    transformers leaves out a mask that masks nothing, but not where it is exported.
    """
    masks: Any = importlib.import_module("transformers.masking_utils")
    original = getattr(masks, "is_torchdynamo_exporting", None)
    if original is None:
        yield
        return
    masks.is_torchdynamo_exporting = lambda: False
    try:
        yield
    finally:
        masks.is_torchdynamo_exporting = original


def _floats_on_meta() -> Any:
    """Return a context in which new tensors of floats are without values, and others have them."""
    import torch
    from torch.overrides import TorchFunctionMode

    makers = {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn}

    def call(_mode: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = dict(kwargs or {})
        dtype = given.get("dtype") or torch.get_default_dtype()
        is_float = isinstance(dtype, torch.dtype) and dtype.is_floating_point
        whole = func is torch.full and "dtype" not in given  # as its value
        if func in makers and is_float and not given.get("device") and not whole:
            given["device"] = "meta"
        return func(*args, **given)

    return type("FloatsOnMeta", (TorchFunctionMode,), {"__torch_function__": call})()
