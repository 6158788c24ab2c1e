"""Where a licence grants nothing, held against where an organisation is and uses a model.

Codes are ISO 3166-1 alpha-2; ``EU`` stands for the member states of the European Union. Greece and the United Kingdom
are also known by other codes (``EL``, ``UK``), which mean the same. The United Kingdom is no member.
"""

from __future__ import annotations

from collections.abc import Iterable

EU = "EU"
MEMBERS = frozenset(
    {
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"),
        *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    }
)
"""Member states since 1 February 2020 (Treaty on European Union, Article 52; withdrawal of the United Kingdom)."""
_ALSO = {"EL": "GR", "UK": "GB"}


def country(code: str) -> str:
    """A code as it is compared: upper case, with the usual other spellings replaced."""
    upper = code.strip().upper()
    return _ALSO.get(upper, upper)


def excluded(places: Iterable[str], left_out: Iterable[str]) -> tuple[str, ...]:
    """The places, of those given, in which a licence grants nothing.

    Args:
        places: where the model is used or offered; ``EU`` means anywhere in it.
        left_out: as in :attr:`forebear.catalogue.licences.KnownLicence.territory_excluded`.
    """
    out = {country(code) for code in left_out}
    return tuple(p for p in dict.fromkeys(map(country, places)) if _is_out(p, out))


def _is_out(place: str, out: set[str]) -> bool:
    if place == EU:
        return EU in out or bool(out & MEMBERS)  # using it in all of the EU is using it in each of its states
    return place in out or (EU in out and place in MEMBERS)
