"""What a bill of materials is made of: the model as far as it can be read, its name, and no path of this machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

from forebear.artifacts import Artifact, Weights, read_artifact
from forebear.artifacts.documents import CARD, read_documents
from forebear.artifacts.read import CONFIG, read_config
from forebear.bom.card import HUB_ID, Card
from forebear.bom.files import FileRecord, role_of
from forebear.bom.record import Record
from forebear.bom.values import Said
from forebear.errors import InputError, one_line
from forebear.index import Index
from forebear.sources import Metered, OllamaSource, Source
from forebear.sources.hub import ENDPOINT, HubSource
from forebear.sources.hub import endpoint as hub_endpoint
from forebear.types import Scan

Hide = Callable[[str], str]
HUB = "the hub"
_CACHE = re.compile(
    r"[/\\]models--((?:(?!--)[^/\\])+)--((?:(?!--)[^/\\])+)[/\\]snapshots[/\\]([0-9a-f]{40})(?:[/\\]|$)"
)
"""How hub caches name folders: owner, name and commit; hub names never hold two dashes."""
_PATH = re.compile(r"(?:~|\.\.?|[A-Za-z]:)?[/\\]")
"""How a path of a machine begins, in contrast to an address or a hub id."""
_PINNED = re.compile(r"hf:([^@]+)@([0-9a-f]{40})\Z")


@dataclass(frozen=True)
class Identity:
    """What a model is called, who says so, its commit and where it can be had; "" where not known."""

    name: str
    said: Said
    version: str = ""
    download: str = ""


def read_model(source: Source) -> Artifact:
    """The model; where its weights cannot be read, one without tensors: files, card and config still make a bill.

    Raises:
        InputError: there are no weights.
    """
    try:
        return read_artifact(source)
    except InputError as error:
        if not any(role_of(f.path) == "weights" for f in source.files()):
            raise
        metered, config = Metered(source), {}
        with suppress(InputError):  # if it is the config that is damaged, ``error`` says so
            config = dict(read_config(metered))
        documents, problems = read_documents(metered)
        return Artifact(
            name=source.name,
            target=source.target,
            source=metered,
            weights=Weights("unreadable", {}, ()),
            config=config,
            architecture=None,
            geometry=None,
            names={},
            unknown="its weights could not be read",
            tokenizer=None,
            documents=documents,
            problems=(str(error), *problems),
        )


def altered(source: Source, files: tuple[FileRecord, ...]) -> tuple[str, ...]:
    """One line for each file whose bytes are not those that its store's manifest promises."""
    stated = source.digests if isinstance(source, OllamaSource) else {}
    return tuple(
        f"{f.path}: its SHA-256 is not the one in the store's manifest; pull the model again"
        for f in files
        if f.sha256 and stated.get(f.path, f"sha256:{f.sha256}") != f"sha256:{f.sha256}"
    )


def identity(source: Source, artifact: Artifact, card: Card) -> Identity:
    """Name, who says so, and commit."""
    if match := _PINNED.match(source.location):
        public = isinstance(source, HubSource) and hub_endpoint() == ENDPOINT and HUB_ID.fullmatch(match[1])
        download = f"{ENDPOINT}/{match[1]}/tree/{match[2]}" if public else ""
        return Identity(match[1], Said(by=HUB), match[2], download)
    if (match := _CACHE.search(source.location)) and HUB_ID.fullmatch(f"{match[1]}/{match[2]}"):
        return Identity(f"{match[1]}/{match[2]}", Said(note="the folder of a hub cache"), match[3])
    if HUB_ID.fullmatch(card.name):
        return Identity(card.name, Said(by=CARD))
    return Identity(one_line(artifact.name, 200) or "model", Said(note="its folder"))


def without_paths(source: Source, target: str, result: Scan | None, references: Index) -> Hide:
    """A function that takes the paths of this machine out of a text: a bill of materials is handed to others."""
    paths = {target: source.name, source.location: source.name}
    if result:
        paths |= {a.target: a.name for a in result.ancestors if a.target}
        for gap in result.coverage.not_tested:
            if gap.what.startswith("rows of ") and (entry := references.get(gap.what.removeprefix("rows of "))):
                paths[entry.location] = entry.name

    def hide(text: str) -> str:
        for path in sorted(paths, key=len, reverse=True):
            if "/" in path or "\\" in path:
                text = text.replace(path, paths[path])
        return text

    return hide


def without_paths_of(document: Mapping[str, Any], record: Record) -> Record:
    """The record of a saved result without the paths of the machine that the result was made on."""
    paths = sorted(set(_paths(document)), key=len, reverse=True)

    def hidden(value: Any) -> Any:
        if isinstance(value, str) and not isinstance(value, Enum):
            for path in paths:
                value = re.sub(rf"(?<![\w.-]){re.escape(path)}(?!\w)", _last(path), value)
        elif isinstance(value, dict):
            return {key: hidden(item) for key, item in value.items()}
        elif isinstance(value, list | tuple):
            return tuple(map(hidden, value))
        return value

    return Record.model_validate(hidden(record.model_dump())) if paths else record


def _paths(value: Any) -> Iterator[str]:
    """Files and folders that a result names: absolute ones, and those that are written as relative."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key in ("file", "target") and isinstance(item, str):
                if _PATH.match(item) and _last(item):
                    yield item
            else:
                yield from _paths(item)
    elif isinstance(value, list):
        for item in value:
            yield from _paths(item)


def _last(path: str) -> str:
    return re.split(r"[/\\]", path)[-1]


__all__ = [
    "CONFIG",
    "HUB",
    "Hide",
    "Identity",
    "altered",
    "identity",
    "read_model",
    "without_paths",
    "without_paths_of",
]
