"""The papers that come with a model: card with front matter, licence and notice files.

Nothing here is believed; :mod:`forebear.signals.declared` turns it into claims.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from forebear.artifacts import bounded_yaml
from forebear.artifacts.text import read_whole
from forebear.errors import ForebearError, FormatError, one_line
from forebear.sources import Source

CARD = "README.md"
MAX_CARD = 2_000_000
MAX_FRONT_MATTER = 200_000
MAX_LICENCE = 1_000_000
_LICENCE = re.compile(
    r"^(?:licen[cs]e|copying|notice|(?:prohibited_)?use_policy|usage_policy|acceptable[_-]use"
    r"|(?:[^/]{0,100}[ ._-])?(?:licen[cs]es?|notices?|attributions?|agreement|terms[ _-]of[ _-]use)"
    r"(?:[ _-][^/.]{0,100})?(?:\.(?:txt|md|rst|html?|pdf|docx?))?$)",  # MODEL_LICENSE, THIRD_PARTY_NOTICES.txt
    re.IGNORECASE,
)
_NOT_TEXT = (".pdf", ".doc", ".docx", ".odt", ".png", ".jpg")
_FENCE = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t\r]*$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Documents:
    """Card and licence files as found.

    Attributes:
        front_matter: the card's YAML header, empty where there is none.
        card: the card's text behind the header.
        licences: licence, notice and policy files: name to text, empty where the file is no text.
    """

    front_matter: Mapping[str, Any] = field(default_factory=dict)
    card: str = ""
    licences: Mapping[str, str] = field(default_factory=dict)


def is_document(path: str) -> bool:
    """Whether a file is the card, or by its name a licence or a notice."""
    return path == CARD or _LICENCE.match(path) is not None


def read_documents(source: Source) -> tuple[Documents, tuple[str, ...]]:
    """The documents of a source, and one line for each that could not be read as it should be."""
    problems: list[str] = []
    front: Mapping[str, Any] = {}
    card = ""
    licences: dict[str, str] = {}
    for file in source.files():
        is_card = file.path == CARD
        if not is_document(file.path):
            continue
        try:
            if file.path.lower().endswith(_NOT_TEXT):
                licences[file.path] = ""  # it is there, which is all that can be said of it
                continue
            raw = read_whole(source, file.path, MAX_CARD if is_card else MAX_LICENCE)
            text, problem = decode(raw, file.path)
            if problem:
                problems.append(problem)
            if is_card:
                card = text  # what stays when the front matter is damaged
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
        name = one_line(path)
        return raw.decode("utf-8", "replace"), f"{name}: not valid UTF-8 at byte {error.start:,}; save it as UTF-8"


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
    data = bounded_yaml.load(header, path, "its front matter", MAX_FRONT_MATTER, line=2)
    if data is None:
        return {}, text[match.end() :]
    if not isinstance(data, dict):
        raise FormatError(path, "its front matter is not a mapping")
    return data, text[match.end() :]
