"""Known base models and their shapes: enough to say which base a model looks like, never that it descends from it.

Facts are data, one file per developer in ``data/references``, each with the source that it was read from.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

_NUMBERS = ("width", "layers", "heads", "kv_heads", "intermediate", "vocabulary", "head_dim", "experts")


@dataclass(frozen=True)
class KnownModel:
    """A base model's shape.

    Attributes:
        name, repository, developer: what it is called, where it is published, by whom.
        model_types: ``model_type`` values under which it is published.
        width, layers, …: sizes in canonical terms; None where no source gives them.
        source: where the numbers were read.
        confidence: ``retrieved`` (read in a file) or ``unverified``.
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
    """A known base with a similar shape, and in what it is similar."""

    model: KnownModel
    why: str
    exact: bool


@cache
def known_models() -> tuple[KnownModel, ...]:
    """Every known base model, by developer and name.

    Raises:
        ValueError: a data file is wrong (a bug of ours).
    """
    folder = resources.files("forebear") / "data" / "references"
    found: list[KnownModel] = []
    for file in sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name):
        found += parse(file.read_text("utf-8"), file.name)
    return tuple(found)


def parse(text: str, file: str) -> list[KnownModel]:
    """The models of one data file."""
    try:
        data = tomllib.loads(text)
        developer = data["developer"]
        return [_model(developer, entry) for entry in data["model"]]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file}: {error}") from None


def _model(developer: str, entry: Mapping[str, Any]) -> KnownModel:
    numbers: dict[str, Any] = {key: entry[key] for key in _NUMBERS if key in entry}
    if not all(isinstance(n, int) and n > 0 for n in numbers.values()):
        raise ValueError(f"{entry.get('name')} has a size that is not a positive number")
    if entry["confidence"] not in ("retrieved", "unverified") or not entry["source"]:
        raise ValueError(f"{entry.get('name')} has no source")
    return KnownModel(
        entry["name"],
        entry["repository"],
        developer,
        tuple(entry["model_types"]),
        entry["source"],
        entry["confidence"],
        **numbers,
    )


def look_alikes(
    *,
    width: int,
    layers: int,
    vocabulary: int | None,
    intermediate: int | None,
    heads: int | None,
    kv_heads: int | None,
) -> tuple[LookAlike, ...]:
    """Known bases of the same or a related shape, exact ones first; the name that a model gives itself is ignored."""
    found: list[LookAlike] = []
    for model in known_models():
        body = (model.width, model.intermediate, model.heads, model.kv_heads)
        mine = (width, intermediate, heads, kv_heads)
        if model.width != width or any(
            a is not None and b is not None and a != b for a, b in zip(body, mine, strict=True)
        ):
            continue
        if model.layers == layers and model.vocabulary == vocabulary:
            found.append(LookAlike(model, "the same shape", True))
        elif model.layers == layers:
            found.append(LookAlike(model, "the same shape with another vocabulary", False))
        else:
            found.append(LookAlike(model, f"the same layers, but {model.layers} of them and not {layers}", False))
    return tuple(sorted(found, key=lambda a: (not a.exact, a.model.layers != layers, a.model.repository)))
