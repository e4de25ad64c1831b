"""Hostile checkpoints: pickles, old and new archives of torch, numpy arrays, safetensors."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np

from support.security.hostile import Payload, trick


def saved(folder: Path, data: bytes, name: str = "a.pth") -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def _by_protocol(protocol: int) -> None:
    def write(folder: Path, mark: Path) -> Path:
        return saved(folder, pickle.dumps({"w": Payload(mark)}, protocol=protocol))

    write.__name__ = f"pickle_of_protocol_{protocol}"
    trick("SEC101", "checkpoint")(write)


for _protocol in range(6):
    _by_protocol(_protocol)


def _by_call(way: str) -> None:
    def write(folder: Path, mark: Path) -> Path:
        return saved(folder, pickle.dumps({"w": Payload(mark, way)}, protocol=2))

    write.__name__ = f"pickle_that_calls_{way}"
    trick("SEC101", "checkpoint")(write)


for _way in ("eval", "exec", "open", "popen", "runpy", "browser", "touch"):
    _by_call(_way)


@trick("SEC101", "checkpoint")
def pickle_in_a_pickle(folder: Path, mark: Path) -> Path:
    inner = pickle.dumps(Payload(mark))

    class Loads:
        def __reduce__(self):
            return (pickle.loads, (inner,))

    return saved(folder, pickle.dumps({"w": Loads()}))


@trick("SEC101", "checkpoint")
def second_of_two_stacked_pickles(folder: Path, mark: Path) -> Path:
    return saved(folder, pickle.dumps({"w": 1}) + pickle.dumps(Payload(mark)))


@trick("SEC101", "checkpoint")
def pickle_that_breaks_after_its_payload(folder: Path, mark: Path) -> Path:
    whole = pickle.dumps({"w": Payload(mark), "more": list(range(50))}, protocol=2)
    return saved(folder, whole[: whole.index(b"R") + 2] + b"\xff\xff")


@trick("SEC101", "checkpoint")
def pickle_with_names_from_its_memo(folder: Path, mark: Path) -> Path:
    command = f"touch {mark}".encode()
    parts = [b"\x80\x04", b"\x8c\x05posix\x94", b"0", b"\x8c\x06system\x94", b"0"]
    parts += [b"h\x00", b"h\x01", b"\x93", b"X" + struct.pack("<I", len(command)) + command]
    return saved(folder, b"".join([*parts, b"\x85", b"R", b"."]))


@trick("SEC101", "checkpoint")
def pickle_by_the_inst_opcode(folder: Path, mark: Path) -> Path:
    return saved(folder, b"(S'touch " + str(mark).encode() + b"'\nios\nsystem\n.")


@trick("SEC101", "checkpoint")
def pickle_by_attrgetter(folder: Path, mark: Path) -> Path:
    made = b"coperator\nattrgetter\n(S'system'\ntR(cimportlib\nimport_module\n(S'os'\ntRtR"
    return saved(folder, made + b"(S'touch " + str(mark).encode() + b"'\ntR.")


@trick("SEC101", "checkpoint")
def pickle_that_installs_a_package(folder: Path, mark: Path) -> Path:
    return saved(folder, b"cpip._internal\nmain\n((lS'install'\naS'nothing'\natR.")


@trick("SEC101", "checkpoint")
def pickle_that_opens_a_socket(folder: Path, mark: Path) -> Path:
    return saved(folder, b"csocket\ncreate_connection\n((S'127.0.0.1'\nI9\nttR.")


@trick("SEC101", "checkpoint")
def pickle_that_loads_through_torch(folder: Path, mark: Path) -> Path:
    inner = pickle.dumps(Payload(mark), protocol=2)
    head = b"\x80\x02ctorch.storage\n_load_from_bytes\n"
    return saved(folder, head + b"B" + struct.pack("<I", len(inner)) + inner + b"\x85R.")


@trick("contained", "checkpoint")
def pickle_by_the_extension_registry(folder: Path, mark: Path) -> Path:
    return saved(folder, b"\x80\x02\x82\x01)R.")


@trick("contained", "checkpoint")
def pickle_that_announces_an_exabyte(folder: Path, mark: Path) -> Path:
    return saved(folder, b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"x.")


@trick("contained", "checkpoint")
def pickle_nested_a_hundred_thousand_deep(folder: Path, mark: Path) -> Path:
    return saved(folder, b"\x80\x02" + b")" + b"\x85" * 100_000 + b".")


@trick("contained", "checkpoint")
def pickle_that_doubles_forty_times(folder: Path, mark: Path) -> Path:
    made = b"\x80\x02]q\x00K\x01a"
    for k in range(40):
        made += b"]q" + bytes([k + 1]) + b"(h" + bytes([k]) + b"h" + bytes([k]) + b"e"
    return saved(folder, made + b".")


def archive(folder: Path, records: dict[str, bytes], name: str = "a.pth") -> Path:
    with zipfile.ZipFile(folder / name, "w") as target:
        for record, data in records.items():
            target.writestr(record, data)
    return folder / name


def state(payload: object | None = None) -> bytes:
    """What torch would write as ``data.pkl``, with something more in it."""
    return pickle.dumps({"w": 1} if payload is None else {"w": payload}, protocol=2)


@trick("SEC101", "checkpoint")
def payload_in_an_archive_of_torch(folder: Path, mark: Path) -> Path:
    return archive(folder, {"a/data.pkl": state(Payload(mark)), "a/version": b"3\n"})


@trick("SEC101", "checkpoint")
def payload_in_a_checkpoint_that_torch_wrote(folder: Path, mark: Path) -> Path:
    import torch

    torch.save({"w": torch.zeros(3), "x": Payload(mark)}, folder / "a.pth")
    return folder / "a.pth"


@trick("SEC101", "checkpoint")
def payload_in_an_old_checkpoint_of_torch(folder: Path, mark: Path) -> Path:
    import torch

    given = {"w": torch.zeros(3), "x": Payload(mark)}
    torch.save(given, folder / "a.pth", _use_new_zipfile_serialization=False)
    return folder / "a.pth"


@trick("SEC101", "checkpoint")
def payload_in_place_of_the_magic_number(folder: Path, mark: Path) -> Path:
    return saved(folder, pickle.dumps(Payload(mark, "eval"), protocol=2) + state() * 3)


@trick("SEC120", "checkpoint")
def two_pickles_of_one_name(folder: Path, mark: Path) -> Path:
    path = archive(folder, {"a/data.pkl": state(), "a/datb.pkl": state(Payload(mark))})
    return saved(folder, path.read_bytes().replace(b"datb.pkl", b"data.pkl"))


@trick("contained", "checkpoint")
def pickle_with_a_wrong_checksum(folder: Path, mark: Path) -> Path:
    path = archive(folder, {"a/data.pkl": state(Payload(mark))})
    data = path.read_bytes()
    right = zipfile.ZipFile(path).infolist()[0].CRC
    wrong = struct.pack("<L", right ^ 1)
    return saved(folder, data.replace(struct.pack("<L", right), wrong))


@trick("contained", "checkpoint")
def pickle_marked_as_encrypted(folder: Path, mark: Path) -> Path:
    data = bytearray(archive(folder, {"a/data.pkl": state(Payload(mark))}).read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return saved(folder, bytes(data))


@trick("SEC102", "checkpoint")
def tar_archive_of_pickles(folder: Path, mark: Path) -> Path:
    with tarfile.open(folder / "a.pth", "w") as target:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            data = pickle.dumps(Payload(mark), protocol=2)
            member = tarfile.TarInfo(name)
            member.size = len(data)
            target.addfile(member, io.BytesIO(data))
    return folder / "a.pth"


@trick("SEC102", "checkpoint")
def array_of_objects(folder: Path, mark: Path) -> Path:
    with (folder / "a.pth").open("wb") as file:
        np.save(file, np.array([Payload(mark)], dtype=object), allow_pickle=True)
    return folder / "a.pth"


@trick("SEC102", "checkpoint")
def archive_of_arrays_of_objects(folder: Path, mark: Path) -> Path:
    buffer = io.BytesIO()
    np.savez(buffer, w=np.array([Payload(mark)], dtype=object))
    return saved(folder, buffer.getvalue())


@trick("SEC101", "checkpoint")
def payload_in_an_archive_in_an_archive(folder: Path, mark: Path) -> Path:
    inner = archive(folder, {"x/data.pkl": state(Payload(mark))}, "inner.zip").read_bytes()
    return archive(folder, {"a/data.pkl": state(), "a/more.pt": inner})


@trick("contained", "checkpoint")
def storage_of_a_terabyte_in_a_hundred_bytes(folder: Path, mark: Path) -> Path:
    data = (
        b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage"
        b"ctorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu\x8a\x06\x00\x00\x00\x00\x00\x01"
        b"tQK\x00\x8a\x06\x00\x00\x00\x00\x00\x01\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRs."
    )
    assert pickletools.dis(data, io.StringIO()) is None
    return archive(folder, {"a/data.pkl": data, "a/data/0": b"1234", "a/version": b"3\n"})


def tensors(folder: Path, header: object, body: bytes, length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = struct.pack("<Q", len(text) if length is None else length)
    return saved(folder, size + text + body, "a.safetensors")


def _tensor(first: int, last: int) -> dict[str, object]:
    return {"dtype": "F32", "shape": [max(0, last - first) // 4], "data_offsets": [first, last]}


@trick("SEC111", "checkpoint")
def safetensors_with_a_huge_header(folder: Path, mark: Path) -> Path:
    return tensors(folder, {}, b"", 1 << 62)


@trick("SEC111", "checkpoint")
def safetensors_that_overlap(folder: Path, mark: Path) -> Path:
    return tensors(folder, {"a": _tensor(0, 8), "b": _tensor(4, 12)}, b"\0" * 12)


@trick("SEC111", "checkpoint")
def safetensors_beyond_the_end(folder: Path, mark: Path) -> Path:
    return tensors(folder, {"a": _tensor(0, 1 << 40)}, b"\0" * 12)


@trick("contained", "checkpoint")
def safetensors_with_a_bottomless_header(folder: Path, mark: Path) -> Path:
    return tensors(folder, b'{"a":' * 200_000, b"")
