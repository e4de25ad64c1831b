import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoodiff.workers import protocol

messages = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(messages)
def test_a_message_survives_its_frame(message: object) -> None:
    frame = protocol.pack(message)
    assert protocol.body_length(frame[:4]) == len(frame) - 4
    assert protocol.unpack(frame[4:]) == message


@given(st.binary(max_size=64))
def test_arbitrary_bytes_are_a_message_or_a_protocol_error(body: bytes) -> None:
    with contextlib.suppress(protocol.ProtocolError):
        protocol.unpack(body)


def test_a_frame_beyond_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(protocol.ProtocolError, match="longer than"):
        protocol.body_length((protocol.MAX_FRAME + 1).to_bytes(4, "big"))


def test_an_array_comes_back_equal_and_its_file_is_gone(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1)
    message = protocol.put_array(array, tmp_path)
    np.testing.assert_array_equal(protocol.get_array(message, tmp_path), array)
    assert not list(tmp_path.iterdir())


def test_a_scalar_comes_back_a_scalar(tmp_path: Path) -> None:
    message = protocol.put_array(np.array(3, dtype=np.int64), tmp_path)
    assert protocol.get_array(message, tmp_path).shape == ()


@pytest.mark.parametrize(
    "message",
    [
        {"$array": "../outside.npy"},
        {"$array": "/etc/passwd"},
        {"$array": "missing.npy"},
        {"$array": "no-extension"},
        {"$array": 3},
        {},
        None,
        "x.npy",
    ],
)
def test_only_plain_files_of_the_scratch_folder_are_arrays(tmp_path: Path, message: object) -> None:
    np.save(tmp_path.parent / "outside.npy", np.zeros(3))
    with pytest.raises(protocol.ProtocolError):
        protocol.get_array(message, tmp_path)


def test_a_pickled_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "evil.npy", np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(protocol.ProtocolError, match="cannot be read"):
        protocol.get_array({"$array": "evil.npy"}, tmp_path)


def test_a_link_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path.parent / "target.npy", np.zeros(3))
    (tmp_path / "link.npy").symlink_to(tmp_path.parent / "target.npy")
    with pytest.raises(protocol.ProtocolError, match="link"):
        protocol.get_array({"$array": "link.npy"}, tmp_path)
