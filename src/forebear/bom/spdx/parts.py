"""Files, organisations, licences and services: what belongs to a model, as elements that stand beside it, and back.

Decisions that the standard leaves open:

- **Files** are what the model ``contains``. SPDX has no size: it is the comment (``4096 bytes``). Who says what the
  files are is stated once for each relationship, not for each file.
- **Licences.** The AI profile wants exactly one declared and one concluded licence: several statements are one
  expression in which all hold (``AND``), and the statements themselves are an annotation. Where nothing is known both
  are ``NoAssertionLicense``. A licence without an SPDX identifier is a ``LicenseRef-`` with its address, where known;
  texts of licences are not copied.
- **Organisations.** The first supplier, else the first publisher, is who the model is ``suppliedBy``; it is
  ``originatedBy`` developers, manufacturers and authors. Which of these, and countries, are in annotations.
- **Services.** 3.0.1 has no class for them (3.1 will): a service is a ``software_Package`` with the purpose ``other``
  that depends on the model, and only an annotation tells it from other software, so none is found in others' documents.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import ValidationError

from forebear.bom.record import Acknowledgement, LicenceStatement, Organisation, OrganisationRole
from forebear.bom.spdx import packages, terms
from forebear.bom.spdx.elements import Elements
from forebear.bom.spdx.graph import Graph
from forebear.bom.spdx.licences import licence
from forebear.bom.spdx.nodes import Node
from forebear.bom.spdx.statements import Statement, text_of
from forebear.bom.values import Link, Said
from forebear.types import Json

_SUPPLIERS = (OrganisationRole.SUPPLIER, OrganisationRole.PUBLISHER)
_MAKERS = {OrganisationRole.DEVELOPER, OrganisationRole.MANUFACTURER, OrganisationRole.AUTHOR}
_BYTES = re.compile(r"(\d{1,19}) bytes", re.ASCII)
_DECLARED, _CONCLUDED = "hasDeclaredLicense", "hasConcludedLicense"


def write_files(to: Elements, model: str) -> None:
    """The files, in as many relationships as there are opinions of who says what they are."""
    sayings: dict[Said, list[str]] = {}
    for file in to.record.files:
        needs_words = terms.ROLES_BACK.get(terms.ROLES.get(file.role, "")) != file.role
        key = to.add(
            "file",
            terms.FILE,
            name=file.path,
            summary=file.role if file.role in terms.ROLES and needs_words else "",
            comment=f"{file.size} bytes",
            software_fileKind="directory" if file.role == "directory" else "file",
            software_primaryPurpose=terms.ROLES.get(file.role, file.role if file.role in terms.PURPOSES else ""),
            verifiedUsing=packages.hashes(file.hashes),
        )
        to.stands_for("file", key, file)
        sayings.setdefault(file.said, []).append(key)
    for said, keys in sayings.items():
        relationship = to.relate(model, "contains", keys)
        if said != Said():
            to.annotate(relationship, text_of("files", {"said": said.to_json()}))


def files_of(graph: Graph, model: str, statements: Mapping[str, list[Statement]]) -> dict[str, Json]:
    """Files that a package contains, those in its directories too, by id.

    Args:
        graph: the document.
        model: id of the package.
        statements: on who says what they are, by the id of the relationship.
    """
    found: dict[str, Json] = {}
    sayings: dict[str, Json] = {}
    waiting = [model]
    while waiting:
        for relation in graph.going(waiting.pop(), "contains"):
            node = graph.nodes.get(relation.target)
            if node is None or node.kind != terms.FILE:
                continue
            relation.use()
            if node.id not in found:
                if relation.node.id not in sayings:
                    sayings[relation.node.id] = _said(graph, statements.get(relation.node.id, []))
                found[node.id] = _file(node) | {"said": sayings[relation.node.id]}
                waiting.append(node.id)
    return found


def _said(graph: Graph, statements: list[Statement]) -> Json:
    for each in statements:
        try:
            said = Said.model_validate(each.says.get("said", {})).to_json()
        except ValidationError:
            graph.defect(each.pointer, "it does not say who says it")
        else:
            each.use(graph, "said")
            return said
    return {}


def _file(node: Node) -> Json:
    node.touch()
    size = _BYTES.fullmatch(str(next((v for _, v in node.values("comment")), "")))
    if size:
        node.graph.take_all(node.values("comment"))
    role = next((v for _, v in node.values("summary") if isinstance(v, str) and v in terms.ROLES), "")
    if role:
        node.graph.take_all(node.values("summary"))
    purpose = node.word("software_primaryPurpose", terms.PURPOSES)
    kind = node.word("software_fileKind", ("file", "directory"))
    role = role or terms.ROLES_BACK.get(purpose, purpose) or ("directory" if kind == "directory" else "other")
    found = {"path": node.text("name"), "size": int(size[1]) if size else 0, "role": role}
    return found | {"hashes": packages.read_hashes(node)[0]}


def write_organisations(to: Elements) -> dict[str, list[tuple[Organisation, str]]]:
    """Every organisation; gives those of each model (by name, "" for the record's) with their ids."""
    found: dict[str, list[tuple[Organisation, str]]] = {}
    for each in to.record.organisations:
        page = [packages.link(Link(kind="website", url=each.url))] if each.url else []
        key = to.add("organisation", "Organization", name=each.name, externalRef=page)
        to.stands_for("organisation", key, each)
        found.setdefault(each.model, []).append((each, key))
    return found


def agents(of: list[tuple[Organisation, str]]) -> Json:
    """What SPDX says of who supplied a package, and from whom it is."""
    suppliers = [key for role in _SUPPLIERS for each, key in of if role in each.roles]
    makers = [key for each, key in of if _MAKERS & set(each.roles)]
    return {"suppliedBy": next(iter(suppliers), ""), "originatedBy": makers}


def organisations_of(graph: Graph, package: Node, model: str) -> dict[str, Json]:
    """The agents that a package is supplied by or originates from, by id."""
    roles = {"originatedBy": OrganisationRole.DEVELOPER.value, "suppliedBy": OrganisationRole.SUPPLIER.value}
    found: dict[str, Json] = {}
    for key, role in roles.items():
        for pointer, value in package.values(key):
            node = graph.at(pointer, value)
            if node is not None and node.kind in terms.AGENTS:
                known = found.setdefault(node.id, organisation(node) | {"roles": [], "model": model})
                known["roles"] += [] if role in known["roles"] else [role]
            elif node is not None:
                graph.defect(pointer, f"{key} should be an agent")
    return found


def organisation(node: Node) -> Json:
    """Fields of :class:`~forebear.bom.record.Organisation` that an agent states itself; its kind has no place there."""
    node.touch(node.kind == "Organization")
    url = ""
    for each in node.nodes("externalRef", "ExternalRef")[:1]:
        if each.word("externalRefType", terms.LINK_WORDS) == "altWebPage":
            url = each.text("locator")
    return {"name": node.text("name"), "url": url}


def write_services(to: Elements, model: str) -> None:
    """Every service, with its provider and the model behind it."""
    for each in to.record.services:
        key = to.add(
            "service",
            terms.PACKAGE,
            name=each.name,
            software_packageVersion=each.version,
            software_primaryPurpose="other",
            suppliedBy=to.agent(each.provider) if each.provider else "",
            externalRef=[packages.link(Link(kind="other", url=url)) for url in each.endpoints],
        )
        to.stands_for("service", key, each)
        to.relate(key, "dependsOn", [model])


def service(node: Node) -> Json:
    """Fields of :class:`~forebear.bom.record.Service` that a package which is one states itself."""
    node.touch()
    node.take_id()
    node.word("software_primaryPurpose", ("other",))
    for relation in node.graph.going(node.id, "dependsOn"):
        relation.use()
    endpoints = [x["url"] for x in packages.read_links(node)]
    found: Json = {"name": node.text("name"), "version": node.text("software_packageVersion"), "endpoints": endpoints}
    return found | {"provider": supplier(node)}


def supplier(node: Node) -> str:
    """Name of who supplies a package, "" where nobody is named."""
    for agent in node.nodes("suppliedBy", *terms.AGENTS):
        return agent.text("name")
    return ""


def write_licences(to: Elements, model: str) -> None:
    """The declared and the concluded licence of the model."""
    stated = {kind: [x for x in to.record.licences if x.acknowledgement is kind] for kind in Acknowledgement}
    joined = {kind: terms.conjunction(_expression(x) for x in of) for kind, of in stated.items()}
    declared = stated[Acknowledgement.DECLARED]
    first = (declared or stated[Acknowledgement.CONCLUDED])[:1]
    alone = first[0] if len(declared) <= 1 and first else LicenceStatement()
    concluded = joined[Acknowledgement.CONCLUDED]
    to.licensed(model, joined[Acknowledgement.DECLARED], concluded, alone.name, alone.url)


def _expression(stated: LicenceStatement) -> str:
    return terms.expression(stated.spdx or stated.name)


def licences_of(graph: Graph, source: str) -> list[Json]:
    """Licences of an element: declared, then concluded ones."""
    found = []
    for kind, word in ((_DECLARED, Acknowledgement.DECLARED), (_CONCLUDED, Acknowledgement.CONCLUDED)):
        for relation in graph.going(source, kind):
            found += [each | {"acknowledgement": word.value} for each in licence(graph, relation)]
    return found


def expressions_of(graph: Graph, source: str) -> list[str]:
    """Declared licences of an element, as identifiers or names; the concluded one is read if it asserts nothing."""
    for relation in graph.going(source, _CONCLUDED):
        if relation.target in terms.UNSTATED:
            relation.use()
    declared = [each for relation in graph.going(source, _DECLARED) for each in licence(graph, relation)]
    return [each.get("spdx") or each.get("name", "") for each in declared]
