"""Which licences a model is under, which it inherits, what they demand: the papers and the lineage, put together."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from forebear.artifacts.documents import CARD
from forebear.artifacts.text import load_json
from forebear.catalogue.licences import licences
from forebear.errors import ForebearError, InputError, UsageError
from forebear.index import Index, open_index
from forebear.inspect.papers import Read, has_card, papers_of_ancestors, read_papers_of
from forebear.inspect.unread import scanned
from forebear.licences.answer import DeclaredLicence, LicenceAnswer
from forebear.licences.duties import licence_answer
from forebear.licences.history import Past, read_past
from forebear.licences.organisation import Organisation
from forebear.licences.papers import Detect
from forebear.licences.second_opinion import require
from forebear.licences.second_opinion import second_opinion as ask
from forebear.lineage.chain import Chain, Edge, EdgeKind, Standing
from forebear.lineage.chains import chain_of, chains_of, subjects_of
from forebear.lineage.chains.extend import BY_A_BILL, complete
from forebear.lineage.chains.scan import reference, unseen
from forebear.signals.declared import names_match
from forebear.sources import Source, is_remote, offline, open_source
from forebear.sources.hub import HubSource
from forebear.types import Json

Step = Callable[[str], None]

MOST_NAMED = 10
"""Other models of a document that a gap names."""
MAX_DOCUMENT = 200_000_000
"""Bytes of a saved result or a bill of materials."""


@dataclass(frozen=True)
class Lineage:
    """What an answer is worked out from.

    Attributes:
        document: the result or bill of materials that tells the chain.
        chain: of the model.
        read: its papers, None where they cannot be seen.
        stated: what a document says that it declares, where its papers cannot be seen.
        card: where the card's statements stand.
        gaps: what was not looked at.
        problems: what could not be read.
    """

    document: Mapping[str, Any]
    chain: Chain
    read: Read | None = None
    stated: tuple[DeclaredLicence, ...] = ()
    card: str = CARD
    gaps: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def licence_of(
    target: str,
    organisation: Organisation | str | Path | None = None,
    index: Index | None = None,
    effort: str = "standard",
    scan: bool = True,
    history: bool = False,
    against: str = "",
    model: str = "",
    second_opinion: bool = False,
    on_step: Step = lambda _: None,
) -> LicenceAnswer:
    """What the licences along a model's lineage demand of it and of who uses it.

    Args:
        target: a model, a saved result of ours, or a bill of materials.
        organisation: facts about who uses or ships it, or the path of an ``org.yaml``.
        index: references; default the one in ``FOREBEAR_HOME``.
        effort: of the scan; see :func:`forebear.compare`.
        scan: hold the weights against the index; without it ancestors are those that papers and catalogue name.
        history: read earlier revisions of a hub repository's licence files, too.
        against: an ancestor whose papers are to be compared; it need not be in the index.
        model: which model, where a document is about several.
        second_opinion: ask ScanCode about the licence files too (extra ``scancode``); it changes nothing else.
        on_step: told what is being done.

    Raises:
        MissingExtra: a second opinion is asked for, and ScanCode is not installed.
        UsageError: the target does not exist, or a field of ``org.yaml`` is wrong.
        InputError: the model, the document or the index cannot be read.
    """
    if second_opinion:
        require()
    facts = _organisation(organisation)
    references = index if index is not None else open_index()
    found = lineage_of(target, references, effort, scan, model, on_step)
    chain, named = _against(found.chain, against)
    past, gap = _past(target, history, on_step)
    answer = licence_on(replace(found, chain=chain, gaps=(*found.gaps, *gap)), facts, references, named, past)
    return _with_second_opinion(answer, found.read, on_step) if second_opinion else answer


def lineage_of(
    target: str,
    index: Index,
    effort: str = "standard",
    scan: bool = True,
    model: str = "",
    on_step: Step = lambda _: None,
) -> Lineage:
    """The lineage of a model: of a document as it tells it, else scanned, or by papers and catalogue alone.

    Args:
        target: a model, a saved result of ours, or a bill of materials.
        index, effort, scan, model, on_step: see :func:`licence_of`.

    Raises:
        UsageError: the target does not exist, or is an endpoint.
        InputError: it cannot be read.
    """
    if is_document(target):
        return from_document(read_document(target), model)
    if target.startswith("api:"):
        raise UsageError(f"{target}: an endpoint is probed first", "forebear probe … --format json -o result.json")
    return from_document(scanned(target, index, effort, scan, on_step).to_json(), model)


def licence_on(
    found: Lineage,
    organisation: Organisation | None,
    index: Index | None = None,
    named: Mapping[str, str] | None = None,
    past: tuple[Past, ...] = (),
) -> LicenceAnswer:
    """What licences demand along a lineage: the one place where papers and chain are put together.

    Args:
        found: the lineage.
        organisation: facts about who uses or ships the model, None for none.
        index: where papers of ancestors may lie; None: they are not looked for.
        named: ancestors whose papers the user points to, by name.
        past: what earlier revisions held.
    """
    papers, unreadable = papers_of_ancestors(found.chain, index, named) if index is not None else ({}, ())
    read = found.read
    return licence_answer(
        found.chain,
        read.documents if read else None,
        organisation,
        detect=detector(),
        config=read.config if read else None,
        metadata=read.metadata if read else None,
        card=found.card,
        nested=read.nested if read else None,
        ancestors=papers,
        stated=found.stated,
        past=past,
        not_checked=found.gaps,
        problems=tuple(dict.fromkeys((*found.problems, *unreadable))),
    )


def is_document(target: str) -> bool:
    """Whether a target is a saved result or a bill of materials, and no model."""
    name = os.path.basename(target).lower()
    return os.path.isfile(target) and name.endswith(".json") and not name.endswith((".index.json", ".config.json"))


def read_document(path: str) -> Json:
    """A saved result or a bill of materials.

    Raises:
        InputError: it cannot be read, is too large, or no JSON object.
    """
    try:
        size = os.path.getsize(path)
        if size > MAX_DOCUMENT:
            raise InputError(f"{path}: {size:,} bytes, more than the {MAX_DOCUMENT:,} that are read")
        raw = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    data = load_json(raw, path)
    if not isinstance(data, dict):
        raise InputError(f"{path}: no JSON object", "give a saved result of forebear or a bill of materials")
    return data


def from_document(document: Mapping[str, Any], model: str = "") -> Lineage:
    """The lineage that a document tells, with the model's papers where it is a scan of files that are still here."""
    found = _with_papers(document, chain_of(document, model))
    others = [name for name in subjects_of(document) if name != found.chain.subject.name] if not model else []
    if not others:
        return found
    listed = ", ".join(others[:MOST_NAMED]) + (f" and {len(others) - MOST_NAMED:,} more" if others[MOST_NAMED:] else "")
    gap = f"The document is about other models too, of which nothing is said here (--model chooses one): {listed}."
    return replace(found, gaps=(gap, *found.gaps))


def each_in(document: Mapping[str, Any]) -> tuple[Lineage, ...]:
    """The lineage of every model that a document is about."""
    return tuple(_with_papers(document, chain) for chain in chains_of(document))


def _with_papers(document: Mapping[str, Any], chain: Chain) -> Lineage:
    known = licences()
    stated = tuple(DeclaredLicence(i, "the document", i if i in known else None) for i in chain.subject.licences)
    why = unseen(document)
    found = Lineage(
        document,
        chain,
        stated=stated,
        gaps=(*([f"Nothing was measured on the weights: {why}."] if why else []), *_believed(chain)),
        problems=_problems(document),
    )
    target = _scanned_target(document)
    if not target or target.startswith("api:"):
        return found
    if is_remote(target) and offline():
        return replace(found, gaps=(*found.gaps, f"The papers of {target} were not read again (offline)."))
    try:
        source = open_source(target)
        read, card = read_papers_of(source), _card(source)
    except ForebearError as error:
        return replace(found, gaps=(*found.gaps, f"The papers of the model were not read again: {error}."))
    problems = tuple(dict.fromkeys((*found.problems, *read.problems)))
    return replace(found, read=read, stated=(), card=card, problems=problems)


def _believed(chain: Chain) -> tuple[str, ...]:
    return (BY_A_BILL,) if BY_A_BILL in chain.notes else ()


def _scanned_target(document: Mapping[str, Any]) -> str:
    """Where the files of a scanned model are, "" for another document."""
    model = document.get("model") if document.get("schema") == "forebear.scan/1" else None
    target = model.get("target") if isinstance(model, Mapping) else None
    return target if isinstance(target, str) else ""


def _problems(document: Mapping[str, Any]) -> tuple[str, ...]:
    """What the saved result itself could not read."""
    given = document.get("problems")
    return tuple(str(p) for p in given[:100]) if isinstance(given, list) else ()


def detector() -> Detect:
    """What says which licences a text holds; its sketches are read when it is first asked."""
    from forebear.licences.detect import detect_all

    return detect_all


def _card(source: Source) -> str:
    """Where statements of the card stand: in the card, or in the file that stands in for one."""
    return CARD if has_card(source) else "metadata"


def _organisation(given: Organisation | str | Path | None) -> Organisation | None:
    if given is None or isinstance(given, Organisation):
        return given
    from forebear.licences.organisation_file import read_organisation

    return read_organisation(given)


def _against(chain: Chain, against: str) -> tuple[Chain, dict[str, str]]:
    """The chain with the ancestor that the user names, and where its papers are; its descent is only possible."""
    if not against:
        return chain, {}
    source = open_source(against)
    name = source.name
    for node in chain.nodes:
        if names_match(against, node.name) or names_match(name, node.name):
            return chain, {node.name: against}
    if name == chain.subject.name:
        raise UsageError(f"--against {against}: that is the model itself", "name an ancestor")
    said = "Named by the user as an ancestor to compare with; nothing else says so."
    edge = Edge(name, chain.subject.name, EdgeKind.UNKNOWN, Standing.POSSIBLE, evidence=(said,))
    longer = complete(replace(chain, nodes=(*chain.nodes, reference(name, against)), edges=(*chain.edges, edge)))
    return longer, {name: against}


def _with_second_opinion(answer: LicenceAnswer, read: Read | None, on_step: Step) -> LicenceAnswer:
    """The answer with what ScanCode says of the licence files beside it; duties and decisions stay as they are."""
    texts = {**(read.documents.licences if read and read.documents else {}), **(read.nested if read else {})}
    on_step("asking ScanCode")
    try:
        second = ask(texts, answer.detected)
    except InputError as error:
        return replace(answer, problems=(*answer.problems, f"no second opinion: {error}"))
    gaps = tuple(f"{name} was not given to ScanCode, or took it too long." for name in second.not_asked)
    return replace(answer, second_opinion=second, not_checked=(*answer.not_checked, *gaps))


def _past(target: str, wanted: bool, on_step: Step) -> tuple[tuple[Past, ...], tuple[str, ...]]:
    """What earlier revisions of a repository hold, and why it was not asked."""
    remote = not os.path.lexists(target) and is_remote(target)
    if not wanted:
        return (), (("Earlier revisions of its licence files were not read (--history).",) if remote else ())
    source = open_source(target)
    if not isinstance(source, HubSource):
        return (), ("Earlier revisions of its licence files: only a repository of a hub has them.",)
    on_step("reading earlier revisions")
    past, shortened = read_past(source)
    return past, (shortened,) if shortened else ()
