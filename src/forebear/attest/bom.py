"""A signed document against its envelope: a bill of materials, a result."""

from __future__ import annotations

from collections.abc import Sequence

from forebear.artifacts.text import load_json
from forebear.attest.documents import canonical, sha256
from forebear.attest.dsse import read_envelope
from forebear.attest.keys import load_public
from forebear.attest.statements import BOMS, DOCUMENT, Statement, read_statement
from forebear.attest.trust import Trust, signed
from forebear.bom.checks import Check, CheckStatus
from forebear.errors import InputError, one_line


def check_bom_signature(bom: bytes, envelope: bytes, keys: Sequence[bytes]) -> tuple[Check, ...]:
    """A bill of materials against a DSSE envelope that is said to sign it.

    Args:
        bom: the bill's bytes, as they are in the file.
        envelope: a DSSE v1 envelope with an in-toto statement.
        keys: public keys in PEM; without one nothing is decided.

    Returns:
        ``signature`` (one for each), ``signature/predicate`` and ``signature/subject``.

    Raises:
        UsageError: a key is no public key.
        MissingExtra: the extra ``[sign]`` is not installed.
    """
    trusted = tuple(load_public(key, "the key") for key in keys)
    try:
        read = read_envelope(envelope, "the signature")
        statement = read_statement(read.payload, "the signature")
    except InputError as error:
        return (Check("signature", CheckStatus.FAIL, f"{error}."),)
    return (*signed(read, Trust(trusted)).checks, *check_bom(bom, statement))


def check_bom(bom: bytes, statement: Statement, identifier: str = "signature") -> tuple[Check, ...]:
    """Whether a statement holds this very bill, and is about its very bytes."""
    if statement.predicate_type not in BOMS:
        kind = one_line(statement.predicate_type, 80)
        message = f"The statement holds no bill of materials ({kind})."
        return (Check(f"{identifier}/predicate", CheckStatus.FAIL, message),)
    try:
        same = canonical(load_json(bom, "the bill", "file")) == canonical(statement.predicate)
    except InputError:
        same = False
    if not same:
        message = "The bill that was signed is another one: it was altered, or the signature belongs to another."
        return (Check(f"{identifier}/predicate", CheckStatus.FAIL, message),)
    inside = Check(f"{identifier}/predicate", CheckStatus.PASS, "The bill that was signed is this one.")
    return inside, check_document(bom, statement, identifier, bound_otherwise=True)


def check_document(
    raw: bytes, statement: Statement, identifier: str = "signature", bound_otherwise: bool = False
) -> Check:
    """Whether a statement is about these very bytes.

    Args:
        raw: of the document.
        statement: as signed.
        identifier: prefix of the check.
        bound_otherwise: its content is in the statement, too: then subjects need not name the bytes, as other
            programs' statements do not; but where they name a document's bytes, it has to be this one.
    """
    name = f"{identifier}/subject"
    if statement.about(sha256(raw)):
        return Check(name, CheckStatus.PASS, "The statement is about these very bytes.")
    if bound_otherwise and not statement.digests(DOCUMENT):
        return Check(name, CheckStatus.NOT_APPLICABLE, "The statement holds the document and does not name its bytes.")
    return Check(name, CheckStatus.FAIL, "The statement is about another document than this one.")
