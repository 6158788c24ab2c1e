"""Whether a licence's condition holds for an organisation: yes, no, or not known, and what would decide it.

A fact that was not stated is never taken for "no". Amounts of another period or currency are converted only as far as
arithmetic carries: a year's revenue bounds each month from above and its mean from below, and a currency needs a rate
that the organisation states itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from forebear.catalogue.licences import Condition, Obligation
from forebear.licences.organisation import Organisation

MONTHS = 12
USD = "USD"
RELEASE = "release"
"""What a text says of when its figure is looked at, where that is long ago."""
PERSONS = ("monthly_active_users", "daily_active_users")
METRICS = {
    "monthly_active_users": "monthly active users",
    "daily_active_users": "daily active users",
    "revenue": "revenue",
}
STATEMENTS = {
    "model_as_a_service": "whether access to models is sold as a service",
    "commercial": "whether the use is commercial",
    "distributes": "whether the model is passed on to others",
    "trains_models": "whether other models are trained on its outputs",
    "used_over_a_network": "whether others use the model over a network",
}


@dataclass(frozen=True)
class Weighed:
    """What is known about a condition, or several.

    Attributes:
        holds: True, False, or None where it is not known.
        on: the facts that it depends on, in words; empty where it is decided.
        said: one clause per fact that was used, with every conversion.
    """

    holds: bool | None
    on: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def weigh(obligation: Obligation, organisation: Organisation | None) -> Weighed:
    """Whether an obligation's conditions hold: all of ``all_of``, and one of ``any_of``; without any it always does."""
    parts = []
    if obligation.all_of:
        parts.append(_every(weigh_one(c, organisation) for c in obligation.all_of))
    if obligation.any_of:
        parts.append(_some(weigh_one(c, organisation) for c in obligation.any_of))
    return _every(parts) if parts else Weighed(True)


def weigh_one(condition: Condition, organisation: Organisation | None) -> Weighed:
    """Whether one condition holds."""
    if condition.metric == "revenue":
        return _revenue(condition, organisation)
    if condition.metric in METRICS:
        return _persons(condition, organisation)
    return _statement(condition, organisation)


def describe(condition: Condition) -> str:
    """A condition in words: ``revenue above 20,000,000 USD per month``."""
    if condition.above is None:
        return STATEMENTS.get(condition.metric, condition.note or condition.metric.replace("_", " "))
    unit = f" {condition.currency}" if condition.currency else ""
    per = f" per {condition.period}" if condition.period and condition.metric not in PERSONS else ""
    bound = "at or above" if condition.inclusive else "above"
    name = METRICS.get(condition.metric, condition.metric.replace("_", " "))
    return f"{name} {bound} {condition.above:,.0f}{unit}{per}" + (
        " of the group" if condition.group else " of the product" if condition.product else ""
    )


def _persons(condition: Condition, organisation: Organisation | None) -> Weighed:
    figure = getattr(organisation, condition.metric, None) if organisation else None
    if figure is None or condition.above is None:
        return Weighed(None, (describe(condition),))
    said = (f"{METRICS[condition.metric]}: {figure:,.0f}",)
    reached = _reaches(figure, condition)
    if reached and RELEASE in condition.tested:  # a figure of today: who has grown since needs no agreement
        return Weighed(None, (f"{describe(condition)} {condition.tested}",), said)
    return Weighed(reached, said=said)


def _revenue(condition: Condition, organisation: Organisation | None) -> Weighed:
    product = organisation.product_revenue if organisation and condition.product else None
    revenue = product or (organisation.revenue if organisation else None)
    if organisation is None or revenue is None or condition.above is None:
        return Weighed(None, (describe(condition),))
    whose = ""
    if condition.product:
        whose = " of the product" if product else " of the group (the product's counts: product_revenue is not stated)"
    said = f"revenue{whose}: {revenue.amount:,.0f} {revenue.currency} per {revenue.period}"
    amount = revenue.amount
    if condition.currency and revenue.currency != condition.currency and amount:  # nothing is nothing in any currency
        rate = _rate(revenue.currency, condition.currency, organisation)
        if rate is None:
            wanted = revenue.currency if condition.currency == USD else f"{revenue.currency} and {condition.currency}"
            return Weighed(None, (f"{describe(condition)} (no exchange rate is stated for {wanted})",), (said,))
        amount *= rate
        said += f", {amount:,.0f} {condition.currency} at the stated rate"
    if not condition.period:
        return Weighed(None, (f"{describe(condition)} (for which period is not known)",), (said,))
    return _by_period(condition, amount, revenue.period, said)


def _by_period(condition: Condition, amount: float, period: str, said: str) -> Weighed:
    """A figure of one period against a threshold of another."""
    if period == condition.period:
        return Weighed(_reaches(amount, condition), said=(said,))
    if period == "year":
        mean = amount / MONTHS
        said += f", {mean:,.0f} in a mean month"
        if _reaches(mean, condition) or not _reaches(amount, condition):
            return Weighed(_reaches(mean, condition), said=(said,))
        return Weighed(None, (f"{describe(condition)} (the figure of the highest month)",), (said,))
    total = amount * MONTHS
    return Weighed(_reaches(total, condition), said=(f"{said}, {total:,.0f} in twelve such months",))


def _rate(given: str, wanted: str, organisation: Organisation) -> float | None:
    """Units of one currency for one of another, by the organisation's own rates to the US dollar."""
    rates = {USD: 1.0, **organisation.exchange_rates}
    if given not in rates or wanted not in rates:
        return None
    return rates[given] / rates[wanted]


def _reaches(figure: float, condition: Condition) -> bool:
    assert condition.above is not None
    return figure >= condition.above if condition.inclusive else figure > condition.above


def _statement(condition: Condition, organisation: Organisation | None) -> Weighed:
    words = describe(condition)
    answer = _stated(condition.metric, organisation)
    if answer is None:
        return Weighed(None, (words,))
    return Weighed(answer, said=(f"{words.removeprefix('whether ')}: {'yes' if answer else 'no'}",))


def _stated(metric: str, organisation: Organisation | None) -> bool | None:
    if organisation is None or metric not in STATEMENTS:
        return None
    if metric == "commercial":
        return None if organisation.uses is None else "commercial" in organisation.uses
    answer: bool | None = getattr(organisation, metric)
    return answer


def _every(parts: Iterable[Weighed]) -> Weighed:
    """All of them (Kleene's three values): one "no" decides."""
    found = tuple(parts)
    if any(p.holds is False for p in found):
        decided = [p for p in found if p.holds is False]
        return Weighed(False, said=_joined(p.said for p in decided))
    holds = None if any(p.holds is None for p in found) else True
    return Weighed(holds, _joined(p.on for p in found), _joined(p.said for p in found))


def _some(parts: Iterable[Weighed]) -> Weighed:
    """One of them: one "yes" decides."""
    found = tuple(parts)
    if any(p.holds for p in found):
        return Weighed(True, said=_joined(p.said for p in found if p.holds))
    holds = None if any(p.holds is None for p in found) else False
    return Weighed(holds, _joined(p.on for p in found), _joined(p.said for p in found))


def _joined(texts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for group in texts for text in group))
