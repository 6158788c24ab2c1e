"""The disclosure questionnaire: what to ask a vendor, what for, and what a good answer looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources

from forebear.policy.plain_yaml import plain


class AnswerKind(StrEnum):
    """What a field of an answer holds."""

    TEXT = "text"
    TEXTS = "texts"
    NAMES = "names"
    NUMBER = "number"
    FLAG = "flag"


@dataclass(frozen=True)
class Question:
    """A question.

    Attributes:
        id, topic: ``Q-BASE``, ``Base model``.
        text: as a vendor is asked.
        why: what it is for.
        good: what a good answer looks like.
        fields: what an answer can hold, by name; the first is what an answer in words is taken for.
    """

    id: str
    topic: str
    text: str
    why: str
    good: str
    fields: Mapping[str, AnswerKind]


@cache
def questions() -> tuple[Question, ...]:
    """Every question, in their order."""
    file = resources.files("forebear") / "data" / "questions" / "vendor.yaml"
    data = plain(file.read_text("utf-8"), "vendor.yaml")
    return tuple(
        Question(
            entry["id"],
            entry["topic"],
            entry["text"],
            entry["why"],
            entry["good"],
            {name: AnswerKind(kind) for name, kind in entry["fields"].items()},
        )
        for entry in data["questions"]
    )
