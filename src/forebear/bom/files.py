"""The files of a model: role, size, SHA-256 and SHA-512 from one reading, and a digest over all of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType

from forebear.errors import InputError
from forebear.sources import File, Source

CHUNK = 4_000_000
"""Bytes that are read at once; two files at a time, so memory stays small for a model of any size."""
READERS = 2
NONE: Mapping[str, str] = MappingProxyType({})
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx", ".npz")
_TOKENIZER = ("tokenizer", "vocab", "merges", "special_tokens_map", "added_tokens", "spiece", "sentencepiece")
_LICENCE = ("licence", "license", "copying", "notice", "use_policy", "usage_policy", "acceptable_use", "acceptable-use")


@dataclass(frozen=True)
class FileRecord:
    """One file of the model.

    Attributes:
        path: relative to the model's folder, ``/`` between parts, as the file system has it.
        size: bytes.
        role: ``weights``, ``config``, ``tokenizer``, ``card``, ``licence``, ``chat template``, ``code`` or ``other``,
            by name alone.
        sha256: hexadecimal, empty where the file could not be read.
        sha512: hexadecimal, empty where the file could not be read, or was not.
        stated: the SHA-256 is what its hub states; the file was not downloaded to compute it.
    """

    path: str
    size: int
    role: str
    sha256: str = ""
    sha512: str = ""
    stated: bool = False


def describe_files(
    source: Source, on_step: Callable[[str], None] = lambda _: None, stated: Mapping[str, str] = NONE
) -> tuple[tuple[FileRecord, ...], tuple[str, ...]]:
    """Every file of the model, sorted by path, and one line for each that could not be read.

    Where one weight file was named, the other weight files beside it belong to other models and are left out.

    Args:
        source: where they are.
        on_step: told what is being done.
        stated: ``sha256:…`` by path of files that are far away: these are believed, and said to be. Nobody wants a
            terabyte downloaded for a digest that the hub has.
    """
    listed = [f for f in source.files() if source.only in (None, f.path) or role_of(f.path) != "weights"]
    on_step(f"hashing {len(listed):,} files")
    done: list[FileRecord] = []
    problems: list[str] = []
    with ThreadPoolExecutor(READERS) as pool:
        for record, problem in pool.map(lambda f: _describe(source, f, stated.get(f.path, "")), listed):
            done.append(record)
            problems += [problem] if problem else []
            on_step(f"hashed {len(done):,} of {len(listed):,} files: {record.path}")
    return tuple(done), tuple(problems)


def _describe(source: Source, file: File, stated: str) -> tuple[FileRecord, str]:
    short, long = hashlib.sha256(), hashlib.sha512()
    role = role_of(file.path)
    if stated and source.traffic is not None:
        return FileRecord(file.path, file.size, role, stated.removeprefix("sha256:"), stated=True), ""
    try:
        for start in range(0, file.size, CHUNK):
            data = source.read(file.path, start, min(start + CHUNK, file.size))
            short.update(data)
            long.update(data)
        if not file.size:
            source.read(file.path, 0, 0)  # an empty file can be unreadable too
    except InputError as error:
        return FileRecord(file.path, file.size, role), str(error)
    return FileRecord(file.path, file.size, role, short.hexdigest(), long.hexdigest()), ""


def role_of(path: str) -> str:
    """What a file is for, by its name."""
    name = path.rsplit("/", 1)[-1].lower()
    if name.endswith(WEIGHTS) or name.endswith(".index.json"):
        return "weights"
    if name == "readme.md":
        return "card"
    if name.startswith("chat_template"):
        return "chat template"
    if name.endswith((".py", ".so", ".pyc", ".sh")):
        return "code"
    if name.startswith(_LICENCE):
        return "licence"
    if name.startswith(_TOKENIZER) or name.endswith((".model", ".tiktoken")):
        return "tokenizer"
    return "config" if name.endswith(".json") else "other"


def manifest_digests(files: Sequence[FileRecord]) -> dict[str, str]:
    """SHA-256 and SHA-512 of a model that is a folder, which has no bytes of its own.

    They are the digests of what ``sha256sum -- *`` and ``sha512sum -- *`` print for its files in byte order of their
    names (one line per file: digest, two spaces, name, line feed; names with a backslash, line feed or carriage
    return escaped as these tools do), so that anybody can check them without Forebear.

    Returns:
        ``SHA-256`` and ``SHA-512`` in hexadecimal, each only where every file has one: a digest of the rest would be
        that of another model.
    """
    ordered = sorted(files, key=lambda f: os.fsencode(f.path))
    found: dict[str, str] = {}
    if files and all(f.sha256 for f in files):
        found["SHA-256"] = hashlib.sha256(b"".join(_line(f.sha256, f.path) for f in ordered)).hexdigest()
    if files and all(f.sha512 for f in files):
        found["SHA-512"] = hashlib.sha512(b"".join(_line(f.sha512, f.path) for f in ordered)).hexdigest()
    return found


def _line(digest: str, path: str) -> bytes:
    escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return b"\\" * (escaped != path) + digest.encode() + b"  " + os.fsencode(escaped) + b"\n"
