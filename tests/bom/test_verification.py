"""The verdict of a verification: what fails, what is open, and what a bill cannot do without."""

from __future__ import annotations

import pytest

from documents import check_document
from forebear.bom.checks import Check, CheckStatus
from forebear.bom.verification import MAY_BE_OPEN, Outcome, Verification

PASS, FAIL, UNKNOWN, OUTSIDE = (
    CheckStatus.PASS,
    CheckStatus.FAIL,
    CheckStatus.UNKNOWN,
    CheckStatus.NOT_APPLICABLE,
)
ENOUGH = (("schema", PASS), ("hashes/model.safetensors", PASS), ("lineage/org/base", PASS))


def verification(*checks: tuple[str, CheckStatus], models: tuple[str, ...] = ("m",), target: str = "t") -> Verification:
    made = tuple(Check(identifier, status, f"{identifier} is {status}.") for identifier, status in checks)
    found = Verification("b.json", "0" * 64, "CycloneDX 1.7", "m", target, made, models=models)
    check_document(found.to_json())
    return found


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ((), Outcome.VERIFIED),
        ((("signature", OUTSIDE),), Outcome.VERIFIED),
        ((("lineage/other", UNKNOWN),), Outcome.INCONCLUSIVE),
        ((("signature", UNKNOWN),), Outcome.INCONCLUSIVE),
        ((("identity/name", UNKNOWN),), Outcome.INCONCLUSIVE),
        ((("lineage/other", UNKNOWN), ("schema", FAIL)), Outcome.FAILED),
        *(((((f"{kind}x"), UNKNOWN),), Outcome.VERIFIED) for kind in MAY_BE_OPEN),
    ],
)
def test_the_gravest_check_decides(more: tuple[tuple[str, CheckStatus], ...], verdict: Outcome) -> None:
    found = verification(*ENOUGH, *more)
    assert found.verdict is verdict and found.why.endswith((".", ")"))


@pytest.mark.parametrize("missing", [1, 2])
def test_files_and_lineage_have_to_have_been_tested(missing: int) -> None:
    checks = [c for k, c in enumerate(ENOUGH) if k != missing]
    assert verification(*checks).verdict is Outcome.INCONCLUSIVE


def test_the_form_of_digests_is_no_test_of_files() -> None:
    assert verification(("digests/form", PASS), ("lineage/x", PASS)).verdict is Outcome.INCONCLUSIVE


def test_exit_codes_are_the_contracts() -> None:
    assert [o.exit_code for o in (Outcome.VERIFIED, Outcome.FAILED, Outcome.INCONCLUSIVE)] == [0, 1, 3]


def test_lineage_is_told_before_form() -> None:
    found = verification(("schema", FAIL), ("lineage/org/base", FAIL), ("claims/trained-from-scratch", FAIL))
    assert found.why == "claims/trained-from-scratch is fail. (2 more fail)"


def test_weights_are_told_before_papers() -> None:
    found = verification(("hashes/LICENSE", FAIL), ("hashes/README.md", FAIL), ("hashes/model.safetensors", FAIL))
    assert found.why == "hashes/model.safetensors is fail. (2 more fail)"


def test_a_bill_that_names_no_relative_is_not_said_to_be_confirmed_in_that() -> None:
    found = verification(*ENOUGH)
    assert not found.claims and "which is not independence" in found.why and "confirmed" not in found.why


def test_a_bill_about_no_model_says_so() -> None:
    assert "no model" in verification(("schema", PASS), models=()).why
    assert "Only the document" in verification(("schema", PASS), target="").why
