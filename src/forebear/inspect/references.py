"""References of the index, read again from where they were added."""

from __future__ import annotations

from forebear.artifacts import Artifact, read_artifact
from forebear.errors import ForebearError, UsageError
from forebear.index import Entry
from forebear.inspect.cost import Meter
from forebear.signals import Fingerprint, fingerprint
from forebear.sources import open_source


def reopen(entry: Entry, meter: Meter) -> tuple[Artifact, Fingerprint] | str:
    """The reference's own files and what they measure, or a clause that says why they cannot be used."""
    try:
        reference = read_artifact(open_source(entry.location))
        meter.watch(reference.source)
        mark = fingerprint(reference, entry.name)
    except UsageError:
        return f"its files are no longer at {entry.location}"
    except ForebearError as error:
        return error.message
    if mark.digest != entry.fingerprint.digest:
        return f"{entry.location} has changed since it was indexed"
    return reference, mark
