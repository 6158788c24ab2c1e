"""What a reference's code rests on where it was not measured here but came in somebody's file."""

from __future__ import annotations

from forebear.index import Entry
from forebear.types import Evidence, Test

NAME = "provenance/1"


def provenance_evidence(entry: Entry) -> tuple[Evidence, ...]:
    """That the code of a reference is somebody's word, as evidence that supports nothing; empty where it is not.

    The exact test holds whatever the code says, for a model that really has that code. Whether it has it, only its
    files can show.
    """
    told = entry.provenance
    if told is None or not told.origin:
        return ()
    who = f"measured by {told.by}" if told.by else "who measured it is not said"
    text = (
        f"The code of {entry.name} was not measured here: {who}, imported. That it is the code of these weights is "
        "their word until the weights are read."
    )
    details = {
        "by": told.by or None,
        "version": told.version or None,
        "revision": told.revision or None,
        "measured": told.measured or None,
        "origin": told.origin,
    }
    return (Evidence(NAME, "declared", "nothing", None, Test.NONE, None, 0, None, text, details=details),)


def unopenable(entry: Entry) -> str:
    """Why the files of a reference cannot be looked for; "" where they can."""
    if entry.location:
        return ""
    if entry.provenance is not None and entry.provenance.private:
        return "it is private: where its files lie is not kept"
    return "it was imported without saying where its files lie"
