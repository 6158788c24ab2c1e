"""Every real bill of the collection is checked, or refused with its own defect named."""

from __future__ import annotations

from pathlib import Path

import pytest

import forebear
from documents import check_document
from forebear.bom.checks import CheckStatus
from forebear.bom.verification import Outcome
from forebear.errors import InputError
from shared import shared

pytestmark = pytest.mark.shared
NO_BILL = ("field_registry.json", "schema/cyclonedx/cyclonedx.json")
"""Files of the collection that are about bills and none themselves."""
FAULTY = {
    "AndrewSnyk__sko-demo/aibom.json": {"schema"},  # a type of address that the standard does not have
}
"""Faults that these bills have, by the checks that tell them. All others pass what a document can be asked."""


def bills() -> list[Path]:
    folder = shared("artefacts") / "boms"
    found = sorted(p for p in folder.rglob("*") if p.suffix in (".json", ".xml") and p.is_file())
    assert len(found) >= 20
    return found


def test_each_is_checked_or_refused_in_one_line() -> None:
    read = refused = 0
    for path in bills():
        name = path.as_posix()
        try:
            result = forebear.verify_bom(path)
        except InputError as error:
            refused += 1
            assert name.endswith((".xml", *NO_BILL)), error
            assert path.name in error.message and "\n" not in str(error)
            assert "XML" in error.message if name.endswith(".xml") else "no bill of materials" in error.message
            continue
        read += 1
        check_document(result.to_json())
        expected = next((ids for ending, ids in FAULTY.items() if name.endswith(ending)), set())
        failed = result.of(CheckStatus.FAIL)
        assert {c.id for c in failed} == expected, (name, failed)
        assert all(c.pointer for c in failed)
        assert result.verdict is (Outcome.FAILED if expected else Outcome.INCONCLUSIVE)
        assert not any(c.status is CheckStatus.PASS for c in result.checks if c.id.startswith(("lineage", "hashes/m")))
    assert read >= 15 and refused >= 5


def test_a_bill_about_software_alone_is_asked_for_no_lineage() -> None:
    results = [forebear.verify_bom(p) for p in bills() if p.suffix == ".json" and not p.as_posix().endswith(NO_BILL)]
    without = [r for r in results if not r.models]
    for result in without:
        about = [c for c in result.checks if c.id == "lineage"]
        assert [c.status for c in about] == [CheckStatus.NOT_APPLICABLE]
    assert any(r.models for r in results)
