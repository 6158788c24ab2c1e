r"""Expressions that cut a text into the words inside which tokens are merged: those of published tokenizers, by name.

Such an expression is a fact about a tokenizer like its vocabulary. The ones that are run are those that stand here; one
in a file is compared with them and never run, for an expression can be made to hang. They are written as their
publishers write them, with ``\p{…}`` classes, set differences and possessive quantifiers where those have them.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache

from forebear.artifacts.tokenizers.base import byte_string

Step = Callable[[str, bool], list[str]]
"""A pre-tokenizer: a piece of text, and whether it begins the text, to smaller pieces that make up all of it."""

_SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_ENDS = r"\s+(?!\S)|\s+"
_UPPER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}"
_LOWER = r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
_LINES = rf"\s*[\r\n]+|{_ENDS}"
_KANA_AND_HAN = "[一-龥\u3040-ゟ゠-ヿ]+"

GPT2 = rf"'s|'t|'re|'ve|'m|'ll|'d| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|{_ENDS}"
LLAMA3 = rf"{_SUFFIX}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_LINES}"
QWEN2 = LLAMA3.replace("{1,3}", "")
QWEN35 = QWEN2.replace(r"]?\p{L}+", r"]?[\p{L}\p{M}]+").replace(r"[^\s\p{L}\p{N}]", r"[^\s\p{L}\p{M}\p{N}]")
CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|"
    r"\s+(?!\S)|\s"
)
_CASED = rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]*[{_LOWER}]+!|[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]+[{_LOWER}]*!"
_CASED_TAIL = rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_LINES}"
O200K = _CASED.replace("!", f"{_SUFFIX}?") + r"|\p{N}{1,3}" + _CASED_TAIL
TEKKEN = _CASED.replace("!", "") + r"|\p{N}" + _CASED_TAIL
KIMI_K2 = (
    r"[\p{Han}]+|"
    + _CASED.replace(r"\p{M}]", r"\p{M}&&[^\p{Han}]]").replace("!", f"{_SUFFIX}?")
    + rf"|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_LINES}"
)
BLOOM = " ?[^(\\s|[.,!?…。，、।۔،])]+"
DEEPSEEK3 = (
    '[!"' + r"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|"
    r"[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|" + _LINES
)
_CASED_LETTERS = (
    "A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373"
    "\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f"
    "\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77"
    "\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d"
    "\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb"
    "\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128"
    "\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4"
    "\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf"
    "\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3"
    "\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943"
)
"""Cased letters as DeepSeek's first tokenizers list them, in the order of their code points."""
TO_BYTES = ""
"""Stands among expressions where text is written in characters for bytes; where it does not, that comes last."""
PUNCTUATION = r"[\p{P}$+<=>^~|`]+"
"""ASCII's and what Unicode calls so, in stretches."""
_DIGITS = r"\p{N}"
_CJK = "[一-龥\u0800-一가-\ud7ff]+"

SPLITS: Mapping[str, tuple[str, ...]] = {
    "gpt2": (GPT2,),
    "llama3": (LLAMA3,),
    "qwen2": (QWEN2,),
    "qwen3.5": (QWEN35,),
    "cl100k": (CL100K,),
    "o200k": (O200K,),
    "tekken": (TEKKEN,),
    "kimi-k2": (KIMI_K2,),
    "bloom": (BLOOM,),
    "viking": (BLOOM, _DIGITS),
    "digits-gpt2": (_DIGITS, GPT2),
    "falcon": (PUNCTUATION, GPT2, TO_BYTES, r"\p{N}+", "[0-9][0-9][0-9]"),
    "deepseek-llm": (
        r"[\r\n]",
        rf"\s?[{_CASED_LETTERS}]+",
        r"\s?[!-/:-~！-／：-～‘-‟\u3000-。]+",
        r"\s+$",
        _CJK,
        _DIGITS,
    ),
    "deepseek-coder": (r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", _CJK, _DIGITS),
    "deepseek-v3": (r"\p{N}{1,3}", _KANA_AND_HAN, DEEPSEEK3),
}
"""Ways to cut by name: expressions that are applied in turn, each to the pieces that the ones before it left."""

_HAN = (
    "\u2e80-\u2e99\u2e9b-\u2ef3\u2f00-\u2fd5\u3005\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufa6d\ufa70-\ufad9\U00016fe2\U00016fe3\U00016ff0\U00016ff1\U00020000-\U0002a6df\U0002a700-\U0002b739"
    "\U0002b740-\U0002b81d\U0002b820-\U0002cea1\U0002ceb0-\U0002ebe0\U0002f800-\U0002fa1d\U00030000-\U0003134a"
    "\U00031350-\U000323af"
)
"""The characters of the script (Unicode 15, Scripts.txt)."""
_WHITE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""The property White_Space (PropList.txt); Python's own class holds four control characters more."""


def isolate(pattern: str) -> Step:
    """Cuts so that every match of an expression is a piece, and what lies between matches is too."""
    expression = compiled(pattern)

    def step(text: str, first: bool) -> list[str]:
        pieces = []
        at = 0
        for match in expression.finditer(text):
            start, stop = match.span()
            if start > at:
                pieces.append(text[at:start])
            if stop > start:
                pieces.append(text[start:stop])
            at = stop
        if at < len(text):
            pieces.append(text[at:])
        return pieces

    return step


def chain(steps: list[Step]) -> Step:
    """Several steps in turn."""

    def split(text: str, first: bool) -> list[str]:
        pieces = [text]
        for step in steps:
            pieces = [small for at, piece in enumerate(pieces) for small in step(piece, first and at == 0)]
        return pieces

    return split


def byte_level(name: str) -> Step:
    """The words of the way to cut of that name, in characters for bytes; ``KeyError`` where there is none."""
    patterns = SPLITS[name]
    in_bytes = patterns if TO_BYTES in patterns else (*patterns, TO_BYTES)
    return chain([isolate(pattern) if pattern != TO_BYTES else _to_bytes for pattern in in_bytes])


def _to_bytes(text: str, first: bool) -> list[str]:
    return [byte_string(text.encode("utf-8", "surrogatepass"))]


def name_of(patterns: tuple[str, ...]) -> str | None:
    """The name of a way to cut that is written as such expressions, None where it is none of ours."""
    return next((name for name, ours in SPLITS.items() if ours == patterns), None)


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    r"""An expression of ours with ``\p{…}`` and ``\s`` spelt out, for Python's ``re`` has no such classes.

    ``[…&&[^\p{Han}]]`` is written as a look-ahead, ``[^…&&…]`` does not occur.
    """
    pattern = re.sub(r"\[([^][]*)&&\[\^\\p\{Han\}\]\]([*+])", r"(?:(?!\\p{Han})[\1])\2", pattern)
    pattern = pattern.replace(BLOOM, r" ?[^(\s|.,!?…。，、।۔،)]+")  # a class within a class is its union
    parts = re.split(r"(\\p\{\w+\}|\\[sS]|\\.|\[\^?|\])", pattern)
    inside = False
    for at, part in enumerate(parts):
        if part in ("[", "[^"):
            inside = True
        elif part == "]":
            inside = False
        elif part.startswith("\\p"):
            parts[at] = _ranges(part[3:-1]) if inside else f"[{_ranges(part[3:-1])}]"
        elif part == r"\s":
            parts[at] = _WHITE if inside else f"[{_WHITE}]"
        elif part == r"\S":
            parts[at] = f"[^{_WHITE}]"
    return re.compile("".join(parts))


@cache
def _ranges(name: str) -> str:
    """The characters of a Unicode category, or of its first letter, as the inside of a class."""
    if name == "Han":
        return _HAN
    flags = [unicodedata.category(chr(k)).startswith(name) for k in range(sys.maxunicode + 1)]
    edges = [k for k in range(1, len(flags)) if flags[k] != flags[k - 1]]
    if len(edges) % 2:
        edges.append(len(flags))
    return "".join(f"\\U{a:08x}-\\U{b - 1:08x}" for a, b in zip(edges[::2], edges[1::2], strict=True))
