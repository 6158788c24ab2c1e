"""Checks of a bill of materials by itself: nothing but the document is read.

One file per family; :data:`FAMILIES` lists them. What only the model's files can tell is checked in ``inspect``.
"""

from __future__ import annotations

from collections.abc import Iterable

from forebear.bom.check import as_written, graph, profiles, references, schema, signatures, values
from forebear.bom.check.base import Family
from forebear.bom.check.profiles import PROFILES
from forebear.bom.check.walk import objects
from forebear.bom.checks import Check
from forebear.bom.reading import Reading

FAMILIES = (
    Family("schema", "", schema.checks),
    Family("references", "CycloneDX", references.checks),
    Family("values", "CycloneDX", values.checks),
    Family("graph", "SPDX", graph.checks),
    Family("signatures", "CycloneDX", signatures.checks),
    Family("as-written", "", as_written.checks),
)
"""Every family, in the order in which its checks are told."""

__all__ = ["FAMILIES", "PROFILES", "check_document"]


def check_document(reading: Reading, asked: Iterable[str] = ()) -> tuple[Check, ...]:
    """Every check that needs nothing but the bill itself.

    Args:
        reading: the bill as read.
        asked: names of profiles to check besides those that the bill says it keeps to.

    Raises:
        UsageError: there is no profile of such a name.
    """
    things = tuple(objects(reading.document))
    families = [family for family in FAMILIES if reading.format.startswith(family.of)]
    found = [check for family in families for check in family.run(reading, things)]
    return (*found, *profiles.checks(reading, things, asked))
