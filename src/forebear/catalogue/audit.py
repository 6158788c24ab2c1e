"""Whether the facts are in order: what is there, what nobody retrieved, and what is wrong in a file.

The loader is stricter than any JSON Schema, because it also knows what may be referred to. The schemas are shipped for
editors and other programs; where the ``jsonschema`` package is installed they are held against the files, too.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from forebear.catalogue import query
from forebear.catalogue.collection import Collection, laid_over, shipped, shipped_texts
from forebear.errors import ForebearError, FormatError, UsageError, one_line
from forebear.types import Json

SCHEMA = "catalogue-file"
"""The schema of a data file, in ``data/schemas``; it refers to one for each kind of entry."""
_ADDRESS = "https://forebear.dev/schemas/"


def audit(files: list[Path]) -> Json:
    """The state of the shipped facts and of files on top of them.

    Args:
        files: overlay files, in order.

    Returns:
        ``counts`` by kind, ``confidence`` (facts by how sure), ``unverified`` (each fact that nobody retrieved: kind,
        id, what), ``without_licence`` (models), ``unused_sources``, ``overlay`` (files), ``schemas`` (``checked`` or
        why not), and ``problems`` (one line each, empty when all is in order).

    Raises:
        UsageError: one of the files is not there.
    """
    problems: list[str] = []
    facts = Collection()
    try:
        facts = laid_over(shipped(), files) if files else shipped()
    except UsageError:
        raise
    except ForebearError as error:
        problems.append(str(error))
        facts = shipped() if files else facts
    checked, wrong = _against_schemas(files)
    problems += [line for line in wrong if line not in problems]
    return {
        "counts": {plural: len(query.entries(facts, plural)) for plural in query.PLURALS},
        "confidence": _by_confidence(facts),
        "unverified": list(_unverified(facts)),
        "without_licence": [m.name for m in facts.models.values() if not m.licences and not m.api_only],
        "unused_sources": sorted(set(facts.sources) - _used(facts)),
        "overlay": [str(path) for path in files],
        "schemas": checked,
        "problems": problems,
    }


def _facts(facts: Collection) -> Iterator[tuple[str, str, str, Any]]:
    """Kind, identifier, path and basis of every fact."""
    for plural, kind in query.PLURALS.items():
        for key, entry in query.entries(facts, plural).items():
            for path, basis in query.bases(entry):
                yield kind, key, path, basis


def _by_confidence(facts: Collection) -> dict[str, int]:
    found = {"high": 0, "medium": 0, "low": 0, "unverified": 0}
    for _, _, _, basis in _facts(facts):
        found[basis.confidence.value] += 1
    return found


def _unverified(facts: Collection) -> Iterator[Json]:
    for kind, key, path, basis in _facts(facts):
        if not basis.confidence.retrieved:
            yield {"kind": kind, "id": key, "what": path or "the whole entry"}


def _used(facts: Collection) -> set[str]:
    found = {source for _, _, _, basis in _facts(facts) for source in basis.sources}
    owners = (owner for developer in facts.developers.values() for owner in developer.owners)
    return found | {owner.rsplit("[", 1)[-1].rstrip("]") for owner in owners}


@cache
def schemas() -> Mapping[str, Any]:
    """The schemas of data files by name: ``catalogue-file``, and one for every kind of entry."""
    folder = resources.files("forebear") / "data" / "schemas"
    names = [SCHEMA, *(f"catalogue-{kind}" for kind in query.PLURALS.values())]
    return {name: json.loads((folder / f"{name}.json").read_text("utf-8")) for name in names}


def _against_schemas(files: list[Path]) -> tuple[str, list[str]]:
    """What was done, and one line for each file that does not fit."""
    try:
        from jsonschema import Draft202012Validator
        from referencing import Registry, Resource
    except ImportError:
        return "not checked: the jsonschema package is not installed", []
    pairs = [(f"{_ADDRESS}{name}.json", Resource.from_contents(schema)) for name, schema in schemas().items()]
    registry: Any = Registry().with_resources(pairs)
    validator = Draft202012Validator(schemas()[SCHEMA], registry=registry)
    problems = []
    for file, text in (*shipped_texts().items(), *((str(path), _text(path)) for path in files)):
        try:
            data = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError):
            continue  # the loader has said so
        for error in list(validator.iter_errors(data))[:3]:
            place = ".".join(str(part) for part in error.absolute_path)
            problems.append(str(FormatError(file, f"{place or 'the file'}: {one_line(error.message, 200)}")))
    return "checked", problems


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""  # the loader has said so
