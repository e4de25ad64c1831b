"""Write the small networks that ship with zoodiff, to try commands on."""

from __future__ import annotations

from pathlib import Path

from zoodiff.errors import UsageError

_FILES = Path(__file__).parent / "example"


def write_example(folder: str | Path = ".") -> list[Path]:
    """Write ``a.onnx``, ``b.onnx`` and ``c.onnx`` into a folder; return their paths.

    ``b`` pads its first convolution on the other side than ``a``; ``c`` computes what ``a`` does,
    but is written differently. Together they have 22 kB. The folder is made if it is missing.
    Raises UsageError, and writes nothing, if it has a different file of such a name or cannot be
    written.
    """
    target = Path(folder)
    contents = {target / file.name: file.read_bytes() for file in sorted(_FILES.glob("*.onnx"))}
    try:
        target.mkdir(parents=True, exist_ok=True)
        for path, content in contents.items():
            if path.is_symlink() or (path.exists() and path.read_bytes() != content):
                raise UsageError(f"there is another file {path}; name an empty folder")
        for path, content in contents.items():
            path.write_bytes(content)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(f"the example cannot be written into {target} ({reason})") from None
    return list(contents)
