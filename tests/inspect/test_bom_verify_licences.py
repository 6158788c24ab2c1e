"""A declared licence is held against the texts that lie with the model; a missing text makes no bill untrue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bills import NOW, base
from forebear.artifacts.documents import Documents
from forebear.bom.checks import Check, CheckStatus
from forebear.bom.record import Acknowledgement, LicenceStatement, Model, Record, Relative, Status
from forebear.bom.values import Said
from forebear.bom.verification import Outcome, Verification
from forebear.catalogue import explanation
from forebear.inspect import bom_verify_licences as licences
from forebear.types import Cost, Coverage, Finding, Level, ModelRef, Scan, Verdict
from written_licences import DISPLAY, MIT

APACHE = (Path(__file__).parents[2] / "LICENSE").read_text("utf-8")


def bill(*stated: str, relatives: tuple[Relative, ...] = (), **more: Any) -> Record:
    found = tuple(LicenceStatement(spdx=s, said=Said(by="README.md"), **more) for s in stated)
    return Record(model=Model(name="m"), created=NOW, licences=found, relatives=relatives)


def papers(licence: str = "", **texts: str) -> Documents:
    files = {name.replace("__", "/").replace("_", "."): text for name, text in texts.items()}
    return Documents({"license": licence} if licence else {}, "", files)


def judged(record: Record, found: Documents) -> list[tuple[Status, CheckStatus, str]]:
    claims = licences.claims(record, found)
    checks = list(licences.claim_checks(record, found, claims))
    return [(claim.status, check.status, check.id) for claim, check in zip(claims, checks, strict=False)]


CONFIRMED = (Status.CONFIRMED, CheckStatus.PASS)
CONTRADICTED = (Status.CONTRADICTED, CheckStatus.FAIL)
OPEN = (Status.UNVERIFIED, CheckStatus.UNKNOWN)


@pytest.mark.parametrize(
    ("record", "found", "status", "identifier"),
    [
        (bill("MIT"), papers(LICENSE=MIT), CONFIRMED, "licences/MIT"),
        (bill("Apache-2.0"), papers(LICENSE=APACHE), CONFIRMED, "licences/Apache-2.0"),
        (bill("Apache-2.0 OR MIT"), papers(LICENSE=MIT), CONFIRMED, "licences/Apache-2.0 OR MIT"),
        (bill("MIT"), papers(LICENSE=APACHE), CONTRADICTED, "licences/MIT"),
        (bill("MIT"), papers(LICENSE=MIT, LICENSE_more=APACHE), CONFIRMED, "licences/MIT"),
        (bill("MIT"), papers(), OPEN, "licence-text/MIT"),
        (bill("MIT"), papers(LICENSE=MIT + DISPLAY), OPEN, "licences/MIT"),  # a clause was added
        (bill("MIT"), papers(LICENSE="You may not do anything with this."), OPEN, "licences/MIT"),
        (bill("MIT"), papers(LICENSE_code=APACHE), OPEN, "licence-text/MIT"),  # of the code, not of the weights
        (bill("MIT"), papers(NOTICE=APACHE), OPEN, "licence-text/MIT"),
        (bill("LicenseRef-acme-1"), papers(LICENSE=APACHE), OPEN, "licences/LicenseRef-acme-1"),
        (bill("LicenseRef-acme-1"), papers(LICENSE="Our own."), OPEN, "licence-text/LicenseRef-acme-1"),
    ],
)
def test_a_declared_licence(
    record: Record, found: Documents, status: tuple[Status, CheckStatus], identifier: str
) -> None:
    assert judged(record, found) == [(*status, identifier)]
    said = explanation(identifier)
    assert said is not None and said.kind == "check"


def test_another_text_that_the_bill_itself_mentions_contradicts_nothing() -> None:
    """The text of an ancestor lies there because it has to; and a bill that tells both hides nothing."""
    found = papers(LICENSE=APACHE)
    assert judged(bill("MIT", relatives=(base("org/b", licences=("apache-2.0",)),)), found)[0][:2] == OPEN
    both = bill("MIT")
    concluded = LicenceStatement(spdx="Apache-2.0", acknowledgement=Acknowledgement.CONCLUDED, file="LICENSE")
    assert judged(both.model_copy(update={"licences": (*both.licences, concluded)}), found)[0][:2] == OPEN


def test_what_is_not_the_models_own_declaration_is_no_claim() -> None:
    part = LicenceStatement(spdx="MIT", said=Said(by="config.json", note="of its vision"))
    inherited = LicenceStatement(spdx="MIT", inherited_from="org/b")
    concluded = LicenceStatement(spdx="MIT", acknowledgement=Acknowledgement.CONCLUDED)
    record = Record(model=Model(name="m"), created=NOW, licences=(part, inherited, concluded))
    assert licences.claims(record, papers(LICENSE=APACHE)) == ()


def told(record: Record, found: Documents) -> list[Check]:
    return [c for c in licences.claim_checks(record, found, ()) if c.id == "licences/papers"]


def test_a_licence_of_the_models_own_card_that_the_bill_does_not_state() -> None:
    (check,) = told(bill("MIT"), papers("llama2"))
    assert check.status is CheckStatus.UNKNOWN and "llama2" in check.message
    assert not told(bill("MIT"), papers("mit")) and not told(bill("MIT"), papers())
    assert not told(bill("LicenseRef-acme-1"), papers("mit"))  # whose text nobody knows
    assert not told(bill(), papers("mit"))  # silence is for ``bom score``


def scanned(about: str = "org/base") -> Scan:
    duty = {"kind": "notice_file", "licence": "Llama", "ancestor": "org/base", "why": "No file holds it."}
    finding = Finding("licence-notice-missing", Level.WARNING, f"A notice of {about} is missing.")
    licence = {"unmet": [duty, {**duty, "kind": "registration"}]}
    return Scan(ModelRef("t", "m"), Verdict.DERIVED, (), licence, None, (), (finding,), 1, Coverage(), Cost())


def verdict(*checks: Check) -> Outcome:
    passed = (Check("hashes/a", CheckStatus.PASS, ""), Check("lineage/a", CheckStatus.PASS, ""))
    return Verification("b", "0", "f", "m", "t", (*passed, *checks)).verdict


def test_what_an_ancestors_licence_demands_makes_no_bill_untrue() -> None:
    """A bill that tells of the licence is true, text or no text; one that is silent about it is not verified."""
    (silent,) = licences.checks(bill(), set(), scanned())
    assert (silent.id, silent.status) == ("licence-files/org/base/notice_file", CheckStatus.UNKNOWN)
    assert verdict(silent) is Outcome.INCONCLUSIVE and "does not tell" in silent.message
    for record in (
        bill(relatives=(base("org/base", licences=("llama2",)),)),
        bill("llama2", inherited_from="org/base"),
    ):
        (told_of,) = licences.checks(record, set(), scanned())
        assert (told_of.id, told_of.status) == ("licence-text/org/base/notice_file", CheckStatus.UNKNOWN)
        assert verdict(told_of) is Outcome.VERIFIED
    assert not list(licences.checks(bill(), set(), scanned("org/other")))  # no finding of it
    assert not list(licences.checks(bill(), set(), None))


def test_a_text_that_the_bill_lists_has_to_be_there() -> None:
    record = bill("MIT", file="LICENSE.md")
    (missing,) = licences.checks(record, set(), None)
    assert (missing.id, missing.status) == ("licence-files/LICENSE.md", CheckStatus.FAIL)
    (there,) = licences.checks(record, {"LICENSE.md"}, None)
    assert there.status is CheckStatus.PASS
