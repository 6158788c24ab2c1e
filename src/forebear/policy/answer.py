"""The values that a decision consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

from forebear.errors import one_line
from forebear.types import Json, head, to_json

LONGEST_SUBJECT = 300


def subject_line(text: str) -> str:
    """What a finding is about, on one line; a longer one ends in its digest, so that no two of them are one."""
    line = one_line(text, max(len(text), 1))
    if len(line) <= LONGEST_SUBJECT:
        return line
    return f"{line[: LONGEST_SUBJECT - 60]}… (SHA-256 {sha256(line.encode()).hexdigest()[:32]})"


class Severity(StrEnum):
    """What a rule that holds does to the decision.

    ``error`` denies. ``review`` asks for a recorded human decision: inconclusive until a waiver records it.
    ``warning`` and ``note`` inform. A rule of ``error`` or ``review`` whose facts are unknown makes the decision
    inconclusive: unknown is never pass.
    """

    ERROR = "error"
    REVIEW = "review"
    WARNING = "warning"
    NOTE = "note"


class Decision(StrEnum):
    """What the policy says."""

    PASS = "pass"
    DENY = "deny"
    INCONCLUSIVE = "inconclusive"

    @property
    def exit_code(self) -> int:
        """0, 1 or 3."""
        return {Decision.PASS: 0, Decision.DENY: 1, Decision.INCONCLUSIVE: 3}[self]


@dataclass(frozen=True)
class PolicyFinding:
    """A rule that holds, or whose facts do not suffice.

    Attributes:
        rule, title: of the rule.
        severity: as the rule states it.
        unknown: fields of the input that would have decided and are not known; empty where the rule holds.
        subject: the ancestor, duty or component that it is about, "" for the model.
        message: one sentence, with the facts filled in.
        evidence: what it rests on: sentences, files, sources.
        clears: what would settle it.
        cites: instruments, by title, each with its source.
        not_decided: what the rule does not say.
        policy: the pack that the rule stands in.
    """

    rule: str
    severity: Severity
    message: str
    title: str = ""
    subject: str = ""
    unknown: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    clears: str = ""
    cites: tuple[str, ...] = ()
    not_decided: str = ""
    policy: str = ""


@dataclass(frozen=True)
class Waived:
    """A finding that somebody answers for, until a day."""

    finding: PolicyFinding
    owner: str
    reason: str
    expires: str


@dataclass(frozen=True)
class PolicyRef:
    """Which policy decided: name, version, and the SHA-256 of its rules in canonical form, all packs included."""

    name: str
    version: str
    digest: str
    title: str = ""
    rules: int = 0


@dataclass(frozen=True)
class PolicyAnswer:
    """The answer of ``policy check``. See ``forebear.policy/1``.

    Attributes:
        model: name.
        decision: pass, deny or inconclusive.
        why: one sentence in plain words.
        policy: which one.
        findings: most severe first; ``waived`` those that a waiver covers.
        input: the document that was decided on (``forebear.policy-input/1``).
        not_checked: what the decision does not rest on.
        questions: what to ask the vendor next, as identifiers of the questionnaire.
    """

    model: str
    decision: Decision
    why: str
    policy: PolicyRef
    findings: tuple[PolicyFinding, ...] = ()
    waived: tuple[Waived, ...] = ()
    input: Mapping[str, Any] = field(default_factory=dict)
    not_checked: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def to_json(self) -> Json:
        """The ``forebear.policy/1`` document."""
        return {**head("forebear.policy/1"), **to_json(self)}
