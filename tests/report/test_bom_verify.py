"""Verifications and differences for people: the answer first, each thing once, nothing that can break a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebear.bom.checks import Check, CheckStatus
from forebear.bom.difference import Change, Difference
from forebear.bom.record import Status
from forebear.bom.verification import ClaimResult, Outcome, Verification
from forebear.catalogue import finding_text
from forebear.cli.options import rendered
from forebear.report import bom_diff, bom_verify
from forebear.report.bom_verify import HEADLINE, MOST
from forebear.types import Level, Test

PASS, FAIL, UNKNOWN = CheckStatus.PASS, CheckStatus.FAIL, CheckStatus.UNKNOWN
CLAIM = ClaimResult(
    "trained from scratch",
    "a claim by Acme",
    Status.CONTRADICTED,
    "it was made from org/base",
    "/declarations/claims/0",
    "org/base",
    -30.0,
    Test.EXACT,
    "independent initialisation",
)
SAID = Check("claims/trained-from-scratch", FAIL, "“trained from scratch” is contradicted: it was made from org/base.")


def verification(*checks: Check, claims: tuple[ClaimResult, ...] = ()) -> Verification:
    return Verification("dir/b.json", "0" * 64, "CycloneDX 1.7", "acme/m", "./m", checks, claims, ("acme/m",), 3)


def text(result: Verification, quiet: bool = False, verbose: bool = False) -> str:
    return rendered(lambda console: bom_verify.show(console, result, quiet, verbose))


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_first_line_is_the_answer(outcome: Outcome) -> None:
    enough = (Check("hashes/a", PASS, "a"), Check("lineage/b", PASS, "b"))
    more = {Outcome.VERIFIED: (), Outcome.FAILED: (SAID,), Outcome.INCONCLUSIVE: (Check("lineage/c", UNKNOWN, "c"),)}
    result = verification(*enough, *more[outcome])
    assert result.verdict is outcome
    assert text(result).splitlines()[0] == f"{HEADLINE[outcome]}."
    assert result.why[:60] in " ".join(text(result, quiet=True).split())
    assert f"**{HEADLINE[outcome]}** (`{outcome}`)" in bom_verify.markdown(result)
    assert len(text(result, quiet=True).splitlines()) <= 4


def test_a_claim_is_told_once_with_its_p_value_and_null() -> None:
    shown = " ".join(text(verification(SAID, claims=(CLAIM,))).split())
    assert shown.count("trained from scratch: contradicted") == 1
    assert shown.count(SAID.message) == 1  # in the reason; under Lineage it stands in its own words
    assert "p ≤ 1e-30 against independence of org/base (exact test, null: independent initialisation)" in shown
    assert SAID.message in " ".join(text(verification(SAID, claims=(CLAIM,)), verbose=True).split())


def test_many_checks_are_counted_and_verbose_tells_all() -> None:
    failing = tuple(Check(f"hashes/{k}", FAIL, f"file {k} differs.") for k in range(MOST + 5))
    passing = tuple(Check(f"facts/{k}", PASS, f"fact {k}.") for k in range(3))
    short, long = text(verification(*failing, *passing)), text(verification(*failing, *passing), verbose=True)
    assert "and 5 more (--verbose)" in short and f"file {MOST + 4} differs." not in short and "facts (3)" in short
    assert f"file {MOST + 4} differs." in long and "fact 2." in long


def test_what_nothing_waits_for_is_a_line() -> None:
    minor = tuple(Check(f"profile/spdx-ai/{k}", UNKNOWN, f"demand {k}.") for k in range(4))
    shown = text(verification(*minor, Check("hashes/a", UNKNOWN, "a is far away.")))
    assert "profile (4): nothing waits for these" in shown and "demand 1." not in shown and "a is far away." in shown
    assert "demand 1." in text(verification(*minor), verbose=True)


def test_a_strangers_words_cannot_reach_the_terminal() -> None:
    hostile = verification(Check("schema", FAIL, "\x1b[31mred\x07 [bold]x[/bold]"))
    assert "\x1b" not in text(hostile) and "[bold]x[/bold]" in text(hostile)
    assert "| fail | schema |" in bom_verify.markdown(verification(Check("schema", FAIL, "a | b")))
    assert "a | b" not in bom_verify.markdown(verification(Check("schema", FAIL, "a | b"))).replace("a \\| b", "")


@pytest.mark.parametrize(
    ("identifier", "finding"),
    [
        ("schema", "bom-invalid"),
        ("references/dangling", "bom-invalid"),
        ("digests/form", "bom-invalid"),
        ("hashes/model.safetensors", "file-hash-mismatch"),
        ("lineage/undeclared", "ancestor-undeclared"),
        ("lineage/org/base", "claim-contradicted"),
        ("claims/trained-from-scratch", "claim-contradicted"),
        ("identity/name", "claim-contradicted"),
        ("facts/parameters", "claim-contradicted"),
        ("licence-files/NOTICE", "licence-notice-missing"),
        ("signature", "signature-invalid"),
        ("profile/spdx-ai/supplied-by", "bom-incomplete"),
    ],
)
def test_every_failure_raises_a_finding_of_the_registry(identifier: str, finding: str) -> None:
    subject = bom_verify.subject(verification(Check(identifier, FAIL, "It is so.", "/a", "rule")))
    (raised,) = subject.findings
    assert raised.id == finding and raised.level.value == finding_text(finding).level
    assert raised.evidence == (identifier, "/a", "rule")
    assert (subject.about, subject.properties["verdict"]) == ("b.json", "failed")


def difference(*changes: Change) -> Difference:
    return Difference("old.json", "new.json", "CycloneDX 1.7", "SPDX 3.0.1", changes)


def test_the_first_line_of_a_difference() -> None:
    note = Change("model", "the model", "changed", Level.NOTE, "1", "2", "version")
    lineage = Change("lineage", "ancestor org/base", "added", Level.WARNING, "", "name: org/base")
    assert bom_diff.headline(difference()) == "Nothing changed."
    assert bom_diff.headline(difference(note)).startswith("1 change; lineage, licences and weights are as they were")
    assert bom_diff.headline(difference(lineage, note)) == "2 changes, of which 1 matters: lineage."


def test_a_difference_for_people(tmp_path: Path) -> None:
    changes = [Change("files", f"f{k}", "added", Level.NOTE, "", "path") for k in range(bom_diff.MOST + 2)]
    moved = Change("lineage", "ancestor a/b", "changed", Level.WARNING, "unknown", "finetune", "relation")
    result = difference(moved, *changes)
    shown = rendered(lambda console: bom_diff.show(console, result))
    assert "~ ancestor a/b: relation: unknown → finetune" in shown and "and 2 more (--verbose)" in shown
    assert f"f{bom_diff.MOST + 1}" in rendered(lambda console: bom_diff.show(console, result, verbose=True))
    assert len(rendered(lambda console: bom_diff.show(console, result, quiet=True)).splitlines()) == 3
    assert "| warning | changed | ancestor a/b: relation | unknown | finetune |" in bom_diff.markdown(result)


def test_a_change_is_said_once_and_not_cut_within_a_word() -> None:
    long = "indexed: " + "this model is itself the reference of that name, " * 4
    changes = (
        Change("lineage", "verdict", "changed", Level.WARNING, "indexed", "derived", "verdict"),
        Change("model", "not tested", "changed", Level.NOTE, long, "", "not_tested"),
    )
    result = Difference("a.json", "CycloneDX 1.7", "b.json", "CycloneDX 1.7", changes)
    text = rendered(lambda console: bom_diff.show(console, result))
    assert text.startswith("2 changes, of which 1 matters: lineage.")
    assert "~ verdict: indexed → derived" in text
    shown = " ".join(text[text.index("not tested: ") + 12 : text.index(" → nothing")].split())
    assert set(shown.split()) <= {*long.split(), "…"}
