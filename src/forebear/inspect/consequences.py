"""What follows from a model's lineage, worked out once: chain, licences, origin, and what was read for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from forebear.errors import UsageError
from forebear.index import Index, LocalIndex
from forebear.inspect.bom_facts import bom_facts, is_bom
from forebear.inspect.licence import Lineage, detector, from_document, is_document, read_document
from forebear.inspect.papers import papers_of_ancestors
from forebear.inspect.scan import scan as scan_model
from forebear.licences.answer import LicenceAnswer
from forebear.licences.duties import licence_answer
from forebear.licences.organisation import Organisation
from forebear.licences.organisation_file import read_organisation
from forebear.lineage.chain import Chain, Edge, EdgeKind, Node, Standing
from forebear.lineage.chains import chain_of
from forebear.lineage.chains.extend import complete
from forebear.origin import Origin, origin_of
from forebear.policy.input import BomFacts
from forebear.signals.declared import names_match

Step = Callable[[str], None]
_POLICIES = ("use_policy", "usage_policy", "acceptable")


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

    Raises:
        UsageError: the target does not exist, or a field of ``org.yaml`` is wrong.
        InputError: the model, the document or the index cannot be read.
    """
    facts = read_organisation(organisation) if isinstance(organisation, str | Path) else organisation
    references = index if index is not None else LocalIndex()
    if is_document(target):
        document: Mapping[str, Any] = read_document(target)
    elif target.startswith("api:"):
        raise UsageError(f"{target}: an endpoint is probed first", "forebear probe … --format json -o result.json")
    else:
        document = scan_model(target, references, effort if scan else "quick", on_step, fetch=scan).to_json()
    found = follow(document, facts, references, model, named)
    if bom is None:
        return found
    on_step(f"reading {bom}")
    bill = read_document(str(bom))
    if not is_bom(bill):
        raise UsageError(f"--bom {bom}: no bill of materials", "give CycloneDX or SPDX 3 as JSON")
    chain = chain_of(bill, model if is_bom(document) else "")
    return replace(found, bom=bom_facts(bill, chain, _place(document), on_step))


def follow(
    document: Mapping[str, Any],
    organisation: Organisation | None,
    index: Index | None = None,
    model: str = "",
    named: Sequence[tuple[str, str]] = (),
) -> Consequences:
    """What follows from a saved result or a bill of materials.

    Args:
        document: its JSON.
        organisation: facts about who uses or ships the model.
        index: where papers of ancestors may lie; None: they are not looked for.
        model: which model, where it is about several.
        named: see :func:`consequences`.

    Raises:
        InputError: it is none, or damaged.
    """
    found = from_document(document, model)
    found = replace(found, chain=_with_named(found.chain, named))
    read = found.read
    papers, unreadable = papers_of_ancestors(found.chain, index) if index is not None else ({}, ())
    problems = (*found.problems, *_problems(document), *(read.problems if read else ()), *unreadable)
    licence = licence_answer(
        found.chain,
        read.documents if read else None,
        organisation,
        detect=detector() if read else None,
        config=read.config if read else None,
        metadata=read.metadata if read else None,
        card=found.card,
        ancestors=papers,
        stated=found.stated,
        not_checked=found.gaps,
        problems=tuple(dict.fromkeys(problems)),
    )
    bill = bom_facts(document, found.chain) if is_bom(document) else BomFacts()
    seen = _papers(found, document)
    return Consequences(
        document, found.chain, licence, origin_of(found.chain), organisation, bill, seen, tuple(dict.fromkeys(problems))
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


def _problems(document: Mapping[str, Any]) -> tuple[str, ...]:
    """What the saved result itself could not read."""
    given = document.get("problems")
    return tuple(str(p) for p in given[:100]) if isinstance(given, list) else ()


def _papers(found: Lineage, document: Mapping[str, Any]) -> dict[str, bool]:
    """Papers that are there; that one is missing is only said where the model's files were seen."""
    if found.read is not None:
        documents = found.read.documents
        policies = any(name.lower().startswith(_POLICIES) for name in documents.licences)
        return {"model_card": bool(documents.card.strip()), **({"acceptable_use_policy": True} if policies else {})}
    metadata = document.get("metadata")
    main = metadata.get("component") if isinstance(metadata, Mapping) else None
    return {"model_card": True} if isinstance(main, Mapping) and _non_empty(main.get("modelCard")) else {}


def _non_empty(card: Any) -> bool:
    return isinstance(card, Mapping) and any(isinstance(v, Mapping | list) and v for v in card.values())
