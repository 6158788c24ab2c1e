"""Small documents of every kind that makes a chain, as commands and suppliers write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator

from documents import registry
from forebear.lineage.chain import Chain, Edge
from forebear.report.schemas import schema
from forebear.types import to_json

Json = dict[str, Any]
MODEL = "machine-learning-model"
KIMI = "moonshotai/Kimi-K2.5"
PATH = "accounts/anysphere/models/kimi-k2p5-rl-0317-s515-fast"


def ancestor(name: str, verdict: str = "derived", way: str = "a_to_b", kind: str = "finetune", **details: Any) -> Json:
    """An ancestor of a scan."""
    relation = {"kind": kind, "direction": way, "confidence": None, "details": {"kinds": [kind], **details}}
    evidence = [{"signal": "sign-code/1", "supports": "related", "summary": f"Coins agree with {name}."}]
    return {"name": name, "verdict": verdict, "log10_p": -30.0, "relation": relation, "evidence": evidence, "why": "W."}


def claim(name: str, status: str = "unverified", why: str = "no reference") -> Json:
    """A claim of descent."""
    return {"claim": f"base model: {name}", "source": "README.md", "status": status, "why": why}


SCRATCH: Json = {"claim": "trained from scratch", "source": "README.md", "status": "unverified", "why": "nothing found"}


def scan(ancestors: Sequence[Json] = (), claims: Sequence[Json] = (), name: str = "mine", **more: Any) -> Json:
    """A result of ``scan`` whose verdict is that of its first ancestor."""
    verdict = ancestors[0]["verdict"] if ancestors else "inconclusive"
    model = {"target": name, "name": name, "digest": None}
    body = {"verdict": verdict, "ancestors": list(ancestors), "claims": list(claims), "licence": None, "nominated": []}
    return {"schema": "forebear.scan/1", "model": model, **body, **more}


def compare(verdict: str, way: str = "unknown", kind: str = "unknown", a: str = "base", b: str = "child") -> Json:
    """A result of ``compare``."""
    models = {key: {"target": f"./{name}", "name": name, "digest": None} for key, name in (("a", a), ("b", b))}
    relation = {"kind": kind, "direction": way, "confidence": None, "details": {"kinds": [kind]}}
    said = {"verdict": verdict, "log10_p": -30.0, "relation": relation, "evidence": [], "why": "W."}
    return {"schema": "forebear.compare/1", **models, **said}


def probe(
    candidates: Mapping[str, Sequence[str]] = {},
    served: Sequence[str] = (),
    model: str = "acme-coder",
    status: str = "unverified",
    **more: Any,
) -> Json:
    """A result of ``probe``: candidates with the signals that support them, and what the server names."""
    told = [{"name": n, "grade": "probable", "why": "W", "signals": list(s)} for n, s in candidates.items()]
    named = [{"identifier": n, "role": "served", "echo": False, "count": 1} for n in served]
    said = {"claim": f"it serves {model}", "source": "the name of the model", "status": status, "why": "W"}
    body = {"candidates": told, "identifiers": named, "claims": [said], "findings": [], "verdict": "inconclusive"}
    return {"schema": "forebear.probe/1", "endpoint": {"url": "https://api.example/v1"}, "model": model, **body, **more}


def traffic(*identifiers: Json) -> Json:
    """A result of ``traffic``."""
    return {"schema": "forebear.traffic/1", "identifiers": list(identifiers)}


def named(identifier: str, *roles: str, records: Sequence[int] = (1,)) -> Json:
    """An identifier of a capture with its places."""
    places = [{"file": "c.har", "record": r, "part": "a body", "role": role} for role in roles for r in records]
    return {"identifier": identifier, "kind": "name", "roles": dict.fromkeys(roles, len(records)), "where": places}


def component(name: str, ancestors: Sequence[Json] = (), **more: Any) -> Json:
    """A model of a CycloneDX bill of materials."""
    pedigree = {"pedigree": {"ancestors": list(ancestors)}} if ancestors else {}
    return {"type": MODEL, "name": name, **pedigree, **more}


def bill(main: Json, *components: Json, **more: Any) -> Json:
    """A CycloneDX bill of materials."""
    return {"bomFormat": "CycloneDX", "metadata": {"component": main}, "components": list(components), **more}


def said(values: Mapping[str, str]) -> Json:
    """Properties of a component, in our namespace."""
    return {"properties": [{"name": f"forebear:{key}", "value": value} for key, value in values.items()]}


def edge(chain: Chain, parent: str, child: str = "") -> Edge:
    """The one edge from a parent, by its name in the chain."""
    found = [e for e in chain.edges if e.parent == parent and child in ("", e.child)]
    assert len(found) == 1, [(e.parent, e.child, e.kind) for e in chain.edges]
    return found[0]


def check_value(value: Any, name: str) -> None:
    """Fail unless a value satisfies one of the shipped schemas."""
    Draft202012Validator(schema(name), registry=registry()).validate(to_json(value))
