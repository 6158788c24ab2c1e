"""Places where a licence grants nothing."""

from __future__ import annotations

import pytest

from forebear.catalogue.references import countries
from forebear.licences.territory import MEMBERS, country, excluded


@pytest.mark.parametrize(
    ("places", "out", "hit"),
    [
        (("DE", "US"), ("EU",), ("DE",)),
        (("GB",), ("EU",), ()),
        (("UK",), ("EU", "GB", "KR"), ("GB",)),
        (("EL",), ("EU",), ("GR",)),
        (("EU",), ("FR",), ("EU",)),
        (("EU",), ("GB",), ()),
        (("NO", "CH"), ("EU",), ()),
        ((" de ",), ("EU",), ("DE",)),
        ((), ("EU",), ()),
    ],
)
def test_excluded(places: tuple[str, ...], out: tuple[str, ...], hit: tuple[str, ...]) -> None:
    assert excluded(places, out) == hit


def test_members_are_countries_and_twenty_seven() -> None:
    assert len(MEMBERS) == 27 and set(countries()) >= MEMBERS and country("UK") not in MEMBERS
