"""References read again from where they were added, and references on demand, read from where they are published.

On demand, a shape nominates and proves nothing: thousands of models share one. What is fetched is tested like every
other reference, and stays in the index for the next scan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from forebear.artifacts import Artifact, read_artifact
from forebear.errors import ForebearError, UsageError
from forebear.index import Entry, Index
from forebear.inspect.cost import Meter, light_first
from forebear.inspect.enrol import provenance_of
from forebear.inspect.imported import unopenable
from forebear.inspect.judge import FEWEST_COINS, suggested
from forebear.lineage.evidence import joined
from forebear.signals import Fingerprint, fingerprint
from forebear.signals.sign_code import light_code
from forebear.sources import is_remote, offline, open_source
from forebear.types import Untested

MOST_FETCHED = 3
"""Bases fetched for one scan: each costs about 3 MB. The closest in shape come first."""


@dataclass(frozen=True)
class Fetched:
    """What came of it: names of the references that are now in the index, and bases that could not be had, and why."""

    added: tuple[str, ...] = ()
    missing: tuple[Untested, ...] = ()

    @property
    def note(self) -> tuple[str, ...]:
        """What was fetched, as a line of the coverage."""
        return (f"fetched for this scan: {joined(self.added, len(self.added))}",) if self.added else ()


def fetch_references(shape: Mapping[str, Any], index: Index, meter: Meter, on_step: Callable[[str], None]) -> Fetched:
    """Read the codes of the suggested bases from the hub and add them to the index.

    One that is in the index already, under any revision, is not fetched again. A hub that takes no connection within
    seconds is not waited for: the scan did not ask for it.
    """
    from forebear.sources.hub import endpoint, hub_answers

    added: list[str] = []
    missing: list[Untested] = []
    have = {entry.location.split("@")[0] for entry in index.entries()}
    wanted = [a.model.repository for a in suggested(shape)]
    wanted = [name for name in dict.fromkeys(wanted) if f"hf:{name}" not in have]
    if wanted and not hub_answers():
        why = f"the hub could not be reached: {endpoint()} takes no connection"
        return Fetched(missing=tuple(Untested(name, why) for name in wanted[:MOST_FETCHED]))
    for name in wanted[:MOST_FETCHED]:
        on_step(f"fetching the sign code of {name}")
        try:
            source = open_source(f"hf:{name}")
            artifact = read_artifact(source)
            meter.watch(artifact.source)
            mark = fingerprint(artifact, name, light=light_first(artifact, "standard"))
            if mark.code.n < FEWEST_COINS:
                missing.append(Untested(name, f"{mark.code.n} sign coins could be read of it, too few for a reference"))
                continue
            index.add(mark, source.location, provenance=provenance_of(mark, source.location))
            added.append(name)
        except ForebearError as error:
            missing.append(Untested(name, f"could not be fetched: {error.message}"))
    missing += [
        Untested(name, f"{MOST_FETCHED} others of this shape were fetched first") for name in wanted[MOST_FETCHED:]
    ]
    return Fetched(tuple(added), tuple(missing))


def unfetched(fetched: Fetched, fetch: bool) -> str:
    """Why known bases of a shape are not in the index after a scan that looked for references, "" where they are."""
    if fetched.missing:
        return f"not fetched: {joined([f'{one.what} ({one.why})' for one in fetched.missing[:MOST_FETCHED]])}"
    if not fetch:
        return "none was fetched, as was asked for (--no-fetch)"
    return "none was fetched: the network is forbidden (--offline, FOREBEAR_OFFLINE or HF_HUB_OFFLINE)" * offline()


def reopen(entry: Entry, meter: Meter) -> tuple[Artifact, Fingerprint] | str:
    """The reference's own files and what they measure, or a clause that says why they cannot be used."""
    if why := unopenable(entry):
        return why
    try:
        reference = read_artifact(open_source(entry.location))
        meter.watch(reference.source)
        mark = fingerprint(reference, entry.name, light=light_code(entry.fingerprint.code))
    except UsageError as error:
        return error.message if is_remote(entry.location) else f"its files are no longer at {entry.location}"
    except ForebearError as error:
        return error.message
    if mark.digest != entry.fingerprint.digest:
        return f"{entry.location} has changed since it was indexed"
    return reference, mark
