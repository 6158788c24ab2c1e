"""From a source to an artifact: weights first, then everything that helps to understand them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from math import prod
from typing import Any

from forebear.artifacts.base import Artifact, Reader
from forebear.artifacts.config import Sizes, contradictions, declared_sizes, language_part
from forebear.artifacts.documents import MAX_CARD, is_document, read_documents
from forebear.artifacts.formats import READERS
from forebear.artifacts.formats.adapter import adapter_files
from forebear.artifacts.formats.names import INDEX, MAX_INDEX, PICKLES
from forebear.artifacts.formats.third_party import third_party_readers
from forebear.artifacts.kinds import shapes
from forebear.artifacts.packed import unpack
from forebear.artifacts.recognise import BESIDE, Named, Shapes, recognise
from forebear.artifacts.recurrent import settle
from forebear.artifacts.text import load_json, read_whole
from forebear.artifacts.tokenizers import MAX_TOKENIZER, Tokenizer, find_tokenizer, read_tokenizer
from forebear.artifacts.towers import beside_towers, towers
from forebear.errors import ForebearError, FormatError, InputError
from forebear.sources import LocalSource, Metered, Source
from forebear.types import counted

CONFIG = "config.json"
MAX_CONFIG = 10_000_000
LEAST_BESIDE = 0.01
"""Share of all values from which on it is told that nobody looks at them."""
_OTHER_FORMATS = {
    ".msgpack": "Flax",
}


class NoWeights(InputError):
    """There is no file of weights of a kind that is read."""


def read_artifact(source: Source) -> Artifact:
    """Read a model.

    Raises:
        InputError: there are no readable weights, or their headers or the config are damaged. A damaged
            tokenizer or card is listed in ``problems`` instead: the weights still answer.
    """
    metered = Metered(source)
    readers: list[Reader] = [r for r in READERS if r.handles(source)]
    readers = readers or [r for r in third_party_readers() if r.handles(source)]
    if not readers:
        if below := _models_below(source):
            some = f"{', '.join(below[:3])}{', …' if len(below) > 3 else ''}"
            raise NoWeights(
                f"{source.target}: no model itself, but {counted(len(below), 'folder')} below it with weights ({some})",
                "name one of them; forebear scan -r takes them all",
            )
        raise NoWeights(f"{source.target}: {_absence(source)}", f"{_listed(r.name for r in READERS)} files are read")
    _announce(metered)
    weights = readers[0].read(metered)
    config = read_config(metered) or weights.config
    weights, config = settle(unpack(weights, config), config)
    problems: list[str] = []
    tokenizer: Tokenizer | None = None
    try:
        tokenizer = read_tokenizer(metered) or weights.tokenizer
    except ForebearError as error:
        problems.append(str(error))
    documents, unreadable = read_documents(metered)
    documents = replace(documents, front_matter={**weights.card, **documents.front_matter})
    problems += unreadable
    notes = weights.notes
    if any(f.path.lower().endswith(PICKLES) for f in source.files()):
        from forebear.artifacts.formats.pytorch import pickle_dangers

        dangers, unexamined = pickle_dangers(metered, weights.files)
        weights = replace(weights, dangers=(*weights.dangers, *dangers))
        notes += unexamined
    if weights.adapter is None and adapter_files(source):
        notes += ("an adapter lies beside the model: it was not applied, and what it changes was not tested",)
    if weights.adapter is None and len(readers) > 1:
        notes += (f"{weights.format} was read; it also holds {_listed(r.name for r in readers[1:])}, which was not",)
    sizes = shapes(weights.tensors)
    for name in weights.unread:
        sizes.pop(name, None)
    named = recognise(config, sizes)
    if weights.adapter is not None:  # what a config beside it says is its base's, and its tensors are no layers
        named = f"it is an adapter and no model ({weights.adapter.title})"
    elif isinstance(named, str) and any(
        n in weights.tensors for n in weights.unread
    ):  # roles by shapes would be those of what is left
        named = "its weights are stored in a form that is not read"
    elif isinstance(named, str):
        from forebear.artifacts.inference import infer  # large, and few models have names of their own

        beside = beside_towers(sizes)
        guess = infer(config, {n: weights.tensors[n] for n in beside}) if len(beside) < len(sizes) else ""
        guess = infer(config, weights.tensors) if isinstance(guess, str) else guess
        notes += (f"no roles were inferred: {guess}",) if isinstance(guess, str) else ()
        named = guess if isinstance(guess, Named) else named
    found = named if isinstance(named, Named) else None
    if found is not None:
        declared = declared_sizes(config)
        if isinstance(declared, Sizes):
            notes += contradictions(declared, found.geometry)
        elif not found.by_names:  # else it names no family, and that is noted already
            notes += (f"config.json: {declared}",)
    model = Artifact(
        name=source.name,
        target=source.target,
        source=metered,
        weights=weights,
        config=config,
        architecture=found.architecture if found else None,
        geometry=found.geometry if found else None,
        names=found.names if found else {},
        unknown=named if isinstance(named, str) else "",
        tokenizer=tokenizer,
        documents=documents,
        problems=tuple(problems),
        notes=(*(found.notes if found else ()), *notes),
        by_names=bool(
            found and (found.by_names or weights.third_party)
        ),  # no coins of what a plugin read are relied on
        inferred=found.inferred if found else False,
        disguise=found.disguise if found and not (found.inferred and weights.own_names) else "",
    )
    model = replace(model, towers=() if weights.third_party else towers(model))
    return replace(model, notes=(*model.notes, *_beside(model, sizes)))


def _announce(source: Source) -> None:
    """Have everything fetched together that is read whole: config, documents, index of shards, tokenizer."""
    if source.traffic is None:  # on this machine
        return
    papers = {f.path for f in source.files() if f.path == CONFIG or is_document(f.path)}
    bounds = {**dict.fromkeys(papers, MAX_CARD), INDEX: MAX_INDEX}
    with suppress(ForebearError):  # it comes up again where the tokenizer is read, and is told there
        if (found := find_tokenizer(source)) is not None:
            bounds[found[1]] = MAX_TOKENIZER
    source.prefetch((f.path, 0, f.size) for f in source.files() if f.size <= bounds.get(f.path, 0))


def read_config(source: Source) -> Mapping[str, Any]:
    """``config.json`` as a mapping, empty where there is none; the language model's part of a nested one.

    Raises:
        FormatError: it is not a JSON object.
    """
    if CONFIG not in {f.path for f in source.files()}:
        return {}
    data = load_json(read_whole(source, CONFIG, MAX_CONFIG), CONFIG)
    if not isinstance(data, dict):
        kind = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}.get(type(data), "a number")
        raise FormatError(CONFIG, f"expected a JSON object, found {kind}", "fetch the model's own config.json")
    return language_part(data)


def _beside(model: Artifact, sizes: Shapes) -> tuple[str, ...]:
    """What of a model stands in no role, neither in its language model nor in a tower. Nobody compares that."""
    taken = set(model.names.values()).union(*(tower.artifact.names.values() for tower in model.towers))
    if model.architecture is None or len(taken) == len(sizes):
        return ()
    rest = [n for n, shape in sizes.items() if len(shape) > 1 and n not in taken and not BESIDE.search(n)]
    share = sum(prod(sizes[n]) for n in rest) / max(1, sum(map(prod, sizes.values())))
    if share < LEAST_BESIDE:
        return ()
    where = "its language model, nor in a tower" if model.towers else "its language model"
    return (f"{len(rest)} matrices have no role in {where}, {share:.0%} of all values: not compared",)


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _models_below(source: Source) -> list[str]:
    """Folders of a local folder that hold weights; looked for where it holds none itself."""
    if not isinstance(source, LocalSource) or source.only:
        return []
    found = []
    for folder in source.folders():
        with suppress(ForebearError):  # one that cannot be listed is no reason for another error
            below = LocalSource(source.root / folder)
            if any(reader.handles(below) for reader in READERS):
                found.append(folder)
    return found


def _absence(source: Source) -> str:
    names = [source.only] if source.only else [f.path for f in source.files()]
    for suffix, title in _OTHER_FORMATS.items():
        if any(n.lower().endswith(suffix) for n in names):
            return f"holds {title} weights, which this version cannot read yet"
    if not names:
        return "an empty directory"
    from forebear.artifacts.formats.pytorch import candidates

    strange = candidates(source.files())
    return "no model weights in it" + (f" ({strange[0].path} is no torch checkpoint)" if strange else "")
