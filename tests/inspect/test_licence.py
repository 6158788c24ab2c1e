"""``licence_of`` on models, saved results, bills of materials and repositories."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import forebear
from documents import check_document
from edits import copy, drifted
from forebear.errors import InputError, UsageError
from forebear.index import LocalIndex
from forebear.inspect import enrol, scan
from forebear.inspect import licence as module
from forebear.inspect.licence import licence_of
from forebear.licences.answer import Agreement, Detection, LicenceAnswer, Opinion, SecondOpinion
from forebear.licences.organisation import Organisation
from hub import Hub, folder_files
from models import tiny_llama
from written_licences import mit

BASE = "meta-llama/Llama-3.1-8B"
MIT_BASE = "deepseek-ai/DeepSeek-V3-0324"
MIT = mit(2023, "DeepSeek")


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    return LocalIndex(tmp_path / "home")


def family(tmp_path: Path, index: LocalIndex, base_name: str, card: str, size: float = 0.05) -> Path:
    """A base in the index under a name of the catalogue, and a child of it with a card."""
    base = tiny_llama(tmp_path / "base", seed=1, card=None)
    (base / "LICENSE").write_text(MIT)
    enrol(str(base), index, base_name)
    child = drifted(base, "child", size)
    (child / "LICENSE").unlink()
    (child / "README.md").write_text(card)
    return child


def statuses(answer: LicenceAnswer, ancestor: str) -> dict[str, str]:
    return {d.kind: d.status.value for d in answer.duties if d.ancestor == ancestor}


def test_a_declared_and_measured_base_brings_its_duties(tmp_path: Path, index: LocalIndex) -> None:
    child = family(tmp_path, index, BASE, f"---\nlicense: mit\nbase_model: {BASE}\n---\n# Mole 8B\n")
    answer = licence_of(str(child), index=index)
    found = statuses(answer, BASE)
    assert found["name_prefix"] == found["notice_file"] == found["include_licence_copy"] == "unmet"
    assert found["separate_agreement"] == found["display_docs"] == "conditional"
    assert {i.licence for i in answer.inherited} == {"llama3.1"}
    assert [c.kind for c in answer.conflicts] == ["relabelled"]
    assert {f.id for f in answer.findings} >= {"licence-notice-missing", "licence-relabelled", "licence-duty-unmet"}
    check_document(json.loads(json.dumps(answer.to_json())))


def test_what_is_measured_and_not_declared_stays_open(tmp_path: Path, index: LocalIndex) -> None:
    child = family(tmp_path, index, BASE, "---\nlicense: mit\n---\n# Mole 8B\n")
    answer = licence_of(str(child), Organisation(own_release=True), index)
    assert answer.inherited and "unmet" not in statuses(answer, BASE).values()
    assert not [f for f in answer.findings if f.level == "error"]


def test_a_notice_settles_the_notice_and_keeps_the_lineage(tmp_path: Path, index: LocalIndex) -> None:
    child = family(tmp_path, index, MIT_BASE, f"---\nlicense: apache-2.0\nbase_model: {MIT_BASE}\n---\n")
    before, own = (licence_of(str(child), o, index) for o in (None, Organisation(own_release=True)))
    assert statuses(before, MIT_BASE) == {"retain_copyright": "unmet", "include_licence_copy": "unmet"}
    assert [f.level for f in before.findings if f.id == "licence-notice-missing"] == ["warning"]
    assert [f.level for f in own.findings if f.id == "licence-notice-missing"] == ["error"]
    (child / "NOTICE").write_text(MIT)
    after = licence_of(str(child), index=index)
    assert statuses(after, MIT_BASE) == {"retain_copyright": "met", "include_licence_copy": "met"}
    assert after.inherited == before.inherited
    assert not [f for f in after.findings if f.id == "licence-notice-missing"]


def test_a_saved_scan_leads_to_the_same_answer(tmp_path: Path, index: LocalIndex) -> None:
    child = family(tmp_path, index, MIT_BASE, f"---\nlicense: apache-2.0\nbase_model: {MIT_BASE}\n---\n")
    saved = tmp_path / "result.json"
    saved.write_text(json.dumps(scan(str(child), index).to_json()))
    live, again = licence_of(str(child), index=index), licence_of(str(saved), index=index)
    assert (again.duties, again.declared, again.findings) == (live.duties, live.declared, live.findings)
    shutil.rmtree(child)
    gone = licence_of(str(saved), index=index)
    assert set(statuses(gone, MIT_BASE).values()) == {"conditional"}
    assert any("not read again" in line for line in gone.not_checked)


def test_how_a_card_says_that_it_was_made_comes_along(tmp_path: Path, index: LocalIndex) -> None:
    card = f"---\nlicense: mit\nbase_model: {BASE}\nbase_model_relation: quantized\n---\n"
    child = tiny_llama(tmp_path / "m", card=card)
    document = scan(str(child), index).to_json()
    check_document(document)
    assert [c["relation"] for c in document["claims"]] == ["quantized"]
    assert {i.kinds for i in licence_of(str(child), index=index).inherited} == {("quantized",)}


def test_what_stands_in_a_comment_of_a_card_is_not_shown(tmp_path: Path, index: LocalIndex) -> None:
    card = f"---\nlicense: llama3.1\nbase_model: {BASE}\n---\n<!--\n# Llama-Mole\n\n%s\n-->\n# Mole 8B\n"
    child = tiny_llama(tmp_path / "m", card=card % "Built with Llama")
    hidden = statuses(licence_of(str(child), index=index, scan=False), BASE)
    (child / "README.md").write_text((card % "").replace("# Mole 8B", "# Llama-Mole\n\nBuilt with Llama"), "utf-8")
    seen = statuses(licence_of(str(child), index=index, scan=False), BASE)
    assert (hidden["display_docs"], seen["display_docs"]) == ("conditional", "met")
    assert (hidden["name_prefix"], seen["name_prefix"]) == ("unmet", "met")


def test_without_a_scan_papers_speak_alone(tmp_path: Path, index: LocalIndex) -> None:
    child = tiny_llama(tmp_path / "m", card=f"---\nlicense: mit\nbase_model: {BASE}\n---\n")
    answer = licence_of(str(child), index=index, scan=False)
    assert {i.standing.value for i in answer.inherited} == {"declared"}
    assert any("--no-scan" in line for line in answer.not_checked)


def test_an_ancestor_that_the_user_names(tmp_path: Path, index: LocalIndex) -> None:
    base = tiny_llama(tmp_path / "old", card=None)
    (base / "LICENSE").write_text(MIT.replace("DeepSeek", "Vole Labs"))
    child = family(tmp_path, index, MIT_BASE, f"---\nbase_model: {MIT_BASE}\n---\n")
    other = licence_of(str(child), index=index, against=str(base))
    assert any(i.ancestor == "old" and i.standing.value == "possible" for i in other.inherited)
    with pytest.raises(UsageError):
        licence_of(str(child), index=index, against=str(child))
    renamed = tmp_path / "elsewhere" / "DeepSeek-V3-0324"
    shutil.copytree(base, renamed)
    same = licence_of(str(child), index=index, against=str(renamed))
    (kept,) = (d for d in same.duties if d.kind == "retain_copyright" and d.ancestor == MIT_BASE)
    assert "Vole Labs" in kept.why  # its papers are those that the user gave


def bom(tmp_path: Path, **component: Any) -> str:
    path = tmp_path / "bom.cdx.json"
    ancestors = {"ancestors": [{"type": "machine-learning-model", "name": BASE}]}
    subject = {"type": "machine-learning-model", "bom-ref": "m", "name": "acme/mole-8b", "pedigree": ancestors}
    subject |= component
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": subject}, "components": []}
    path.write_text(json.dumps(document))
    return str(path)


def test_a_bill_of_materials_is_judged_without_files(tmp_path: Path, index: LocalIndex) -> None:
    answer = licence_of(bom(tmp_path, licenses=[{"license": {"id": "MIT"}}]), index=index)
    found = statuses(answer, BASE)
    assert found["name_prefix"] == "unmet" and found["notice_file"] == "conditional"
    assert [c.kind for c in answer.conflicts] == ["relabelled"]
    assert any("a document alone" in line for line in answer.not_checked)


def test_a_bill_with_facts_about_the_organisation(tmp_path: Path, index: LocalIndex) -> None:
    org = tmp_path / "org.yaml"
    org.write_text("monthly_active_users: 900M\nuses: [commercial, military]\nagreements: []\n")
    answer = licence_of(bom(tmp_path), org, index)
    found = statuses(answer, BASE)
    assert found["military_use"] == "unmet"
    assert found["separate_agreement"] == "conditional"  # today's users; the text counts earlier ones
    assert answer.organisation is not None and answer.organisation.monthly_active_users == 9e8


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"schema": "x/1"}', b"\xff"])
def test_documents_that_are_none(tmp_path: Path, index: LocalIndex, content: bytes) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(content)
    with pytest.raises((InputError, UsageError)) as caught:
        licence_of(str(path), index=index)
    assert "\n" not in str(caught.value)


def test_a_saved_result_cannot_make_it_ask_the_network(
    tmp_path: Path, index: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = family(tmp_path, index, MIT_BASE, f"---\nbase_model: {MIT_BASE}\n---\n")
    document = scan(str(child), index).to_json()
    document["model"]["target"] = "org/elsewhere"
    saved = tmp_path / "result.json"
    saved.write_text(json.dumps(document))
    monkeypatch.setenv("FOREBEAR_OFFLINE", "1")
    assert any("offline" in line for line in licence_of(str(saved), index=index).not_checked)


def test_two_revisions_of_a_repository(hub: Hub, tmp_path: Path, index: LocalIndex) -> None:
    folder = tiny_llama(tmp_path / "m", card="---\nlicense: apache-2.0\n---\n")
    (folder / "LICENSE").write_text(MIT)
    first = hub.add("org/m", folder_files(folder)).commit
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    (folder / "LICENSE").unlink()
    hub.add("org/m", folder_files(folder))
    trade = Organisation(uses=("commercial",))
    early = licence_of(f"org/m@{first}", trade, index)
    late = licence_of("org/m", trade, index, history=True)
    assert [d.licence for d in early.declared] == ["apache-2.0"] and not statuses(early, "org/m").get("commercial_use")
    assert [d.licence for d in late.declared] == ["cc-by-nc-4.0"]
    assert statuses(late, "org/m")["commercial_use"] == "unmet"
    told = {f.id: f.message for f in late.findings}
    assert "Apache" in told["licence-relabelled"] and "no longer there" in told["licence-notice-missing"]
    assert any("--history" in line for line in early.not_checked)


def test_history_is_a_hubs(tmp_path: Path, index: LocalIndex) -> None:
    answer = licence_of(str(tiny_llama(tmp_path / "m")), index=index, history=True)
    assert any("only a repository of a hub" in line for line in answer.not_checked)


def test_parts_with_licences_of_their_own(tmp_path: Path, index: LocalIndex) -> None:
    model = tiny_llama(tmp_path / "m", card="---\nlicense: apache-2.0\n---\n")
    for folder, text in (("vision_encoder", MIT), ("deep/er", MIT), ("odd", "who knows")):
        (model / folder).mkdir(parents=True)
        (model / folder / "LICENSE").write_text(text)
    answer = licence_of(str(model), index=index)
    parts = {d.component: d.licence for d in answer.declared if d.component}
    assert parts == {"vision encoder": "mit"}
    assert {d.file for d in answer.detected} == {"LICENSE", "vision_encoder/LICENSE", "odd/LICENSE"}
    assert not [c for c in answer.conflicts if c.kind == "declarations_differ"]


def test_a_damaged_card_costs_itself(tmp_path: Path, index: LocalIndex) -> None:
    answer = licence_of(str(tiny_llama(tmp_path / "m", card="---\na: [\n---\n")), index=index)
    assert answer.problems and "README.md" in answer.problems[0]


def test_scans_carry_what_follows(tmp_path: Path, index: LocalIndex) -> None:
    family(tmp_path, index, MIT_BASE, "")
    child = copy(tmp_path / "base", "copied")
    (child / "LICENSE").unlink()
    (child / "README.md").write_text(f"---\nlicense: apache-2.0\nbase_model: {MIT_BASE}\n---\n")
    result = scan(str(child), index, effort="deep")
    assert result.verdict == "identical" and result.licence is not None and result.origin is not None
    assert result.licence["declared"] == "apache-2.0"
    brought = {"ancestor": MIT_BASE, "licence": "mit", "standing": "measured", "said_by": "catalogue"}
    assert brought in result.licence["inherited"]
    assert result.licence["duties"]["unmet"] == 2 == len(result.licence["unmet"])
    assert "CN" in result.origin["engineering_in"]
    assert "licence-notice-missing" in {f.id for f in result.findings}
    check_document(json.loads(json.dumps(result.to_json())))


def test_scans_accuse_nobody_of_what_is_open(tmp_path: Path, index: LocalIndex) -> None:
    child = family(tmp_path, index, MIT_BASE, "---\nlicense: apache-2.0\n---\n")
    result = scan(str(child), index)
    assert result.licence is not None and result.licence["duties"]["unmet"] == 0
    assert not {f.id for f in result.findings} & {"licence-notice-missing", "licence-relabelled", "licence-duty-unmet"}
    declared_alone = tiny_llama(tmp_path / "alone", seed=9, card=f"---\nlicense: mit\nbase_model: {BASE}\n---\n")
    assert not {f.id for f in scan(str(declared_alone), index).findings} & {"licence-relabelled", "licence-duty-unmet"}


def test_a_label_of_the_index_is_no_developer(tmp_path: Path, index: LocalIndex) -> None:
    child = family(tmp_path, index, "my-llama-1", "---\nbase_model: my-llama-1\n---\n")
    result = scan(str(child), index)
    assert result.ancestors and result.origin is not None
    assert result.origin["engineering_in"] == [] and "my-llama-1" in result.origin["unknown"]


def test_the_library_has_it() -> None:
    assert forebear.licence_of is licence_of and forebear.LicenceAnswer is LicenceAnswer


def test_a_second_opinion_changes_nothing_else(
    tmp_path: Path, index: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = family(tmp_path, index, BASE, f"---\nlicense: mit\nbase_model: {BASE}\n---\n# Mole 8B\n")
    (child / "LICENSE").write_text(MIT)
    (child / "vision").mkdir()
    (child / "vision" / "LICENSE").write_text(MIT)
    asked: list[str] = []

    def answering(texts: dict[str, str], detected: tuple[Detection, ...]) -> SecondOpinion:
        asked.extend(texts)
        assert {d.file for d in detected} == set(texts)
        return SecondOpinion("ScanCode 0", (Opinion("LICENSE", "MIT", Agreement.OTHER, "isc"),), ("vision/LICENSE",))

    monkeypatch.setattr(module, "require", lambda: None)
    monkeypatch.setattr(module, "ask", answering)
    plain = licence_of(str(child), index=index)
    second = licence_of(str(child), index=index, second_opinion=True)
    assert sorted(asked) == ["LICENSE", "vision/LICENSE"] and plain.second_opinion is None
    assert (second.duties, second.findings, second.conflicts) == (plain.duties, plain.findings, plain.conflicts)
    assert set(second.not_checked) - set(plain.not_checked) == {
        "vision/LICENSE was not given to ScanCode, or took it too long."
    }
    for answer in (plain, second):
        check_document(json.loads(json.dumps(answer.to_json())))


def test_a_second_opinion_that_fails_is_a_problem_and_no_loss(
    tmp_path: Path, index: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = family(tmp_path, index, BASE, f"---\nlicense: mit\nbase_model: {BASE}\n---\n# Mole 8B\n")

    def failing(texts: dict[str, str], detected: tuple[Detection, ...]) -> SecondOpinion:
        raise InputError("ScanCode ended without an answer")

    monkeypatch.setattr(module, "require", lambda: None)
    monkeypatch.setattr(module, "ask", failing)
    answer = licence_of(str(child), index=index, second_opinion=True)
    assert answer.second_opinion is None and answer.duties
    assert answer.problems == ("no second opinion: ScanCode ended without an answer",)
