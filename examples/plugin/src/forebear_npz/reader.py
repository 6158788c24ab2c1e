"""Weights in a numpy archive (``numpy.savez``): where each array lies. Forebear reads the values itself."""

from __future__ import annotations

import ast
import io
import zipfile
from typing import ClassVar

from forebear.artifacts import Tensor, Weights
from forebear.errors import FormatError
from forebear.sources import Source

LARGEST_HEADER = 10_000
MOST_ARRAYS = 100_000


class Npz:
    """The reader of a single ``*.npz``. It is constructed by nobody: the class itself has what a reader needs."""

    dtypes: ClassVar[dict[str, str]] = {"<f4": "F32", "<f2": "F16", "<f8": "F64"}

    @staticmethod
    def handles(source: Source) -> bool:
        """Whether there is one such file."""
        return len(_archives(source)) == 1

    @classmethod
    def read(cls, source: Source) -> Weights:
        """The place of every array. Compressed archives (``savez_compressed``) hold no place of any value."""
        (path,) = _archives(source)
        size = next(f.size for f in source.files() if f.path == path)
        try:
            with zipfile.ZipFile(_Reading(source, path, size)) as archive:
                entries = archive.infolist()
        except (zipfile.BadZipFile, EOFError, ValueError) as error:
            raise FormatError(path, f"no archive of numpy's ({error})", "write it again with numpy.savez") from None
        if len(entries) > MOST_ARRAYS:
            raise FormatError(path, f"more than {MOST_ARRAYS:,} arrays")
        tensors = {e.filename.removesuffix(".npy"): cls._tensor(source, path, size, e) for e in entries}
        return Weights("numpy archive", tensors, (path,))

    @classmethod
    def _tensor(cls, source: Source, path: str, size: int, entry: zipfile.ZipInfo) -> Tensor:
        name = entry.filename.removesuffix(".npy")
        if entry.compress_type != zipfile.ZIP_STORED:
            raise FormatError(path, f"array {name} is compressed", "write it again with numpy.savez")
        local = source.read(path, entry.header_offset, min(size, entry.header_offset + 30))
        if len(local) < 30:
            raise FormatError(path, f"array {name} ends behind the file")
        start = (
            entry.header_offset + 30 + int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
        )
        head = source.read(path, start, min(size, start + 12))
        wide = len(head) > 6 and head[6] > 1  # version 2 has four bytes for the length of the header, version 1 two
        length = int.from_bytes(head[8 : 12 if wide else 10], "little")
        begin = start + (12 if wide else 10)
        if not head.startswith(b"\x93NUMPY") or length > LARGEST_HEADER or begin + length > size:
            raise FormatError(path, f"array {name} has no header of numpy's")
        try:
            said = ast.literal_eval(source.read(path, begin, begin + length).decode("ascii"))
            dtype, shape = cls.dtypes[said["descr"]], tuple(said["shape"])
        except (ValueError, SyntaxError, KeyError, TypeError, UnicodeDecodeError):
            raise FormatError(path, f"array {name} is no array of floats") from None
        if said.get("fortran_order"):
            raise FormatError(path, f"array {name} is stored by columns", "write it with numpy.ascontiguousarray")
        return Tensor(name, dtype, shape, path, begin + length, source)


class _Reading(io.RawIOBase):
    """A file of a source, for a library that wants to seek."""

    def __init__(self, source: Source, path: str, size: int) -> None:
        self._source, self._path, self._size, self._at = source, path, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, count: int = -1) -> bytes:
        stop = self._size if count < 0 else min(self._size, self._at + count)
        piece = self._source.read(self._path, self._at, stop) if stop > self._at else b""
        self._at += len(piece)
        return piece


def _archives(source: Source) -> list[str]:
    names = [source.only] if source.only else [f.path for f in source.files()]
    return [name for name in names if name.lower().endswith(".npz")]
