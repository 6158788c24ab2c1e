"""One checkpoint file: which container it is, what its pickle says, and where its storages lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from forebear.artifacts.formats.pytorch import archive, legacy
from forebear.artifacts.formats.pytorch.archive import Archive, read_archive
from forebear.artifacts.formats.pytorch.machine import unpickled
from forebear.artifacts.formats.pytorch.values import Log
from forebear.artifacts.formats.pytorch.window import Window
from forebear.artifacts.text import LFS_POINTER, lfs_pointer
from forebear.errors import FormatError
from forebear.sources import File, Source

HEAD = 512
"""Bytes that tell the container."""
MAX_PICKLE = archive.MAX_PICKLE


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    Attributes:
        value: the pickled object, as far as it was made.
        span: byte range of a storage, by its key.
        announce: told of the keys that spans are asked for next, so that what says where they are is fetched together.
    """

    value: Any
    span: Callable[[str], tuple[int, int]] = field(repr=False)
    announce: Callable[[Iterable[str]], None] = field(default=lambda _: None, repr=False)


def kind(head: bytes) -> str:
    """The container by a file's first bytes: ``zip``, ``legacy``, ``pickle``, ``pointer``, ``tar``; else empty."""
    if head.startswith(archive.MAGIC):
        return "zip"
    if head.startswith(legacy.MAGIC):
        return "legacy"
    if head.startswith(LFS_POINTER):
        return "pointer"
    if head[257:262] == b"ustar":
        return "tar"
    if len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return "pickle"
    return ""


def read_checkpoint(source: Source, file: File, log: Log) -> Checkpoint:
    """Interpret a checkpoint's pickle and find its storages; what it would do goes to the log, even where this fails.

    Raises:
        FormatError: the file is damaged or no checkpoint.
    """
    path = file.path
    head = source.read(path, 0, min(HEAD, file.size))
    what = kind(head)
    if what == "zip":
        found = read_archive(source, file)
        prefix = pickle_prefix(found)
        if (order := found.entries.get(prefix + "byteorder")) is not None:
            start, stop = found.stored(order)
            if source.read(path, start, min(stop, start + 8)) != b"little":
                raise FormatError(
                    path, "was saved on a big-endian machine", "load and save it again on an ordinary one"
                )
        if prefix + "constants.pkl" in found.entries:
            raise FormatError(path, "a TorchScript program, not a checkpoint", "save its state_dict() with torch.save")
        value = unpickled(found.window(found.entries[prefix + "data.pkl"]), log)
        _examine_inner(path, log)
        return Checkpoint(
            value,
            lambda key: _entry_span(found, f"{prefix}data/{key}"),
            lambda keys: found.announce(f"{prefix}data/{key}" for key in keys),
        )
    if what == "legacy":
        window = file_window(source, file)
        value, keys = legacy.read_legacy(window, log)
        _examine_inner(path, log)
        spans = legacy.storage_spans(source, file, window.position, keys, log.storages)
        return Checkpoint(value, lambda key: _known_span(path, spans, key))
    examine(source, file, log)
    if what == "pickle":
        raise FormatError(path, "a plain pickle, not a torch checkpoint", "save the weights as safetensors")
    if what == "pointer":
        raise lfs_pointer(path)
    if what == "tar":
        raise FormatError(
            path, "a tar checkpoint of a torch before 0.1.10", "load it with an old torch and save it again"
        )
    if head and not any(head):
        raise FormatError(path, "begins with zeros: an unfinished download?", "fetch it again")
    raise FormatError(
        path,
        f"no torch checkpoint: it begins with {head[:8].hex(' ') or 'nothing'}, neither a zip nor a pickle",
        "other programs (llama2.c) use the same suffix; this version does not read their files",
    )


def examine(source: Source, file: File, log: Log) -> int:
    """Interpret whatever pickles a file holds, for what they would do; the number of bytes that were looked at.

    A file that does not begin like any pickle may still be one (protocols 0 and 1 have no magic number), and what
    stands before its first error would be done; so it is tried, and is no error.

    Raises:
        FormatError: a file that begins like a pickle is damaged.
    """
    what = kind(source.read(file.path, 0, min(HEAD, file.size)))
    if what == "zip":
        found = read_archive(source, file)
        pickles = [e for e in found.entries.values() if e.name.endswith(".pkl")]
        for entry in pickles:
            unpickled(found.window(entry), log)
        _examine_inner(file.path, log)
        return sum(e.size for e in pickles)
    if what in ("pointer", "tar"):
        return 0
    window = file_window(source, file)
    try:
        for _ in range(legacy.PICKLES if what == "legacy" else 1):
            unpickled(window, log)
    except FormatError:
        if what:
            raise
    _examine_inner(file.path, log)
    return window.position


def _examine_inner(path: str, log: Log) -> None:
    """Pickles inside of bytes that a pickle hands to torch: how tensors look that were not saved by torch itself."""
    done: set[int] = set()
    while waiting := log.inner.keys() - done:
        for key in waiting:
            data = log.inner[key]
            window = Window(path, partial(_cut, data), 0, len(data), "a pickle in the pickle")
            with suppress(FormatError):  # bytes that are none
                for _ in range(legacy.PICKLES):
                    unpickled(window, log)
        done |= waiting


def _cut(data: bytes, start: int, stop: int) -> bytes:
    return data[start:stop]


def file_window(source: Source, file: File) -> Window:
    """The pickles at the front of a file."""
    return Window(file.path, lambda a, b: source.read(file.path, a, b), 0, min(file.size, MAX_PICKLE))


def pickle_prefix(found: Archive) -> str:
    """What stands before ``data.pkl`` in an archive's names; ``FormatError`` where there is none, or several."""
    pickles = [n for n in found.entries if n == "data.pkl" or n.endswith("/data.pkl")]
    if len(pickles) != 1:
        what = "no data.pkl" if not pickles else f"{len(pickles)} data.pkl"
        raise FormatError(found.file.path, f"a zip file with {what} in it", "is it a torch checkpoint?")
    return pickles[0].removesuffix("data.pkl")


def _entry_span(found: Archive, name: str) -> tuple[int, int]:
    if name not in found.entries:
        raise FormatError(
            found.file.path, f"its pickle names {name[:120]}, which is not in the archive", "it is damaged"
        )
    return found.stored(found.entries[name])


def _known_span(path: str, spans: dict[str, tuple[int, int]], key: str) -> tuple[int, int]:
    if key not in spans:
        raise FormatError(path, f"its pickle names storage {key[:120]}, which is not in the file", "it is damaged")
    return spans[key]
