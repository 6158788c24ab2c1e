"""JavaScript, TypeScript and other languages: string literals, and what stands before each.

A lexer for comments and strings, no parser: what a string is an argument or a value of shows in the text before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from forebear.mentions.base import FileReader, Hit, Kind, Lines, Position
from forebear.mentions.keys import LOADERS, MAYBE, kind_of, names_a_model

LONGEST_STRING = 300
_TOKEN = re.compile(
    r"//[^\n]*|/\*.*?(?:\*/|\Z)"
    rf'|"(?P<double>(?:[^"\\\n]|\\.){{0,{LONGEST_STRING}}})"'
    rf"|'(?P<single>(?:[^'\\\n]|\\.){{0,{LONGEST_STRING}}})'"
    rf"|`(?P<back>[^`\\$]{{0,{LONGEST_STRING}}})`",
    re.DOTALL,
)
# What stands before a string, its last character first: a pattern starts at one place and is done where it fails.
_NAME = r"[\w$]{0,60}[A-Za-z_$]"
_SECOND = re.compile(r"\s{0,8},[\"'][\w\-]{1,60}[\"']\s{0,8}\(enilepip\b")
_CALL = re.compile(rf"\s{{0,8}}\((?P<name>{_NAME})(?:\.(?P<owner>[\w$]{{0,40}}[A-Za-z_$]))?")
_TYPED = re.compile(rf"\s{{0,4}}=\s{{0,4}}(?:gnirts|rts&?|gnirtS)\s{{0,4}}:\s{{0,4}}\??(?P<key>{_NAME})")
_FALLBACK = re.compile(rf"\s{{0,8}}(?:\?\?|\|\|)\s{{0,8}}[\"'\])]{{0,3}}(?P<key>{_NAME})")
_SET = r"""\s{0,8}(?:\?\?|\|\||=:|[:=])\s{0,8}["'`\]]{0,2}(?P<key>[\w$\-]{0,60}[A-Za-z_$])"""
_DEFAULT = re.compile(r"""\s*(?:\?\?|\|\|)\s*[\w.$()\[\]"']{1,40}""" + _SET)
_KEYS = (_TYPED, _FALLBACK, _DEFAULT, re.compile(_SET))
_PROVIDERS = re.compile(
    r"(?:openai|anthropic|google|mistral|azure|groq|cohere|xai|bedrock|vertex|deepseek|togetherai|fireworks|perplexity|"
    r"openrouter|createOpenAI|languageModel|chatModel|textEmbeddingModel|embedding|getGenerativeModel|ollama)",
    re.IGNORECASE,
)
_ENDINGS = (
    *(".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".vue", ".svelte", ".astro"),
    *(".go", ".rs", ".java", ".kt", ".kts", ".scala", ".cs", ".rb", ".php", ".swift", ".dart", ".ex", ".exs", ".lua"),
    *(".c", ".cc", ".cpp", ".h", ".hpp", ".r", ".jl", ".sql"),
)


def read(text: str) -> Iterator[Hit]:
    """Hits among the string literals of a text."""
    lines = Lines(text)
    for token in _TOKEN.finditer(text):
        group = token.lastgroup
        if group is None or not (value := token[group]):
            continue
        line, column = lines(token.start(group))
        how, position, kind = _place(text[max(0, token.start() - 160) : token.start()])
        yield Hit(line, column, value, how, position, kind)


def _place(before: str) -> tuple[str, Position, Kind | None]:
    """What the text before a string says about it."""
    back = before[::-1]
    if _SECOND.match(back):
        return "pipeline", Position.LOADER, Kind.HUB
    if call := _CALL.match(back):
        name, owner = call["name"][::-1], (call["owner"] or "")[::-1]
        loader = next((n for n in (f"{owner}.{name}", name) if n in LOADERS), "")
        if loader:
            return loader, Position.FIELD if loader in MAYBE else Position.LOADER, kind_of(loader)
        if _PROVIDERS.fullmatch(name) or (owner and _PROVIDERS.fullmatch(owner)):
            return name, Position.FIELD, None
    for pattern in _KEYS:
        if (found := pattern.match(back)) and names_a_model(key := found["key"][::-1]):
            return f"field {key}", Position.FIELD, None
    return "string", Position.TEXT, None


READER = FileReader("source code", lambda path: path.endswith(_ENDINGS) and not path.endswith(".min.js"), read)
