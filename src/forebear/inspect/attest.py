"""Attest what documents say about a model, and put all of it into a bundle that a third party can check."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from forebear.attest.bundle import ATTESTATIONS, BOM, FINGERPRINTS, RESULTS, Contents, write_bundle
from forebear.attest.documents import canonical, load_object, read_file
from forebear.attest.dsse import read_envelope, sign
from forebear.attest.fingerprints import Mark, mark_of, to_document
from forebear.attest.included import INCLUDED
from forebear.attest.lineage import SOURCES, lineage_statement
from forebear.attest.oms import SIGNATURE, check_files, read_manifest
from forebear.attest.statements import FILE, ROOT, Statement, Subject, bom_statement, read_statement, svr_statement
from forebear.bom.checks import CheckStatus
from forebear.errors import ForebearError, InputError, UsageError, one_line
from forebear.index import Index, open_index
from forebear.inspect.enrol import fingerprint
from forebear.inspect.sign import Credentials
from forebear.inspect.subjects import contradicted, files_of, local, manifest_of
from forebear.types import Json, head

Step = Callable[[str], None]
UNBOUND = "no model was given: the statement is about the document alone, and about no model's files"


@dataclass(frozen=True)
class Attested:
    """What was attested.

    Attributes:
        model: its name, "" where none was given.
        subjects: that stand for it.
        envelopes: by the path of the document that each is about.
        statements: the same, as they were signed.
        bundle: the bytes of a bundle, None where none was asked for.
        key_id: of the signer.
        included: paths of others' envelopes that the bundle holds.
        notes: what the statements do not rest on.
    """

    model: str
    subjects: tuple[Subject, ...]
    envelopes: Mapping[str, bytes] = field(repr=False)
    statements: Mapping[str, Statement] = field(repr=False)
    key_id: str = ""
    bundle: bytes | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    included: tuple[str, ...] = ()

    def to_json(self) -> Json:
        """The ``forebear.attest/1`` document."""
        return {
            **head("forebear.attest/1"),
            "model": self.model or None,
            "subjects": [{"name": s.name, "sha256": s.sha256, "of": s.of} for s in self.subjects],
            "attestations": [{"document": p, "predicate": s.predicate_type} for p, s in self.statements.items()],
            "bundle": self.bundle is not None,
            "included": list(self.included),
            "key_id": self.key_id,
            "notes": list(self.notes),
        }


def attest(
    signer: Credentials,
    target: str = "",
    bom: str = "",
    results: Sequence[str] = (),
    model_signature: str = "",
    index: Index | None = None,
    bundle: bool = False,
    on_step: Step = lambda _: None,
    include: Sequence[str] = (),
) -> Attested:
    """Sign statements about a model: a bill of materials, results, or all of it in a bundle.

    Whatever can be held against the model's files is: a document about other files is not attested.

    Args:
        signer: who attests.
        target: the model's folder or file; "" for a document about no files (a service).
        bom: path of a bill of materials.
        results: paths of results.
        model_signature: path of a ``model.sig``: statements name its root digest, and a bundle takes it in.
        index: where references' codes are found; default the one in ``FOREBEAR_HOME``.
        bundle: make one.
        on_step: told what is being done.
        include: paths of envelopes by others, which a bundle takes in as they are.

    Raises:
        UsageError: there is nothing to attest, or an envelope is to be included in no bundle.
        InputError: a document cannot be read, or is about other files than the target's.
    """
    paths = [path for path in (bom, *results) if path]
    if not paths:
        raise UsageError("nothing to attest", "give --bom BILL or --result RESULT")
    if include and not bundle:
        raise UsageError("--include is about a bundle", "make one: --bundle bundle.zip")
    others = {path: read_file(path) for path in dict.fromkeys(include)}
    raws = {path: read_file(path) for path in dict.fromkeys(paths)}
    documents = {path: load_object(raw, path) for path, raw in raws.items()}
    references = index if index is not None else open_index()
    beside = (*paths, *others)
    model, subjects, mark, signature, parts = _model(target, documents, bom, model_signature, beside, on_step)
    statements: dict[str, Statement] = {}
    for path, raw in raws.items():
        name, document = os.path.basename(path), documents[path]
        if path == bom:
            statements[path] = bom_statement(raw, document, name, subjects)
        elif document.get("schema") in SOURCES:
            statements[path] = lineage_statement(raw, document, name, subjects, _index_digest(references))
        else:
            statements[path] = svr_statement(raw, document, name, subjects)
    envelopes = {
        path: sign(made.to_bytes(), signer.key, chain=signer.chain).to_bytes() for path, made in statements.items()
    }
    notes = () if target else (UNBOUND,)
    whole = None
    if bundle:
        on_step("collecting evidence")
        marks = _marks(mark, [d for d in documents.values() if d.get("schema") in SOURCES], references)
        files = _files(raws, bom, envelopes, marks, signature)
        about = _about(others, (*subjects, *(s for made in statements.values() for s in made.subjects)), parts)
        files |= {f"{INCLUDED}statement-{k}.dsse.json": raw for k, raw in enumerate(others.values(), 1)}
        name = model or one_line(Path(paths[0]).stem, 100)
        whole = write_bundle(Contents(name, subjects, files, about), signer.key, signer.chain)
    return Attested(model, subjects, envelopes, statements, signer.key.public.id, whole, notes, tuple(others))


def _about(others: Mapping[str, bytes], known: Sequence[Subject], parts: Sequence[Subject]) -> tuple[Subject, ...]:
    """The single files of the model that envelopes of others are about; ``InputError`` for one about other bytes."""
    digests, found = {s.sha256 for s in known}, []
    for path, raw in others.items():
        subjects = {s.sha256 for s in read_statement(read_envelope(raw, path).payload, path).subjects}
        own = [part for part in parts if part.sha256 in subjects]
        if not own and not digests & subjects:
            raise InputError(f"{path}: a statement about other files and documents than these", "leave it out")
        found += own
    return tuple(dict.fromkeys(found))


def _model(
    target: str, documents: Mapping[str, Json], bom: str, signature: str, beside: Sequence[str], on_step: Step
) -> tuple[str, tuple[Subject, ...], Mark | None, bytes, tuple[Subject, ...]]:
    """Name, subjects and code of the model, its signature, its single files; every document held against it."""
    if not target:
        if signature:
            raise UsageError("--signature is about a model's files", "name the model, too")
        return "", (), None, b"", ()
    path = local(target)
    on_step(f"hashing {path.name}")
    files = files_of(target, (*beside, *([signature] if signature else [])), on_step)
    name = path.stem if path.is_file() else path.name
    subjects = [manifest_of(files, name)]
    if bom and (why := contradicted(_stated(documents[bom], bom), files)):
        raise InputError(f"{bom}: a bill of other files: {why}", "write it anew: forebear bom")
    raw = b""
    if signature:
        raw = read_file(signature)
        manifest = read_manifest(read_envelope(raw, signature), signature)
        papers = [os.path.relpath(p, path) for p in (signature, *beside)] if path.is_dir() else []
        checks = check_files(manifest, path, [p for p in papers if not p.startswith("..")])
        if wrong := next((c for c in checks if c.status is CheckStatus.FAIL), None):
            raise InputError(f"{signature}: not of these files: {wrong.message.rstrip('.')}", "sign them anew")
        subjects.append(Subject(SIGNATURE, manifest.root, ROOT))
    lineages = [(p, d) for p, d in documents.items() if d.get("schema") in SOURCES]
    mark = _mark(target, lineages, on_step) if lineages else None
    parts = tuple(Subject(f.path, f.sha256, FILE) for f in files)
    return name, tuple(subjects), mark, raw, parts


def _mark(target: str, lineages: Sequence[tuple[str, Json]], on_step: Step) -> Mark:
    """The model's code; every lineage result has to be about what it is made from."""
    on_step("reading slices")
    mark = mark_of(fingerprint(target))
    for path, document in lineages:
        about = document.get("model" if document["schema"] == "forebear.scan/1" else "b")
        if not isinstance(about, dict) or about.get("digest") != mark.digest:
            raise InputError(f"{path}: a result about another model than {target}", "make it anew: forebear scan")
    return mark


def _stated(document: Json, bom: str) -> dict[str, str]:
    """SHA-256 by path of the files that a bill lists; ``InputError`` for a bill that describes no model."""
    from forebear.bom.formats import read_bom

    reading = read_bom(document)
    if not reading.records:
        raise InputError(f"{bom}: a bill that describes no model", "write one of this model: forebear bom")
    return {f.path: h.value for f in reading.records[0].files for h in f.hashes if h.algorithm == "SHA-256"}


def _index_digest(index: Index) -> str | None:
    try:
        return index.state()
    except ForebearError:
        return None


def _marks(mark: Mark | None, documents: Sequence[Json], index: Index) -> dict[str, Mark]:
    """Codes of the model and of every reference that a result names and that is still what it was."""
    found: dict[str, Mark] = {"model": mark} if mark else {}
    for document in documents:
        listed = document.get("ancestors") if document["schema"] == "forebear.scan/1" else [document.get("a")]
        for entry in listed if isinstance(listed, list) else ():
            other = _reference(entry, index) if isinstance(entry, dict) else None
            if other is not None and all(other.digest != known.digest for known in found.values()):
                found[f"reference-{len(found):03d}"] = other
    return found


def _reference(entry: Json, index: Index) -> Mark | None:
    """A reference from the index; one of a comparison also from where it was read."""
    known = index.get(str(entry.get("name")))
    if known is not None and known.fingerprint.digest == entry.get("digest"):
        return mark_of(known.fingerprint)
    place = entry.get("target")
    if isinstance(place, str) and os.path.exists(place):
        try:
            mark = mark_of(fingerprint(place))
        except ForebearError:
            return None
        return mark if mark.digest == entry.get("digest") else None
    return None


def _files(
    raws: Mapping[str, bytes], bom: str, envelopes: Mapping[str, bytes], marks: Mapping[str, Mark], signature: bytes
) -> dict[str, bytes]:
    files: dict[str, bytes] = {f"{FINGERPRINTS}{n}.json": canonical(to_document(m)) for n, m in marks.items()}
    for path, raw in raws.items():
        stem = "bom" if path == bom else _stem(raw, files)
        files[BOM if path == bom else f"{RESULTS}{stem}.json"] = raw
        files[f"{ATTESTATIONS}{stem}.dsse.json"] = envelopes[path]
    return {**files, SIGNATURE: signature} if signature else files


def _stem(raw: bytes, taken: Mapping[str, bytes]) -> str:
    """``scan`` for the first scan, ``scan-2`` for the next: names of files may say more than a reader should know."""
    kind = str(load_object(raw, "result").get("schema", "")).removeprefix("forebear.").partition("/")[0] or "result"
    kind = "".join(ch for ch in kind if ch.isascii() and (ch.isalnum() or ch == "-"))[:40] or "result"
    names = (kind, *(f"{kind}-{k}" for k in range(2, 1_000)))
    return next(n for n in names if f"{RESULTS}{n}.json" not in taken)
