"""What a check of a bill of materials says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CheckStatus(StrEnum):
    """How a check came out; what could not be checked is unknown and never a pass."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        id: ``schema``, ``references/dangling``, ``hashes/model.safetensors``, ``lineage/org/base``, ``signature``, ...
        status: how it came out.
        message: one sentence: what was found, and for a failure what to do.
        pointer: JSON pointer into the bill, "" where it is about the whole.
        rule: the standard's or instrument's own rule, "" where it is ours.
    """

    id: str
    status: CheckStatus
    message: str
    pointer: str = ""
    rule: str = ""
