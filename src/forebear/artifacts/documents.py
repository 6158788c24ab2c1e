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
from forebear.errors import ForebearError, FormatError, one_line
from forebear.sources import Source

CARD = "README.md"
MAX_CARD = 2_000_000
MAX_FRONT_MATTER = 200_000
MAX_LICENCE = 1_000_000
MAX_DIGITS = 20
_LICENCE = re.compile(r"^(licen[cs]e|copying|notice|use_policy|usage_policy|acceptable[_-]use)", re.IGNORECASE)
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
    try:
        data = _plain(yaml.load(header, _Loader), [2 * MAX_FRONT_MATTER])
    except (yaml.YAMLError, ValueError, RecursionError, LookupError, AttributeError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 2}" if mark else ""
        raise FormatError(path, f"its front matter is not valid YAML{where}") from None
    if data is None:
        return {}, text[match.end() :]
    if not isinstance(data, dict):
        raise FormatError(path, "its front matter is not a mapping")
    return data, text[match.end() :]


class _Loader(yaml.SafeLoader):
    """The safe loader without merge keys, which can double with every line, and without endless numbers."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leave ``<<`` alone: it has no constructor and is refused."""

    def bounded_int(self, node: yaml.ScalarNode) -> int | str:
        """An integer, or its text where it is longer than any number that a card states."""
        return int(self.construct_yaml_int(node)) if len(node.value) <= MAX_DIGITS else str(node.value)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.bounded_int)


def _plain(value: Any, room: list[int]) -> Any:
    """A copy made of JSON's types only; ``ValueError`` where aliases unfold to more than ``room[0]`` characters."""
    if isinstance(value, set):
        value = sorted(value, key=str)
    scalar = not isinstance(value, dict | list | tuple)
    room[0] -= 1 + (len(str(value)) if scalar else 0)
    if room[0] < 0:
        raise ValueError("too many values")
    if isinstance(value, dict):
        return {_plain(str(k), room): _plain(v, room) for k, v in value.items()}
    if not scalar:
        return [_plain(v, room) for v in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value).encode("utf-8", "replace").decode("utf-8")
