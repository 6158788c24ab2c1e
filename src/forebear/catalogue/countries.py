"""Countries in words: short English names, as they stand in a sentence."""

from __future__ import annotations

from collections.abc import Iterable

from forebear.catalogue.references import countries

_ARTICLE = frozenset(
    {
        *("AE", "AX", "BQ", "BS", "CC", "CD", "CF", "CG", "CK", "DO", "FK", "FO", "GB", "GM", "IM", "IO", "KM"),
        *("KY", "MH", "MP", "MV", "NL", "PH", "SB", "SC", "TC", "TF", "UM", "US", "VG", "VI"),
    }
)
"""Countries that take an article: the United Kingdom."""


def country_name(code: str) -> str:
    """The short name of a country, ``the European Union`` for ``EU``; the code itself where it is none."""
    if code == "EU":
        return "the European Union"
    found = countries().get(code, code)
    return f"the {found}" if code in _ARTICLE else found


def in_words(codes: Iterable[str]) -> str:
    """Countries as a sentence lists them: ``the Cayman Islands, China and Singapore``, by name, each once."""
    words = sorted({country_name(code) for code in codes}, key=lambda name: name.removeprefix("the "))
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
