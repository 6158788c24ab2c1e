"""HDF5 files of strangers: groups, datasets and texts, as much as Keras writes; nothing is followed out of the file.

Our own reader, because the HDF5 library can be made to hang or crash by a damaged file and cannot be given bounds.
Links to other files, virtual datasets and values kept elsewhere are refused; what newer writers can do and Keras does
not (groups and lists kept in heaps, other filters) is left out and said. Format: see ``messages.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from forebear.artifacts.base import Tensor
from forebear.artifacts.dtypes import DTYPES
from forebear.artifacts.formats.keras import messages as m
from forebear.artifacts.formats.keras.pieces import CHECKSUM, DEFLATE, MAX_CHUNK, SHRINKS, SHUFFLE, Pieces
from forebear.artifacts.formats.keras.window import Window
from forebear.errors import FormatError, one_line

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MAX_OBJECTS = 100_000
MAX_DEPTH = 32
MAX_NAME = 1_024
HEADERS = 64_000_000
"""Bytes of headers and names read at most; the largest public Keras models have some two million."""
HARD, SOFT = 0, 1


@dataclass
class Contents:
    """An HDF5 file as listed.

    Attributes:
        tensors: datasets by full name (``rnn/rnn/kernel:0``).
        attributes: of the root and its groups, by ``group@attribute``: text, or a list of texts.
        left_out: names of groups and datasets that are kept in a way that is not read.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    attributes: dict[str, str | list[str]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def contents(window: Window) -> Contents:
    """List an HDF5 file.

    Raises:
        FormatError: it is damaged, or holds what could lead out of it or be larger than it.
    """
    if window.size < 96 or window.cut(0, 8, "its signature") != SIGNATURE:
        raise FormatError(
            window.path, "not an HDF5 file (its first eight bytes are not the signature)", "fetch it again"
        )
    head = window.cut(0, 96, "its superblock")
    version = head[8]
    if version in (0, 1):
        widths, base, root = head[13:15], m.number(head, 24 + 4 * version, 8), m.number(head, 64 + 4 * version, 8)
    elif version in (2, 3):
        widths, base, root = head[9:11], m.number(head, 12, 8), m.number(head, 36, 8)
    else:
        raise FormatError(window.path, f"a superblock of version {version}, which is not read")
    if widths != b"\x08\x08" or base:
        raise FormatError(window.path, "an HDF5 file with other sizes of offsets than Keras writes, which is not read")
    window.allowance = HEADERS
    found = _Walk(window).run(root)
    window.allowance = None
    return found


class _Walk:
    """One pass over all objects of a file, each of them once."""

    def __init__(self, window: Window) -> None:
        self._window, self._path = window, window.path
        self._seen: set[int] = set()
        self._found = Contents()

    def run(self, root: int) -> Contents:
        pending = [("", root, 0)]
        while pending:
            name, address, depth = pending.pop()
            if address in self._seen or depth > MAX_DEPTH or len(self._seen) > MAX_OBJECTS:
                what = "is linked twice" if address in self._seen else "is one of too many"
                raise self._wrong(f"{name or 'its root'} {what}")
            self._seen.add(address)
            found = m.messages(self._window, address)
            kinds = {message.kind for message in found}
            if m.LAYOUT in kinds or m.DATATYPE in kinds:
                self._put(name, found)
                continue
            for message in found:
                if message.kind == m.ATTRIBUTE and (pair := m.attribute_of(self._window, message)) is not None:
                    self._found.attributes[f"{name}@{pair[0]}"] = pair[1]
            children = [
                (f"{name}/{key}" if name else key, child, depth + 1) for key, child in self._children(name, found)
            ]
            if len(children) + len(self._seen) > MAX_OBJECTS:
                raise self._wrong(f"holds more than {MAX_OBJECTS:,} objects")
            pending += reversed(children)
        return self._found

    def _wrong(self, problem: str) -> FormatError:
        return FormatError(self._path, one_line(problem, 300), "do not use it, or ask for the weights as safetensors")

    def _children(self, name: str, found: list[m.Message]) -> list[tuple[str, int]]:
        """Names and addresses in a group, old style (symbol table) or new (one message a link)."""
        out: list[tuple[str, int]] = []
        for message in found:
            raw = self._window.cut(message.start, message.size, "a group") if message.kind != m.ATTRIBUTE else b""
            if message.kind == m.SYMBOLS and len(raw) >= 16:
                out += self._symbols(name, m.number(raw, 0, 8), m.number(raw, 8, 8))
            elif message.kind == m.LINK:
                out.append(self._link(name, raw))
            elif message.kind == m.LINKS and len(raw) >= 10:
                heap = m.number(raw, 10 if raw[1] & 1 else 2, 8)
                if heap != m.UNDEFINED:  # nine links or more, when their order is tracked
                    self._found.left_out.append(name or "its root")
        if len({key for key, _ in out}) != len(out):
            raise self._wrong(f"{name or 'its root'} has two entries of one name")
        return out

    def _symbols(self, name: str, tree: int, heap: int) -> list[tuple[str, int]]:
        """Entries of a group's B-tree (III.A.1) with names from its local heap (III.D)."""
        head = self._window.cut(heap, 32, "a group's names")
        if head[:4] != b"HEAP":
            raise self._wrong(f"damaged HDF5 (no names at byte {heap:,})")
        size, names = m.number(head, 8, 8), m.number(head, 24, 8)
        out: list[tuple[str, int]] = []
        pending = [tree]
        while pending:
            at = pending.pop()
            if at in self._seen or len(out) > MAX_OBJECTS:
                raise self._wrong(f"damaged HDF5 (the group {name or 'at its root'} has no end)")
            self._seen.add(at)
            node = self._window.cut(at, 8, "a group")
            count = m.number(node, 6, 2)
            if node[:4] == b"TREE" and node[4] == 0:
                raw = self._window.cut(at + 24, 16 * count + 8, "a group")
                pending += reversed([m.number(raw, 8 + 16 * k, 8) for k in range(count)])
                continue
            if node[:4] != b"SNOD":
                raise self._wrong(f"damaged HDF5 (no group at byte {at:,})")
            raw = self._window.cut(at + 8, 40 * count, "a group")
            for k in range(count):
                offset, address = m.number(raw, 40 * k, 8), m.number(raw, 40 * k + 8, 8)
                key = self._name(names, offset, size)
                if m.number(raw, 40 * k + 16, 4) == 2:
                    raise self._wrong(f"{name}/{key} is a link to another place, which is not followed")
                out.append((key, address))
        return out

    def _name(self, names: int, offset: int, size: int) -> str:
        if offset >= size or names + size > self._window.size:
            raise self._wrong(f"damaged HDF5 (a name lies beyond the heap at byte {names:,})")
        raw = self._window.cut(names + offset, min(MAX_NAME, size - offset), "a name")
        return raw.split(b"\0")[0].decode("utf-8", "replace")

    def _link(self, name: str, raw: bytes) -> tuple[str, int]:
        """One link message (IV.A.2.g)."""
        flags = raw[1] if len(raw) > 1 else 0
        at = 2
        kind = raw[at] if flags & 8 and len(raw) > at else HARD
        at += (1 if flags & 8 else 0) + (8 if flags & 4 else 0) + (1 if flags & 16 else 0)
        width = 1 << (flags & 3)
        length = m.number(raw, at, width)
        key = raw[at + width : at + width + length].decode("utf-8", "replace")
        if kind != HARD:
            what = "place" if kind == SOFT else "file"
            raise self._wrong(f"{name}/{key} is a link to another {what}, which is not followed")
        if at + width + length + 8 > len(raw):
            raise self._wrong(f"damaged HDF5 (a link in {name or 'its root'} is cut off)")
        return key, m.number(raw, at + width + length, 8)

    def _put(self, name: str, found: list[m.Message]) -> None:
        """Note one dataset, its values still on disk."""
        parts = {k.kind: self._window.cut(k.start, k.size, "a dataset") for k in found if k.kind != m.ATTRIBUTE}
        if m.EXTERNAL in parts:
            raise self._wrong(f"dataset {name} keeps its values in another file, which is not opened")
        if not {m.DATASPACE, m.DATATYPE, m.LAYOUT} <= parts.keys():
            return  # a type on its own
        shape, kind = m.shape_of(parts[m.DATASPACE], self._path), m.kind_of(parts[m.DATATYPE], self._path)
        layout = parts[m.LAYOUT]
        if len(layout) < 2:
            raise self._wrong(f"dataset {name} has no layout")
        version, stored_as = layout[0], layout[1]
        if stored_as == 3 and version == 4:
            raise self._wrong(f"dataset {name} keeps its values in another file, which is not opened")
        if not kind.name or version not in (3, 4) or (stored_as == 2 and version == 4) or stored_as > 2:
            self._found.left_out.append(name)
            return
        needed = DTYPES[kind.name].nbytes(prod(shape))
        if stored_as == 2:
            self._pieces(name, shape, kind, layout, parts.get(m.FILTERS, b""), needed)
            return
        if stored_as == 0:  # the values stand in the header
            message = next(k for k in found if k.kind == m.LAYOUT)
            at, size = message.start + 4, m.number(layout, 2, 2)
        else:
            at, size = m.number(layout, 2, 8), m.number(layout, 10, 8)
        if at == m.UNDEFINED or size < needed or at + needed > self._window.size:
            if not needed:
                at = 0
            else:
                raise self._wrong(f"dataset {name} claims {needed:,} bytes of values, which the file does not hold")
        if kind.big_endian:
            self._found.left_out.append(name)
            return
        start = self._window.start + at
        self._found.tensors[name] = Tensor(name, kind.name, shape, self._path, start, self._window.source)

    def _pieces(
        self, name: str, shape: tuple[int, ...], kind: m.Kind, layout: bytes, packed: bytes, needed: int
    ) -> None:
        rank, tree = layout[2] - 1 if len(layout) > 2 else 0, m.number(layout, 3, 8)
        piece = tuple(m.number(layout, 11 + 4 * k, 4) for k in range(rank))
        filters = m.filters_of(packed, self._path) if packed else ()
        if rank != len(shape) or not rank or 0 in piece or prod(piece) * kind.size > MAX_CHUNK:
            raise self._wrong(f"dataset {name} is stored in pieces of a shape that does not fit")
        if set(filters) - {DEFLATE, SHUFFLE, CHECKSUM}:
            self._found.left_out.append(name)
            return
        most = self._window.size * (SHRINKS if DEFLATE in filters else 1)
        padded = prod(-(-s // p) * p for s, p in zip(shape, piece, strict=True))
        if needed > most or padded * kind.size > most or tree == m.UNDEFINED:
            raise self._wrong(f"dataset {name} claims {needed:,} bytes of values, which the file cannot hold")
        where = (self._path, self._window.start, self._window.source)
        self._found.tensors[name] = Pieces(
            name,
            f"{kind.name} in pieces",
            shape,
            *where,
            inner=kind.name,
            window=self._window,
            tree=tree,
            piece=piece,
            filters=filters,
            swapped=kind.big_endian,
        )
