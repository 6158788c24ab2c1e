"""Which indexed models are tied to one another: every reference searched for, its nearest ones held against it.

All from what the index keeps: nothing is read again. The number of ordered pairs that a run may look at, references
times models audited, is paid for in every p-value; so is a pair that is looked at because a card names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import log10

from forebear.index import Entry, Hit, Index
from forebear.inspect.judge import FEWEST_COINS
from forebear.inspect.search import Candidate, by_code
from forebear.lineage.counts import LOG10_ALPHA
from forebear.lineage.evidence import trust
from forebear.lineage.towers import only_towers
from forebear.signals.sign_code import SignCode
from forebear.types import Verdict, floored

NEAREST = 20
"""References that the search hands on for each model."""
AT_A_TIME = 256
"""Codes that are searched for together."""
STRONG = 2 / 3
"""Agreement that a silent pair would have had to be found at, to be called silent: that of rows with a cosine of one
half, agreement being 1 - arccos(cosine) / π. What the word means here; fitted to nothing."""


@dataclass(frozen=True)
class Tie:
    """What the codes of two indexed models say, all pairs paid for.

    Attributes:
        name: of the other one.
        verdict: as ``scan`` gives it by codes; direction is never told by codes alone.
        log10_p: of this pair alone, floored; None where no coins could be compared.
        log10_e: of its p-value times the pairs that were looked at, raw.
        agree, n: coins.
        parts: what is tied, where only a part is.
        towers: whether that part is an encoder beside the language model alone.
        excludes_start: the test that excludes a shared random start, or "".
        strong: whether a tie of :data:`STRONG` would have been found with probability 0.999, by exact coins.
        imported: which of the two were not measured here: what their codes say is somebody's word.
    """

    name: str
    verdict: Verdict
    log10_p: float | None
    log10_e: float
    agree: int
    n: int
    parts: tuple[str, ...]
    towers: bool
    excludes_start: str
    strong: bool
    imported: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether the two are dependent as wholes."""
        return bool(self.verdict.related) and self.verdict is not Verdict.COMPONENT_SHARED

    @property
    def partial(self) -> bool:
        """Whether only a part of the two is."""
        return self.verdict is Verdict.COMPONENT_SHARED

    @property
    def silent(self) -> bool:
        """Whether nothing agrees although it would have been found; coordinates that were moved stay silent, too."""
        return self.strong and not self.verdict.related


@dataclass(frozen=True)
class Looked:
    """One indexed model, what it is tied to (nearest first), and what became of the bases that it was held against."""

    entry: Entry
    tied: tuple[Tie, ...]
    named: dict[str, Tie]


def tie(entry: Entry, other: Entry, pairs: int) -> Tie:
    """Hold two indexed models against each other by their codes; the first one is the reference."""
    found = by_code(entry, other.fingerprint, other.name, pairs)
    return _tie(found, other, pairs)


def _tie(found: Candidate, other: Entry, pairs: int) -> Tie:
    counts, said = found.counts, found.conclusion
    looks = log10(max(1, pairs))
    least = counts.detectable_share(LOG10_ALPHA - looks)
    trusted = not trust(found.entry.fingerprint.code, other.fingerprint.code, (found.entry.name, other.name))[1]
    partial = said.verdict is Verdict.COMPONENT_SHARED
    return Tie(
        found.entry.name,
        said.verdict,
        floored(counts.log10_p) if counts.pooled.n else None,
        counts.log10_p + looks,
        counts.pooled.agree,
        counts.pooled.n,
        tuple(map(str, said.relation.details.get("components", ()))) if partial else (),
        partial and only_towers(said),
        str(said.relation.details.get("excludes_shared_initialisation") or ""),
        trusted and counts.pooled.n >= FEWEST_COINS and least is not None and least <= STRONG,
        tuple(e.name for e in (other, found.entry) if e.provenance is not None and e.provenance.origin),
    )


def neighbours(index: Index, codes: Sequence[SignCode], limit: int) -> Sequence[Sequence[Hit]]:
    """The nearest references of many codes at once where the index can do that, else of one after the other."""
    many: Callable[[Sequence[SignCode], int], Sequence[Sequence[Hit]]] | None = getattr(index, "search_many", None)
    return many(codes, limit) if many is not None else [index.search(code, limit) for code in codes]


def looked_at(
    index: Index,
    entries: Iterable[Entry],
    pairs: int,
    named: Callable[[Entry], Iterable[str]],
) -> Iterator[Looked]:
    """Every model with its ties.

    A reference is looked at closer where its raw agreement is one that fewer than one of all pairs would reach by
    chance, or where the model names it.

    Args:
        index: the references.
        entries: the models that are audited.
        pairs: ordered pairs of models that all of it may look at.
        named: names of the references that an entry's card or listing names as bases.
    """
    looks = log10(max(1, pairs))
    rest = iter(entries)
    while batch := list(islice(rest, AT_A_TIME)):
        found = neighbours(index, [entry.fingerprint.code for entry in batch], NEAREST)
        for entry, hits in zip(batch, found, strict=True):
            bases = [name for name in dict.fromkeys(named(entry)) if name != entry.name]
            near = [hit.name for hit in hits if hit.name != entry.name and hit.log10_p + looks <= 0]
            wanted = list(dict.fromkeys([*near, *bases]))
            whole = index.get(entry.name) if wanted else None  # with its towers
            if whole is None:
                yield Looked(entry, (), {})
                continue
            others = [other for name in wanted if (other := index.get(name)) is not None]
            ties = [tie(other, whole, pairs) for other in others]
            tied = sorted((t for t in ties if t.verdict.related), key=_nearest)
            yield Looked(entry, tuple(tied), {t.name: t for t in ties if t.name in bases})


def _nearest(one: Tie) -> tuple[bool, float, float, str]:
    share = one.agree / one.n if one.n else 0.5
    return one.partial, floored(one.log10_e), -share, one.name
