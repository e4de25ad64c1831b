"""Every layout that ImageNet and its kin are kept in, written here by other means than read."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoodiff.data import imagenet
from zoodiff.data.images import content_hash
from zoodiff.data.labels import CIFAR_10, CIFAR_100, IMAGENET_1K, LabelSpace
from zoodiff.data.layouts import open_images
from zoodiff.errors import UsageError


def picture(seed: int, kind: str = "JPEG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def put(folder: Path, **files: bytes) -> Path:
    for name, data in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def labels(path: Path | str, **more: object) -> list[int | None]:
    return [s.label for s in open_images(str(path), **more).samples]  # type: ignore[arg-type]


def test_the_classes_are_in_the_order_of_their_ids() -> None:
    assert len(imagenet.wnids()) == 1000
    assert list(imagenet.wnids()) == sorted(imagenet.wnids())
    # The published order: tench, goldfish, ..., toilet tissue.
    assert (imagenet.names()[0], imagenet.names()[1], imagenet.names()[999]) == (
        *("tench", "goldfish", "toilet tissue"),
    )
    assert imagenet.class_of("golden_retriever") == 207
    assert imagenet.class_of("crane") is None  # a bird and a machine


def test_folders_by_wordnet_id(tmp_path: Path) -> None:
    put(tmp_path, n01443537__b_dot_JPEG=picture(0), n01440764__a_dot_jpg=picture(1))
    put(tmp_path, n01440764__deep__c_dot_png=picture(2, "PNG"), n01440764__notes_dot_txt=b"x")
    found = open_images(str(tmp_path))
    assert [(s.name, s.label) for s in found.samples] == [
        ("n01440764/a.jpg", 0),
        ("n01440764/deep/c.png", 0),
        ("n01443537/b.JPEG", 1),
    ]
    assert found.space == IMAGENET_1K
    assert found.read(2) == picture(0)


def test_folders_by_class_name(tmp_path: Path) -> None:
    for k, name in enumerate(("goldfish", "tench", "Golden Retriever")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(picture(k, "PNG"))
    assert labels(tmp_path) == [207, 1, 0]


def test_numbered_folders_go_by_their_values(tmp_path: Path) -> None:
    for k in (0, 1, 2, 10, 9):
        put(tmp_path / str(k), **{f"{k}_dot_png": picture(k, "PNG")})
    found = open_images(str(tmp_path))
    assert {s.name.split("/")[0]: s.label for s in found.samples} == {
        str(k): k for k in (0, 1, 2, 10, 9)
    }
    assert found.notes
    with pytest.raises(UsageError, match="the folder 10 is outside the label space cifar-10"):
        open_images(str(tmp_path), space=CIFAR_10)


def test_folders_of_other_words_are_a_space_of_their_own(tmp_path: Path) -> None:
    put(tmp_path, wheat__a_dot_png=picture(0, "PNG"), rye__a_dot_png=picture(1, "PNG"))
    found = open_images(str(tmp_path))
    assert found.space == LabelSpace("folders", 2, names=("rye", "wheat"))
    assert [s.label for s in found.samples] == [0, 1]


def test_an_id_that_is_no_class_is_an_error(tmp_path: Path) -> None:
    put(tmp_path, n00000001__a_dot_png=picture(0, "PNG"))
    with pytest.raises(UsageError, match="n00000001 is no class of ImageNet-1k"):
        open_images(str(tmp_path))


def flat(folder: Path, n: int = 3) -> Path:
    return put(folder, **{f"ILSVRC2012_val_{k:08d}_dot_JPEG": picture(k) for k in range(1, n + 1)})


def test_flat_with_kaggles_solution(tmp_path: Path) -> None:
    flat(tmp_path / "val")
    (tmp_path / "LOC_val_solution.csv").write_text(
        "ImageId,PredictionString\n"
        "ILSVRC2012_val_00000002,n01440764 1 2 3 4 \n"
        "ILSVRC2012_val_00000001,n15075141 1 2 3 4 n15075141 5 6 7 8 \n"
        "ILSVRC2012_val_00000003,n01443537 1 2 3 4 \n"
    )
    assert labels(tmp_path / "val") == [999, 0, 1]


def test_flat_with_the_devkit_whose_numbers_follow_no_order(tmp_path: Path) -> None:
    from scipy.io import savemat

    flat(tmp_path / "val")
    kit = tmp_path / "ILSVRC2012_devkit_t12" / "data"
    kit.mkdir(parents=True)
    kinds = [("ILSVRC2012_ID", "i4"), ("WNID", "O"), ("words", "O")]
    rows = [(1, "n02119789", "kit fox"), (2, "n02100735", "setter"), (3, "n01440764", "tench")]
    savemat(kit / "meta.mat", {"synsets": np.array(rows, dtype=kinds)})
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_text("3\n1\n2\n")
    assert labels(tmp_path / "val") == [0, 278, 212]
    (kit / "meta.mat").unlink()
    with pytest.raises(UsageError, match=r"its meta\.mat must lie beside it"):
        open_images(str(tmp_path / "val"))


def test_flat_with_a_list(tmp_path: Path) -> None:
    flat(tmp_path / "val", 2)
    truth = tmp_path / "val.txt"
    truth.write_text("ILSVRC2012_val_00000001.JPEG 65\nILSVRC2012_val_00000002.JPEG n01440764\n")
    assert labels(tmp_path / "val", truth=truth) == [65, 0]
    truth.write_text("ILSVRC2012_val_00000001.JPEG 65\n")
    with pytest.raises(UsageError, match=r"no label for ILSVRC2012_val_00000002\.JPEG"):
        open_images(str(tmp_path / "val"), truth=truth)


def test_names_that_begin_with_ids_and_names_that_do_not(tmp_path: Path) -> None:
    put(tmp_path / "a", n01443537_goldfish_dot_JPEG=picture(0))
    assert labels(tmp_path / "a") == [1]
    put(tmp_path / "b", holiday_dot_JPEG=picture(0))
    found = open_images(str(tmp_path / "b"))
    assert not found.labelled
    assert found.notes == ("no image has a label",)


def test_tar_shards(tmp_path: Path) -> None:
    for shard in range(2):
        with tarfile.open(tmp_path / f"val-{shard:04d}.tar", "w") as archive:
            for k in range(2):
                number = 2 * shard + k
                for name, data in (
                    (f"{number:04d}.jpg", picture(number)),
                    (f"{number:04d}.cls", str(7 * number).encode()),
                    (f"{number:04d}.json", b'{"width": 32}'),
                ):
                    info = tarfile.TarInfo(name)
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
    for path in (tmp_path, tmp_path / "val-{0000..0001}.tar", tmp_path / "val-*.tar"):
        found = open_images(str(path))
        assert [s.label for s in found.samples] == [0, 7, 14, 21]
        assert [found.read(k) for k in range(4)] == [picture(k) for k in range(4)]
    whole = (tmp_path / "val-0001.tar").read_bytes()
    (tmp_path / "val-0001.tar").write_bytes(b"nonsense" * 100)
    with pytest.raises(UsageError, match=r"val-0001\.tar cannot be read"):
        open_images(str(tmp_path))
    (tmp_path / "val-0001.tar").write_bytes(whole)


def test_a_shard_that_is_cut_off_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for k in range(4):
            for name, data in ((f"{k}.png", picture(k, "PNG")), (f"{k}.cls", str(k).encode())):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    whole = path.read_bytes()
    assert open_images(str(path)).notes == ()
    ends = [k for k in range(0, len(whole), 512) if whole[k + 257 : k + 262] == b"ustar"]
    for cut in (ends[3] + 100, ends[4] + 540, ends[6] + 700):
        path.write_bytes(whole[:cut])
        with pytest.raises(UsageError, match=r"a\.tar is cut off at [0-9,]+ bytes"):
            open_images(str(path))
    path.write_bytes(whole[: ends[6]])
    assert open_images(str(path)).notes == (
        f"the shard {path} has no end mark, so images may be missing",
    )
    colours = LabelSpace("colours", 4, names=("red", "green", "blue", "yellow"))
    path.write_bytes(whole)
    assert open_images(str(path), space=colours).space == colours


def test_a_link_in_a_shard_is_nothing(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("0.jpg")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(UsageError, match="no image"):
        open_images(str(tmp_path / "a.tar"))


def parquet(path: Path, names: list[str] | None = None) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"bytes": picture(k), "path": f"{k}.JPEG"} for k in range(5)]
    table = pa.table({"image": rows, "label": pa.array([4, 3, 2, 1, 0])})
    if names:
        feature = {"label": {"names": names, "_type": "ClassLabel"}}
        meta = {"huggingface": json.dumps({"info": {"features": feature}})}
        table = table.replace_schema_metadata(meta)
    pq.write_table(table, path, row_group_size=2)
    return path


def test_parquet(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    parquet(tmp_path / "data" / "test-00000-of-00001.parquet", ["a", "b", "c", "d", "e"])
    parquet(tmp_path / "data" / "train-00000-of-00001.parquet")
    found = open_images(str(tmp_path))
    assert [s.label for s in found.samples] == [4, 3, 2, 1, 0]
    assert found.space is not None
    assert found.space.names == ("a", "b", "c", "d", "e")
    assert [found.read(k) for k in (4, 0, 2)] == [picture(k) for k in (4, 0, 2)]
    assert len(open_images(str(tmp_path), split="train")) == 5
    with pytest.raises(UsageError, match='has "dev" in its name'):
        open_images(str(tmp_path), split="dev")


def test_a_parquet_file_without_images_is_an_error(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="no column image; its columns are text"):
        open_images(str(tmp_path / "a.parquet"))


@pytest.mark.keras
def test_tfrecords(tmp_path: Path) -> None:
    import tensorflow as tf

    def feature(value: bytes | int) -> object:
        if isinstance(value, bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    def write(path: Path, image: str, label: str, first: int) -> None:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for k in range(3):
                features = {image: feature(picture(k)), label: feature(first + k)}
                example = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(example.SerializeToString())

    path = tmp_path / "imagenet2012-validation.tfrecord-00000-of-00001"
    write(path, "image", "label", 0)
    found = open_images(str(tmp_path))
    assert [s.label for s in found.samples] == [0, 1, 2]
    assert [found.read(k) for k in range(3)] == [picture(k) for k in range(3)]
    garden = tmp_path / "garden"
    garden.mkdir()
    write(garden / "validation-00000-of-00001", "image/encoded", "image/class/label", 1)
    found = open_images(str(garden))
    assert [s.label for s in found.samples] == [0, 1, 2]
    assert "count from 1" in found.notes[0]
    whole = path.read_bytes()
    for damaged in (whole[:-7], whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:]):
        path.write_bytes(damaged)
        with pytest.raises(UsageError, match="is damaged at byte"):
            open_images(str(path))


@pytest.mark.parametrize(
    ("name", "space", "head"),
    [("test_batch.bin", CIFAR_10, 1), ("test.bin", CIFAR_100, 2)],
)
def test_cifar(tmp_path: Path, name: str, space: LabelSpace, head: int) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (4, 32, 32, 3), dtype=np.uint8)
    fine = np.array([3, 1, 9, 0], dtype=np.uint8)
    rows = np.concatenate(
        [*[fine[:, None]] * head, images.transpose(0, 3, 1, 2).reshape(4, -1)], axis=1
    )
    (tmp_path / name).write_bytes(rows.tobytes())
    found = open_images(str(tmp_path))
    assert found.space == space
    assert [s.label for s in found.samples] == fine.tolist()
    for k in range(4):
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(found.read(k)))), images[k])
    (tmp_path / name).write_bytes(rows.tobytes()[:-1])
    with pytest.raises(UsageError, match="is no CIFAR file"):
        open_images(str(tmp_path))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no image in"):
        open_images(str(tmp_path))
    with pytest.raises(UsageError, match="there is no data set at"):
        open_images(str(tmp_path / "nowhere"))
    (tmp_path / "a.zip").write_bytes(b"")
    with pytest.raises(UsageError, match="is no data set that zoodiff knows"):
        open_images(str(tmp_path / "a.zip"))


def test_a_change_shows_in_the_stamp(tmp_path: Path) -> None:
    put(tmp_path, n01443537_a_dot_JPEG=picture(0), n01443537_b_dot_JPEG=picture(1))
    first = open_images(str(tmp_path)).stamp
    assert open_images(str(tmp_path)).stamp == first
    put(tmp_path, n01443537_b_dot_JPEG=picture(2))
    assert open_images(str(tmp_path)).stamp != first


def test_the_hash_is_of_the_images_and_not_of_the_layout() -> None:
    one, two = (b"\0" * 32, 3), (b"\1" * 32, None)
    assert content_hash([one, two]) == content_hash([two, one])
    assert content_hash([one, two]) != content_hash([one, (b"\1" * 32, 0)])
    assert content_hash([one]) != content_hash([one, one])


def test_a_parquet_file_that_unpacks_to_very_much_is_given_up(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def write(image: bytes) -> Path:
        images = pa.DictionaryArray.from_arrays(pa.array([0] * 50, pa.int8()), [image])
        table = pa.table({"image": images, "label": [1] * 50})
        pq.write_table(table, tmp_path / "a.parquet", compression="zstd")
        return tmp_path / "a.parquet"

    noise = np.random.default_rng(0).bytes(2 << 20)
    whole = open_images(str(write(noise)))
    assert {whole.read(k) for k in range(50)} == {noise}  # of a file as large as one of them
    write(bytes(8 << 20))
    small = open_images(str(tmp_path / "a.parquet"))
    for _ in range(30):
        small.read(0)  # the same again is nothing more
    with pytest.raises(OSError, match=r"a\.parquet unpacks to more than 200 times its bytes"):
        [small.read(k) for k in range(50)]
