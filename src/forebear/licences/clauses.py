"""Differences between a file and a known licence text, told by clause and in words.

Of the known text only hashes and its decisive words are there, so a difference is told from what the file says, from
the decisive words that it replaces, and from the known clause's number and first words. A difference *matters* unless
it is shown to be a matter of spelling or style.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterator, Sequence

from forebear.licences import lexicon
from forebear.licences.answer import ChangeKind, ClauseChange
from forebear.licences.differences import Comparison, Difference
from forebear.licences.normalise import Text
from forebear.licences.sketches import Clause, Sketches, clauses_of, hash_of

MAX_CHANGES = 40
"""Changes that are told one by one; the rest is counted in the last."""
_CONTEXT = 6
_ADDED_WORDS = 8
_MISSING_SHARE = 0.7


def changes_of(sketches: Sketches, found: Comparison, text: Text) -> tuple[ClauseChange, ...]:
    """All real differences, removed clauses first, then in the order of the file; at most :data:`MAX_CHANGES`."""
    clauses = clauses_of(found.sketch)
    optional = sketches.optional[found.sketch.start : found.sketch.end]
    lacking = [0] * len(clauses)
    for each in found.differences:
        for number, clause in enumerate(clauses):
            start, end = max(each.known_start, clause.start), min(each.known_end, clause.end)
            if start < end and each.end - each.start < 0.5 * (each.known_end - each.known_start):
                lacking[number] += int((~optional[start:end]).sum())
    removed = [
        number
        for number, clause in enumerate(clauses)
        if lacking[number] and lacking[number] >= _MISSING_SHARE * int((~optional[clause.start : clause.end]).sum())
    ]
    changes = [_removed(sketches, found, clauses[number]) for number in removed]
    gone = [(clauses[number].start, clauses[number].end) for number in removed]
    for each in found.differences:
        left = _outside(each, gone)
        if left is not None:
            changes.extend(_told(sketches, found, clauses, left, text))
    if text.reordered:
        what = "the file has characters that show its text in another order than it is stored"
        changes.append(ClauseChange(ChangeKind.ALTERED, "", "", what, True))
    if text.struck:
        changes.append(ClauseChange(ChangeKind.ALTERED, "", "", "words of the file are struck out", True))
    if len(changes) <= MAX_CHANGES:
        return tuple(changes)
    rest = len(changes) - MAX_CHANGES + 1
    what = f"{rest} more differences"
    matters = any(each.matters for each in changes[MAX_CHANGES - 1 :])
    return (*changes[: MAX_CHANGES - 1], ClauseChange(ChangeKind.ALTERED, "", "", what, matters))


def added_around(text: Text, start: int, end: int, title: frozenset[str] = frozenset()) -> Iterator[ClauseChange]:
    """Words of a licence file that belong to no known text, paragraph by paragraph.

    Lines of headings, holders and rulers say nothing and are left out; ``title`` has the words of the licence's name.
    """
    at = start
    while at < end:
        stop = at + 1
        while stop < end and not _parted(text, stop):
            stop += 1
        words = [w for i, w in enumerate(text.words[at:stop], at) if not (text.holder[i] or text.weak[i])]
        if words and not _heading(words, title):
            what = "words that the known text has not"
            yield ClauseChange(ChangeKind.ADDED, "", text.quote(at, stop), what, len(words) > 12 or not _label(words))
        at = stop


def _parted(text: Text, word: int) -> bool:
    """Whether a paragraph starts at a word."""
    between = text.clean[int(text.ends[word - 1]) : int(text.starts[word])]
    return sum(not line.strip(" \t>#*/-") for line in between.split("\n")[1:-1]) > 0


def _heading(words: Sequence[str], title: frozenset[str]) -> bool:
    return len(words) <= 12 and all(w in lexicon.HEADING_WORDS or w in title for w in words)


def _label(words: Sequence[str]) -> bool:
    """Whether a short line only names something (``License for the tokenizer's code``)."""
    return not any(lexicon.decisive(word) and word not in lexicon.CONNECTIVES for word in words)


def _removed(sketches: Sketches, found: Comparison, clause: Clause) -> ClauseChange:
    words = [
        sketches.spelt.get(int(word), "")
        for word in sketches.of(found.sketch)[clause.start : clause.end]
        if int(word) in sketches.spelt
    ]
    size = clause.end - clause.start
    return ClauseChange(
        ChangeKind.REMOVED,
        clause.label,
        "",
        f"the clause of {size} words is missing" if size > 1 else "a word is missing",
        size >= 12 or any(lexicon.decisive(word) for word in words),
    )


def _outside(each: Difference, gone: Sequence[tuple[int, int]]) -> Difference | None:
    """The difference without the clauses that are told as removed; None where nothing is left to tell."""
    start, end = each.known_start, each.known_end
    for first, last in gone:
        if first <= start < last:
            start = min(last, end)
        if first < end <= last:
            end = max(first, start)
    if start >= end and each.start >= each.end:
        return None
    return Difference(start, max(start, end), each.start, each.end)


def _told(
    sketches: Sketches, found: Comparison, clauses: Sequence[Clause], each: Difference, text: Text
) -> Iterator[ClauseChange]:
    new = each.end - each.start
    old = each.known_end - each.known_start
    label = _clause_at(clauses, each.known_start, old).label
    if new >= _ADDED_WORDS and old < 0.3 * new:
        for change in added_around(text, each.start, each.end):
            yield ClauseChange(change.kind, label, change.text, f"words added at “{label}”", change.matters)
        return
    known = sketches.of(found.sketch)[each.known_start : each.known_end]
    before = [sketches.spelt.get(int(word), "…") for word in known]
    after = list(text.words[each.start : each.end])
    what, matters = _wording(sketches, before, after, {int(word) for word in known}, text, each)
    quoted = text.quote(max(0, each.start - _CONTEXT), min(len(text), each.end + _CONTEXT))
    yield ClauseChange(ChangeKind.ALTERED, label, quoted, what, matters)


def _clause_at(clauses: Sequence[Clause], word: int, length: int) -> Clause:
    """The clause of a place; words added between two clauses belong to the one before."""
    for clause in clauses:
        if word < clause.end or (not length and word == clause.end):
            return clause
    return clauses[-1]


def _wording(
    sketches: Sketches, before: list[str], after: list[str], known: set[int], text: Text, each: Difference
) -> tuple[str, bool]:
    """What differs, in words, and whether it matters."""
    new = text.quote(each.start, each.end, 80)
    old = _shown(before)
    mixed = next((word for word in after if _two_alphabets(word)), "")
    if mixed:
        return f"“{mixed}” is written with letters of two alphabets", True
    if any(lexicon.figure(w) or w in lexicon.MONEY for w in (*before, *after)) and _figures(before, after):
        return _replaced("the figure", _phrase(text, each.end, new), _phrase(text, each.end, old), new, old), True
    denied = [w for w in after if w in lexicon.NEGATIONS], [w for w in before if w in lexicon.NEGATIONS]
    if denied[0] != denied[1]:
        told = [f"“{w}” was added" for w in denied[0] if w not in denied[1]]
        told += [f"“{w}” of the known text is missing" for w in denied[1] if w not in denied[0]]
        return "; ".join(told) or _replaced("the file", new, old, new, old), True
    if any(w in lexicon.TERRITORIES for w in (*before, *after)):
        return _replaced("a place", new, old, new, old), True
    named = any(character.isdigit() for w in (*before, *after) for character in w)
    if named or (new[:1].isupper() and "…" not in before and len(after) <= 4 and not any(map(lexicon.decisive, after))):
        return _replaced("the name", new, old, new, old), _matters((*before, *after))
    if (
        len(before) == len(after)
        and all(_spelling(sketches, word, known) for word in after if not lexicon.decisive(word))
        and after
        and not any(map(lexicon.decisive, (*before, *after)))
    ):
        return f"“{new}” is another spelling", False
    return _replaced("the file", new, old, new, old), _matters((*before, *after))


def _figures(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether figures differ, and not only the names around them (``K2.5`` is a name)."""
    pick = [[w for w in side if lexicon.figure(w) or w in lexicon.MONEY] for side in (before, after)]
    others = [[w for w in side if w not in pick[number]] for number, side in enumerate((before, after))]
    named = all(any(w not in lexicon.DECISIVE | lexicon.FUNCTION_WORDS for w in side) for side in others)
    return pick[0] != pick[1] and not named


def _phrase(text: Text, end: int, words: str) -> str:
    """A figure with the scale, currency or period that follows it in the file."""
    stop = end
    while stop < min(len(text), end + 4) and text.words[stop] in lexicon.SCALES | lexicon.MONEY | lexicon.COUNTED | {
        "us"
    }:
        stop += 1
    return f"{words} {text.quote(end, stop, 60)}".strip() if words else ""


def _replaced(subject: str, new: str, old: str, bare_new: str, bare_old: str) -> str:
    if not bare_old:
        return f"the file adds “{bare_new}”"
    if not bare_new:
        return (
            f"“{bare_old}” of the known text is missing" if bare_old != "…" else "a word of the known text is missing"
        )
    if bare_old.strip("… ") == "":
        return f"{subject} reads “{new}” where the known text has other words"
    return f"{subject} reads “{new}”, the known text has “{old}”"


def _shown(words: Sequence[str]) -> str:
    """Words of the known text as far as they are kept; others are dots."""
    shown: list[str] = []
    for word in words[:12]:
        if word != "…" or not shown or shown[-1] != "…":
            shown.append(word)
    return " ".join(shown) + (" …" if len(words) > 12 else "")


def _matters(words: Sequence[str]) -> bool:
    """Whether a difference in these words touches what is demanded or permitted; when in doubt, it does."""
    return any(word not in lexicon.FUNCTION_WORDS for word in words)


def _spelling(sketches: Sketches, word: str, known: set[int]) -> bool:
    """Whether a word is one letter away from one of the known text's words at that place: a slip, not a change."""
    if len(word) < 5 or not word.isascii():
        return False
    letters = string.ascii_lowercase
    near = {word[:i] + word[i + 1 :] for i in range(1, len(word))}
    near |= {word[:i] + c + word[i + 1 :] for i in range(1, len(word)) for c in letters}
    near |= {word[:i] + c + word[i:] for i in range(1, len(word) + 1) for c in letters}
    near |= {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}
    hashes = {int(sketches.hashes[number]) for number in known}
    return any(hash_of(each) in hashes for each in near if not lexicon.decisive(each))


def _two_alphabets(word: str) -> bool:
    names = {unicodedata.name(c, "").partition(" ")[0] for c in word if c.isalpha()}
    return len(names & {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}) > 1
