"""What a user says of the inputs of networks: options, a file of arrays, or arrays by name."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff import filenames
from zoodiff.equivalence.runs.named_inputs import StatedInput
from zoodiff.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
_FORM = re.compile(
    r"(?P<name>.+)=(?P<dtype>[a-z]+[0-9]*)?(?:\[(?P<shape>[0-9, ]*)\])?"
    rf"(?::(?P<low>{_NUMBER})\.\.(?P<high>{_NUMBER}))?"
)
_TYPES = frozenset(
    {"bool", "float16", "float32", "float64"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)


def stated_inputs(options: Sequence[str], example: Mapping[str, Any]) -> tuple[StatedInput, ...]:
    """Return what is said of inputs, in options such as ``ids=int64[1,32]:0..99`` and an example.

    ``example`` are arrays by the name of the input. Raises UsageError for an option that is not
    understood, and for arrays that do not fit it.
    """
    stated = {each.name: each for each in map(_parsed, options)}
    for name, value in example.items():
        array = _array(name, value)
        said = stated.get(name, StatedInput(name))
        if said.shape is not None and said.shape != array.shape:
            raise UsageError(
                f"the example of the input {name} has the shape {list(array.shape)}, and --input "
                f"says {list(said.shape)}"
            )
        stated[name] = StatedInput(
            name, said.dtype or str(array.dtype), array.shape, said.low, said.high, array
        )
    return tuple(stated.values())


def _parsed(option: str) -> StatedInput:
    form = _FORM.fullmatch(option)
    if form is None or (form["dtype"] and form["dtype"] not in _TYPES):
        raise UsageError(
            f'"{option}" states no input; write NAME=TYPE[EXTENTS], for example ids=int64[1,32], '
            "with the range behind it where it matters, as in ids=int64[1,32]:0..99"
        )
    shape = None
    if form["shape"] is not None:
        try:
            shape = tuple(int(extent) for extent in form["shape"].split(",") if extent.strip())
        except ValueError:
            raise UsageError(f'"{option}" has an extent that is no number') from None
        if any(not 1 <= extent < 1 << 26 for extent in shape):
            raise UsageError(f'"{option}" has an extent that is no size')
    low, high = (None if form[end] is None else float(form[end]) for end in ("low", "high"))
    if low is not None and high is not None and low > high:
        raise UsageError(f'"{option}" has its range the wrong way round')
    return StatedInput(form["name"], form["dtype"] or None, shape, low, high)


def read_arrays(path: Path) -> dict[str, Any]:
    """Return the arrays of an ``.npz`` file by name; raise UsageError if it cannot be read."""
    import numpy as np

    if not filenames.exists(str(path)):
        raise UsageError(f"there is no file {path}; an example is an .npz file")
    try:
        if not zipfile.is_zipfile(path):
            raise UsageError(
                f"{path} is no .npz file with an array per input, as "
                "numpy.savez('example.npz', ids=ids) writes it"
            )
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:120]
        raise UsageError(f"{path} is no .npz file with an array per input ({reason})") from None


def empty_inputs(options: Sequence[str]) -> dict[str, Any]:
    """Return zeros by name for options that state type and extents of every input, else nothing."""
    import numpy as np

    stated = [_parsed(option) for option in options]
    if not all(each.dtype is not None and each.shape is not None for each in stated):
        return {}
    return {each.name: np.zeros(each.shape or (), each.dtype) for each in stated}


def _array(name: str, value: Any) -> NDArray[np.generic]:
    import numpy as np

    if hasattr(value, "detach"):  # a tensor of PyTorch
        value = value.detach().cpu()
    array: NDArray[np.generic] = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise UsageError(f"the example of the input {name} holds no numbers ({array.dtype})")
    return array
