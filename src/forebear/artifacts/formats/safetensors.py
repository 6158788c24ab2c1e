"""Safetensors files, single and sharded: header first, rows when asked.

Format: https://huggingface.co/docs/safetensors (8-byte little-endian header length, JSON header, data). Every
number of the header is checked against the file before it is used; a stranger wrote it.
"""

from __future__ import annotations

from functools import cache
from math import prod
from typing import Any

from forebear.artifacts.base import Tensor, Weights
from forebear.artifacts.dtypes import DTYPES, SAFETENSORS
from forebear.artifacts.formats.names import INDEX, MAX_INDEX, consolidated
from forebear.artifacts.formats.shards import presumed
from forebear.artifacts.text import LFS_POINTER, lfs_pointer, load_json, read_whole
from forebear.errors import FormatError, InputError
from forebear.sources import File, Range, Source

SUFFIX = ".safetensors"
_TEXT = bytes(range(32, 127)) + b"\t\r\n"
"""Eight of these would be a length beyond any file."""
MAX_HEADER = 100_000_000
"""The bound that the reference implementation sets."""
HEADER_WINDOW = 65_536
"""Bytes at the start of a remote file that are fetched at once: most headers take one request then."""
FEW_SHARDS = 4
"""So many headers are always read."""
MAX_DIMENSIONS = 16
MAX_ELEMENTS = 2**56
"""Of a tensor and, in empty ones, of the axes that are not empty: arrays of any dtype then fit 64-bit sizes."""


class Safetensors:
    """The reader of ``*.safetensors``."""

    name = "safetensors"

    def handles(self, source: Source) -> bool:
        """True for a directory (or file) with safetensors, or with an index that names some."""
        return bool(_weight_files(source))

    def read(self, source: Source) -> Weights:
        """Headers of all shards, checked one by one and against the index."""
        sizes = {f.path: f.size for f in source.files()}
        index, owner = self._choose(source, sizes)
        tensors: dict[str, Tensor] = {}
        if owner is not None and source.traffic is not None and len(set(owner.values())) > FEW_SHARDS:
            return _opened_when_needed(source, sizes, index[0], owner)
        paths = sorted(set(owner.values())) if owner is not None else index
        for path in paths:
            if path not in sizes:
                raise InputError(f"{path}: not in {source.target}", "was it moved or deleted just now?")
        prefetch_headers(source, [File(path, sizes[path]) for path in paths])
        for path in paths:
            for name, tensor in read_header(source, File(path, sizes[path])).items():
                if name in tensors:
                    raise FormatError(path, f"tensor {name} is also in {tensors[name].path}", "remove one of them")
                tensors[name] = tensor
        if owner is not None:
            check_index(index[0], owner, tensors)
        if not tensors:
            raise FormatError(source.target, "its safetensors files hold no tensors")
        return Weights(self.name, tensors, tuple(sorted({t.path for t in tensors.values()})))

    def _choose(self, source: Source, sizes: dict[str, int]) -> tuple[list[str], dict[str, str] | None]:
        """The weight files, or the index file and the shard that it names for every tensor."""
        names = _weight_files(source)
        plain, indexes = [n for n in names if n.endswith(SUFFIX)], [n for n in names if not n.endswith(SUFFIX)]
        if indexes and plain != ["model.safetensors"]:
            chosen = INDEX if INDEX in indexes else indexes[0]
            return [chosen], read_index(source, chosen, sizes)
        if "model.safetensors" in plain:
            return ["model.safetensors"], None
        return plain, None


def _opened_when_needed(source: Source, sizes: dict[str, int], index: str, owner: dict[str, str]) -> Weights:
    """A distant model of many shards; see :mod:`forebear.artifacts.formats.shards`."""
    shards = set(owner.values())
    window = sizes[index] * 3 // (2 * len(shards)) + 4_096  # a header says a little more of its tensors than the index
    header = cache(lambda path: read_header(source, File(path, sizes[path]), window))
    tensors = presumed(owner, header, lambda paths: source.prefetch((p, 0, min(sizes[p], 8 + window)) for p in paths))
    read = header.cache_info().currsize
    note = f"{read} of {len(shards)} headers were read first; in the others, shapes are presumed until they are needed"
    return Weights(Safetensors.name, tensors, tuple(sorted(shards)), notes=(note,))


def _weight_files(source: Source) -> list[str]:
    """Weight files and indexes, sorted; an adapter beside a model is no part of it."""
    files = [f.path for f in source.files()]
    names = [source.only] if source.only else [n for n in files if not n.startswith("adapter_model")]
    return sorted(n for n in names if n.endswith((SUFFIX, SUFFIX + ".index.json")) and not consolidated(n, files))


def read_index(source: Source, path: str, sizes: dict[str, int]) -> dict[str, str]:
    """The weight map of a shard index: tensor name to file name, every file present.

    Raises:
        FormatError: the index is not what it should be, or names files that are not there.
    """
    data = load_json(read_whole(source, path, MAX_INDEX), path)
    weight_map = data.get("weight_map") if isinstance(data, dict) else None
    if not isinstance(weight_map, dict) or {*map(type, weight_map.values())} - {str}:
        raise FormatError(path, "has no weight_map of tensor names to file names")
    missing = sorted(set(weight_map.values()) - sizes.keys())
    if missing:
        listed = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise FormatError(path, f"names files that are not there: {listed}", "fetch the missing shards")
    return weight_map


def check_index(path: str, owner: dict[str, str], tensors: dict[str, Tensor]) -> None:
    """Raise ``FormatError`` unless index and shards hold the same tensors in the same files."""
    absent = [n for n, shard in owner.items() if n not in tensors or tensors[n].path != shard]
    if absent:
        raise FormatError(
            path, f"says {owner[absent[0]]} holds {absent[0]}, which it does not", "fetch the shards again"
        )
    extra = [n for n in tensors if n not in owner]
    if extra:
        raise FormatError(path, f"does not list {extra[0]}, which is in {tensors[extra[0]].path}")


def prefetch_headers(source: Source, files: list[File]) -> None:
    """Have the headers of all files fetched together: a window of each, then the rest of the longer ones."""
    if source.traffic is None:  # on this machine
        return
    source.prefetch([(f.path, 0, min(f.size, HEADER_WINDOW)) for f in files])
    longer: list[Range] = []
    for path, size in ((f.path, f.size) for f in files if f.size > HEADER_WINDOW):
        stop = 8 + int.from_bytes(source.read(path, 0, 8), "little")
        if HEADER_WINDOW < stop <= min(size, 8 + MAX_HEADER):
            longer.append((path, 8, stop))
    source.prefetch(longer)


def read_header(source: Source, file: File, window: int = 0) -> dict[str, Tensor]:
    """The tensors of one file.

    Args:
        window: bytes of header to ask for at once with its length, where a second read costs a round trip.

    Raises:
        FormatError: the length, an offset, a shape, a dtype or the coverage of the data is impossible.
    """
    path, size = file.path, file.size
    if size < 10:
        raise FormatError(
            path, f"{size} bytes are too few for a safetensors file", "the file is truncated: fetch it again"
        )
    first = source.read(path, 0, min(size, 8 + window))
    start = first[:8]
    if LFS_POINTER.startswith(start):
        raise lfs_pointer(path)
    length = int.from_bytes(start, "little")
    if not start.translate(None, _TEXT):
        raise FormatError(path, "begins as a text, so it is no safetensors file", "fetch the file again")
    if length > MAX_HEADER or length > size - 8:
        raise FormatError(
            path,
            f"its header claims {length:,} bytes, the file has {size:,}",
            "it is truncated or not a safetensors file",
        )
    raw = first[8 : 8 + length]
    if len(raw) < length:
        raw += source.read(path, 8 + len(raw), 8 + length)
    header = load_json(raw, path, what="header")
    if not isinstance(header, dict):
        raise FormatError(path, "its header is not a JSON object")
    available = size - 8 - length
    tensors: dict[str, Tensor] = {}
    spans: list[tuple[int, int, str]] = []
    for name, entry in header.items():
        if name == "__metadata__":
            if entry is not None and not (isinstance(entry, dict) and all(isinstance(v, str) for v in entry.values())):
                raise FormatError(path, "its __metadata__ is not a mapping of texts")
            continue
        dtype, shape, begin, end = check_entry(path, name, entry)
        if end > available:
            raise FormatError(
                path,
                f"tensor {name} ends at data byte {end:,}, the file holds {available:,}",
                "the file is truncated: fetch it again",
            )
        spans.append((begin, end, name))
        tensors[name] = Tensor(name, dtype, shape, path, 8 + length + begin, source)
    check_coverage(path, spans, available)
    return tensors


def check_entry(path: str, name: str, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    """Dtype, shape and offsets of one header entry, or ``FormatError``."""

    def wrong(problem: str) -> FormatError:
        return FormatError(path, f"tensor {name}: {problem}")

    if not isinstance(entry, dict):
        raise wrong("its header entry is not an object")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in SAFETENSORS:
        raise wrong(f"unknown dtype {dtype[:40]!r}" if isinstance(dtype, str) else "its dtype is not text")
    if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS or not all(_is_count(s) for s in shape):
        raise wrong("its shape is not a short list of sizes")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(_is_count(o) for o in offsets):
        raise wrong("its data_offsets are not two positions")
    begin, end = offsets
    elements = prod(shape)
    if prod(max(1, s) for s in shape) > MAX_ELEMENTS:
        raise wrong(f"its shape {shape} is too large for any file")
    needed = DTYPES[dtype].nbytes(elements)
    if end < begin or not DTYPES[dtype].divides(elements) or end - begin != needed:
        raise wrong(f"shape {shape} of {dtype} needs {needed:,} bytes, its offsets give {end - begin:,}")
    return dtype, tuple(shape), begin, end


def check_coverage(path: str, spans: list[tuple[int, int, str]], available: int) -> None:
    """Tensors must neither overlap nor leave bytes that nobody reads (something could hide there)."""
    position, before = 0, "the start of the data"
    for begin, end, name in sorted(spans):
        if begin < position:
            raise FormatError(path, f"tensors {before} and {name} overlap")
        if begin > position:
            raise FormatError(path, f"{begin - position:,} unclaimed bytes before tensor {name}")
        position, before = end, name
    if position != available:
        raise FormatError(path, f"{available - position:,} unclaimed bytes at the end", "it is damaged or hides data")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_ELEMENTS
