"""What a fact of the catalogue rests on: where it was read, when, and how sure it is.

Nothing is in the catalogue without a source. A fact that somebody only remembers is kept with confidence
``unverified``, so that a reader sees it and no finding above ``note`` can rest on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Confidence(StrEnum):
    """How sure a fact is.

    ``high``: a primary text, or two independent sources. ``medium``: one secondary source. ``low``: a weak one.
    ``unverified``: remembered, not retrieved.
    """

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    UNVERIFIED = "unverified"

    @property
    def retrieved(self) -> bool:
        """Whether the fact was read somewhere: only such a fact may raise a finding above ``note``."""
        return self is not Confidence.UNVERIFIED

    @property
    def rank(self) -> int:
        """0 for ``unverified``, 3 for ``high``."""
        return 3 - list(Confidence).index(self)


@dataclass(frozen=True)
class Source:
    """Where something was read.

    Attributes:
        id: how facts refer to it.
        what: title, address, revision: enough to find it again.
        read: the day on which it was read, ISO.
        kind: ``primary`` (the text itself, a file, an official page), ``secondary``, or ``memory``.
    """

    id: str
    what: str
    read: str
    kind: str


@dataclass(frozen=True)
class Basis:
    """What one fact rests on.

    Attributes:
        sources: identifiers of :class:`Source`, at least one.
        as_of: the day for which it is stated, ISO.
        confidence: how sure.
    """

    sources: tuple[str, ...]
    as_of: str
    confidence: Confidence


def sources() -> Mapping[str, Source]:
    """Every source by identifier, those of the user's overlay included.

    Raises:
        FormatError: a data file or the overlay is wrong.
    """
    from forebear.catalogue.collection import current

    return current().sources
