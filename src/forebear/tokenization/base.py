"""What every implementation of a tokenizer has in common: what goes in, what comes out, what it may refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Refused(Exception):
    """Why a tokenizer cannot be computed exactly, as a clause; it never leaves this package."""


@dataclass(frozen=True)
class Encoding:
    """A text as a model's own tokenizer cuts it.

    Attributes:
        ids: of the tokens, in order; special ones that the tokenizer adds included.
        counted: of each, whether it stands for text; those that the tokenizer adds do not.
        unknown: how many of the counted ones are the tokenizer's word for what it does not know.
    """

    ids: tuple[int, ...]
    counted: tuple[bool, ...]
    unknown: int = 0

    @classmethod
    def of_text(cls, ids: list[int], unknown: int | None = None) -> Encoding:
        """Tokens that all stand for text; ``unknown`` is the id of what is not known, None where there is none."""
        return cls(tuple(ids), (True,) * len(ids), ids.count(unknown) if unknown is not None else 0)


class Encoder(Protocol):
    """One tokenizer, ready to cut texts."""

    def encode(self, text: str) -> Encoding | str:
        """The tokens of a text, with what the tokenizer puts around it; or a clause that says why there are none."""
        ...


def count(encoder: Encoder, text: str) -> int | str:
    """How many tokens stand for a text, without those that the tokenizer adds; or a clause that says why none do."""
    found = encoder.encode(text)
    return found if isinstance(found, str) else sum(found.counted)
