"""``token-strings/1``: whether the token strings that an endpoint sends are tokens of a tokenizer.

A string that is no token of it excludes the tokenizer, unless the server changed the string; so a few are forgiven.
What remains is a check on token counts: a gateway that counts with a tokenizer of its own cannot make the model's
tokens fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from forebear.catalogue.token_strings import is_known

NAME = "token-strings/1"
ENOUGH = 6
"""Strings of the sample; with fewer nothing is told."""
FORGIVEN = 0.1
"""Share of strings that a server may have changed."""


@dataclass(frozen=True)
class StringFit:
    """How the strings fit one tokenizer.

    Attributes:
        name: of the tokenizer.
        tested: different strings that could be looked up.
        absent: of them, those that are certainly no tokens of it.
    """

    name: str
    tested: int
    absent: int

    @property
    def excluded(self) -> bool:
        """Whether more are absent than a server's changes explain."""
        return self.tested >= ENOUGH and self.absent >= 3 and self.absent > FORGIVEN * self.tested


def string_fits(strings: Iterable[str], filters: Mapping[str, bytes]) -> tuple[StringFit, ...]:
    """The fit of every tokenizer with a filter, best first.

    Args:
        strings: tokens as the server sent them; repeated ones count once, and replaced characters not at all.
        filters: by name, see :mod:`forebear.catalogue.token_strings`.
    """
    different = {text.strip(" Ġ▁") for text in strings if "�" not in text}
    found = []
    for name, filter_ in filters.items():
        known = [answer for text in different if (answer := is_known(filter_, text)) is not None]
        found.append(StringFit(name, len(known), known.count(False)))
    return tuple(sorted(found, key=lambda fit: (fit.absent, fit.name)))
