"""The answer of ``bom verify``: every check, what became of every claim of lineage, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from forebear.bom.checks import Check, CheckStatus
from forebear.bom.files import role_of
from forebear.bom.record import Status
from forebear.types import Cost, Json, Test, Untested, head, to_json

SCHEMA = "forebear.bom-verify/1"
NEEDED = ("hashes/", "lineage/")
"""Kinds of checks of which one at least has to have passed for a bill to be verified."""
MAY_BE_OPEN = ("identity/version", "identity/purl", "facts/", "profile/", "licence-text/")
"""Kinds of checks that files often cannot answer, and profiles that nobody asked for: nothing waits for them."""
LICENCE = "licence: "
"""How a claim about a licence begins; all others are about lineage."""


class Outcome(StrEnum):
    """What is decided about a bill."""

    VERIFIED = "verified"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"

    @property
    def exit_code(self) -> int:
        """0 verified, 1 failed, 3 the evidence does not suffice."""
        return {Outcome.VERIFIED: 0, Outcome.FAILED: 1, Outcome.INCONCLUSIVE: 3}[self]


@dataclass(frozen=True)
class ClaimResult:
    """What a bill says about lineage or a licence, and what became of it when it was tested again.

    Attributes:
        claim: in words (``base model: org/base``, ``trained from scratch``, ``licence: Apache-2.0``).
        source: who says so, and where.
        status: confirmed, contradicted, unverified.
        why: the reason.
        pointer: JSON pointer into the bill, "" where it is about the whole.
        reference: the indexed model that was found instead or as well, "" for none.
        log10_p: of the exact test on dependence with ``reference``, None where there was none. It never covers which of
            the two came first.
        test, null: what stands behind it.
        clears: what would settle it.
    """

    claim: str
    source: str
    status: Status
    why: str
    pointer: str = ""
    reference: str = ""
    log10_p: float | None = None
    test: Test = Test.NONE
    null: str | None = None
    clears: str = ""


@dataclass(frozen=True)
class Verification:
    """A bill of materials that was verified.

    Attributes:
        bom: the file; ``digest`` its SHA-256.
        format: its format.
        model: the model that was verified, "" for a bill about software without models.
        target: what it was held against, "" for nothing but itself.
        checks: see :class:`~forebear.bom.checks.Check`.
        claims: of lineage.
        models: names of all models that the bill describes.
        unread: how many of its fields no record has a place for; they were checked by the schema alone.
        not_tested: what the answer does not rest on.
        references_tested: how many indexed references were compared.
        cost: of reading the target.
        problems: inputs that could not be read, one line each.
    """

    bom: str
    digest: str
    format: str
    model: str
    target: str
    checks: tuple[Check, ...]
    claims: tuple[ClaimResult, ...] = ()
    models: tuple[str, ...] = ()
    unread: int = 0
    not_tested: tuple[Untested, ...] = ()
    references_tested: int = 0
    cost: Cost = field(default=Cost())
    problems: tuple[str, ...] = ()

    @property
    def verdict(self) -> Outcome:
        """Failed if any check fails; verified only if none is open and files and lineage were tested; else neither."""
        if self.of(CheckStatus.FAIL):
            return Outcome.FAILED
        passed = [c.id + "/" for c in self.of(CheckStatus.PASS)]
        if self.open or not all(any(p.startswith(kind) for p in passed) for kind in NEEDED):
            return Outcome.INCONCLUSIVE
        return Outcome.VERIFIED

    @property
    def why(self) -> str:
        """The reason of the verdict, a sentence."""
        if failed := self.of(CheckStatus.FAIL):
            more = f" ({len(failed) - 1:,} more fail)" if failed[1:] else ""
            return f"{_first(failed).message}{more}"
        lineage = [claim for claim in self.claims if not claim.claim.startswith(LICENCE)]
        if self.verdict is Outcome.VERIFIED and lineage:
            said = "The files are those that it lists, and what it says of lineage was confirmed on the weights"
            first = any("came first is the bill's word" in claim.why for claim in lineage)
            return said + (", but for which came first: that is its word." if first else ".")
        if self.verdict is Outcome.VERIFIED:
            none = f"none of {self.references_tested:,} comparable references is related, which is not independence"
            return f"The files are those that it lists. It names no relative, and {none}."
        if not self.models:
            return "It describes no model, so there is no lineage to verify."
        if not self.target:
            return "Only the document was checked: name the model's files to test hashes and lineage."
        if self.open:
            more = f" ({len(self.open) - 1:,} more are open)" if self.open[1:] else ""
            return f"{_first(self.open).message}{more}"
        return "Neither its files nor its lineage could be tested."

    @property
    def open(self) -> tuple[Check, ...]:
        """The checks that could not be decided and have to be."""
        return tuple(c for c in self.of(CheckStatus.UNKNOWN) if not c.id.startswith(MAY_BE_OPEN))

    def of(self, status: CheckStatus) -> tuple[Check, ...]:
        """The checks that came out so."""
        return tuple(check for check in self.checks if check.status is status)

    def to_json(self) -> Json:
        """The ``forebear.bom-verify/1`` document."""
        body = to_json(self)
        decided = {"verdict": self.verdict.value, "why": self.why}
        return {**head(SCHEMA), "bom": body.pop("bom"), **decided, **body}


_WEIGHTIEST = ("claims/", "lineage/", "signature", "hashes/", "identity/", "licences/", "licence-files/", "facts/")
"""What a reader wants to know first."""


def _first(checks: tuple[Check, ...]) -> Check:
    def weight(check: Check) -> tuple[int, bool]:
        kind = next((k for k, kind in enumerate(_WEIGHTIEST) if check.id.startswith(kind)), len(_WEIGHTIEST))
        return kind, check.id.startswith("hashes/") and role_of(check.id) != "weights"

    return min(checks, key=weight)
