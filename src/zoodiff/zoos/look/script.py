"""TorchScript: what its code names, read without running it.

TorchScript has no access to Python. What it does have are a few operators that read and write
files, and classes and operators that a library may register.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from zoodiff.errors import MeasurementError
from zoodiff.rules.security import refusal
from zoodiff.zoos.look import archive

_FILES = re.compile(r"\b(?:torch|ops\.\w+)\.(from_file|save|load|_load\w*|open\w*)\s*\(")
_SPACES = re.compile(r"(?<![\w.])ops\.(\w+)\.")
_KNOWN_SPACES = frozenset({"aten", "prim", "quantized", "torchvision", "prepacked"})
_CLASSES = re.compile(r"__torch__\.torch\.classes\.(\w+)")
_KNOWN_CLASSES = frozenset({"quantized", "xnnpack"})
_LARGEST = 1 << 26
"""Bytes of code that are read."""


def check(path: Path) -> None:
    """Look at the code of a TorchScript file.

    Raises RefusedError (SEC104) where it reaches for files, for operators of unknown libraries or
    for classes of them, also where the user allowed its code; MeasurementError where it cannot be
    read.
    """
    files = [one for one in archive.check(path) if one.filename.endswith(".py")]
    if sum(one.file_size for one in files) > _LARGEST:
        raise MeasurementError(f"{path} holds too much code to be looked at")
    try:
        with zipfile.ZipFile(path) as opened:
            code = "\n".join(opened.read(one).decode("utf-8", "replace") for one in files)
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        raise MeasurementError(f"{path} is a damaged archive ({error})") from None
    reaching = _FILES.search(code)
    unknown = {one for one in _SPACES.findall(code) if one not in _KNOWN_SPACES}
    classes = {one for one in _CLASSES.findall(code) if one not in _KNOWN_CLASSES}
    what = [f"the operator {reaching[1]}"] if reaching else []
    what += [f"operators of {one}" for one in sorted(unknown)]
    what += [f"classes of {one}" for one in sorted(classes)]
    if what:
        raise refusal(
            "SEC104",
            f"{path} is not loaded: its code names {', '.join(what)}, which may do more than "
            "compute",
        )
