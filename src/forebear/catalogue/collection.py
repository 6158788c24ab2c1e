"""All facts together: what ships with the package, and the user's overlay on it.

A file holds any of ``[source.ID]``, ``[[developer]]``, ``[[model]]``, ``[[licence]]``, ``[[factor]]`` and
``[[instrument]]``; the folders under ``data`` are for people. Models of a file with a single developer are that
developer's unless they say otherwise. The overlay is ``catalogue/*.toml`` in the user's folder; its entries replace
those of the same name, its sources are new ones.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from forebear.catalogue.developers import Developer, Factor, PublishedModel
from forebear.catalogue.entries import build, day, identifier
from forebear.catalogue.facts import Source
from forebear.catalogue.instruments import Instrument
from forebear.catalogue.licences import KnownLicence
from forebear.errors import FormatError, InputError, UsageError

KINDS: Mapping[str, tuple[str, type[Any], str]] = {
    "developer": ("developers", Developer, "id"),
    "model": ("models", PublishedModel, "name"),
    "licence": ("licences", KnownLicence, "id"),
    "factor": ("factors", Factor, "id"),
    "instrument": ("instruments", Instrument, "id"),
}
"""Tables of a file: the mapping that they go to, their type, and the field by which they are known."""
PLACES = ("sources.toml", "factors.toml", "instruments.toml", "developers", "licences")
"""Files and folders of ``data`` that hold facts."""
LARGEST = 4_000_000
"""Bytes of an overlay file."""


@dataclass(frozen=True, eq=False)
class Collection:
    """Every fact, by identifier (models by name), and where each entry stands (``kind``, identifier: file)."""

    sources: Mapping[str, Source] = field(default_factory=dict)
    developers: Mapping[str, Developer] = field(default_factory=dict)
    models: Mapping[str, PublishedModel] = field(default_factory=dict)
    licences: Mapping[str, KnownLicence] = field(default_factory=dict)
    factors: Mapping[str, Factor] = field(default_factory=dict)
    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    files: Mapping[tuple[str, str], str] = field(default_factory=dict)


def current() -> Collection:
    """The shipped facts with the user's overlay; read once per folder and process.

    Raises:
        FormatError: a file is wrong: which one, and which entry.
    """
    return _current(str(overlay_folder()))


@cache
def _current(folder: str) -> Collection:
    files = overlay_files(Path(folder))
    return laid_over(shipped(), files) if files else shipped()


@cache
def shipped() -> Collection:
    """What ships with the package, checked.

    Raises:
        FormatError: a data file is wrong (a bug of ours).
    """
    return read(shipped_texts())


@cache
def shipped_texts() -> Mapping[str, str]:
    """The shipped data files: name under ``data``, and text."""
    data = resources.files("forebear") / "data"
    texts: dict[str, str] = {}
    for place in PLACES:
        if place.endswith(".toml"):
            texts[place] = (data / place).read_text("utf-8")
            continue
        found = [f for f in (data / place).iterdir() if f.name.endswith(".toml")]
        texts |= {f"{place}/{f.name}": f.read_text("utf-8") for f in sorted(found, key=lambda f: f.name)}
    return texts


def laid_over(base: Collection, files: Iterable[Path]) -> Collection:
    """A collection with files of the user's on it.

    Raises:
        UsageError: a file is not there.
        InputError: it cannot be read.
        FormatError: it is no TOML, or an entry is wrong.
    """
    texts = {}
    for path in files:
        try:
            if path.stat().st_size > LARGEST:
                raise FormatError(str(path), f"larger than {LARGEST:,} bytes")
            texts[str(path)] = path.read_text("utf-8")
        except FileNotFoundError:
            raise UsageError(f"{path} is not there", "give a folder or file of facts (docs/catalogue.md)") from None
        except UnicodeDecodeError:
            raise FormatError(str(path), "not UTF-8") from None
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
    return read(texts, base)


def overlay_folder() -> Path:
    """Where the user's own facts lie: ``catalogue`` in ``FOREBEAR_HOME``, else in the user's data directory."""
    return _folder(*(os.environ.get(name) for name in ("FOREBEAR_HOME", "HOME", "XDG_DATA_HOME")))


@cache
def _folder(chosen: str | None, *_: str | None) -> Path:
    """The same for these values of the environment: looking up one fact must not cost a look at the disk."""
    if chosen:
        return Path(chosen).expanduser() / "catalogue"
    from platformdirs import user_data_path

    return user_data_path("forebear", appauthor=False) / "catalogue"


def overlay_files(folder: Path) -> list[Path]:
    """The overlay's files, in order of their names; none where there is no such folder."""
    return sorted(folder.glob("*.toml")) if folder.is_dir() else []


def read(texts: Mapping[str, str], base: Collection | None = None) -> Collection:
    """A collection from files' texts, on top of another, with every reference checked.

    Args:
        texts: file name and its TOML text.
        base: what entries of the same name replace; its sources can be referred to.

    Raises:
        FormatError: a file or an entry is wrong, names something that does not exist, or stands there twice.
    """
    base = base or Collection()
    found: dict[str, dict[str, Any]] = {mapping: {} for mapping, _, _ in KINDS.values()}
    sources, files = dict(base.sources), dict(base.files)
    for file, text in texts.items():
        _read_file(file, _parsed(file, text), found, sources, files)
    whole = Collection(
        sources=sources,
        files=files,
        **{mapping: {**getattr(base, mapping), **entries} for mapping, entries in found.items()},
    )
    from forebear.catalogue.references import check

    check(whole, {(kind, key) for kind, (mapping, _, _) in KINDS.items() for key in found[mapping]})
    return whole


def _parsed(file: str, text: str) -> dict[str, Any]:
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise FormatError(file, f"no TOML: {error}") from None
    known = [*KINDS, "source", "as_of"]
    for key in data:
        if key not in known:
            near = get_close_matches(key, known, 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else f"a file holds {', '.join(known)}"
            raise FormatError(file, f"unknown table {key!r}", hint)
    return data


def _read_file(
    file: str,
    data: Mapping[str, Any],
    found: dict[str, dict[str, Any]],
    sources: dict[str, Source],
    files: dict[tuple[str, str], str],
) -> None:
    """Add one file's entries to what was found so far."""
    as_of = data.get("as_of", "")
    for source in _sources(file, data.get("source", {})):
        if source.id in sources:
            raise FormatError(file, f"source {source.id} is there already", "give it a name of its own")
        sources[source.id] = source
    tables = {kind: _tables(file, kind, data.get(kind, [])) for kind in KINDS}
    alone = tables["developer"][0].get("id") if len(tables["developer"]) == 1 else None
    for kind, (mapping, value_type, key) in KINDS.items():
        for number, entry in enumerate(tables[kind], 1):
            where = f"{kind} {entry.get(key) or f'number {number}'}"
            if kind == "model":
                entry = {**({"developer": alone} if alone else {}), **_named(entry)}
            else:
                identifier(entry.get(key), file, where)
            value = build(value_type, entry, file, where, as_of)
            name = getattr(value, key)
            if name in found[mapping]:
                raise FormatError(file, f"{where} is there twice", f"the other one: {files[kind, name]}")
            found[mapping][name] = value
            files[kind, name] = file


def _tables(file: str, kind: str, value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise FormatError(file, f"{kind} is no list of tables", f"write [[{kind}]]")
    return value


def _sources(file: str, value: Any) -> Iterable[Source]:
    if not isinstance(value, dict):
        raise FormatError(file, "source is no table", "write [source.its-name]")
    for key, entry in value.items():
        where = f"source {key}"
        if not isinstance(entry, dict):
            raise FormatError(file, f"{where} is no table", f"write [source.{key}]")
        source = build(Source, {"id": identifier(key, file, where), **entry}, file, where)
        day(source.read, file, f"{where}: read")
        if source.kind not in ("primary", "secondary", "memory"):
            raise FormatError(file, f"{where}: kind {source.kind!r} is not one of primary, secondary, memory")
        if not source.what.strip():
            raise FormatError(file, f"{where} says nothing", "title, address, revision: enough to find it again")
        yield source


def _named(entry: dict[str, Any]) -> dict[str, Any]:
    """A model's entry with family, version and size as its name says them, where the file says none."""
    if not isinstance(entry.get("name"), str) or {"family", "version", "size"} <= set(entry):
        return entry
    from forebear.catalogue.names import decode

    name = decode(entry["name"], named=True)
    if name is None or name.family is None:
        name = decode(str(entry.get("repository") or ""), named=True) or name
    if name is None:
        return entry
    return {"family": name.family or "", "version": name.version or "", "size": name.size or "", **entry}
