"""Bills of materials from saved results: a product behind an API, a model that was scanned, and damaged documents."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boms import check_bom
from chained import SCRATCH, ancestor, claim, compare, named, probe, scan, traffic
from forebear.bom import cyclonedx
from forebear.bom.record import Record, Relative, Slot
from forebear.bom.stages.declaration_file import parse
from forebear.bom.values import Basis
from forebear.errors import ForebearError, InputError, UsageError
from forebear.inspect import write_bom
from forebear.inspect.bom_result import is_result, record_of_result
from forebear.lineage.chains import chain_of

LEAK = "accounts/anysphere/models/kimi-k2p5-rl-0317-s515-fast"
MOST = {"measured": 4, "probable": 3, "declared": 2, "catalogued": 1, "possible": 0}


def record(document: dict[str, Any], model: str = "") -> Record:
    found = record_of_result(document, model=model)
    check_bom(cyclonedx.write(found))
    return found


def own(found: Record) -> list[Relative]:
    return [r for r in found.relatives if not r.child]


def test_a_probed_product_has_a_service_and_the_model_behind_as_probable() -> None:
    found = record(probe({"kimi k2.5": ["agreement/1", "token-counts/1"]}, [LEAK]))
    (service,) = found.services
    assert (service.name, service.endpoints, service.identifiers) == (
        "acme-coder",
        ("https://api.example/v1",),
        (LEAK,),
    )
    assert service.said.basis is Basis.PROBED and found.model.name == "acme-coder"
    (behind,) = [r for r in own(found) if "Kimi" in r.name or "kimi" in r.name]
    assert (behind.slot, behind.standing, behind.relation) == (Slot.ANCESTOR, "probable", "rl")
    assert behind.said.basis is Basis.PROBED and behind.verdict is None
    assert {g.field for g in found.gaps} >= {"weights", "training_data", "version"}
    assert found.files == () and found.verdict is None and found.stages == ()


@pytest.mark.parametrize(
    "document",
    [
        probe({"kimi k2.5": ["agreement/1"]}),
        probe({}, [LEAK]),
        traffic(named("acme-coder", "asked"), named(LEAK, "served")),
    ],
)
def test_a_name_or_behaviour_alone_is_a_variant_that_is_possible(document: dict[str, Any]) -> None:
    found = record(document)
    assert [(r.slot, r.standing) for r in own(found)] in ([(Slot.VARIANT, "possible")], [])
    assert not any(r.slot is Slot.ANCESTOR for r in own(found))
    assert not any(x.inherited_from for x in found.licences), "nothing is inherited by a leak"


def test_token_counts_alone_name_no_model() -> None:
    found = record(probe({"kimi k2.5": ["token-counts/1"]}))
    assert own(found) == [] and "no ancestor follows" in found.notes


def test_behaviour_keeps_its_p_value_and_stays_heuristic() -> None:
    entry = {"candidate": "kimi k2.5", "agreement": 0.9, "agreed": 45, "prompts": 50, "controls": []}
    behaviour = [{**entry, "log10_p": -6.0, "test": "heuristic", "null": "as near as to a control"}]
    document = probe({"kimi k2.5": ["agreement/1", "token-counts/1"]}, behaviour=behaviour)
    found = own(record(document))[0].observations
    seen = {o.signal: o for o in found}
    assert (seen["agreement/1"].log10_p, seen["agreement/1"].test, seen["agreement/1"].n) == (-6.0, "heuristic", 50)
    assert seen["agreement/1"].confidence == 0 and seen["token-counts/1"].log10_p is None


def test_a_product_that_the_catalogue_knows_brings_its_sources() -> None:
    found = record(traffic(named("composer-2", "asked"), named(LEAK, "served")))
    (parent,) = own(found)
    assert (parent.name, parent.standing, parent.said.basis) == ("Kimi-K2.5", "catalogued", Basis.CATALOGUED)
    makers = {o.model: o.name for o in found.organisations}
    assert makers[""].startswith("Anysphere") and makers["Kimi-K2.5"] == "Moonshot AI"
    assert any(s.name == "identified as" for s in found.model.properties)


def test_an_address_with_a_secret_is_left_out() -> None:
    document = probe({}, endpoint={"url": "https://user:pass@api.example/v1?key=abc"})
    assert record(document).services[0].endpoints == ()


def test_a_scan_keeps_verdict_evidence_and_claims() -> None:
    first = ancestor("org/base") | {"log10_e": -28.0, "digest": "ab" * 20}
    first["evidence"][0] |= {"kind": "weights", "test": "exact", "null": "independent initialisation", "log10_p": -30.0}
    document = scan([first], [claim("org/base", "confirmed", "it fits"), SCRATCH], name="acme/mine")
    found = record({**document, "why": "Made from it.", "licence": {"declared": "mit, apache-2.0"}})
    (relative,) = own(found)
    assert (relative.verdict, relative.direction, relative.relation) == ("derived", "a_to_b", "finetune")
    assert (relative.standing, relative.log10_e, relative.said.basis) == ("measured", -28.0, Basis.MEASURED)
    assert relative.observations[0].test == "exact" and relative.observations[0].confidence > 0.99
    assert [c.status for c in found.claims] == ["confirmed", "unverified"] and found.verdict == "derived"
    assert {x.spdx for x in found.licences} >= {"MIT", "Apache-2.0"} and found.services == ()


def test_a_comparison_is_about_its_second_model() -> None:
    found = record(compare("dependent", a="org/base", b="acme/child"))
    assert found.model.name == "acme/child"
    assert [(r.name, r.slot, r.standing) for r in own(found)] == [("org/base", Slot.VARIANT, "possible")]


def test_a_declaration_of_the_product() -> None:
    raw = b"schema: forebear.training/1\ndeveloper: {name: Acme, country: GB}\nlicence: mit\nwithheld: [base_model]\n"
    found = record_of_result(probe({}), "t.yaml", parse(raw, "t.yaml"))
    assert ("base_model", "withheld") in [(g.field, g.state.value) for g in found.gaps]
    assert [o.name for o in found.organisations] == ["Acme"] and found.licences[0].said.by == "t.yaml"


def test_a_bill_of_a_product_reads_back_as_its_chain() -> None:
    document = probe({"kimi k2.5": ["agreement/1", "token-counts/1"]}, [LEAK])
    written = chain_of(cyclonedx.write(record(document)))
    assert [(e.standing.value, e.declared) for e in written.edges if e.child == "acme-coder"] == [("probable", False)]


def test_several_models_are_chosen_among(tmp_path: Path) -> None:
    document = traffic(named("gpt-5", "asked", records=(1,)), named("claude-opus-4", "asked", records=(2,)))
    saved = tmp_path / "traffic.json"
    saved.write_text(json.dumps(document))
    with pytest.raises(UsageError, match="--model"):
        write_bom(str(saved))
    assert write_bom(str(saved), model="gpt-5").record.services[0].model.startswith("gpt-5")


def test_another_document_is_refused(tmp_path: Path) -> None:
    assert not is_result({"bomFormat": "CycloneDX"}) and is_result({"schema": "forebear.scan/1"})
    saved = tmp_path / "bom.json"
    saved.write_text(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6"}))
    with pytest.raises(UsageError, match="needs the model's files"):
        write_bom(str(saved))
    saved.write_text("{")
    with pytest.raises(InputError):
        write_bom(str(saved))


WHOLE = (
    probe({"kimi k2.5": ["agreement/1", "token-counts/1"]}, [LEAK]),
    traffic(named("composer-2", "asked"), named(LEAK, "served")),
    scan([ancestor("org/base")], [claim("org/base")]),
    compare("derived", "a_to_b"),
)
STRANGE: st.SearchStrategy[Any] = (
    st.none() | st.integers() | st.text(max_size=8) | st.just([]) | st.just({}) | st.just([3]) | st.just({"a": [1]})
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [p for key, item in inner for p in _places(item, (*path, key))]


@settings(deadline=None, max_examples=80, derandomize=True)
@given(st.sampled_from(WHOLE), st.data(), STRANGE)
def test_damaged_results_are_refused_in_one_line_or_read(document: dict[str, Any], data: Any, strange: Any) -> None:
    damaged = copy.deepcopy(document)
    place = data.draw(st.sampled_from([p for p in _places(document) if p != ("schema",)]))
    holder = damaged
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = strange
    try:
        found = record_of_result(damaged)
    except ForebearError as error:
        assert "\n" not in str(error)
    else:
        assert all(MOST[r.standing] <= 3 for r in found.relatives if found.services)


@pytest.mark.parametrize("path", ["/srv/ca.se/c.har", "./in here/c.har", "..\\x\\c.har", "C:\\x\\c.har", "~/c.har"])
def test_a_bill_names_no_path_of_the_machine_that_made_the_result(path: str, tmp_path: Path) -> None:
    document = json.loads(json.dumps(traffic(named(LEAK, "asked"))).replace('"c.har"', json.dumps(path)))
    (tmp_path / "capture.json").write_text(json.dumps(document))
    text = write_bom(str(tmp_path / "capture.json")).record.model_dump_json()
    assert "c.har" in text and json.dumps(path)[1:-3] not in text


def test_a_short_path_is_not_taken_out_of_names(tmp_path: Path) -> None:
    document = json.loads(json.dumps(traffic(named("acme/mine", "asked"))).replace('"c.har"', '"/mine"'))
    (tmp_path / "capture.json").write_text(json.dumps(document))
    assert write_bom(str(tmp_path / "capture.json")).record.model.name == "acme/mine"
