"""Which declared licence is an identifier of the SPDX licence list, and which is only a name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources


def spdx_id(declared: str) -> str | None:
    """The SPDX identifier in its official spelling, or None: no guess is made for names that merely look alike.

    The list is the one that CycloneDX 1.7 accepts (``data/licences/spdx.txt``); hubs write its identifiers in lower
    case, SPDX compares them without regard to case.
    """
    return _spdx().get(declared.strip().lower())


@cache
def _spdx() -> Mapping[str, str]:
    text = (resources.files("forebear") / "data" / "licences" / "spdx.txt").read_text("utf-8")
    return {line.lower(): line for line in text.splitlines() if line and not line.startswith("#")}
