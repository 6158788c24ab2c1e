"""Which references to open where the sign code is silent: an exact scan over two sketches, without their consensus.

Independent models look alike in both sketches, so scores are in units of what independent references show among
themselves. Each of these is held against the others as the query is, with a consensus in which it has no part. That
makes an order, and with enough of them an empirical p-value; it never makes a finding.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from forebear.index.base import Nomination, Nominations
from forebear.signals import spectra, token_geometry
from forebear.signals.spectra import Spectra
from forebear.signals.token_geometry import TokenGeometry

F64 = NDArray[np.float64]

BLOCK = 512
"""Sketches in memory at a time: 14 MB."""
MOST_FAMILIES = 48
"""Independent references from which the consensus is taken."""
FEWEST_FAMILIES = 3
"""From which on there is a consensus, and a scale."""
FEWEST_FOR_P = 20


@dataclass(frozen=True, eq=False)
class Sketched:
    """What the index keeps of a reference for this search."""

    name: str
    spectra: Spectra | None
    tokens: TokenGeometry | None


@dataclass(frozen=True)
class _Scale:
    """Mean and standard deviation of scores between independent references, one pair per sketch."""

    mean: tuple[float, float] = (0.0, 0.0)
    deviation: tuple[float, float] = (1.0, 1.0)

    def units(self, raw: F64) -> F64:
        """The sum ``(n,)`` of raw scores ``(n, 2)`` in standard deviations, over those that are there."""
        units = (raw - np.array(self.mean)) / np.array(self.deviation)
        return np.where(np.isfinite(units).any(axis=1), np.nansum(units, axis=1), np.nan)


class Query:
    """A model that is held against others, with the consensus of references that it is not one of.

    Args:
        mark: the model.
        families: independent references.
    """

    def __init__(self, mark: Sketched, families: Sequence[Sketched]) -> None:
        self._mark = mark
        self._members = {f.name for f in families}
        self._spectra = spectra.consensus([f.spectra for f in families if f.spectra is not None])
        geometries = [f.tokens for f in families if f.tokens is not None]
        self._tokens = token_geometry.consensus(mark.tokens, geometries) if mark.tokens is not None else None

    def scores(self, others: Sequence[Sketched]) -> F64:
        """Raw scores ``(n, 2)``: spectra, tokens; nan where either model has none, or nothing can be compared."""
        out = np.full((len(others), 2), np.nan)
        if self._mark.spectra is not None:
            have = [(k, o.spectra) for k, o in enumerate(others) if o.spectra is not None]
            found = spectra.similarities(self._mark.spectra, [s for _, s in have], self._spectra)
            out[[k for k, _ in have], 0] = found
        if self._mark.tokens is not None and self._tokens is not None:
            for k, other in enumerate(others):
                if other.tokens is not None:
                    member = other.name in self._members
                    out[k, 1] = token_geometry.similarity(self._mark.tokens, other.tokens, self._tokens, member)
        return out


def nominate(
    mark: Sketched, references: Iterable[Sketched], families: Sequence[Sketched], complete: bool, limit: int
) -> Nominations:
    """The references that a model resembles most, best first; those without sketches last.

    Args:
        mark: the model in question.
        references: all of them; read once, a block at a time.
        families: independent ones among them, at most :data:`MOST_FAMILIES`.
        complete: whether every sketched reference is one of ``families`` or depends on one of them.
        limit: how many to give.
    """
    scale, null = _scale(mark, families)
    query = Query(mark, families)
    bare: list[str] = []
    left_out = 0

    def scored() -> Iterator[tuple[float, str, float, float]]:
        nonlocal left_out
        every = iter(references)
        while block := tuple(islice(every, BLOCK)):
            raw = query.scores(block)
            for one, (first, second), total in zip(block, raw, scale.units(raw), strict=True):
                if math.isnan(total):
                    left_out += 1
                    if len(bare) < limit:
                        bare.append(one.name)
                else:
                    yield float(total), one.name, float(first), float(second)

    best = heapq.nsmallest(limit, scored(), key=lambda s: (-s[0], s[1]))
    found = [Nomination(name, total, _some(first), _some(second)) for total, name, first, second in best]
    found += [Nomination(name) for name in bare[: limit - len(found)]]
    p = None
    if complete and len(null) >= FEWEST_FOR_P:
        own = scale.units(query.scores(families))
        if not np.isnan(own).all():
            p = (1 + int((null >= np.nanmax(own)).sum())) / (len(null) + 1)
    return Nominations(tuple(found), len(families), p, _notes(len(families), left_out, p))


def _scale(mark: Sketched, families: Sequence[Sketched]) -> tuple[_Scale, F64]:
    """How independent references score among themselves, and the best score of each, as if it were the query.

    Sketches that the model in question does not have are left out, so that the best scores are comparable with its own.
    """
    if len(families) < FEWEST_FAMILIES:
        return _Scale(), np.zeros(0)
    shown = tuple(
        Sketched(f.name, f.spectra if mark.spectra is not None else None, f.tokens if mark.tokens is not None else None)
        for f in families
    )
    return _among(_Shown(_digest(shown), shown))


@dataclass(frozen=True)
class _Shown:
    """Independent references, with the sketches in question; the same ones whenever their digest is the same."""

    digest: bytes
    families: tuple[Sketched, ...] = field(compare=False)


def _digest(families: Sequence[Sketched]) -> bytes:
    found = blake2b(digest_size=16)
    for one in families:
        found.update(b"%d:%b" % (len(name := one.name.encode("utf-8", "surrogatepass")), name))
        for sketch in (one.spectra, one.tokens):
            raw = b"" if sketch is None else sketch.to_bytes()
            found.update(b"%d:%b" % (len(raw), raw))
    return found.digest()


@lru_cache(maxsize=4)
def _among(of: _Shown) -> tuple[_Scale, F64]:
    """What :func:`_scale` gives: some seconds for many families, and the same for every model of one scan or crawl."""
    shown = of.families
    raw = []
    for k, one in enumerate(shown):
        others = [*shown[:k], *shown[k + 1 :]]
        raw.append(Query(one, others).scores(others))
    table = np.stack(raw)
    means, deviations = [], []
    for column in (table[:, :, 0], table[:, :, 1]):
        known = column[np.isfinite(column)]
        spread = float(known.std()) if known.size > 1 else 0.0
        means.append(float(known.mean()) if known.size else 0.0)
        deviations.append(spread if spread > 0 else 1.0)
    scale = _Scale((means[0], means[1]), (deviations[0], deviations[1]))
    units = [scale.units(one) for one in raw]
    null = np.array([np.nanmax(u) for u in units if not np.isnan(u).all()])
    null.flags.writeable = False
    return scale, null


def _some(score: float) -> float | None:
    return None if math.isnan(score) else score


def _notes(families: int, left_out: int, p: float | None) -> tuple[str, ...]:
    notes = []
    if families < FEWEST_FAMILIES:
        notes.append(
            f"{families} independent references have sketches, too few for a consensus: raw scores only order them"
        )
    if left_out:
        notes.append(f"{left_out:,} references have no sketch that can be compared and come last (add them again)")
    if p is None and families >= FEWEST_FAMILIES:
        notes.append(
            f"no p-value: it takes {FEWEST_FOR_P} to {MOST_FAMILIES} independent references that stand for all others"
        )
    return tuple(notes)
