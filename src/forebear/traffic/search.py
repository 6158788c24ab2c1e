"""The search through an exchange: addresses, headers and bodies, down to JSON in JSON."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from forebear.catalogue.names import ModelName
from forebear.traffic import fields, markers, roles
from forebear.traffic.base import Exchange, Message, Side
from forebear.traffic.bodies import JOINED, Document, as_text, documents, from_base64, inflated, loaded
from forebear.traffic.literals import Clues, literals
from forebear.traffic.secrecy import (
    ADDRESS,
    EMAIL,
    MOST,
    NUMBER,
    RANDOM,
    emails,
    is_fingerprint,
    shortened,
    withheld,
)
from forebear.traffic.sightings import CONTEXT, Kind, Role, Sighting, decoded, found
from forebear.traffic.values import Node, keys, strings

LONG = 2_000
"""Characters from which on only the parts of a text that are near a literal are looked at."""
NESTED = 4
"""JSON in strings of JSON is opened to this depth."""
_PAIR = re.compile(
    r"""(?P<key>[\w.\-]{2,60})(?P<join>\\*["']?\s{0,4}[:=]\s{0,4}\\*["']?)(?P<value>[^\s"'\\,;&<>{}()\[\]|]{1,201})"""
)
_FOLDER = re.compile(r"\\+[\w.]")
_SEGMENT = re.compile(r"/(?:deployments|engines|models?|inference-profiles?|foundation-models?)/([^/?#]+)")
_METHOD = re.compile(r":[a-z][A-Za-z]{5,30}$")
_WHOSE = {Side.REQUEST: Role.ASKED, Side.RESPONSE: Role.SERVED, Side.LOG: Role.LOGGED}


@dataclass(frozen=True)
class _Place:
    """Where the search is: which part of a message, whose word holds there, and what to expect."""

    part: str
    side: Side
    clues: Clues
    failed: bool = False
    theirs: bool = False
    listing: bool = False
    streamed: bool = False


class Search:
    """Looks through exchanges and counts what it withheld.

    Attributes:
        redactions: values that stood where a model's name stands and must not be shown, by kind.
        unread: bodies that could not be read, by reason.
    """

    def __init__(self) -> None:
        self.redactions: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        self._literals = literals()
        self.wanted = self._literals.in_record

    def sightings(self, exchange: Exchange) -> Iterator[Sighting]:
        """Everything in an exchange, request first."""
        for message in exchange.messages:
            if message.url:
                yield from self._url(message)
            clues = self._literals.clues("\n".join(value for _, value in message.headers))
            for name, value in message.headers:
                yield from self._header(name, value, message.side, clues)
            yield from self._body(message)

    def _url(self, message: Message) -> Iterator[Sighting]:
        path, query = _parts(message.url)
        part = f"{message.side} URL"
        seen = [name for run in self._literals.clues(path).runs(path) for name in found(run)]
        for name in seen:
            yield from self._name(name, Role.ASKED, part, "", "")
        for segment in () if seen else _SEGMENT.findall(path):
            yield from self._named(_METHOD.sub("", segment), Role.ASKED, part, "", "/")
        for key, value in query:
            if fields.names_model(key):
                shown = fields.shown_key(key)
                yield from self._named(value, Role.ASKED, part, f"/{shown}", f"{shown}=")

    def _header(self, name: str, value: str, side: Side, clues: Clues) -> Iterator[Sighting]:
        naming = fields.header_names_model(name)
        if not naming and not clues.stems:
            return
        part, shown = f"{side} header", fields.shown_header(name)
        if naming:
            role = Role.ASKED if side is Side.REQUEST else Role.SERVED
            yield from self._named(value.strip(), role, part, f"/{shown}", f"{shown}: ")
        elif name.lower().removeprefix(fields.PASSED_ON) not in fields.NOT_SOUGHT:
            text = _parts(value)[0] if "://" in value else value[:LONG]
            for run in clues.runs(text):
                for seen in found(run):
                    yield from self._name(seen, Role.MENTIONED, part, f"/{shown}", f"{shown}: ")

    def _body(self, message: Message) -> Iterator[Sighting]:
        body, problem = inflated(message)
        if problem:
            self.unread[problem] += 1
        if not body:
            return
        part = "log" if message.side is Side.LOG else f"{message.side} body"
        media = message.header("content-type").lower()
        if isinstance(body, bytes):
            body = as_text(body)
        made = documents(body, media) if isinstance(body, str) else (Document(body, _flat(body)),)
        for document in made:
            clues = self._literals.clues(document.source)
            if not clues.some:
                continue
            place = _Place(part, message.side, clues, message.status >= 400)
            if document.at is not None:
                place = replace(place, part=f"{message.side} stream", streamed=True)
            if isinstance(document.content, str):
                yield from self._text(document.content, place, "" if document.at is None else f"/{document.at}")
                continue
            above = None if document.at is None else Node(None, document.at, "", None)
            for seen in self._tree(document.content, above, place):
                yield seen if document.times == 1 else replace(seen, times=document.times)

    def _tree(self, tree: Any, above: Node | None, place: _Place) -> Iterator[Sighting]:
        """A tree, and the trees in its strings; an event's pieces of text are left to the stream's joined text."""
        stack = [(tree, above, replace(place, listing=roles.is_list(tree)), 0)]
        while stack:
            tree, above, here, depth = stack.pop()
            for key in keys(tree) if here.clues.stems else ():
                for run in here.clues.runs(key) if len(key) <= MOST else ():
                    for name in found(run):
                        yield from self._name(name, Role.MENTIONED, here.part, "/*", "key ")
            for node, value in strings(tree, above):
                if here.streamed and node.key in JOINED:
                    continue
                inner = _nested(node, value) if depth < NESTED else None
                if inner is None:
                    yield from self._string(node, value, here)
                    continue
                theirs = here.theirs or roles.is_theirs(node) or node.label == "content"
                clues = here.clues if node.label != "bytes" else self._literals.clues(_flat(inner))
                stack.append((inner, node, replace(here, theirs=theirs, clues=clues, streamed=False), depth + 1))

    def _string(self, node: Node, value: str, place: _Place) -> Iterator[Sighting]:
        """A string of a tree: a field that names a model, or a text."""
        label = fields.normal(node.label)
        if label == "system_fingerprint":
            yield from self._fingerprint(value, node, place)
            return
        theirs = place.theirs or roles.is_theirs(node)
        listed = not theirs and place.side is not Side.REQUEST and roles.in_list(node, place.listing)
        if listed or (fields.names_model(node.label) and not theirs):
            role = roles.role_of(node, place.side, place.failed, listed)
            yield from self._named(value, role, place.part, node.pointer(), _context(node))
        elif fields.names_model(node.label) or fields.may_name_model(node.label):
            name = decoded(value, False) if len(value) <= MOST else None
            if name is not None and name.family:
                role = Role.MENTIONED if theirs else roles.role_of(node, place.side, place.failed, False)
                yield from self._name(name, role, place.part, node.pointer(), _context(node))
        elif place.clues.marks or place.clues.may_name(value):
            failed = place.side is not Side.REQUEST and (place.failed or roles.is_failure(node))
            role = Role.ERROR if failed else Role.MENTIONED
            for piece in self._pieces(value):
                yield from self._words(piece, role, place, node.pointer(), _context(node))

    def _text(self, text: str, place: _Place, pointer: str) -> Iterator[Sighting]:
        """A text without structure: pairs that look like fields, names, markers."""
        role = Role.ERROR if place.failed else Role.MENTIONED
        whose = Role.ERROR if place.failed else _WHOSE[place.side]
        for piece in self._pieces(text):
            taken = set[str]()
            for pair in _PAIR.finditer(piece):
                key, value = pair["key"], pair["value"].rstrip(".")
                if not (fields.names_model(key) or fields.header_names_model(key)):
                    continue
                whole = pair.end() < len(piece)  # half a secret no longer looks like one
                folder = _FOLDER.match(piece, pair.end()) is not None  # srv-7\\share\\gpt-4o
                sure = whole and not folder and ("=" in pair["join"] or '"' in pair["join"])
                name = decoded(value, sure) if not emails(value) else None
                if name is not None:
                    taken.add(name.identifier)
                    yield from self._name(name, whose, place.part, pointer, f"{fields.shown_key(key)}=")
            yield from self._words(piece, role, place, pointer, "", frozenset(taken))

    def _pieces(self, text: str) -> Iterator[str]:
        return self._literals.around(text) if len(text) > LONG else iter((text,))

    def _words(
        self, text: str, role: Role, place: _Place, pointer: str, context: str, taken: frozenset[str] = frozenset()
    ) -> Iterator[Sighting]:
        """Names and markers in a text, but for names that were taken already."""
        for run in place.clues.runs(text):
            for name in found(run):
                if name.identifier not in taken:
                    yield from self._name(name, role, place.part, pointer, context)
        if place.clues.marks:
            for mark in markers.markers_in(text):
                yield Sighting(mark.text, Kind.MARKER, Role.MENTIONED, place.part, pointer, context, marker=mark)

    def _named(self, value: str, role: Role, part: str, pointer: str, context: str) -> Iterator[Sighting]:
        """A value in a field that names a model."""
        if not value:
            return
        name = decoded(value, True) if len(value) <= 2 * MOST and not emails(value) else None
        if name is None:
            self.redactions[EMAIL if emails(value) else withheld(value) or "no name"] += 1
        else:
            yield from self._name(name, role, part, pointer, context)

    def _name(self, name: ModelName, role: Role, part: str, pointer: str, context: str) -> Iterator[Sighting]:
        reason = withheld(name.identifier)
        shown = name.identifier
        if reason:
            self.redactions[reason] += 1
        if reason in (RANDOM, NUMBER, ADDRESS) and (name.family or name.provider):  # most often a commit is behind it
            shown = shortened(shown)
            rest = _known_part(shown)
            if rest is not None:
                name, reason = rest, withheld(shown.replace("…", ""))
        if not reason:
            yield Sighting(shown, Kind.NAME, role, part, pointer, context[:CONTEXT], name)

    def _fingerprint(self, value: str, node: Node, place: _Place) -> Iterator[Sighting]:
        if is_fingerprint(value):
            role = roles.role_of(node, place.side, place.failed, False)
            yield Sighting(value, Kind.FINGERPRINT, role, place.part, node.pointer(), _context(node))
        elif value:
            self.redactions["fingerprint of an unknown form"] += 1


def _known_part(shown: str) -> ModelName | None:
    """What a shortened name still says, by the first of its parts that names a family or a provider."""
    first, *others = (decoded(bare, True) if (bare := part.strip("@:/#-_")) else None for part in shown.split("…"))
    if first is not None and (first.family or first.provider):
        return first
    return next((name for name in others if name is not None and name.family), None)


def _nested(node: Node, value: str) -> dict[str, Any] | list[Any] | None:
    """The tree that a string holds, as JSON or (in the streams of Bedrock) as base 64 of it."""
    start = value[:1]
    tree: Any = None
    if start in ("{", "[") and value[-1:] in ("}", "]") and len(value) > 2:
        tree = loaded(value)
    elif node.label == "bytes" and start == "e":  # base 64 of a brace
        tree = loaded(as_text(from_base64(value)))
    return tree if isinstance(tree, dict | list) and tree else None


def _context(node: Node) -> str:
    """The key before a value, as far as it may be shown."""
    return f'"{fields.shown_key(node.key)}": ' if isinstance(node.key, str) else ""


def _parts(url: str) -> tuple[str, list[tuple[str, str]]]:
    """Path (decoded) and query of an address; whoever stands before the path is left out."""
    try:
        split = urlsplit(url)
        return unquote(split.path, errors="replace"), parse_qsl(split.query, max_num_fields=1_000)
    except ValueError:
        return "", []


def _flat(tree: Any) -> str:
    """All keys and strings of a tree, for the search for literals."""
    return "\n".join([*keys(tree), *(value for _, value in strings(tree))])
