"""The zip container of torch 1.6 and later: its directory read by ranges, its entries found as byte ranges.

Format: PKWARE's APPNOTE 6.3.10, zip64 included. torch stores entries without compression, as ``<name>/data.pkl`` and
``<name>/data/<key>``. Only what the directory lists counts, and local headers have to agree with it: two programs that
read the same archive differently would see two models.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from forebear.artifacts.formats.pytorch.window import Window
from forebear.errors import FormatError
from forebear.sources import File, Source

MAGIC = b"PK\x03\x04"
MAX_DIRECTORY = 32_000_000
MAX_PICKLE = 64_000_000
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_ENCRYPTED = 1
_WHOLE = 0xFFFFFFFF
STORED, DEFLATED = 0, 8


@dataclass(frozen=True)
class Entry:
    """One entry as the directory lists it; ``header`` is the offset of its local header."""

    name: str
    method: int
    packed: int
    size: int
    header: int


@dataclass(frozen=True)
class Archive:
    """A zip file.

    Attributes:
        file: of the source.
        entries: by name.
        end: offset of the directory; entries lie before it.
    """

    source: Source
    file: File
    entries: Mapping[str, Entry]
    end: int

    def announce(self, names: Iterable[str]) -> None:
        """Have the local headers of these entries fetched together, where they are far away."""
        entries = [self.entries[name] for name in names if name in self.entries]
        self.source.prefetch((self.file.path, e.header, e.header + _LOCAL.size + len(_raw(e.name))) for e in entries)

    def start(self, entry: Entry) -> int:
        """Offset of an entry's first byte.

        Raises:
            FormatError: its local header is not there, or contradicts the directory.
        """
        path, at = self.file.path, entry.header
        name = _raw(entry.name)
        if at + _LOCAL.size + len(name) + entry.packed > self.end:
            raise FormatError(
                path, f"entry {entry.name} reaches beyond the entries", "the file is truncated or damaged"
            )
        raw = self.source.read(path, at, at + _LOCAL.size + len(name))
        signature, _, _, method, *_, length, extra = _LOCAL.unpack(raw[: _LOCAL.size])
        if signature != MAGIC or method != entry.method or length != len(name) or raw[_LOCAL.size :] != name:
            raise FormatError(path, f"the header at byte {at:,} is not that of entry {entry.name}", "it is damaged")
        start = at + _LOCAL.size + length + extra
        if start + entry.packed > self.end:
            raise FormatError(
                path, f"entry {entry.name} reaches beyond the entries", "the file is truncated or damaged"
            )
        return int(start)

    def stored(self, entry: Entry) -> tuple[int, int]:
        """The byte range of an entry that is not compressed; ``FormatError`` for one that is."""
        if entry.method != STORED or entry.packed != entry.size:
            raise FormatError(
                self.file.path, f"entry {entry.name} is compressed, which torch never does", "load and save it again"
            )
        start = self.start(entry)
        return start, start + entry.size

    def window(self, entry: Entry) -> Window:
        """A pickle in the archive, unpacked where it is compressed (others than torch do that)."""
        path = self.file.path
        if entry.size > MAX_PICKLE:
            raise FormatError(path, f"entry {entry.name} has {entry.size:,} bytes, more than a pickle of tensors needs")
        if entry.method != DEFLATED:
            start, stop = self.stored(entry)
            return Window(path, lambda a, b: self.source.read(path, a, b), start, stop, entry.name)
        start = self.start(entry)
        packed = self.source.read(path, start, start + entry.packed)
        try:
            data = zlib.decompressobj(-15).decompress(packed, entry.size + 1)
        except zlib.error:
            raise FormatError(path, f"entry {entry.name} cannot be unpacked", "it is damaged: fetch it again") from None
        if len(data) != entry.size:
            raise FormatError(path, f"entry {entry.name} unpacks to another size than the directory says")
        return Window(path, lambda a, b: data[a:b], 0, len(data), entry.name)


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def read_archive(source: Source, file: File) -> Archive:
    """The directory of a zip file.

    Raises:
        FormatError: there is none, or it contradicts the file or itself.
    """
    path = file.path
    start, length, count, end = _directory(source, file)
    if length > min(MAX_DIRECTORY, end - start) or count * _ENTRY.size > length:
        raise FormatError(path, f"its zip directory claims {count:,} entries in {length:,} bytes", "it is damaged")
    raw = source.read(path, start, start + length)
    entries: dict[str, Entry] = {}
    at = 0
    for _ in range(count):
        entry, at = _entry(path, raw, at, start)
        if entry.name in entries:
            raise FormatError(path, f"its zip directory lists {entry.name} twice", "readers would disagree about it")
        entries[entry.name] = entry
    return Archive(source, file, entries, start)


def _directory(source: Source, file: File) -> tuple[int, int, int, int]:
    """Offset, length and number of entries of the directory, and the offset of what comes behind it."""
    path, size = file.path, file.size
    tail = source.read(path, max(0, size - _END.size - 65_535), size)
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or len(tail) - found < _END.size:
        raise FormatError(path, "a zip file without its directory", "the file is truncated: fetch it again")
    end = size - len(tail) + found
    _, disk, first, here, count, length, start, comment = _END.unpack_from(tail, found)
    if end + _END.size + comment != size:
        raise FormatError(path, f"its zip directory does not end where the file does (byte {end:,})", "it is damaged")
    if end >= _LOCATOR.size:
        signature, _, at, _ = _LOCATOR.unpack(source.read(path, end - _LOCATOR.size, end))
        if signature == b"PK\x06\x07":
            if at + _END64.size > end - _LOCATOR.size:
                raise FormatError(path, f"its zip64 directory record is not at byte {at:,}", "it is damaged")
            record = _END64.unpack(source.read(path, at, at + _END64.size))
            signature, _, _, _, disk, first, here, count, length, start = record
            end = at
            if signature != b"PK\x06\x06":
                raise FormatError(path, f"its zip64 directory record is not at byte {at:,}", "it is damaged")
    if disk or first or here != count or start + length != end:
        raise FormatError(path, f"its zip directory is not where byte {end:,} says", "it is truncated or damaged")
    return start, length, count, end


def _entry(path: str, raw: bytes, at: int, where: int) -> tuple[Entry, int]:
    """The entry at an offset of the directory, and the offset of the next one."""

    def wrong(problem: str) -> FormatError:
        return FormatError(path, f"its zip directory at byte {where + at:,}: {problem}", "it is damaged")

    if at + _ENTRY.size > len(raw):
        raise wrong("an entry is cut off")
    fields = _ENTRY.unpack_from(raw, at)
    signature, _, _, flags, method = fields[:5]
    packed, size, name_length, extra_length, comment_length = fields[8:13]
    header = fields[16]
    behind = at + _ENTRY.size + name_length
    after = behind + extra_length + comment_length
    if signature != b"PK\x01\x02" or after > len(raw):
        raise wrong("no entry")
    if flags & _ENCRYPTED:
        raise wrong("an encrypted entry")
    name = raw[at + _ENTRY.size : behind].decode("utf-8", "surrogateescape")
    wide = [v for v in (size, packed, header) if v == _WHOLE]
    if wide:
        values = iter(_wide(raw[behind : behind + extra_length], len(wide)) or ())
        try:
            size, packed, header = (next(values) if v == _WHOLE else v for v in (size, packed, header))
        except (StopIteration, RuntimeError):
            raise wrong("an entry without its zip64 sizes") from None
    return Entry(name, method, packed, size, header), after


def _wide(extra: bytes, count: int) -> tuple[int, ...] | None:
    """The first numbers of the zip64 field among an entry's extra fields."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1 and count * 8 <= length <= len(extra) - at - 4:
            return struct.unpack_from(f"<{count}Q", extra, at + 4)
        at += 4 + length
    return None
