"""A bill of materials held against what is no model's files: an endpoint, or a saved result. At most probable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from forebear.bom.checks import Check, CheckStatus
from forebear.bom.record import Record, Status
from forebear.bom.verification import ClaimResult
from forebear.errors import InputError, UsageError, one_line
from forebear.index import BlackBoxIndex, Index, LocalIndex
from forebear.inspect.bom_verify_lineage import STATUS
from forebear.inspect.bom_verify_statements import Statement, declared_ancestors
from forebear.inspect.probe import probe
from forebear.inspect.probe_result import Probe
from forebear.types import (
    Ancestor,
    Claim,
    Cost,
    Coverage,
    Evidence,
    ModelRef,
    Nominee,
    Relation,
    Scan,
    Test,
    Verdict,
    finite,
)

SERVES = "it serves "
SAME_TOKENIZER = frozenset({"identical", "same_model", "quantized", "converted"})
"""Relations along which the tokenizer stays, so that another one excludes them."""
MOST = 1_000
NO_FILES = "Files cannot be hashed there: an endpoint shows none, and neither does a saved result."


def address(target: str) -> tuple[str, str]:
    """URL and model of ``api:URL#MODEL``; ``UsageError`` where either is missing."""
    url, _, model = target.removeprefix("api:").rpartition("#")
    if not url or not model:
        raise UsageError("an endpoint is named as api:URL#MODEL", "for example api:https://host/v1#acme-1")
    return url, model


def probed(record: Record, statements: tuple[Statement, ...], target: str, index: Index, **more: Any) -> Probe:
    """An endpoint, asked whether it serves what the bill names; ``index`` holds tokenizers of the user's as well."""
    url, model = address(target)
    bases = declared_ancestors(statements)
    known = BlackBoxIndex(index.folder) if isinstance(index, LocalIndex) else None
    return probe(url, model, expect=bases[0].name if bases else record.model.name, index=known, **more)


def by_probe(record: Record, statements: tuple[Statement, ...], document: Mapping[str, Any]) -> tuple[ClaimResult, ...]:
    """What a probe says of every statement, and of the model itself: contradicted only by another tokenizer."""
    found = []
    for statement in statements:
        said = _said(document, statement.name)
        why = one_line(str(said.get("why")), 600) if said else "the endpoint was not asked about it"
        kept = statement.relative is not None and statement.relative.relation in SAME_TOKENIZER
        contradicted = said.get("status") == "contradicted" and kept
        status = Status.CONTRADICTED if contradicted else Status.UNVERIFIED
        found.append(
            _claim(statement.claim, statement.source, status, f"{why}; behind an API nothing is more than probable")
        )
    said = _said(document, record.model.name)
    if said:
        status = Status.CONTRADICTED if said.get("status") == "contradicted" else Status.UNVERIFIED
        why = one_line(str(said.get("why")), 600)
        found.append(_claim(SERVES + record.model.name, "the bill", status, why))
    return tuple(found)


def _claim(claim: str, source: str, status: Status, why: str) -> ClaimResult:
    return ClaimResult(one_line(claim, 400), source, status, why, clears="the model's files")


def _said(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    given = document.get("claims")
    for claim in given if isinstance(given, list) else ():
        if isinstance(claim, Mapping) and name and str(claim.get("claim")).lower() == f"{SERVES}{name}".lower():
            return claim
    return {}


def downgraded(claims: tuple[ClaimResult, ...]) -> tuple[ClaimResult, ...]:
    """Claims by a saved result: nobody signed it, so it confirms and contradicts nothing by itself."""
    return tuple(
        c
        if c.status is Status.UNVERIFIED
        else replace(
            c,
            status=Status.UNVERIFIED,
            why=f"by the saved result it is {c.status}, at most probable: {c.why}",
            clears="forebear bom verify BOM with the model's files",
        )
        for c in claims
    )


def checks(claims: tuple[ClaimResult, ...]) -> Iterator[Check]:
    """A check for every claim."""
    for claim in claims:
        name = "lineage/" + one_line(claim.claim.rpartition(": ")[2], 150)
        said = f"“{claim.claim}” is {claim.status}: {claim.why}."
        yield Check(name, STATUS[claim.status], one_line(said, 900), claim.pointer)
    yield Check("hashes", CheckStatus.NOT_APPLICABLE, NO_FILES)


def scan_of(document: Mapping[str, Any]) -> Scan:
    """A scan from its ``forebear.scan/1`` document.

    Raises:
        InputError: it is damaged.
    """
    try:
        model = document["model"]
        return Scan(
            ModelRef(str(model["target"]), str(model["name"]), model.get("digest")),
            Verdict(document["verdict"]),
            tuple(_ancestor(a) for a in document["ancestors"][:MOST]),
            document.get("licence"),
            None,
            tuple(Claim(*(str(c[k]) for k in ("claim", "source", "status", "why"))) for c in document["claims"][:MOST]),
            (),
            int(document["references_tested"]),
            Coverage(),
            Cost(),
            nominated=tuple(Nominee(str(n["name"]), ()) for n in document.get("nominated", ())[:MOST]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise InputError(f"the saved result is damaged ({type(error).__name__}: {error})") from None


def _ancestor(given: Mapping[str, Any]) -> Ancestor:
    relation = given["relation"]
    return Ancestor(
        str(given["name"]),
        Verdict(given["verdict"]),
        _log10(given["log10_p"], 0.0),
        _log10(given["log10_e"]),
        Relation(str(relation["kind"]), str(relation["direction"]), None, dict(relation.get("details") or {})),
        tuple(_evidence(e) for e in given["evidence"][:MOST]),
        given.get("digest"),
        why=str(given.get("why", "")),
    )


def _evidence(given: Mapping[str, Any]) -> Evidence:
    return Evidence(
        str(given["signal"]),
        str(given["kind"]),
        str(given["supports"]),
        None,
        Test(given["test"]),
        given.get("null"),
        int(given["n"]),
        _log10(given["log10_p"], 0.0),
        str(given["summary"]),
    )


def _log10(value: Any, most: float = 300.0) -> float | None:
    """The logarithm of a p-value or an E-value; ``ValueError`` for what is none."""
    if value is None:
        return None
    number = finite(value)
    if number is None or number > most:
        raise ValueError("no logarithm of a p-value")
    return number
