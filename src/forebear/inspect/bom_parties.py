"""Licences and organisations of a bill of materials: declared, concluded, inherited; countries with their sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from forebear.artifacts.documents import CARD
from forebear.bom.licences import spdx_id
from forebear.bom.record import Acknowledgement, Jurisdiction, LicenceStatement, Organisation, OrganisationRole
from forebear.bom.values import Basis, Said
from forebear.catalogue.facts import sources
from forebear.catalogue.licences import licence_named, licences
from forebear.errors import one_line
from forebear.inspect.bom_model import OURS
from forebear.licences.answer import DeclaredLicence, Detection, Inherited, LicenceAnswer
from forebear.lineage.chain import Standing
from forebear.origin import AncestorOrigin, Tie

_BASES = {
    Standing.MEASURED: Basis.MEASURED,
    Standing.PROBABLE: Basis.PROBED,
    Standing.DECLARED: Basis.DECLARED,
    Standing.CATALOGUED: Basis.CATALOGUED,
}
_NO_LICENCE = frozenset({"", "unknown", "none"})


def licences_of(answer: LicenceAnswer, declared: Iterable[LicenceStatement] = ()) -> tuple[LicenceStatement, ...]:
    """The model's licences: what its papers declare, which texts lie beside it, and what its ancestors bring.

    Args:
        answer: of the licence analysis.
        declared: further declarations, as of a training declaration.
    """
    found = [
        *(_declared(d) for d in answer.declared if d.value.strip().lower() not in _NO_LICENCE),
        *declared,
        *(_detected(d) for d in answer.detected if d.licence or d.spdx or d.name),
        *(_inherited(i) for i in answer.inherited if i.licence and i.standing.established),
    ]
    return tuple(dict.fromkeys(found))


def declared_licence(stated: str, file: str) -> LicenceStatement:
    """A licence that a file states in words."""
    known = licence_named(stated)
    return LicenceStatement(
        name=stated, spdx=spdx_id(stated) or (known.spdx if known is not None else ""), said=Said(by=file)
    )


def _declared(stated: DeclaredLicence) -> LicenceStatement:
    file, _, key = stated.where.partition(": ")
    note = f"of its {stated.component}" if stated.component else ""
    return LicenceStatement(
        name=stated.value,
        spdx=spdx_id(stated.value) or stated.spdx or _spdx(stated.licence),
        said=Said(by=file, note=note or ("" if file == CARD else key)),
    )


def _detected(found: Detection) -> LicenceStatement:
    like = "its text" if found.exact else f"{found.similarity:.1%} of the words in common"
    altered = "; altered where it matters" if any(c.matters for c in found.changes) else ""
    return LicenceStatement(
        name=found.name,
        spdx=found.spdx or _spdx(found.licence),
        acknowledgement=Acknowledgement.CONCLUDED,
        file=found.file.partition("#")[0],
        said=Said(basis=Basis.MEASURED, by=OURS, note=f"text in {found.file}: {like}{altered}"),
    )


def _inherited(brought: Inherited) -> LicenceStatement:
    known = licences().get(brought.licence or "")
    via = f" through {', '.join(brought.route[1:-1])}" if brought.route[2:] else ""
    part = f" for its {brought.component}" if brought.component else ""
    sure = f"; the licence: {brought.confidence}" if brought.confidence else ""
    return LicenceStatement(
        name=known.name if known is not None else brought.licence or "",
        spdx=_spdx(brought.licence),
        acknowledgement=Acknowledgement.CONCLUDED,
        inherited_from=brought.ancestor,
        said=Said(
            basis=_BASES.get(brought.standing, Basis.DECLARED),
            by=_titles(brought.sources) or OURS,
            note=f"inherited{via}{part}; the descent: {brought.standing}{sure}",
        ),
    )


def _spdx(licence: str | None) -> str:
    known = licences().get(licence or "")
    return known.spdx if known is not None else ""


def organisations_of(
    ancestors: Iterable[AncestorOrigin], listed: Iterable[str], own: Organisation | None = None
) -> tuple[Organisation, ...]:
    """Who made the model, by its own word and by the catalogue, and who made what it comes from.

    Args:
        ancestors: the subject first.
        listed: names of the relatives in the record.
        own: as the model's own declaration states it.
    """
    names = set(listed)
    found = [own] if own is not None else []
    for number, ancestor in enumerate(ancestors):
        if ancestor.developer and (not number or ancestor.model in names):
            found.append(
                Organisation(
                    name=ancestor.developer,
                    roles=(OrganisationRole.DEVELOPER,),
                    model=ancestor.model if number else "",
                    jurisdictions=tuple(_jurisdiction(tie) for tie in ancestor.ties),
                    said=Said(basis=Basis.CATALOGUED, by="forebear's catalogue"),
                )
            )
    return tuple(found)


def _jurisdiction(tie: Tie) -> Jurisdiction:
    dated = f"as of {tie.as_of}" if tie.as_of else ""
    sure = f"confidence: {tie.confidence}" if tie.confidence else ""
    note = "; ".join(filter(None, (tie.entity, tie.note, dated, sure)))
    return Jurisdiction(
        country=tie.country,
        tie=tie.role.value,
        said=Said(basis=Basis.CATALOGUED, by=_titles(tie.sources), note=note),
    )


def _titles(identifiers: Iterable[str]) -> str:
    known = sources()
    return "; ".join(dict.fromkeys(one_line(known[i].what, 200) if i in known else i for i in identifiers))


def declared_organisation(name: str, country: str | None, url: str, file: str) -> Organisation:
    """The developer as a declaration states it."""
    said = Said(basis=Basis.DECLARED, by=file)
    seats: Iterator[Jurisdiction] = (Jurisdiction(country=c, tie="address", said=said) for c in (country,) if c)
    return Organisation(name=name, url=url, jurisdictions=tuple(seats), said=said)
