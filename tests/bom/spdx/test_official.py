"""The standard's own means: SHACL shapes of the official ontology, and the official Python bindings."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bom.spdx.typical import BARE, RECORD
from forebear.bom import spdx
from forebear.bom.record import Record
from forebear.types import Json

STANDARDS = Path(__file__).parents[2] / "data" / "standards"
SH = "http://www.w3.org/ns/shacl#"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


@cache
def _shapes() -> Any:
    rdflib = pytest.importorskip("rdflib")
    return rdflib.Graph().parse(STANDARDS / "spdx-model-3.0.1.ttl")


def _violated(document: Json) -> set[str]:
    """Paths of the properties by which the document violates the official shapes; "" for what is about no property."""
    pyshacl = pytest.importorskip("pyshacl")
    rdflib = pytest.importorskip("rdflib")
    context = json.loads((STANDARDS / "spdx-context-3.0.1.jsonld").read_text("utf-8"))["@context"]
    graph = rdflib.Graph().parse(data=json.dumps({**document, "@context": context}), format="json-ld")
    assert len(graph) > len(document["@graph"])
    _, results, _ = pyshacl.validate(graph, shacl_graph=_shapes(), ont_graph=_shapes())
    path, kind = rdflib.URIRef(SH + "resultPath"), rdflib.URIRef(SH + "ValidationResult")
    return {str(results.value(r, path) or "") for r in results.subjects(rdflib.RDF.type, kind)}


@pytest.mark.parametrize("record", [RECORD, BARE], ids=["typical", "bare"])
def test_our_documents_conform_to_the_shapes(record: Record) -> None:
    assert _violated(spdx.write(record)) == set()


def test_the_shapes_can_fail() -> None:
    document = spdx.write(RECORD)
    for node in document["@graph"]:
        if node["type"] == "build_Build":
            del node["build_buildType"]
        if node["type"] == "Annotation":
            node["subject"] = "urn:nothing:here"
    found = _violated(document)
    assert any(path.endswith("/buildType") for path in found)
    assert any(path.endswith("/subject") for path in found)


def test_the_official_bindings_read_every_element() -> None:
    bindings = pytest.importorskip("spdx_python_model").v3_0_1
    document = spdx.write(RECORD)
    found = bindings.SHACLObjectSet()
    bindings.JSONLDDeserializer().read(io.BytesIO(json.dumps(document).encode()), found)
    ids = {each._id for each in found.foreach_type(bindings.Element)}
    assert ids == {node["spdxId"] for node in document["@graph"][1:]}
    model = next(each for each in found.foreach_type(bindings.ai_AIPackage) if each.name == "org/child")
    assert list(model.ai_domain) == ["text-generation"]
    assert model.suppliedBy.name == "Example GmbH"
    broken = {**document, "@graph": [{**node, "colour": "blue"} for node in document["@graph"]]}
    with pytest.raises(Exception, match="colour"):
        bindings.JSONLDDeserializer().read(io.BytesIO(json.dumps(broken).encode()), bindings.SHACLObjectSet())
