"""Models in Ollama's local store: ``ollama:llama3.2``, ``ollama:hf.co/org/name:tag``.

The store (https://github.com/ollama/ollama, ``OLLAMA_MODELS`` or ``~/.ollama/models``) holds a manifest per model under
``manifests/<registry>/<namespace>/<name>/<tag>``, as container registries write it, and every layer under its digest
in ``blobs``. Layers are shown under the names that model folders give such files; nothing but digests leads to a blob.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forebear.errors import FormatError, InputError, UsageError, one_line
from forebear.sources.base import File, Range, Traffic
from forebear.sources.filesystem import LocalSource

PREFIX = "ollama:"
REGISTRY, NAMESPACE, TAG = "registry.ollama.ai", "library", "latest"
MAX_MANIFEST = 1_000_000
MAX_LAYERS = 1_000
MANIFEST = "manifest.json"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,253}(:\d{1,5})?")
_IMAGE = "application/vnd.ollama.image."
_NAMES = {
    "model": "model.gguf",
    "projector": "mmproj.gguf",
    "adapter": "adapter.gguf",
    "license": "LICENSE",
    "template": "template",
    "system": "system",
    "prompt": "prompt",
    "params": "params.json",
    "messages": "messages.json",
}
_STORES = ("~/.ollama/models", "/usr/share/ollama/.ollama/models")
"""Where a user's server keeps its models, and where the service that Linux packages install does."""


@dataclass(frozen=True)
class Name:
    """A model's full name in a store."""

    registry: str
    namespace: str
    model: str
    tag: str

    def __str__(self) -> str:
        """As Ollama prints it: what is usual is left out."""
        full = f"{self.registry}/{self.namespace}/{self.model}:{self.tag}"
        return full.removeprefix(f"{REGISTRY}/").removeprefix(f"{NAMESPACE}/")


class OllamaSource:
    """One model of the local store.

    Attributes:
        digests: ``sha256:…`` of every file, as its manifest states it.

    Raises:
        UsageError: the name is none, or the store does not have it; what it has is listed.
        InputError: the manifest cannot be read.
    """

    traffic: Traffic | None = None

    def __init__(self, target: str) -> None:
        self.target = target
        self._model = parse_name(target)
        store = find_store()
        self._manifest = _manifest_path(store, self._model)
        if not self._manifest.is_file():
            there = [str(n) for n in itertools.islice(listed(store), 11)]
            more = " and others" if len(there) > 10 else ""
            hint = f"there are {', '.join(there[:10])}{more}" if there else f"ollama pull {self._model}"
            raise UsageError(f"{target}: no such model in the Ollama store at {store}", hint)
        self._raw = _read(self._manifest)
        self._layers = {f.path: (f, digest) for f, digest in layers(self._raw, target)}
        self._blobs = LocalSource(store / "blobs")
        self._sizes = {f.path: f.size for f in self._blobs.files()}
        self.digests: Mapping[str, str] = {path: digest for path, (_, digest) in self._layers.items()}
        self.name = str(self._model)
        weights = [path for path in self._layers if path.endswith(".gguf")]
        self.only = "model.gguf" if len(weights) > 1 and "model.gguf" in weights else None

    @property
    def location(self) -> str:
        """The target with everything that is usual written out."""
        m = self._model
        return f"{PREFIX}{m.registry}/{m.namespace}/{m.model}:{m.tag}"

    def files(self) -> tuple[File, ...]:
        """The layers, with the sizes that the manifest states, and the manifest itself."""
        own = File(MANIFEST, len(self._raw))
        return tuple(sorted((own, *(file for file, _ in self._layers.values())), key=lambda f: f.path))

    def read(self, path: str, start: int, stop: int) -> bytes:
        """Bytes ``[start, stop)`` of a layer; ``InputError`` where its blob is missing or of another size."""
        if path == MANIFEST and 0 <= start <= stop <= len(self._raw):
            return self._raw[start:stop]
        if path not in self._layers:
            raise InputError(f"{path}: not in {self.target}")
        file, digest = self._layers[path]
        again = f"ollama pull {self._model}"
        blob = next((n for n in blob_names(digest) if n in self._sizes), None)
        if blob is None:
            raise InputError(f"{path}: its blob {blob_names(digest)[0]} is missing from the store", again)
        if (size := self._sizes[blob]) != file.size:
            raise InputError(f"{path}: its blob has {size:,} bytes, the manifest says {file.size:,}", again)
        return self._blobs.read(blob, start, stop)

    def prefetch(self, ranges: Iterable[Range]) -> None:
        """Nothing: blobs lie on this machine."""


def parse_name(target: str) -> Name:
    """``ollama:[[registry/]namespace/]name[:tag]``; ``UsageError`` for anything else."""
    rest, _, tag = target.removeprefix(PREFIX).rpartition(":")
    if not rest or "/" in tag:  # the colon belongs to a port, or there is none
        rest, tag = target.removeprefix(PREFIX), TAG
    parts = rest.split("/")
    full = [REGISTRY, NAMESPACE][: max(0, 3 - len(parts))] + parts
    named = len(full) == 3 and _HOST.fullmatch(full[0]) and all(_PART.fullmatch(p) for p in (*full[1:], tag))
    if not named:
        raise UsageError(
            f"{target}: not a name of an Ollama model", "ollama:name, ollama:name:tag, as ollama list has it"
        )
    return Name(full[0], full[1], full[2], tag)


def find_store() -> Path:
    """The folder that Ollama keeps its models in; ``UsageError`` where there is none."""
    stated = os.environ.get("OLLAMA_MODELS")
    places = [Path(p).expanduser() for p in ((stated,) if stated else _STORES)]
    for place in places:
        if (place / "manifests").is_dir():
            return place
    raise UsageError(
        f"no Ollama store at {places[0]}", "set OLLAMA_MODELS to the folder that holds manifests and blobs"
    )


def listed(store: Path) -> Iterator[Name]:
    """The models of a store, by name; files that are no manifests by their place are left out."""
    for path in sorted(itertools.islice((store / "manifests").glob("*/*/*/*"), 10_000)):
        registry, namespace, model, tag = path.relative_to(store / "manifests").parts
        if _HOST.fullmatch(registry) and all(_PART.fullmatch(p) for p in (namespace, model, tag)):
            yield Name(registry, namespace, model, tag)


def layers(raw: bytes, target: str) -> Iterator[tuple[File, str]]:
    """The files that a manifest names, each with its digest.

    Raises:
        FormatError: it is not a manifest, or a digest is none.
    """
    try:
        data = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise FormatError(target, "its manifest is not valid JSON", "pull the model again") from None
    stated = data.get("layers") if isinstance(data, dict) else None
    if not isinstance(stated, list) or not stated or len(stated) > MAX_LAYERS:
        raise FormatError(target, "its manifest lists no layers", "pull the model again")
    config = data.get("config")
    taken: set[str] = {MANIFEST}
    for layer in [*stated, *([config] if isinstance(config, dict) and config.get("digest") else [])]:
        kind, digest, size = _layer(layer, target)
        name = "ollama.json" if layer is config else _NAMES.get(kind, f"layer-{digest[7:19]}")
        stem, dot, suffix = name.partition(".")
        unique = next(
            n for k in itertools.count(1) if (n := name if k == 1 else f"{stem}-{k}{dot}{suffix}") not in taken
        )
        taken.add(unique)
        yield File(unique, size), digest


def _layer(layer: Any, target: str) -> tuple[str, str, int]:
    """Kind, digest and size of one layer, each checked: a stranger may have written the manifest."""
    if not isinstance(layer, dict):
        raise FormatError(target, "a layer of its manifest is not an object")
    kind, digest, size = layer.get("mediaType"), layer.get("digest"), layer.get("size")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        shown = one_line(digest, 80) if isinstance(digest, str) else "none"
        raise FormatError(
            target, f"a layer of its manifest has no SHA-256 digest but {shown!r}", "do not use this model"
        )
    if type(size) is not int or size < 0:
        raise FormatError(target, f"layer {digest[:19]}… of its manifest has no size")
    return (kind.removeprefix(_IMAGE) if isinstance(kind, str) else ""), digest, size


def blob_names(digest: str) -> tuple[str, str]:
    """File names of a blob, today's first: a colon cannot stand in a file name everywhere."""
    return digest.replace(":", "-"), digest


def _manifest_path(store: Path, name: Name) -> Path:
    return store / "manifests" / name.registry / name.namespace / name.model / name.tag


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_MANIFEST + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if len(raw) > MAX_MANIFEST:
        raise FormatError(str(path), f"more than the {MAX_MANIFEST:,} bytes that a manifest may have")
    return raw
