"""Countries in words: ISO 3166-1 alpha-2 codes and the short English names that sentences use."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Country:
    """A country's code, its short name, and how it stands in a sentence (``the United Kingdom``)."""

    code: str
    name: str
    in_words: str


@cache
def countries() -> Mapping[str, Country]:
    """Every country by its code in capitals.

    Raises:
        ValueError: the data file is wrong (a bug of ours).
    """
    text = (resources.files("forebear") / "data" / "countries.toml").read_text("utf-8")
    data = tomllib.loads(text)
    names, article = data["names"], frozenset(data["article"])
    if stray := article - set(names):
        raise ValueError(f"countries.toml: no names for {', '.join(sorted(stray))}")
    return {c: Country(c, name, f"the {name}" if c in article else name) for c, name in names.items()}


def country_name(code: str) -> str:
    """The short name of a country; the code itself where it is none."""
    found = countries().get(code.upper())
    return found.name if found is not None else code


def in_words(codes: Iterable[str]) -> str:
    """Countries as a sentence lists them: ``China, Singapore and the Cayman Islands``; by name, each once."""
    known = countries()
    given = sorted({code.upper() for code in codes}, key=country_name)
    words = [known[c].in_words if c in known else c for c in given]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
