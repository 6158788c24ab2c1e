"""One related model of a bill of materials as a step of a chain: as Forebear noted it, else as declared.

Forebear's own properties are those of :class:`forebear.bom.record.Relative`; bills of its first version had
``direction.by`` and ``relation.declared``, which bills of others use as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from forebear.errors import InputError
from forebear.lineage.chain import Edge, EdgeKind, Standing
from forebear.lineage.chains.base import Document, mapping, objects, sentences, tail, text
from forebear.lineage.chains.measured import SILENT, kind_named, standing_of, verdict_of
from forebear.types import Verdict

OURS = "forebear:"
_DECLARED = re.compile(r"Declared: .{1,4000}? names it as base model(?: as (?P<kind>[^.]{1,80}))?\.")
_BY_VERDICT = {Verdict.COMPONENT_SHARED: EdgeKind.COMPONENT, Verdict.IDENTICAL: EdgeKind.IDENTICAL}
_BEHIND = {"probable": Standing.PROBABLE, "declared": Standing.DECLARED}


def properties(thing: Document) -> dict[str, str]:
    """Properties by name; of a name that stands twice, the last."""
    given = objects(thing.get("properties"), "properties")
    return {text(p.get("name"), "a property's name"): text(p.get("value"), "a property") for p in given}


def edge_of(relative: Document, parent: str, child: str, ancestor: bool, ours: bool) -> Edge | None:
    """The step that a related model of CycloneDX stands for, None where it is no ancestor.

    Args:
        relative: the component in the pedigree.
        parent, child: names of both.
        ancestor: whether it stands among the ancestors, and not among the variants.
        ours: whether Forebear wrote the bill; another's words of measuring measure nothing.
    """
    said = properties(relative)
    noted = {key.removeprefix(OURS): value for key, value in said.items() if key.startswith(OURS)}
    stated = next(_declarations(relative), None)
    kind = noted.get("relation.declared") or said.get("relation") or said.get("lineage:relation") or stated or ""
    return noted_edge(noted, parent, child, ancestor, ours, kind, stated is not None)


def noted_edge(
    noted: Mapping[str, str], parent: str, child: str, ancestor: bool, ours: bool, kind: str = "", stated: bool = False
) -> Edge | None:
    """A step by what Forebear noted beside it, whatever the format.

    Args:
        noted: fields of the relative as texts, ``said.basis`` among them.
        parent, child, ancestor, ours: see :func:`edge_of`.
        kind: the kind of derivation that the model's papers declare.
        stated: whether they name the parent as base model.
    """
    basis = noted.get("said.basis", "") if ours else ""
    verdict = verdict_of(noted.get("verdict"), "verdict") if ours and "verdict" in noted else None
    if verdict is None and basis in ("catalogued", "probed"):
        return _untested(noted, parent, child, basis, ancestor)
    if not ancestor and verdict is None:
        words = f"The bill of materials lists {parent} as a variant of {child}: which came first is not stated."
        return Edge(parent, child, EdgeKind.UNKNOWN, Standing.POSSIBLE, evidence=(words,))
    by = noted.get("direction.by", "")
    declared_kind = kind or noted.get("declared_relation", "")
    declared = ancestor and (verdict is None or by == "declared" or bool(declared_kind) or stated)
    known = kind_named(noted.get("relation", "")) if verdict is not None else EdgeKind.UNKNOWN
    known = known if known is not EdgeKind.UNKNOWN else kind_named(declared_kind)
    words = f"The bill of materials lists {parent} as an ancestor of {child}." if ancestor else ""
    if verdict is None or verdict in SILENT:
        part = noted.get("component", "")
        said = Edge(parent, child, known, Standing.DECLARED, True, evidence=(words,), component=part)
        return said if declared else None
    way = "a_to_b" if ancestor and (by == "measured" or noted.get("direction") == "a_to_b") else "unknown"
    known = _BY_VERDICT.get(verdict, known)
    part = noted.get("component") or ("a part" if known is EdgeKind.COMPONENT else "")
    evidence = sentences((noted.get("why", ""), words))
    standing = standing_of(verdict, way, declared)
    return Edge(parent, child, known, standing, declared, False, evidence, _log10_p(noted, parent), part)


def _untested(noted: Mapping[str, str], parent: str, child: str, basis: str, ancestor: bool) -> Edge:
    """What the catalogue, or a probe, had said when the bill was written: never more than probable."""
    kind = kind_named(noted.get("relation", ""))
    kind = kind if kind is not EdgeKind.UNKNOWN else kind_named(noted.get("declared_relation", ""))
    if noted.get("relation") == EdgeKind.SAME_MODEL or noted.get("declared_relation") == EdgeKind.SAME_MODEL:
        kind = EdgeKind.SAME_MODEL
    standing = Standing.CATALOGUED if basis == "catalogued" else _BEHIND.get(noted.get("standing", ""))
    if not ancestor or standing is None:
        standing = Standing.POSSIBLE
    evidence = sentences((noted.get("why", ""),))
    part = noted.get("component", "")
    return Edge(parent, child, kind, standing, False, False, evidence, _log10_p(noted, parent), part)


def _log10_p(noted: Mapping[str, str], parent: str) -> float | None:
    written = noted.get("log10_p")
    if not written:
        return None
    try:
        return tail(float(written), f"log10_p of {parent}")
    except ValueError:
        raise InputError("a log10_p is not a number") from None


def _declarations(relative: Document) -> Iterator[str]:
    """The kind of derivation, "" for none, of each method that is the model's own declaration."""
    for identity in _identities(relative):
        for method in objects(identity.get("methods"), "methods"):
            words = text(method.get("value"), "a method", 5_000)
            if words.startswith("Declared: "):
                match = _DECLARED.match(words)
                yield (match["kind"] or "") if match else ""


def _identities(component: Document) -> list[Document]:
    given = mapping(component.get("evidence"), "evidence").get("identity")
    return [given] if isinstance(given, dict) else objects(given, "evidence.identity")  # 1.5 had one
