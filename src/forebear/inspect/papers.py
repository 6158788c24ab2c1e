"""Papers read again for what follows from a lineage: those of a model, and those of its ancestors where they are near.

Nothing but cards, configs and licence files is read. An ancestor's papers are read where the index says that it lies on
this machine, or where the user names it; what a stranger's document names is never fetched from a network for that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from forebear.artifacts.documents import CARD, Documents, read_documents
from forebear.artifacts.gguf import SUFFIX, read_header
from forebear.artifacts.read import CONFIG, read_config
from forebear.errors import ForebearError, InputError
from forebear.index import Index
from forebear.licences.papers import is_licence_file
from forebear.lineage.chain import Chain
from forebear.sources import Metered, Source, open_source

MAX_NESTED = 50
"""Folders of parts that are looked into."""
MAX_ANCESTORS = 20
"""Ancestors whose papers are read."""
_LICENCE_KEYS = ("general.license", "general.license.name", "general.license.link")


@dataclass(frozen=True)
class Read:
    """A model's papers as they were found.

    Attributes:
        documents: card and licence files.
        config: ``config.json``, empty where there is none.
        metadata: what a GGUF file says of its licence.
        nested: licence files of folders below the model's, by path.
        location: where the files lie.
        problems: what could not be read, one line each.
    """

    documents: Documents
    config: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    nested: Mapping[str, str] = field(default_factory=dict)
    location: str = ""
    problems: tuple[str, ...] = ()


def read_papers_of(source: Source) -> Read:
    """The papers of a model, whatever its weights are."""
    metered = Metered(source)
    documents, problems = read_documents(metered)
    config: Mapping[str, Any] = {}
    found = list(problems)
    try:
        if any(f.path == CONFIG for f in metered.files()):
            config = dict(read_config(metered))
    except InputError as error:
        found.append(str(error))
    try:
        metadata = _metadata(metered)
    except InputError as error:
        metadata = {}
        found.append(str(error))
    nested = _nested(source.location) if source.traffic is None else {}
    return Read(documents, config, metadata, nested, source.location, tuple(dict.fromkeys(found)))


def _nested(folder: str) -> Mapping[str, str]:
    """Licence files one folder down (``vision_encoder/LICENSE``) of a model on this machine; links are not followed."""
    if not os.path.isdir(folder):
        return {}
    found: dict[str, str] = {}
    with os.scandir(folder) as entries:
        below = sorted(e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith("."))
    for name in below[:MAX_NESTED]:
        with suppress(ForebearError):  # a part's licence that cannot be read is as good as none
            texts = read_documents(open_source(os.path.join(folder, name)))[0].licences
            found |= {f"{name}/{file}": text for file, text in texts.items() if is_licence_file(file)}
    return found


def _metadata(source: Metered) -> Mapping[str, Any]:
    """Licence keys of the GGUF file that was named, or of the first one."""
    files = [f for f in source.files() if f.path.endswith(SUFFIX) and source.only in (None, f.path)]
    if not files:
        return {}
    header = read_header(source, files[0])
    return {key: header.text(key) for key in _LICENCE_KEYS if header.text(key)}


def has_card(source: Source) -> bool:
    """Whether a card lies beside the weights."""
    return any(f.path == CARD for f in source.files())


def papers_of_ancestors(
    chain: Chain, index: Index, against: Mapping[str, str] | None = None
) -> tuple[dict[str, Documents], tuple[str, ...]]:
    """Documents of ancestors by name in the chain, and what could not be read.

    Args:
        chain: whose ancestors.
        index: where they may lie.
        against: name in the chain to a target that the user named for it.
    """
    found: dict[str, Documents] = {}
    problems: list[str] = []
    for node in chain.nodes[:MAX_ANCESTORS]:
        target = (against or {}).get(node.name, "")
        if not target:
            entry = index.get(node.name)
            if entry is None or not os.path.exists(entry.location):
                continue
            target = entry.location
        try:
            found[node.name], lines = read_documents(Metered(open_source(target)))
            problems += lines
        except ForebearError as error:
            problems.append(str(error))
    return found, tuple(problems)
