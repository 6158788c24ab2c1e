#!/usr/bin/env python3
"""Reference checker of the AI lineage profile: python check.py BOM.json [--level declared|attested|measured] [--view]

Reads a CycloneDX (1.5 and later, JSON) or SPDX 3 (JSON-LD) document, takes the lineage view out of it as README.md
says, and holds it against lineage.schema.json and the rules that a JSON Schema cannot express. It needs ``jsonschema``
and nothing else, and shares no code with any tool that writes such documents.

Prints one line per violation. Exit code 0: conforms at the level asked for (default declared); 1: does not; 2: the
document cannot be read, or has no lineage view.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema

PROFILE = "0.1"
KEY = "ai-lineage"
LEVELS = ("declared", "attested", "measured")
LIMIT = 50_000_000
DEEPEST = 50
ROUNDING = 0.01
"""By how much log10 of a p-value may be smaller than its least, for it may have been rounded."""
Json = dict[str, Any]


class NoLineage(Exception):
    """The document is not one that has a lineage view."""


def parsed(text: str | bytes) -> Any:
    """JSON in which a key stands once and every number is one: two readers of anything else may read two documents."""

    def once(pairs: list[tuple[str, Any]]) -> Json:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ValueError(f"the key {twice[:80]!r} stands twice in one object")
        return found

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no number of JSON")

    return json.loads(text, object_pairs_hook=once, parse_constant=refuse)


# --- CycloneDX -------------------------------------------------------------------------------------------------------


def from_cyclonedx(bom: Json) -> Json:
    """The lineage view of a CycloneDX document."""
    metadata = bom.get("metadata", {})
    main = metadata.get("component", {})
    if main.get("type") != "machine-learning-model":
        raise NoLineage("metadata.component is no machine-learning-model")
    own = properties(main)
    subject = model_of(main)
    files = [c for c in bom.get("components", []) if c.get("type") == "file"]
    digests = hashes(main) or [h for f in files for h in hashes(f)]
    subject["delivered"] = own.get(f"{KEY}:delivered", ["service" if bom.get("services") else "weights"])[0]
    if digests:
        subject["digests"] = digests
    ancestors: list[Json] = []
    variants: list[Json] = []
    walk(main, subject["name"], ancestors, variants, 0)
    names = {c["bom-ref"]: full_name(c) for c in components(bom) if "bom-ref" in c}
    data = [dataset_of(c) for c in bom.get("components", []) if c.get("type") == "data"]
    people = [metadata.get(key) for key in ("manufacturer", "manufacture", "supplier")]
    authors = [p["name"] for p in [*metadata.get("authors", []), *people] if p and p.get("name")]
    stated = own.get(f"{KEY}:profile", [""])[0]
    return {
        "profile": stated,
        "author": authors[0] if authors else "",
        "created": metadata.get("timestamp", ""),
        "subject": subject,
        "ancestors": ancestors,
        "variants": variants,
        "stages": list(stages_of(bom, names)),
        "data": data or own.get(f"{KEY}:data", [None])[0],
    }


def walk(child: Json, name: str, ancestors: list[Json], variants: list[Json], depth: int) -> None:
    """Everything in the pedigree of a component, and in the pedigrees of its ancestors."""
    if depth > DEEPEST:
        raise NoLineage(f"the pedigree is deeper than {DEEPEST} levels")
    pedigree = child.get("pedigree", {})
    for key, found in (("ancestors", ancestors), ("variants", variants)):
        for relative in pedigree.get(key, []):
            entry = {**model_of(relative), "of": name, **step_of(properties(relative))}
            links = [r for r in relative.get("externalReferences", []) if r.get("type") == "attestation"]
            for link in links:
                summary = link.get("comment") or "A signed statement."
                entry["evidence"].append({"method": "attestation", "attestation": link["url"], "summary": summary})
            found.append(entry)
            walk(relative, entry["name"], ancestors, variants, depth + 1)


def model_of(component: Json) -> Json:
    """Name, version, parent, licence and producer of a component."""
    said = properties(component)
    out: Json = {"name": full_name(component)}
    if component.get("version"):
        out["version"] = component["version"]
    if component.get("purl"):
        out["identifier"] = component["purl"]
    if hashes(component):
        out["digests"] = hashes(component)
    has_parent = bool(component.get("pedigree", {}).get("ancestors"))
    out["parent"] = said.get(f"{KEY}:parent", ["stated" if has_parent else None])[0]
    out["licence"] = licences(component) or said.get(f"{KEY}:licence", [None])[0]
    maker = component.get("manufacturer") or component.get("supplier") or {}
    name = maker.get("name") or component.get("publisher")
    if name:
        stated = [c.split(" ", 1) for c in said.get(f"{KEY}:country", [])]
        countries = [dict(zip(("country", "tie"), pair, strict=False)) for pair in stated]
        if not countries and maker.get("address", {}).get("country"):
            countries = [{"country": maker["address"]["country"], "tie": "address"}]
        out["producer"] = {"name": name, "countries": countries or said.get(f"{KEY}:countries", [None])[0]}
    else:
        out["producer"] = said.get(f"{KEY}:producer", [None])[0]
    if said.get(f"{KEY}:contradicted"):
        out["contradictions"] = said[f"{KEY}:contradicted"]
    return out


def step_of(said: dict[str, list[str]]) -> Json:
    """Relation, assurance and evidence of a relative."""
    out: Json = {"assurance": said.get(f"{KEY}:assurance", [None])[0]}
    for key in ("relation", "component"):
        if f"{KEY}:{key}" in said:
            out[key] = said[f"{KEY}:{key}"][0]
    out["evidence"] = [parsed(text) for text in said.get(f"{KEY}:evidence", [])]
    return out


def stages_of(bom: Json, names: dict[str, str]) -> Iterator[Json]:
    """Tasks of the formulation that say which stage they are."""
    for formula in bom.get("formulation", []):
        for workflow in formula.get("workflows", []):
            for task in workflow.get("tasks", []):
                said = properties(task)
                if f"{KEY}:stage" not in said:
                    continue
                stage: Json = {"kind": said[f"{KEY}:stage"][0]}
                for key in ("method", "reward"):
                    if f"{KEY}:{key}" in said:
                        stage[key] = said[f"{KEY}:{key}"][0]
                refs = [i.get("resource", {}).get("ref") for i in task.get("inputs", [])]
                stage["inputs"] = [names[r] for r in refs if r in names]
                yield stage


def dataset_of(component: Json) -> Json:
    """A dataset."""
    out: Json = {"name": full_name(component)}
    if role := properties(component).get(f"{KEY}:role"):
        out["role"] = role[0]
    if licences(component):
        out["licence"] = ", ".join(licences(component))
    return out


def properties(thing: Json) -> dict[str, list[str]]:
    """Values by name."""
    out: dict[str, list[str]] = {}
    for entry in thing.get("properties", []):
        out.setdefault(entry["name"], []).append(entry.get("value", ""))
    return out


def components(thing: Json) -> Iterator[Json]:
    """Every component in a document, wherever it stands."""
    waiting: list[Any] = [thing]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            if "type" in here and "name" in here:
                yield here
            waiting += here.values()
        elif isinstance(here, list):
            waiting += here


def full_name(component: Json) -> str:
    """Group and name."""
    return "/".join(part for part in (component.get("group"), component.get("name")) if part)


def hashes(thing: Json) -> list[Json]:
    """Digests."""
    return [{"algorithm": h["alg"], "value": h["content"]} for h in thing.get("hashes", [])]


def licences(component: Json) -> list[str]:
    """Identifiers, names and expressions."""
    out = []
    for entry in component.get("licenses", []):
        licence = entry.get("license", {})
        out += [text for text in (licence.get("id"), licence.get("name"), entry.get("expression")) if text]
    return out


# --- SPDX ------------------------------------------------------------------------------------------------------------


class Graph:
    """The elements and relationships of an SPDX document."""

    def __init__(self, graph: list[Json]) -> None:
        self.by_id: dict[str, Json] = {str(e.get("spdxId") or e.get("@id")): e for e in graph}
        self.links: list[Json] = [e for e in graph if str(e.get("type", "")).endswith("Relationship")]
        self.notes: dict[str, Json] = {}
        for note in (e for e in graph if e.get("type") == "Annotation" and e.get("contentType") == "application/json"):
            text = note.get("statement", "")
            try:
                said = parsed(text)
            except ValueError:
                if KEY in str(text):
                    raise
                continue  # somebody else's annotation
            if isinstance(said, dict) and isinstance(said.get(KEY), dict):
                self.notes.setdefault(str(note.get("subject")), {}).update(said[KEY])

    def pairs(self, kind: str) -> Iterator[tuple[str, str, str]]:
        """From, to and id of every relationship of a kind."""
        for link in self.links:
            if link.get("relationshipType") == kind:
                to = link.get("to", [])
                for end in [to] if isinstance(to, str) else to:
                    yield str(link.get("from")), str(end), str(link.get("spdxId"))

    def ends(self) -> Iterator[tuple[str, str, str]]:
        """From, to and kind of every relationship."""
        for kind in dict.fromkeys(str(link.get("relationshipType")) for link in self.links):
            yield from ((a, b, kind) for a, b, _ in self.pairs(kind))

    def name(self, own: str) -> str:
        """What an element is called."""
        return str(self.by_id.get(own, {}).get("name", ""))


def from_spdx(bom: Json) -> Json:
    """The lineage view of an SPDX 3 document."""
    graph = Graph(bom["@graph"])
    packages = {i for i, e in graph.by_id.items() if e.get("type") == "ai_AIPackage"}
    steps = [(a, b, r) for a, b, r in graph.pairs("ancestorOf")]
    known = {(a, b) for a, b, _ in steps}
    steps += [(b, a, r) for a, b, r in graph.pairs("descendantOf") if (b, a) not in known]
    every = steps
    above = {a for a, _, _ in steps}
    aside = {b for _, b, _ in graph.pairs("hasVariant")}
    made_with = {b for kind in ("hasInput", "generates") for _, b, _ in graph.pairs(kind)}
    roots = [r for e in graph.by_id.values() for r in e.get("rootElement", []) if r in packages]
    subjects = roots or sorted(packages - above - aside - made_with) or sorted(packages - above - aside)
    if not subjects:
        raise NoLineage("the document describes no AI package that is nobody's ancestor")
    own = subjects[0]
    reached, waiting = {own}, [own]
    while waiting:
        here = waiting.pop()
        new = {a for a, b, _ in every if b == here} - reached
        reached |= new
        waiting += new
    steps = [(a, b, r) for a, b, r in every if b in reached]
    subject = package_of(own, graph, {b for _, b, _ in steps})
    said = graph.notes.get(own, {})
    subject["delivered"] = said.get("delivered", "weights")
    files = [b for kind in ("contains", "hasDataFile") for a, b, _ in graph.pairs(kind) if a == own]
    digests = subject.get("digests") or [h for f in files for h in verified(graph.by_id.get(f, {}))]
    if digests:
        subject["digests"] = digests
    children = {b for _, b, _ in steps}
    ancestors = [relative(a, b, r, graph, children) for a, b, r in steps]
    variants = [relative(b, a, r, graph, children) for a, b, r in graph.pairs("hasVariant") if a in reached]
    sets = {i for i, e in graph.by_id.items() if e.get("type") == "dataset_DatasetPackage"}
    ends = {b: graph.name(b) for a, b, kind in graph.ends() if a == own and b in sets and kind != "testedOn"}
    data = [{"name": name} for name in ends.values()]
    creation: Json = next((e for e in bom["@graph"] if e.get("type") == "CreationInfo"), {})
    agents = [a for a in creation.get("createdBy", []) if graph.by_id.get(a, {}).get("type") != "SoftwareAgent"]
    authors = [graph.name(a) for a in agents]
    return {
        "profile": said.get("profile", ""),
        "author": authors[0] if authors else "",
        "created": creation.get("created", ""),
        "subject": subject,
        "ancestors": ancestors,
        "variants": variants,
        "stages": list(builds_of(graph)),
        "data": data or said.get("data"),
    }


def relative(own: str, child: str, link: str, graph: Graph, children: set[str]) -> Json:
    """An ancestor or a variant."""
    said = graph.notes.get(link, {})
    step: Json = {"of": graph.name(child), "assurance": said.get("assurance"), "evidence": said.get("evidence", [])}
    step |= {key: said[key] for key in ("relation", "component") if key in said}
    return {**package_of(own, graph, children), **step}


def package_of(own: str, graph: Graph, children: set[str]) -> Json:
    """Name, version, parent, licence and producer of a package."""
    package, said = graph.by_id.get(own, {}), graph.notes.get(own, {})
    out: Json = {"name": package.get("name", "")}
    if package.get("software_packageVersion"):
        out["version"] = package["software_packageVersion"]
    if package.get("software_packageUrl"):
        out["identifier"] = package["software_packageUrl"]
    if verified(package):
        out["digests"] = verified(package)
    out["parent"] = said.get("parent", "stated" if own in children else None)
    found = []
    for kind in ("hasDeclaredLicense", "hasConcludedLicense"):
        for start, end, _ in graph.pairs(kind):
            text = graph.by_id.get(end, {}).get("simplelicensing_licenseExpression")
            found += [text] if start == own and text and text not in found else []
    out["licence"] = found or said.get("licence")
    supplier = package.get("suppliedBy") or next(iter(package.get("originatedBy", [])), None)
    name = graph.name(str(supplier)) if supplier else ""
    countries = graph.notes.get(str(supplier), {}).get("countries")
    out["producer"] = {"name": name, "countries": countries} if name else said.get("producer")
    if said.get("contradictions"):
        out["contradictions"] = said["contradictions"]
    return out


def builds_of(graph: Graph) -> Iterator[Json]:
    """Builds that say which stage they are."""
    for own, element in graph.by_id.items():
        said = graph.notes.get(own, {})
        if element.get("type") == "build_Build" and "stage" in said:
            stage: Json = {"kind": said["stage"], **{k: said[k] for k in ("method", "reward") if k in said}}
            stage["inputs"] = [graph.name(b) for a, b, _ in graph.pairs("hasInput") if a == own]
            yield stage


def verified(element: Json) -> list[Json]:
    """Digests."""
    given = [h for h in element.get("verifiedUsing", []) if isinstance(h, dict) and "hashValue" in h]
    return [{"algorithm": h.get("algorithm", ""), "value": h["hashValue"]} for h in given]


# --- rules -----------------------------------------------------------------------------------------------------------


def view_of(bom: Any) -> Json:
    """The lineage view of a document in either format; ``NoLineage`` where there is none."""
    try:
        if isinstance(bom, dict) and bom.get("bomFormat") == "CycloneDX":
            return from_cyclonedx(bom)
        if isinstance(bom, dict) and isinstance(bom.get("@graph"), list):
            return from_spdx(bom)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NoLineage(f"a part of the document is of the wrong kind ({type(error).__name__}: {error})") from None
    raise NoLineage("neither CycloneDX JSON nor SPDX 3 JSON-LD")


def check(view: Json, level: str = "declared") -> Iterator[tuple[str, str]]:
    """Rule and what violates it; nothing for a view that conforms."""
    schema = json.loads((Path(__file__).parent / "lineage.schema.json").read_text("utf-8"))
    for error in jsonschema.Draft202012Validator(schema).iter_errors(view):
        yield "L1", f"{'/'.join(map(str, error.absolute_path)) or 'the view'}: {error.message[:200]}"
    ancestors, variants = view.get("ancestors") or [], view.get("variants") or []
    subject = view.get("subject", {})
    yield from ends(subject, ancestors)
    for variant in variants:
        same = any(a.get("name") == variant.get("name") and a.get("of") == variant.get("of") for a in ancestors)
        if same:
            yield "L3", f"{variant.get('name')} is both an ancestor and a variant of {variant.get('of')}"
    relations = {a.get("relation") for a in ancestors if a.get("of") == subject.get("name")}
    if relations - {"identical", "same_model", "converted"} and not view.get("stages"):
        yield "L4", "no stage says what was done between the parent and the model"
    if subject.get("delivered") == "weights" and not (subject.get("version") or subject.get("digests")):
        yield "L5", "neither a version nor a digest says which model this is"
    wanted = LEVELS.index(level)
    for step in ancestors:
        if step.get("assurance") in LEVELS and LEVELS.index(step["assurance"]) < wanted:
            yield "L6", f"{step.get('name')} is {step['assurance']}, and {level} is asked for"
    for step in [*ancestors, *variants]:
        yield from impossible(step)


def impossible(step: Json) -> Iterator[tuple[str, str]]:
    """Exact p-values that are smaller than the observations behind them can give: n fair coins give 2 to the -n."""
    for evidence in step.get("evidence") or []:
        if not isinstance(evidence, dict) or evidence.get("test") != "exact":
            continue
        n, log10_p = evidence.get("n"), evidence.get("log10_p")
        if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in (n, log10_p)):
            continue  # L1 says what is missing
        least = -float(min(n, 10**9)) * math.log10(2)
        if log10_p < least - ROUNDING:
            why = f"{n} observations give no p-value below 10^{least:.1f}, and 10^{log10_p:g} is stated"
            yield "L7", f"{evidence.get('method')} on {step.get('name')}: {why}"


def ends(subject: Json, ancestors: list[Json]) -> Iterator[tuple[str, str]]:
    """Every line of descent is stated up to a model that has no parent, or whose parent is withheld or unknown."""
    above: dict[str, list[str]] = {}
    for step in ancestors:
        above.setdefault(str(step.get("of")), []).append(str(step.get("name")))
    for name in above:
        seen, waiting = set(), list(above[name])
        while waiting:
            here = waiting.pop()
            if here == name:
                yield "L2", f"{name} is its own ancestor"
                break
            if here not in seen:
                seen.add(here)
                waiting += above.get(here, [])
    for model in [subject, *ancestors]:
        if model.get("parent") == "stated" and str(model.get("name")) not in above:
            yield "L2", f"the parent of {model.get('name')} is said to be stated and is not there"
        if model.get("parent") in ("none", "withheld", "unknown") and str(model.get("name")) in above:
            yield "L2", f"{model.get('name')} has ancestors although its parent is {model['parent']}"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("bom")
    parser.add_argument("--level", choices=LEVELS, default="declared")
    parser.add_argument("--view", action="store_true", help="print the lineage view and stop")
    given = parser.parse_args()
    try:
        raw = Path(given.bom).read_bytes()
        if len(raw) > LIMIT:
            raise NoLineage(f"{len(raw):,} bytes, more than the {LIMIT:,} that are read")
        view = view_of(parsed(raw))
    except (OSError, ValueError, RecursionError, NoLineage) as error:
        sys.stderr.write(f"{given.bom}: {error}\n")
        return 2
    if given.view:
        sys.stdout.write(json.dumps(view, indent=2, ensure_ascii=False) + "\n")
        return 0
    broken = list(check(view, given.level))
    for rule, what in broken:
        sys.stdout.write(f"{rule} violated: {what}\n")
    if not broken:
        sys.stdout.write(f"conforms to the AI lineage profile {PROFILE}, level {given.level}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
