"""Decodes with Pillow and resizes with torchvision's tensors.

It reproduces transforms with ``ToTensor`` or ``PILToTensor`` before ``Resize``. torchvision's own
decoder is not used: it needs an extension that many builds lack.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from zoodiff.errors import UsageError
from zoodiff.preprocessing.geometry import Geometry
from zoodiff.preprocessing.with_pillow import Pillow

if TYPE_CHECKING:
    from numpy.typing import NDArray


class _Image(Protocol):
    """A tensor (3, rows, columns)."""

    shape: Sequence[int]

    def permute(self, *axes: int) -> Any: ...

    def float(self) -> _Image: ...


class Torchvision:
    """See ``zoodiff.preprocessing.pixels.Decoder``."""

    def __init__(self) -> None:
        from zoodiff.torch_compat import import_torchvision

        import_torchvision()
        from torchvision.transforms import InterpolationMode, functional

        self._pillow: Pillow = Pillow()
        self._functional: Any = functional
        self._modes: dict[str, Any] = {
            "nearest": InterpolationMode.NEAREST,
            "bilinear": InterpolationMode.BILINEAR,
            "bicubic": InterpolationMode.BICUBIC,
        }

    def decode(self, data: bytes, *, exif: bool) -> _Image:
        """Return a tensor (3, rows, columns) of uint8."""
        image: _Image = self._functional.pil_to_tensor(self._pillow.decode(data, exif=exif))
        return image

    def size(self, image: _Image) -> tuple[int, int]:
        """Return rows and columns."""
        return image.shape[1], image.shape[2]

    def resized(
        self,
        image: _Image,
        box: tuple[int, int, int, int] | None,
        size: tuple[int, int],
        geometry: Geometry,
    ) -> NDArray[Any]:
        """Resize as ``torchvision.transforms.functional.resize`` does with tensors."""
        if geometry.interpolation not in self._modes:
            raise UsageError(f"torchvision's tensors are not resized by {geometry.interpolation}")
        if box is not None:
            image = self._functional.crop(image, *box)
        if not geometry.rounded:
            image = image.float()
        if tuple(image.shape[1:]) != size:
            method = self._modes[geometry.interpolation]
            try:
                image = self._functional.resize(
                    image, list(size), method, antialias=geometry.antialias
                )
            except RuntimeError as error:
                if "allocate memory" in str(error):
                    raise MemoryError(str(error).splitlines()[0]) from None
                raise
        pixels: NDArray[Any] = image.permute(1, 2, 0).numpy()
        return pixels


class TorchvisionV2(Torchvision):
    """Resizes by ``torchvision.transforms.v2``, which computes in 8 bits where it can.

    ``nearest`` takes the pixel under the centre, as Pillow does (``NEAREST_EXACT``).
    """

    def __init__(self) -> None:
        super().__init__()
        from torchvision.transforms import InterpolationMode
        from torchvision.transforms.v2 import functional

        self._functional = functional
        self._modes |= {
            "nearest": InterpolationMode.NEAREST_EXACT,
            "lanczos": InterpolationMode.LANCZOS,
        }
