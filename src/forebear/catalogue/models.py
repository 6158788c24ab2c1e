"""Known base models and their shapes: enough to say which base a model looks like, never that it descends from it.

Facts are data, one file per developer in ``data/references``. Each entry says where its numbers were read; a size
that no source gives is left out. ``kv_heads`` equals ``heads`` where the format knows no other number, and
``intermediate`` is the width of one MLP, in a mixture that of one expert.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Any

CONFIDENCES = ("retrieved", "unverified")


@dataclass(frozen=True)
class KnownModel:
    """A base model's shape.

    Attributes:
        name, repository, developer: what it is called, where it is published, by whom.
        model_types: ``model_type`` values under which it is published.
        source: where the numbers were read.
        confidence: ``retrieved``: a file gives the numbers, and it or its card names the model. ``unverified``: a
            file gives the numbers, but that they are this model's follows from its name and size only.
        width, layers, …: sizes in canonical terms; None where no source gives them.
    """

    name: str
    repository: str
    developer: str
    model_types: tuple[str, ...]
    source: str
    confidence: str
    width: int
    layers: int
    heads: int | None = None
    kv_heads: int | None = None
    intermediate: int | None = None
    vocabulary: int | None = None
    head_dim: int | None = None
    experts: int | None = None


@dataclass(frozen=True)
class LookAlike:
    """A known base with a similar shape, and in what it is similar; ``exact`` where no size differs."""

    model: KnownModel
    why: str
    exact: bool


_NAMES = ("name", "repository", "source", "confidence")
_NUMBERS = tuple(f.name for f in fields(KnownModel) if f.name not in (*_NAMES, "developer", "model_types"))


@cache
def known_models() -> tuple[KnownModel, ...]:
    """Every known base model, by file and in its file's order.

    Raises:
        ValueError: a data file is wrong (a bug of ours).
    """
    folder = resources.files("forebear") / "data" / "references"
    found: list[KnownModel] = []
    for file in sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name):
        found += parse(file.read_text("utf-8"), file.name)
    return tuple(found)


def parse(text: str, file: str) -> list[KnownModel]:
    """The models of one data file; ``ValueError`` that names the file and the entry where it is wrong."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file}: {error}") from None
    developer, entries = data.get("developer"), data.get("model")
    if not isinstance(developer, str) or not developer or not isinstance(entries, list) or not entries:
        raise ValueError(f"{file}: needs a developer and at least one [[model]]")
    return [_model(developer, entry, file) for entry in entries]


def _model(developer: str, entry: Mapping[str, Any], file: str) -> KnownModel:
    where = f"{file}: {entry.get('name') or 'an entry without a name'}"
    for key in _NAMES:
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise ValueError(f"{where} has no {key}")
    if entry["confidence"] not in CONFIDENCES:
        raise ValueError(f"{where}: confidence is one of {', '.join(CONFIDENCES)}, not {entry['confidence']}")
    types = entry.get("model_types")
    if not isinstance(types, list) or not types or not all(isinstance(t, str) for t in types):
        raise ValueError(f"{where} has no list of model_types")
    if unknown := set(entry) - {*_NAMES, *_NUMBERS, "model_types"}:
        raise ValueError(f"{where} has unknown keys: {', '.join(sorted(unknown))}")
    numbers: dict[str, Any] = {key: entry[key] for key in _NUMBERS if key in entry}
    if wrong := [key for key, n in numbers.items() if type(n) is not int or n <= 0]:
        raise ValueError(f"{where}: {wrong[0]} is not a positive whole number")
    if missing := {"width", "layers"} - set(numbers):
        raise ValueError(f"{where} has no {' and no '.join(sorted(missing))}")
    names = {key: entry[key] for key in _NAMES}
    return KnownModel(developer=developer, model_types=tuple(types), **names, **numbers)


def look_alikes(
    *,
    width: int,
    layers: int,
    vocabulary: int | None,
    intermediate: int | None,
    heads: int | None,
    kv_heads: int | None,
) -> tuple[LookAlike, ...]:
    """Known bases of the same or a related shape, closest first; the name that a model gives itself is ignored.

    A base is related where no size of its layers contradicts the model's and enough of them are known: another
    depth is what removed or repeated layers look like, another vocabulary what added tokens look like. Every base
    that fits is listed: a shape is shared by many and proves nothing.
    """
    found: list[tuple[tuple[int, int, int, bool, str], LookAlike]] = []
    for model in known_models():
        pairs = ((intermediate, model.intermediate), (heads, model.heads), (kv_heads, model.kv_heads))
        if model.width != width or any(None not in pair and pair[0] != pair[1] for pair in pairs):
            continue
        same_mlp, same_heads = (None not in pair for pair in pairs[:2])
        changes = tuple(filter(None, (_depth(model.layers, layers), _tokens(model.vocabulary, vocabulary))))
        if changes and not same_mlp and not (same_heads and model.layers == layers):
            continue  # too little is known to call it related
        distance = abs((model.vocabulary or 0) - (vocabulary or 0))
        unverified = model.confidence != "retrieved"
        order = (len(changes), abs(model.layers - layers), distance, unverified, model.repository)
        found.append((order, LookAlike(model, "; ".join(changes) or "the same shape", not changes)))
    return tuple(alike for _, alike in sorted(found, key=lambda item: item[0]))


def _depth(base: int, mine: int) -> str:
    """What another depth looks like, "" for the same."""
    if base == mine:
        return ""
    cause = "as after removing layers" if mine < base else "as after repeating or adding layers"
    return f"layers of the same sizes, but {mine} of them and not {base}, {cause}"


def _tokens(base: int | None, mine: int | None) -> str:
    """What another vocabulary looks like, "" for the same."""
    if base is None or mine is None:
        return "layers of the same sizes; one of the two vocabularies is not known"
    if base == mine:
        return ""
    cause = "as after removing tokens" if mine < base else "as after adding tokens"
    return f"another vocabulary, of {mine:,} and not {base:,} tokens, {cause}"
