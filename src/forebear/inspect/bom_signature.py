"""A detached signature over a bill of materials, from the files that a user names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from forebear.bom.checks import Check, CheckStatus
from forebear.errors import UsageError
from forebear.inspect.bom_read import read_bytes

MAX_ENVELOPE = 300_000_000
"""Bytes of an envelope: it holds the bill itself, in base64."""
MAX_KEY = 1_000_000


def signature_checks(bom: bytes, signature: str | Path | None, key: str | Path | None) -> tuple[Check, ...]:
    """The checks of a signature; nothing where none is given.

    Args:
        bom: the bill's bytes.
        signature: a DSSE envelope.
        key: the public key that it has to be of, in PEM.

    Raises:
        UsageError: one of the two is missing, or no such file, or the key is none.
        InputError: a file cannot be read.
        MissingExtra: the extra ``[sign]`` is not installed.
    """
    if signature is None:
        if key is not None:
            raise UsageError("--key goes with --signature", "name the signature's file")
        return ()
    if key is None:
        raise UsageError("--signature needs --key", "name the public key that it has to be of")
    from forebear.attest import check_bom_signature

    return check_bom_signature(bom, read_bytes(signature, MAX_ENVELOPE), [read_bytes(key, MAX_KEY)])


def signature_state(checks: Sequence[Check], enveloped: bool) -> str:
    """``valid``, ``invalid``, ``unverified`` or ``none``.

    Args:
        checks: of :func:`signature_checks`.
        enveloped: the bill itself holds a signature, which nothing here verifies.
    """
    if any(c.status is CheckStatus.FAIL for c in checks):
        return "invalid"
    if checks and all(c.status is CheckStatus.PASS for c in checks):
        return "valid"
    return "unverified" if checks or enveloped else "none"
