"""An evidence pack of a watch, checked by whoever received it: is it whole, who signed it, do its numbers follow."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forebear.attest.documents import load_object, read_file, sha256
from forebear.attest.dsse import read_envelope
from forebear.attest.fingerprints import Mark, from_document
from forebear.attest.replay import TOLERANCE, coins
from forebear.attest.statements import DOCUMENT, PACKED, read_statement
from forebear.attest.trust import Signer, Trust, signed, verdict
from forebear.bom.checks import Check, CheckStatus
from forebear.errors import FormatError, UsageError
from forebear.inspect.watch import price
from forebear.lineage.counts import LOG10_ALPHA
from forebear.types import Json, floored, head, p_value

SCHEMA = "forebear.watch/1"
DOCUMENT_FILE, LETTER, SUMS, ENVELOPE = "watch.json", "letter.md", "SHA256SUMS", "pack.dsse.json"
FOUND, GUARDED = "fingerprint-found.json", "fingerprint-guarded.json"
MAX_FILE = 4_000_000
_SUM = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9.-]{0,99})")


@dataclass(frozen=True)
class PackCheck:
    """What checking a pack gives.

    Attributes:
        folder: of the pack.
        checks: in the order in which they were made.
        signers: of a valid signature.
    """

    folder: str
    checks: tuple[Check, ...]
    signers: tuple[Signer, ...] = ()

    @property
    def verdict(self) -> str:
        """``verified``, ``failed`` or ``inconclusive`` (whole and right, and nobody vouches for it)."""
        return verdict(self.checks, self.signers)

    def to_json(self) -> Json:
        """The ``forebear.watch-check/1`` document."""
        return {
            **head("forebear.watch-check/1"),
            "folder": self.folder,
            "verdict": self.verdict,
            "checks": [{"id": c.id, "status": c.status.value, "message": c.message} for c in self.checks],
            "signers": [s.to_json() for s in self.signers],
        }


def check_pack(folder: Path, trust: Trust) -> PackCheck:
    """Check a pack: its files, its signature, and its numbers computed again from the codes that it holds.

    Raises:
        UsageError: there is no such pack.
        InputError: a file of it cannot be read, or is damaged.
    """
    if not (folder / SUMS).is_file():
        raise UsageError(f"{folder}: no evidence pack", f"a folder with {SUMS} and {DOCUMENT_FILE}")
    sums = read_file(folder / SUMS, MAX_FILE)
    listed = _listed(sums)
    checks = [_whole(folder, listed)]
    own = [*_signature(folder, sums, listed, trust)]
    checks += [check for check, _ in own]
    signers = tuple(signer for _, found in own for signer in found)
    if not any(c.status is CheckStatus.FAIL for c in checks):
        checks += _computed(folder)
    return PackCheck(str(folder), tuple(checks), signers)


def _listed(sums: bytes) -> dict[str, str]:
    """Digests by file name; of names none leads out of the folder."""
    found: dict[str, str] = {}
    for line in sums.decode("ascii", "replace").splitlines():
        match = _SUM.fullmatch(line)
        if match is None or match[2] in found:
            raise FormatError(SUMS, "no list of digests as a pack has it")
        found[match[2]] = match[1]
    if not {DOCUMENT_FILE, LETTER, FOUND} <= set(found):
        raise FormatError(SUMS, "does not list the files of a pack")
    return found


def _whole(folder: Path, listed: dict[str, str]) -> Check:
    for name, digest in listed.items():
        if not (folder / name).is_file():
            return Check("files", CheckStatus.FAIL, f"{name} is missing.")
        if sha256(read_file(folder / name, MAX_FILE)) != digest:
            return Check("files", CheckStatus.FAIL, f"{name} is not as it was written.")
    return Check("files", CheckStatus.PASS, f"All {len(listed)} files are as they were written.")


def _signature(
    folder: Path, sums: bytes, listed: dict[str, str], trust: Trust
) -> Iterator[tuple[Check, tuple[Signer, ...]]]:
    if not (folder / ENVELOPE).is_file():
        status = CheckStatus.UNKNOWN if trust.empty else CheckStatus.FAIL
        yield Check("signature", status, "It is not signed."), ()
        return
    envelope = read_envelope(read_file(folder / ENVELOPE), ENVELOPE)
    statement = read_statement(envelope.payload, ENVELOPE)
    own = signed(envelope, trust)
    yield from ((check, ()) for check in own.checks)
    about = {s.name: s.sha256 for s in statement.subjects if s.of == DOCUMENT}
    if statement.predicate_type != PACKED or about != {**listed, SUMS: sha256(sums)}:
        yield Check("signature", CheckStatus.FAIL, "What is signed is not this pack."), ()
    elif own.valid:
        yield Check("signature", CheckStatus.PASS, "What is signed is every file of this pack."), own.signers


def _computed(folder: Path) -> Iterator[Check]:
    """The counts, the p-value and the price, from the two codes."""
    document = _read(folder / DOCUMENT_FILE)
    try:
        if document["schema"] != SCHEMA:
            raise ValueError
        found, guarded = document["found"], document["guarded"]
        evidence, told = document["evidence"][0], document["watch"]
        agree, n, log10_p = evidence["details"]["agree"], evidence["n"], float(document["log10_p"])
        paid = price(int(told["guarded_models"]), int(told["references"]))
        claimed = float(document["log10_e"])
        digests = {FOUND: found["digest"], GUARDED: guarded["digest"]}
        included = bool(guarded["code_included"])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError):
        raise FormatError(DOCUMENT_FILE, "no document of a watch") from None
    pays = told.get("paid") == paid and math.isclose(claimed, log10_p + math.log10(paid), abs_tol=TOLERANCE)
    good = pays and claimed <= LOG10_ALPHA
    said = "follows from the p-value, guarded models and entries" if good else "does not follow from what stands beside"
    yield Check("price", CheckStatus.PASS if good else CheckStatus.FAIL, f"The E-value {said}.")
    if not included:
        yield Check("codes", CheckStatus.UNKNOWN, "The guarded model's code is withheld: its digest is all there is.")
        return
    marks = {name: from_document(_read(folder / name), name) for name in (FOUND, GUARDED)}
    if any(mark.digest != digests[name] for name, mark in marks.items()):
        yield Check("codes", CheckStatus.FAIL, "The codes are of other models than the document says.")
        return
    yield _recounted(marks[GUARDED], marks[FOUND], (agree, n, log10_p))


def _recounted(guarded: Mark, found: Mark, said: tuple[Any, Any, float]) -> Check:
    counts, exact = coins(guarded, found)
    total, log10_p = counts.pooled, floored(counts.log10_p)
    words = f"{total.agree:,} of {total.n:,} signs of the two codes agree, {p_value(log10_p)}"
    same = (total.agree, total.n) == said[:2] and math.isclose(log10_p, said[2], abs_tol=TOLERANCE)
    if same and exact:
        return Check("codes", CheckStatus.PASS, f"Computed again: {words}.")
    why = "neither model can be relied on" if same else f"the document says {said[0]} of {said[1]}"
    return Check("codes", CheckStatus.FAIL, f"{words}; {why}.")


def _read(path: Path) -> dict[str, Any]:
    return load_object(read_file(path, MAX_FILE), path.name, "document")
