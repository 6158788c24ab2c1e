"""Laws, orders, notices and guidance that rules of policies cite: what each asks, with source and status.

A summary in our words, never the text, and never legal advice: ``caveat`` says what was not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from forebear.catalogue.facts import Basis


@dataclass(frozen=True)
class Instrument:
    """A law, an order, a notice, or guidance.

    Attributes:
        id: ``uk-ppn-017``.
        title: as it is cited.
        jurisdictions: ISO 3166-1 alpha-2 codes, or ``EU``.
        status: ``in force since …``, ``proposed``.
        binding: whom it binds, or that it binds nobody.
        asks: what it asks for, in our words.
        not_decided: what it does not say, or what was misread elsewhere.
        caveat: what of it was not read; "" where the text itself was.
    """

    id: str
    title: str
    basis: Basis
    jurisdictions: tuple[str, ...] = ()
    status: str = ""
    binding: str = ""
    asks: tuple[str, ...] = ()
    not_decided: str = ""
    caveat: str = ""


def instruments() -> Mapping[str, Instrument]:
    """Every instrument by identifier, those of the user's overlay included.

    Raises:
        FormatError: a data file or the overlay is wrong.
    """
    from forebear.catalogue.collection import current

    return current().instruments
