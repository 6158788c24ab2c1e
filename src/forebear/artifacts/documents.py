"""The papers that come with a model: card with front matter, licence and notice files.

Nothing here is believed; :mod:`forebear.signals.declared` turns it into claims.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from forebear.artifacts.text import read_whole
from forebear.errors import ForebearError, FormatError
from forebear.sources import Source

CARD = "README.md"
MAX_CARD = 2_000_000
MAX_FRONT_MATTER = 200_000
MAX_LICENCE = 1_000_000
_LICENCE = re.compile(r"^(licen[cs]e|copying|notice|use_policy|usage_policy|acceptable[_-]use)", re.IGNORECASE)
_FENCE = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Documents:
    """Card and licence files as found.

    Attributes:
        front_matter: the card's YAML header, empty where there is none.
        card: the card's text behind the header.
        licences: licence, notice and policy files: name to text.
    """

    front_matter: Mapping[str, Any] = field(default_factory=dict)
    card: str = ""
    licences: Mapping[str, str] = field(default_factory=dict)


def read_documents(source: Source) -> tuple[Documents, tuple[str, ...]]:
    """The documents of a source, and one line for each that could not be read as it should be."""
    problems: list[str] = []
    front: Mapping[str, Any] = {}
    card = ""
    licences: dict[str, str] = {}
    for file in source.files():
        is_card = file.path == CARD
        if not is_card and not _LICENCE.match(file.path):
            continue
        try:
            raw = read_whole(source, file.path, MAX_CARD if is_card else MAX_LICENCE)
            text, problem = decode(raw, file.path)
            if problem:
                problems.append(problem)
            if is_card:
                front, card = split_card(text, file.path)
            else:
                licences[file.path] = text
        except ForebearError as error:
            problems.append(str(error))
    return Documents(front, card, licences), tuple(problems)


def decode(raw: bytes, path: str) -> tuple[str, str]:
    """Text with every undecodable byte replaced, and a line about it where there was one."""
    try:
        return raw.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        return raw.decode("utf-8", "replace"), f"{path}: not valid UTF-8 at byte {error.start:,}; save it as UTF-8"


def split_card(text: str, path: str = CARD) -> tuple[Mapping[str, Any], str]:
    """Front matter and body of a model card.

    Raises:
        FormatError: the front matter is not a YAML mapping.
    """
    match = _FENCE.match(text)
    if not match:
        return {}, text
    header = match.group(1)
    if len(header) > MAX_FRONT_MATTER:
        raise FormatError(path, f"front matter of {len(header):,} characters")
    if re.search(r"(^|[\s\[{,:-])[&*]\w", header):  # anchors and aliases: a few lines could expand to gigabytes
        header = re.sub(r"(^|[\s\[{,:-])([&*])(?=\w)", r"\1", header)
    try:
        data = yaml.safe_load(header)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 2}" if mark else ""
        raise FormatError(path, f"its front matter is not valid YAML{where}") from None
    if data is None:
        return {}, text[match.end() :]
    if not isinstance(data, dict):
        raise FormatError(path, "its front matter is not a mapping")
    return {str(k): v for k, v in data.items()}, text[match.end() :]
