"""What a GGUF file says before its data: metadata, and where which tensor lies.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 1 (32-bit lengths), 2 and 3, little-endian.
A stranger wrote the file: every count and length is held against the bytes that are left in it before it is used, and
the header is read in windows that grow, so that a remote file costs a few reads of about the header's size.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from forebear.artifacts.text import LFS_POINTER, lfs_pointer
from forebear.errors import FormatError, one_line
from forebear.sources import File, Source

MAGIC = b"GGUF"
DRAFT = b"FUGG"
"""The magic of files from the days of the format's draft; they read on as version 1."""
SUFFIX = ".gguf"
WINDOW = 262_144
MAX_WINDOW = 4_000_000
MAX_HEADER = 200_000_000
"""Bytes; those of the largest vocabularies, merges included, are below 20 MB."""
MAX_THINGS = 4_000_000
"""Texts, arrays, metadata entries and tensors of a header together: an object of Python's is larger than its bytes."""
MAX_KEY = 65_535
MAX_NAME = 1_024
MAX_DIMENSIONS = 4
MAX_ELEMENTS = 2**56
MAX_DEPTH = 3
MAX_ALIGNMENT = 65_536
_NUMBERS = dict(enumerate(["<u1", "<i1", "<u2", "<i2", "<u4", "<i4", "<f4", "?"])) | {10: "<u8", 11: "<i8", 12: "<f8"}
_TEXT, _ARRAY = 8, 9


@dataclass(frozen=True)
class Info:
    """One tensor as the header lists it.

    Attributes:
        shape: the slowest axis first, the reverse of the file's order.
        kind: number of its ggml type.
        start: of its data, counted from the start of the file.
        stated: where in the header it stands.
    """

    name: str
    shape: tuple[int, ...]
    kind: int
    start: int
    stated: int

    @property
    def size(self) -> int:
        """Number of values."""
        return prod(self.shape)


@dataclass(frozen=True)
class Header:
    """A file's metadata and tensors.

    Attributes:
        metadata: key to number, text, bool; array to a numpy array, a list of texts or a list of arrays.
        data: offset of the first byte of data.
        alignment: every tensor begins at a multiple of it.
    """

    path: str
    version: int
    metadata: Mapping[str, Any]
    tensors: tuple[Info, ...]
    data: int
    alignment: int

    def text(self, key: str) -> str:
        """A text of the metadata, "" where there is none of that name."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int | float | None:
        """A number of the metadata; of an array of equal numbers, one for each layer, that number. None otherwise."""
        value = self.metadata.get(key)
        if isinstance(value, np.ndarray) and value.size and value.dtype != np.bool_ and (value == value[0]).all():
            value = value[0].item()
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    def count(self, key: str) -> int | None:
        """The same where it is a whole number above zero."""
        value = self.number(key)
        return value if isinstance(value, int) and value > 0 else None


def begins_as_gguf(source: Source, file: File) -> bool:
    """Whether a file begins as GGUF does; files of an Ollama store have no suffix."""
    return file.size >= 4 and source.read(file.path, 0, 4) == MAGIC


def read_header(source: Source, file: File) -> Header:
    """The header of one file.

    Raises:
        FormatError: it is no GGUF, truncated, of an unknown version, or says what cannot be; the offset is named.
        InputError: it cannot be read.
    """
    cursor = _Cursor(source, file)
    try:
        return _header(cursor)
    except FormatError as error:
        if damage := cursor.taken_for_text():
            raise FormatError(
                file.path,
                f"{error.problem}; {damage}: a transfer or repository took the file for text",
                "fetch it again as a binary file",
            ) from None
        raise


def _header(cursor: _Cursor) -> Header:
    file = cursor.file
    magic = cursor.take(4, "its first bytes") if file.size >= 4 else b""
    if magic not in (MAGIC, DRAFT):
        if magic and LFS_POINTER.startswith(magic):
            raise lfs_pointer(file.path)
        raise FormatError(file.path, "does not begin as a GGUF file", "is it complete, and of this format?")
    version = cursor.integer(4, "its version")
    if version & 0xFFFF == 0:
        raise FormatError(file.path, "a big-endian GGUF file (offset 4)", "convert it to little-endian with gguf-py")
    if not 1 <= version <= 3:
        raise FormatError(file.path, f"GGUF version {version:,} (offset 4); 1 to 3 are read")
    cursor.word = 4 if version == 1 else 8
    tensors = cursor.counted("tensors", 8 + 2 * cursor.word)
    pairs = cursor.counted("metadata entries", 4 + cursor.word)
    metadata: dict[str, Any] = {}
    for _ in range(pairs):
        at = cursor.at
        key = cursor.text("a metadata key", MAX_KEY)
        value = cursor.value(cursor.integer(4, "a type"), one_line(key, 60))
        if key in metadata and not (isinstance(value, str | int | float) and value == metadata[key]):
            raise cursor.wrong(f"the key {one_line(key, 60)} stands twice", at)
        metadata[key] = value
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 1 <= alignment <= MAX_ALIGNMENT or alignment & (alignment - 1):
        raise cursor.wrong("general.alignment is no power of two that could be one")
    infos = [_info(cursor) for _ in range(tensors)]
    data = -(-cursor.at // alignment) * alignment
    names: set[str] = set()
    placed = []
    for info in infos:
        if info.name in names:
            raise cursor.wrong(f"tensor {info.name} stands twice", info.stated)
        names.add(info.name)
        if info.start % alignment:
            raise cursor.wrong(f"tensor {info.name} begins at {info.start:,}, no multiple of {alignment}", info.stated)
        placed.append(Info(info.name, info.shape, info.kind, data + info.start, info.stated))
    return Header(file.path, version, metadata, tuple(placed), data, alignment)


def _info(cursor: _Cursor) -> Info:
    at = cursor.at
    name = one_line(cursor.text("a tensor's name", MAX_NAME), MAX_NAME)
    dimensions = cursor.integer(4, "a number of dimensions")
    if dimensions > MAX_DIMENSIONS:
        raise cursor.wrong(f"tensor {name} has {dimensions:,} dimensions, {MAX_DIMENSIONS} at most are possible", at)
    shape = tuple(cursor.integer(cursor.word, "a dimension") for _ in range(dimensions))[::-1]
    if prod(max(1, s) for s in shape) > MAX_ELEMENTS:
        raise cursor.wrong(f"tensor {name} of shape {list(shape)} is too large for any file", at)
    return Info(name, shape, cursor.integer(4, "a type"), cursor.integer(8, "an offset"), at)


class _Cursor:
    """A position in a file of which as much is in memory as was asked for."""

    def __init__(self, source: Source, file: File) -> None:
        self.source, self.file = source, file
        self.raw = bytearray()
        self.at = 0
        self.word = 8
        self.things = 0

    def take(self, length: int, what: str) -> bytes:
        """The next bytes."""
        start = self.at
        self._ensure(length, what)
        self.at += length
        return bytes(self.raw[start : self.at])

    def integer(self, width: int, what: str) -> int:
        """An unsigned little-endian number of so many bytes."""
        start = self.at
        self._ensure(width, what)
        self.at += width
        return int.from_bytes(self.raw[start : self.at], "little")

    def counted(self, what: str, least: int) -> int:
        """A count of things that take at least so many bytes each, which the rest of the file must have room for."""
        at = self.at
        count = self.integer(self.word, f"the number of {what}")
        if count * least > self.file.size - self.at:
            raise self.wrong(f"{count:,} {what} do not fit into the {self.file.size - self.at:,} bytes that follow", at)
        self.things += 0 if what.startswith("numbers") else count
        if self.things > MAX_THINGS:
            raise self.wrong(f"with {count:,} {what} its header has more than {MAX_THINGS:,} parts", at)
        return count

    def text(self, what: str, limit: int = MAX_HEADER) -> str:
        """A text with its length before it."""
        at = self.at
        length = self.integer(self.word, f"the length of {what}")
        if length > limit:
            raise self.wrong(f"{what} of {length:,} bytes", at)
        try:
            return self.take(length, what).decode("utf-8")
        except UnicodeDecodeError:
            raise self.wrong(f"{what} is not UTF-8", at) from None

    def value(self, kind: int, key: str, depth: int = 0) -> Any:
        """A metadata value of a type."""
        if kind == _TEXT:
            return self.text(f"the text of {key}")
        if kind != _ARRAY:
            return self._numbers(kind, 1, key)[0].item()
        inner = self.integer(4, f"the type of {key}")
        if inner == _TEXT:
            return self._texts(self.counted(f"texts of {key}", self.word), key)
        if inner != _ARRAY:
            width = np.dtype(self._code(inner, key)).itemsize
            return self._numbers(inner, self.counted(f"numbers of {key}", width), key)
        if depth == MAX_DEPTH:
            raise self.wrong(f"{key} holds arrays nested more than {MAX_DEPTH} deep")
        return [self.value(_ARRAY, key, depth + 1) for _ in range(self.counted(f"arrays of {key}", 4 + self.word))]

    def _numbers(self, kind: int, count: int, key: str) -> Any:
        code = np.dtype(self._code(kind, key))
        return np.frombuffer(self.take(count * code.itemsize, key), np.uint8 if code == "?" else code).astype(code)

    def _code(self, kind: int, key: str) -> str:
        if kind not in _NUMBERS:
            raise self.wrong(f"{key} has the unknown type {kind:,}")
        return _NUMBERS[kind]

    def _texts(self, count: int, key: str) -> list[str]:
        # vocabularies have some 100,000 texts and as many merges: one loop over local names, one decoding each
        found: list[str] = []
        unpack, word = struct.Struct("<Q" if self.word == 8 else "<I").unpack_from, self.word
        raw, at = self.raw, self.at
        try:
            for _ in range(count):
                if at + word > len(raw):
                    self.at = at
                    self._ensure(word, key)
                (length,) = unpack(raw, at)
                stop = at + word + length
                if stop > len(raw):
                    self.at = at
                    self._ensure(word + length, key)
                found.append(raw[at + word : stop].decode("utf-8"))
                at = stop
        except UnicodeDecodeError:
            raise self.wrong(f"text {len(found):,} of {key} is not UTF-8", at) from None
        self.at = at
        return found

    def _ensure(self, length: int, what: str) -> None:
        stop = self.at + length
        if stop <= len(self.raw):
            return
        if stop > self.file.size:
            raise FormatError(
                self.file.path,
                f"{one_line(what, 80)} at offset {self.at:,} ends at byte {stop:,}, the file at {self.file.size:,}",
                "it is truncated or damaged: fetch it again",
            )
        if stop > MAX_HEADER:
            raise self.wrong(f"its header is longer than {MAX_HEADER:,} bytes")
        have = len(self.raw)
        upto = min(self.file.size, max(stop, have + min(max(WINDOW, have), MAX_WINDOW)))
        self.raw += self.source.read(self.file.path, have, upto)

    def wrong(self, problem: str, at: int | None = None) -> FormatError:
        """A refusal that names the offset."""
        return FormatError(self.file.path, f"{problem} (offset {self.at if at is None else at:,})")

    def taken_for_text(self) -> str:
        """How what was read shows that a program took it for text, "" where it does not."""
        if self.raw.count(b"\n") > 8 and not re.search(rb"(?<!\r)\n", self.raw):
            return "every line feed has a carriage return before it"
        before = self.raw[: self.at]
        first = before.find("\N{REPLACEMENT CHARACTER}".encode())
        try:
            before.decode("utf-8")
        except UnicodeDecodeError as error:
            if error.start < len(before) - 3:  # a character cut in two at the end is none that cannot be
                return ""
        return f"from offset {first:,} on, bytes that are no text are U+FFFD" if first >= 0 else ""
