"""PyTorch checkpoints written by hand: a small pickle writer, the zip and the legacy container, no torch."""

from __future__ import annotations

import io
import json
import shutil
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.dtypes import DTYPES

STORAGES = {
    "F32": "FloatStorage",
    "F64": "DoubleStorage",
    "F16": "HalfStorage",
    "BF16": "BFloat16Storage",
    "I64": "LongStorage",
    "I32": "IntStorage",
    "U8": "ByteStorage",
    "BOOL": "BoolStorage",
}
MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."


@dataclass(frozen=True)
class Name:
    """A global."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    """``function(*arguments)``, and the state that it is given afterwards."""

    function: Any
    arguments: tuple[Any, ...] = ()
    state: Any = None


@dataclass(frozen=True)
class New:
    """An object made without ``__init__``, and its state."""

    of: Name
    arguments: tuple[Any, ...] = ()
    state: Any = None


@dataclass(frozen=True)
class Kept:
    """A persistent identifier."""

    key: tuple[Any, ...]


@dataclass(frozen=True)
class Raw:
    """Opcodes as they are."""

    code: bytes


@dataclass(frozen=True)
class Array:
    """A tensor: how it lies over bytes that other tensors may share.

    Attributes:
        raw: of the storage.
        strides: default those of a contiguous tensor.
    """

    dtype: str
    shape: tuple[int, ...]
    raw: bytes
    strides: tuple[int, ...] | None = None
    offset: int = 0


def array(values: NDArray[Any], **how: Any) -> Array:
    raw = np.ascontiguousarray(values, dtype="<f4")
    return Array("F32", values.shape, raw.tobytes(), **how)


def pickled(value: Any) -> bytes:
    """A pickle of protocol 2."""
    return b"\x80\x02" + code(value) + b"."


def code(value: Any) -> bytes:
    """The opcodes that leave a value on the stack."""
    match value:
        case Raw():
            return value.code
        case Name():
            return b"c" + value.module.encode() + b"\n" + value.name.encode() + b"\n"
        case Call():
            return code(value.function) + code(value.arguments) + b"R" + built(value.state)
        case New():
            return code(value.of) + code(value.arguments) + b"\x81" + built(value.state)
        case Kept():
            return code(value.key) + b"Q"
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            return b"\x8b" + struct.pack("<I", 9) + value.to_bytes(9, "little", signed=True)
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        case bytes():
            return b"B" + struct.pack("<I", len(value)) + value
        case tuple():
            return b"(" + b"".join(map(code, value)) + b"t"
        case list():
            return b"](" + b"".join(map(code, value)) + b"e"
        case dict():
            return b"}(" + b"".join(code(k) + code(v) for k, v in value.items()) + b"u"
    raise TypeError(type(value))


def built(state: Any) -> bytes:
    return b"" if state is None else code(state) + b"b"


def tensors(value: Any, storages: dict[str, tuple[str, bytes]], legacy: bool = False) -> Any:
    """The same value with every array as the call that makes it; equal bytes objects share a storage."""
    if isinstance(value, dict):
        return {k: tensors(v, storages, legacy) for k, v in value.items()}
    if isinstance(value, list):
        return [tensors(v, storages, legacy) for v in value]
    if isinstance(value, np.ndarray):
        value = array(value)
    if isinstance(value, New):
        return New(value.of, value.arguments, tensors(value.state, storages, legacy))
    if not isinstance(value, Array):
        return value
    key = next((k for k, (_, raw) in storages.items() if raw is value.raw), str(len(storages)))
    typed = value.dtype in STORAGES
    storages[key] = ("BYTE" if not typed else value.dtype, value.raw)
    kind = Name("torch", STORAGES[value.dtype]) if typed else Name("torch.storage", "UntypedStorage")
    numbers = len(value.raw) // (DTYPES[value.dtype].nbytes(1) if typed else 1)
    kept = Kept(("storage", kind, key, "cpu", numbers, *([None] if legacy else [])))
    strides = value.strides
    if strides is None:
        strides = tuple(int(np.prod(value.shape[k + 1 :])) for k in range(len(value.shape)))
    hooks = Call(Name("collections", "OrderedDict"))
    laid = (kept, value.offset, value.shape, strides, False, hooks)
    if typed:
        return Call(Name("torch._utils", "_rebuild_tensor_v2"), laid)
    return Call(Name("torch._utils", "_rebuild_tensor_v3"), (*laid, Name("torch", _TORCH[value.dtype])))


_TORCH = {"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "U16": "uint16"}


def zip_bytes(value: Any, name: str = "archive", extra: Mapping[str, bytes] | None = None, method: int = 0) -> bytes:
    """A checkpoint as torch has written it since 1.6."""
    storages: dict[str, tuple[str, bytes]] = {}
    data = pickled(tensors(value, storages))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr(f"{name}/data.pkl", data)
        archive.writestr(f"{name}/byteorder", b"little")
        for key, (_, raw) in storages.items():
            archive.writestr(f"{name}/data/{key}", raw)
        archive.writestr(f"{name}/version", b"3\n")
        for path, raw in (extra or {}).items():
            archive.writestr(f"{name}/{path}", raw)
    return out.getvalue()


def zip64_bytes(value: Any) -> bytes:
    """The same, with every size and offset of the directory in zip64 fields."""
    storages: dict[str, tuple[str, bytes]] = {}
    entries = {"archive/data.pkl": pickled(tensors(value, storages))}
    entries |= {f"archive/data/{k}": raw for k, (_, raw) in storages.items()}
    out, directory = bytearray(), bytearray()
    for name, raw in entries.items():
        head, path = len(out), name.encode()
        out += (
            struct.pack("<4s5H3L2H", b"PK\3\4", 45, 0, 0, 0, 0, zlib.crc32(raw), len(raw), len(raw), len(path), 8)
            + path
        )
        out += struct.pack("<2H", 0x4246, 4) + b"ZZZZ" + raw
        wide = struct.pack("<2H3Q", 1, 24, len(raw), len(raw), head)
        fields = (
            45,
            45,
            0,
            0,
            0,
            0,
            zlib.crc32(raw),
            0xFFFFFFFF,
            0xFFFFFFFF,
            len(path),
            len(wide),
            0,
            0,
            0,
            0,
            0xFFFFFFFF,
        )
        directory += struct.pack("<4s6H3L5H2L", b"PK\1\2", *fields) + path + wide
    start, n = len(out), len(entries)
    out += directory
    at = len(out)
    out += struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, n, n, len(directory), start)
    out += struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    out += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return bytes(out)


def legacy_bytes(value: Any, little: bool = True) -> bytes:
    """A checkpoint as torch wrote it before 1.6."""
    storages: dict[str, tuple[str, bytes]] = {}
    data = pickled(tensors(value, storages, legacy=True))
    sizes = {"short": 2, "int": 4, "long": 8}
    system = {"protocol_version": 1001, "little_endian": little, "type_sizes": sizes}
    out = MAGIC + pickled(1001) + pickled(system) + data + pickled(list(storages))
    for dtype, raw in storages.values():
        numbers = len(raw) // (1 if dtype == "BYTE" else DTYPES[dtype].nbytes(1))
        out += struct.pack("<q", numbers) + raw
    return out


def converted(folder: Path, out: Path, write: Any = zip_bytes, wrap: Any = dict, shards: int = 1) -> Path:
    """A safetensors model (one file) as a folder with a PyTorch checkpoint, or several with their index."""
    shutil.copytree(folder, out, ignore=shutil.ignore_patterns("*.safetensors"))
    held = loaded(folder)
    if shards == 1:
        (out / "pytorch_model.bin").write_bytes(write(wrap(held)))
        return out
    names, owner = list(held), dict[str, str]()
    for k in range(shards):
        file = f"pytorch_model-{k + 1:05d}-of-{shards:05d}.bin"
        (out / file).write_bytes(write({n: held[n] for n in names[k::shards]}))
        owner |= dict.fromkeys(names[k::shards], file)
    (out / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": owner}))
    return out


def loaded(folder: Path) -> dict[str, Array]:
    """The tensors of a safetensors model, each over bytes of its own."""
    raw = (folder / "model.safetensors").read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__", None)
    out = {}
    for name, entry in header.items():
        a, b = (8 + length + o for o in entry["data_offsets"])
        out[name] = Array(entry["dtype"], tuple(entry["shape"]), raw[a:b])
    return out


def turned(held: Array) -> Array:
    """The same tensor, stored by columns: what ``x.t().contiguous().t()`` is."""
    if len(held.shape) != 2:
        return held
    rows, columns = held.shape
    width = DTYPES[held.dtype].nbytes(1)
    grid = np.frombuffer(held.raw, dtype=np.uint8).reshape(rows, columns, width)
    return Array(held.dtype, held.shape, grid.swapaxes(0, 1).tobytes(), (1, rows))
