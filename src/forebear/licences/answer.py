"""The values that a licence analysis consists of."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from forebear.licences.organisation import Organisation
from forebear.lineage.chain import Standing
from forebear.types import Finding, Json, head, to_json


class ChangeKind(StrEnum):
    """What was done to a clause."""

    REMOVED = "removed"
    ADDED = "added"
    ALTERED = "altered"


@dataclass(frozen=True)
class ClauseChange:
    """One difference between a file and the licence that it is closest to.

    Attributes:
        kind: what was done.
        clause: the clause's number or first words in the known text; "" for an added one.
        text: the words in the file, at most 300 characters; "" for a removed clause.
        what: in our words what differs (``the threshold reads 500 million, the known text has 100 million``).
        matters: it touches a duty, a threshold, a name or a permission; False for spelling and layout.
    """

    kind: ChangeKind
    clause: str
    text: str
    what: str
    matters: bool


@dataclass(frozen=True)
class Detection:
    """Which licence a text is.

    Attributes:
        file: path in the model, or ``README.md#license`` for a text inside a card.
        id: of the text's sketch, None where no known text is close.
        licence: identifier in the catalogue of licences, None where the text is known and no facts about it are.
        name: title of the known text.
        spdx: its identifier, "" where there is none.
        similarity: share of the file's and the text's words that stand in common runs, 0 to 1.
        exact: every word is the known text's (names of holders and years aside).
        changes: what differs.
        holders: copyright lines as they stand, at most ten.
        nearest: other known texts, closest first, with their similarity; those with the same words have the same.
        lines: first and last line of the text in the file, from 1; None where there is none.
        mentioned: identifiers of other licences that the file names.
        partial: the file goes on beyond what was read.
    """

    file: str
    id: str | None
    licence: str | None = None
    name: str = ""
    spdx: str = ""
    similarity: float = 0.0
    exact: bool = False
    changes: tuple[ClauseChange, ...] = ()
    holders: tuple[str, ...] = ()
    nearest: tuple[tuple[str, float], ...] = ()
    lines: tuple[int, int] | None = None
    mentioned: tuple[str, ...] = ()
    partial: bool = False


class Agreement(StrEnum):
    """How what another program says of a text stands to what is said here."""

    SAME = "same"
    LINE = "same_line"
    GENERIC = "no_one_licence"
    OTHER = "other"
    NONE = "none"
    ALONE = "alone"
    BESIDES = "besides"


@dataclass(frozen=True)
class Opinion:
    """What another program says of a text. It changes no duty and no decision; a difference is a note.

    Attributes:
        file: as of :class:`Detection`.
        ours: the known text that it is held against, None where none is known here or there is none at this place.
        key, name, spdx: the licence that it names, "" where it names none.
        score: its own measure of the match, 0 to 100, no probability; None where it names none.
        lines: first and last line of its match, from 1.
        agrees: the same licence; another one of the same line (another version); a key that stands for no one licence
            (``proprietary-license``); another licence; it knows none; it alone knows one; named besides ours.
        means: the known text that the text of its key is, None where it is none that is known here.
    """

    file: str
    ours: str | None
    agrees: Agreement
    key: str = ""
    name: str = ""
    spdx: str = ""
    score: float | None = None
    lines: tuple[int, int] | None = None
    means: str | None = None


@dataclass(frozen=True)
class SecondOpinion:
    """What another program says of the licence files.

    Attributes:
        by: the program and its version.
        opinions: by file, in the order of :attr:`LicenceAnswer.detected`.
        not_asked: files that it was not asked about, or gave no answer on in time.
    """

    by: str
    opinions: tuple[Opinion, ...] = ()
    not_asked: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeclaredLicence:
    """What a card, a file's metadata or a bill of materials says.

    Attributes:
        value: as written.
        where: ``README.md: license``, ``model.gguf: general.license``.
        licence: identifier in the catalogue, None where the value names none that is known.
        component: "" for the model, else what it is stated for.
        candidates: identifiers among which the value does not decide (``modified-mit`` is three licences).
        choice: it stands in an expression that leaves a choice (``MIT OR Apache-2.0``).
        nearest: the known licence whose name a value that is not known is most like, "" where none is close.
    """

    value: str
    where: str
    licence: str | None = None
    spdx: str | None = None
    component: str = ""
    candidates: tuple[str, ...] = ()
    choice: bool = False
    nearest: str = ""


class DutyStatus(StrEnum):
    """Whether a duty is fulfilled, as far as can be seen."""

    MET = "met"
    UNMET = "unmet"
    CONDITIONAL = "conditional"


@dataclass(frozen=True)
class Duty:
    """What one ancestor's licence demands of this model or of who uses it.

    Attributes:
        kind: a :class:`forebear.catalogue.licences.DutyKind`, or ``territory``, ``military_use``,
            ``commercial_use``, ``public_administration``, ``train_other_models``, ``relicensing``.
        licence, ancestor: whose licence; the subject's own name where it is its own licence.
        standing: of the route from the ancestor.
        component: "" for the whole model.
        text: the exact words asked for, "" where there are none.
        status: met, unmet, or conditional.
        triggered: False where the licence's condition is known not to hold (status is then ``met``).
        on: what it depends on, in words: ``revenue per month``, ``that the model descends from X``.
        why: one sentence.
        evidence: files, clauses, facts.
        clears: what would settle or fulfil it.
        clause, sources, confidence: of the fact in the catalogue.
        revision_known: whether the licence of the ancestor's very revision is known, or its newest was taken.
    """

    kind: str
    licence: str
    ancestor: str
    standing: Standing
    status: DutyStatus
    why: str
    text: str = ""
    component: str = ""
    triggered: bool | None = None
    on: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    clears: str = ""
    clause: str = ""
    sources: tuple[str, ...] = ()
    confidence: str = ""
    revision_known: bool = False


@dataclass(frozen=True)
class Inherited:
    """A licence that an ancestor brings.

    Attributes:
        ancestor: name in the chain; ``licence``: catalogue id, None where the ancestor's licence is not known.
        route: names from the ancestor to the model.
        kinds: edges along it.
        standing: of the weakest step.
        said_by: whose word the licence is: ``catalogue``, or ``papers`` of the ancestor; "" where it is not known.
    """

    ancestor: str
    licence: str | None
    route: tuple[str, ...]
    kinds: tuple[str, ...]
    standing: Standing
    component: str = ""
    sources: tuple[str, ...] = ()
    confidence: str = ""
    said_by: str = ""


@dataclass(frozen=True)
class Conflict:
    """Two licences whose demands cannot both be met, or a label that an ancestor's licence does not allow.

    Attributes:
        kind: ``relabelled``, ``between_parents``, ``declared_against_text``, ``declarations_differ``.
        between: licences or places, as named.
        why: one sentence; a permission that we do not know of may exist, and the sentence says so where it can.
        standing: of the weakest route involved.
    """

    kind: str
    between: tuple[str, ...]
    why: str
    standing: Standing


@dataclass(frozen=True)
class LicenceAnswer:
    """The answer of ``licence``. See ``forebear.licence/1``.

    Attributes:
        model: name.
        declared, detected, inherited, duties, conflicts, findings: see their types.
        organisation: the facts that were used, None where none were given.
        not_checked: what the answer does not rest on, in words.
        second_opinion: of another program on the licence files, None where it was not asked for.
    """

    model: str
    declared: tuple[DeclaredLicence, ...] = ()
    detected: tuple[Detection, ...] = ()
    inherited: tuple[Inherited, ...] = ()
    duties: tuple[Duty, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    findings: tuple[Finding, ...] = ()
    organisation: Organisation | None = None
    not_checked: tuple[str, ...] = ()
    problems: tuple[str, ...] = field(default=())
    second_opinion: SecondOpinion | None = None

    def to_json(self) -> Json:
        """The ``forebear.licence/1`` document."""
        return {**head("forebear.licence/1"), **to_json(self)}
