"""An index, or a part of it, as one file for others; and such a file taken into an index."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from forebear.attest.exchange import Terms, from_record, public, settled, to_record, withheld
from forebear.attest.exchange_file import Sheet, pieces, signer_words, stretches, survey, vouched
from forebear.attest.fingerprints import patterned
from forebear.attest.trust import Signed, Trust
from forebear.bom.checks import CheckStatus
from forebear.errors import FormatError, InputError, UsageError
from forebear.index import Addition, Entry, Index, Provenance
from forebear.inspect.sign import Credentials
from forebear.signals import Fingerprint
from forebear.types import Json, head

MOST_LISTED = 1_000
"""Names that a document lists; counts are of all."""


@dataclass(frozen=True)
class Asked:
    """Which entries are written.

    Attributes:
        only: names, empty for all.
        family: architecture family, "" for all.
        private: guarded models too.
        terms: what of each.
    """

    only: tuple[str, ...] = ()
    family: str = ""
    private: bool = False
    terms: Terms = field(default_factory=Terms)


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        file: where.
        entries: how many.
        sha256: of the file.
        key_id: of the signer, "" for none.
        private: guarded models that were left out.
        withheld: entries whose location was left out, because it is one of this machine or an address.
        imported: entries that were themselves taken from somebody's file.
        unwritable: entries that hold what the format does not, and were left out.
    """

    file: str
    entries: int
    sha256: str
    key_id: str = ""
    private: int = 0
    withheld: int = 0
    imported: int = 0
    unwritable: tuple[str, ...] = ()

    def to_json(self) -> Json:
        """The ``forebear.index-export/1`` document."""
        return {
            **head("forebear.index-export/1"),
            "file": self.file,
            "entries": self.entries,
            "sha256": self.sha256,
            "key_id": self.key_id or None,
            "private_left_out": self.private,
            "locations_left_out": self.withheld,
            "imported": self.imported,
            "unwritable": list(self.unwritable[:MOST_LISTED]),
        }


@dataclass
class _Tally:
    entries: int = 0
    private: int = 0
    withheld: int = 0
    imported: int = 0
    unwritable: list[str] = field(default_factory=list)


def export_index(index: Index, file: Path, asked: Asked | None = None, signer: Credentials | None = None) -> Exported:
    """Write entries of an index to one file, whole or not at all; equal entries give an equal file.

    Raises:
        UsageError: a name is not in the index or is a guarded model's, there is nothing to write, or the file cannot
            be written.
        IndexError_: the index is damaged.
    """
    asked = asked or Asked()
    for name in asked.only:
        entry = index.get(name)
        if entry is None:
            raise UsageError(f"{name} is not in the index", "see forebear index list")
        if is_private(entry) and not asked.private:
            raise UsageError(f"{name} is private: it is not exported", "--include-private writes it too")
    tally, digest = _Tally(), sha256()
    key, chain = (signer.key, signer.chain) if signer is not None else (None, ())
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as stream:
            for piece in pieces(_records(index, asked, tally), key, chain):
                stream.write(piece)
                digest.update(piece)
        if not tally.entries:
            why = f"{tally.private:,} private ones were left out" if tally.private else "see forebear index list"
            raise UsageError("there is nothing to export", why)
        temporary.replace(file)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", "choose a file that can be written") from None
    finally:
        temporary.unlink(missing_ok=True)
    return Exported(
        str(file),
        tally.entries,
        digest.hexdigest(),
        signer.key.public.id if signer is not None else "",
        tally.private,
        tally.withheld,
        tally.imported,
        tuple(tally.unwritable),
    )


def _records(index: Index, asked: Asked, tally: _Tally) -> Iterator[bytes]:
    names: Iterator[str] = iter(sorted(set(asked.only))) if asked.only else (e.name for e in index.entries())
    for name in names:
        entry = index.get(name)
        if entry is None or (asked.family and entry.fingerprint.shape.get("family") != asked.family):
            continue  # the first: another process removed it meanwhile
        if is_private(entry) and not asked.private:
            tally.private += 1
            continue
        try:
            record = to_record(entry, asked.terms)
            from_record(record, name, 1)  # what no reader would take is not written
        except (FormatError, ValueError, TypeError):
            tally.unwritable.append(name)
            continue
        tally.entries += 1
        tally.withheld += withheld(entry, asked.terms)
        tally.imported += bool(entry.provenance and entry.provenance.origin)
        yield record


def is_private(entry: Entry) -> bool:
    """Whether an entry is a guarded model's."""
    return entry.provenance is not None and entry.provenance.private


@dataclass(frozen=True)
class Conflict:
    """An entry of a file that contradicts one of the index of the same name, and what they differ in.

    Attributes:
        name: of both.
        why: a clause.
        private: whether the index's is private, and no file takes its place.
    """

    name: str
    why: str
    private: bool = False


@dataclass(frozen=True)
class Imported:
    """What became of a file.

    Attributes:
        file: its name.
        sheet: what its first reading found.
        signature: ``verified`` or ``unchecked`` (unsigned, or signed and no key was given, and taken all the same).
        signer: who signed, in words, "" where that was not verified.
        added, replaced, there: names that came in, that took an older one's place, that were there already.
        conflicts: entries that were refused.
        dry: whether nothing was written.
    """

    file: str
    sheet: Sheet
    signature: str
    signer: str
    added: tuple[str, ...]
    replaced: tuple[str, ...]
    there: int
    conflicts: tuple[Conflict, ...]
    dry: bool

    def to_json(self) -> Json:
        """The ``forebear.index-import/1`` document."""
        return {
            **head("forebear.index-import/1"),
            "file": self.file,
            "sha256": self.sheet.sha256,
            "entries": self.sheet.entries,
            "signature": self.signature,
            "signer": self.signer or None,
            "dry_run": self.dry,
            "added": len(self.added),
            "replaced": len(self.replaced),
            "already_there": self.there,
            "refused": len(self.conflicts),
            "names": list(self.added[:MOST_LISTED]),
            "replaced_names": list(self.replaced[:MOST_LISTED]),
            "conflicts": [{"name": c.name, "why": c.why} for c in self.conflicts[:MOST_LISTED]],
        }


def import_index(
    index: Index,
    file: Path,
    trust: Trust,
    unsigned: bool = False,
    replace_: bool = False,
    dry: bool = False,
    paths: bool = False,
) -> Imported:
    """Take the entries of an exchange file into an index.

    The whole file is checked before anything is taken, so of a damaged or altered one nothing is. Then entries are
    added some hundreds in one transaction; who interrupts that, imports again. An entry that is there already stays as
    it is, with its own provenance: what was measured here is worth more than somebody's word.

    Args:
        index: that it goes into.
        file: an exchange file.
        trust: keys that may have signed it.
        unsigned: take it although nobody whom ``trust`` knows vouches for it.
        replace_: entries of the file take the place of others of the same name.
        dry: only say what would happen.
        paths: keep locations that are no repository of a hub.

    Raises:
        UsageError: there is no such file, or nobody vouches for it and that was not accepted.
        InputError: it cannot be read, is damaged, or is not signed by whom the reader trusts.
    """
    new: set[str] = set()
    old: set[str] = set()
    there, conflicts = 0, []
    empty = index.count() == 0

    def see(entry: Entry) -> None:
        nonlocal there
        have = None if empty else index.get(entry.name)
        if have is None:
            new.add(entry.name)
        elif not (why := _differing(have, entry)):
            there += 1
        elif replace_ and not is_private(have):
            old.add(entry.name)
        else:
            kept = is_private(have)
            conflicts.append(Conflict(entry.name, f"{why}; the other is private" if kept else why, kept))

    sheet = survey(file, see)
    signature, signer = _vouched(sheet, trust, unsigned, file.name)
    if not dry:
        for batch in stretches(file, sheet):
            wanted = [settled(e) for e in batch if e.name in new or e.name in old]
            for names in (new, old):  # what is new stays refused where another process took its name meanwhile
                some = [_addition(e, sheet, signer, paths) for e in wanted if e.name in names]
                if some:
                    index.add_many(some, names is old)
    return Imported(
        str(file),
        sheet,
        signature,
        signer,
        tuple(sorted(new)),
        tuple(sorted(old)),
        there,
        tuple(conflicts),
        dry,
    )


def _differing(have: Entry, entry: Entry) -> str:
    """In what an entry of a file contradicts one of the index; "" where both are the same measurement."""
    ours, theirs = have.fingerprint, entry.fingerprint
    if ours.digest != theirs.digest:
        return "the index has another model of this name"
    same = np.array_equal(ours.code.valid, theirs.code.valid)
    same = same and np.array_equal(ours.code.bits & ours.code.valid, theirs.code.bits & theirs.code.valid)
    if not same:
        return "the index has the same digest with another code: one of the two is not of those bytes"
    if not _patterns(theirs) <= _patterns(ours):
        return "the file says that its rows follow a pattern, so that it is not relied on; the index does not"
    return ""


def _patterns(mark: Fingerprint) -> frozenset[tuple[str, str]]:
    """What is told of a model's rows, by tower."""
    codes = (("", mark.code), *((tower.component, tower.code) for tower in mark.towers))
    return frozenset((part, why) for part, code in codes for why in patterned(code).get("patterns", ()))


def _addition(entry: Entry, sheet: Sheet, signer: str, paths: bool) -> Addition:
    """As it is kept: who measured it is the file's word, and the file is named by its digest."""
    told = entry.provenance or Provenance()
    location = entry.location if paths or public(entry.location) else ""
    mark = replace(entry.fingerprint, target=location)
    return Addition(mark, location, replace(told, by=told.by or signer, origin=f"sha256:{sheet.sha256}"))


def _vouched(sheet: Sheet, trust: Trust, unsigned: bool, name: str) -> tuple[str, str]:
    """Whether somebody whom the reader trusts vouches for the file, and who; an error where that is not so."""
    if sheet.envelope is not None and not trust.empty:
        found = vouched(sheet, trust, name)
        if not found.valid:
            raise InputError(f"{name}: wrongly signed: {_why(found)}", "nothing was imported")
        return "verified", signer_words(found)
    if sheet.envelope is None and not trust.empty:
        raise InputError(f"{name}: not signed, though a key was given", "get the signed file, or --unsigned, no --key")
    if not unsigned:
        what = "not signed" if sheet.envelope is None else "signed, and no key was given to verify it with"
        raise UsageError(f"{name}: {what}", "--key PUBLIC verifies, --unsigned takes it on nobody's word")
    return "unchecked", ""


def _why(found: Signed) -> str:
    return next((c.message for c in found.checks if c.status is not CheckStatus.PASS), "no valid signature")


def is_guarded(entry: Entry) -> bool:
    """Whether an entry is a model that is guarded here.

    An imported one can be private too, on somebody's word: whoever wrote the file must not choose what a watch passes
    over, what it asks about in our name, or what it pays for.
    """
    return entry.provenance is not None and entry.provenance.private and not entry.provenance.origin


def guarded_names(index: Index) -> Collection[str]:
    """Names of the models that are guarded here."""
    return tuple(entry.name for entry in index.entries() if is_guarded(entry))


def named_in(index: Index, names: Sequence[str]) -> tuple[str, ...]:
    """Names, each in the index; ``UsageError`` names the first that is not."""
    for name in names:
        if index.get(name) is None:
            raise UsageError(f"{name} is not in the index", "see forebear index list")
    return tuple(dict.fromkeys(names))
