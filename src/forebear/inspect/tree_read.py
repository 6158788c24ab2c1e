"""The models of a family tree: found, opened and measured one by one, so that a damaged one costs only itself."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from forebear.artifacts import Artifact, read_artifact
from forebear.errors import ForebearError, InputError, UsageError
from forebear.inspect.cost import Meter, light_first
from forebear.inspect.discover import Found, discover, place
from forebear.signals import Fingerprint, fingerprint
from forebear.sources import open_source

Step = Callable[[str], None]

MOST_MODELS = 400
"""Models of one tree: what is kept of them grows with the square, for every matrix."""


@dataclass(frozen=True, eq=False)
class Opened:
    """A model that could be read.

    Attributes:
        name: unique among all that were named.
        target: where it is.
        artifact: its tensors, on disk.
        mark: what was measured of it.
    """

    name: str
    target: str
    artifact: Artifact
    mark: Fingerprint


@dataclass(frozen=True)
class Unread:
    """One that could not be read, and why, in a clause."""

    name: str
    target: str
    problem: str


def targets_in(targets: Sequence[str]) -> tuple[tuple[Found, ...], tuple[str, ...]]:
    """Every model that is named: folders with a model, files, patterns, targets elsewhere, and folders of models.

    Returns:
        The models, each place once; and one line for everything that is not a model and could not be looked into.

    Raises:
        UsageError: nothing was named, a pattern fits nothing, or more than :data:`MOST_MODELS` were named.
    """
    if not targets:
        raise UsageError("no models were named", "forebear tree ./models or forebear tree A B C")
    found: dict[str, Found] = {}
    problems: list[str] = []
    for target in (t for named in targets for t in _expanded(named)):
        try:
            models = _below(target)
        except InputError as error:
            problems.append(str(error))
            continue
        for model in models:
            here = os.path.realpath(model.target) if os.path.lexists(model.target) else model.target
            found.setdefault(here, model)
        if len(found) > MOST_MODELS:
            raise UsageError(f"more than {MOST_MODELS:,} models", "name fewer of them")
    return tuple(found.values()), tuple(problems)


def _expanded(target: str) -> list[str]:
    """A pattern's files and folders, for shells that leave them to the program."""
    if not any(c in target for c in "*?[") or os.path.lexists(target) or "://" in target:
        return [target]
    matches = sorted(glob.glob(target))
    if not matches:
        raise UsageError(f"{target}: nothing of that name", "give folders, files or patterns that fit some")
    return matches


def _below(target: str) -> tuple[Found, ...]:
    if not os.path.isdir(target):
        return (place(target)[1],)
    below = discover(target)
    if not below.models:
        raise InputError("; ".join((f"{target}: no model in it or below", *below.problems[:2])))
    return below.models


def opened(models: Sequence[Found], effort: str, meter: Meter, on_step: Step) -> Iterator[Opened | Unread]:
    """Read every model, in order; a damaged one is told and left out."""
    taken: set[str] = set()
    for number, model in enumerate(models, 1):
        on_step(f"reading {number} of {len(models)}: {model.target}")
        short = os.path.basename(os.path.abspath(model.target)) or model.target
        try:
            artifact = read_artifact(open_source(model.target))
            meter.watch(artifact.source)
            mark = fingerprint(artifact, light=light_first(artifact, effort))
        except ForebearError as error:
            yield Unread(_unique(short, model.path, taken), model.target, _without(error.message, model.target))
            continue
        except MemoryError:
            yield Unread(_unique(short, model.path, taken), model.target, "not enough memory for this input")
            continue
        name = _unique(artifact.name, model.path, taken)
        yield Opened(name, model.target, replace(artifact, name=name), mark)


def _without(message: str, target: str) -> str:
    return message.removeprefix(f"{target}: ")


def _unique(name: str, path: str, taken: set[str]) -> str:
    """A name that no other model has: its own, its path, or with a number behind it."""
    if name in taken and path not in (".", name) and path not in taken:
        name = path
    base, number = name, 2
    while name in taken:
        name, number = f"{base} ({number})", number + 1
    taken.add(name)
    return name
