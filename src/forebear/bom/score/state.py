"""The state of every element of a profile for one bill of materials, and the score with its reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from forebear.bom.checks import Check, CheckStatus
from forebear.bom.reading import Reading
from forebear.bom.record import Record
from forebear.bom.score import places
from forebear.bom.score.bill import bill_of
from forebear.bom.score.profile import Element, Need, Profile
from forebear.bom.values import Gap, GapState
from forebear.types import Json, head, to_json

NAMED = 3
"""Entries that a reason names."""


class State(StrEnum):
    """How an element stands, best first. Not applicable is none of these and counts for nothing."""

    VERIFIED = "verified"
    DECLARED = "declared"
    WITHHELD = "withheld"
    ABSENT = "absent"
    CONTRADICTED = "contradicted"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True)
class Result:
    """One element.

    Attributes:
        id, title, cluster, need, judged: of the element.
        state: how it stands.
        why: in one sentence.
        clears: what would meet it, "" where it is met.
        pointers: where in the record it stands, at most ten.
    """

    id: str
    title: str
    cluster: str
    need: str
    judged: str
    state: State
    why: str
    clears: str = ""
    pointers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Score:
    """A bill of materials held against a profile.

    Attributes:
        profile, title, version, notice: of the profile.
        subject: the model's name, "" where the bill describes none.
        format: of the bill.
        results: one per element.
    """

    profile: str
    title: str
    version: str
    notice: str
    subject: str
    format: str
    results: tuple[Result, ...]

    def counts(self, need: Need | None = None) -> dict[str, int]:
        """How many elements are in which state; of one need only, or of all."""
        found = Counter(r.state for r in self.results if need is None or r.need == need)
        return {state.value: found[state] for state in State}

    @property
    def share(self) -> float | None:
        """Share of the required elements that apply which are there and not contradicted; None where none applies."""
        counts = self.counts(Need.REQUIRED)
        applies = sum(counts.values()) - counts[State.NOT_APPLICABLE]
        return (counts[State.VERIFIED] + counts[State.DECLARED]) / applies if applies else None

    @property
    def sentence(self) -> str:
        """The score in words, with what it is made of."""
        counts = self.counts(Need.REQUIRED)
        applies = sum(counts.values()) - counts[State.NOT_APPLICABLE]
        if not applies:
            return "None of the required elements applies to this bill of materials."
        there = counts[State.VERIFIED] + counts[State.DECLARED]
        words = f"{there} of {applies} required elements are there, {counts[State.VERIFIED]} of them verified"
        rest = ", ".join(f"{counts[s]} {s}" for s in (State.WITHHELD, State.ABSENT, State.CONTRADICTED) if counts[s])
        return words + (f"; {rest}." if rest else ".")

    def to_json(self) -> Json:
        """The ``forebear.bom-score/1`` document."""
        share = self.share
        counts = {"required": self.counts(Need.REQUIRED), "recommended": self.counts(Need.RECOMMENDED)}
        body = {**to_json(self), "share": share, "sentence": self.sentence, "counts": counts}
        return {**head("forebear.bom-score/1"), **body}


def score(reading: Reading, profile: Profile, checks: Sequence[Check] = (), record: Record | None = None) -> Score:
    """Hold a bill of materials against a profile.

    Args:
        reading: the bill.
        profile: what is asked for.
        checks: what was checked in this run; without any nothing is ``verified``.
        record: which of the bill's models, default the one that it is about.
    """
    chosen = record or next(iter(reading.records), None)
    bill = bill_of(reading)
    if not bill.signature and any(c.id == "signature" and c.status is CheckStatus.PASS for c in checks):
        bill = bill.model_copy(update={"signature": "detached"})
    top = places.root(chosen, bill)
    results = tuple(_result(element, chosen, top, checks) for element in profile.elements)
    name = chosen.model.name if chosen else ""
    return Score(profile.id, profile.title, profile.version, profile.notice, name, reading.format, results)


def _result(element: Element, record: Record | None, top: Mapping[str, BaseModel], checks: Sequence[Check]) -> Result:
    state, why, pointers = _state(element, record, top, checks)
    met = state in (State.VERIFIED, State.DECLARED, State.NOT_APPLICABLE)
    return Result(
        element.id,
        element.title,
        element.cluster,
        element.need.value,
        element.judged.value,
        state,
        why,
        "" if met else element.clears,
        tuple(pointers[:10]),
    )


def _state(
    element: Element, record: Record | None, top: Mapping[str, BaseModel], checks: Sequence[Check]
) -> tuple[State, str, list[str]]:
    if record is None and not all(place.startswith("bill.") for place in element.places):
        return State.NOT_APPLICABLE, "The bill describes no model.", []
    if record is not None and "service" in element.not_for and record.services and not record.files:
        return State.NOT_APPLICABLE, "The product is an endpoint: there are no files of the model to look at.", []
    if element.only_if and not _any(element.only_if, top):
        return State.NOT_APPLICABLE, "The bill states nothing that it would be about.", []
    if element.not_if and _any(element.not_if, top):
        return State.NOT_APPLICABLE, "By what the bill states, there is nothing that it could be about.", []
    found, missing = _found(element, top)
    if not found or missing:
        gap = next(iter(_gaps(element, record)), None)
        if gap is not None:
            withheld = gap.state is GapState.WITHHELD
            words = "Stated to be withheld" if withheld else "Stated to be unknown to whoever wrote the bill"
            why = f"{words}{': ' + gap.why if gap.why else ''}."
            return State.WITHHELD if withheld else State.ABSENT, why.replace("..", "."), found
        some = f"Not stated for {_some(missing)}." if missing else "Neither stated nor said to be withheld."
        return State.ABSENT, some, found
    return *_verified(element, checks), found


def _found(element: Element, top: Mapping[str, BaseModel]) -> tuple[list[str], list[str]]:
    """Pointers of what says something, and the names of the entries for which nothing does."""
    if not element.every:
        return [hit.pointer for place in element.places for hit in places.find(top, places.parse(place))], []
    found, missing = [], []
    kind = places.model_at(element.every)
    for entry in places.find(top, places.parse(element.every)):
        ways = (places.find(entry.value, places.parse(place, kind), entry.pointer) for place in element.places)
        hits = [hit.pointer for way in ways for hit in way]
        found += hits
        if not hits:
            missing.append(_called(entry.value) or entry.pointer)
    return found, missing


def _any(place: str, top: Mapping[str, BaseModel]) -> bool:
    return next(places.find(top, places.parse(place)), None) is not None


def _called(value: Any) -> str:
    return str(next((getattr(value, key) for key in ("name", "path", "claim") if getattr(value, key, "")), ""))


def _some(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _gaps(element: Element, record: Record | None) -> Iterator[Gap]:
    """Gaps about the element, withheld ones first."""
    wanted = {_plain(g) for g in element.gaps}
    own = [gap for gap in (record.gaps if record else ()) if _plain(gap.field) in wanted]
    yield from sorted(own, key=lambda gap: gap.state is not GapState.WITHHELD)


def _plain(text: str) -> str:
    return "_".join(text.lower().replace("-", " ").replace("_", " ").split())


def _verified(element: Element, checks: Sequence[Check]) -> tuple[State, str]:
    """Whether what is there was verified in this run."""
    own = [c for c in checks if c.id.startswith(element.checks)] if element.checks else []
    told = [c for c in own if c.status is not CheckStatus.NOT_APPLICABLE]
    against = [c for c in checks if c.id.startswith(element.refutes)] if element.refutes else []
    if failed := next((c for c in (*told, *against) if c.status is CheckStatus.FAIL), None):
        return State.CONTRADICTED, failed.message
    if told and all(c.status is CheckStatus.PASS for c in told):
        return State.VERIFIED, told[0].message if len(told) == 1 else f"{len(told):,} checks of this run passed."
    human = " Whether it suffices is for a person to judge." if element.judged == "human" else ""
    if told:
        open_ = next(c for c in told if c.status is CheckStatus.UNKNOWN)
        return State.DECLARED, f"Stated; not verified: {open_.message}{human}"
    return State.DECLARED, f"Stated by the bill, and verified by nothing in this run.{human}"
