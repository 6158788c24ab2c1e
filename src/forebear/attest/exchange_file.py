"""An exchange file: many models of an index in one file, that says what it is, is whole or refused, and can be signed.

    forebear-index/1          one line, with the version of the format
    E entry                   one for each model, by name; see :mod:`forebear.attest.exchange`
    F foot                    how many there are, and the SHA-256 of all before it
    S signature               optional: an envelope (DSSE) over the SHA-256 of all before it

Each part is a letter, its length in four bytes (big-endian), and its bytes; nothing follows the last. It is written in
one go and read twice: first all of it is checked, then it is taken over in stretches whose digests the first reading
kept. So memory is bounded by one stretch, and of a file that is damaged anywhere nothing is taken.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from forebear.attest.documents import canonical, load_object, only_keys
from forebear.attest.documents import sha256 as digest_of
from forebear.attest.dsse import Envelope, read_envelope, sign
from forebear.attest.exchange import MAX_RECORD, from_record
from forebear.attest.keys import PrivateKey
from forebear.attest.statements import DOCUMENT, EXCHANGED, Statement, Subject, read_statement
from forebear.attest.trust import Signed, Trust, signed
from forebear.bom.checks import Check, CheckStatus
from forebear.errors import FormatError, InputError, UsageError
from forebear.index import Entry
from forebear.version import __version__

FORMAT = 1
MAGIC = b"forebear-index/%d\n" % FORMAT
ENTRY, FOOT, SIGNATURE = b"E", b"F", b"S"
LIMITS = {ENTRY: MAX_RECORD, FOOT: 4_000, SIGNATURE: 200_000}
STRETCH = 256
"""Entries that are taken over at a time."""
NAME = "entries"
"""What the signed statement calls everything before the signature."""


@dataclass(frozen=True)
class Sheet:
    """What the first reading of a file found.

    Attributes:
        sha256: of the whole file, as ``sha256sum`` gives it.
        body: SHA-256 of everything before the signature, which is what is signed.
        entries: how many.
        envelope: the signature, None where it has none.
        stretches: SHA-256 of each :data:`STRETCH` records, for the second reading.
    """

    sha256: str
    body: str
    entries: int
    envelope: Envelope | None
    stretches: tuple[bytes, ...]


def pieces(records: Iterable[bytes], key: PrivateKey | None = None, chain: tuple[bytes, ...] = ()) -> Iterator[bytes]:
    """An exchange file, piece by piece; equal records give equal bytes, signed with one key too.

    Args:
        records: see :func:`forebear.attest.exchange.to_record`, by name.
        key: to sign with, None for a file without signature.
        chain: certificates (DER) of the key, the signer's first.
    """
    digest = sha256()

    def told(piece: bytes) -> bytes:
        digest.update(piece)
        return piece

    yield told(MAGIC)
    count = 0
    for count, record in enumerate(records, 1):  # noqa: B007  (the number of the last one is what is wanted)
        yield told(_part(ENTRY, record))
    yield told(_part(FOOT, _foot(count, digest.hexdigest())))
    if key is not None:
        predicate = {
            "format": FORMAT,
            "entries": count,
            "chain": [digest_of(der) for der in chain],
            "tool": {"name": "forebear", "version": __version__},
        }
        statement = Statement((Subject(NAME, digest.hexdigest(), DOCUMENT),), EXCHANGED, predicate)
        yield _part(SIGNATURE, sign(statement.to_bytes(), key, chain=chain).to_bytes())


def survey(path: Path, see: Callable[[Entry], None]) -> Sheet:
    """Read all of a file and check everything that can be checked without a key.

    Args:
        path: of the file.
        see: told every entry; its codes' own faults are not known yet.

    Raises:
        UsageError: there is no such file.
        InputError: it cannot be read.
        FormatError: it is none, damaged, cut off, or of another version.
    """
    name, whole, body, stretch = path.name, sha256(MAGIC), sha256(MAGIC), sha256()
    stretches: list[bytes] = []
    before, count, foot, envelope = "", 0, False, None
    with _opened(path) as stream:
        for kind, payload in _parts(stream, name):
            if envelope is not None or (foot and kind != SIGNATURE):
                raise FormatError(name, "something stands behind its end")
            part = _part(kind, payload)
            if kind == ENTRY:
                count += 1
                entry = from_record(payload, name, count)
                if entry.name <= before:
                    raise FormatError(name, f"entry {count:,} ({entry.name}) is there twice, or out of order")
                before = entry.name
                see(entry)
                stretch.update(payload)
                if count % STRETCH == 0:
                    stretches.append(stretch.digest())
                    stretch = sha256()
            elif kind == FOOT:
                if payload != _foot(count, body.hexdigest()):
                    raise FormatError(name, _unlike(payload, name, count))
                foot = True
            elif not foot:
                raise FormatError(name, "a signature before its end")
            else:
                envelope = read_envelope(payload, name)
                if envelope.to_bytes() != payload:
                    raise FormatError(name, "its signature is not in the form in which one is written")
            whole.update(part)
            if envelope is None:
                body.update(part)
    if not foot:
        raise FormatError(name, f"cut off after {count:,} entries", "get the whole file again")
    if count % STRETCH:
        stretches.append(stretch.digest())
    return Sheet(whole.hexdigest(), body.hexdigest(), count, envelope, tuple(stretches))


def stretches(path: Path, sheet: Sheet) -> Iterator[tuple[Entry, ...]]:
    """The entries of a file that :func:`survey` has read, some hundreds at a time.

    Raises:
        InputError: it cannot be read any more, or is no longer what it was; what was given before is as it was.
    """
    name = path.name
    changed = InputError(f"{name}: changed while it was read", "copy it to a place where nobody writes, and try again")
    expected = iter(sheet.stretches)
    with _opened(path) as stream:
        batch: list[bytes] = []
        given = 0
        for kind, payload in _parts(stream, name):
            if kind == ENTRY:
                batch.append(payload)
            if batch and (len(batch) == STRETCH or kind != ENTRY):
                if sha256(b"".join(batch)).digest() != next(expected, b""):
                    raise changed
                yield tuple(from_record(raw, name, given + k) for k, raw in enumerate(batch, 1))
                given += len(batch)
                batch = []
        if given != sheet.entries:
            raise changed


def vouched(sheet: Sheet, trust: Trust, name: str) -> Signed:
    """The signature of a file that has one, against whom the reader trusts; every check, and who signed.

    It has to be of this file, to be a statement of this kind, and to stand there in the one form that is written: a
    signature with a second spelling would give one content two digests.

    Raises:
        FormatError: what was signed is no statement.
    """
    assert sheet.envelope is not None
    envelope = sheet.envelope
    own = signed(envelope, trust)
    checks = [*own.checks]
    statement = read_statement(envelope.payload, name)
    subject = (Subject(NAME, sheet.body, DOCUMENT),)
    if statement.predicate_type != EXCHANGED or statement.subjects != subject:
        checks.append(Check("signature", CheckStatus.FAIL, "What is signed is not this file."))
    predicate = statement.predicate
    if predicate.get("entries") != sheet.entries or predicate.get("format") != FORMAT:
        checks.append(Check("signature", CheckStatus.FAIL, "What is signed says otherwise how many entries there are."))
    key = own.signers[0].key if own.valid else None
    if key is not None and len(envelope.signatures) == 1:
        one = envelope.signatures[0]
        plain = one.keyid == key.id and key.plain(one.sig)
        if not plain or predicate.get("chain") != [digest_of(der) for der in envelope.chain]:
            checks.append(Check("signature", CheckStatus.FAIL, "Its signature is not as it was written."))
    return Signed(tuple(checks), own.signers)


def _part(kind: bytes, payload: bytes) -> bytes:
    return kind + len(payload).to_bytes(4, "big") + payload


def _foot(count: int, digest: str) -> bytes:
    return canonical({"entries": count, "sha256": digest})


def _unlike(payload: bytes, name: str, count: int) -> str:
    """Why a foot is not the one that belongs to what stands before it."""
    data = load_object(payload, name, "foot")
    only_keys(data, ("entries", "sha256"), name, "the foot")
    if data.get("entries") != count:
        return f"{count:,} entries, where its foot says {str(data.get('entries'))[:20]}"
    return "its entries are not those that its foot was written for: it was altered or damaged"


def _opened(path: Path) -> BinaryIO:
    """The file, behind its first line."""
    try:
        if not os.path.lexists(path):
            raise UsageError(f"{path}: no such file", "forebear index export writes one")
        if not path.is_file():
            raise InputError(f"{path}: no regular file")
        stream = open(path, "rb")  # noqa: SIM115  (the callers close it)
        first = stream.read(len(MAGIC))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if first != MAGIC:
        stream.close()
        version = first.removeprefix(b"forebear-index/").split(b"\n")[0]
        if first.startswith(b"forebear-index/") and version.isdigit():
            known = f"its format has version {version.decode()}, this Forebear reads version {FORMAT}"
            raise FormatError(path.name, known, "upgrade Forebear")
        raise FormatError(path.name, "no exchange file of an index", "forebear index export writes one")
    return stream


def _parts(stream: BinaryIO, name: str) -> Iterator[tuple[bytes, bytes]]:
    """The parts of a file, each as its letter and its bytes; no length is believed before it is checked."""
    while True:
        head = _read(stream, 5, name)
        if not head:
            return
        kind, size = head[:1], int.from_bytes(head[1:], "big")
        if len(head) < 5:
            raise _cut(name)
        if kind not in LIMITS:
            raise FormatError(name, "damaged: a part of a kind that is not known")
        if size > LIMITS[kind]:
            raise FormatError(name, f"damaged: a part of {size:,} bytes, at most {LIMITS[kind]:,} can be right")
        payload = _read(stream, size, name)
        if len(payload) < size:
            raise _cut(name)
        yield kind, payload


def _read(stream: BinaryIO, size: int, name: str) -> bytes:
    try:
        return stream.read(size)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror})") from None


def _cut(name: str) -> FormatError:
    return FormatError(name, "cut off in the middle of a part", "get the whole file again")


def signer_words(found: Signed) -> str:
    """Who signed, in words for a record."""
    one: Any = found.signers[0]
    return one.name or f"key {one.key.id[:16]}"
