"""Keras models: HDF5 weights (``.h5``, ``.hdf5``) and the zip of Keras 3 (``.keras``). No layer's code is run.

What is read: https://keras.io/api/models/model_saving_apis. An HDF5 file lists its layers (``layer_names``) with the
names of their weights, and a whole model its configuration as JSON (``model_config``). Tensors are named by layer and
weight (``rnn_1/kernel``), without the scopes and counters that a second training run changes.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from forebear.artifacts.base import Tensor, Weights
from forebear.artifacts.formats.keras.hdf5 import Contents, contents
from forebear.artifacts.formats.keras.window import Window
from forebear.artifacts.text import LFS_POINTER, lfs_pointer, load_json
from forebear.errors import FormatError, one_line
from forebear.sources import Source

HDF5 = (".h5", ".hdf5")
ZIP = ".keras"
WEIGHTS, CONFIG = "model.weights.h5", "config.json"
MAX_CONFIG = 64_000_000
MAX_MEMBERS = 1_000
MAX_NESTING = 50


class Keras:
    """The reader of ``*.h5``, ``*.hdf5`` and ``*.keras``."""

    name = "Keras"

    def handles(self, source: Source) -> bool:
        """True for a directory (or file) with any of the suffixes."""
        return bool(_candidates(source))

    def read(self, source: Source) -> Weights:
        """Names, shapes and places of all weights, and the configuration where the file has one."""
        names = _candidates(source)
        path = min(names, key=lambda n: (not n.endswith(ZIP), "model" not in n, n))
        notes: tuple[str, ...] = (
            () if len(names) == 1 else (f"{path} was read; {len(names) - 1} more Keras files were not",)
        )
        size = next((f.size for f in source.files() if f.path == path), 0)
        if source.read(path, 0, min(size, len(LFS_POINTER))) == LFS_POINTER:
            raise lfs_pointer(path)
        start, length, config = _unzipped(source, path, size) if path.endswith(ZIP) else (0, size, None)
        found = contents(Window(source, path, start, length))
        if config is None and isinstance(text := found.attributes.get("@model_config"), str):
            config = load_json(text.encode("utf-8"), path, what="model_config")
        layers = tuple(_layers(config)) if isinstance(config, dict) else ()
        tensors = {t.name: t for t in _named(found, layers, path)}
        if not tensors:
            raise FormatError(path, "holds no weights that can be read")
        if found.left_out:
            first = one_line(found.left_out[0], 60)
            notes += (f"{len(found.left_out)} parts of {path} are kept in a way that is not read, {first} for one",)
        about: dict[str, Any] = {"keras_layers": list(layers) or _listed(found)}
        return Weights(
            "Keras (zip)" if path.endswith(ZIP) else "Keras (HDF5)",
            tensors,
            (path,),
            config=about if about["keras_layers"] else {},
            notes=notes,
            dangers=tuple(_dangers(path, config)),
            unread=frozenset(found.left_out),
        )


def _candidates(source: Source) -> list[str]:
    names = [source.only] if source.only else [f.path for f in source.files()]
    return sorted(n for n in names if n.lower().endswith((*HDF5, ZIP)))


def _unzipped(source: Source, path: str, size: int) -> tuple[int, int, Any]:
    """Where the weights lie in a ``.keras`` file, and the configuration beside them; nothing is unpacked.

    Raises ``FormatError`` unless the weights are stored as they are, which Keras does.
    """
    try:
        with zipfile.ZipFile(Window(source, path, 0, size)) as archive:
            members = {m.filename: m for m in archive.infolist()}
            if len(members) > MAX_MEMBERS:
                raise FormatError(path, f"holds more than {MAX_MEMBERS:,} files")
            weights, config = members.get(WEIGHTS), members.get(CONFIG)
            if weights is None:
                raise FormatError(path, f"no {WEIGHTS} in it", "is it a model saved by Keras 3?")
            if weights.compress_type != zipfile.ZIP_STORED or weights.file_size != weights.compress_size:
                raise FormatError(path, f"{WEIGHTS} is compressed, which Keras does not do", "unpack and repack it")
            text = b""
            if config is not None and config.file_size <= MAX_CONFIG:
                with archive.open(config) as member:
                    text = member.read(MAX_CONFIG)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise FormatError(path, f"damaged zip ({str(error)[:120]})", "fetch it again") from None
    except zipfile.zlib.error as error:  # type: ignore[attr-defined]
        raise FormatError(path, f"damaged zip ({error})", "fetch it again") from None
    local = source.read(path, weights.header_offset, min(size, weights.header_offset + 30))
    if len(local) < 30 or local[:4] != b"PK\x03\x04":
        raise FormatError(path, f"{WEIGHTS} has no header at byte {weights.header_offset:,}", "fetch it again")
    start = weights.header_offset + 30 + int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
    if start + weights.file_size > size:
        raise FormatError(path, f"{WEIGHTS} ends beyond the file", "fetch it again")
    return start, weights.file_size, load_json(text, path, what=CONFIG) if text else None


_COUNTED = re.compile(r":0\Z")
_VARIABLE = re.compile(r"(?P<layer>.*?)/(?P<inside>(?:.*/)?cell/)?vars/(?P<number>\d{1,3})\Z")
_OF_CELL, _OF_LAYER = ("kernel", "recurrent_kernel", "bias"), ("kernel", "bias")
OPTIMISER = ("optimizer", "optimizer_weights")


def _named(found: Contents, layers: Sequence[Mapping[str, Any]], path: str) -> Iterator[Tensor]:
    """Weights by layer and weight, in the order in which the file lists its layers.

    Files of Keras 2, and those that Keras 3 writes in its manner, list the names of a layer's weights; where a list is
    missing the layer's groups are walked. The files of Keras 3 number the variables of a layer.
    """
    root = "model_weights/" if "@model_config" in found.attributes else ""  # a whole model, with optimiser state
    listed = found.attributes.get(f"{root[:-1]}@layer_names")
    order = listed if isinstance(listed, list) else [str(layer["name"]) for layer in layers]
    taken: set[str] = set()
    for layer in order:
        names = found.attributes.get(f"{root}{layer}@weight_names")
        stem = f"{root}{layer}/"
        for weight in (
            names if isinstance(names, list) else [n[len(stem) :] for n in found.tensors if n.startswith(stem)]
        ):
            tensor = found.tensors.get(stem + weight)
            if tensor is None:
                raise FormatError(path, f"lists {layer}/{weight}, which it does not hold", "fetch it again")
            parts = _COUNTED.sub("", weight).split("/")
            side = [p for p in parts[:-1] if p.startswith(("forward_", "backward_"))][-1:]
            name = "/".join([layer, *side, parts[-1]])
            if name in taken:  # two weights of one name in a layer: their scopes tell them apart
                name = f"{layer}/{'/'.join(parts)}"
            taken |= {name, stem + weight}
            yield _renamed(tensor, name)
    for full in sorted(found.tensors, key=_naturally):
        if full not in taken and full.partition("/")[0] not in OPTIMISER:
            yield _renamed(found.tensors[full], _variable(full))


def _naturally(name: str) -> list[tuple[int, str]]:
    """A key by which ``lstm_2`` comes before ``lstm_10``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d{1,9})", name)]


def _variable(full: str) -> str:
    """``layers/lstm/cell/vars/1`` as ``layers/lstm/recurrent_kernel``; other names as they are."""
    if (m := _VARIABLE.match(full)) is None:
        return full
    names, number = (_OF_CELL if m["inside"] else _OF_LAYER), int(m["number"])
    side = (m["inside"] or "").removesuffix("cell/")
    return f"{m['layer']}/{side}{names[number]}" if number < len(names) else full


def _renamed(tensor: Tensor, name: str) -> Tensor:
    return replace(tensor, name=name)


def _listed(found: Contents) -> list[dict[str, Any]]:
    """The layers that a file of weights lists: their names in order, nothing else is known of them."""
    names = found.attributes.get("@layer_names")  # with a configuration the layers are told by that
    return [{"name": name} for name in names] if isinstance(names, list) else []


def _layers(config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Name, class and what decides symmetries of every layer of a configuration, in its order."""
    inner = config.get("config")
    chain = config.get("class_name") == "Sequential"
    layers = inner.get("layers") if isinstance(inner, dict) else inner
    for layer in layers if isinstance(layers, list) else []:
        if not isinstance(layer, dict) or not isinstance(kind := layer.get("class_name"), str):
            continue
        own = layer.get("config")
        own = own if isinstance(own, dict) else {}
        inside = own.get("layer") if kind in ("Bidirectional", "TimeDistributed") else None
        inside = inside if isinstance(inside, dict) else {}
        core = nested if isinstance(nested := inside.get("config"), dict) else own
        keys = ("activation", "merge_mode")
        said = {k: v for part in (core, own) if part for k in keys if isinstance(v := part.get(k), str)}
        yield {
            "name": str(own.get("name", "")),
            "class": kind,
            "inside": str(inside.get("class_name", "")),
            "chain": chain,
            "constrained": any(v is not None for k, v in core.items() if k.endswith("_constraint")),
            **said,
        }


def _dangers(path: str, config: Any) -> Iterator[str]:
    """Lambda layers, whose marshalled byte code Keras runs, wherever in the configuration they are."""
    pending, seen = [(config, 0)], 0
    while pending:
        value, depth = pending.pop()
        seen += 1
        if depth > MAX_NESTING or seen > 1_000_000:
            raise FormatError(path, "its model_config is too large to be searched for code")
        if isinstance(value, dict):
            if value.get("class_name") == "Lambda":
                own = value.get("config")
                name = str(own.get("name", "")) if isinstance(own, dict) else ""
                yield f"{path} holds a Lambda layer{f' ({name[:60]})' if name else ''} whose code would run when loaded"
            pending += [(v, depth + 1) for v in value.values()]
        elif isinstance(value, list):
            pending += [(v, depth + 1) for v in value]


__all__ = ["Keras"]
