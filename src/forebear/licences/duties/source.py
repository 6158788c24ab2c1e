"""The duty to hand over the source with what is passed on, or is used over a network.

The licences of programs that ask for it do not say what the source of weights is: the data, the code of the training,
both; one written for models says it. What was offered to whom no file shows, so the duty is open, or does not apply.
"""

from __future__ import annotations

from collections.abc import Iterator

from forebear.catalogue.licences import DutyKind, Obligation
from forebear.licences.answer import Duty
from forebear.licences.conditions import weigh
from forebear.licences.duties.base import CONDITIONAL, Case, Judge, Seen, agreed, obliged
from forebear.licences.duties.dealings import not_triggered
from forebear.licences.grounds import Ground

OPEN = "what counts as the source of a model's weights, and whether it is offered"
OFFERED = "whether the source is offered"


def duties(ground: Ground, case: Case) -> Iterator[Duty]:
    """The duty about source that a ground brings."""
    yield from obliged(_JUDGES, ground, case)


def _source(ground: Ground, obligation: Obligation, case: Case) -> Seen:
    if (no := not_triggered(ground, obligation, case)) is not None:
        return no
    weighed = weigh(obligation, case.organisation)
    name, whom = ground.licence.name, ground.licence.licensor or f"whoever made {ground.ancestor}"
    why = f"The {name} asks for it: {obligation.note or 'the source goes with what is passed on'}."
    clears = f"Offer what the model was made with where it is passed on, or ask {whom} what they take for its source."
    left = OPEN
    if obligation.source:
        left = OFFERED
        why = f"{why} What counts as source: {obligation.source}."
        clears = f"Offer it where the model is passed on: {obligation.source}."
    seen = Seen(CONDITIONAL, why, (*weighed.on, left), clears, weighed.said, weighed.holds)
    return agreed(ground, case, seen)


_JUDGES: dict[str, Judge] = {DutyKind.SOURCE.value: _source}
