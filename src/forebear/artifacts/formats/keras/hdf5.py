"""HDF5 files of strangers: what is in them, with nothing followed out of the file and nothing larger than its bytes.

Format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html. The HDF5 library parses; it is given a
file object over a source, so it can open no other file by itself, and everything that would ask it to (external and
soft links, external storage, virtual datasets) is refused before it is used. Filters are asked for by number before a
chunk is read, because the library loads unknown ones as plugins.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.base import CHUNK_UNIT, Tensor
from forebear.errors import ForebearError, FormatError, MissingExtra
from forebear.sources import Source

F32 = NDArray[np.float32]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MAX_OBJECTS = 100_000
MAX_DEPTH = 32
MAX_RANK = 16
MAX_ATTRIBUTE = 64_000_000
"""Bytes; the configuration of the largest public Keras model has a few million."""
MAX_CHUNK = 256_000_000
DEFLATE, SHUFFLE, CHECKSUM = 1, 2, 3
SHRINKS = 1_100
"""Deflate makes data at most about 1,030 times smaller (RFC 1951); more cannot be in the file."""
_DTYPES = {"f2": "F16", "f4": "F32", "f8": "F64", "i1": "I8", "i2": "I16", "i4": "I32", "i8": "I64"}
_DTYPES |= {"u1": "U8", "u2": "U16", "u4": "U32", "u8": "U64", "b1": "BOOL"}


class Window(io.RawIOBase):
    """A read-only file object over bytes ``[start, start + size)`` of a source's file."""

    def __init__(self, source: Source, path: str, start: int, size: int) -> None:
        super().__init__()
        self._source, self._path, self._start, self._size, self._at = source, path, start, size, 0
        self.failed: ForebearError | None = None

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; the library asks for the end to learn the size."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as there are bytes; what the source refuses is kept in ``failed``."""
        view = memoryview(buffer).cast("B")
        first = min(self._at, self._size)
        last = min(first + len(view), self._size)
        try:
            data = self._source.read(self._path, self._start + first, self._start + last)
        except ForebearError as error:
            self.failed = error
            raise OSError("unreadable") from None
        view[: len(data)] = data
        self._at = last
        return len(data)


@dataclass(frozen=True)
class Packet(Tensor):
    """A dataset in compressed or byte-swapped form: its rows come through the HDF5 library, not by their offset.

    Attributes:
        dtype: the stored one and how it is kept, e.g. ``F32 compressed``.
        bytes_stored: in the file.
        load: rows ``[a, b)`` as float32.
        whole: whether the values are fractions.
    """

    bytes_stored: int
    whole: bool
    load: Callable[[int, int], F32]

    @property
    def nbytes(self) -> int:
        """Bytes on disk."""
        return self.bytes_stored

    @property
    def floating(self) -> bool:
        """Whether the values are fractions."""
        return self.whole

    @property
    def readable(self) -> bool:
        """Always."""
        return True

    @property
    def signed(self) -> bool:
        """Whether the values are fractions, all of which have a sign here."""
        return self.whole

    def rows(self, start: int, stop: int) -> F32:
        """Rows ``[start, stop)`` of the first axis as float32."""
        if not self.shape or not 0 <= start <= stop <= self.shape[0]:
            raise ValueError(f"rows [{start}, {stop}) of a tensor of shape {self.shape}")
        return self.load(start, stop)

    def values(self) -> F32:
        """The whole dataset."""
        return self.load(0, self.shape[0] if self.shape else 1)

    def chunks(self, most: int) -> Iterator[F32]:
        """All values in order, flat, by whole rows."""
        step = max(1, max(most, CHUNK_UNIT) // max(1, prod(self.shape[1:])))
        for start in range(0, self.shape[0] if self.shape else 1, step):
            yield self.load(start, min(self.shape[0] if self.shape else 1, start + step)).ravel()

    def item(self, index: int) -> Tensor:
        """Stacks are not kept like this."""
        raise FormatError(self.path, f"tensor {self.name} is no stack")


@dataclass(frozen=True)
class Contents:
    """An HDF5 file as listed.

    Attributes:
        tensors: by full name (``rnn/rnn/kernel:0``), in the order of the file's own names.
        attributes: of the root and its groups, by ``group@attribute``: text, or a list of texts.
    """

    tensors: dict[str, Tensor]
    attributes: dict[str, str | list[str]]


def library() -> Any:
    """The ``h5py`` package. Raises ``MissingExtra`` where it is not installed."""
    try:
        import h5py
    except ImportError:
        raise MissingExtra("keras", "reading HDF5 weights (.h5, .hdf5, .keras)") from None
    return h5py


def contents(source: Source, path: str, start: int, size: int) -> Contents:
    """List an HDF5 file that lies at ``[start, start + size)`` of a source's file.

    Raises:
        MissingExtra: h5py is not installed.
        FormatError: it is damaged, or holds what could lead out of it or be larger than it.
    """
    h5py = library()
    if size < 96 or source.read(path, start, start + 8) != SIGNATURE:
        raise FormatError(path, "not an HDF5 file (its first eight bytes are not the signature)", "fetch it again")
    window = Window(source, path, start, size)
    try:
        with h5py.File(window, "r") as file:
            return _Walk(h5py, source, path, start, size).run(file.id)
    except ForebearError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, UnicodeError, OverflowError, MemoryError) as error:
        if window.failed is not None:
            raise window.failed from None
        raise FormatError(path, f"damaged HDF5 ({_first_line(error)})", "fetch it again") from None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


class _Walk:
    """One pass over all objects of a file, hard links only, each of them once."""

    def __init__(self, h5py: Any, source: Source, path: str, start: int, size: int) -> None:
        self._h5, self._source, self._path, self._start, self._size = h5py, source, path, start, size
        self._seen: set[int] = set()
        self._tensors: dict[str, Tensor] = {}
        self._attributes: dict[str, str | list[str]] = {}

    def run(self, root: Any) -> Contents:
        pending: list[tuple[str, Any, int]] = [("", self._h5.h5g.open(root, b"/"), 0)]
        while pending:
            name, group, depth = pending.pop()
            self._read_attributes(name, group)
            children: list[tuple[str, Any, int]] = []
            for key in self._keys(group):
                link = group.links.get_info(key)
                label = f"{name}/{key.decode('utf-8', 'replace')}" if name else key.decode("utf-8", "replace")
                if link.type != self._h5.h5l.TYPE_HARD:
                    raise self._wrong(f"{label} is a link to another place or file, which is not followed")
                child = self._h5.h5o.open(group, key)
                if isinstance(child, self._h5.h5g.GroupID):
                    if depth >= MAX_DEPTH:
                        raise self._wrong(f"its groups are nested more than {MAX_DEPTH} deep")
                    children.append((label, child, depth + 1))
                elif isinstance(child, self._h5.h5d.DatasetID):
                    self._tensors[label] = self._tensor(label, child)
            pending += reversed(children)
        return Contents(self._tensors, self._attributes)

    def _keys(self, group: Any) -> list[bytes]:
        """Names in a group that was not seen before; a group linked twice could make the walk endless."""
        address = self._h5.h5o.get_info(group).addr
        if address in self._seen:
            raise self._wrong("one of its groups is linked twice")
        self._seen.add(address)
        count = group.get_num_objs()
        if count > MAX_OBJECTS or len(self._tensors) + count > MAX_OBJECTS or len(self._seen) > MAX_OBJECTS:
            raise self._wrong(f"holds more than {MAX_OBJECTS:,} objects")
        return list(group)

    def _wrong(self, problem: str) -> FormatError:
        return FormatError(self._path, problem, "do not use it, or ask for the weights as safetensors")

    def _read_attributes(self, name: str, group: Any) -> None:
        h5a = self._h5.h5a
        if h5a.get_num_attrs(group) > MAX_OBJECTS:
            raise self._wrong(f"{name or 'its root'} has more than {MAX_OBJECTS:,} attributes")
        for index in range(h5a.get_num_attrs(group)):
            attribute = h5a.open(group, index=index)
            kind = attribute.get_type()
            if not isinstance(kind, self._h5.h5t.TypeStringID):
                continue
            shape, label = attribute.shape, attribute.name.decode("utf-8", "replace")
            count, stored = prod(shape), attribute.get_storage_size()
            if stored > min(MAX_ATTRIBUTE, self._size) or len(shape) > 1 or count > MAX_OBJECTS:
                raise self._wrong(f"attribute {label} of {name or 'its root'} claims {stored:,} bytes")
            if kind.is_variable_str() and shape:
                continue  # elements may all point at one long text: no bound by the file, and Keras writes none
            value = np.empty(shape, dtype=attribute.dtype)
            attribute.read(value)
            texts = [_text(v) for v in value.ravel().tolist()]
            self._attributes[f"{name}@{label}"] = texts if shape else texts[0]

    def _tensor(self, label: str, dataset: Any) -> Tensor:
        plist, dtype, shape = dataset.get_create_plist(), dataset.dtype, dataset.shape
        if dtype.kind in "OSUV" or shape is None:
            return Tensor(label, "C64", (0,), self._path, self._start, self._source)  # no numbers: listed, never read
        layout, stored = plist.get_layout(), dataset.get_storage_size()
        if plist.get_external_count() or layout == self._h5.h5d.VIRTUAL:
            raise self._wrong(f"dataset {label} keeps its values in another file, which is not opened")
        if len(shape) > MAX_RANK or prod(max(1, s) for s in shape) >= 2**56:
            raise self._wrong(f"dataset {label} has the shape {list(shape)}, too large for any file")
        needed, name = prod(shape) * dtype.itemsize, _DTYPES.get(f"{dtype.kind}{dtype.itemsize}")
        if name is None:
            raise self._wrong(f"dataset {label} has values of type {dtype}, which are no weights")
        filters = [plist.get_filter(k)[0] for k in range(plist.get_nfilters())]
        if unknown := set(filters) - {DEFLATE, SHUFFLE, CHECKSUM}:
            raise self._wrong(f"dataset {label} is packed by filter {min(unknown)}, which is not read")
        most = stored * (SHRINKS if DEFLATE in filters else 1)
        if needed > most or stored > self._size:
            raise self._wrong(f"dataset {label} claims {needed:,} bytes of values, the file holds {stored:,} for it")
        if layout == self._h5.h5d.CHUNKED and prod(plist.get_chunk()) * dtype.itemsize > MAX_CHUNK:
            raise self._wrong(f"dataset {label} is in pieces of more than {MAX_CHUNK:,} bytes")
        at = dataset.get_offset() if layout == self._h5.h5d.CONTIGUOUS else None
        if at is not None and dtype.newbyteorder("=") == dtype:
            if at + needed > self._size:
                raise self._wrong(f"dataset {label} ends at byte {at + needed:,}, the file has {self._size:,}")
            return Tensor(label, name, tuple(shape), self._path, self._start + at, self._source)
        kept = "compressed" if DEFLATE in filters else "in pieces"
        load = self._loader(label, tuple(shape))
        floating = dtype.kind == "f"
        where = (self._path, self._start, self._source)
        return Packet(label, f"{name} {kept}", tuple(shape), *where, bytes_stored=stored, whole=floating, load=load)

    def _loader(self, label: str, shape: tuple[int, ...]) -> Callable[[int, int], F32]:
        """Reads rows of one dataset; the file is opened anew, so that no handle outlives an answer."""
        h5py, window = self._h5, Window(self._source, self._path, self._start, self._size)

        def load(first: int, last: int) -> F32:
            try:
                with h5py.File(window, "r") as file:
                    found = file[label][first:last] if shape else file[label][()]
            except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
                if window.failed is not None:
                    raise window.failed from None
                raise FormatError(self._path, f"dataset {label} cannot be read ({_first_line(error)})") from None
            with np.errstate(over="ignore", invalid="ignore"):
                return np.asarray(found, dtype=np.float32).reshape((last - first, *shape[1:]) if shape else (1,))

        return load


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
