"""Ask zoodiff about small random networks of timm's families and torchvision's tasks, and exports.

    python -m benchmarks.zoo_matrix timm FILE [--only beit,resnet] [--limit 20] [--seconds 300]
    python -m benchmarks.zoo_matrix torchvision FILE

What is asked, and what is right, is as for ``transformers_matrix.py``: the network in Python beside
its own exports is the same function where a file computes what the network does when it is run
without zoodiff, and a copy with one planted change is another function. Boxes that a detector finds
are held against each other as a set.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.matrix import Matrix, of_pytorch, parser_of, run_matrix


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the networks that the file lacks; print the table of all that it has."""
    known = {"timm": _timm, "torchvision": _torchvision}
    options = parser_of(__doc__.splitlines()[0], list(known)).parse_args(arguments)
    return run_matrix(known[options.matrix](), options)


def _timm() -> Matrix:
    """One network per family, through both exporters to ONNX."""

    def prepare() -> None:
        import timm

        del timm

    def names() -> list[str]:
        from benchmarks.small_zoos.timm_families import families

        return list(families())

    def build(name: str) -> Any:
        from benchmarks.small_zoos import timm_families

        return timm_families.build(name)

    return of_pytorch("families", prepare, names, build, exporters=("dynamo", "torchscript"))


def _torchvision() -> Matrix:
    """Every builder of detection, segmentation, video, optical flow and quantizable networks."""

    def prepare() -> None:
        from benchmarks.small_zoos.kernels import register

        register()

    def names() -> list[str]:
        from benchmarks.small_zoos.torchvision_tasks import builders

        return list(builders())

    def build(name: str) -> Any:
        from benchmarks.small_zoos import torchvision_tasks

        return torchvision_tasks.build(name)

    return of_pytorch("builders", prepare, names, build)


if __name__ == "__main__":
    sys.exit(main())
