"""Read files with only weights, to put into a model: ``zoo:model@path/to/weights.pth``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff import filenames
from zoodiff.bounded.files import open_regular
from zoodiff.entry import ModelRef
from zoodiff.errors import MeasurementError, UnknownNameError, UsageError
from zoodiff.zoos.base import Weights, Zoo
from zoodiff.zoos.scan import archive, pickles, tensors

if TYPE_CHECKING:
    from torch import Tensor

_SUFFIXES = (".pth", ".pt", ".th", ".bin", ".ckpt", ".tar", ".safetensors")


def is_checkpoint(weights: str) -> bool:
    """Whether the part after the @ of a reference is a file."""
    return "/" in weights or weights.endswith(_SUFFIXES)


def weights_of(ref: ModelRef, zoo: Zoo) -> Weights:
    """Return the weights of a file as an entry's; raise UnknownNameError if it does not exist.

    Raises UsageError for a zoo that takes no weights of files.
    """
    assert ref.weights is not None
    path = Path(ref.weights)
    if not filenames.is_file(path):
        raise UnknownNameError(f"there is no file {path} with weights for {ref.zoo}:{ref.model}")
    if not getattr(zoo, "takes_checkpoints", False):
        raise UsageError(
            "weights of a file can be put into networks of torchvision, timm and pytorchcv, not of "
            f"{ref.zoo}"
        )
    return Weights(str(path.resolve()))


def read(path: Path) -> Mapping[str, Tensor]:
    """Return the tensors of a PyTorch checkpoint or a safetensors file, by name.

    The state may be wrapped in ``state_dict``, ``model_state_dict`` or ``model``, and the prefix
    ``module.`` of all names is removed. Only tensors and plain values are unpickled. Raises
    RefusedError for a pickle that does more, MeasurementError for any other file.
    """
    import torch

    scan(path)
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise many kinds
        reason = " ".join(str(error).split())[:160]
        raise MeasurementError(
            f"{path} holds more than weights, or is damaged, and is not loaded ({reason})"
        ) from None
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not state:
        raise MeasurementError(f"{path} holds no state of a module")
    named_tensors = {str(k): v for k, v in state.items() if isinstance(v, torch.Tensor)}
    if len(named_tensors) < len(state):
        foreign = next(str(k) for k, v in state.items() if not isinstance(v, torch.Tensor))
        raise MeasurementError(f"{path} holds no state of a module: {foreign} is no tensor")
    if all(name.startswith("module.") for name in named_tensors):
        named_tensors = {
            name.removeprefix("module."): value for name, value in named_tensors.items()
        }
    return named_tensors


def scan(path: Path) -> None:
    """Scan a file, as the format that torch will read it as.

    Raises RefusedError for a pickle that names more than tensors and plain values.
    """
    if path.suffix == ".safetensors":
        tensors.check(path)
        return
    with open_regular(path) as file:
        head = file.read(4)
    if head == b"PK\x03\x04":
        pickles.check_members(path, archive.check(path))
    else:
        pickles.check_file(path)


def check(
    path: Path, state: Mapping[str, Tensor], expected: Mapping[str, Tensor], name: str
) -> None:
    """Raise MeasurementError if the names or shapes of a state do not fit a module."""
    missing = sorted(
        key for key in expected if key not in state and not key.endswith("num_batches_tracked")
    )
    foreign = sorted(key for key in state if key not in expected)
    shaped = sorted(
        key for key in expected if key in state and state[key].shape != expected[key].shape
    )
    problems = []
    if missing:
        problems.append(f"it lacks {len(missing)} tensors, the first {missing[0]}")
    if foreign:
        problems.append(f"{name} has no {foreign[0]}" + _more(foreign))
    if shaped:
        key = shaped[0]
        problems.append(
            f"{key} is {tuple(state[key].shape)} there, {tuple(expected[key].shape)} in the network"
        )
    if problems:
        raise MeasurementError(f"{path} does not fit {name}: {'; '.join(problems)}")


def _more(names: list[str]) -> str:
    return f" and {len(names) - 1} more that are there" if len(names) > 1 else ""
