"""Records of a capture searched in batches, in this process or in several, in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from forebear.inspect.crew import in_order
from forebear.traffic import Exchange, Search, Sighting

BATCH = 1 << 22
"""Characters of the bodies in a batch, more or less."""
MOST_PLACES = 10_000
"""Places of one record that are told apart; those of further sightings are the first of their kind."""


@dataclass(frozen=True)
class Searched:
    """What was seen in a batch of records.

    Attributes:
        seen: of every record its number and what was seen in it, each place once.
        redactions, unread: as :class:`~forebear.traffic.Search` counts them.
        lost: records that were not searched, because the process that did was killed.
    """

    seen: tuple[tuple[int, tuple[Sighting, ...]], ...] = ()
    redactions: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    lost: tuple[int, ...] = ()


def searched(records: Iterable[Exchange], workers: int) -> Iterator[Searched]:
    """Every batch of records, in order; no more of them are in memory than the workers have in hand."""
    yield from in_order(
        _search, _batches(records), workers, lambda batch: Searched(lost=tuple(e.record for e in batch))
    )


def _search(batch: list[Exchange]) -> Searched:
    search = Search()
    seen = tuple((exchange.record, tuple(_merged(search.sightings(exchange)))) for exchange in batch)
    return Searched(seen, search.redactions, search.unread)


def _batches(records: Iterable[Exchange]) -> Iterator[list[Exchange]]:
    batch: list[Exchange] = []
    size = 0
    for record in records:
        batch.append(record)
        size += sum(len(m.body) if isinstance(m.body, str | bytes) else 1_000 for m in record.messages) + 100
        if size > BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _merged(seen: Iterable[Sighting]) -> Iterator[Sighting]:
    """Each place once, with how often an identifier stands there."""
    first: dict[tuple[str, ...], Sighting] = {}
    times: Counter[tuple[str, ...]] = Counter()
    for sighting in seen:
        place = sighting.pointer if len(first) < MOST_PLACES else ""
        key: tuple[str, ...] = (sighting.identifier, sighting.kind, sighting.role, sighting.part, place)
        first.setdefault(key, sighting)
        times[key] += sighting.times
    for key, sighting in first.items():
        yield sighting if times[key] == sighting.times else replace(sighting, times=times[key])
