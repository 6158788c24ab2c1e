"""What a duty is judged on, and what no judgement may exceed.

A *ground* is a licence together with how it comes to bear on the model: as its own, or along a route from an ancestor.
A group of duties (``files``, ``naming``, ``dealings``, ``use``) says what it sees in the papers and the organisation's
facts; :func:`settle` then holds that against what the ground supports: what rests on an edge that is only possible, on
a fact that nobody retrieved, or on files that nobody saw is never called unmet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from forebear.catalogue.facts import Confidence
from forebear.catalogue.licences import KnownLicence, Obligation
from forebear.licences.answer import Duty, DutyStatus
from forebear.licences.organisation import Organisation
from forebear.licences.papers import Papers
from forebear.lineage.chain import EdgeKind, Standing

MET, UNMET, CONDITIONAL = DutyStatus.MET, DutyStatus.UNMET, DutyStatus.CONDITIONAL


@dataclass(frozen=True)
class Ground:
    """A licence that bears on the model.

    Attributes:
        licence: which.
        ancestor: whose it is; the subject's own name where it is its own.
        standing: of the route; of the statement where it is the subject's own.
        own: it is the subject's own.
        weights: weights came along the route; else only outputs of the ancestor did.
        kinds: edges along the route.
        component: the part of the subject that it concerns, "" for the whole.
        undecided: models among which the ancestor's name does not decide, and which differ in this licence.
        revision_known: the licence of the ancestor's very revision is known.
        makers: names of the ancestor's developer and of the licensor, as copyright lines may have them.
        multimodal: whether the ancestor takes more than text; None where that is not known.
        papers: the ancestor's own, None where they cannot be read here.
        line: the subject also has weights of this licence's line.
    """

    licence: KnownLicence
    ancestor: str
    standing: Standing
    own: bool = False
    weights: bool = True
    kinds: tuple[EdgeKind, ...] = ()
    component: str = ""
    undecided: tuple[str, ...] = ()
    revision_known: bool = False
    makers: tuple[str, ...] = ()
    multimodal: bool | None = None
    papers: Papers | None = None
    line: bool = False

    @property
    def whose(self) -> str:
        """``the licence of X (Llama 3.1 Community License)``."""
        return f"{self.licence.name} of {self.ancestor}"


@dataclass(frozen=True)
class Case:
    """What duties are judged on.

    Attributes:
        subject: name of the model.
        papers: its own.
        organisation: the facts about who uses or ships it, None where none were given.
        known: every licence of the catalogue.
    """

    subject: str
    papers: Papers
    organisation: Organisation | None
    known: Mapping[str, KnownLicence] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """What a group found out about one duty, before it is held against the ground.

    Attributes:
        status, why, on, clears, evidence, triggered: as in :class:`~forebear.licences.answer.Duty`.
        of_files: it is judged by the model's files, which cannot be seen behind an API.
    """

    status: DutyStatus
    why: str
    on: tuple[str, ...] = ()
    clears: str = ""
    evidence: tuple[str, ...] = ()
    triggered: bool | None = True
    of_files: bool = False


Judge = Callable[[Ground, Obligation, Case], Seen]
"""How one kind of obligation is judged."""

Group = Callable[[Ground, Case], Iterator[Duty]]
"""The duties of one group that a ground brings."""


def settle(ground: Ground, case: Case, kind: str, seen: Seen, text: str = "", clause: str = "") -> Duty:
    """The duty, with a status that is no stronger than what it rests on.

    Args:
        ground: the licence and its route.
        case: the model and the organisation.
        kind: as in :class:`~forebear.licences.answer.Duty`.
        seen: what a group found.
        text, clause: of the obligation.
    """
    status, on = seen.status, list(seen.on)
    if seen.of_files and status is not MET and not case.papers.seen:
        status, on = CONDITIONAL, [*on, "the model's files, which cannot be seen"]
    if status is not MET:
        if not ground.own and not ground.standing.established:
            status, on = CONDITIONAL, [f"that {case.subject} descends from {ground.ancestor}", *on]
        if ground.undecided:
            status, on = CONDITIONAL, [f"which of {', '.join(ground.undecided)} the ancestor is", *on]
        if not ground.licence.basis.confidence.retrieved:
            status, on = CONDITIONAL, [*on, "the licence's text, which was not retrieved"]
    return Duty(
        kind=kind,
        licence=ground.licence.id,
        ancestor=ground.ancestor,
        standing=ground.standing,
        status=status,
        why=seen.why,
        text=text,
        component=ground.component,
        triggered=seen.triggered,
        on=tuple(dict.fromkeys(on)) if status is CONDITIONAL else (),
        evidence=seen.evidence,
        clears=seen.clears if status is not MET else "",
        clause=clause,
        sources=ground.licence.basis.sources,
        confidence=ground.licence.basis.confidence.value,
        revision_known=ground.revision_known,
    )


def obliged(judges: Mapping[str, Judge], ground: Ground, case: Case) -> Iterator[Duty]:
    """One duty for each obligation of a licence that a group has a judge for."""
    for obligation in ground.licence.obligations:
        judge = judges.get(obligation.kind.value)
        if judge is not None and (ground.own or obligation.flows):
            seen = judge(ground, obligation, case)
            yield settle(ground, case, obligation.kind.value, seen, obligation.text, obligation.clause)


def agreed(ground: Ground, case: Case, seen: Seen) -> Seen:
    """What an agreement of the organisation's own with the licensor makes of a duty: its text decides, not the licence."""
    organisation = case.organisation
    if seen.status is MET or organisation is None or ground.licence.id not in organisation.agreements:
        return seen
    said = f"{organisation.name or 'The organisation'} states an agreement of its own for {ground.licence.id}"
    return replace(
        seen,
        status=CONDITIONAL,
        on=(*seen.on, "what the organisation's own agreement says"),
        evidence=(*seen.evidence, said),
    )


def retrieved(licence: KnownLicence) -> bool:
    """Whether the facts about a licence were read somewhere."""
    return licence.basis.confidence is not Confidence.UNVERIFIED
