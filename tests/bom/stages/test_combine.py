"""Several files about one making: repeated once, contradicted aloud."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from forebear.bom.stages import READERS, training_of
from forebear.bom.training import DatasetRole, StageKind, Training
from forebear.sources import open_source

CARD = "---\ntags: [{tags}]\ndatasets: [org/chat]\n---\n{body}"
AXOLOTL = "base_model: {base}\nadapter: lora\nlora_r: {rank}\ndatasets: [{{path: org/chat}}]\n"


def told(folder: Path, files: dict[str, Any]) -> Training:
    for name, content in files.items():
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return training_of(open_source(str(folder)))


def adapter(base: str = "org/base", rank: int = 16) -> dict[str, Any]:
    return {"peft_type": "LORA", "base_model_name_or_path": base, "r": rank}


def test_every_kind_of_file_has_a_reader_with_a_name() -> None:
    assert len({r.kind for r in READERS}) == len(READERS) >= 7


def test_a_tag_says_no_more_than_the_file(tmp_path: Path) -> None:
    files = {
        "README.md": CARD.format(tags="axolotl, sft", body=""),
        "axolotl_config.yml": AXOLOTL.format(base="org/base", rank=16),
    }
    (stage,) = told(tmp_path, files).stages
    assert stage.inputs and stage.said.by == "axolotl_config.yml, README.md"
    (dataset,) = told(tmp_path, files).datasets
    assert dataset.roles == (DatasetRole.FINE_TUNING,) and dataset.said.by == "axolotl_config.yml, README.md"


def test_a_trainers_run_is_of_the_one_method_that_a_card_names(tmp_path: Path) -> None:
    state = {"global_step": 10, "total_flos": 1e12}
    files = {"README.md": CARD.format(tags="trl, grpo", body=""), "trainer_state.json": state}
    (stage,) = told(tmp_path, files).stages
    assert (stage.kind, stage.method, stage.flops) == (StageKind.RL, "GRPO", 1e12)
    assert stage.said.by == "README.md, trainer_state.json"


def test_a_run_that_could_be_of_two_methods_is_of_none(tmp_path: Path) -> None:
    files = {"README.md": CARD.format(tags="sft, dpo", body=""), "trainer_state.json": {"global_step": 10}}
    assert [s.kind.value for s in told(tmp_path, files).stages] == ["other", "sft", "preference"]


def test_files_that_name_other_bases_are_both_told(tmp_path: Path) -> None:
    files = {"axolotl_config.yml": AXOLOTL.format(base="org/one", rank=16), "adapter_config.json": adapter("org/two")}
    found = told(tmp_path, files)
    assert {i.name for s in found.stages for i in s.inputs if i.kind == "model"} == {"org/one", "org/two"}
    (line,) = found.contradictions
    assert "org/one" in line and "org/two" in line and found.problems == ()


def test_the_same_base_in_two_spellings_is_no_contradiction(tmp_path: Path) -> None:
    files = {"axolotl_config.yml": AXOLOTL.format(base="/mnt/base", rank=16), "adapter_config.json": adapter()}
    assert told(tmp_path, files).contradictions == ()


def test_ranks_that_differ_are_told(tmp_path: Path) -> None:
    files = {"axolotl_config.yml": AXOLOTL.format(base="org/base", rank=8), "adapter_config.json": adapter(rank=64)}
    assert told(tmp_path, files).contradictions == ("axolotl_config.yml states rank as 8, adapter_config.json as 64.",)


def test_stages_stand_as_one_has_to_follow_the_other(tmp_path: Path) -> None:
    files = {
        "quantize_config.json": {"bits": 4},
        "mergekit_config.yml": "merge_method: linear\nmodels: [{model: a/b}, {model: c/d}]",
        "README.md": CARD.format(tags="dpo", body=""),
    }
    assert [s.kind.value for s in told(tmp_path, files).stages] == ["merge", "preference", "quantization"]


def test_licences_of_a_dataset_that_differ(tmp_path: Path) -> None:
    declared = "schema: forebear.training/1\ndatasets:\n- {name: org/chat, roles: [reward], licence: mit}\n"
    files = {"forebear-training.yaml": declared, "README.md": CARD.format(tags="x", body="")}
    (dataset,) = told(tmp_path, files).datasets
    assert dataset.roles == (DatasetRole.REWARD,) and dataset.licence == "mit"
