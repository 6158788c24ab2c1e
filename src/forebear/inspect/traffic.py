"""Captured traffic: which models it names, and where an answer names another than was asked for."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields

from forebear.catalogue.names import ModelName
from forebear.errors import ForebearError, UsageError, one_line
from forebear.inspect.cost import peak_memory
from forebear.inspect.crew import cores
from forebear.inspect.traffic_search import searched
from forebear.inspect.traffic_tell import Pair, findings, place, remarkable, summary
from forebear.traffic import Kind, Role, Search, Sighting, Stream, exchanges, open_stream
from forebear.traffic.differences import differ
from forebear.traffic.read import format_of
from forebear.traffic.result import Capture, Identified, Traffic, Where
from forebear.types import Cost, Coverage, Untested

Step = Callable[[str], None]

PLACES = 5
"""Places of an identifier that are kept."""
MOST_IDENTIFIERS = 10_000
MOST_PAIRS = 1_000
"""Pairs of a name that was asked for and another that answered."""
LARGE = 1 << 26
"""Bytes of a file from which on it is worth more than one process."""
PROGRESS = 1 << 26
"""Bytes between two lines of progress."""
_ORDER = (Role.SERVED, Role.ERROR, Role.LISTED, Role.ASKED, Role.LOGGED, Role.MENTIONED)
_DECODED = tuple(f.name for f in fields(ModelName) if f.name != "identifier")


@dataclass
class _Tally:
    """An identifier while it is counted."""

    first: Sighting
    roles: Counter[str] = field(default_factory=Counter)
    where: list[Where] = field(default_factory=list)


class _Ledger:
    """Everything seen so far, within bounds."""

    def __init__(self) -> None:
        self.tallies: dict[tuple[Kind, str], _Tally] = {}
        self.pairs: dict[tuple[str, str], Pair] = {}
        self.redactions: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        self.dropped = 0

    def note(self, file: str, record: int, seen: Sequence[Sighting]) -> None:
        """Count the sightings of a record, and hold what was said in it against what was asked."""
        for sighting in seen:
            self._count(file, record, sighting)
        asked = {s.identifier: s.name for s in seen if s.role is Role.ASKED and s.name is not None}
        ours = [s.name for s in seen if s.name is not None and _is_ours(s)]
        for said in seen:
            if asked and _is_other(ours, said):
                self._pair(_first(asked), said, place(file, record, said.part, said.pointer))

    def _count(self, file: str, record: int, seen: Sighting) -> None:
        key = (seen.kind, seen.identifier)
        tally = self.tallies.get(key)
        if tally is None:
            if len(self.tallies) >= MOST_IDENTIFIERS:
                self.dropped += 1
                return
            tally = self.tallies[key] = _Tally(seen)
        new = seen.role.value not in tally.roles
        tally.roles[seen.role.value] += seen.times
        if len(tally.where) < PLACES or (new and len(tally.where) < PLACES + len(Role)):  # each role's first place
            where = Where(file, record, seen.part, seen.pointer, seen.role, seen.context)
            if where not in tally.where:
                tally.where.append(where)

    def _pair(self, asked: tuple[str, ModelName], said: Sighting, at: str) -> None:
        key = (asked[0], said.identifier)
        if key in self.pairs or len(self.pairs) < MOST_PAIRS:
            self.pairs.setdefault(key, Pair(*asked, said, at)).count += said.times


def _is_ours(seen: Sighting) -> bool:
    """Whether a name is the client's word: of a log, what was asked; of a request all, fallbacks and tools too."""
    return seen.role is Role.ASKED or seen.part.startswith("request")


def _first(asked: dict[str, ModelName]) -> tuple[str, ModelName]:
    """The name to tell as the one that was asked for: one of a known family before others."""
    return next((item for item in asked.items() if item[1].family), next(iter(asked.items())))


def _is_other(asked: Iterable[ModelName], said: Sighting) -> bool:
    """Whether an answer names a model, or has a marker of a family, that nobody asked for."""
    if said.marker is not None:
        family = said.marker.family
        return said.part.startswith("response") and family is not None and all(n.family != family for n in asked)
    if said.name is None or said.role not in (Role.SERVED, Role.ERROR):
        return False
    if said.role is Role.ERROR and said.name.family is None:
        return False
    return all(differ(name, said.name) for name in asked)


def read_traffic(files: Sequence[str], on_step: Step = lambda _: None, workers: int | None = 1) -> Traffic:
    """The model identifiers in captured traffic.

    Args:
        files: HAR, mitmproxy flows, VCR cassettes, ``curl -v`` transcripts, JSON lines, JSON or plain logs, each also
            gzipped; ``-`` is standard input. The format is told by content. Memory is that of a few megabytes of
            records, or of one that is larger.
        on_step: told what is being done.
        workers: processes for a large file; None for one per core. More than one only in a program that can be
            imported anew, as :mod:`multiprocessing` asks.

    Raises:
        UsageError: no file was named.
    """
    if not files:
        raise UsageError("no capture was named", "forebear traffic capture.har")
    start, size = time.perf_counter(), 0
    ledger = _Ledger()
    captures: list[Capture] = []
    problems: list[str] = []
    for file in files:
        shown = one_line(file, 200)
        try:
            with open_stream(file) as stream:
                captures.append(_read(shown, stream, ledger, problems, on_step, _workers(file, workers)))
                size += stream.bytes_read
        except ForebearError as error:
            problems.append(str(error))
    identifiers = tuple(sorted((_identified(t) for t in ledger.tallies.values()), key=_rank))
    told = remarkable(tuple(ledger.pairs.values()), identifiers)
    gaps = [Untested(f"{count:,} bodies", reason) for reason, count in ledger.unread.items()]
    if ledger.dropped:
        gaps.append(Untested(f"{ledger.dropped:,} sightings", f"more than {MOST_IDENTIFIERS:,} different identifiers"))
    tested = tuple(f"{c.file}: {c.format}" for c in captures)
    return Traffic(
        summary(identifiers, told, captures, problems),
        tuple(captures),
        identifiers,
        tuple(findings(told, identifiers)),
        dict(sorted(ledger.redactions.items())),
        Coverage(tested, tuple(gaps)),
        Cost(size, len(captures), round(time.perf_counter() - start, 4), peak_memory()),
        tuple(problems),
    )


def _workers(file: str, wanted: int | None) -> int:
    """Processes for a file: one where starting others would take longer than reading it, or nothing tells its size."""
    try:
        size = 0 if file == "-" else os.stat(file).st_size
    except (OSError, ValueError):
        size = 0
    return 1 if size < LARGE else wanted or cores()


def _read(file: str, stream: Stream, ledger: _Ledger, problems: list[str], on_step: Step, workers: int) -> Capture:
    """One capture to its end."""
    records, told = 0, 0
    wrong: list[str] = []
    on_step(f"reading {file}")
    made = exchanges(stream, wrong.append, Search().wanted)
    for batch in searched(made, workers):
        records += len(batch.seen) + len(batch.lost)
        for record, seen in batch.seen:
            ledger.note(file, record, seen)
        ledger.redactions += batch.redactions
        ledger.unread += batch.unread
        if batch.lost:
            wrong.append(f"records {batch.lost[0]:,} to {batch.lost[-1]:,} were lost with a killed process")
        if stream.bytes_read - told > PROGRESS:
            told = stream.bytes_read
            on_step(f"reading {file}: {told / 1e6:,.0f} MB, {len(ledger.tallies):,} identifiers")
    if wrong:
        problems.append(f"{file}: {'; '.join(wrong)}{_still_read(records) if stream.head else ''}")
    return Capture(file, format_of(stream.head).name if stream.head else "empty", records)


def _still_read(records: int) -> str:
    """What a damaged capture gave all the same."""
    if not records:
        return "; nothing that could name a model in what was read"
    many = f"{records:,} records with something to see were" if records > 1 else "1 record with something to see was"
    return f"; {many} read"


def _identified(tally: _Tally) -> Identified:
    seen = tally.first
    said = {name: getattr(seen.name, name) for name in _DECODED} if seen.name is not None else {}
    if seen.marker is not None:
        said = {"family": seen.marker.family, "explanation": seen.marker.explanation}
    elif seen.kind is Kind.FINGERPRINT:
        said = {"explanation": "the server's own mark for its configuration; it names no model"}
    roles = {role.value: tally.roles[role.value] for role in _ORDER if tally.roles[role.value]}
    return Identified(seen.identifier, seen.kind, tally.roles.total(), roles, tuple(tally.where), **said)


def _rank(found: Identified) -> tuple[int, int, int, int, str]:
    """Names before markers before fingerprints; by role; known families first; then by count."""
    role = min(k for k, role in enumerate(_ORDER) if role.value in found.roles)
    return list(Kind).index(found.kind), role, found.family is None, -found.count, found.identifier
