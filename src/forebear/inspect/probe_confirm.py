"""Before an endpoint is accused: whether what was counted holds in every script by itself.

A gateway may send questions in Latin letters to one model and Chinese ones to another. Counts of both, taken together,
can look like those of a third. So the tokenizer that fits has to fit, and the claimed one has not to, among texts in
Latin letters alone and among Chinese, Japanese and Korean ones alone, each against another text of its own kind: what
stands around a text then drops out even where it differs from route to route.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from forebear.index import BlackBoxIndex
from forebear.inspect.probe_counts import Count, Counts
from forebear.inspect.probe_plan import Settings
from forebear.inspect.probe_tokenizers import vocabularies
from forebear.lineage.blackbox import Counted, Outcome
from forebear.lineage.blackbox_tokenizer import by_tokenizer, expected
from forebear.signals.counting_noise import I64, Rounded
from forebear.signals.token_counts import CountTest

LATIN, CJK = "Latin letters", "Chinese, Japanese and Korean"
_LAST_LATIN = "\u024f"
_CJK = (("\u2e80", "\u9fff"), ("\uac00", "\ud7af"), ("\uf900", "\ufaff"))
_ENOUGH = 24
"""Tokens; a larger difference makes a pair of texts no better."""


@dataclass(frozen=True)
class Pair:
    """Who is held against whom.

    Attributes:
        test: of the counts so far.
        fits: the class that fits.
        claimed: the classes of the claimed model, of which none does.
    """

    test: CountTest
    fits: int
    claimed: tuple[int, ...]

    @property
    def tolerance(self) -> int:
        """By how many tokens the difference of two counts may be off."""
        noise = self.test.noise
        return noise.multiple if isinstance(noise, Rounded) else noise.kernel().size // 2

    def gaps(self, probes: Sequence[int]) -> I64:
        """By how many tokens at least the claimed model's differences of two counts are others, ``(n, n)``."""
        counts = self.test.table.counts[:, list(probes)]
        errors = counts[list(self.claimed)] - counts[self.fits]
        found: I64 = np.abs(errors[:, :, None] - errors[:, None, :]).min(axis=0)
        return found


def rivals(
    settings: Settings, counted: Counted | None, index: BlackBoxIndex, counts: Counts
) -> tuple[int, tuple[int, ...]] | None:
    """The class that fits and those of a claim that it would contradict; None where nothing is contradicted."""
    known = vocabularies(index)
    for claim in filter(None, (settings.expect, settings.model)):
        if by_tokenizer(claim, counted, known)[0] is Outcome.CONTRADICTED:
            wanted = expected(claim, known.values()).names
            classes = counts.test.table.classes
            return counts.test.matches[0], tuple(k for k, names in enumerate(classes) if wanted & set(names))
    return None


def doubt_by_script(
    pair: Pair, texts: Sequence[str], seen: Mapping[int, int], count: Count, affords: Callable[[int], bool]
) -> str:
    """Why the counts may be those of several models; empty where every script by itself says the same.

    Args:
        pair: the tokenizers in question.
        texts: the guarded texts of the battery.
        seen: counts that were taken.
        count, affords: see :func:`~forebear.inspect.probe_counts.count_tokens`.
    """
    known, tolerance = dict(seen), pair.tolerance
    for script, probes in scripts(texts).items():
        chosen = _telling(pair, probes, known)
        if chosen is None:
            return f"among texts in {script} the two count alike, and those may be another model's"
        for probe in chosen:
            if probe not in known and affords(probe) and (found := count(texts[probe], False)) is not None:
                known[probe] = found
        if not set(chosen) <= set(known):
            return f"the counts of texts in {script} could not be asked for"
        difference = known[chosen[0]] - known[chosen[1]]
        expected = pair.test.table.counts[:, chosen[0]] - pair.test.table.counts[:, chosen[1]]
        if abs(difference - int(expected[pair.fits])) > tolerance:
            return f"texts in {script}, held against each other, do not fit: several models may answer"
    return ""


def _telling(pair: Pair, probes: Sequence[int], known: Mapping[int, int]) -> tuple[int, int] | None:
    """The two texts of a script that tell the tokenizers apart best, the cheaper and those already counted first."""
    gaps, tolerance = pair.gaps(probes), pair.tolerance
    costs = pair.test.table.counts[:, list(probes)].max(axis=0)
    enough = [(i, j) for i, j in combinations(range(len(probes)), 2) if gaps[i, j] > 2 * tolerance + 1]
    if not enough:
        return None

    def worth(at: tuple[int, int]) -> tuple[int, int, int]:
        fresh = sum(probes[k] not in known for k in at)
        return min(int(gaps[at]), _ENOUGH + 2 * tolerance), -fresh, -int(costs[list(at)].sum())

    i, j = max(enough, key=worth)
    return probes[i], probes[j]


def scripts(texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Texts in one script, the baseline left out."""
    found: dict[str, list[int]] = {LATIN: [], CJK: []}
    for probe, text in enumerate(texts):
        letters = [c for c in text.partition("\n")[2].rpartition("\n")[0] if c.isalpha()]
        if probe and letters and max(text) <= _LAST_LATIN:
            found[LATIN].append(probe)
        elif probe and letters and 2 * sum(_is_cjk(c) for c in letters) >= len(letters):
            found[CJK].append(probe)
    return {script: tuple(probes) for script, probes in found.items()}


def _is_cjk(char: str) -> bool:
    return any(first <= char <= last for first, last in _CJK)
