"""Licences, chains and papers made up for tests: nobody's terms, every kind of duty."""

from __future__ import annotations

from typing import Any

from forebear.artifacts.documents import Documents
from forebear.catalogue.developers import Developer, LicenceAt, PublishedModel
from forebear.catalogue.facts import Basis, Confidence
from forebear.catalogue.licences import Condition, DutyKind, KnownLicence, Obligation, Permission
from forebear.licences.answer import Detection, Duty, LicenceAnswer
from forebear.licences.duties import licence_answer
from forebear.licences.grounds import Facts
from forebear.licences.organisation import Organisation
from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, Standing

BASIS = Basis(("a-source",), "2026-01-01", Confidence.HIGH)
REMEMBERED = Basis(("memory",), "2026-01-01", Confidence.UNVERIFIED)
BASE, CHILD = "vole/vole-7b", "acme/mole-7b"

NOTICE = "Vole is licensed under the Vole License, Copyright © Vole Labs. All Rights Reserved."
MAU = Condition("monthly_active_users", 100e6)
REVENUE = Condition("revenue", 20e6, currency="USD", period="month")
TEXTS = {
    "permissive": "The Meadow License. Do as you like and keep this notice.",
    "strict": "The Vole License. Acceptable use policy: no tunnels under lawns.",
    "strict2": "The Vole License, second version. Acceptable use policy: no tunnels at all.",
}


def licence(identifier: str, **values: Any) -> KnownLicence:
    common: dict[str, Any] = {"id": identifier, "name": f"{identifier.capitalize()} License", "basis": BASIS}
    return KnownLicence(**{**common, "hub_ids": (identifier,), **values})


def obliging(kind: DutyKind, text: str = "", **values: Any) -> KnownLicence:
    """The licence ``strict`` with one duty."""
    duty = Obligation(kind, text, clause="3", **values)
    return licence("strict", name="Vole License", licensor="Vole Labs", series="vole", obligations=(duty,))


def limited(**values: Any) -> KnownLicence:
    """The licence ``strict`` with no duty but what is given."""
    return licence("strict", name="Vole License", licensor="Vole Labs", series="vole", **values)


PERMISSIVE = licence("permissive", name="Meadow License", permissive=True, commercial=Permission.YES)
STRICT2 = licence("strict2", name="Vole License 2", series="vole")


def facts(*known: KnownLicence, models: tuple[PublishedModel, ...] = ()) -> Facts:
    table = {one.id: one for one in (PERMISSIVE, STRICT2, *known)}
    maker = Developer("vole", "Vole Labs", BASIS)
    return Facts(table, {m.name: m for m in models}, {"vole": maker})


def model(name: str, identifier: str = "strict", **values: Any) -> PublishedModel:
    return PublishedModel(name, "vole", BASIS, licences=(LicenceAt(identifier, BASIS),), **values)


def chain(
    *kinds: EdgeKind,
    standing: Standing = Standing.MEASURED,
    access: Access = Access.WEIGHTS,
    licences: tuple[str, ...] = ("strict",),
    subject: str = CHILD,
    component: str = "",
    **node: Any,
) -> Chain:
    """A model made from ``vole-7b``; without a kind by fine-tuning."""
    base = Node(BASE, licences=licences, **{"model": "vole-7b", "developer": "vole", **node})
    edges = tuple(Edge(BASE, subject, kind, standing, component=component) for kind in (kinds or (EdgeKind.FINETUNE,)))
    return Chain(Node(subject), (base,), edges, access=access)


def detect(text: str, file: str = "") -> tuple[Detection, ...]:
    """Which of the made-up texts a file holds, with whatever is added."""
    for identifier, known in sorted(TEXTS.items(), key=lambda item: -len(item[1])):
        if known in text:
            return (Detection(file, identifier, identifier, f"{identifier} text", similarity=1.0, exact=True),)
    return (Detection(file, None),)


def documents(card: str = "", front: dict[str, Any] | None = None, **files: str) -> Documents:
    """A card and licence files; ``LICENSE=…``."""
    return Documents(front or {}, card, files)


def answer(
    known: KnownLicence,
    papers: Documents | None = None,
    organisation: Organisation | None = None,
    of: Chain | None = None,
    models: tuple[PublishedModel, ...] = (),
    **more: Any,
) -> LicenceAnswer:
    return licence_answer(of or chain(), papers, organisation, detect=detect, facts=facts(known, models=models), **more)


def duty(found: LicenceAnswer, kind: DutyKind | str, of: str = BASE) -> Duty:
    """The one duty of a kind that an ancestor brings."""
    (only,) = (d for d in found.duties if d.kind == str(kind) and d.ancestor == of)
    return only
