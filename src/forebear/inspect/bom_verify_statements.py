"""What a bill of materials says about lineage, statement by statement, whatever field it says it in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from forebear.bom.check.walk import Things, at, objects
from forebear.bom.lineage_profile import KEY
from forebear.bom.reading import Reading
from forebear.bom.record import ClaimRecord, Record, Relative, Slot
from forebear.bom.training import InputKind
from forebear.bom.values import Basis, Said
from forebear.errors import one_line
from forebear.lineage.chains.words import withheld
from forebear.signals.declared import claims_scratch, names_match

MOST = 200
"""Statements that are tested; a true bill names a handful."""
NO_WEIGHTS = frozenset({"distilled", "trained_on_outputs", "architecture"})
"""Relations along which no weights go."""
SCRATCH = "trained from scratch"
_BASES = frozenset({"basemodel", "basemodels", "parentmodel"})
_SCRATCH = frozenset({"fromscratch", "trainedfromscratch"})
_NOTHING = frozenset({"none", "n/a", "na", "null", "unknown", "-"})
BASE = "base model: "
BILLS_WORD = "that it came first is the bill's word"


class Kind(StrEnum):
    """What is said."""

    ANCESTOR = "ancestor"
    DESCENDANT = "descendant"
    VARIANT = "variant"  # related, whichever came first
    OF_RELATIVE = "of_relative"  # an ancestor of an ancestor
    SCRATCH = "scratch"


@dataclass(frozen=True)
class Statement:
    """One statement.

    Attributes:
        kind: what is said.
        claim: in words.
        name: of the other model, "" for none.
        source: who says it, and where.
        pointer: into the bill, "" where it could not be found.
        relative: the entry of the record that says it, None where a stage or a sentence does.
        record: the claim of the record that says it, None where it is no claim of the record.
        leads_up: of an ancestor of an ancestor: whether the bill traces the model to the one below it.
    """

    kind: Kind
    claim: str
    name: str = ""
    source: str = ""
    pointer: str = ""
    relative: Relative | None = None
    record: ClaimRecord | None = None
    leads_up: bool = True

    @property
    def weights(self) -> bool:
        """Whether weights are said to have gone from the one to the other."""
        said = (self.relative.declared_relation, self.relative.relation) if self.relative else ()
        return not NO_WEIGHTS & set(said)


_KINDS = {Slot.ANCESTOR: Kind.ANCESTOR, Slot.DESCENDANT: Kind.DESCENDANT, Slot.VARIANT: Kind.VARIANT}
_WORDS = {
    Kind.ANCESTOR: BASE,
    Kind.DESCENDANT: "descendant: ",
    Kind.VARIANT: "related model: ",
    Kind.OF_RELATIVE: "ancestor of an ancestor: ",
}


def statements_of(record: Record, document: Mapping[str, Any]) -> tuple[Statement, ...]:
    """Everything that a record says about where its model comes from, the first :data:`MOST`; each model once."""
    found: list[Statement] = []
    things = tuple(objects(document))
    places = _places(things)
    for relative in record.relatives[:MOST]:
        kind = Kind.OF_RELATIVE if relative.child else _KINDS[relative.slot]
        words = _WORDS[kind] + relative.name
        if relative.component:
            words += f" ({relative.component})"
        place = places.get(relative.name, "")
        leads = _in_line(record, relative.child)
        found.append(Statement(kind, words, relative.name, _source(relative), place, relative, leads_up=leads))
    for name, source in islice(_inputs(record), MOST):
        if not any(s.name and names_match(s.name, name) for s in found):
            found.append(Statement(Kind.ANCESTOR, BASE + name, name, source, places.get(name, "")))
    found += _claimed(record, things, found)
    found += _by_properties(record, things, found)
    return tuple(found[:MOST])


def left_out(record: Record) -> int:
    """How many relatives there are that no statement was made of."""
    return max(0, len(record.relatives) - MOST)


_PEDIGREE = re.compile(r"(.*?)/pedigree/(?:(?:ancestors|descendants|variants)/\d+(?:/pedigree)?/?)+/name")
_STEPS = ("ancestorOf", "descendantOf", "hasVariant")


def unread_relatives(reading: Reading) -> tuple[str, ...]:
    """Names of what the bill puts into a model's line and no record holds, since it does not call it a model."""
    found = []
    for pointer in reading.unread:
        value = at(reading.document, pointer)
        match = _PEDIGREE.fullmatch(pointer)
        holder = at(reading.document, match[1]) if match else None
        if isinstance(holder, Mapping) and holder.get("type") == "machine-learning-model":
            found.append(one_line(str(value), 80))
        elif pointer.endswith("/relationshipType") and value in _STEPS:
            found.append(str(value))
    return tuple(found)


def declared_ancestors(statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """The bases that the bill names, those of parts and those without weights left out."""
    wanted = (s for s in statements if s.kind is Kind.ANCESTOR and s.weights)
    return tuple(s for s in wanted if not (s.relative and s.relative.component))


def _in_line(record: Record, name: str) -> bool:
    """Whether the bill traces the model to another one, step by step; "" is the model itself."""
    known, waiting = {""}, [""]
    while waiting:
        child = waiting.pop()
        new = {r.name for r in record.relatives[:MOST] if r.slot is Slot.ANCESTOR and r.child == child} - known
        known |= new
        waiting += new
    return name in known or any(names_match(name, given) for given, _ in islice(_inputs(record), MOST))


def _inputs(record: Record) -> Iterator[tuple[str, str]]:
    """Models that went into a stage and did not come out of another one."""
    made = {name for stage in record.stages for name in stage.outputs}
    for stage in record.stages:
        for given in stage.inputs:
            own = names_match(given.name, record.model.name)
            if given.kind is InputKind.MODEL and given.name not in made and not own:
                yield given.name, f"stage {stage.name or stage.kind.value}{_by(stage.said)}"


def _claimed(record: Record, things: Things, known: list[Statement]) -> Iterator[Statement]:
    scratch = False
    for claim in record.claims[:MOST]:
        words = claim.claim.strip()
        if words.lower().startswith(BASE):
            name = words[len(BASE) :].strip()
            same = any(s.name and names_match(s.name, name) for s in known)
            if name and not same:
                yield Statement(Kind.ANCESTOR, words, name, f"a claim{_by(claim.said)}", "", None, claim)
        elif words.lower() == SCRATCH or claims_scratch(words):
            scratch = True
            source = f"a claim{_by(claim.said)}"
            yield Statement(Kind.SCRATCH, SCRATCH, "", source, _text(things, claim.claim), None, claim)
    texts = (record.model.description, *record.model.uses, *(p.value for p in record.model.properties))
    telling = next((text for text in texts if claims_scratch(text)), "")
    if telling and not scratch and not declared_ancestors(tuple(known)):
        yield Statement(Kind.SCRATCH, SCRATCH, "", "its description", _text(things, telling))


def _by_properties(record: Record, things: Things, known: list[Statement]) -> Iterator[Statement]:
    """What properties of other programs say, and the lineage profile's statement that there is no parent."""
    scratch = any(s.kind is Kind.SCRATCH for s in known)
    for given in record.model.properties[:MOST]:
        plain = "".join(ch for ch in given.name.rpartition(":")[2].lower() if ch.isalnum())
        value, source = given.value.strip(), f"its property {given.name}"
        if plain in _BASES and value and not withheld(value) and value.lower() not in _NOTHING:
            same = any(s.name and names_match(s.name, value) for s in known)
            if not same and not names_match(value, record.model.name):
                yield Statement(Kind.ANCESTOR, BASE + value, value, source, _text(things, given.value))
        elif plain in _SCRATCH and value.lower() == "true" and not scratch:
            scratch = True
            yield Statement(Kind.SCRATCH, SCRATCH, "", source, _text(things, given.name))
    if not scratch and (pointer := _no_parent(record.model.name, things)) is not None:
        yield Statement(Kind.SCRATCH, SCRATCH, "", f"{KEY}: its parent is none", pointer)


def _no_parent(name: str, things: Things) -> str | None:
    """Where the lineage profile's words say that a model has no parent, None where they do not."""
    own = {str(t.get("spdxId")) for t, _ in things if t.get("type") == "ai_AIPackage" and t.get("name") == name}
    holders = {pointer for thing, pointer in things if _full_name(thing) == name}
    for thing, pointer in things:
        denied = thing.get("name") == f"{KEY}:parent" and thing.get("value") == "none" and "/pedigree/" not in pointer
        if denied and pointer.partition("/properties/")[0] in holders:
            return pointer
        said = thing.get("statement")
        if isinstance(said, str) and str(thing.get("subject")) in own and _profile_parent(said) == "none":
            return pointer
    return None


def _profile_parent(text: str) -> object:
    if KEY not in text or len(text) > 100_000:
        return None
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    own = said.get(KEY) if isinstance(said, dict) else None
    return own.get("parent") if isinstance(own, dict) else None


def _full_name(thing: Mapping[str, Any]) -> str:
    return "/".join(str(part) for part in (thing.get("group"), thing.get("name")) if part)


def _source(relative: Relative) -> str:
    """``declared in README.md; measured by forebear``: a paper's word and a measurement are two sources."""
    parts = [f"declared in {relative.declared_in}"] if relative.declared_in else []
    if relative.said.basis is not Basis.DECLARED or not parts:
        parts.append(f"{relative.said.basis.value}{_by(relative.said)}")
    return one_line("; ".join(parts), 200)


def _by(said: Said) -> str:
    return f" by {said.by}" if said.by else ""


def _places(things: Things) -> dict[str, str]:
    """Pointers to objects by the names of what they are about, in a pedigree before elsewhere."""
    found: dict[str, str] = {}
    for thing, pointer in things:
        own, group = thing.get("name"), thing.get("group")
        if not isinstance(own, str) or pointer == "/metadata/component":
            continue
        for name in {own, f"{group}/{own}" if isinstance(group, str) and group else own}:
            if name not in found or ("/pedigree/" in pointer and "/pedigree/" not in found[name]):
                found[name] = pointer
    return found


def _text(things: Things, text: str) -> str:
    """Pointer to the object that says a text."""
    return next((p for thing, p in things if any(v == text for v in thing.values())), "")
