"""Licences that cannot both be kept, and labels that an ancestor's licence does not bear out.

A conflict is a question, not an accusation: a permission that nobody published may exist, and the sentences say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, product

from forebear.catalogue.licences import KnownLicence, Permission
from forebear.licences.answer import Conflict, DeclaredLicence
from forebear.licences.copyleft import together
from forebear.licences.declared import differing, meanings, same_terms
from forebear.licences.grounds import Ground, reaches_students
from forebear.licences.papers import CLOSE, Papers, is_licence_file
from forebear.lineage.chain import Chain, Edge, EdgeKind, Standing

PERMISSION = "A permission that is not known here may exist: this needs confirmation."
GPL = ("GPL-", "AGPL-")


def conflicts(
    chain: Chain, found: tuple[Ground, ...], papers: Papers, known: Mapping[str, KnownLicence]
) -> tuple[Conflict, ...]:
    """Every conflict: labels over ancestors, between parents, labels against texts, labels against each other."""
    return tuple(
        dict.fromkeys(
            (
                *relabelled(chain.subject.name, found, papers, known),
                *between_parents(chain, known),
                *against_text(papers, known),
                *differing(papers.declared, known),
            )
        )
    )


def relabelled(
    subject: str, found: tuple[Ground, ...], papers: Papers, known: Mapping[str, KnownLicence]
) -> Iterator[Conflict]:
    """A permissive label over an ancestor whose licence is not, and whose terms are nowhere among the files."""
    for ground in found:
        licence = ground.licence
        bears = ground.weights or reaches_students(licence) is True
        if ground.own or licence.permissive or not bears or licence.relicensing is Permission.YES:
            continue
        stated = [d for d in papers.declared if d.component in ("", ground.component)]
        meant = [known[i] for d in stated for i in meanings(d) if i in known]
        if not meant or any(same_terms(k, licence) for k in meant):
            continue
        if not all(k.permissive for k in meant) or papers.copy_of(licence) is not None:
            continue
        labels = ", ".join(dict.fromkeys(k.name for k in meant))
        part = f"its {ground.component}" if ground.component else "it"
        if ground.standing.established:
            why = f"{subject} is offered under {labels}, and {part} comes from {ground.ancestor} ({licence.name})."
        else:
            why = (
                f"{subject} is offered under {labels}; the {licence.name} bears on it if {part} comes "
                f"from {ground.ancestor}."
            )
        if licence.relicensing_note:
            why += f" {licence.name}: {licence.relicensing_note}."
        between = (", ".join(dict.fromkeys(d.value for d in stated)), f"{ground.ancestor}: {licence.id}")
        yield Conflict("relabelled", between, f"{why} {PERMISSION}", ground.standing)


def between_parents(chain: Chain, known: Mapping[str, KnownLicence]) -> Iterator[Conflict]:
    """Demands of two parents of one model that contradict each other, or where one takes what the other gives."""
    models = (chain.subject, *chain.nodes)
    for child in models:
        steps = [e for e in chain.edges if e.child == child.name and e.kind.weights and e.kind is not EdgeKind.UNKNOWN]
        for one, other in combinations(steps, 2):
            if one.parent == other.parent:
                continue
            for a, b in product(_terms(chain, one, known), _terms(chain, other, known)):
                if why := _contradiction(a, b, child.name):
                    standing = min(one.standing, other.standing, key=lambda s: s.rank)
                    yield Conflict(
                        "between_parents", (f"{one.parent}: {a.id}", f"{other.parent}: {b.id}"), why, standing
                    )


def _terms(chain: Chain, edge: Edge, known: Mapping[str, KnownLicence]) -> tuple[KnownLicence, ...]:
    """The licences of a step's parent."""
    try:
        node = chain.node(edge.parent)
    except KeyError:
        return ()
    return tuple(known[i] for i in node.licences if i in known)


def _contradiction(a: KnownLicence, b: KnownLicence, child: str) -> str:
    """Why two licences cannot both be kept by one model, "" where they can as far as is known."""
    if same_terms(a, b):
        return ""
    if (a.permissive and b.permissive) or together(a.spdx, b.spdx):
        return ""
    if _keeps(a) and _keeps(b) and not _one_line(a, b):
        return f"The {a.name} and the {b.name} each ask that {child} carries it alone. {PERMISSION}"
    for copyleft, other in ((a, b), (b, a)):
        if copyleft.spdx.startswith(GPL) and not other.permissive:
            return (
                f"The {copyleft.name} allows no further restrictions, and the {other.name} adds some to {child}. "
                f"{PERMISSION}"
            )
    for strict, free in ((a, b), (b, a)):
        if strict.commercial is Permission.NO and free.commercial is not Permission.NO:
            return (
                f"The {strict.name} forbids commercial use of all of {child}, also of what comes from the parent under "
                f"the {free.name}."
            )
    return ""


def _keeps(licence: KnownLicence) -> bool:
    """Whether derivatives have to carry this licence and no other."""
    return licence.relicensing is Permission.NO or licence.spdx.startswith(GPL)


def _one_line(a: KnownLicence, b: KnownLicence) -> bool:
    """Whether one licensor's versions of a licence may be taken to go together; those of the GPL and CC do not."""
    return bool(a.series) and a.series == b.series and a.licensor == b.licensor != ""


def against_text(papers: Papers, known: Mapping[str, KnownLicence]) -> Iterator[Conflict]:
    """A label, and a licence file at its side that is another licence."""
    for file, licence in list(texts_beside(papers, known).items())[:1]:
        stated = _labels(papers)
        label = ", ".join(dict.fromkeys(d.value for d in stated))
        why = f"{stated[0].where} states {label}, and {file} is the {licence.name}."
        yield Conflict("declared_against_text", (label, f"{file}: {licence.id}"), why, Standing.DECLARED)


def texts_beside(papers: Papers, known: Mapping[str, KnownLicence]) -> Mapping[str, KnownLicence]:
    """The licence files that are another licence than the labels say; none where one of them is what a label says."""
    meant = [known[i] for d in _labels(papers) for i in meanings(d) if i in known]
    texts = [d for d in papers.detected if is_licence_file(d.file) and "/" not in d.file and d.similarity >= CLOSE]
    found = {d.file: known[d.licence] for d in texts if d.licence is not None and d.licence in known}
    agreed = any(same_terms(k, other) for k, other in product(meant, found.values()))
    return {} if agreed or not meant else found


def _labels(papers: Papers) -> list[DeclaredLicence]:
    return [d for d in papers.declared if not d.component and meanings(d)]
