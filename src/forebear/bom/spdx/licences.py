"""Licences as SPDX writes them: expressions, listed ones, texts, and sets of the ExpandedLicensing profile, read.

A set becomes the expression that it means: ``ConjunctiveLicenseSet`` joins its members with ``AND``, a disjunctive one
with ``OR``, ``WithAdditionOperator`` writes ``WITH`` and ``OrLaterOperator`` a ``+``. What a set refers to and this
document does not define, and sets that hold themselves, leave the whole set unread: half of a licence is another one.
"""

from __future__ import annotations

from collections.abc import Iterator

from forebear.bom.spdx import packages, terms
from forebear.bom.spdx.graph import Graph
from forebear.bom.spdx.nodes import Node, Relation
from forebear.types import Json

DEEPEST = 20
MOST = 500
"""Elements that one licence may consist of."""
_NAMED = ("simplelicensing_SimpleLicensingText", "expandedlicensing_CustomLicense")
_SETS = {"expandedlicensing_ConjunctiveLicenseSet": "AND", "expandedlicensing_DisjunctiveLicenseSet": "OR"}
_MEMBER = "expandedlicensing_member"
_WITH, _LATER = "expandedlicensing_WithAdditionOperator", "expandedlicensing_OrLaterOperator"
_LICENCE, _ADDITION = "expandedlicensing_subjectExtendableLicense", "expandedlicensing_subjectAddition"
_SUBJECT = "expandedlicensing_subjectLicense"
_ADDITIONS = ("expandedlicensing_ListedLicenseException", "expandedlicensing_CustomLicenseAddition")
EXPANDED = frozenset({*_SETS, _WITH, _LATER})


def licence(graph: Graph, relation: Relation) -> Iterator[Json]:
    """The licence that a relationship leads to, as fields of a licence statement; nothing for no assertion."""
    node, listed = graph.nodes.get(relation.target), terms.LISTED.fullmatch(relation.target)
    if relation.target in terms.UNSTATED:
        relation.use()
    elif relation.target == terms.NO_LICENCE:
        relation.use()
        yield {"spdx": "NONE"}
    elif node is not None and node.kind == terms.EXPRESSION:
        relation.use()
        node.touch()
        if listed:  # its id says the same
            node.give_back("spdxId", "type")
        addresses = packages.read_pairs(node, "simplelicensing_customIdToUri")
        url = addresses[0][1] if addresses else ""
        text = node.text("simplelicensing_licenseExpression")
        if text != "NOASSERTION":
            yield {"spdx": text, "name": node.text("name"), "url": url}
    elif node is not None and node.kind in EXPANDED:
        met: list[str] = []
        text = _expression(graph, relation.target, 0, met)
        if len(met) > MOST:
            graph.defect(relation.pointer, "a set of licences that is too large, or holds itself")
        elif text:
            relation.use()
            for key in dict.fromkeys(met):
                _use(graph, key)
            yield {"spdx": text, "name": node.text("name")}
    elif node is not None and node.kind in _NAMED:
        relation.use()
        node.touch()
        yield {"name": node.text("name")}
    elif listed:
        relation.use()
        yield {"spdx": listed[1], "name": node.text("name") if node else ""}


def _expression(graph: Graph, key: str, depth: int, met: list[str]) -> str:
    """The expression that an element means, "" where a part of it is not known; ``met`` gets all that was looked at."""
    met.append(key)
    node, listed = graph.nodes.get(key), terms.LISTED.fullmatch(key)
    if depth > DEEPEST or len(met) > MOST:
        met += [key] * MOST
        return ""
    if node is None:
        return listed[1] if listed else ""
    if node.kind == terms.EXPRESSION:
        return _value(node, "simplelicensing_licenseExpression")
    if node.kind in _SETS:
        parts = [_expression(graph, graph.name(p, v), depth + 1, met) for p, v in node.values(_MEMBER)[:MOST]]
        joint = f" {_SETS[node.kind]} "
        return joint.join(_bracketed(part) for part in parts) if len(parts) > 1 and all(parts) else ""
    if node.kind == _WITH:
        base, addition = (_first(graph, node, name, depth, met) for name in (_LICENCE, _ADDITION))
        return f"{base} WITH {addition}" if base and addition else ""
    if node.kind == _LATER:
        base = _first(graph, node, _SUBJECT, depth, met)
        return f"{base}+" if base else ""
    if listed:
        return listed[1]
    if node.kind in (*_NAMED, *_ADDITIONS) and (name := _value(node, "name")):
        kind = "AdditionRef-" if node.kind in _ADDITIONS else "LicenseRef-"
        return terms.expression(name).replace("LicenseRef-", kind)
    return ""


def _value(node: Node, key: str) -> str:
    return next((value for _, value in node.values(key)[:1] if isinstance(value, str)), "")


def _first(graph: Graph, node: Node, name: str, depth: int, met: list[str]) -> str:
    return next((_expression(graph, graph.name(p, v), depth + 1, met) for p, v in node.values(name)[:1]), "")


def _bracketed(part: str) -> str:
    return f"({part})" if " AND " in part or " OR " in part else part


def _use(graph: Graph, key: str) -> None:
    """Marks as read what went into an expression."""
    node = graph.nodes.get(key)
    if node is None:
        return
    node.touch()
    node.take_id()
    for name in (_MEMBER, _LICENCE, _ADDITION, _SUBJECT):
        graph.take_all(node.values(name))
    if node.kind == terms.EXPRESSION:
        node.text("simplelicensing_licenseExpression")
    if node.kind in (*_NAMED, *_ADDITIONS):
        node.text("name")
