"""What a duty is judged on, and what no judgement may exceed.

A group of duties (``files``, ``source``, ``naming``, ``dealings``, ``use``) says what it sees in the papers and the
organisation's facts; :func:`settle` then holds that against what the ground supports: what rests on an edge that is
only possible, on a fact that nobody retrieved, or on files that nobody saw is never called unmet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from forebear.catalogue.licences import KnownLicence, Obligation
from forebear.licences.answer import Duty, DutyStatus
from forebear.licences.grounds import Ground
from forebear.licences.organisation import Organisation
from forebear.licences.papers import Papers

MET, UNMET, CONDITIONAL = DutyStatus.MET, DutyStatus.UNMET, DutyStatus.CONDITIONAL


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
    if ground.own and case.organisation is not None and case.organisation.own_release:
        seen = Seen(MET, "It is the organisation's own licence.", (), "", ("organisation: own_release",), False)
    status, on, why = seen.status, list(seen.on), seen.why
    if seen.of_files and status is not MET and not case.papers.seen:
        status, on, why = CONDITIONAL, [*on, "the model's files"], "The model's files cannot be seen, so this is open."
    if status is not MET:
        if not ground.own and not ground.standing.established:
            status, on = CONDITIONAL, [f"that {case.subject} descends from {ground.ancestor}", *on]
        if ground.contested:
            status, on = CONDITIONAL, [f"whether {ground.contested} holds, against what is declared", *on]
        if ground.stated_own:
            maker = f"the developer of {ground.ancestor}"
            status, on = (
                CONDITIONAL,
                [f"whether {case.subject} is by {maker}, too, who needs no licence of its own", *on],
            )
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
        why=why,
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
    """What an agreement of the organisation's own makes of a duty: its text decides, and not the licence."""
    organisation = case.organisation
    if seen.status is MET or organisation is None or ground.licence.id not in (organisation.agreements or ()):
        return seen
    said = f"{organisation.name or 'The organisation'} states an agreement of its own for the {ground.licence.name}"
    return replace(
        seen,
        status=CONDITIONAL,
        on=(*seen.on, "what the organisation's own agreement says"),
        evidence=(*seen.evidence, said),
    )
