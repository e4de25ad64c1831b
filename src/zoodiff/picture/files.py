"""The picture of a diff, and the files that it is written to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from zoodiff.display import Displayed, Shown
from zoodiff.errors import StoreError, UsageError
from zoodiff.picture.scene import Scene, scene
from zoodiff.picture.subject import Subject

Format = Literal["html", "png", "svg"]


@dataclass(frozen=True, repr=False)
class Picture(Displayed):
    """Two networks side by side; nothing is laid out before it is asked for."""

    subject: Subject

    @cached_property
    def scene(self) -> Scene:
        """The layout."""
        return scene(self.subject)

    def to_html(self) -> str:
        """Return one self-contained page."""
        from zoodiff.picture.page import to_html

        return to_html(self.subject, self.scene)

    def to_svg(self) -> str:
        """Return a drawing for a paper: folded, without interaction, on white."""
        from zoodiff.picture import figure, svg

        return svg.to_svg(figure.figure(self.subject, self.scene))

    def to_png(self) -> bytes:
        """Return the drawing of ``to_svg`` as PNG, 300 dots per inch at 3.5 inches of width."""
        from zoodiff.picture import figure, png

        return png.to_png(figure.figure(self.subject, self.scene))

    def save(self, path: str | Path, format: Format | None = None) -> Path:
        """Write the picture; the suffix of the path says the format where ``format`` does not.

        Raises UsageError for an unknown suffix, StoreError if the file cannot be written.
        """
        file = Path(path)
        writers: dict[str, Callable[[], bytes]] = {
            "html": lambda: self.to_html().encode("utf-8", errors="replace"),
            "png": self.to_png,
            "svg": lambda: self.to_svg().encode("utf-8", errors="replace"),
        }
        writer = writers.get(format or file.suffix.lower().removeprefix("."))
        if writer is None:
            raise UsageError(
                f"{file} should end in {', '.join(f'.{name}' for name in writers)}, which says "
                "the format of the picture"
            )
        _write(file, writer())
        return file

    def export_model_explorer(self, folder: str | Path) -> tuple[Path, ...]:
        """Write both graphs, the mapping of nodes and the node data for Model Explorer.

        Raises StoreError if a file cannot be written.
        """
        from zoodiff.picture.model_explorer import contents

        return _write_all(Path(folder), contents(self.subject, self.scene))

    def export_netron(self, folder: str | Path) -> tuple[Path, ...]:
        """Write both graphs as ONNX, without weights, whose nodes hold the findings, for Netron.

        Raises MissingFrameworkError without the onnx package, StoreError if a file cannot be
        written.
        """
        from zoodiff.picture.netron import contents

        return _write_all(Path(folder), contents(self.subject, self.scene))

    def _shown(self) -> Shown:
        first, second = self.subject.given
        return Shown(
            f"{first} and {second}: {self.subject.evident.answer.sentence}",
            rows=self._rows(),
            columns=("code", "name", "left", "right", "count"),
            figure=self.figure,
        )

    def _rows(self) -> list[dict[str, Any]]:
        return [finding.to_dict() for finding in self.subject.evident.graphs.findings]

    @property
    def figure(self) -> str:
        """The drawing of ``to_svg`` as an element of a page."""
        from zoodiff.picture import figure, svg

        return svg.to_svg(figure.figure(self.subject, self.scene), embedded=True)

    def to_dict(self) -> dict[str, Any]:
        """Return what the picture shows as plain values: the answer and the findings."""
        return {"answer": self.subject.evident.answer.to_dict(), "findings": self._rows()}


def _write_all(folder: Path, contents: dict[str, bytes]) -> tuple[Path, ...]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _failed(folder, error) from None
    for name, content in contents.items():
        _write(folder / name, content)
    return tuple(folder / name for name in contents)


def _write(file: Path, content: bytes) -> None:
    """Write a file as a whole: under another name first, so that an earlier one stays intact."""
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_bytes(content)
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _failed(file, error) from None


def _failed(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{path} cannot be written ({error.strerror or error}); make room or permit writing "
        "there, or name another file"
    )
