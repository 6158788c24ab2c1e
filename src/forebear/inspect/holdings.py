"""What an index holds, as rows to look through: each reference with its developer, countries and licence, as known.

Who published it and where that developer sits is the catalogue's word, by the account that the model was read from; the
licence is the card's. What is not known is empty, never guessed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from forebear.catalogue.countries import country_name
from forebear.catalogue.developers import Developer, developer_of
from forebear.catalogue.licences import licence_named
from forebear.index import Entry, Index
from forebear.inspect.share import is_private
from forebear.lineage.declared_graph import repository
from forebear.lineage.declared_names import account, plain

UNKNOWN = "unknown"
"""How rows are asked for that lack a developer, a country or a licence."""

MOST_CHANGES = 1_000
"""References that are read one by one; where more of them changed, all are read in one go."""


@dataclass(frozen=True)
class Holding:
    """One reference of an index.

    Attributes:
        name: in the index.
        developer: name of who published it, "" where the catalogue knows no such account.
        countries: ISO codes of every tie of the developer to a country, sorted.
        licence: identifier of the catalogue, else as the card has it, "" where it says none.
        bases: what its card names as bases.
        added: RFC 3339.
    """

    name: str
    developer: str = ""
    countries: tuple[str, ...] = ()
    licence: str = ""
    bases: tuple[str, ...] = ()
    added: str = ""


def holdings(index: Index) -> tuple[Holding, ...]:
    """A row for every reference that is not guarded, by name.

    Raises:
        InputError: the index cannot be read.
    """
    return tuple(holding(entry) for entry in index.entries() if not is_private(entry))


class Held:
    """The rows of an index, kept: after a change only the references that changed are read again. Safe in threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen = self._mark = ""
        self._rows: dict[str, Holding] = {}
        self._told: tuple[tuple[Holding, ...], Choices] = (), Choices((), (), ())

    def of(self, index: Index) -> tuple[tuple[Holding, ...], Choices]:
        """What :func:`holdings` gives, and the choices among it. Whoever asks while the index is read waits for that.

        Raises:
            InputError: the index cannot be read.
        """
        with self._lock:
            seen = f"{index.where} {index.state()}"
            if seen != self._seen:
                changed = index.changed(self._mark)
                names = changed.names
                if names is None or len(names) > MOST_CHANGES:
                    self._rows, names = {row.name: row for row in holdings(index)}, ()
                for name in names:
                    self._rows.pop(name, None)
                    if (entry := index.get(name)) is not None and not is_private(entry):
                        self._rows[name] = holding(entry)
                rows = tuple(self._rows[name] for name in sorted(self._rows))
                self._seen, self._mark, self._told = seen, changed.mark, (rows, choices(rows))
            return self._told


def holding(entry: Entry) -> Holding:
    """The row of one reference."""
    maker = developer(entry)
    said = entry.fingerprint.declared
    return Holding(
        entry.name,
        maker.name if maker else "",
        countries_of(maker),
        _licence(said.licence),
        tuple(b for b in said.base_models if b != said.loaded_from),
        entry.added,
    )


def developer(entry: Entry) -> Developer | None:
    """Who published a reference, by the account that it was read from or is named by."""
    return _developer(account(plain(repository(entry))))


def countries_of(maker: Developer | None) -> tuple[str, ...]:
    """Every country that a developer is incorporated in, does its engineering in or is controlled from."""
    if maker is None:
        return ()
    seats = (*maker.incorporated_in, *maker.engineering_in, *maker.controlled_from)
    return tuple(sorted({seat.country for seat in seats}))


def choose(
    rows: Iterable[Holding], text: str = "", developer: str = "", country: str = "", licence: str = ""
) -> tuple[Holding, ...]:
    """The rows that fit all that is given; :data:`UNKNOWN` is what lacks it.

    Args:
        rows: of :func:`holdings`.
        text: words that name, developer or licence have to contain, whatever their case.
        developer, licence: as a row has them.
        country: an ISO code.
    """
    words = text.lower().split()
    tests: list[Callable[[Holding], bool]] = [
        lambda h: all(w in f"{h.name} {h.developer} {h.licence}".lower() for w in words)
    ]
    if developer:
        tests.append(lambda h: h.developer == ("" if developer == UNKNOWN else developer))
    if country:
        tests.append(lambda h: not h.countries if country == UNKNOWN else country in h.countries)
    if licence:
        tests.append(lambda h: h.licence == ("" if licence == UNKNOWN else licence))
    return tuple(row for row in rows if all(test(row) for test in tests))


@dataclass(frozen=True)
class Choices:
    """What rows can be narrowed down to: values and how they read, by frequency, then by name."""

    developers: tuple[tuple[str, str], ...]
    countries: tuple[tuple[str, str], ...]
    licences: tuple[tuple[str, str], ...]


def choices(rows: Iterable[Holding]) -> Choices:
    """The developers, countries and licences of some rows, each with how many have it."""
    found = tuple(rows)
    return Choices(
        _counted(([h.developer or UNKNOWN] for h in found), str),
        _counted((h.countries or (UNKNOWN,) for h in found), lambda c: c if c == UNKNOWN else country_name(c)),
        _counted(([h.licence or UNKNOWN] for h in found), str),
    )


def _counted(values: Iterable[Iterable[str]], say: Callable[[str], str]) -> tuple[tuple[str, str], ...]:
    counts: dict[str, int] = {}
    for several in values:
        for value in several:
            counts[value] = counts.get(value, 0) + 1
    order = sorted(counts, key=lambda v: (v == UNKNOWN, -counts[v], v))
    return tuple((value, f"{say(value)} ({counts[value]:,})") for value in order)


@cache
def _developer(name: str) -> Developer | None:
    return developer_of(f"{name}/model") if name else None


def _licence(tag: str) -> str:
    if not tag:
        return ""
    found = licence_named(tag) or licence_named("other", tag)
    return found.id if found is not None else tag
