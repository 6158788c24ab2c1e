"""The words of a name, and the families among them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from forebear.catalogue.names import vocabulary as v
from forebear.catalogue.names.families import Family, spellings

LIMIT = 256
"""No model's name is longer; the rest is not read."""
LONGEST = 4
"""Words of a stem, of a number format, of a date."""
_WORD = re.compile(r"[a-z0-9]+(?:(?<=[0-9])\.(?=[0-9])[a-z0-9]+)*")
_HEAD = re.compile(r"[a-z]?\d+(?:[.p]\d{1,2})?(?![\d.])")
_PIECES = re.compile(r"[a-z]+|\d+(?:\.\d+)*")
_LONG_NUMBER = re.compile(r"\d{3,}(?![\d.]*[bm])")  # step596057


@dataclass(frozen=True)
class Word:
    """A word in lower case, and the signs that part it from the word before; none where it is a piece of that."""

    text: str
    before: str = ""


@dataclass(frozen=True)
class Hit:
    """Words that name a family: how many, by which stem, and what the last of them holds besides."""

    family: Family
    stem: str
    words: int
    rest: str = ""


def split(text: str) -> list[Word]:
    """The words of a name; a point between digits does not part them."""
    text = text[:LIMIT].lower()
    words, end = [], 0
    for match in _WORD.finditer(text):
        words.append(Word(match[0], text[end : match.start()]))
        end = match.end()
    return words


def spot(words: Sequence[Word]) -> list[Word | Hit]:
    """The words, those which name a family replaced by it.

    A family whose name means something else too counts as the first one only: in ``kimi-step-500`` is no Step.
    """
    items: list[Word | Hit] = []
    seen = False
    k = 0
    while k < len(words):
        hit = _hit(words, k)
        if hit and hit.family.ambiguous and not hit.family.derivative and (seen or _is_step(words, k)):
            hit = None
        if not hit:
            items.append(words[k])
            k += 1
            continue
        seen = True
        items.append(hit)
        items += [Word(piece) for piece in pieces(hit.rest)]
        k += hit.words
    return items


def _is_step(words: Sequence[Word], k: int) -> bool:
    """Whether a word counts steps of training: step-1200."""
    return words[k].text in v.STEP_WORDS and k + 1 < len(words) and bool(re.fullmatch(r"\d{2,}k?", words[k + 1].text))


def line_and_base(items: Sequence[Word | Hit]) -> tuple[Hit | None, Hit | None]:
    """The family that a name is of, and a second one from which it says to descend.

    Of several, the base is the last before the size (DeepSeek-R1-Distill-Qwen-32B, Llama-3.1-Tulu-3-8B), except that
    what is known as made from others' weights is none, and a model whose weights nobody has neither.
    """
    hits = [item for item in items if isinstance(item, Hit)]
    if len({hit.family.name for hit in hits}) < 2:
        return (hits[0] if hits else None), None
    bases = [hit for hit in hits if not hit.family.derivative and not hit.family.closed]
    sized = next(
        (k for k, item in enumerate(items) if isinstance(item, Word) and v.SIZE.fullmatch(item.text)), len(items)
    )
    before = [hit for hit in bases if items.index(hit) < sized]
    base = _student(items[sized:]) or ((before or bases)[-1] if bases else None)
    derived = [hit for hit in hits if hit.family.derivative]
    others = [hit for hit in hits if base is None or hit.family is not base.family]
    line = derived[-1] if derived else others[0]
    if base and line.family.closed and items.index(line) > items.index(base):
        return base, None  # qwen3-8b-claude-distill: the teacher
    return line, base if base and base.family is not line.family else None


def _student(tag: Sequence[Word | Hit]) -> Hit | None:
    """The family in a tag of Ollama's that says which of a name's models it is: deepseek-r1:70b-llama-distill."""
    if len(tag) < 3 or not isinstance(tag[0], Word) or ":" not in tag[0].before:
        return None
    _, family, word, *_ = tag
    if not isinstance(family, Hit) or family.family.closed or family.family.derivative:
        return None
    return family if isinstance(word, Word) and word.text in ("distill", "distilled") else None


@lru_cache(maxsize=1024)
def names_a_family(text: str) -> bool:
    """Whether one of the words of a name is a known family's."""
    return any(isinstance(item, Hit) for item in spot(split(text)))


@cache
def _heads() -> frozenset[str]:
    """What stems begin with, up to three letters: most words end here."""
    return frozenset(key[:n] for key in spellings() for n in (1, 2, 3))


def _hit(words: Sequence[Word], k: int) -> Hit | None:
    known = spellings()
    head = words[k].text.replace(".", "")[:3]
    if head not in _heads() and head[:2] not in known:
        return None
    for n in range(min(LONGEST, len(words) - k), 0, -1):
        joined = "".join(word.text for word in words[k : k + n])
        if found := known.get(joined.replace(".", "")):
            return Hit(*found, n)
        letters = len(joined) - len(joined.lstrip("abcdefghijklmnopqrstuvwxyz"))
        if n > 1 and letters <= len(joined) - len(words[k + n - 1].text):
            continue
        for length in range(letters, max(letters - 2, 0), -1):
            found = known.get(joined[:length])
            if found and _continues(found[0], joined[length:]):
                return Hit(*found, n, joined[length:])
        if n == 1 and letters == len(joined):
            for length in range(letters - 2, 3, -1):
                found = known.get(joined[:length])
                if found and (joined[length:] in v.STAGES or joined[length:] in {*found[0].variants, *found[0].codes}):
                    return Hit(*found, 1, joined[length:])
    return None


def _continues(family: Family, rest: str) -> bool:
    """Whether what follows a stem in one word begins a version or a size."""
    words = [piece for piece in pieces(rest)[1:] if piece.isalpha() and len(piece) > 1]
    if not all(v.is_word(word) or word in family.variants for word in words) or "free" in words:
        return False  # gpt4all, chatgpt2api: for and to
    if rest[:1].isdigit():
        return not _LONG_NUMBER.match(rest)
    return len(rest) > 1 and rest[0] in "v" + family.letters and rest[1].isdigit()


def pieces(text: str) -> list[str]:
    """A word taken apart where letters and digits change; a version at its head stays whole."""
    if not text or v.VERSION.fullmatch(text) or v.SIZE.fullmatch(text):
        return [text] if text else []
    head = _HEAD.match(text)
    rest = text[head.end() :] if head else text
    return ([head[0]] if head else []) + _PIECES.findall(rest)
