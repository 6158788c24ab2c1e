"""The container of torch before 1.6: five pickles one after the other, then the storages.

Layout (``_legacy_load`` in torch/serialization.py): a magic number, a protocol number, facts about the system that
saved it, the object, the keys of its storages; then for every key the number of its values (8 bytes) and the values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from forebear.artifacts.dtypes import DTYPES
from forebear.artifacts.formats.pytorch.machine import unpickled
from forebear.artifacts.formats.pytorch.values import Log, Storage
from forebear.artifacts.formats.pytorch.window import Window
from forebear.errors import FormatError
from forebear.sources import File, Source

MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
PROTOCOL = 1001
PICKLES = 5
_MAX_KEY = 256


def read_legacy(window: Window, log: Log) -> tuple[Any, list[str]]:
    """The object and the keys of its storages, in the order of their bytes, which follow the window.

    Raises:
        FormatError: a part is damaged, or was written on a big-endian machine.
    """
    window.take(len(MAGIC))
    protocol, system = unpickled(window, log), unpickled(window, log)
    if protocol != PROTOCOL or not isinstance(system, dict):
        raise window.wrong("not a legacy torch checkpoint after all", "it is damaged")
    if system.get("little_endian") is not True:
        raise window.wrong("was saved on a big-endian machine", "load and save it again on an ordinary one")
    value, keys = unpickled(window, log), unpickled(window, log)
    if not isinstance(keys, list) or not all(isinstance(k, str) and len(k) <= _MAX_KEY for k in keys):
        raise window.wrong("its storage keys are no list of texts", "it is damaged")
    if len(set(keys)) != len(keys):
        raise window.wrong("a storage key occurs twice", "it is damaged")
    return value, keys


def storage_spans(
    source: Source, file: File, at: int, keys: Iterable[str], storages: Mapping[str, Storage]
) -> dict[str, tuple[int, int]]:
    """Byte range of every storage, by key; ``at`` is where the first begins.

    Raises:
        FormatError: a storage is longer than the file, or nothing says how wide its values are.
    """
    spans: dict[str, tuple[int, int]] = {}
    for key in keys:
        if key not in storages:
            raise FormatError(file.path, f"storage {key} at byte {at:,} is of no known type", "save it as safetensors")
        if at + 8 > file.size:
            raise FormatError(file.path, f"ends before storage {key} at byte {at:,}", "it is truncated: fetch it again")
        count = int.from_bytes(source.read(file.path, at, at + 8), "little")
        stop = at + 8 + DTYPES[storages[key].dtype].nbytes(count)
        if stop > file.size:
            raise FormatError(
                file.path, f"storage {key} ends at byte {stop:,} of {file.size:,}", "it is truncated: fetch it again"
            )
        spans[key] = (at + 8, stop)
        at = stop
    return spans
