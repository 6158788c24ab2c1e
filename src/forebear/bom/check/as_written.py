"""Whether a bill of ours is still as it was written: what it says, written again, has to give the same document.

It finds edits and accidents, down to the serial number, which is derived from the content. It is no protection:
whoever wants to can write a document anew. That takes a signature.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from forebear.bom.check.base import quoted
from forebear.bom.check.walk import Things, leaves
from forebear.bom.checks import Check, CheckStatus
from forebear.bom.formats import FORMATS
from forebear.bom.reading import Reading
from forebear.bom.record import Tool

MOST = 3
"""Places that are named."""
_WANTED = "sign it, or write it again (forebear bom --declaration states what files do not)."


def checks(reading: Reading, things: Things) -> Iterator[Check]:
    """Nothing for a bill of another program or another version, or about several models."""
    write = next(f.write for f in FORMATS if f.name == reading.format)
    if write is None or len(reading.records) != 1 or reading.records[0].tool != Tool():
        return
    again = write(reading.records[0])
    if again == reading.document:
        yield Check("as-written", CheckStatus.PASS, "It is as Forebear writes what it says; nothing was edited since.")
        return
    places = list(islice(_differing(reading, again), MOST))
    where = ", ".join(quoted(place) for place in places)
    said = f"It was edited after Forebear had written it ({where}); what was there is not known: {_WANTED}"
    yield Check("as-written", CheckStatus.UNKNOWN, said, places[0] if places else "")


def _differing(reading: Reading, again: object) -> Iterator[str]:
    """Pointers to leaves that only one of the two has, or that differ; the serial number follows from all others."""
    ours, theirs = dict(leaves(again)), dict(leaves(reading.document))
    both = [p for p in dict.fromkeys((*theirs, *ours)) if ours.get(p, _ABSENT) != theirs.get(p, _ABSENT)]
    yield from sorted(both, key=lambda pointer: pointer == "/serialNumber")


_ABSENT = object()
