"""Does a bill of materials say the truth? The document, the files, the lineage and the signature, put together."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.documents import read_documents
from forebear.bom.check import check_document
from forebear.bom.checks import Check, CheckStatus
from forebear.bom.reading import Reading
from forebear.bom.record import Record
from forebear.bom.verification import ClaimResult, Verification
from forebear.errors import InputError, UsageError, one_line
from forebear.index import Index, open_index
from forebear.inspect import (
    bom_verify_elsewhere as elsewhere,
)
from forebear.inspect import (
    bom_verify_facts,
    bom_verify_files,
    bom_verify_licences,
    bom_verify_lineage,
    bom_verify_measured,
    bom_verify_undeclared,
)
from forebear.inspect.bom_read import MAX_BOM, read, read_bytes
from forebear.inspect.bom_signature import signature_checks
from forebear.inspect.bom_verify_statements import Statement, left_out, statements_of, unread_relatives
from forebear.inspect.licence import is_document, read_document
from forebear.inspect.scan import scan
from forebear.signals.declared import names_match
from forebear.sources import Source, open_source
from forebear.sources.hub import HubSource
from forebear.types import Cost, Scan, Untested

Step = Callable[[str], None]
"""Bytes of a signature or a key."""


@dataclass(frozen=True)
class Held:
    """What holding a record against a target gave."""

    checks: tuple[Check, ...]
    claims: tuple[ClaimResult, ...] = ()
    not_tested: tuple[Untested, ...] = ()
    references: int = 0
    cost: Cost = field(default_factory=Cost)
    problems: tuple[str, ...] = ()


def verify_bom(
    bom: str | Path,
    target: str | None = None,
    index: Index | None = None,
    effort: str = "standard",
    profiles: Sequence[str] = (),
    on_step: Step = lambda _: None,
    signature: str | Path | None = None,
    key: str | Path | None = None,
    model: str = "",
    api_key: str = "",
) -> Verification:
    """Verify a bill of materials.

    Args:
        bom: the file: CycloneDX 1.5 to 1.7 or SPDX 3.0.1, as JSON.
        target: the model that it is about: its files, ``api:URL#MODEL``, or a saved result; None checks the document
            alone.
        index: references; default the one in ``FOREBEAR_HOME``.
        effort: of the scan; see :func:`forebear.compare`.
        profiles: names of profiles to check besides those that the bill says it keeps to.
        on_step: told what is being done.
        signature: a detached signature over the bill (DSSE); ``key`` whose it has to be, PEM.
        model: which model of a bill about several.
        api_key: of an endpoint; never kept.

    Raises:
        UsageError: the target does not exist, a profile is unknown, or a key is missing.
        InputError: the bill cannot be read, or is none.
    """
    on_step(f"reading {bom}")
    raw = read_bytes(bom, MAX_BOM)
    reading = read(raw, str(bom))
    checked = [*check_document(reading, profiles), *signature_checks(raw, signature, key)]
    record = chosen(reading, model)
    if record is None:
        held = Held(tuple(_without_model()))
    else:
        statements = statements_of(record, reading.document)
        held = _held(record, statements, target, index, effort, on_step, api_key)
        if more := left_out(record):
            said = f"{more:,} relatives were not tested: it names more than anybody could look at."
            held = replace(held, checks=(*held.checks, Check("lineage", CheckStatus.UNKNOWN, said)))
        if others := len(reading.records) - 1:
            held = replace(held, checks=(*held.checks, _of_several(record, others, bool(model))))
        if unread := unread_relatives(reading):
            listed = ", ".join(unread[:3])
            said = f"{len(unread):,} relatives were not tested: the bill does not say that they are models ({listed})."
            held = replace(held, checks=(*held.checks, Check("lineage/unread", CheckStatus.UNKNOWN, said)))
    return Verification(
        str(bom),
        hashlib.sha256(raw).hexdigest(),
        reading.format,
        record.model.name if record is not None else "",
        target or "",
        (*checked, *held.checks),
        held.claims,
        tuple(r.model.name for r in reading.records),
        len(reading.unread),
        held.not_tested,
        held.references,
        held.cost,
        held.problems,
    )


def chosen(reading: Reading, model: str) -> Record | None:
    """The model of a bill that is looked at: the one asked for (``UsageError`` if there is none), else the first."""
    if not model:
        return reading.records[0] if reading.records else None
    exact = (r for r in reading.records if r.model.name == model)
    found = next(exact, None) or next((r for r in reading.records if names_match(model, r.model.name)), None)
    if found is None:
        listed = ", ".join(one_line(r.model.name, 80) for r in reading.records[:10]) or "none"
        raise UsageError(f"the bill describes no model {one_line(model, 80)}", f"it describes {listed}")
    return found


def _of_several(record: Record, others: int, chosen: bool) -> Check:
    """That what else the bill describes was not verified: open, unless one model was asked for."""
    said = f"Only {one_line(record.model.name, 120)} was verified; the bill describes {others:,} more (--model NAME)."
    return Check("models", CheckStatus.NOT_APPLICABLE if chosen else CheckStatus.UNKNOWN, said)


def _without_model() -> Iterator[Check]:
    said = "The bill describes no model, so this does not apply."
    for name in ("hashes", "identity", "lineage"):
        yield Check(name, CheckStatus.NOT_APPLICABLE, said)


def _held(
    record: Record,
    statements: tuple[Statement, ...],
    target: str | None,
    index: Index | None,
    effort: str,
    step: Step,
    api_key: str,
) -> Held:
    if target is None:
        return _alone(statements)
    references = index if index is not None else open_index()
    if target.startswith("api:") and not os.path.lexists(target):
        found = elsewhere.probed(record, statements, target, references, effort=effort, on_step=step, key=api_key)
        claims = elsewhere.by_probe(record, statements, found.to_json())
        untested, cost = found.coverage.not_tested, found.cost
        return Held((*elsewhere.checks(claims),), claims, untested, cost=cost, problems=found.problems)
    if is_document(target):
        return _by_saved(record, statements, read_document(target), references, effort)
    return _by_files(record, statements, target, references, effort, step)


def _alone(statements: tuple[Statement, ...]) -> Held:
    """Nothing but the document: hashes and lineage are open."""
    why = "no model was named to test it on"
    claims = bom_verify_lineage.untested(statements, why)
    checks = [Check("hashes", CheckStatus.UNKNOWN, "No model was named to hash the files of.")]
    checks += [
        Check(f"lineage/{s.name or s.claim}", CheckStatus.UNKNOWN, f"“{s.claim}” is unverified: {why}.", s.pointer)
        for s in statements
    ]
    if not statements:
        checks.append(Check("lineage", CheckStatus.UNKNOWN, "No model was named to look for ancestors of."))
    return Held(tuple(checks), claims)


def _by_saved(
    record: Record, statements: tuple[Statement, ...], document: Mapping[str, Any], index: Index, effort: str
) -> Held:
    schema = document.get("schema")
    if schema == "forebear.probe/1":
        claims = elsewhere.downgraded(elsewhere.by_probe(record, statements, document))
    elif schema == "forebear.scan/1":
        result = elsewhere.scan_of(document)
        retest = bom_verify_lineage.Retest(record, statements, result, index, effort, files=False)
        claims = elsewhere.downgraded(bom_verify_lineage.results(retest))
    else:
        raise UsageError(
            "a bill is verified on a model, an endpoint, or a saved scan or probe", "name the model's files"
        )
    return Held((*elsewhere.checks(claims),), claims)


def _by_files(
    record: Record, statements: tuple[Statement, ...], target: str, index: Index, effort: str, step: Step
) -> Held:
    step(f"reading {target}")
    source = open_source(target)
    stated = source.digests if isinstance(source, HubSource) else {}
    artifact, problems = _read(source)
    checks = [
        *bom_verify_files.checks(record, source, stated, step),
        *bom_verify_facts.checks(record, source, artifact),
    ]
    if artifact is not None:
        checks += bom_verify_facts.bases_of_card(record, [s.name for s in statements if s.name], artifact)
    result = _scan(target, index, effort, step, problems) if artifact is not None else None
    here = {file.path for file in source.files()}
    checks += bom_verify_licences.checks(record, here, result)
    papers = artifact.documents if artifact is not None else read_documents(source)[0]
    licences = bom_verify_licences.claims(record, papers)
    checks += bom_verify_licences.claim_checks(record, papers, licences)
    if result is None:
        why = problems[0].rstrip(".") if problems else "the weights could not be read"
        claims = bom_verify_lineage.untested(statements, f"the weights could not be compared ({why})")
        checks += [
            Check(f"lineage/{s.name or s.claim}", CheckStatus.UNKNOWN, c.why)
            for s, c in zip(statements, claims, strict=True)
        ]
        checks.append(Check("lineage/undeclared", CheckStatus.UNKNOWN, "The weights were not compared."))
        return Held(tuple(checks), (*claims, *licences), problems=tuple(dict.fromkeys(problems)))
    retest = bom_verify_lineage.Retest(record, statements, result, index, effort, step)
    claims = bom_verify_lineage.results(retest)
    checks += bom_verify_lineage.checks(retest, claims)
    checks += bom_verify_undeclared.checks(retest)
    checks += bom_verify_measured.checks(retest, claims)
    told = tuple(dict.fromkeys((*problems, *result.problems)))
    found = (*claims, *licences)
    return Held(tuple(checks), found, result.coverage.not_tested, result.references_tested, result.cost, told)


def _read(source: Source) -> tuple[Artifact | None, list[str]]:
    try:
        artifact = read_artifact(source)
    except InputError as error:
        return None, [str(error)]
    return artifact, list(artifact.problems)


def _scan(target: str, index: Index, effort: str, step: Step, problems: list[str]) -> Scan | None:
    try:
        return scan(target, index, effort, step, fetch=False)
    except InputError as error:
        problems.append(str(error))
        return None
