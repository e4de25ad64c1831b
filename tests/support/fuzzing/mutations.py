"""Changes to one input that keep the outer form, so that what lies inside is reached too.

Plain changes of bytes rarely come past a checksum or a length. So archives are unpacked and packed
again, records get their checksums anew, and nested messages their lengths.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

Mutation = Callable[[bytes, Random], bytes]

NUMBERS = (
    *(0, 1, 2, 3, 4, 7, 8, 16, 127, 128, 255, 256, 1000, 4096, 32767, 32768, 65535, 65536),
    *(10**6, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1),
)
TEXTS = (
    *("", " ", "0", "-1", "²", "٣", "nan", "inf", "1e999", "9" * 5000, "\0", "a" * 300),
    *("../x", "/dev/null", "~", "*", "{0..99999}", "[", "\ud7ff", "\U0001f40d", "é", "\u2028"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, -(2**63), 10**30, 1.5, -0.0, 1e308, 1e-320),
    *(float("nan"), float("inf"), [], {}, [[]], [None], {"": None}, "", "a", "random", "²"),
)


def bytes_(data: bytes, random: Random) -> bytes:
    """One change of plain bytes."""
    made = bytearray(data)
    if not made:
        return random.randbytes(random.randrange(1, 16))
    place, kind = random.randrange(len(made)), random.randrange(8)
    length = min(random.choice((1, 1, 2, 4, 8, 16, 64, 512)), len(made) - place)
    if kind == 0:
        made[place] ^= 1 << random.randrange(8)
    elif kind == 1:
        made[place] = random.randrange(256)
    elif kind == 2:
        del made[place : place + length]
    elif kind == 3:
        made[place:place] = made[place : place + length] * random.choice((1, 1, 2, 50))
    elif kind == 4:
        made[place:place] = random.randbytes(length)
    elif kind == 5:
        source = random.randrange(len(made))
        made[place : place + length] = made[source : source + length]
    elif kind == 6:
        size = random.choice((1, 2, 4, 8))
        number = random.choice(NUMBERS) * random.choice((1, -1)) % 256**size
        made[place : place + size] = number.to_bytes(size, random.choice(("little", "big")))
    else:
        return _number_in_text(bytes(made), random)
    return bytes(made)


def _number_in_text(data: bytes, random: Random) -> bytes:
    found = list(re.finditer(rb"\d+", data[:65536]))
    if not found:
        return data[: random.randrange(len(data))]
    one = random.choice(found)
    return data[: one.start()] + str(random.choice(NUMBERS)).encode() + data[one.end() :]


def words(data: bytes, random: Random) -> bytes:
    """One change of an aligned number of 1, 2 or 4 bytes, as FlatBuffers keep them."""
    size = random.choice((1, 2, 2, 4, 4, 4))
    if len(data) < 2 * size or random.random() < 0.15:
        return bytes_(data, random)
    made, count = bytearray(data), len(data) // size
    place = random.randrange(count) * size
    old = int.from_bytes(made[place : place + size], "little")
    kind = random.randrange(4)
    if kind == 0:
        new = random.choice(NUMBERS)
    elif kind == 1:
        new = old + random.choice((-16, -8, -4, -2, -1, 1, 2, 4, 8, 16))
    elif kind == 2:
        other = random.randrange(count) * size
        new = int.from_bytes(made[other : other + size], "little")
    else:
        new = -old
    made[place : place + size] = (new % 256**size).to_bytes(size, "little")
    return bytes(made)


def lines(data: bytes, random: Random) -> bytes:
    """One change of a text: of lines, of what stands between quotes, of numbers."""
    kind = random.randrange(6)
    rows = data.split(b"\n")
    place = random.randrange(len(rows))
    if kind == 0:
        del rows[place]
    elif kind == 1:
        rows.insert(place, random.choice(rows))
    elif kind == 2:
        other = random.randrange(len(rows))
        rows[place], rows[other] = rows[other], rows[place]
    elif kind == 3:
        token = random.choice(TEXTS).encode(errors="surrogatepass")
        return _replaced(rb'"[^"\n]*"', b'"' + token + b'"', data, random)
    elif kind == 4:
        value = json.dumps(random.choice(VALUES)).encode()
        return _replaced(rb"(?<== )[^\n]+", value, data, random)
    else:
        return bytes_(data, random)
    return b"\n".join(rows)


def _replaced(pattern: bytes, new: bytes, data: bytes, random: Random) -> bytes:
    found = list(re.finditer(pattern, data))
    if not found:
        return data + new
    one = random.choice(found)
    return data[: one.start()] + new + data[one.end() :]


def words_of_text(data: bytes, random: Random) -> bytes:
    """One change of a text whose parts are words."""
    if random.random() < 0.5:
        return bytes_(data, random)
    token = random.choice(TEXTS).encode(errors="surrogatepass")
    return _replaced(rb"[^\s:@,]+", token, data, random)


def json_(data: bytes, random: Random) -> bytes:
    """One change of a value somewhere in a JSON document."""
    try:
        root = [json.loads(data)]
    except (ValueError, RecursionError):
        return bytes_(data, random)
    if random.random() < 0.1:
        return bytes_(data, random)
    places = list(_places(root))
    holder, key = random.choice(places)
    kind = random.randrange(7)
    if kind <= 1:
        holder[key] = random.choice(VALUES)
    elif kind == 2:
        other, theirs = random.choice(places)
        holder[key] = json.loads(json.dumps(other[theirs]))
    elif kind == 3 and holder is not root:
        del holder[key]
    elif kind == 4 and isinstance(holder, dict):
        holder[random.choice(TEXTS)] = holder[key]
    elif kind == 5:
        for _ in range(random.choice((1, 2, 50, 1200))):
            holder[key] = [holder[key]] if random.random() < 0.5 else {"a": holder[key]}
    else:
        holder[key] = random.choice((*NUMBERS, *TEXTS))
    try:
        return json.dumps(root[0], ensure_ascii=random.random() < 0.5).encode(
            errors="surrogatepass"
        )
    except RecursionError:
        return b"[" * 100_000


def _places(value: Any) -> Any:
    """Every (holder, key) of a document."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one))
        for key in keys:
            yield one, key
            if isinstance(one[key], dict | list):
                waiting.append(one[key])


def protobuf(data: bytes, random: Random) -> bytes:
    """One change of a field somewhere in nested messages; lengths are written anew."""
    fields = _fields(data)
    if not fields or random.random() < 0.1:
        return bytes_(data, random)
    place = random.randrange(len(fields))
    key, value = fields[place]
    inner = _fields(value) if isinstance(value, bytes) and len(value) > 1 else None
    if inner and random.random() < 0.85:
        fields[place] = (key, protobuf(value, random))  # type: ignore[arg-type]
        return _message(fields)
    kind = random.randrange(6)
    if kind == 0:
        del fields[place]
    elif kind == 1:
        fields.insert(place, random.choice(fields))
    elif kind == 2:
        other = random.randrange(len(fields))
        fields[place] = (key, fields[other][1])
        if key & 7 != fields[other][0] & 7:
            fields[place] = fields[other]
    elif kind == 3 and isinstance(value, bytes):
        for _ in range(random.choice((1, 3, 200))):
            value = _message([(key, value)])
        fields[place] = (key, value)
    elif isinstance(value, int):
        fields[place] = (key, random.choice(NUMBERS) * random.choice((1, 1, -1)) % 2**64)
    else:
        texts = [v for _, v in fields if isinstance(v, bytes)]
        token = random.choice(TEXTS).encode(errors="surrogatepass")
        fields[place] = (key, random.choice((bytes_(value, random), random.choice(texts), token)))
    return _message(fields)


def _fields(data: bytes) -> list[tuple[int, int | bytes]]:
    """The fields of a message, with their keys; nothing where it is none."""
    found: list[tuple[int, int | bytes]] = []
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        if place < 0 or key >> 3 == 0 or key >> 3 > 2**29:
            return []
        wire = key & 7
        if wire == 0:
            value, place = _varint(data, place)
            if place < 0:
                return []
            found.append((key, value))
            continue
        if wire in {1, 5}:
            size = 8 if wire == 1 else 4
        elif wire == 2:
            size, place = _varint(data, place)
        else:
            return []
        if place < 0 or place + size > len(data):
            return []
        found.append((key, data[place : place + size]))
        place += size
    return found


def _varint(data: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while place < len(data) and shift < 70:
        number |= (data[place] & 0x7F) << shift
        place += 1
        if data[place - 1] < 0x80:
            return number, place
        shift += 7
    return 0, -1


def _message(fields: list[tuple[int, int | bytes]]) -> bytes:
    made = bytearray()
    for key, value in fields:
        made += _encoded(key)
        if isinstance(value, int):
            made += _encoded(value)
        else:
            made += (_encoded(len(value)) if key & 7 == 2 else b"") + value
    return bytes(made)


def _encoded(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(made) + bytes([number])


def archive(inner: Mapping[str, Mutation]) -> Mutation:
    """Changes of one member of a ZIP archive, by the end of its name; seldom of the archive."""

    def mutate(data: bytes, random: Random) -> bytes:
        if random.random() < 0.15:
            return bytes_(data, random)
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as found:
                members = {n: found.read(n) for n in found.namelist()}
        except Exception:
            return bytes_(data, random)
        wanted = [n for n in members if any(n.endswith(end) for end in inner)]
        if not wanted:
            return bytes_(data, random)
        name, kind = random.choice(wanted), random.random()
        if kind < 0.03:
            del members[name]
        elif kind < 0.06:
            members[random.choice(list(members))] = members[name]
        else:
            change = next(change for end, change in inner.items() if name.endswith(end))
            members[name] = change(members[name], random)
        return packed(members)

    return mutate


def packed(members: Mapping[str, bytes]) -> bytes:
    """A ZIP archive without compression."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, content in members.items():
            made.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def tar(data: bytes, random: Random) -> bytes:
    """One change of a tar archive; the checksums of its headers are written anew."""
    blocks = [p for p in range(0, len(data) - 511, 512) if data[p + 257 : p + 262] == b"ustar"]
    if not blocks or random.random() < 0.2:
        return bytes_(data, random)
    made, place = bytearray(data), random.choice(blocks)
    fields = ((0, 100), (124, 12), (136, 12), (156, 1), (157, 100), (345, 155))
    start, size = random.choice(fields)
    value = bytes(made[place + start : place + start + size])
    kind = random.randrange(4)
    if kind == 0:
        value = f"{random.choice(NUMBERS):o}".encode()[-size:]
    elif kind == 1:
        value = random.choice(b"0123456789gxLKSD\0").to_bytes(1, "little")
    elif kind == 2:
        value = b"\x80" + random.choice(NUMBERS).to_bytes(9, "big")[-size + 1 :]
    else:
        value = bytes_(value, random)
    made[place + start : place + start + size] = value[:size].ljust(size, b"\0")
    made[place + 148 : place + 156] = b" " * 8
    made[place + 148 : place + 156] = f"{sum(made[place : place + 512]):06o}\0 ".encode()
    return bytes(made)


def records(data: bytes, random: Random) -> bytes:
    """One change of a message in a TFRecord file; lengths and checksums are written anew."""
    if random.random() < 0.15:
        return bytes_(data, random)
    held, place = [], 0
    while place + 12 <= len(data):
        size = int.from_bytes(data[place : place + 8], "little")
        held.append(data[place + 12 : place + 12 + size])
        place += 16 + size
    if not held:
        return bytes_(data, random)
    number = random.randrange(len(held))
    held[number] = protobuf(held[number], random)

    return framed(held)


def framed(messages: Sequence[bytes]) -> bytes:
    """A TFRecord file of these messages."""
    from crc32c import crc32c

    def masked(part: bytes) -> bytes:
        value = crc32c(part)
        return struct.pack("<I", ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    return b"".join(
        (size := struct.pack("<Q", len(one))) + masked(size) + one + masked(one) for one in messages
    )


def image(data: bytes, random: Random) -> bytes:
    """One change of an image; the checksums of a PNG file are written anew."""
    if not data.startswith(b"\x89PNG") or random.random() < 0.1:
        return bytes_(data, random)
    chunks, place = [], 8
    while place + 12 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        chunks.append([data[place + 4 : place + 8], data[place + 8 : place + 8 + size]])
        place += 12 + size
    if not chunks:
        return bytes_(data, random)
    one = random.choice(chunks)
    if one[0] == b"IDAT" and random.random() < 0.5:
        try:
            one[1] = zlib.compress(bytes_(zlib.decompress(one[1]), random))
        except zlib.error:
            one[1] = bytes_(one[1], random)
    else:
        part = random.random() < 0.1
        one[0 if part else 1] = bytes_(one[0 if part else 1], random)[: 4 if part else None]
    return data[:8] + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
