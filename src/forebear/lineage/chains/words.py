"""Words that documents use where they name no model: a base that is withheld, or a start from nothing."""

from __future__ import annotations

import re

from forebear.catalogue.names import decode
from forebear.lineage.chain import ParentState

_WITHHELD = frozenset(
    {
        "withheld",
        "undisclosed",
        "notdisclosed",
        "nondisclosed",
        "redacted",
        "confidential",
        "proprietary",
        "unnamed",
        "secret",
        "undisclosedbasemodel",
        "notpublic",
        "nottold",
        "notstated",
    }
)
_NOTHING = frozenset(
    {
        *("", "none", "no", "na", "nil", "null", "unknown", "notknown", "tbd", "tba", "todo", "unspecified"),
        *("notspecified", "notapplicable", "notavailable", "nobasemodel", "basemodel", "nobase", "other", "various"),
    }
)
_FROM_NOTHING = frozenset({"scratch", "fromscratch", "trainedfromscratch", "pretrainedfromscratch"})
_CLASS = re.compile(
    r"\b(?:open[- ](?:source|weights?)|proprietary|third[- ]party|leading|undisclosed|unnamed|withheld)\b.*"
    r"\b(?:base|foundation|language)?\s*model\b",
    re.IGNORECASE,
)
_SCRATCH = re.compile(r"\btrained from scratch\b", re.IGNORECASE)
_NOT_IT = re.compile(
    r"\b(?:not|never|no|nor|neither|none|rather|instead|without|tokeni[sz]er)\b|n['\u2019]t\b", re.IGNORECASE
)
"""What, standing before, makes it a sentence that denies it or is about something else."""


def withheld(name: str) -> bool:
    """Whether a text stands where a model's name should, and says that there is one without naming it.

    ``withheld`` and its like, or a class of models (``a leading open-source base model``). A text that holds the name
    of a known family names one.
    """
    plain = "".join(ch for ch in name.lower() if ch.isalpha())
    if plain in _WITHHELD:
        return True
    return _CLASS.search(name) is not None and not any(_names_a_family(text) for text in (name, *name.split()))


def _names_a_family(text: str) -> bool:
    known = decode(text, named=True)
    return known is not None and known.family is not None


def nameless(name: str) -> ParentState | None:
    """What a text says that stands where a model's name should and names none; None where it may name one.

    ``none`` and ``n/a`` are silence: to take them for a name would make a base known that nobody named.
    """
    if withheld(name):
        return ParentState.WITHHELD
    plain = "".join(ch for ch in name.lower() if ch.isalnum())
    if plain in _FROM_NOTHING:
        return ParentState.FROM_SCRATCH
    return ParentState.ABSENT if plain in _NOTHING else None


def says_scratch(claim: str) -> bool:
    """Whether a claim is that of training from scratch, whatever became of it."""
    found = _SCRATCH.search(claim)
    return found is not None and _NOT_IT.search(claim, 0, found.start()) is None
