"""Which licence a text is, versions told apart, and what was changed in it.

Texts that share sampled shingles with a file nominate themselves; the few best are aligned with it word by word, and
the one with the most common and the fewest differing words is named. A text is called *exact* only where nothing but
layout, numbers of clauses, names of holders and years differs; else it is the known text *with changes*, and each is
told. What is close to no known text stays without a name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forebear.licences.answer import ClauseChange, Detection
from forebear.licences.clauses import MAX_CHANGES, added_around, changes_of
from forebear.licences.differences import Comparison, compare, title_words
from forebear.licences.mentions import mentioned
from forebear.licences.normalise import Text, normalise
from forebear.licences.sketches import Ids, Sketch, Sketches, known, sampled

Shingles = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
SIMILAR = 0.60
"""Share of common words from which a stretch is named after a known text; see docs/licence-detection.md."""
SIMILAR_SHORT = 0.9
"""The same where the known text has fewer than fifty words."""
FURTHER = 0.85
"""The same for further texts of a file: what is less is words added to the first."""
MAX_PARTS = 30
"""Texts that are looked for in one file; where there are more, the answer says that it is partial."""
_WHOLE = 12
_PARTIAL = 4
_ENOUGH = 5
_WORDS = 40_000
"""Words of known texts that one stretch of a file is compared with."""
_REPEATED = 64
_NEAREST = 3
_LEAST_WORDS = 12
_SHORT = 50


@dataclass(frozen=True)
class _Part:
    found: Comparison
    nearest: tuple[tuple[str, float], ...]


def detect(text: str, file: str = "") -> Detection:
    """Which licence a text is.

    Args:
        text: of a licence file, a notice, or a document that holds one.
        file: its name, for the answer; in a README, what stands around a licence is no change of it.

    Returns:
        The known text that most of the file's words belong to; ``id`` None where no known text is close.
    """
    found = detect_all(text, file)
    return max(found, key=lambda each: (each.id is not None, each.lines[1] - each.lines[0] if each.lines else 0))


def detect_all(text: str, file: str = "", sketches: Sketches | None = None) -> tuple[Detection, ...]:
    """Every licence text in a file, in its order; one without an ``id`` where there is none."""
    sketches = sketches or known()
    words = normalise(text)
    ids = sketches.ids(words.words)
    parts = sorted(_parts(sketches, words, ids), key=lambda part: part.found.start)
    names = mentioned(words)
    if not parts:
        nearest = _nearest(sketches, words, ids)
        return (Detection(file, None, holders=words.holders, nearest=nearest, mentioned=names, partial=words.cut),)
    around = {} if _document(file) else _around(words, parts)
    partial = words.cut or len(parts) == MAX_PARTS
    return tuple(
        _detection(sketches, words, part, file, around.get(number, ()), names, partial)
        for number, part in enumerate(parts)
    )


def _detection(
    sketches: Sketches,
    text: Text,
    part: _Part,
    file: str,
    around: tuple[ClauseChange, ...],
    names: tuple[str, ...],
    partial: bool,
) -> Detection:
    found, sketch = part.found, part.found.sketch
    changes = (*changes_of(sketches, found, text), *around)
    lines = int(text.lines[found.start]) + 1, int(text.lines[found.end - 1]) + 1
    return Detection(
        file,
        sketch.id,
        _licence(sketch),
        sketch.name,
        sketch.spdx,
        round(found.similarity, 4),
        not changes,
        changes,
        _holders(text, lines),
        part.nearest,
        lines,
        tuple(name for name in names if name != sketch.id),
        partial,
    )


def _licence(sketch: Sketch) -> str | None:
    """Identifier in the catalogue of licences, with the user's overlay."""
    from forebear.catalogue.licences import licences

    listed = licences()
    if sketch.licence in listed:
        return sketch.licence
    return next((each.id for each in listed.values() if sketch.id in each.texts), None)


def _holders(text: Text, lines: tuple[int, int]) -> tuple[str, ...]:
    """Copyright lines of a part: those in it and in the few lines above."""
    rows = text.clean.split("\n")[max(0, lines[0] - 9) : lines[1] + 1]
    flat = [" ".join(row.split()) for row in rows]
    return tuple(holder for holder in text.holders if any(holder and holder[:60] in row for row in flat))


def _parts(sketches: Sketches, text: Text, ids: Ids) -> Iterator[_Part]:
    """The known texts of a file: the best one, then those before and after it."""
    open_ends = [(0, len(ids))]
    count = 0
    while open_ends and count < MAX_PARTS:
        start, end = open_ends.pop()
        part = _best(sketches, text, ids, start, end)
        if part is None or (count and part.found.similarity < FURTHER):
            continue
        count += 1
        yield part
        open_ends += [(start, part.found.start), (part.found.end, end)]


def _best(sketches: Sketches, text: Text, ids: Ids, start: int, end: int) -> _Part | None:
    found = _compared(sketches, text, ids, start, end)
    if not found or found[0].similarity < (SIMILAR if found[0].size >= _SHORT else SIMILAR_SHORT):
        return None
    best = _exact_parts(sketches, text, ids, found)
    nearest: dict[str, float] = {}
    for name in best.sketch.same:
        nearest[name] = round(best.similarity, 4)
    for each in found:
        if each.sketch.id != best.sketch.id:
            nearest.setdefault(each.sketch.id, round(each.similarity, 4))
    return _Part(best, tuple(nearest.items())[: _NEAREST + len(best.sketch.same)])


def _exact_parts(sketches: Sketches, text: Text, ids: Ids, found: list[Comparison]) -> Comparison:
    """The best of the compared texts, unless two others explain more: a licence and a use policy in one file.

    Llama 3's licence came with its use policy, so a file with both of Llama 3.1 resembles it as a whole.
    """
    best = found[0]
    if not best.differences:
        return best
    for rival in found[1:]:
        if rival.differences or rival.start < best.start or rival.end > best.end:
            continue
        worth = rival.worth
        for start, end in ((best.start, rival.start), (rival.end, best.end)):
            rest = _compared(sketches, text, ids, start, end)
            worth += rest[0].worth if rest and rest[0].similarity >= FURTHER else 0
        return rival if worth > best.worth else best
    return best


def _nearest(sketches: Sketches, text: Text, ids: Ids) -> tuple[tuple[str, float], ...]:
    found = _compared(sketches, text, ids, 0, len(ids))
    return tuple({each.sketch.id: round(each.similarity, 4) for each in found[:_NEAREST]}.items())


def _compared(sketches: Sketches, text: Text, ids: Ids, start: int, end: int) -> list[Comparison]:
    """Comparisons with the nominated texts, the best first."""
    if end - start < _LEAST_WORDS:
        return []
    found: list[Comparison] = []
    done = False
    for number, first, last in _nominated(sketches, ids[start:end]):
        each = compare(sketches, sketches.table[number], text, ids, start + first, start + last)
        if each is not None:
            found.append(each)
            done = done or (not each.differences and each.end - each.start >= 0.97 * (end - start))
        if done and len(found) >= _ENOUGH:
            break  # one explains everything, and the nearest others are there too
    return sorted(found, key=lambda e: (-e.worth, -e.similarity, -_near_names(sketches, e, text), e.sketch.start))


def _near_names(sketches: Sketches, found: Comparison, text: Text) -> int:
    """How far differing words begin alike: ``K2.6`` is nearer to ``K2.5`` than to ``K2``."""
    total = 0
    for each in found.differences[:20]:
        known = sketches.of(found.sketch)[each.known_start : each.known_end].tolist()
        for word, other in zip(known, text.words[each.start : each.end], strict=False):
            total += _alike(sketches.spelt.get(word, ""), other)
    return total


def _alike(first: str, second: str) -> int:
    """How many characters two words begin with in common."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((number for number, (one, other) in pairs if one != other), min(len(first), len(second)))


def _nominated(sketches: Sketches, ids: Ids) -> list[tuple[int, int, int]]:
    """Texts that share the most shingles for their size, and where in the file each may lie.

    Shared less missing shingles find whole texts, among near relatives too; shared ones squared over all find parts.
    """
    values, places = sampled(ids)
    order = np.argsort(values, kind="stable")
    values, places = values[order], places[order]
    listed, texts, where = sketches.index
    hits = _places(listed, np.unique(values))[0]
    shared = np.bincount(texts[hits], minlength=len(sketches.table))
    share = shared.astype(float) ** 2 / np.maximum(sketches.sizes, 1)
    whole = np.argsort(sketches.sizes - 2 * shared, kind="stable")[:_WHOLE]
    parts = np.argsort(-share, kind="stable")[:_PARTIAL]
    best = [number for number in dict.fromkeys((*whole.tolist(), *parts.tolist())) if shared[number]]
    found: list[tuple[int, int, int]] = []
    budget = _WORDS
    for number in best:
        budget -= sketches.table[number].end - sketches.table[number].start
        if budget < 0 and found:
            break
        of = hits[texts[hits] == number]
        sketch = sketches.table[number]
        index, repeated = _places(values, listed[of], _REPEATED)
        starts = places[index].astype(np.int64) - np.repeat(where[of].astype(np.int64), repeated)
        found.append((number, *_window(starts, len(of), sketch.end - sketch.start, len(ids))))
    return found


def _places(values: Shingles, wanted: Shingles, most: int = 1 << 20) -> tuple[Places, Places]:
    """Places in sorted ``values`` of each of ``wanted``, at most ``most`` of each, and how many of each."""
    left, right = np.searchsorted(values, wanted), np.searchsorted(values, wanted, "right")
    count = np.minimum(right - left, most).astype(np.int64)
    first = np.cumsum(count) - count
    return np.repeat(left - first, count) + np.arange(int(count.sum())), count


def _window(starts: Places, shared: int, size: int, total: int) -> tuple[int, int]:
    """Where in a file of ``total`` words a text of ``size`` words lies: the first place that shares enough of it."""
    width = 64 + size // 4
    bins, inside = np.unique(starts // width, return_counts=True)
    near = inside + np.concatenate((inside[1:] * (np.diff(bins) == 1), [0]))
    near = np.minimum(near, shared)  # several copies of the text are no better than one
    begin = int(bins[int(np.argmax(near >= 0.8 * near.max()))]) * width
    return max(0, begin - width), min(total, begin + 2 * width + size + size // 2 + 200)


def _document(file: str) -> bool:
    """Whether a file is a text about something else that may hold a licence (a README, a card)."""
    name = file.rpartition("/")[2].lower()
    licence = any(word in name for word in ("licen", "notice", "copying", "policy", "agreement", "terms", "legal"))
    return bool(name) and not licence and (name.startswith("readme") or name.endswith((".md", ".rst", ".html")))


def _around(text: Text, parts: list[_Part]) -> dict[int, tuple[ClauseChange, ...]]:
    """Words of a licence file that belong to none of its texts, each at the text before it (or the first)."""
    found: dict[int, tuple[ClauseChange, ...]] = {}
    edges = [0, *(part.found.end for part in parts)]
    for number, start in enumerate(edges):
        end = parts[number].found.start if number < len(parts) else len(text)
        at = max(number - 1, 0)
        title = title_words(parts[at].found.sketch) | title_words(parts[min(number, len(parts) - 1)].found.sketch)
        added = added_around(text, start, end, title)
        if len(parts) > 1:
            added = (change for change in added if change.matters)  # headings of the several texts
        found[at] = (*found.get(at, ()), *added)[:MAX_CHANGES]
    return found
