import contextlib

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


@pytest.mark.parametrize("body", ['{"\u00e9":1}'.encode(), "[1]".encode("utf-16")])
def test_a_frame_is_ascii(body: bytes) -> None:
    with pytest.raises(protocol.ProtocolError, match="JSON"):
        protocol.unpack(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"0," * protocol.MAX_VALUES + b"0]",
        b"[" * 2_000_000,
        b"{" + b'"a":0,' * (protocol.MAX_VALUES // 2) + b'"a":0}',
    ],
)
def test_a_frame_of_very_many_values_is_refused_before_it_is_read(body: bytes) -> None:
    with pytest.raises(protocol.ProtocolError, match="values"):
        protocol.unpack(body)
