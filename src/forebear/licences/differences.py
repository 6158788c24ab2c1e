"""What differs between a file and the known text that it is aligned with, and whether that is allowed to differ.

A known text may have words that can be missing (a title, numbers of clauses, copyright lines) and words that others may
replace (a holder's name); a file may have numbers and holders of its own. What is left are real differences.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from forebear.licences import lexicon
from forebear.licences.compare import Run, align
from forebear.licences.normalise import Text, normalise
from forebear.licences.sketches import Ids, Sketch, Sketches

_FAR = 120
"""Words of the file between two runs beyond which a short run further out is no part of the text any more."""
_DIFFERENT = 3
"""What a differing word counts against a common one where known texts compete: one that explains all is preferred."""
_SHORT = 8
_NAMES = 40
"""Most words that may stand where a known text leaves room."""


@dataclass(frozen=True)
class Difference:
    """Words ``known_start`` to ``known_end`` of the known text stand as ``start`` to ``end`` in the file."""

    known_start: int
    known_end: int
    start: int
    end: int


@dataclass(frozen=True)
class Comparison:
    """A file, or a part of it, against one known text.

    Attributes:
        sketch: the known text.
        runs: common words.
        start, end: the words of the file that belong to the text: from its first common word to its last.
        differences: real ones inside of that stretch, and words missing before and after it.
        missing, extra: (words) of the known text and of the stretch in those differences.
        matched: common words.
        size: words of the known text that have to be there.
    """

    sketch: Sketch
    runs: tuple[Run, ...]
    start: int
    end: int
    differences: tuple[Difference, ...]
    missing: int
    extra: int
    matched: int
    size: int

    @property
    def similarity(self) -> float:
        """Share of the words of the stretch and of the known text that stand in common runs, 0 to 1."""
        same = max(self.size - self.missing, 0)
        total = self.size + same + self.extra
        return 2 * same / total if total else 0.0

    @property
    def worth(self) -> int:
        """Common words less differing ones: the best of several known texts has the most."""
        return self.matched - _DIFFERENT * (self.missing + self.extra)


def compare(sketches: Sketches, sketch: Sketch, text: Text, ids: Ids, start: int, end: int) -> Comparison | None:
    """Words ``start`` to ``end`` of a file against a known text; None where hardly anything is common."""
    known = sketches.of(sketch)
    optional = sketches.optional[sketch.start : sketch.end]
    runs = _near(tuple(Run(r.known, r.file + start, r.length) for r in align(known, ids[start:end])))
    matched = sum(run.length for run in runs)
    if matched < 8 and matched < len(known):
        return None
    found = _differences(_slid(runs, text, ids), len(known), (runs[0].file, runs[-1].file + runs[-1].length))
    first = int((~optional).argmax()) if len(optional) else 0
    real, missing, extra = [], 0, 0
    for each in found:
        lacking = int((~optional[each.known_start : each.known_end]).sum())
        added = _own(text, each.start, each.end)
        if not lacking and not added and not _undone(sketches, known, each):
            continue
        if not lacking and each.known_end <= first and _titled(sketch, text, each):
            continue
        if _allowed(sketch, runs, each, text) or _names_holders(text, each, lacking):
            continue
        real.append(each)
        missing += lacking
        extra += added
    size = int((~optional).sum())
    return Comparison(
        sketch, runs, runs[0].file, runs[-1].file + runs[-1].length, tuple(real), missing, extra, matched, size
    )


def _near(runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """Without short runs at either end that are far from the rest."""
    if not runs:
        return runs
    core = max(range(len(runs)), key=lambda number: runs[number].length)
    first = last = core
    for number in range(core - 1, -1, -1):
        if _belongs(runs[number], runs[first]):
            first = number
    for number in range(core + 1, len(runs)):
        if _belongs(runs[number], runs[last], after=True):
            last = number
    return runs[first : last + 1]


def _slid(runs: tuple[Run, ...], text: Text, ids: Ids) -> list[Run]:
    """Runs between which added words begin where a line does, where it is open with which of equal words they do."""
    slid: list[Run] = []
    for run in runs:
        last = slid[-1] if slid else None
        if last and last.known + last.length == run.known and run.length <= _SHORT:
            end = last.file + last.length
            if np.array_equal(ids[end : end + run.length], ids[run.file : run.file + run.length]):
                slid[-1] = Run(last.known, last.file, last.length + run.length)
                continue
        slid.append(run)
    for number in range(len(slid) - 1):
        before, after = slid[number], slid[number + 1]
        start, end = before.file + before.length, after.file
        if before.known + before.length != after.known or start == end:
            continue
        for back in range(min(before.length - 1, 8) + 1):
            at = start - back
            if back and ids[at] != ids[end - back]:
                break
            if text.lines[at] != text.lines[at - 1]:
                slid[number] = Run(before.known, before.file, before.length - back)
                slid[number + 1] = Run(after.known - back, after.file - back, after.length + back)
                break
    return slid


def _belongs(outer: Run, inner: Run, after: bool = False) -> bool:
    gap = outer.file - inner.file - inner.length if after else inner.file - outer.file - outer.length
    if outer.length < 3:
        return gap <= 8
    return gap <= max(_FAR, 2 * outer.length)


def _differences(runs: Sequence[Run], size: int, span: tuple[int, int]) -> list[Difference]:
    found = []
    at, there = 0, span[0]
    for run in (*runs, Run(size, span[1], 0)):
        if run.known > at or run.file > there:
            found.append(Difference(at, run.known, there, run.file))
        at, there = run.known + run.length, run.file + run.length
    return found


def _undone(sketches: Sketches, known: Ids, each: Difference) -> bool:
    """Whether a negation is missing in words that may be missing as a whole, but not one by one."""
    words = known[each.known_start : each.known_end].tolist()
    return len(words) <= 3 and any(sketches.spelt.get(word) in lexicon.NEGATIONS for word in words)


def _own(text: Text, start: int, end: int) -> int:
    """Words of the file that are neither holders nor numbers of clauses."""
    return int((~(text.holder[start:end] | text.weak[start:end])).sum())


@lru_cache(maxsize=2048)
def title_words(sketch: Sketch) -> frozenset[str]:
    """The words that a heading over a known text may have."""
    return frozenset(normalise(f"{sketch.name} {sketch.id} {sketch.spdx}").words) | lexicon.HEADING_WORDS


def _titled(sketch: Sketch, text: Text, each: Difference) -> bool:
    return set(text.words[each.start : each.end]) <= title_words(sketch)


def _allowed(sketch: Sketch, runs: Sequence[Run], each: Difference, text: Text) -> bool:
    """Whether the known text leaves room there, and what stands there is what may."""
    for alternative in sketch.alternatives:
        if alternative.start > each.known_start or alternative.end < each.known_end:
            continue
        start = each.start - (each.known_start - alternative.start)
        end = each.end + (alternative.end - each.known_end)
        if not 0 <= start <= end <= len(text) or end - start > _NAMES:
            continue
        if not _matched(runs, alternative.start, start, each) or not _matched(runs, each.known_end, each.end, each):
            continue
        words = text.words[start:end]
        if alternative.pattern.strip("()?") in (".*", ".+") and any(
            w in lexicon.NEGATIONS or w in ("must", "shall", "may") for w in words
        ):
            continue
        if any(_fits(alternative.pattern, candidate) for candidate in (text.quote(start, end), " ".join(words))):
            return True
    return False


def _matched(runs: Sequence[Run], known: int, file: int, each: Difference) -> bool:
    """Whether a place of the known text lies at this place of the file, or there is nothing in between."""
    if known in (each.known_start, each.known_end) and file in (each.start, each.end):
        return True
    return any(r.known <= known <= r.known + r.length and known - r.known == file - r.file for r in runs)


def _fits(pattern: str, words: str) -> bool:
    try:
        return re.fullmatch(rf"\s*(?:{pattern})\s*", words, re.IGNORECASE | re.DOTALL) is not None
    except re.error:
        return False


def _names_holders(text: Text, each: Difference, lacking: int) -> bool:
    """A copyright line in a text without line breaks."""
    words = text.words[each.start : each.end]
    if (
        lacking
        or not words
        or len(words) > 25
        or "copyright" not in (words[0], *text.words[each.start - 1 : each.start])
    ):
        return False
    return not any(w in lexicon.CONDITIONS or w in ("no", "may", "license") for w in words)
