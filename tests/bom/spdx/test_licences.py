"""Sets of licences (ExpandedLicensing) are read as the expressions that they mean, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from forebear.bom import spdx
from forebear.bom.reading import Reading
from forebear.bom.spdx.terms import CONTEXT
from forebear.types import Json

CREATION = {"type": "CreationInfo", "@id": "_:c", "specVersion": "3.0.1", "created": "2026-01-01T00:00:00Z"}
MIT, APACHE = "https://spdx.org/licenses/MIT", "https://spdx.org/licenses/Apache-2.0"
GPL = "https://spdx.org/licenses/GPL-2.0-only"
X = "expandedlicensing_"


def element(key: str, kind: str, **more: Any) -> Json:
    return {"type": kind, "spdxId": f"urn:x:{key}", "creationInfo": "_:c", **more}


def read(*elements: Json) -> Reading:
    """A model whose declared licence is ``urn:x:l``."""
    model = element("m", "ai_AIPackage", name="m")
    ends = {"from": "urn:x:m", "to": ["urn:x:l"], "relationshipType": "hasDeclaredLicense"}
    return spdx.read(
        {"@context": CONTEXT, "@graph": [CREATION, model, *elements, element("r", "Relationship", **ends)]}
    )


def both(kind: str, *members: str, name: str = "l") -> Json:
    return element(name, X + kind, **{f"{X}member": list(members)})


EXPRESSION = element("e", "simplelicensing_LicenseExpression", simplelicensing_licenseExpression="MIT OR Zlib")
CUSTOM = element("own", f"{X}CustomLicense", name="Own terms")
LISTED = {"type": f"{X}ListedLicense", "spdxId": GPL, "creationInfo": "_:c"}
EXCEPTION = element("x", f"{X}ListedLicenseException", name="Classpath-exception-2.0")


@pytest.mark.parametrize(
    ("elements", "text"),
    [
        ([both("ConjunctiveLicenseSet", MIT, APACHE)], "MIT AND Apache-2.0"),
        ([both("DisjunctiveLicenseSet", MIT, APACHE)], "MIT OR Apache-2.0"),
        (
            [both("ConjunctiveLicenseSet", APACHE, "urn:x:o"), both("DisjunctiveLicenseSet", MIT, GPL, name="o")],
            "Apache-2.0 AND (MIT OR GPL-2.0-only)",
        ),
        ([both("ConjunctiveLicenseSet", APACHE, "urn:x:e"), EXPRESSION], "Apache-2.0 AND (MIT OR Zlib)"),
        ([both("ConjunctiveLicenseSet", MIT, "urn:x:own"), CUSTOM], "MIT AND LicenseRef-Own-terms"),
        ([element("l", f"{X}OrLaterOperator", **{f"{X}subjectLicense": MIT})], "MIT+"),
        (
            [
                element(
                    "l",
                    f"{X}WithAdditionOperator",
                    **{f"{X}subjectExtendableLicense": GPL, f"{X}subjectAddition": "urn:x:x"},
                ),
                LISTED,
                EXCEPTION,
            ],
            "GPL-2.0-only WITH Classpath-exception-2.0",
        ),
    ],
)
def test_sets_become_expressions(elements: list[Json], text: str) -> None:
    reading = read(*elements)
    (stated,) = reading.records[0].licences
    assert stated.spdx == text
    last = len(elements) + 2  # the relationship, whose own id nobody refers to
    assert set(reading.unread) == {f"/@graph/{last}/spdxId"}
    (again,) = spdx.read(spdx.write(reading.records[0])).records
    assert again == reading.records[0]  # and it is written, and read back, as that expression


@pytest.mark.parametrize(
    "elements",
    [
        [both("ConjunctiveLicenseSet", MIT, "urn:x:nowhere")],
        [both("ConjunctiveLicenseSet", MIT, "urn:x:l")],  # it holds itself
        [both("ConjunctiveLicenseSet", MIT)],
        [both("ConjunctiveLicenseSet", *(["urn:x:o"] * 30)), both("DisjunctiveLicenseSet", *([MIT] * 30), name="o")],
        [element("l", f"{X}WithAdditionOperator", **{f"{X}subjectExtendableLicense": GPL})],
        [element("l", f"{X}OrLaterOperator")],
        [element("l", f"{X}Nonsense")],
    ],
)
def test_half_a_licence_is_none(elements: list[Json]) -> None:
    reading = read(*elements)
    assert reading.records[0].licences == ()
    assert any(pointer.startswith("/@graph/2/") for pointer in reading.unread)
