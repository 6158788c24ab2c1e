"""Whom a reader trusts, and what that makes of the signatures of an envelope."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from forebear.attest.certificates import certified, load_chain
from forebear.attest.documents import read_file
from forebear.attest.dsse import IN_TOTO, Checked, Envelope, Standing, check
from forebear.attest.keys import PublicKey, read_public
from forebear.bom.checks import Check, CheckStatus
from forebear.errors import UsageError, one_line
from forebear.types import Json

UNTRUSTED = "No key and no authority was given to verify with."


@dataclass(frozen=True)
class Trust:
    """Whom the reader trusts.

    Attributes:
        keys: public keys.
        roots: certificates (DER) of authorities.
        at: when certificates have to be valid.
        identity, issuer: the signer that Sigstore's service has to name, and who vouched for it; "" for none.
    """

    keys: tuple[PublicKey, ...] = ()
    roots: tuple[bytes, ...] = ()
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    identity: str = ""
    issuer: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to decide by."""
        return not (self.keys or self.roots or self.identity)


def trust_in(
    keys: Sequence[str | Path] = (),
    authorities: Sequence[str | Path] = (),
    at: str = "",
    identity: str = "",
    issuer: str = "",
) -> Trust:
    """Whom to trust, from files.

    Args:
        keys: public keys (PEM).
        authorities: certificates of authorities (PEM).
        at: RFC 3339 time at which certificates have to be valid; default now.
        identity, issuer: for signatures by Sigstore's service; both or neither.

    Raises:
        UsageError: a file is not what it should be, or the time is none.
    """
    if bool(identity) != bool(issuer):
        raise UsageError("--identity and --issuer belong together", "who signed, and who vouches for that")
    try:
        moment = datetime.fromisoformat(at) if at else datetime.now(UTC)
    except ValueError:
        raise UsageError(f"--at {at}: no time", "write it like 2026-11-29T12:00:00Z") from None
    roots = tuple(der for path in authorities for der in load_chain(read_file(path), os.path.basename(path)))
    return Trust(read_public(keys), roots, moment if moment.tzinfo else moment.replace(tzinfo=UTC), identity, issuer)


@dataclass(frozen=True)
class Signer:
    """By whom a valid signature is: the key (None: Sigstore's service signed), and who a certificate says it is."""

    key: PublicKey | None
    name: str = ""

    def to_json(self) -> Json:
        """For documents."""
        key = self.key
        return {"key_id": key.id if key else None, "curve": key.curve if key else None, "name": self.name}


@dataclass(frozen=True)
class Signed:
    """The signatures of an envelope, as checks, and the signers of the valid ones."""

    checks: tuple[Check, ...]
    signers: tuple[Signer, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether every signature is valid."""
        return bool(self.signers) and all(c.status is CheckStatus.PASS for c in self.checks)


def signed(envelope: Envelope, trust: Trust, identifier: str = "signature") -> Signed:
    """Every signature of an envelope against whom the reader trusts.

    One that is by no given key fails where no other is valid. Beside a valid one it is unknown: it may be a second
    signer's, whose key the reader did not give, and nothing says that it is.
    """
    if trust.empty:
        return Signed((Check(identifier, CheckStatus.UNKNOWN, UNTRUSTED),))
    if envelope.payload_type != IN_TOTO:
        kind = one_line(envelope.payload_type, 80)
        return Signed((Check(identifier, CheckStatus.FAIL, f"Its payload is no in-toto statement ({kind})."),))
    if envelope.keyless:
        why = "It says that Sigstore's service signed it: --identity and --issuer, and the network, verify that."
        return Signed((Check(identifier, CheckStatus.UNKNOWN, why),))
    keys, name = list(trust.keys), ""
    if envelope.chain and trust.roots:
        found = certified(envelope.chain, trust.roots, trust.at)
        if isinstance(found, str):
            return Signed((Check(identifier, CheckStatus.FAIL, f"{found[:1].upper()}{found[1:]}."),))
        keys, name = [found.key], found.name
    elif not keys:
        why = "It carries no certificate that an authority could vouch for; give the signer's key."
        return Signed((Check(identifier, CheckStatus.UNKNOWN, why),))
    results = check(envelope, keys)
    any_valid = any(r.standing is Standing.VALID for r in results)
    checks = [_check(r, k, len(results), any_valid, name, identifier) for k, r in enumerate(results)]
    signers = tuple(Signer(r.key, name) for r in results if r.key and r.standing is Standing.VALID)
    used = next((r.key for r in results if r.key and r.standing is Standing.VALID), None)
    if envelope.hint and used is not None and envelope.hint != hashlib.sha256(used.pem).hexdigest():
        checks.append(Check(identifier, CheckStatus.FAIL, "Its key hint, which is not signed, names another key."))
    return Signed(tuple(checks), signers)


def _check(result: Checked, number: int, total: int, any_valid: bool, name: str, identifier: str) -> Check:
    which = "The signature" if total == 1 else f"Signature {number + 1} of {total}"
    if result.standing is Standing.VALID and result.key is not None:
        whose = name or f"key {result.key.id[:16]}… ({result.key.curve})"
        return Check(identifier, CheckStatus.PASS, f"{which} is by {whose}.")
    if result.standing is Standing.BAD and result.key is not None:
        why = f"{which} names key {result.key.id[:16]}… and is not by it: it, or what it signs, was altered."
        return Check(identifier, CheckStatus.FAIL, why)
    if any_valid:
        return Check(identifier, CheckStatus.UNKNOWN, f"{which} is by a key that was not given.")
    return Check(identifier, CheckStatus.FAIL, f"{which} is by none of the given keys, or what it signs was altered.")


class Verdict:
    """What all checks of a signature come to: the values of ``verdict`` in ``forebear.verify/1``."""

    VERIFIED, FAILED, INCONCLUSIVE = "verified", "failed", "inconclusive"


EXITS = {Verdict.VERIFIED: 0, Verdict.FAILED: 1, Verdict.INCONCLUSIVE: 3}


def verdict(checks: Iterable[Check], signers: Iterable[Signer]) -> str:
    """Failed where a check fails; verified where somebody signed and nothing is unknown; else inconclusive."""
    states = {c.status for c in checks}
    if CheckStatus.FAIL in states:
        return Verdict.FAILED
    return Verdict.VERIFIED if tuple(signers) and CheckStatus.UNKNOWN not in states else Verdict.INCONCLUSIVE
