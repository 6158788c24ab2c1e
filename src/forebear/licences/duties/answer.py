"""The whole answer: what is declared and found, what is inherited, which duties follow, what conflicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebear.artifacts.documents import CARD, Documents
from forebear.catalogue.developers import developers, published
from forebear.catalogue.licences import KnownLicence, licences
from forebear.licences.answer import DeclaredLicence, Detection, LicenceAnswer
from forebear.licences.conflicts import conflicts, texts_beside
from forebear.licences.declared import declared, meanings, names_of
from forebear.licences.duties.base import Case
from forebear.licences.duties.groups import duties_of
from forebear.licences.findings import findings_of
from forebear.licences.grounds import Facts, binding, grounds, inherited
from forebear.licences.history import Past, changed
from forebear.licences.organisation import Organisation
from forebear.licences.papers import Detect, Papers, read_papers
from forebear.lineage.chain import Access, Chain


def facts_now() -> Facts:
    """The catalogue as it is, the user's overlay included."""
    return Facts(licences(), published(), developers())


def licence_answer(
    chain: Chain,
    documents: Documents | None,
    organisation: Organisation | None = None,
    *,
    detect: Detect | None = None,
    config: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    card: str = CARD,
    nested: Mapping[str, str] | None = None,
    ancestors: Mapping[str, Documents] | None = None,
    past: tuple[Past, ...] = (),
    stated: tuple[DeclaredLicence, ...] = (),
    facts: Facts | None = None,
    not_checked: tuple[str, ...] = (),
    problems: tuple[str, ...] = (),
) -> LicenceAnswer:
    """What the licences along a chain demand of a model.

    Args:
        chain: the model and its ancestors.
        documents: its card and licence files; None where they cannot be seen (behind an API, from a document alone).
        organisation: facts about who uses or ships it; None: nothing is known, and nothing is taken for "no".
        detect: which licences a text holds; None: texts are not identified.
        config, metadata: ``config.json``; a GGUF file's metadata.
        card: where statements of the card stand, if not in the card.
        nested: licence files of folders below the model's, by path: those of its parts.
        ancestors: documents of ancestors that could be read, by name in the chain.
        past: papers of its earlier revisions, newest first.
        stated: what another document (a bill of materials, a saved result) says that the model declares.
        facts: the catalogue; default the one that is installed.
        not_checked: what the caller did not look at, in words.
        problems: inputs that could not be read.
    """
    facts = facts or facts_now()
    names = names_of(facts.licences)
    found = (*declared(documents, config or {}, metadata or {}, names, card), *stated)
    below = sorted((path, text) for path, text in (nested or {}).items() if text.strip())
    parts = tuple(one for path, text in below for one in (detect(text, path) if detect else ()))
    found = (*found, *(of_a_part(part) for part in parts if part.id is not None))
    papers = read_papers(documents, (chain.subject.name,), found, detect)
    theirs = {
        name: read_papers(docs, (name,), declared(docs, {}, {}, names), detect)
        for name, docs in (ancestors or {}).items()
    }
    beside = texts_beside(papers, facts.licences)
    bearing = grounds(chain, own_licences(chain, papers, facts), theirs, facts, beside)
    bearing = binding(bearing, chain, facts)
    case = Case(chain.subject.name, papers, organisation, facts.licences)
    duties = duties_of(bearing, case)
    clashes = conflicts(chain, bearing, papers, facts.licences)
    return LicenceAnswer(
        model=chain.subject.name,
        declared=found,
        detected=(*papers.detected, *parts),
        inherited=inherited(chain, facts),
        duties=duties,
        conflicts=clashes,
        findings=(*findings_of(duties, clashes, organisation), *changed(past, detect, facts.licences)),
        organisation=organisation,
        not_checked=(*_gaps(chain, papers, organisation, facts), *not_checked),
        problems=problems,
    )


def of_a_part(found: Detection) -> DeclaredLicence:
    """The licence file of a part as a statement about it."""
    component = found.file.rpartition("/")[0].replace("_", " ")[:80]
    return DeclaredLicence(found.name or found.id or "", found.file, found.licence, found.spdx or None, component)


def own_licences(chain: Chain, papers: Papers, facts: Facts) -> tuple[KnownLicence, ...]:
    """The licences under which the model itself is offered: as it declares, else as its files or the catalogue say.

    Where a value leaves a choice, or does not decide between licences, none of them is taken for its own.
    """
    found = [d.licence for d in papers.declared if d.licence and not d.component and not d.choice]
    found = found or [d.licence for d in papers.detected if d.licence and d.exact]
    found = found or list(chain.subject.licences)
    return tuple(facts.licences[i] for i in dict.fromkeys(found) if i in facts.licences)


def _gaps(chain: Chain, papers: Papers, organisation: Organisation | None, facts: Facts) -> tuple[str, ...]:
    """What the answer does not rest on."""
    out = []
    if organisation is None:
        out.append("Facts about the organisation were not given: thresholds, places and uses are open (--org).")
    if not papers.seen:
        through = {Access.ENDPOINT: "an API", Access.TRAFFIC: "captured traffic", Access.NAME: "its name"}
        where = through.get(chain.access, "a document")
        out.append(f"The model's files were not seen: it is known through {where} alone.")
    elif papers.texts and not papers.identified:
        out.append("Which licences the files are was not identified.")
    for node in chain.nodes:
        if not any(i in facts.licences for i in node.licences):
            out.append(f"The licence of {node.name} is not known here.")
        else:
            others = (i for i in node.licences if i not in facts.licences)
            out += [f"{one} of {node.name} is no licence that is known here." for one in others]
    for one in papers.declared:
        if not meanings(one):
            near = f" (nearest known: {one.nearest})" if one.nearest else ""
            out.append(f"{one.value} of {one.where} is no licence that is known here{near}.")
        elif one.candidates:
            out.append(f"{one.value} of {one.where} may be any of {', '.join(one.candidates)}.")
    out.append("The use policies that licences refer to were not read: what they forbid beyond is not told.")
    return tuple(dict.fromkeys(out))
