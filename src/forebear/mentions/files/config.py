"""Settings in YAML, TOML, JSON, .env, INI and templates of these: fields whose names say that a model is meant.

Read line by line and not parsed, so that templates, damaged files and files of any size are read alike; a field's list
and the field that a line stands below are known by the indentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from forebear.mentions.base import FileReader, Hit, Position
from forebear.mentions.keys import names_a_model

LONGEST_LINE = 2_000
_FIELD = re.compile(
    r"""(?P<key>[A-Za-z_][\w.\-]{0,80})["']?[ \t]{0,20}(?:=>|[:=])[ \t]{0,20}"""
    r"""(?:[&!][\w.!\-]{1,80}[ \t]{1,8})?["']?(?P<value>(?:\$\{\w{1,60}:?-)?[A-Za-z0-9./~@][^"'\s,#}\]]{0,200})"""
)
_OPEN = re.compile(
    r"""^(?P<indent>[ \t]{0,200})(?:-[ \t]{1,8})?["']?(?P<key>[A-Za-z_][\w.\-]{0,80})["']?"""
    r"""[ \t]{0,8}[:=][ \t]{0,8}\[?[ \t]{0,8}(?P<rest>.*)$"""
)
_ENTRY = re.compile(
    r"""^(?P<indent>[ \t]{0,200})(?:-[ \t]{1,8})?["']?(?P<value>[A-Za-z0-9@][^"'\s,#\[\]{}]{0,200})["']?"""
    r"""[ \t]{0,8},?[ \t]{0,8}(?:#.*)?$"""
)
_NOTHING_YET = re.compile(r"(?:[&!][\w.!\-]{1,80}(?:[ \t]{1,8}|$))?[ \t\[{|>+\-]{0,20}(?:#.*)?")
"""What may stand behind a key whose value follows below: an anchor, a tag, signs of a block, a comment."""
_QUOTED = re.compile(r"""["'](?P<value>[^"'\n]{2,200})["']""")
_ENV_NAME = re.compile(r"""^[ \t]{0,200}-?[ \t]{0,8}name:[ \t]{1,8}["']?(?P<key>\w{1,80})["']?[ \t]{0,8}$""")
_VALUE = re.compile(r"""^[ \t]{0,200}value:[ \t]{1,8}["']?(?P<value>[^"'\s#]{1,200})""")
_NESTED = frozenset({"name", "id", "path", "repo", "repository", "url", "default", "value", "tag"})
"""Keys whose value is a model's name where they stand below a field that is called after models."""


def read(text: str) -> Iterator[Hit]:
    """Hits among the fields of a text, and other strings of it."""
    opened: list[tuple[int, str]] = []
    environment = ""
    for number, full in enumerate(text.split("\n"), 1):
        row = full[:LONGEST_LINE]
        stripped = row.lstrip()
        if not stripped or stripped.startswith(("#", "//", ";")):
            continue
        indent = len(row) - len(stripped)
        while opened and indent <= opened[-1][0] and not stripped.startswith(("-", "]", "}", '"', "'")):
            opened.pop()
        parent = opened[-1][1] if opened and indent >= opened[-1][0] else ""
        told = set[int]()
        if environment and (match := _VALUE.match(row)):
            told.add(match.start("value"))
            yield _hit(number, match, f"field {environment}")
        if match := _ENV_NAME.match(row):
            environment = match["key"] if names_a_model(match["key"]) else ""
        elif not stripped.startswith("value"):
            environment = ""
        for match in _FIELD.finditer(row):
            key = match["key"].rsplit(".", 1)[-1]
            if names_a_model(key) or (key.lower() in _NESTED and names_a_model(parent)):
                told.add(match.start("value"))
                yield _hit(number, match, f"field {key}")
        if (entry := _ENTRY.match(row)) and names_a_model(parent) and entry.start("value") not in told:
            told.add(entry.start("value"))
            yield _hit(number, entry, f"field {parent}")
        opening = _OPEN.match(row)
        if opening is not None:
            named = names_a_model(opening["key"])
            if named and "[" in row:
                for match in _QUOTED.finditer(row, opening.start("rest")):
                    if match.start("value") not in told:
                        told.add(match.start("value"))
                        yield _hit(number, match, f"field {opening['key']}")
            if _NOTHING_YET.fullmatch(opening["rest"]) or row.rstrip().endswith(("[", "{")):
                opened = [(k, v) for k, v in opened if k < indent]
                opened.append((indent, opening["key"]))
        for match in _QUOTED.finditer(row):
            if match.start("value") not in told:
                yield Hit(number, match.start("value") + 1, match["value"], "string", Position.TEXT)
        if len(full) > LONGEST_LINE:
            yield from _rest(number, full)


def _rest(number: int, line: str) -> Iterator[Hit]:
    """What stands in a line behind its first :data:`LONGEST_LINE` characters, as in JSON without line breaks."""
    start = line.rfind(",", 0, LONGEST_LINE) + 1  # what the cut went through is read again
    while start < len(line):
        end = len(line) if len(line) - start <= LONGEST_LINE else line.rfind(",", start, start + LONGEST_LINE) + 1
        end = end if end > start else start + LONGEST_LINE
        piece = line[start:end]
        told = set[int]()
        for match in _FIELD.finditer(piece):
            if names_a_model(match["key"].rsplit(".", 1)[-1]):
                told.add(match.start("value"))
                hit = _hit(number, match, f"field {match['key']}")
                yield replace(hit, column=hit.column + start)
        for match in _QUOTED.finditer(piece):
            if match.start("value") not in told:
                yield Hit(number, match.start("value") + 1 + start, match["value"], "string", Position.TEXT)
        start = end


def _hit(number: int, match: re.Match[str], how: str) -> Hit:
    value = match["value"]
    column = match.start("value") + 1
    if value.startswith("${"):  # ${MODEL:-org/name}: the default
        cut = value.find("-") + 1
        value, column = value[cut:].rstrip("}"), column + cut
    return Hit(number, column, value.rstrip(",;"), how, Position.FIELD)


_ENDINGS = (
    ".yml",
    ".yaml",
    ".toml",
    ".json",
    ".jsonc",
    ".json5",
    ".ini",
    ".cfg",
    ".conf",
    ".properties",
    ".env",
    ".tfvars",
    ".tf",
    ".tpl",
    ".hcl",
)
_LOCKS = ("package-lock.json", "yarn.lock", "pnpm-lock.yaml", "poetry.lock", "uv.lock", "composer.lock", "cargo.lock")
_OF_MODELS = (
    "tokenizer.json",
    "vocab.json",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
    "tokenizer_config.json",
)


def _handles(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    if name in _LOCKS or name in _OF_MODELS or path.endswith((".ipynb", ".tsbuildinfo", ".map")):
        return False
    environment = name.startswith((".env", "env.")) or name.endswith(".env")
    return (
        path.endswith(_ENDINGS)
        or environment
        or name.startswith(("dockerfile", "containerfile", "makefile"))
        or path.endswith((".sh", ".bash"))
    )


READER = FileReader("settings", _handles, read)
