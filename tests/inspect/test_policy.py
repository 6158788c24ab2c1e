from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

import forebear
from chained import named, traffic
from documents import check_document
from forebear.errors import FormatError, InputError, UsageError
from forebear.index import LocalIndex
from forebear.inspect.bom_facts import hashes
from forebear.inspect.consequences import consequences
from forebear.inspect.policy import Terms, check_many, check_policy, documents_below
from forebear.policy.answer import Decision
from models import tiny_llama
from policies import rule, written

KIMI = "moonshotai/Kimi-K2.5"


def bill(*ancestors: str, name: str = "acme/model", **more: Any) -> dict[str, Any]:
    made = [{"type": "machine-learning-model", "group": a.split("/")[0], "name": a.split("/")[-1]} for a in ancestors]
    model = {"type": "machine-learning-model", "name": name, "pedigree": {"ancestors": made}, **more}
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": model}}


def saved(folder: Path, value: Any, name: str = "bom.cdx.json") -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value) if name.endswith(".json") else yaml.safe_dump(value), "utf-8")
    return str(path)


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    return LocalIndex(tmp_path / "home")


def test_a_bill_leads_to_a_decision_with_rule_evidence_and_what_clears_it(tmp_path: Path, index: LocalIndex) -> None:
    answer = check_policy(saved(tmp_path, bill(KIMI)), "uk-public-sector", index=index)
    assert answer.decision is Decision.INCONCLUSIVE
    (weighed,) = [f for f in answer.findings if f.rule == "UK2" and f.subject == KIMI]
    assert "China" in weighed.message and weighed.clears and weighed.not_decided and weighed.cites
    assert not any(f.rule == "UK3" for f in answer.findings) and "Q-CTRL" in answer.questions
    assert any("not seen" in line for line in answer.not_checked)
    check_document(answer.to_json())


def test_facts_about_the_organisation_waivers_and_answers_settle_what_is_open(
    tmp_path: Path, index: LocalIndex
) -> None:
    path = written(tmp_path, rule(each="duties", when={"field": "item.status", "is": "conditional"}, severity="review"))
    target = saved(tmp_path, bill(KIMI))
    assert check_policy(target, str(path), index=index).decision is Decision.INCONCLUSIVE
    org = {
        "uses": ["internal"],
        "distributes": False,
        "monthly_active_users": 5,
        "trains_models": False,
        "country": "GB",
    }
    org |= {"revenue": "1 USD per month", "model_as_a_service": False, "public_body": False, "defence": False}
    told = check_policy(target, str(path), organisation=saved(tmp_path, org, "org.yaml"), index=index)
    before = check_policy(target, str(path), index=index)
    assert len(told.findings) < len(before.findings)
    from_scratch = saved(
        tmp_path, {"Q-BASE": {"from_scratch": True}, "Q-METHOD": {"training_evidence": True}}, "a.yaml"
    )
    asked = check_policy(target, "from-scratch", answers=from_scratch, index=index)
    assert asked.decision is Decision.DENY and asked.findings[0].rule == "F1"
    waivers = [
        {
            "rule": "F1",
            "subject": f.subject,
            "model": "acme/model",
            "owner": "A",
            "reason": "b",
            "expires": "2999-01-01",
        }
        for f in asked.findings
    ]
    covered = check_policy(
        target,
        "from-scratch",
        answers=from_scratch,
        waivers=saved(tmp_path, {"waivers": waivers}, "w.yaml"),
        index=index,
    )
    assert covered.decision is Decision.PASS and {w.owner for w in covered.waived} == {"A"}


def test_a_wrong_policy_is_told_before_anything_is_read(tmp_path: Path) -> None:
    wrong = written(tmp_path, rule(when={"field": "bom.presnt", "is": True}))
    with pytest.raises(FormatError, match=r"bom\.present"):
        check_policy(str(tmp_path / "no-such-model"), str(wrong))
    with pytest.raises(UsageError, match="did you mean baseline"):
        check_policy(str(tmp_path / "no-such-model"), "base-line")
    with pytest.raises(UsageError, match="no policy is named"):
        check_policy(saved(tmp_path, bill()), ())


def test_a_model_is_scanned_and_held_against_its_bill(tmp_path: Path, index: LocalIndex) -> None:
    model = tiny_llama(tmp_path / "model", seed=1)
    whole = forebear.write_bom(str(model), index).to_json()
    path = saved(tmp_path, whole)
    answer = check_policy(str(model), "baseline", bom=path, index=index)
    said = {"present": True, "signed": False, "signature": "none"}
    assert answer.input["bom"] == {**said, "hashes": "match", "base_model_state": "absent"}
    assert answer.input["access"] == "weights" and not any(f.rule in ("T1", "T6") for f in answer.findings)
    weights = model / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    changed = check_policy(str(model), "baseline", bom=path, index=index)
    assert changed.decision is Decision.DENY and any(f.rule == "T6" and not f.unknown for f in changed.findings)
    alone = check_policy(str(model), "baseline", index=index)
    assert any(f.rule == "T1" and f.unknown == ("bom.present",) for f in alone.findings)


def test_hashes_are_known_only_where_weights_are_listed_and_there(tmp_path: Path, index: LocalIndex) -> None:
    model = tiny_llama(tmp_path / "model", seed=1)
    bom = forebear.write_bom(str(model), index)
    whole = bom.to_json()
    assert [hashes(bom.write(f), str(model)) for f in ("cyclonedx", "cyclonedx-1.6", "spdx")] == ["match"] * 3
    assert hashes(bill(), str(model)) is None and hashes(whole, str(tmp_path / "none")) is None
    shutil.copy(model / "model.safetensors", model / "extra.safetensors")
    assert hashes(whole, str(model)) == "mismatch"
    listed = [3, {"type": "file", "name": "x", "hashes": [3]}]
    documents: tuple[dict[str, Any], ...] = ({"components": 3}, {"components": listed}, {"@graph": {}})
    for strange in documents:
        assert hashes(strange, str(model)) is None


def test_what_follows_is_worked_out_once_for_all_who_ask(tmp_path: Path, index: LocalIndex) -> None:
    found = consequences(saved(tmp_path, bill(KIMI, modelCard={"modelParameters": {"task": "x"}})), index=index)
    assert found.chain.edges and found.licence.inherited and "CN" in found.origin.engineering_in
    assert found.bom.present is True and found.papers == {"model_card": True}
    with pytest.raises(UsageError, match="probe"):
        consequences("api:https://x.example/v1#m", index=index)
    other = saved(tmp_path, {"schema": "forebear.scan/1"}, "s.json")
    with pytest.raises(FormatError, match="no bill of materials"):
        consequences(saved(tmp_path, bill(KIMI)), bom=other, index=index)
    with pytest.raises(UsageError, match="there is no such file"):
        consequences(saved(tmp_path, bill(KIMI)), bom=str(tmp_path / "none.json"), index=index)


def test_many_documents_get_a_row_each_and_none_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "boms"
    saved(folder, bill(KIMI, name="a/1"), "a.json")
    saved(folder, bill(name="b/2"), "below/b.json")
    saved(folder, {"model_type": "llama"}, "config.json")
    (folder / "broken.json").write_text('{"bomFormat": ', "utf-8")
    saved(folder, {"bomFormat": "CycloneDX", "metadata": 3}, "wrong.json")
    paths = documents_below(str(folder))
    found = check_many(paths, Terms(("baseline",)), workers=1)
    rows = {Path(r.path).name: r for r in found.rows}
    assert rows["a.json"].decision is Decision.INCONCLUSIVE and rows["b.json"].decision is Decision.DENY
    assert rows["broken.json"].decision is None and "broken.json" in rows["broken.json"].problem
    assert rows["wrong.json"].decision is None and rows["wrong.json"].problem
    assert [Path(p).name for p in found.skipped] == ["config.json"]
    assert found.counts == {"pass": 0, "deny": 1, "inconclusive": 1, "unread": 2}
    assert len(found.rows) + len(found.skipped) == len(paths)
    check_document(found.to_json())


def test_every_model_of_a_bill_about_several_is_decided(tmp_path: Path) -> None:
    models = [
        {"type": "machine-learning-model", "name": f"acme/m{n}", "pedigree": {"ancestors": [ancestor] if n else []}}
        for n, ancestor in enumerate([{}, {"type": "machine-learning-model", "name": KIMI}])
    ]
    program = {"type": "application", "name": "a program", "modelCard": {"modelParameters": {"task": "x"}}}
    several = {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": program}, "components": models}
    path = saved(tmp_path / "boms", several, "several.json")
    nothing = saved(tmp_path / "boms", {**several, "components": []}, "nothing.json")
    old = saved(tmp_path / "boms", {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT"}, "old.json")
    (unread,) = check_many([old], Terms(("uk-defence",)), workers=1).rows
    assert unread.decision is None and "of a kind that is not read" in unread.problem
    found = check_many([path, nothing], Terms(("uk-defence",)), workers=1)
    assert [(r.path, r.model) for r in found.rows] == [(path, "acme/m0"), (path, "acme/m1"), (nothing, "")]
    none, kimi, empty = found.rows
    assert kimi.decision is Decision.DENY and "D1" in kimi.rules and "D1" not in none.rules
    assert none.decision is Decision.DENY and empty.decision is None and "no model is named" in empty.problem
    assert (found.documents, found.counts["unread"]) == (2, 1)
    for name in ("acme/m0", "acme/m1"):  # a row is what the same model gets by its name
        alone = check_policy(path, "uk-defence", model=name)
        row = next(r for r in found.rows if r.model == name)
        assert (alone.decision, alone.why) == (row.decision, row.why)
        assert alone.input["documents"]["model_card"] is None  # the card is the program's


def test_other_models_of_a_capture_are_told(tmp_path: Path, index: LocalIndex) -> None:
    path = "accounts/acme/models/kimi-k2p5-rl"
    document = saved(tmp_path, traffic(named(path, "asked"), named("gpt-4o", "asked", records=(2,))), "t.json")
    answer = check_policy(document, "baseline", index=index)
    assert answer.model == path and any("gpt-4o" in gap and "--model" in gap for gap in answer.not_checked)
    chosen = check_policy(document, "baseline", index=index, model="gpt-4o")
    assert chosen.model == "gpt-4o" and not any(path in gap for gap in chosen.not_checked)


def test_processes_give_the_same_rows_as_one(tmp_path: Path) -> None:
    for n in range(120):
        saved(tmp_path / "boms", bill(KIMI, name=f"a/{n}"), f"{n:03}.json")
    paths = documents_below(str(tmp_path / "boms"))
    one, two = (check_many(paths, Terms(("uk-defence", "us-dod")), workers=n) for n in (1, 2))
    assert one.rows == two.rows and len(one.rows) == 120 and {r.decision for r in one.rows} == {Decision.DENY}
    single = check_policy(paths[0], ("uk-defence", "us-dod"))
    assert (single.decision, single.why) == (one.rows[0].decision, one.rows[0].why)


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        documents_below(str(tmp_path / "none"))
    with pytest.raises(InputError):
        check_policy(saved(tmp_path, ["x"], "list.json"), "baseline")


def test_the_library_has_it(tmp_path: Path, index: LocalIndex) -> None:
    answer = forebear.check_policy(saved(tmp_path, bill(KIMI)), "us-dod", index=index)
    assert isinstance(answer, forebear.PolicyAnswer) and "S1" not in [f.rule for f in answer.findings]


def test_an_ancestor_that_the_vendor_names_counts_as_declared(tmp_path: Path, index: LocalIndex) -> None:
    target = saved(tmp_path, bill())
    assert check_policy(target, "us-dod", index=index).input["lineage_known"] is None
    told = {"Q-BASE": {"base": ["deepseek-ai/DeepSeek-V3"], "components": ["Qwen/Qwen2.5-VL-7B-Instruct"]}}
    said = saved(tmp_path, told, "a.yaml")
    answer = check_policy(target, "us-dod", answers=said, index=index)
    assert [f.subject for f in answer.findings if f.rule == "S1"][:1] == ["deepseek-ai/DeepSeek-V3"]
    assert answer.decision is Decision.DENY
    part = next(a for a in answer.input["ancestors"] if a["component"])
    assert part["developer"] == "alibaba-qwen" and part["standing"] == "declared"


def test_a_pack_that_is_still_to_be_filled_in_decides_nothing(tmp_path: Path, index: LocalIndex) -> None:
    named = saved(tmp_path, bill("meta-llama/Llama-3.1-8B"))
    with pytest.raises(UsageError, match="its list own still holds your-developer-id"):
        check_policy(named, "open-lab-guard", index=index)
    lines = ["schema: forebear.policy-file/1", "name: ours", "title: Ours", 'version: "1"', "extends: [open-lab-guard]"]
    (tmp_path / "ours.yaml").write_text("\n".join([*lines, "lists: {own: [meta]}"]), "utf-8")
    assert check_policy(named, str(tmp_path / "ours.yaml"), index=index).policy.name == "ours"
    with pytest.raises(UsageError, match="your-developer-id"):  # nor beside another one
        check_policy(named, ("baseline", "open-lab-guard"), index=index)
    (tmp_path / "ours.yaml").write_text("\n".join([*lines, "lists: {own: [your-id-here]}"]), "utf-8")
    with pytest.raises(FormatError, match="your-id-here"):
        check_policy(named, str(tmp_path / "ours.yaml"), index=index)
