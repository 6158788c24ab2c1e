"""A chain from ``forebear.compare/1``: B is the model in question, A the one that it may come from."""

from __future__ import annotations

from forebear.errors import InputError
from forebear.lineage.chain import Access, Chain, Node
from forebear.lineage.chains.base import Document, Reader, mapping, name, text
from forebear.lineage.chains.measured import measured_edge, verdict_of
from forebear.lineage.chains.scan import reference, revision_of

SCHEMA = "forebear.compare/1"


def read(document: Document) -> tuple[Chain, ...]:
    """The chain of B. A comparison asks no papers, so nothing is known of what B says about its parent."""
    models = [mapping(document.get(key), key) for key in ("a", "b")]
    names = [name(model.get("name"), "a model's name") for model in models]
    if not all(names):
        raise InputError("the comparison does not name both models")
    revision = revision_of(text(models[1].get("target"), "a model's target"))
    parent, subject = names
    if parent == subject:  # two folders of one name
        parent = text(models[0].get("target"), "a's target") or f"{parent} (A)"
    verdict = verdict_of(document.get("verdict"), "verdict")
    edge = measured_edge({**document, "name": parent}, subject, None)
    notes: tuple[str, ...] = ()
    if edge is None and mapping(document.get("relation"), "relation").get("direction") == "b_to_a":
        notes = (f"{parent} is related and is the later one, hence no ancestor.",)
    nodes, edges = ((reference(parent, models[0].get("target")),), (edge,)) if edge is not None else ((), ())
    own = Node(subject, revision=revision)
    return (Chain(own, nodes, edges, access=Access.WEIGHTS, verdict=verdict.value, notes=notes),)


READER = Reader("a result of compare", lambda document: document.get("schema") == SCHEMA, read)
