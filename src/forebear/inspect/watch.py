"""A watch over models that are guarded: does an entry of the index depend on one of them, by its code?

A watch has no end, so its price must not have one either. Every guarded model is held against every entry, now or
later; the c-th comparison of a watch pays c (c + 1), and the sum of 1 / (c (c + 1)) over all c is one. So the chance of
any false match, however long the watch goes on, is at most the level of a verdict, one in a million, as long as the
index and the guarded models only grow. The number of comparisons so far is at most guarded models times entries, and
that is what is put in for c. Looking again at the same two codes is no new look.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from forebear.attest.exchange import public
from forebear.attest.fingerprints import Mark, mark_of
from forebear.attest.replay import coins
from forebear.errors import UsageError
from forebear.index import Entry, Index
from forebear.inspect.imported import provenance_evidence
from forebear.inspect.search import Candidate, by_code
from forebear.inspect.share import guarded_names, is_guarded, is_private, named_in
from forebear.lineage.counts import LOG10_ALPHA
from forebear.types import Evidence, Json, Verdict, floored, head, to_json

Step = Callable[[str], None]

NEAREST = 1_000
"""Entries whose codes agree most with a guarded model's, which a sweep over an index holds against it."""
RELATIVES = 50
"""Entries among which an older relative of a guarded model is looked for."""
PRICE = (
    "p times c (c + 1), where c = guarded models × entries of the index; over an endless watch the chance of any false "
    "match is at most one in a million while both only grow"
)


@dataclass(frozen=True)
class Match:
    """An entry that depends on a guarded model, by the codes of both.

    Attributes:
        name: of the entry.
        guarded: name of the guarded model.
        found, kept: what is needed to compute it again, of the entry and of the guarded model.
        location: the hub repository where the entry was read, "" for any other place: a match is shown to others.
        added: RFC 3339, when it came into the index.
        verdict: by the codes.
        why: the verdict in a sentence.
        evidence: the coins; and, of an imported entry, whose word its code is.
        log10_p: of this pair, all looks at it paid for.
        log10_e: of the whole watch.
        watched: guarded models.
        references: entries of the index.
        relatives: entries that were in the index before the guarded model and depend on both: what they have in common
            with each other they may have from there.
        older: whether the entry itself was there before the guarded model, which may have been made from it.
    """

    name: str
    guarded: str
    found: Mark
    kept: Mark
    location: str
    added: str
    verdict: Verdict
    why: str
    evidence: tuple[Evidence, ...]
    log10_p: float
    log10_e: float
    watched: int
    references: int
    relatives: tuple[str, ...] = ()
    older: bool = False

    @property
    def explained(self) -> bool:
        """Whether something older in the index could explain the dependence: then nobody should be asked yet."""
        return self.older or bool(self.relatives)

    @property
    def coins(self) -> Evidence:
        """The exact test."""
        return self.evidence[0]

    @property
    def cannot_exclude(self) -> tuple[str, ...]:
        """What else would look the same, and what is not told, a clause each."""
        lines = [
            "which of the two came first: the test has no direction",
            "a common ancestor that is not in the index: two models made from one public model depend on each other",
            "one random initialisation in two separately trained models",
            "training towards the other model's hidden states, or from its copied embeddings",
        ]
        if self.relatives:
            names = ", ".join(self.relatives[:5])
            lines.insert(0, f"that both were made from {names}, which was in the index before and depends on both")
        if self.older:
            lines.insert(0, f"that {self.guarded} was made from {self.name}, which was in the index before it")
        if self.verdict is Verdict.COMPONENT_SHARED:
            lines.insert(0, "that nothing but a part is shared, from wherever each of the two has it")
        if len(self.evidence) > 1:
            lines.append(f"that the code of {self.name} is of another model: it was imported and not measured here")
        return tuple(lines)

    def to_json(self) -> Json:
        """As it stands in documents; without the codes."""
        return {
            "found": {
                "name": self.name,
                "digest": self.found.digest,
                "location": self.location or None,
                "added": self.added,
            },
            "guarded": {"name": self.guarded, "digest": self.kept.digest},
            "verdict": self.verdict.value,
            "why": self.why,
            "log10_p": self.log10_p,
            "log10_e": self.log10_e,
            "watch": {
                "guarded_models": self.watched,
                "references": self.references,
                "comparisons": self.watched * self.references,
                "paid": price(self.watched, self.references),
                "how": PRICE,
            },
            "relatives": list(self.relatives),
            "older": self.older,
            "evidence": to_json(self.evidence),
            "cannot_exclude": list(self.cannot_exclude),
        }


@dataclass(frozen=True)
class Sweep:
    """What a watch over all entries found.

    Attributes:
        matches: the closest first.
        guarded: names of the guarded models.
        references: entries of the index.
        looked_at: entries that were held against a guarded model.
        since: RFC 3339 from which on entries were looked at, "" for all.
    """

    matches: tuple[Match, ...]
    guarded: tuple[str, ...]
    references: int
    looked_at: int
    since: str = ""

    def to_json(self) -> Json:
        """The ``forebear.index-watch/1`` document."""
        return {
            **head("forebear.index-watch/1"),
            "guarded": list(self.guarded),
            "references": self.references,
            "looked_at": self.looked_at,
            "since": self.since or None,
            "log10_level": LOG10_ALPHA,
            "paid": price(len(self.guarded), self.references),
            "matches": [match.to_json() for match in self.matches],
        }


def price(watched: int, references: int) -> int:
    """By what a p-value is multiplied in a watch of so many models over so many entries; see the module."""
    comparisons = max(1, watched * references)
    return comparisons * (comparisons + 1)


def watch(name: str, index: Index, guarded: Collection[str]) -> tuple[Match, ...]:
    """Whether an entry, which has just been added, depends on a guarded model.

    Args:
        name: of the entry; one that is guarded, or private and not imported, has no match.
        index: that holds it and the guarded models.
        guarded: their names; those that are not in the index are passed over.

    Returns:
        A match for each guarded model that it depends on, the closest first; empty for an innocent one, up to the
        chance that the module states.
    """
    entry = index.get(name)
    if entry is None or name in guarded or is_guarded(entry):
        return ()
    references = index.count()
    known = list(dict.fromkeys(guarded))
    found = []
    for other in known:
        reference = index.get(other)
        if reference is None:
            continue
        paid = price(len(known), references)
        counts, _ = coins(mark_of(reference.fingerprint), mark_of(entry.fingerprint))
        if counts.log10_p + math.log10(paid) > LOG10_ALPHA:  # of nearly all, and then nothing else has to be told
            continue
        candidate = by_code(reference, entry.fingerprint, entry.name, paid)
        if candidate.tied:
            found.append(_match(candidate, entry, index, set(known), references))
    return tuple(sorted(found, key=lambda m: (m.log10_p, -(m.coins.score or 0.0), m.guarded)))


def sweep(index: Index, guarded: Sequence[str] = (), since: str = "", on_step: Step = lambda _: None) -> Sweep:
    """Hold what is in an index against guarded models: of each the thousand entries whose codes agree most.

    Args:
        index: the references.
        guarded: names; default every private one that was not imported.
        since: RFC 3339 day or time; entries that were added before are passed over.
        on_step: told what is being done.

    Raises:
        UsageError: nothing is guarded, a name is not in the index, or ``since`` is no time.
    """
    names = named_in(index, guarded) if guarded else tuple(guarded_names(index))
    if not names:
        raise UsageError("no model is guarded", "--guard NAME, or forebear index add MODEL --private")
    start = _moment(since)
    near: dict[str, None] = {}
    for name in names:
        on_step(f"searching for relatives of {name}")
        if (own := index.get(name)) is not None:
            near |= dict.fromkeys(hit.name for hit in index.search(own.fingerprint.code, NEAREST + len(names)))
    matches: list[Match] = []
    looked = 0
    for name in near:
        entry = index.get(name)
        if entry is None or name in names or is_guarded(entry) or entry.added < start:
            continue
        looked += 1
        on_step(f"comparing {name}")
        matches += watch(name, index, names)
    order = sorted(matches, key=lambda m: (m.log10_p, -(m.coins.score or 0.0), m.name, m.guarded))
    return Sweep(tuple(order), names, index.count(), looked, start)


def _moment(since: str) -> str:
    """A day or a time as the index writes times, "" for none."""
    if not since:
        return ""
    try:
        moment = datetime.fromisoformat(since)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"--since {since}: no time", "write it like 2026-11-29") from None
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _match(candidate: Candidate, entry: Entry, index: Index, guarded: set[str], references: int) -> Match:
    reference = candidate.entry
    paid = price(len(guarded), references)
    log10_p = floored(candidate.counts.log10_p)
    coins = next(e for e in candidate.evidence if e.signal.startswith("sign-code/"))
    return Match(
        entry.name,
        reference.name,
        mark_of(entry.fingerprint),
        mark_of(reference.fingerprint),
        entry.location if public(entry.location) else "",
        entry.added,
        candidate.conclusion.verdict,
        candidate.conclusion.why,
        (coins, *provenance_evidence(entry)),
        log10_p,
        log10_p + math.log10(paid),
        len(guarded),
        references,
        _relatives(reference, entry, index, guarded, paid),
        entry.added <= reference.added,
    )


def _relatives(reference: Entry, entry: Entry, index: Index, guarded: set[str], paid: int) -> tuple[str, ...]:
    """Entries that were there before the guarded model and depend on both it and the entry: public bases, mostly."""
    out = []
    for hit in index.search(reference.fingerprint.code, RELATIVES):
        if hit.name in guarded or hit.name == entry.name or (older := index.get(hit.name)) is None:
            continue
        if is_private(older) or older.added > reference.added:
            continue
        if all(by_code(older, m.fingerprint, m.name, paid).tied for m in (reference, entry)):
            out.append(older.name)
    return tuple(out)
