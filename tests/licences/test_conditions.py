"""Conditions against facts: thresholds, periods, currencies, and what is not known."""

from __future__ import annotations

from typing import Any

import pytest

from forebear.catalogue.licences import Condition, DutyKind, Obligation
from forebear.licences.conditions import describe, weigh, weigh_one
from forebear.licences.organisation import Money, Organisation

MONTHLY = Condition("revenue", 20e6, currency="USD", period="month")
AT_RELEASE, LATELY = "in the calendar month before the version's release", "in the preceding calendar month"
OF_THE_PRODUCT = Condition("revenue", 20e6, currency="USD", period="month", product=True)
YEARLY = Condition("revenue", 20e6, currency="USD", period="year")


def product(amount: float, group: float) -> Organisation:
    return Organisation(revenue=Money(group, "USD", "month"), product_revenue=Money(amount, "USD", "month"))


def revenue(amount: float, currency: str = "USD", period: str = "month", **rates: float) -> Organisation:
    return Organisation(revenue=Money(amount, currency, period), exchange_rates=rates)


@pytest.mark.parametrize(
    ("condition", "facts", "holds"),
    [
        (MONTHLY, revenue(20e6 + 1), True),
        (MONTHLY, revenue(20e6), False),
        (Condition("revenue", 20e6, True, "USD", "month"), revenue(20e6), True),
        (MONTHLY, revenue(1e9, period="year"), True),  # the mean month is above
        (MONTHLY, revenue(20e6, period="year"), False),  # no month can be
        (MONTHLY, revenue(100e6, period="year"), None),  # the mean month is below, a month may be above
        (OF_THE_PRODUCT, product(1e6, group=50e6), False),
        (OF_THE_PRODUCT, product(30e6, group=50e6), True),
        (OF_THE_PRODUCT, revenue(1e6), False),  # no product has more than the group
        (OF_THE_PRODUCT, revenue(50e6), True),
        (MONTHLY, product(1e6, group=50e6), True),
        (YEARLY, revenue(1.5e6), False),
        (YEARLY, revenue(2e6), True),
        (MONTHLY, revenue(20e6, "GBP", GBP=1.3), True),
        (MONTHLY, revenue(15e6, "GBP", GBP=1.3), False),
        (MONTHLY, revenue(15e6, "GBP"), None),
        (MONTHLY, revenue(0, "GBP", "year"), False),  # nothing is nothing in any currency
        (Condition("revenue", 20e6, currency="EUR", period="month"), revenue(30e6, EUR=2.0), False),
        (Condition("revenue", 20e6, currency="USD"), revenue(1e9), None),  # a threshold for no period
        (MONTHLY, Organisation(), None),
        (Condition("monthly_active_users", 100), Organisation(monthly_active_users=101), True),
        (Condition("monthly_active_users", 100), Organisation(daily_active_users=101), None),
        (Condition("monthly_active_users", 100, tested=AT_RELEASE), Organisation(monthly_active_users=101), None),
        (Condition("monthly_active_users", 100, tested=AT_RELEASE), Organisation(monthly_active_users=99), False),
        (Condition("monthly_active_users", 100, tested=LATELY), Organisation(monthly_active_users=101), True),
        (Condition("daily_active_users", 100, True), Organisation(daily_active_users=100), True),
        (Condition("commercial"), Organisation(uses=("commercial",)), True),
        (Condition("commercial"), Organisation(uses=()), False),
        (Condition("commercial"), Organisation(), None),
        (Condition("model_as_a_service"), Organisation(model_as_a_service=False), False),
        (Condition("distributes"), Organisation(distributes=True), True),
        (Condition("trains_models"), Organisation(), None),
        (Condition("phase_of_the_moon"), Organisation(), None),
    ],
)
def test_one_condition(condition: Condition, facts: Organisation, holds: bool | None) -> None:
    found = weigh_one(condition, facts)
    assert found.holds is holds
    assert bool(found.on) == (holds is None)
    assert weigh_one(condition, None).holds is None


def test_conversions_are_told() -> None:
    assert "83,333,333 in a mean month" in weigh_one(MONTHLY, revenue(1e9, period="year")).said[0]
    assert "26,000,000 USD at the stated rate" in weigh_one(MONTHLY, revenue(20e6, "GBP", GBP=1.3)).said[0]
    assert (
        "of the group (the product's counts: product_revenue is not stated): 50,000,000"
        in weigh_one(OF_THE_PRODUCT, revenue(50e6)).said[0]
    )
    assert "highest month" in weigh_one(MONTHLY, revenue(100e6, period="year")).on[0]
    assert "no exchange rate is stated for GBP" in weigh_one(MONTHLY, revenue(15e6, "GBP")).on[0]


@pytest.mark.parametrize(
    ("values", "facts", "holds"),
    [
        ({"any_of": 2}, (True, None), True),
        ({"any_of": 2}, (False, None), None),
        ({"any_of": 2}, (False, False), False),
        ({"all_of": 2}, (False, None), False),
        ({"all_of": 2}, (True, None), None),
        ({"all_of": 2}, (True, True), True),
        ({}, (None, None), True),
    ],
)
def test_three_values(values: dict[str, Any], facts: tuple[bool | None, ...], holds: bool | None) -> None:
    pair = (Condition("model_as_a_service"), Condition("distributes"))
    known = Organisation(model_as_a_service=facts[0], distributes=facts[1])
    duty = Obligation(
        DutyKind.AGREEMENT, any_of=pair if "any_of" in values else (), all_of=pair if "all_of" in values else ()
    )
    assert weigh(duty, known).holds is holds


def test_one_of_each_and_all_of_the_rest() -> None:
    duty = Obligation(DutyKind.AGREEMENT, all_of=(Condition("model_as_a_service"),), any_of=(MONTHLY, YEARLY))
    rich = Organisation(model_as_a_service=True, revenue=Money(30e6, "USD", "month"))
    assert weigh(duty, rich).holds is True
    assert weigh(duty, Organisation(model_as_a_service=False)).holds is False
    assert weigh(duty, Organisation(model_as_a_service=True)).holds is None


def test_a_figure_of_another_day_than_the_text_asks_for_is_told() -> None:
    """Llama's 700 million are those of the month before a version's release, and an organisation states today's."""
    found = weigh_one(Condition("monthly_active_users", 7e8, tested=AT_RELEASE), Organisation(monthly_active_users=8e8))
    assert found.on == (f"monthly active users above 700,000,000 {AT_RELEASE}",) and "800,000,000" in found.said[0]


def test_words() -> None:
    assert describe(OF_THE_PRODUCT) == "revenue above 20,000,000 USD per month of the product"
    assert describe(MONTHLY) == "revenue above 20,000,000 USD per month"
    assert describe(Condition("monthly_active_users", 7e8, True, group=True)).endswith(
        "at or above 700,000,000 of the group"
    )
    assert describe(Condition("model_as_a_service")) == "whether access to models is sold as a service"
    assert describe(Condition("competes", note="a competing product")) == "a competing product"
