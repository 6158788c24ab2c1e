"""A bill of materials from a saved result: of an API-only product by probe or traffic, of a model by scan or compare.

Nothing is looked at again. What stands behind an endpoint is a relative with the standing that the result supports, and
never more than probable; a leaked name alone makes it a variant. A saved result is believed as far as it was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from forebear.bom.record import (
    ClaimRecord,
    FindingRecord,
    LicenceStatement,
    Model,
    Record,
    Relative,
    Status,
)
from forebear.bom.stages import Declaration
from forebear.bom.training import Training
from forebear.bom.values import Basis, Gap, GapState, Observation, Said, Setting
from forebear.catalogue.names import decode
from forebear.errors import InputError
from forebear.inspect.bom_chain import relative_of
from forebear.inspect.bom_model import OURS
from forebear.inspect.bom_parties import declared_licence, declared_organisation, licences_of, organisations_of
from forebear.inspect.bom_relatives import as_billed
from forebear.inspect.bom_service import service_of
from forebear.inspect.bom_stages import gaps_of
from forebear.licences.duties import licence_answer
from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, Standing
from forebear.lineage.chains import chain_of
from forebear.lineage.chains.base import Document, items, mapping, number, objects, tail, text
from forebear.lineage.chains.known import identified
from forebear.lineage.chains.measured import verdict_of
from forebear.lineage.chains.named import title_of
from forebear.origin import origin_of
from forebear.signals.agreement import NAME as AGREEMENT
from forebear.types import Claim, Level, Test, created

SCHEMAS = ("forebear.probe/1", "forebear.traffic/1", "forebear.scan/1", "forebear.compare/1")
_BEHIND = (Access.ENDPOINT, Access.TRAFFIC)
_WEIGHTS = "the result alone was read; files and weights were not seen again"
_NOT_SAID = "the result does not say it"
_ENDPOINT = "behind an API: neither files nor weights can be seen"


def is_result(document: Mapping[str, Any]) -> bool:
    """Whether a document is a result of ours that a bill of materials can be made from."""
    return document.get("schema") in SCHEMAS


def record_of_result(
    document: Document, file: str = "", declaration: Declaration | None = None, model: str = ""
) -> Record:
    """The record of the model or product that a saved result is about.

    Args:
        document: ``forebear.probe/1``, ``traffic/1``, ``scan/1`` or ``compare/1``.
        file: where the declaration stands.
        declaration: of its training, None for none.
        model: which model, where the result is about several.

    Raises:
        InputError: it is damaged.
        UsageError: several models are in it and none was chosen.
    """
    chain = chain_of(document, model)
    training = declaration.training(file) if declaration is not None else Training()
    relatives = tuple(_relatives(chain, document))
    stated = declaration.licence if declaration is not None else ""
    licences = licences_of(
        licence_answer(chain, None), [*_stated(document), *([declared_licence(stated, file)] if stated else [])]
    )
    own = declaration.developer if declaration is not None else None
    developer = declared_organisation(own.name, own.country, own.url, file) if own is not None else None
    subject = _model(chain, document)
    claims = tuple(_claims(document, relatives))
    behind = chain.access in _BEHIND
    unseen = Gap(field="weights", state=GapState.UNKNOWN, why=_ENDPOINT if behind else _WEIGHTS, said=Said(by=OURS))
    return Record(
        model=subject,
        created=created(),
        organisations=organisations_of(origin_of(chain).ancestors, [r.name for r in relatives], developer),
        licences=licences,
        relatives=relatives,
        stages=training.stages,
        datasets=training.datasets,
        energy=training.energy,
        services=(service_of(chain, document),) if behind else (),
        claims=claims,
        findings=tuple(_findings(document)),
        gaps=(
            unseen,
            *gaps_of(subject, training, training.datasets, bool(licences), relatives, claims, "", _NOT_SAID),
        ),
        verdict=verdict_of(document.get("verdict"), "verdict") if chain.access is Access.WEIGHTS else None,
        notes=" ".join(filter(None, (text(document.get("why"), "why"), *chain.notes))),
        not_tested=tuple(_not_tested(document)),
    )


def _model(chain: Chain, document: Document) -> Model:
    name = chain.subject.name
    if chain.access is Access.ENDPOINT:
        name = text(document.get("model"), "model") or name.removeprefix("api:").rpartition("#")[0]
    properties = [("identified as", chain.subject.model)] if chain.subject.model else []
    digest = mapping(document.get("model"), "model").get("digest") if chain.access is Access.WEIGHTS else None
    if isinstance(digest, str) and document.get("schema") == "forebear.scan/1":
        properties.append(("slices", digest))
    return Model(
        name=name or "a model",
        version=chain.subject.revision,
        properties=tuple(Setting(name=key, value=value) for key, value in properties),
    )


def _relatives(chain: Chain, document: Document) -> Iterator[Relative]:
    """The chain's steps with what was measured about their ancestors."""
    program = str(document.get("schema")).removeprefix("forebear.").partition("/")[0]
    basis = Basis.PROBED if chain.access in _BEHIND else Basis.MEASURED
    for edge in chain.edges:
        own = edge.child == chain.subject.name
        ours = own and not (edge.declared and edge.standing is Standing.DECLARED) and not _catalogued(edge)
        said = Said(basis=basis, by=f"{OURS} {program}") if ours else None
        if own and said is None and not _catalogued(edge):
            said = Said(note="as the result reports it")
        found = relative_of(edge, chain.node(edge.parent), "" if own else edge.child, said)
        if ours:
            kind = "unknown" if edge.kind is EdgeKind.UNKNOWN else edge.kind.value
            observations = tuple(_observed(document, chain.node(edge.parent)))
            more = {"relation": kind, "declared_relation": "", "observations": observations}
            found = Relative.model_validate({**dict(found), **more, **_weighed(document, edge)})
        yield found


def _catalogued(edge: Edge) -> bool:
    return edge.standing is Standing.CATALOGUED or any(s.startswith("The catalogue") for s in edge.evidence[:1])


def _weighed(document: Document, edge: Edge) -> dict[str, Any]:
    """Verdict, direction and E-value of a scan's ancestor, or of a comparison."""
    entry = _entry(document, edge.parent)
    if entry is None:
        return {}
    way = text(mapping(entry.get("relation"), "a relation").get("direction"), "a direction")
    return {
        "verdict": verdict_of(entry.get("verdict"), "verdict"),
        "direction": way or "unknown",
        "log10_e": number(entry.get("log10_e"), "log10_e"),
        "digest": text(entry.get("digest"), "a digest"),
    }


def _entry(document: Document, name: str) -> Document | None:
    if document.get("schema") == "forebear.compare/1":
        return document
    found = objects(document.get("ancestors"), "ancestors") if document.get("schema") == "forebear.scan/1" else []
    return next((a for a in found if a.get("name") == name), None)


def _observed(document: Document, node: Node) -> Iterator[Observation]:
    """What was measured, as the result tells it; an entry that makes no sense is left out."""
    entry = _entry(document, node.name)
    if entry is not None:
        log10_e = number(entry.get("log10_e"), "log10_e")
        for item in objects(entry.get("evidence"), "evidence"):
            if item.get("kind", "weights") != "weights":
                continue
            exact = item.get("test") == Test.EXACT and item.get("supports") == "related"
            yield from _observation(item, log10_e if exact else None)
        return
    for item in objects(document.get("behaviour"), "behaviour"):
        if _means(text(item.get("candidate"), "a candidate"), node):
            agreed, asked = item.get("agreed"), item.get("prompts")
            words = f"{agreed} of {asked} answers agree with those of {node.name}."
            yield from _observation({**item, "signal": AGREEMENT, "summary": words, "n": asked}, None)
    for candidate in objects(document.get("candidates"), "candidates"):
        if _means(text(candidate.get("name"), "a candidate"), node):
            for signal in items(candidate.get("signals"), "signals"):
                if signal != AGREEMENT and isinstance(signal, str):
                    yield Observation(signal=signal, summary=text(candidate.get("why"), "why") or "it fits")


def _means(candidate: str, node: Node) -> bool:
    """Whether a probe's candidate is the model of a node, by the words that both are known under."""
    known = decode(candidate, named=True) if candidate else None
    title = title_of(known) if known is not None else ""
    return title == node.name or (bool(title and node.model) and node.model in {m.name for m in identified(title)})


def _observation(item: Document, log10_e: float | None) -> Iterator[Observation]:
    try:
        yield Observation(
            signal=item["signal"],
            summary=item["summary"],
            test=item.get("test") or Test.NONE,
            null=item.get("null") or "",
            n=item.get("n") or 0,
            log10_p=tail(item.get("log10_p"), "log10_p"),
            log10_e=log10_e,
        )
    except (ValidationError, KeyError):
        return


def _stated(document: Document) -> list[LicenceStatement]:
    """What a scan says that the model's card declares."""
    licence = document.get("licence")
    declared = licence.get("declared") if isinstance(licence, Mapping) else None
    said = declared.split(",") if isinstance(declared, str) else []
    return [declared_licence(part.strip(), "README.md") for part in said if part.strip()]


def _claims(document: Document, relatives: Iterable[Relative]) -> Iterator[ClaimRecord]:
    measured = [(r.name, r.verdict, r.direction) for r in relatives]
    for claim in objects(document.get("claims"), "claims"):
        status, words = text(claim.get("status"), "a status"), text(claim.get("claim"), "a claim", 1_000)
        if status not in set(Status):
            raise InputError("a claim has a status that is not known")
        if words:
            told = Claim(words, text(claim.get("source"), "a source"), status, text(claim.get("why"), "why"))
            stated = Status(as_billed(told, measured).status)
            yield ClaimRecord(claim=words, status=stated, why=told.why, said=Said(by=told.source))


def _findings(document: Document) -> Iterator[FindingRecord]:
    for finding in objects(document.get("findings"), "findings"):
        known, level = text(finding.get("id"), "a finding"), text(finding.get("level"), "a level")
        if known and level in set(Level):
            message = text(finding.get("message"), "a message", 2_000) or known
            clears = text(finding.get("clears"), "what clears it", 2_000)
            yield FindingRecord(id=known, level=Level(level), message=message, clears=clears)


def _not_tested(document: Document) -> Iterator[str]:
    for gap in objects(mapping(document.get("coverage"), "coverage").get("not_tested"), "what was not tested"):
        yield f"{text(gap.get('what'), 'what')}: {text(gap.get('why'), 'why')}"
