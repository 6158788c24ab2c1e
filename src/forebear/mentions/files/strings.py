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
_KEY = re.compile(
    r"""(?P<key>[A-Za-z_$][\w$\-]{0,60})["'`\]]{0,2}\s{0,8}(?:\?\?|\|\||:=|[:=])\s{0,8}(?:[\w.$()\[\]"']{1,40}\s*(?:\?\?|\|\|)\s*)?$"""
)
_TYPED = re.compile(r"(?P<key>[A-Za-z_$][\w$]{0,60})\??\s{0,4}:\s{0,4}(?:string|str|&str|String)\s{0,4}=\s{0,4}$")
_CALL = re.compile(r"(?:(?P<before>[A-Za-z_$][\w$]{0,40})\.)?(?P<name>[A-Za-z_$][\w$]{0,60})\(\s{0,8}$")
_SECOND = re.compile(r"\bpipeline\(\s{0,8}[\"'][\w\-]{1,60}[\"'],\s{0,8}$")
_FALLBACK = re.compile(r"(?P<key>[A-Za-z_$][\w$]{0,60})[\"'\])]{0,3}\s{0,8}(?:\?\?|\|\|)\s{0,8}$")
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
    if _SECOND.search(before):
        return "pipeline", Position.LOADER, Kind.HUB
    if call := _CALL.search(before):
        names = (f"{call['before']}.{call['name']}", call["name"])
        loader = next((n for n in names if n in LOADERS), "")
        if loader:
            return loader, Position.FIELD if loader in MAYBE else Position.LOADER, kind_of(loader)
        if _PROVIDERS.fullmatch(call["name"]) or (call["before"] and _PROVIDERS.fullmatch(call["before"])):
            return call["name"], Position.FIELD, None
    for pattern in (_TYPED, _FALLBACK, _KEY):
        if (found := pattern.search(before)) and names_a_model(found["key"]):
            return f"field {found['key']}", Position.FIELD, None
    return "string", Position.TEXT, None


READER = FileReader("source code", lambda path: path.endswith(_ENDINGS) and not path.endswith(".min.js"), read)
