"""Steps of a chain of ancestors as relatives of a bill of materials: what catalogue or names have above a model."""

from __future__ import annotations

from collections.abc import Iterator

from forebear.bom.card import purl
from forebear.bom.record import Relative, Slot
from forebear.bom.values import Basis, Said
from forebear.catalogue.developers import published
from forebear.catalogue.licences import licences
from forebear.lineage.chain import Chain, Edge, EdgeKind, Node, Standing
from forebear.signals.declared import names_match


def above(chain: Chain, direct: list[str]) -> Iterator[Relative]:
    """Steps of the chain that neither a scan nor the papers gave: sourced facts of the catalogue, words in names."""
    listed = set(direct)
    established = {edge.parent for edge in chain.edges if edge.standing.established}
    for edge in chain.edges:
        child = "" if edge.child == chain.subject.name else edge.child
        if child and edge.standing is Standing.POSSIBLE and child not in established:
            continue  # a word in the name of what may be no relative at all is nothing to hand on
        if not child and any(edge.parent == name or names_match(edge.parent, name) for name in direct):
            continue
        if child and child not in listed:
            child = next((name for name in direct if names_match(name, edge.child)), "")
            if not child:
                continue
        listed.add(edge.parent)
        yield relative_of(edge, chain.node(edge.parent), child)


def relative_of(edge: Edge, node: Node, child: str, said: Said | None = None) -> Relative:
    """A step of a chain as a relative.

    Args:
        edge: the step.
        node: its parent.
        child: name of the relative below it, "" for the model in question.
        said: who says so; default the catalogue, or a name.
    """
    known = published().get(node.model)
    words = " ".join(edge.evidence)
    by_catalogue = edge.standing is Standing.CATALOGUED or words.startswith("The catalogue")
    by = (
        Said(basis=Basis.CATALOGUED, by="forebear's catalogue")
        if by_catalogue
        else Said(by=edge.child, note="its name")
    )
    return Relative(
        name=node.name,
        slot=Slot.ANCESTOR if edge.standing.established else Slot.VARIANT,
        child=child,
        component=edge.component,
        version=node.revision,
        purl=purl(known.repository) if known is not None else "" if node.label else purl(node.name),
        licences=licences_of_node(node),
        declared_relation="" if edge.kind is EdgeKind.UNKNOWN else edge.kind.value,
        standing=edge.standing.value,
        log10_p=edge.log10_p,
        why=words,
        said=said or by,
    )


def in_chain(chain: Chain | None, name: str) -> tuple[Node | None, Edge | None]:
    """The node of a relative, and the step from it to the model in question."""
    if chain is None:
        return None, None
    for node in chain.nodes:
        if node.name == name or names_match(node.name, name):
            own = (e for e in chain.edges if e.parent == node.name and e.child == chain.subject.name)
            return node, next(own, None)
    return None, None


def licences_of_node(node: Node | None) -> tuple[str, ...]:
    """Licences of a model of the chain: SPDX identifiers where they have one, else the catalogue's."""
    known = licences()
    return tuple(known[i].spdx or i if i in known else i for i in node.licences) if node is not None else ()
