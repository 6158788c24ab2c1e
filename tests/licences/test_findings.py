"""Duties as findings: which, how grave, about whom."""

from __future__ import annotations

from typing import Any

import pytest

from forebear.catalogue import finding_text
from forebear.catalogue.licences import Condition, DutyKind, Permission
from forebear.licences.organisation import Organisation
from forebear.lineage.chain import Standing
from licence_cases import BASE, MAU, NOTICE, answer, chain, documents, limited, obliging

NOTED = obliging(DutyKind.NOTICE_FILE, NOTICE)
SHOWN = obliging(DutyKind.DISPLAY_UI, "Vole 7", any_of=(MAU,))
PREFIX = obliging(DutyKind.NAME_PREFIX, "Vole")
SOURCE = obliging(DutyKind.SOURCE, any_of=(Condition("distributes"),))
LARGE = Organisation(monthly_active_users=2e8, displays=())
COMMERCIAL = Organisation(uses=("commercial",))
FRENCH = Organisation(country="FR", territories=("FR",))


@pytest.mark.parametrize(
    ("known", "organisation", "identifier", "level"),
    [
        (NOTED, None, "licence-notice-missing", "warning"),
        (NOTED, Organisation(own_release=True), "licence-notice-missing", "error"),
        (NOTED, Organisation(own_release=False, distributes=False), "licence-notice-missing", "warning"),
        (SHOWN, LARGE, "licence-duty-unmet", "error"),
        (SHOWN, None, "licence-duty-conditional", "warning"),
        (PREFIX, None, "licence-duty-unmet", "warning"),
        (PREFIX, Organisation(distributes=True), "licence-duty-unmet", "error"),
        (SOURCE, None, "licence-duty-conditional", "note"),
        (SOURCE, Organisation(distributes=True), "licence-duty-conditional", "note"),
        (limited(territory_excluded=("EU",)), FRENCH, "territory-excluded", "error"),
        (limited(territory_excluded=("EU",)), None, "licence-duty-conditional", "warning"),
        (limited(commercial=Permission.NO), COMMERCIAL, "use-restricted", "warning"),
        (limited(commercial=Permission.NO), None, "use-restricted", "note"),
        (limited(military=Permission.NO), None, "use-restricted", "note"),
    ],
)
def test_one_finding(known: Any, organisation: Organisation | None, identifier: str, level: str) -> None:
    found = answer(known, documents("A card."), organisation)
    about = [f for f in found.findings if BASE in f.message]
    assert [(f.id, f.level) for f in about] == [(identifier, level)]
    assert finding_text(identifier) and about[0].clears and "source: a-source" in about[0].evidence


def test_what_is_met_raises_nothing() -> None:
    assert not answer(NOTED, documents(NOTICE=NOTICE)).findings
    assert not answer(SHOWN, None, Organisation(monthly_active_users=3)).findings


def test_what_is_possible_is_a_note() -> None:
    found = answer(SHOWN, None, LARGE, chain(standing=Standing.POSSIBLE))
    assert [(f.id, f.level) for f in found.findings] == [("licence-duty-conditional", "note")]


def test_duties_of_one_licence_stand_together_and_the_gravest_first() -> None:
    both = limited(obligations=(*NOTED.obligations, *SHOWN.obligations, *PREFIX.obligations))
    found = answer(both, documents("A card."), LARGE).findings
    assert [f.level for f in found] == ["error", "warning", "warning"]
    two = obliging(DutyKind.NOTICE_FILE, NOTICE).obligations + obliging(DutyKind.INCLUDE_LICENCE).obligations
    (one,) = answer(limited(obligations=two), documents()).findings
    assert one.message.count("No file") == 2 and "NOTICE" in one.clears
