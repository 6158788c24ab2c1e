"""Related models in ``pedigree``, each with its evidence.

- **Place.** Ancestors hold models whose direction was measured and those that the model's own files name as its base;
  a dependence without a direction is a variant, whose definition is just that. A grandparent stands in its child's own
  pedigree; one whose child is not there, or that would close a circle, stands with the model itself and keeps the
  child's name in a property. Base models are outside of this delivery and hence no dependencies.
- **Confidence.** ``evidence.identity[].confidence`` is optional and left out: nobody can state how probable it is that
  a model *is* the ancestor. ``methods[].confidence`` is required; see :attr:`Observation.confidence` for what it is.
  A mere declaration gets 0, since no one measured it, and its words say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from forebear.bom.cyclonedx.licences import plain_licences, plain_licences_of
from forebear.bom.cyclonedx.properties import PREFIX, Fields, build, complete
from forebear.bom.cyclonedx.terms import MODEL_TYPE, TOOL, is_purl, name_of, named, without_empty
from forebear.bom.cyclonedx.tree import NAME, Node, Trail
from forebear.bom.record import Relative, Slot
from forebear.bom.values import Observation
from forebear.errors import one_line
from forebear.types import Json

KEYS = {Slot.ANCESTOR: "ancestors", Slot.DESCENDANT: "descendants", Slot.VARIANT: "variants"}
DEEPEST = 12
"""Generations that stand in each other; the rest stand with the model, so that no reader's stack is the limit."""
RANK = PREFIX + "rank"
_TECHNIQUES = {
    "sign-code": "binary-analysis",
    "aligned-coins": "binary-analysis",
    "delta": "binary-analysis",
    "content": "hash-comparison",
    "token-counts": "dynamic-analysis",
    "agreement": "dynamic-analysis",
}
_EQUAL = " (Confidence: that every value is equal.)"
_DEPENDENT = " (Confidence: that the weights are not independent, not that one descends from the other.)"
_NONE = " (No probability is claimed for this, hence confidence 0.)"
_MEASURED = re.compile(rf"Measured by (\S+): (.*?)(?:{re.escape(_EQUAL)}|{re.escape(_DEPENDENT)}|{re.escape(_NONE)})?")
_DECLARED = re.compile(r"Declared: (.+?) names it as base model(?: as (.+?))?\.(?: (.+))?")


def pedigree(relatives: tuple[Relative, ...], refs: list[str], version: str, trail: Trail) -> Json:
    """The relatives, nested; ``refs`` are theirs in order."""
    components = [_component(r, refs[rank], rank, version, trail) for rank, r in enumerate(relatives)]
    root: Json = {}
    for place, rank in _placed(relatives):
        holder = root if place is None else components[place].setdefault("pedigree", {})
        holder.setdefault(KEYS[relatives[rank].slot], []).append(components[rank])
        if relatives[rank].child != ("" if place is None else relatives[place].name):
            child = {"name": PREFIX + "child", "value": relatives[rank].child}
            components[rank]["properties"].append(child)
    return root


def _placed(relatives: tuple[Relative, ...]) -> Iterator[tuple[int | None, int]]:
    """In whose pedigree each stands (None: the model's), parents before what stands in them."""
    waiting: dict[str, list[int]] = {}
    for rank, relative in enumerate(relatives):
        waiting.setdefault(relative.child, []).append(rank)
    done: set[int] = set()
    starts = [*waiting.pop("", []), *range(len(relatives))]  # then orphans, and any one of a circle
    for start in starts:
        queue: list[tuple[int | None, int, int]] = [(None, start, 1)]
        for place, rank, depth in queue:  # the queue grows while it is walked
            if rank in done:
                continue
            done.add(rank)
            yield place, rank
            if depth < DEEPEST:
                inside = waiting.pop(relatives[rank].name, [])
                queue += [(rank, inner, depth + 1) for inner in inside]


def related(relative: Relative) -> Json:
    """What a related model is, before anything else is said of it."""
    return {"type": MODEL_TYPE, **named(relative.name)}


def _component(relative: Relative, ref: str, rank: int, version: str, trail: Trail) -> Json:
    methods = [method(o) for o in relative.observations]
    if relative.declared_in:
        methods.append(_declaration(relative))
    head = {"bom-ref": ref, **related(relative)}
    native = head | without_empty(
        {
            "version": relative.version,
            "licenses": plain_licences(relative.licences, version),
            "purl": relative.purl if is_purl(relative.purl) else "",
        }
    )
    if version != "1.6":
        native["isExternal"] = True
    if methods:
        about = {"field": "name", "concludedValue": relative.name, "methods": methods, "tools": [TOOL]}
        native["evidence"] = {"identity": [about]}
    native["properties"] = [{"name": RANK, "value": str(rank + 1)}]
    whole = relative.model_copy(update={"child": ""})
    return complete(whole, native, lambda node: {**_relative(node), "slot": relative.slot}, trail)


def method(observation: Observation) -> Json:
    """A measurement as a method of identifying a component."""
    confidence = observation.confidence
    about = f"Measured by {observation.signal}: {observation.summary}"
    about += _EQUAL if observation.equal else _DEPENDENT if confidence else _NONE
    technique = _TECHNIQUES.get(observation.signal.partition("/")[0], "other")
    return {"technique": technique, "confidence": confidence, "value": about}


def _declaration(relative: Relative) -> Json:
    kind = f" as {relative.declared_relation}" if relative.declared_relation else ""
    said = f"Declared: {relative.declared_in} names it as base model{kind}. {relative.claim_why}".strip()
    return {"technique": "manifest-analysis", "confidence": 0, "value": said}


def relatives_of(model: Node) -> list[tuple[Relative, Node]]:
    """Every related model in a component's pedigree, and in theirs, best first where ranks are given."""
    found: list[tuple[Relative, Node]] = []
    queue = [(model, "")]
    for holder, child in queue:  # the queue grows while it is walked
        place = holder.child("pedigree")
        for slot, key in KEYS.items() if place is not None else ():
            for node in place.children(key) if place is not None else ():
                if node.value.get("type") != MODEL_TYPE:
                    continue
                relative = _built(node, slot, child)
                if relative is not None:
                    found.append((relative, node))
                    queue.append((node, relative.name))
    ranks = [_rank(node, len(found)) for _, node in found]
    return [found[k] for k in sorted(range(len(found)), key=ranks.__getitem__)]


def _built(node: Node, slot: Slot, child: str) -> Relative | None:
    return build(Relative, node, lambda n: {**_relative(n), "slot": slot, "child": child})


def _rank(node: Node, last: int) -> int:
    listed = node.items("properties")
    rank = next((p.get("value") for p in listed if isinstance(p, dict) and p.get("name") == RANK), None)
    return int(rank) if isinstance(rank, str) and re.fullmatch("[0-9]{1,9}", rank) else last + 1


def _relative(node: Node) -> Fields:
    node.see("type")
    fields: Fields = {
        "name": name_of(node),
        "version": node.text("version", NAME),
        "purl": node.text("purl"),
        "licences": plain_licences_of(node),
    }
    evidence = node.child("evidence")
    listed = [m for i in (evidence.children("identity") if evidence is not None else ()) for m in i.children("methods")]
    observations: list[Fields] = []
    for each in listed:
        said = _declared_by(each)
        if said is None:
            observations += [_observation(each)]
        else:
            fields |= said
    return {**fields, "observations": observations}


def _declared_by(each: Node) -> Fields | None:
    value = each.value.get("value")
    match = _DECLARED.fullmatch(value) if isinstance(value, str) else None
    if match is None or each.value.get("technique") != "manifest-analysis" or one_line(match[0], 5_000) != match[0]:
        return None
    each.see("value")
    return {"declared_in": match[1], "declared_relation": match[2] or "", "claim_why": match[3] or ""}


def _observation(each: Node) -> Fields:
    """Signal and words of a method; others than ours are known by the technique alone."""
    value = each.value.get("value")
    match = _MEASURED.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        signal, summary = match[1], match[2]
        if (one_line(signal, NAME), one_line(summary)) == (signal, summary):
            each.see("value")
            return {"signal": signal, "summary": summary}
    return {"signal": each.text("technique", NAME), "summary": each.text("value")}
