"""Statements of others in a bundle: a vendor's own envelope, taken in as it is and told as theirs.

Whoever makes a bundle vouches that the envelope is the one that was handed over, and for nothing that it says. Its
signature is verified at replay with its signer's key; without that key it stays open, since nobody can tell an unknown
signer from a forger.
"""

from __future__ import annotations

from dataclasses import dataclass

from forebear.attest.certificates import Certified, certified
from forebear.attest.dsse import Envelope, Standing, check, read_envelope
from forebear.attest.statements import BOMS, MODEL, Statement, read_statement, says
from forebear.attest.trust import Signed, Signer, Trust, signed
from forebear.bom.checks import Check, CheckStatus
from forebear.errors import FormatError, one_line

INCLUDED = "included/"


@dataclass(frozen=True)
class Included:
    """What became of one envelope: checks, signers of valid signatures, and what it says, in words, as theirs."""

    checks: tuple[Check, ...]
    signers: tuple[Signer, ...] = ()
    says: tuple[str, ...] = ()


def shares(statement: Statement, outer: Statement) -> bool:
    """Whether both are about some bytes with one SHA-256."""
    return bool({s.sha256 for s in statement.subjects} & {s.sha256 for s in outer.subjects})


def verify_included(path: str, raw: bytes, outer: Statement, trust: Trust) -> Included:
    """An envelope of somebody else against the bundle that holds it.

    Args:
        path: in the bundle.
        raw: the envelope.
        outer: the statement over the whole bundle.
        trust: whom the reader trusts; the signer's key has to be among them.
    """
    try:
        envelope = read_envelope(raw, path)
        statement = read_statement(envelope.payload, path)
    except FormatError as error:
        return Included((Check(path, CheckStatus.FAIL, f"{error}."),))
    own = _signed(envelope, trust, path)
    name = f"{path}/subject"
    if shares(statement, outer):
        about = Check(name, CheckStatus.PASS, f"{path} is about files or documents of this bundle.")
    else:
        about = Check(name, CheckStatus.FAIL, f"{path} is about no file and no document of this bundle.")
    told = _told(statement, own) if own.valid and about.status is CheckStatus.PASS else ()
    return Included((*own.checks, about), own.signers, told)


def _signed(envelope: Envelope, trust: Trust, path: str) -> Signed:
    """The signatures; one by a key that was not given is open, for the reader may not know the signer."""
    known = [r for r in check(envelope, trust.keys) if r.standing is not Standing.UNKNOWN]
    led = isinstance(certified(envelope.chain, trust.roots, trust.at), Certified) if envelope.chain else False
    if trust.empty or known or envelope.keyless or led:
        return signed(envelope, trust, path)
    why = f"{path} is by a key that was not given: its signer's key verifies it."
    return Signed((Check(path, CheckStatus.UNKNOWN, why),))


def _told(statement: Statement, own: Signed) -> tuple[str, ...]:
    signer = own.signers[0]
    who = signer.name or (f"key {signer.key.id[:16]}…" if signer.key else "a key")
    kinds = {**dict.fromkeys(BOMS, "a bill of materials"), MODEL: "a signature of the model's files"}
    kind = kinds.get(statement.predicate_type, one_line(statement.predicate_type, 100))
    lines = says(statement) or (kind,)
    return tuple(f"said by {one_line(who, 120)}, not by who made this bundle: {line}" for line in lines)
