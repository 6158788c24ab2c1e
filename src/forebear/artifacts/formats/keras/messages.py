"""HDF5 object headers: the messages of a group or dataset, and what the few kinds that matter here say.

Format: "HDF5 File Format Specification Version 3.0", https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
(sections are named below). Offsets and lengths have eight bytes in every file that h5py has written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from forebear.artifacts.formats.keras.window import Window
from forebear.errors import FormatError, one_line

DATASPACE, LINKS, DATATYPE, LINK, EXTERNAL, LAYOUT, FILTERS, ATTRIBUTE, CONTINUED, SYMBOLS = (
    *(0x01, 0x02, 0x03, 0x06, 0x07, 0x08, 0x0B, 0x0C, 0x10, 0x11),
)
UNDEFINED = 2**64 - 1
MAX_RANK = 16
MAX_ELEMENTS = 2**56
MAX_HEADER = 16_000_000
MAX_MESSAGES = 100_000
FIXED, FLOAT, STRING, ENUM, VARIABLE = 0, 1, 3, 8, 9
_FLOATS = {(2, 5): "F16", (2, 8): "BF16", (4, 8): "F32", (8, 11): "F64"}


@dataclass(frozen=True)
class Message:
    """One message: its type and where its bytes lie."""

    kind: int
    start: int
    size: int


@dataclass(frozen=True)
class Kind:
    """A datatype: class, bytes of an element, the name of our number format (empty: none), and its byte order."""

    group: int
    size: int
    name: str
    big_endian: bool


def number(raw: bytes, at: int, count: int) -> int:
    """A little-endian unsigned integer; zero-padded where the bytes end."""
    return int.from_bytes(raw[at : at + count], "little")


def messages(window: Window, address: int) -> list[Message]:
    """All messages of an object header, both versions (IV.A.1), continuation blocks included.

    Raises:
        FormatError: it is no header, or its blocks run in a circle or beyond the file.
    """
    head = window.cut(address, 16, "an object header")
    if head[:4] == b"OHDR":
        flags = head[5]
        at = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        size = number(window.cut(at, width, "a header's size"), 0, width)
        blocks, short, tracked = [(at + width, size)], True, bool(flags & 4)
    elif head[0] == 1:
        blocks, short, tracked = [(address + 16, number(head, 8, 4))], False, False
    else:
        raise FormatError(window.path, f"damaged HDF5 (no object header at byte {address:,})", "fetch it again")
    found: list[Message] = []
    seen: set[int] = set()
    for start, size in blocks:  # grows while it is walked
        if start in seen or size > MAX_HEADER or len(found) > MAX_MESSAGES:
            raise FormatError(window.path, f"damaged HDF5 (the object header at byte {address:,} has no end)")
        seen.add(start)
        for message in _block(window, start, size, short, tracked):
            if message.kind == CONTINUED:
                place = window.cut(message.start, 16, "a continued header")
                at, size_there = number(place, 0, 8), number(place, 8, 8)
                if short:  # between a signature and a checksum
                    at, size_there = at + 4, size_there - 8
                blocks.append((at, max(0, size_there)))
            else:
                found.append(message)
    return found


def _block(window: Window, start: int, size: int, short: bool, tracked: bool) -> Iterator[Message]:
    raw = window.cut(start, size, "a part of an object header")
    head = (6 if tracked else 4) if short else 8
    at = 0
    while at + head <= size:
        kind, length = (raw[at], number(raw, at + 1, 2)) if short else (number(raw, at, 2), number(raw, at + 2, 2))
        flags = raw[at + (3 if short else 4)]
        if at + head + length > size:
            raise FormatError(
                window.path, f"damaged HDF5 (a message at byte {start + at:,} is too long)", "fetch it again"
            )
        if flags & 2 and kind in (DATASPACE, DATATYPE, FILTERS, ATTRIBUTE):
            raise FormatError(window.path, f"a shared type at byte {start + at:,}, which is not read")
        yield Message(kind, start + at + head, length)
        at += head + length


def shape_of(raw: bytes, path: str) -> tuple[int, ...]:
    """Sizes of a dataspace (IV.A.2.b); an empty one has a size of zero."""
    version, rank = raw[0] if raw else 0, raw[1] if len(raw) > 1 else 0
    at = {1: 8, 2: 4}.get(version, 0)
    if not at or rank > MAX_RANK or len(raw) < at + 8 * rank:
        raise FormatError(path, "damaged HDF5 (no usable shape)", "fetch it again")
    if version == 2 and raw[3] == 2:
        return (0,)
    shape = tuple(number(raw, at + 8 * k, 8) for k in range(rank))
    if prod(max(1, s) for s in shape) >= MAX_ELEMENTS:
        raise FormatError(path, f"a dataset has the shape {list(shape)}, too large for any file", "do not use it")
    return shape


def kind_of(raw: bytes, path: str) -> Kind:
    """A datatype (IV.A.2.d). Names only what weights are made of."""
    if len(raw) < 8:
        raise FormatError(path, "damaged HDF5 (no usable type)", "fetch it again")
    group, bits, size = raw[0] & 15, raw[1], number(raw, 4, 4)
    name = ""
    if group == FIXED and size in (1, 2, 4, 8):
        name = ("I" if bits & 8 else "U") + str(8 * size)
    elif group == FLOAT and len(raw) >= 16:
        name = _FLOATS.get((size, raw[13]), "")
    elif group == ENUM and size == 1:
        name = "BOOL"
    return Kind(group, size, name, bool(bits & 1) and size > 1)


def filters_of(raw: bytes, path: str) -> tuple[int, ...]:
    """Numbers of the filters of a pipeline (IV.A.2.l), in the order in which they were applied."""
    if len(raw) < 2 or raw[0] not in (1, 2) or raw[1] > 32:
        raise FormatError(path, "damaged HDF5 (no usable list of filters)", "fetch it again")
    found: list[int] = []
    at = 8 if raw[0] == 1 else 2
    for _ in range(raw[1]):
        code = number(raw, at, 2)
        named = raw[0] == 1 or code >= 256
        length = number(raw, at + 2, 2) if named else 0
        values = number(raw, at + (6 if named else 4), 2)
        at += (8 if named else 6) + length + 4 * values + (4 if raw[0] == 1 and values % 2 else 0)
        if at > len(raw):
            raise FormatError(path, "damaged HDF5 (a list of filters is cut off)", "fetch it again")
        found.append(code)
    return tuple(found)


def attribute_of(window: Window, message: Message) -> tuple[str, str | list[str]] | None:
    """An attribute of text, or of a list of texts (IV.A.2.m); None where it is of another kind."""
    raw = window.cut(message.start, message.size, "an attribute")
    version = raw[0] if raw else 0
    if version not in (1, 2, 3) or len(raw) < 9:
        return None
    sizes = [number(raw, at, 2) for at in (2, 4, 6)]
    at = 9 if version == 3 else 8
    parts: list[bytes] = []
    for size in sizes:
        parts.append(raw[at : at + size])
        at += -(-size // 8) * 8 if version == 1 else size
    name = parts[0].split(b"\0")[0].decode("utf-8", "replace")
    kind, shape, data = kind_of(parts[1], window.path), shape_of(parts[2], window.path), raw[at:]
    if kind.group == STRING and len(shape) <= 1:
        count = prod(shape)
        if kind.size * count > len(data):
            raise FormatError(
                window.path, f"attribute {one_line(name, 60)} is longer than its header", "fetch it again"
            )
        texts = [_text(data[k * kind.size : (k + 1) * kind.size]) for k in range(count)]
        return name, texts if shape else texts[0]
    if kind.group == VARIABLE and parts[1][1] & 15 == 1 and len(shape) <= 1 and len(data) >= 16 * prod(shape):
        texts = _from_heaps(window, name, data, prod(shape))
        return name, texts if shape else texts[0]
    return None


def _from_heaps(window: Window, name: str, data: bytes, count: int) -> list[str]:
    """Texts of any size, from global heap collections (III.E).

    All of them can point at one long text, so that only their sum is bounded by the file.
    """
    heaps: dict[int, dict[int, tuple[int, int]]] = {}
    texts: list[str] = []
    total = 0
    for k in range(count):
        entry = data[16 * k : 16 * k + 16]
        length, address, index = number(entry, 0, 4), number(entry, 4, 8), number(entry, 12, 4)
        if not length:
            texts.append("")
            continue
        if address not in heaps:
            heaps[address] = _heap(window, address)
        at, size = heaps[address].get(index, (0, 0))
        total += length
        if length > size or total > window.size:
            raise FormatError(
                window.path, f"damaged HDF5 (attribute {one_line(name, 60)} has no text)", "fetch it again"
            )
        texts.append(_text(window.cut(at, length, "a text")))
    return texts


def _heap(window: Window, address: int) -> dict[int, tuple[int, int]]:
    """Place and size of every object of one collection."""
    head = window.cut(address, 16, "a heap")
    end = address + number(head, 8, 8)
    if head[:4] != b"GCOL" or end > window.size:
        raise FormatError(window.path, f"damaged HDF5 (no heap at byte {address:,})", "fetch it again")
    found: dict[int, tuple[int, int]] = {}
    at = address + 16
    while at + 16 <= end:
        entry = window.cut(at, 16, "an object of a heap")
        index, size = number(entry, 0, 2), number(entry, 8, 8)
        if index == 0:
            break
        if at + 16 + size <= end:
            found[index] = (at + 16, size)
        at += 16 + -(-size // 8) * 8
    return found


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("utf-8", "replace")
