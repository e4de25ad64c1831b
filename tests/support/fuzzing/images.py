"""Data sets and encoded images."""

from __future__ import annotations

import functools
import io
import json
import tarfile
from collections.abc import Callable, Sequence

from support.fuzzing.mutations import bytes_, image, records, tar
from support.fuzzing.target import SHARED, Target, fresh


@functools.cache
def picture(kind: str, *, mode: str = "RGB", size: tuple[int, int] = (20, 14)) -> bytes:
    """A small image."""
    import numpy as np
    from PIL import Image

    pixels = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    more = {"exif": exif} if kind in {"JPEG", "WEBP", "PNG"} else {}
    Image.fromarray(pixels).convert(mode).save(buffer, kind, **more)
    return buffer.getvalue()


def _listed(name: str, data: bytes) -> None:
    """Open a data set of one file, and read its first images."""
    from zoodiff.data.layouts import open_images

    path = fresh("set") / name
    path.write_bytes(data)
    found = open_images(str(path))
    for number in range(min(len(found), 4)):
        try:
            content = found.read(number)
        except OSError:
            continue  # said to be raised, and told of by name
        assert isinstance(content, bytes)


def shard(data: bytes) -> None:
    """A tar shard."""
    _listed("a.tar", data)


def shard_seeds() -> Sequence[bytes]:
    made = []
    for form in (tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:

            def add(name: str, content: bytes, archive: tarfile.TarFile = archive) -> None:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))

            long = "d/" * 60 if form != tarfile.USTAR_FORMAT else ""
            add(f"{long}0001.jpg", b"\xff\xd8image")
            add(f"{long}0001.cls", b"3")
            add("0002.png", b"other")
            add("0002.json", json.dumps({"label": 7}).encode())
            link = tarfile.TarInfo("0003.jpg")
            link.type, link.linkname = tarfile.SYMTYPE, "0001.jpg"
            archive.addfile(link)
        # The end mark is two blocks; the padding to 10 kB behind it is not needed.
        made.append(buffer.getvalue()[: -(10240 - 2 * 512)] if not long else buffer.getvalue())
    return made


def tfrecord(data: bytes) -> None:
    """A TFRecord file of ``tf.train.Example``."""
    _listed("a.tfrecord", data)


def tfrecord_seeds() -> Sequence[bytes]:
    from support.fuzzing.mutations import framed

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    def feature(key: bytes, kind: int, values: bytes) -> bytes:
        return field(1, field(1, key) + field(2, field(kind, values)))

    def example(*features: bytes) -> bytes:
        return field(1, b"".join(features))

    made = []
    for image_key, label_key in ((b"image", b"label"), (b"image/encoded", b"image/class/label")):
        parts = [
            example(
                feature(image_key, 1, field(1, b"\xff\xd8jpeg")),
                feature(label_key, 3, field(1, bytes([number]))),
            )
            for number in (1, 5)
        ]
        made.append(framed(parts))
    return made


def parquet(data: bytes) -> None:
    """A Parquet file as Hugging Face writes them."""
    _listed("a.parquet", data)


def parquet_seeds() -> Sequence[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = []
    for named, plain in ((True, False), (False, True), (False, False)):
        image_type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        values = [b"one", b"two", b"three"]
        images = (
            pa.array(values)
            if plain
            else pa.array([{"bytes": v, "path": None} for v in values], image_type)
        )
        table = pa.table({"image": images, "label": pa.array([0, 2, 1])})
        if named:
            features = {"label": {"names": ["a", "b", "c"]}}
            facts = json.dumps({"info": {"features": features}}).encode()
            table = table.replace_schema_metadata({b"huggingface": facts})
        for compression in ("none", "snappy"):
            buffer = io.BytesIO()
            pq.write_table(table, buffer, compression=compression, row_group_size=2)
            made.append(buffer.getvalue())
    return made


def cifar(data: bytes) -> None:
    """CIFAR-10's and CIFAR-100's binaries."""
    from zoodiff.data.layouts import open_images

    hundred = len(data) % 2 == 0
    folder = fresh("cifar")
    (folder / ("test.bin" if hundred else "test_batch.bin")).write_bytes(data)
    found = open_images(str(folder))
    found.read(len(found) - 1)


def cifar_seeds() -> Sequence[bytes]:
    return [bytes([3]) + bytes(3072), (bytes([1, 99]) + bytes(3072)) * 2]


def _decoder(library: str) -> Callable[[bytes], None]:
    def decode(data: bytes) -> None:
        from zoodiff.preprocessing.geometry import Geometry
        from zoodiff.preprocessing.pixels import extent, pixels

        how = Geometry(
            library=library,  # type: ignore[arg-type]
            policy="short_side",
            size=(16, 16),
            resize=18,
            crop_fraction=None,
            interpolation="bilinear",
            antialias=library in {"pillow", "torchvision"},
            exif=library not in {"tensorflow"},
            unit=False,
        )
        try:
            (found,) = pixels(data, [how])
        except MemoryError:
            # A file of a hundred bytes may hold as many pixels as ``LARGEST`` allows, which take
            # more memory than the fuzzer has.
            return
        assert found.shape == (16, 16, 3)
        assert extent(data, how)

    decode.__doc__ = f"An encoded image, by {library}."
    return decode


def image_seeds() -> Sequence[bytes]:
    kinds = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "JPEG2000")
    modes = [("PNG", "P"), ("PNG", "LA"), ("PNG", "1"), ("JPEG", "CMYK"), ("JPEG", "L")]
    found = [picture(kind) for kind in kinds] + [picture(k, mode=m) for k, m in modes]
    return [*found, picture("PNG", mode="I;16"), picture("TIFF", mode="F")]


def photographs() -> Sequence[bytes]:
    """The smallest real photographs, where there are any."""
    found = sorted((SHARED / "real" / "images").glob("*.JPEG"), key=lambda p: p.stat().st_size)
    return [path.read_bytes() for path in found[:2]]


def _image_target(library: str, module: str, contained: str) -> Target:
    return Target(
        f"image_{library}",
        _decoder(library),
        image_seeds,
        image,
        (module,),
        photographs,
        contained=contained,
    )


TARGETS = (
    Target("shard", shard, shard_seeds, tar),
    Target("tfrecord", tfrecord, tfrecord_seeds, records, ("crc32c",)),
    Target("parquet", parquet, parquet_seeds, bytes_, contained="pyarrow", examples=12),
    Target("cifar", cifar, cifar_seeds),
    _image_target("pillow", "PIL", "Pillow"),
    _image_target("torchvision", "torchvision", "Pillow"),
    _image_target("opencv", "cv2", "OpenCV"),
    _image_target("tensorflow", "tensorflow", "TensorFlow"),
)
