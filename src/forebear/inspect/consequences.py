"""What follows from a model's lineage, worked out once: chain, licences, origin, and what was read for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from forebear.bom.checks import Check
from forebear.errors import FormatError, UsageError
from forebear.index import Index, open_index
from forebear.inspect.bom_facts import bom_facts, is_bom
from forebear.inspect.bom_read import MAX_BOM, read_bytes
from forebear.inspect.bom_signature import signature_checks
from forebear.inspect.licence import Lineage, from_document, is_document, licence_on, lineage_of, read_document
from forebear.licences.answer import LicenceAnswer
from forebear.licences.organisation import Organisation
from forebear.licences.organisation_file import read_organisation
from forebear.lineage.chain import Chain, Edge, EdgeKind, Node, Standing
from forebear.lineage.chains import chain_of
from forebear.lineage.chains.cyclonedx import MODEL
from forebear.lineage.chains.extend import complete
from forebear.origin import Origin, origin_of
from forebear.policy.input import BomFacts
from forebear.signals.declared import names_match
from forebear.types import Json

Step = Callable[[str], None]
_POLICIES = ("use_policy", "usage_policy", "acceptable")


@dataclass(frozen=True)
class Signature:
    """Files with a signature over a bill of materials and with the key that it has to be of; "" for none."""

    envelope: str = ""
    key: str = ""


@dataclass(frozen=True)
class Consequences:
    """A model and what follows.

    Attributes:
        document: the result or bill of materials that it was worked out from.
        chain, licence, origin: the answers.
        organisation: the facts that were used, None where none were given.
        bom: about its bill of materials.
        papers: which papers were seen, or seen to be missing, by their names in the input of a policy.
        problems: what could not be read.
    """

    document: Mapping[str, Any]
    chain: Chain
    licence: LicenceAnswer
    origin: Origin
    organisation: Organisation | None = None
    bom: BomFacts = field(default_factory=BomFacts)
    papers: Mapping[str, bool] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def consequences(
    target: str,
    organisation: Organisation | str | Path | None = None,
    index: Index | None = None,
    effort: str = "standard",
    scan: bool = True,
    bom: str | Path | None = None,
    model: str = "",
    named: Sequence[tuple[str, str]] = (),
    on_step: Step = lambda _: None,
    signature: Signature | None = None,
) -> Consequences:
    """What follows from a model's lineage.

    Args:
        target: a model, a saved result of ours, or a bill of materials.
        organisation: facts about who uses or ships it, or the path of an ``org.yaml``.
        index: references; default the one in ``FOREBEAR_HOME``.
        effort: of the scan; see :func:`forebear.compare`.
        scan: hold the weights against the index; without it ancestors are those that papers and catalogue name.
        bom: a bill of materials of the model, held against its files where they are on this machine.
        model: which model, where a document is about several.
        named: ancestors that the vendor names, each with the part that it is one of, "" for the whole.
        on_step: told what is being done.
        signature: over the bill of materials, be it ``bom`` or the target itself.

    Raises:
        UsageError: the target or a file does not exist.
        InputError: the model, a document or the index cannot be read, or a file of facts is wrong.
    """
    facts = read_organisation(organisation) if isinstance(organisation, str | Path) else organisation
    references = index if index is not None else open_index()
    bill = _bill(bom) if bom is not None else None  # what is wrong with it is told before a model is scanned
    checks = _signature(bom, target, signature)
    lineage = lineage_of(target, references, effort, scan, model, on_step)
    found = follow(lineage, facts, references, named)
    if bill is None:
        return replace(found, bom=bom_facts(found.document, found.chain, checks=checks)) if checks else found
    on_step(f"reading {bom}")
    chain = chain_of(bill, model if is_bom(found.document) else "")
    return replace(found, bom=bom_facts(bill, chain, _place(found.document), checks, on_step))


def _signature(bom: str | Path | None, target: str, signature: Signature | None) -> tuple[Check, ...]:
    """The checks of a signature over the bill that an option or the target names."""
    if signature is None or not (signature.envelope or signature.key):
        return ()
    path = str(bom or target)
    if not is_document(path) or not is_bom(read_document(path)):
        raise UsageError("--signature is over a bill of materials", "name the bill with --bom")
    return signature_checks(read_bytes(path, MAX_BOM), signature.envelope or None, signature.key or None)


def _bill(path: str | Path) -> Json:
    if not os.path.isfile(path):
        raise UsageError(f"--bom {path}: there is no such file", "give CycloneDX or SPDX 3 as JSON")
    bill = read_document(str(path))
    if not is_bom(bill):
        raise FormatError(str(path), "no bill of materials", "give CycloneDX or SPDX 3 as JSON")
    return bill


def follow_document(document: Mapping[str, Any], organisation: Organisation | None, index: Index) -> Consequences:
    """What follows from a saved result or a bill of materials; see :func:`follow`."""
    return follow(from_document(document), organisation, index)


def follow(
    found: Lineage,
    organisation: Organisation | None,
    index: Index | None = None,
    named: Sequence[tuple[str, str]] = (),
) -> Consequences:
    """What follows from a lineage.

    Args:
        found: the model's chain and papers.
        organisation: facts about who uses or ships the model.
        index: where papers of ancestors may lie; None: they are not looked for.
        named: see :func:`consequences`.
    """
    found = replace(found, chain=_with_named(found.chain, named))
    document = found.document
    licence = licence_on(found, organisation, index)
    bill = bom_facts(document, found.chain) if is_bom(document) else BomFacts()
    seen = _papers(found, document)
    return Consequences(
        document, found.chain, licence, origin_of(found.chain), organisation, bill, seen, licence.problems
    )


def _with_named(chain: Chain, named: Sequence[tuple[str, str]]) -> Chain:
    """The chain with the ancestors that the vendor names besides, declared and no more."""
    known = [name for node in chain.nodes for name in (node.name, node.model) if name]
    new = [(n, part) for n, part in named if n != chain.subject.name and not any(names_match(n, k) for k in known)]
    if not new:
        return chain
    said = ("The vendor names it in an answer.",)
    edges = [
        Edge(n, chain.subject.name, EdgeKind.UNKNOWN, Standing.DECLARED, True, evidence=said, component=part)
        for n, part in new
    ]
    nodes = (*chain.nodes, *(Node(n) for n in dict.fromkeys(n for n, _ in new)))
    return complete(replace(chain, nodes=nodes, edges=(*chain.edges, *edges)))


def _place(document: Mapping[str, Any]) -> str:
    """Where the files of a scanned model are."""
    model = document.get("model")
    target = model.get("target") if isinstance(model, Mapping) else None
    return target if isinstance(target, str) else ""


def _papers(found: Lineage, document: Mapping[str, Any]) -> dict[str, bool]:
    """Papers that are there; that one is missing is only said where the model's files were seen."""
    if found.read is not None:
        documents = found.read.documents
        policies = any(name.lower().startswith(_POLICIES) for name in documents.licences)
        return {"model_card": bool(documents.card.strip()), **({"acceptable_use_policy": True} if policies else {})}
    metadata = document.get("metadata")
    main = metadata.get("component") if isinstance(metadata, Mapping) else None
    if not isinstance(main, Mapping) or main.get("type") != MODEL:  # of a program that the model is a part of
        return {}
    return {"model_card": True} if _non_empty(main.get("modelCard")) else {}


def _non_empty(card: Any) -> bool:
    return isinstance(card, Mapping) and any(isinstance(v, Mapping | list) and v for v in card.values())
