"""Every identifier in an exchange: what it is, who said it, where it stands. Nothing else of the exchange gets out."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from urllib.parse import unquote

from forebear.catalogue import names
from forebear.catalogue.names import ModelName
from forebear.traffic.markers import Marker
from forebear.traffic.secrecy import emails

CONTEXT = 40
"""Characters of structure beside an identifier that are shown at most."""


class Kind(StrEnum):
    """What an identifier is."""

    NAME = "name"
    MARKER = "marker"
    FINGERPRINT = "fingerprint"


class Role(StrEnum):
    """Who said an identifier, and how.

    ``asked``: a client asked for it. ``served``: an answer names it as the model. ``error``: it stands in an error.
    ``listed``: a list of models has it. ``logged``: a log names it without saying whose word it is. ``mentioned``: it
    stands in somebody's text.
    """

    ASKED = "asked"
    SERVED = "served"
    ERROR = "error"
    LISTED = "listed"
    LOGGED = "logged"
    MENTIONED = "mentioned"


@dataclass(frozen=True)
class Sighting:
    """An identifier at a place.

    Attributes:
        identifier: as found, checked by :mod:`forebear.traffic.secrecy`.
        kind, role: what it is, and who said it.
        part: ``request URL``, ``request header``, ``request body``, ``response header``, ``response body``,
            ``response stream``, ``log``.
        pointer: keys and positions in that part; unknown keys are ``*``, the number of a stream's event comes first.
        context: the structure before it, at most 40 characters: a key or the name of a header.
        name: what the identifier says; None for what is no model's name.
        marker: what the marker is, where it is one.
        times: how often it stands there; events of a stream that are alike count as one place.
    """

    identifier: str
    kind: Kind
    role: Role
    part: str
    pointer: str
    context: str
    name: ModelName | None = None
    marker: Marker | None = None
    times: int = 1


@lru_cache(maxsize=50_000)
def decoded(text: str, named: bool) -> ModelName | None:
    """What a text says as a model's name, from its identifier alone; None where it names none.

    The identifier is decoded again by itself, so that no word of an address or a query is left in any field. Of a path
    on somebody's disk only the end is an identifier: what is before it are people's folders.
    """
    plain = unescaped(text)
    if _LOCAL.match(plain) or _FOLDERS.search(plain):
        text = plain
        end = text.replace("\\", "/").rstrip("/")
        known = [name for _, _, name in names.find(end) if not _is_local(name.identifier)]
        return _alone(known[-1]) if known else names.decode(end.rsplit("/", 1)[-1], named=named)
    name = names.decode(text, named=named)
    if name is None or name.identifier == text:
        return name
    return _alone(name)


_LOCAL = re.compile(r"(?:file:/|~?/|\.{1,2}[/\\]|[A-Za-z]:[/\\]|[/\\]{2})")
_FOLDERS = re.compile(r"[/\\](?:home|Users)[/\\]|[A-Za-z]:\\|\\\\[\w.-]+\\", re.IGNORECASE)
"""What holds the folder of a user, wherever a value has it."""


def _is_local(text: str) -> bool:
    return _LOCAL.match(text) is not None or _FOLDERS.search(text) is not None


def unescaped(text: str) -> str:
    """A value without the escapes of addresses, which may be written twice."""
    for _ in range(3):
        if "%" not in text:
            break
        text = unquote(text, errors="replace")
    return text


def _alone(name: ModelName) -> ModelName:
    """A name as its identifier alone tells it."""
    again = names.decode(name.identifier) or names.decode(name.identifier, named=True)
    if again is not None and again.identifier == name.identifier:
        return again
    return replace(name, provider=None, account=None, explanation="")


@lru_cache(maxsize=5_000)
def found(text: str) -> tuple[ModelName, ...]:
    """The names in a text, but for those that reach into an e-mail address: of such a one they would be a part."""
    shy = emails(text)
    kept = [name for start, end, name in names.find(text) if not any(a < end and start < b for a, b in shy)]
    return tuple(name for name in map(_shown, kept) if name is not None)


def _shown(name: ModelName) -> ModelName | None:
    return decoded(name.identifier, False) if _is_local(unescaped(name.identifier)) else _alone(name)
