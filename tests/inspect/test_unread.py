"""What follows from papers where the weights cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from documents import check_document
from forebear.errors import InputError, UsageError
from forebear.index import LocalIndex
from forebear.inspect.consequences import consequences
from forebear.inspect.licence import licence_of
from forebear.inspect.unread import scanned
from forebear.lineage.chain import Access, Standing
from forebear.types import Verdict
from models import tiny_llama
from written_licences import MIT

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 4\n"
CARD = "---\nlicense: mit\nbase_model: meta-llama/Llama-3.1-8B\n---\n# A model\n"


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    return LocalIndex(tmp_path / "index")


@pytest.fixture
def pointers(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "README.md").write_text(CARD)
    (folder / "model.safetensors").write_text(POINTER)
    return folder


def test_pointers_to_weights_leave_the_claims_unverified(pointers: Path, index: LocalIndex) -> None:
    result = scanned(str(pointers), index, "standard", True)
    assert result.verdict is Verdict.INCONCLUSIVE and not result.ancestors
    assert [(c.claim, c.status) for c in result.claims] == [("base model: meta-llama/Llama-3.1-8B", "unverified")]
    assert "Git LFS" in result.problems[0] and "Git LFS" in result.coverage.not_tested[0].why
    check_document(result.to_json())


def test_weights_that_nobody_asked_for_are_a_gap_and_no_problem(pointers: Path, index: LocalIndex) -> None:
    result = scanned(str(pointers), index, "standard", False)
    assert not result.problems and "Git LFS" in result.coverage.not_tested[0].why


def test_the_duties_of_a_declared_base_follow_from_the_card(pointers: Path, index: LocalIndex) -> None:
    answer = licence_of(str(pointers), index=index, scan=False)
    inherited = [(i.ancestor, i.licence, i.standing) for i in answer.inherited]
    assert ("meta-llama/Llama-3.1-8B", "llama3.1", Standing.DECLARED) in inherited
    assert not answer.problems


def test_weights_that_were_not_seen_stand_in_the_result(pointers: Path, index: LocalIndex) -> None:
    answer = licence_of(str(pointers), index=index)
    assert any("Git LFS" in line for line in answer.not_checked) and any("Git LFS" in line for line in answer.problems)


def test_what_a_saved_scan_could_not_read_is_a_problem_of_what_follows(
    pointers: Path, index: LocalIndex, tmp_path: Path
) -> None:
    saved = tmp_path / "scan.json"
    saved.write_text(json.dumps(scanned(str(pointers), index, "standard", True).to_json()))
    assert licence_of(str(saved), index=index).problems == consequences(str(saved), index=index).problems != ()


def test_a_folder_of_papers_alone_is_enough(tmp_path: Path, index: LocalIndex) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "README.md").write_text(CARD)
    found = consequences(str(tmp_path / "papers"), index=index, scan=False)
    assert [e.parent for e in found.chain.edges] == ["meta-llama/Llama-3.1-8B"]
    assert found.papers["model_card"] and not found.problems


def test_an_adapter_names_its_base_without_its_weights(tmp_path: Path, index: LocalIndex) -> None:
    folder = tmp_path / "adapter"
    folder.mkdir()
    settings = {"peft_type": "LORA", "base_model_name_or_path": "mistralai/Mistral-7B-v0.1", "r": 8, "lora_alpha": 16}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    (folder / "adapter_model.safetensors").write_text(POINTER)
    result = scanned(str(folder), index, "standard", True)
    assert [c.claim for c in result.claims] == ["base model: mistralai/Mistral-7B-v0.1"]


def test_a_damaged_config_is_a_problem_of_its_own(pointers: Path, index: LocalIndex) -> None:
    (pointers / "config.json").write_text("{")
    result = scanned(str(pointers), index, "standard", True)
    assert len(result.problems) == 2 and "config.json" in result.problems[1]


def test_no_papers_and_no_weights_are_refused(tmp_path: Path, index: LocalIndex) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("nothing")
    with pytest.raises(InputError, match="no "):
        scanned(str(tmp_path / "empty"), index, "standard", True)
    with pytest.raises(UsageError):
        scanned(str(tmp_path / "nowhere"), index, "standard", True)


def test_weights_that_were_not_to_be_compared_are_not_said_to_be_examined(tmp_path: Path, index: LocalIndex) -> None:
    tiny_llama(tmp_path / "model", card=CARD)
    found = consequences(str(tmp_path / "model"), index=index, scan=False)
    assert found.chain.access is Access.PAPERS
    assert consequences(str(tmp_path / "model"), index=index).chain.access is Access.WEIGHTS


def test_a_licence_file_is_told_where_the_card_states_nothing(tmp_path: Path, index: LocalIndex) -> None:
    folder = tiny_llama(tmp_path / "model", card="---\nbase_model: meta-llama/Llama-3.1-8B\n---\n")
    (folder / "LICENSE").write_text(MIT)
    answer = licence_of(str(folder), index=index, scan=False)
    (terms,) = (d for d in answer.duties if d.kind == "relicensing")
    assert terms.status == "conditional" and "LICENSE is the MIT License" in terms.why
