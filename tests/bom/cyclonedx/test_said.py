"""Who says what: citations, claims, findings, gaps."""

from __future__ import annotations

from typing import Any

import pytest

from bom.cyclonedx.documents import at, properties, record
from forebear.bom.cyclonedx import read, write
from forebear.bom.record import Attribution, ClaimRecord, File, FindingRecord, Model, Status
from forebear.bom.training import Dataset
from forebear.bom.values import Basis, Gap, GapState, Observation, Said, Setting
from forebear.types import Level, Test

CARD = Said(by="README.md", note="Front matter.")
TOOL = Said(basis=Basis.MEASURED, by="forebear")
MODEL = Model(
    name="org/model",
    task="text-generation",
    library="transformers",
    family="llama",
    parameters=7,
    sizes=(Setting(name="layers", value="2"),),
)
ATTRIBUTIONS = (
    Attribution(fields=("task", "library"), said=CARD),
    Attribution(fields=("family", "parameters", "sizes"), said=TOOL),
)
COINS = Observation(signal="sign-code/1", summary="4,000 of 4,096 coins agree.", test=Test.EXACT, n=4096, log10_e=-9.0)


def written(version: str = "1.7", **fields: Any) -> Any:
    said = record(**{"model": MODEL, "files": (File(path="README.md"),), **fields})
    document = write(said, version)
    assert read(document).records == (said,)
    return document


def test_fields_are_attributed_to_the_file_or_the_tool_that_says_them() -> None:
    document = written(attributions=ATTRIBUTIONS)
    card, tool = document["citations"][:2]
    assert card["attributedTo"] == "file/README.md"
    assert card["note"] == "declared: Front matter."
    assert [at(document, each) for each in card["pointers"]] == [
        "text-generation",
        {"name": "forebear:library", "value": "transformers"},
    ]
    assert tool["attributedTo"] == "tool"
    assert at(document, tool["pointers"][0]) == "llama"
    assert {at(document, each)["value"] for each in tool["pointers"][1:]} == {"7", "1", "layers", "2"}
    assert not [name for name in properties(document) if name.startswith("attributions")]


def test_before_citations_were_there_properties_say_it() -> None:
    document = written("1.6", attributions=ATTRIBUTIONS)
    assert "citations" not in document
    assert properties(document)["attributions.0.said.by"] == "README.md"


@pytest.mark.parametrize("created", ["", "yesterday", "2026-01-02"])
def test_without_a_time_there_is_no_citation_and_nothing_is_lost(created: str) -> None:
    findings = (FindingRecord(id="bom-incomplete", level=Level.NOTE, message="So it is."),)
    document = written(attributions=ATTRIBUTIONS, created=created, findings=findings)
    assert not {"citations", "annotations", "timestamp"} & (set(document) | set(document["metadata"]))


def test_who_is_not_in_the_document_is_not_cited() -> None:
    document = written(attributions=(Attribution(fields=("task",), said=Said(by="a press release")),))
    assert {each["attributedTo"] for each in document.get("citations", ())} <= {"tool", "file/README.md"}
    assert properties(document)["attributions.0.said.by"] == "a press release"


def test_who_is_not_cited_is_put_in_between_those_who_are() -> None:
    uncited = Attribution(fields=("name",), said=Said(note="Its folder."))
    document = written(attributions=(ATTRIBUTIONS[0], uncited, ATTRIBUTIONS[1]))
    listed = {name: text for name, text in properties(document).items() if name.startswith("attributions")}
    assert listed["attributions.+1.fields.0"] == "name"
    assert all(name.startswith("attributions.+1.") for name in listed)


def test_parts_are_cited_too() -> None:
    document = written(datasets=(Dataset(name="org/data", said=CARD),))
    pointers = {p: c["attributedTo"] for c in document["citations"] for p in c["pointers"]}
    assert pointers["/components/1"] == "file/README.md"


def test_a_citation_by_another_tool() -> None:
    component = {"type": "machine-learning-model", "name": "m", "description": "A model.", "copyright": "c"}
    citation = {
        "pointers": ["/metadata/component/description", "/metadata/component/copyright"],
        "timestamp": "2026-01-02T03:04:05Z",
        "attributedTo": "card",
        "note": "Measured with care.",
    }
    card = {"type": "file", "bom-ref": "card", "name": "README.md"}
    document = {"bomFormat": "CycloneDX", "specVersion": "1.7", "metadata": {"component": component}}
    reading = read({**document, "components": [card], "citations": [citation]})
    (attribution,) = reading.records[0].attributions
    assert attribution == Attribution(fields=("description",), said=Said(by="README.md", note="Measured with care."))
    assert "/citations/0/pointers/1" in reading.unread
    assert "/citations/0/pointers/0" not in reading.unread


def test_evidence_against_a_claim_is_counter_evidence() -> None:
    claims = (
        ClaimRecord(
            claim="trained from scratch", status=Status.CONTRADICTED, why="Coins.", evidence=(COINS,), said=CARD
        ),
        ClaimRecord(claim="base model: org/base", status=Status.CONFIRMED, evidence=(COINS,)),
        ClaimRecord(claim="trained in Europe"),
    )
    declared = written(claims=claims)["declarations"]
    against, confirmed, open_ = declared["claims"]
    assert against["counterEvidence"] == ["evidence/1/1"]
    assert "evidence" not in against
    assert confirmed["evidence"] == ["evidence/2/1"]
    assert not {"evidence", "counterEvidence"} & set(open_)
    assert [each["map"] for each in declared["attestations"]] == [
        [{"claims": ["claim/2"]}],
        [{"counterClaims": ["claim/1"]}],
    ]


def test_an_unsettled_claim_is_attested_by_nobody() -> None:
    declared = written(claims=(ClaimRecord(claim="trained in Europe"),))["declarations"]
    assert set(declared) == {"claims"}


def test_a_claim_with_evidence_on_both_sides_is_not_weighed() -> None:
    claim = {"predicate": "safe", "evidence": ["e"], "counterEvidence": ["f"]}
    evidence = [{"bom-ref": "e", "propertyName": "for"}, {"bom-ref": "f", "propertyName": "against"}]
    model = {"component": {"type": "machine-learning-model", "name": "m"}}
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": model}
    reading = read({**document, "declarations": {"claims": [claim], "evidence": evidence}})
    (found,) = reading.records[0].claims
    assert (found.status, [each.signal for each in found.evidence]) == (Status.UNVERIFIED, ["for"])
    assert "/declarations/claims/0/counterEvidence/0" in reading.unread
    assert "/declarations/evidence/1/propertyName" in reading.unread


def test_findings_are_remarks_of_the_tool() -> None:
    finding = FindingRecord(id="claim-contradicted", level=Level.ERROR, message="It is not so.", clears="Say so.")
    (remark,) = written(findings=(finding,))["annotations"]
    assert remark["subjects"] == ["model"]
    assert remark["annotator"]["component"]["name"] == "forebear"
    assert remark["text"] == "[error] claim-contradicted: It is not so. What would clear it: Say so."


def test_remarks_by_others_are_no_findings_of_ours() -> None:
    remark = {"subjects": ["m"], "annotator": {"individual": {"name": "A"}}, "timestamp": "", "text": "error: bad"}
    model = {"component": {"type": "machine-learning-model", "name": "m"}}
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": model, "annotations": [remark]}
    reading = read(document)
    assert reading.records[0].findings == ()
    assert "/annotations/0/text" in reading.unread


def test_withheld_is_not_unknown_and_neither_is_nothing() -> None:
    gaps = (
        Gap(field="training_data", state=GapState.WITHHELD, why="A trade secret.", said=CARD),
        Gap(field="licence", state=GapState.UNKNOWN),
    )
    document = written(gaps=gaps)
    assert properties(document)["gaps.0.state"] == "withheld"
    assert properties(document)["gaps.1.state"] == "unknown"
    assert document["compositions"][0]["aggregate"] == "incomplete"
    assert "licenses" not in document["metadata"]["component"]
