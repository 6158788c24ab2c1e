"""Fingerprints measured again: is an entry from the weights that it names?

A fingerprint can be wrong because somebody put it there (an index that others write to, an imported file), because its
files have changed, or because it was added under a name that is not its own. Each is told from the others as far as
that is possible, and what cannot be read again is said to be so.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from forebear.artifacts import read_artifact
from forebear.catalogue import raise_finding
from forebear.errors import ForebearError
from forebear.index import Entry, Index
from forebear.inspect.imported import unopenable
from forebear.lineage.declared_names import plain
from forebear.signals import Fingerprint, fingerprint
from forebear.signals.sign_code import SignCode, light_code
from forebear.sources import is_remote, open_source
from forebear.types import Finding, Json, Level

Step = Callable[[str], None]

_REPOSITORY = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Status(StrEnum):
    """What became of one fingerprint."""

    CONFIRMED = "confirmed"
    MISMATCH = "does_not_match"
    CHANGED = "changed"
    MISNAMED = "misnamed"
    UNREACHABLE = "unreachable"
    PRIVATE = "private"


@dataclass(frozen=True)
class Rechecked:
    """One entry, measured again.

    Attributes:
        name, location: as the index has them.
        status, why: what became of it.
        by: who measured it first, "" where nobody said; ``imported`` whether it came in a file.
        finding: None where all is well or nothing can be said.
    """

    name: str
    location: str
    status: Status
    why: str
    by: str = ""
    imported: bool = False
    finding: Finding | None = None

    def to_json(self) -> Json:
        """As it stands in the document."""
        return {
            "name": self.name,
            "location": self.location,
            "status": self.status.value,
            "why": self.why,
            "by": self.by or None,
            "imported": self.imported,
            "finding": self.finding.id if self.finding else None,
            "level": self.finding.level.value if self.finding else None,
        }


def recheck(
    index: Index,
    names: Sequence[str] = (),
    sample: int | None = None,
    seed: int = 0,
    on_step: Step = lambda _: None,
) -> tuple[Rechecked, ...]:
    """Read what entries were made from, measure it, and compare digest and code.

    A location on a hub is read over the network. One on this machine is not sought elsewhere, whatever its name says.

    Args:
        index: the references.
        names: which; default all.
        sample: how many of them, drawn by lot.
        seed: of the lot; the same gives the same entries.
        on_step: told what is being done.
    """
    chosen = list(dict.fromkeys(names)) or [entry.name for entry in index.entries()]
    if sample is not None and sample < len(chosen):
        chosen = sorted(random.Random(seed).sample(sorted(chosen), sample))
    done = []
    for number, name in enumerate(chosen, 1):
        on_step(f"measuring again: {name} ({number:,} of {len(chosen):,})")
        entry = index.get(name)
        if entry is not None:
            done.append(_rechecked(entry, index))
    return tuple(done)


def _rechecked(entry: Entry, index: Index) -> Rechecked:
    origin = entry.provenance
    by, imported = (origin.by, bool(origin.origin)) if origin is not None else ("", False)

    def told(status: Status, why: str, finding: Finding | None = None) -> Rechecked:
        return Rechecked(entry.name, entry.location, status, why, by, imported, finding)

    if origin is not None and origin.private:
        return told(Status.PRIVATE, "a guarded model's: its weights are not to be read")
    if lost := unopenable(entry):
        return told(Status.UNREACHABLE, lost)
    mark = _measured(entry.location, entry)
    if isinstance(mark, str):
        return told(Status.UNREACHABLE, mark)
    same_digest = mark.digest == entry.fingerprint.digest
    same = same_code(mark.code, entry.fingerprint.code)
    if same_digest and same:
        if why := _tower(entry, mark):
            return told(Status.MISMATCH, why, _mismatch(entry, why))
        if why := _papers(entry, mark):
            return told(Status.CHANGED, why, _changed(entry, why))
        return _named(entry, told)
    swapped, whose = _whose(entry, index, mark)
    if same_digest:
        why = f"the weights are those that were measured, and the code that is stored is not theirs{whose}"
        return told(Status.MISMATCH, why, _mismatch(entry, why))
    if pinned(entry.location):
        why = f"the weights at that commit are others than those that the fingerprint is of{whose}"
        return told(Status.MISMATCH, why, _mismatch(entry, why))
    if swapped:  # an update of the files does not make what was measured of them another model's
        why = f"the files there are not those that the fingerprint is of{whose}"
        return told(Status.MISMATCH, why, _mismatch(entry, why, Level.WARNING))
    if same:
        why = "other values than were read, with the same signs: the files have changed a little"
        return told(Status.CHANGED, why, _changed(entry, why))
    why = f"the files there are others now than those that the fingerprint is of, or never were those{whose}"
    return told(Status.CHANGED, why, _changed(entry, why))


def _tower(entry: Entry, found: Fingerprint) -> str:
    """Which stored tower is none of the model's; "" where all are, also where an older version kept none."""
    for tower in entry.fingerprint.towers:
        there = [own.code for own in found.towers if own.component == tower.component]
        if not any(same_code(code, tower.code) for code in there):
            own = "the code that is stored of it is another" if there else "none is in its files"
            return f"the language model is that which was measured; of its {tower.component}, {own}"
    return ""


def _papers(entry: Entry, found: Fingerprint) -> str:
    """What card and config say otherwise than the entry does, of weights that are the same; "" where nothing."""
    then, now = entry.fingerprint.declared, found.declared
    wrong = []
    if plain(then.licence) != plain(now.licence):
        wrong.append(f"the licence is {now.licence or 'not said'}, not {then.licence or 'left out'}")
    if then.base_models != now.base_models:
        before, after = (", ".join(d.base_models[:3]) or "none" for d in (then, now))
        wrong.append(f"the base models are {after}, not {before}")
    if then.from_scratch != now.from_scratch:
        wrong.append(f"training from scratch is {'claimed' if now.from_scratch else 'not claimed'}")
    where = "at that commit" if pinned(entry.location) else "today"
    return f"the same weights; by its papers {where}, {'; '.join(wrong)}" if wrong else ""


def _named(entry: Entry, told: Callable[..., Rechecked]) -> Rechecked:
    """A fingerprint that is of its location; whether it is of what its name says is another question."""
    name = entry.name.split("@", 1)[0]
    if not _REPOSITORY.fullmatch(name):
        return told(Status.CONFIRMED, "the same digest and the same code")
    if not entry.location.startswith("hf:"):
        where = entry.location if not is_remote(entry.location) else "that address"
        return told(Status.CONFIRMED, f"of what lies at {where}; that it is {name} is the word of who added it")
    at = entry.location[3:].split("@", 1)[0]
    if plain(at) == plain(name):
        return told(Status.CONFIRMED, "the same digest and the same code")
    other = _measured(f"hf:{name}", entry)
    if isinstance(other, str):
        why = f"it was measured of {at}, and whether {name} has the same weights could not be read: {other}"
    elif other.digest == entry.fingerprint.digest:
        return told(Status.CONFIRMED, f"of {at}; {name} has the same weights today")
    else:
        why = f"it was measured of {at}; what {name} offers today are other weights"
    finding = raise_finding("fingerprint-mismatch", f"{entry.name}: {why}.", (entry.location,), Level.WARNING)
    return told(Status.MISNAMED, why, finding)


def _measured(location: str, entry: Entry) -> Fingerprint | str:
    """What a location measures today, or a clause that says why it cannot be read."""
    try:
        return fingerprint(read_artifact(open_source(location)), entry.name, light=light_code(entry.fingerprint.code))
    except ForebearError as error:
        return error.message


def _whose(entry: Entry, index: Index, found: Fingerprint) -> tuple[bool, str]:
    """Whether the stored code is exactly another entry's; and whose code and weights they are, in brackets."""
    said = []
    stored = [
        hit.name
        for hit in index.search(entry.fingerprint.code, 5)
        if hit.name != entry.name and hit.n and hit.agree == hit.n
    ]
    if stored:
        said.append(f"the stored code is that of {stored[0]}")
    if there := [name for name in index.holding(found.digest) if name != entry.name]:
        said.append(f"the weights there are those of {there[0]}")
    return bool(stored), f" ({'; '.join(said)})" if said else ""


def pinned(location: str) -> bool:
    """Whether a location names a commit, which cannot change, and not a branch or a folder."""
    return location.startswith("hf:") and bool(_COMMIT.fullmatch(location.rpartition("@")[2]))


def same_code(one: SignCode, two: SignCode) -> bool:
    """Whether two codes are equal in everything that a search or a comparison looks at."""
    return (
        np.array_equal(one.bits & one.valid, two.bits & two.valid)
        and np.array_equal(one.valid, two.valid)
        and (one.layers, one.groups, one.keyed_by) == (two.layers, two.groups, two.keyed_by)
        and np.array_equal(one.signature, two.signature, equal_nan=True)
    )


def _mismatch(entry: Entry, why: str, level: Level = Level.ERROR) -> Finding:
    return raise_finding("fingerprint-mismatch", f"{entry.name}: {why}.", (entry.location,), level)


def _changed(entry: Entry, why: str) -> Finding:
    return raise_finding("fingerprint-mismatch", f"{entry.name}: {why}.", (entry.location,), Level.NOTE)
