"""JavaScript, TypeScript and other languages: string literals, and what stands before each.

A lexer for comments and strings, no parser: what a string is an argument or a value of shows in the text before it.
In a template (`…${code}…`) the code is code again; strings that are quoted in its text count, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from forebear.mentions.base import FileReader, Hit, Kind, Lines, Position
from forebear.mentions.keys import LOADERS, MAYBE, kind_of, names_a_model

LONGEST_STRING = 300
_QUOTED = (
    rf'"(?P<double>(?:[^"\\\n]|\\.){{0,{LONGEST_STRING}}})"'
    rf"|'(?P<single>(?:[^'\\\n]|\\.){{0,{LONGEST_STRING}}})'"
)
_REGEX = r"(?<=[=(,:\[!&|?])[ \t]{0,4}/(?![/*])(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.){0,200}\]){1,200}/"
_IN_TEMPLATE = re.compile(_QUOTED, re.DOTALL)
_TOKENS = {
    mark: re.compile(rf"{comment}|{_QUOTED}|(?P<sign>[`{{}}])", re.DOTALL)
    for mark, comment in (
        ("//", rf"//[^\n]*|/\*.*?(?:\*/|\Z)|{_REGEX}"),
        ("#", r"(?:^|(?<=\s))#(?!\{)[^\n]*"),
        ("--", r"--[^\n]*|/\*.*?(?:\*/|\Z)"),
    )
}
_TEMPLATE = re.compile(r"[^`\\$]*(?:(?:\\.|\$(?!\{))[^`\\$]*)*", re.DOTALL)
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
    *(".go", ".rs", ".java", ".kt", ".kts", ".scala", ".cs", ".php", ".swift", ".dart"),
    *(".c", ".cc", ".cpp", ".h", ".hpp"),
)
_HASHED = (".rb", ".ex", ".exs", ".r", ".jl")
_DASHED = (".sql", ".lua")


def read(text: str, comment: str = "//") -> Iterator[Hit]:
    """Hits among the string literals of a text, whose comments begin with a sign."""
    lines = Lines(text)
    for start, value in _literals(text, _TOKENS[comment]):
        line, column = lines(start)
        how, position, kind = _place(text[max(0, start - 161) : start - 1])
        yield Hit(line, column, value, how, position, kind)


def _literals(text: str, token: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    """Every string of a text that is not empty, and where it begins."""
    open_braces: list[int] = []  # of the code in each template around
    at, templates = 0, True
    while found := token.search(text, at):
        at = found.end()
        sign = found.lastgroup
        if sign in ("double", "single") and found[sign]:
            yield found.start(sign), found[sign]
        if sign != "sign":
            continue
        if open_braces and found["sign"] in "{}":
            open_braces[-1] += 1 if found["sign"] == "{" else -1
        resumed = bool(open_braces) and open_braces[-1] < 0
        if not templates or not (found["sign"] == "`" or resumed):
            continue
        body = _TEMPLATE.match(text, at)
        end = body.end() if body else at
        if end >= len(text):  # nothing closes it: no template, and none can follow
            templates, open_braces = False, []
            continue
        if resumed:
            open_braces.pop()
        if not resumed and text[end] == "`" and end - at <= LONGEST_STRING:
            if end > at:
                yield at, text[at:end]
        else:
            for quoted in _IN_TEMPLATE.finditer(text, at, end):
                if (group := quoted.lastgroup) and quoted[group]:
                    yield quoted.start(group), quoted[group]
        at = end + 1
        if text[end] == "$":
            open_braces.append(0)
            at += 1


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
HASHED = FileReader("source code with # for comments", lambda path: path.endswith(_HASHED), partial(read, comment="#"))
DASHED = FileReader(
    "source code with -- for comments", lambda path: path.endswith(_DASHED), partial(read, comment="--")
)
