"""Files with weights alone, put into an architecture: ``zoo:model@path/to/weights.pth``."""

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
    """Whether the part behind the @ is a file."""
    return "/" in weights or weights.endswith(_SUFFIXES)


def weights_of(ref: ModelRef, zoo: Zoo) -> Weights:
    """The weights that a file means; raise UnknownNameError or UsageError where it means none."""
    assert ref.weights is not None
    path = Path(ref.weights)
    if not filenames.is_file(path):
        raise UnknownNameError(f"there is no file {path} with weights for {ref.zoo}:{ref.model}")
    if not getattr(zoo, "takes_checkpoints", False):
        raise UsageError(
            f"weights of a file can be put into networks of torchvision, not of {ref.zoo}"
        )
    return Weights(str(path.resolve()))


def read(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a PyTorch checkpoint or a safetensors file, by the names of a module.

    Of what training scripts wrap around a state, ``state_dict`` and ``model`` are opened, and
    ``module.`` before every name is taken away. Nothing but tensors and plain values is unpickled.
    Raises RefusedError for a pickle that does more, MeasurementError for anything else.
    """
    import torch

    _look(path)
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise many kinds
        reason = " ".join(str(error).split())[:160]
        raise MeasurementError(
            f"{path} holds more than weights, or is damaged, and is not loaded ({reason})"
        ) from None
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not found:
        raise MeasurementError(f"{path} holds no state of a module")
    held = {str(k): v for k, v in found.items() if isinstance(v, torch.Tensor)}
    if len(held) < len(found):
        other = next(str(k) for k, v in found.items() if not isinstance(v, torch.Tensor))
        raise MeasurementError(f"{path} holds no state of a module: {other} is no tensor")
    if all(name.startswith("module.") for name in held):
        held = {name.removeprefix("module."): value for name, value in held.items()}
    return held


def _look(path: Path) -> None:
    """Look at a file before torch reads it, as what torch will take it for."""
    if path.suffix == ".safetensors":
        tensors.check(path)
        return
    with open_regular(path) as file:
        head = file.read(4)
    if head == b"PK\x03\x04":
        pickles.check_members(path, archive.check(path))
    else:
        pickles.check_file(path)


def check(path: Path, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], name: str) -> None:
    """Raise MeasurementError in one sentence where a state does not fit a module."""
    missing = sorted(
        key for key in wanted if key not in found and not key.endswith("num_batches_tracked")
    )
    foreign = sorted(key for key in found if key not in wanted)
    shaped = sorted(key for key in wanted if key in found and found[key].shape != wanted[key].shape)
    problems = []
    if missing:
        problems.append(f"it lacks {len(missing)} tensors, the first {missing[0]}")
    if foreign:
        problems.append(f"{name} has no {foreign[0]}" + _more(foreign))
    if shaped:
        key = shaped[0]
        problems.append(
            f"{key} is {tuple(found[key].shape)} there, {tuple(wanted[key].shape)} in the network"
        )
    if problems:
        raise MeasurementError(f"{path} does not fit {name}: {'; '.join(problems)}")


def _more(names: list[str]) -> str:
    return f" and {len(names) - 1} more that are there" if len(names) > 1 else ""
