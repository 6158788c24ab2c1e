"""Duties towards the licensor: registration, and an agreement above a size or for a kind of business."""

from __future__ import annotations

from collections.abc import Iterator

from forebear.catalogue.licences import DutyKind, Obligation
from forebear.licences.answer import Duty
from forebear.licences.conditions import weigh
from forebear.licences.duties.base import CONDITIONAL, MET, UNMET, Case, Judge, Seen, obliged
from forebear.licences.grounds import Ground


def duties(ground: Ground, case: Case) -> Iterator[Duty]:
    """Every duty towards the licensor that a ground brings."""
    yield from obliged(_JUDGES, ground, case)


def not_triggered(ground: Ground, obligation: Obligation, case: Case) -> Seen | None:
    """The duty as met where the licence's condition is known not to hold, else None."""
    weighed = weigh(obligation, case.organisation)
    if weighed.holds is not False:
        return None
    said = "; ".join(weighed.said)
    return Seen(MET, f"The condition does not hold ({said}).", evidence=weighed.said, triggered=False)


def _agreement(ground: Ground, obligation: Obligation, case: Case) -> Seen:
    what = obligation.note or "an agreement of its own with the licensor"
    return _with_licensor(ground, obligation, case, what, "agreements")


def _registration(ground: Ground, obligation: Obligation, case: Case) -> Seen:
    return _with_licensor(ground, obligation, case, obligation.note or "a registration with the licensor", "registered")


def _with_licensor(ground: Ground, obligation: Obligation, case: Case, what: str, field: str) -> Seen:
    """Something that the organisation has, needs, needs not, or does not tell whether it needs."""
    organisation = case.organisation
    listed: tuple[str, ...] | None = getattr(organisation, field) if organisation else None
    if listed and ground.licence.id in listed:
        return Seen(MET, f"The organisation states it: {field}.", evidence=(f"organisation: {field}",))
    if (no := not_triggered(ground, obligation, case)) is not None:
        return no
    weighed = weigh(obligation, organisation)
    whom = ground.licence.licensor or "the licensor"
    clears = f"Ask {whom}; then list {ground.licence.id} under {field} of the organisation's facts."
    if weighed.holds is None:
        why = f"On a condition the {ground.licence.name} asks: {what}."
        return Seen(CONDITIONAL, why, weighed.on, clears, weighed.said, None)
    reached = f" ({'; '.join(weighed.said)})" if weighed.said else ""
    if listed is None or not (obligation.any_of or obligation.all_of):
        on = (f"whether that was done ({field})",)
        return Seen(CONDITIONAL, f"The {ground.licence.name} asks{reached}: {what}.", on, clears, weighed.said)
    why = f"The {ground.licence.name} asks{reached}: {what}. None is stated."
    return Seen(UNMET, why, clears=clears, evidence=weighed.said)


_JUDGES: dict[str, Judge] = {
    DutyKind.AGREEMENT.value: _agreement,
    DutyKind.REGISTRATION.value: _registration,
}
