"""Training files one by one: what they say, whose word it is, and nothing that they do not say."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forebear.bom.stages import training_of
from forebear.bom.training import DatasetRole, InputKind, Stage, StageKind, Training
from forebear.sources import open_source
from ggufs import f32, gguf, q4_k
from shared import shared


def told(folder: Path, **files: Any) -> Training:
    """What files say of a training, each given by its name with ``__`` for the dot; values that are no text as JSON."""
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return training_of(open_source(str(folder)))


def only(training: Training) -> Stage:
    assert training.problems == () and len(training.stages) == 1, training
    return training.stages[0]


def inputs(stage: Stage) -> list[tuple[str, str, str, str]]:
    return [(i.kind.value, i.name, i.revision, i.role) for i in stage.inputs]


def stated(stage: Stage) -> dict[str, str]:
    return {s.name: s.value for s in stage.settings}


def test_a_folder_without_such_files_says_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, config__json={"model_type": "llama"}) == Training()


# mergekit


def test_a_merge_of_models_with_weights_and_a_base(tmp_path: Path) -> None:
    config = """
merge_method: dare_ties
base_model: org/base@v1
models:
  - model: org/base@v1
  - {model: org/one, parameters: {weight: 0.3, density: [1, 0.5]}}
  - {model: org/two+org/lora, parameters: {weight: 0.7}}
parameters: {normalize: true}
dtype: bfloat16
"""
    stage = only(told(tmp_path, mergekit_config__yml=config))
    assert (stage.kind, stage.method, stage.software) == (StageKind.MERGE, "dare_ties", ("mergekit",))
    assert inputs(stage) == [
        ("model", "org/base", "v1", "base"),
        ("model", "org/one", "", "weight 0.3, density [1, 0.5]"),
        ("model", "org/two", "", "weight 0.7"),
        ("adapter", "org/lora", "", "applied to org/two"),
    ]
    assert stated(stage) == {"parameters": '{"normalize": true}', "dtype": "bfloat16"}
    assert stage.file == stage.said.by == "mergekit_config.yml"


def test_a_merge_of_slices_tells_layers_inclusively(tmp_path: Path) -> None:
    config = """
slices:
  - sources: [{model: org/one, layer_range: [0, 16]}]
  - sources:
      - {model: {model: {path: org/two, revision: abc}}, layer_range: [8, 24], parameters: {scale: 0.5}}
merge_method: passthrough
"""
    assert inputs(only(told(tmp_path, mergekit_config__yml=config))) == [
        ("model", "org/one", "", "layers 0-15"),
        ("model", "org/two", "abc", "scale 0.5 in layers 8-23"),
    ]


def test_a_mixture_of_experts_and_the_block_in_a_card(tmp_path: Path) -> None:
    config = "base_model: org/base\ngate_mode: hidden\nexperts:\n  - {source_model: org/a, positive_prompts: [code]}\n"
    card = f"# M\nThe following YAML configuration was used to produce this model:\n\n```yaml\n{config}\n```\n"
    stage = only(told(tmp_path, README__md=card))
    assert stage.method == "mixture of experts" and stage.file == "README.md"
    assert inputs(stage) == [("model", "org/base", "", "base"), ("model", "org/a", "", "expert")]


def test_a_base_that_is_merged_as_well_keeps_its_weights(tmp_path: Path) -> None:
    config = "merge_method: slerp\nbase_model: a/b\nmodels: [{model: a/b, parameters: {weight: 1}}, {model: c/d}]"
    assert inputs(only(told(tmp_path, mergekit_config__yaml=config)))[0] == ("model", "a/b", "", "base; weight 1")


def test_paths_on_somebodys_disk_stay_there(tmp_path: Path) -> None:
    config = "merge_method: linear\nmodels: [{model: /home/jane/secret/Model-A}, {model: ./out/b}]"
    assert [i.name for i in only(told(tmp_path, mergekit_config__yml=config)).inputs] == ["Model-A", "b"]
    adapter = {"peft_type": "LORA", "base_model_name_or_path": "C:\\Users\\jane\\Llama-3-8B"}
    found = told(tmp_path, adapter_config__json=adapter)
    axolotl = (
        "base_model: a/b\ndatasets: [{path: json, data_files: /home/jane/x.jsonl}]\nchat_template: ~/jane/t.jinja\n"
    )
    found = told(tmp_path, adapter_config__json=adapter, axolotl_config__yml=axolotl)
    assert "jane" not in found.model_dump_json() and "x.jsonl" in found.datasets[0].description


@pytest.mark.shared
def test_every_example_of_mergekit_is_read(tmp_path: Path) -> None:
    examples = sorted(shared("artefacts").glob("tables/arcee-ai__mergekit/examples/*.yml"))
    assert examples
    for example in examples:
        stage = only(told(tmp_path, mergekit_config__yml=example.read_text("utf-8")))
        assert stage.method in example.read_text("utf-8") and len(stage.inputs) >= 2


# adapters


def test_an_adapter_has_a_base_with_its_revision(tmp_path: Path) -> None:
    config = {
        "peft_type": "LORA",
        "base_model_name_or_path": "org/base",
        "revision": "abc",
        "r": 16,
        "lora_alpha": 32,
        "target_modules": ["q_proj", "v_proj"],
        "use_rslora": True,
        "peft_version": "0.18.0",
    }
    stage = only(told(tmp_path, adapter_config__json=config))
    assert (stage.kind, stage.method, stage.software) == (StageKind.ADAPTER, "rsLoRA", ("peft 0.18.0",))
    assert inputs(stage) == [("model", "org/base", "abc", "")]
    assert stated(stage)["r"] == "16" and stated(stage)["target_modules"] == "q_proj, v_proj"


def test_a_damaged_adapter_config_is_one_line(tmp_path: Path) -> None:
    assert told(tmp_path, adapter_config__json={"r": "many"}).problems == (
        "adapter_config.json: r, the rank, is not a positive whole number",
    )


# axolotl and LLaMA-Factory

AXOLOTL = """base_model: org/base
revision_of_model: abc
adapter: qlora
lora_r: 32
{more}
datasets:
  - {{path: org/chat, type: chat_template, split: train}}
  - {{path: ./data/own.jsonl, type: alpaca}}
test_datasets: [{{path: org/held}}]
learning_rate: 2e-5
"""


@pytest.mark.parametrize(
    ("more", "kind", "method", "role"),
    [
        ("", StageKind.SFT, "SFT, QLoRA", DatasetRole.FINE_TUNING),
        ("rl: dpo", StageKind.PREFERENCE, "DPO, QLoRA", DatasetRole.PREFERENCE),
        ("rl: grpo\ntrl: {reward_funcs: [rewards.accuracy]}", StageKind.RL, "GRPO, QLoRA", DatasetRole.FINE_TUNING),
        ("reward_model: true", StageKind.REWARD_MODEL, "QLoRA", DatasetRole.PREFERENCE),
        ("pretraining_dataset: org/web", StageKind.CONTINUED_PRETRAINING, "QLoRA", DatasetRole.PRETRAINING),
    ],
)
def test_axolotl_says_method_and_data(
    more: str, kind: StageKind, method: str, role: DatasetRole, tmp_path: Path
) -> None:
    found = told(tmp_path, axolotl_config__yml=AXOLOTL.format(more=more))
    stage = only(found)
    assert (stage.kind, stage.method, stage.inputs[0].revision) == (kind, method, "abc")
    assert stage.reward == ("rewards.accuracy" if kind is StageKind.RL else "")
    roles = {d.name: d.roles for d in found.datasets}
    assert roles["org/chat"] == roles["own.jsonl"] == (role,) and roles["org/held"] == (DatasetRole.EVALUATION,)
    assert {i.name for i in stage.inputs if i.kind is InputKind.DATASET} == set(roles) - {"org/held"}


def test_axolotls_block_in_a_card(tmp_path: Path) -> None:
    block = f"axolotl version: `0.9.2`\n```yaml\n{AXOLOTL.format(more='')}\n```\n"
    card = f"---\ntags: [axolotl]\n---\n<details><summary>See axolotl config</summary>\n\n{block}</details>\n"
    stage = only(told(tmp_path, README__md=card))
    assert stage.software[0] == "axolotl 0.9.2" and stage.file == "README.md" and stated(stage)["lora_r"] == "32"


def test_llama_factory(tmp_path: Path) -> None:
    config = """stage: dpo
model_name_or_path: org/base
finetuning_type: lora
dataset: one,two
reward_model: org/reward
pref_loss: sigmoid
"""
    found = told(tmp_path, training_args__yaml=config)
    stage = only(found)
    assert (stage.kind, stage.method) == (StageKind.PREFERENCE, "DPO, LoRA")
    assert [(i.kind.value, i.name) for i in stage.inputs] == [
        ("model", "org/base"),
        ("dataset", "one"),
        ("dataset", "two"),
        ("reward_model", "org/reward"),
    ]
    assert told(tmp_path, training_args__yaml="learning_rate: 1\n") == Training(), "by another program"


# trainers


def test_a_trainers_files_are_one_run_of_an_unknown_method(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        trainer_state__json={
            "global_step": 375,
            "total_flos": 2e14,
            "log_history": [{"loss": 1.0, "rewards/chosen": 0.5}, {"step": 2}],
        },
        training_args__json={"learning_rate": 5e-6, "beta": 0.1},
        all_results__json={"eval_loss": 0.5, "train_runtime": 60.5, "eval_ok": True},
    )
    stage = only(found)
    assert stage.kind is StageKind.OTHER and stage.flops == 2e14 and stage.inputs == ()
    assert stated(stage) == {
        "learning_rate": "5e-06",
        "beta": "0.1",
        "global_step": "375",
        "logged": "loss, rewards/chosen, step",
        "train_runtime": "60.5",
    }
    assert stage.said.by == "trainer_state.json, training_args.json, all_results.json"
    assert [(m.name, m.value, m.said.by) for m in found.metrics] == [("loss", "0.5", "all_results.json")]


def test_a_zero_of_operations_is_no_figure(tmp_path: Path) -> None:
    assert only(told(tmp_path, trainer_state__json={"total_flos": 0.0, "global_step": 1})).flops is None


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("pwned"),))


def test_a_pickle_of_arguments_stays_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "training_args.bin").write_bytes(pickle.dumps(_Evil()))
    found = told(tmp_path)
    assert not (tmp_path / "pwned").exists() and found.stages == ()
    (gap,) = found.gaps
    assert (gap.field, gap.state) == ("training_arguments", "unknown") and "pickle" in gap.why


# the card


def test_tags_name_a_method_and_a_trainer_its_hyperparameters(tmp_path: Path) -> None:
    card = """---
tags: [trl, unsloth, dpo, text-generation]
datasets: [org/prefs, 7]
---
### Training hyperparameters

The following hyperparameters were used during training:
- learning_rate: 5e-06
- optimizer: Use adamw_torch with betas=(0.9,0.999)

### Framework versions

- Transformers 4.56.1
- Pytorch 2.8.0
"""
    found = told(tmp_path, README__md=card)
    stage = only(found)
    assert (stage.kind, stage.method, stage.said.by) == (StageKind.PREFERENCE, "DPO", "README.md")
    assert stage.software == ("TRL", "unsloth", "Transformers 4.56.1", "Pytorch 2.8.0")
    assert stated(stage) == {"learning_rate": "5e-06", "optimizer": "Use adamw_torch with betas=(0.9,0.999)"}
    assert [(d.name, d.roles) for d in found.datasets] == [("org/prefs", (DatasetRole.UNSPECIFIED,))]


def test_prose_is_not_read(tmp_path: Path) -> None:
    card = "---\ntags: [sftp, merged]\n---\nWe used DPO and GRPO on 15 T tokens, then quantised it with GPTQ.\n"
    assert told(tmp_path, README__md=card) == Training()


def test_results_of_a_model_index(tmp_path: Path) -> None:
    metrics = [{"type": "accuracy", "value": 0.9, "name": "Accuracy"}, {"type": "f1", "value": None}, "x"]
    index = [{"name": "m", "results": [{"dataset": {"name": "GLUE"}, "metrics": metrics}, 3]}]
    found = told(tmp_path, README__md=f"---\n{json.dumps({'model-index': index})}\n---\n")
    assert [(m.name, m.value, m.dataset) for m in found.metrics] == [("Accuracy", "0.9", "GLUE")]


# quantisers


@pytest.mark.parametrize(
    ("name", "content", "method", "settings"),
    [
        (
            "quantize_config__json",
            {"bits": 4, "group_size": 128, "desc_act": False},
            "GPTQ",
            {"bits": "4", "group_size": "128", "desc_act": "false"},
        ),
        ("quant_config__json", {"w_bit": 4, "q_group_size": 128}, "AWQ", {"w_bit": "4", "q_group_size": "128"}),
        (
            "hf_quant_config__json",
            {"producer": {"name": "modelopt", "version": "0.33"}, "quantization": {"quant_algo": "NVFP4"}},
            "NVFP4",
            {"quant_algo": "NVFP4"},
        ),
        (
            "config__json",
            {"quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]}},
            "FP8",
            {"fmt": "e4m3", "weight_block_size": "128, 128"},
        ),
    ],
)
def test_quantisers(name: str, content: Any, method: str, settings: dict[str, str], tmp_path: Path) -> None:
    stage = only(told(tmp_path, **{name: content}))
    assert (stage.kind, stage.method, stated(stage)) == (StageKind.QUANTIZATION, method, settings)
    if name == "config__json":
        assert "when they were made so is not stated" in stage.said.note


def test_calibration_data_by_name_and_not_by_content(tmp_path: Path) -> None:
    found = told(tmp_path, quantize_config__json={"bits": 4, "dataset": "c4"})
    assert [(d.name, d.roles) for d in found.datasets] == [("c4", (DatasetRole.CALIBRATION,))]
    assert inputs(only(found)) == [("dataset", "c4", "", "calibration")]
    assert told(tmp_path, quantize_config__json={"bits": 4, "dataset": ["secret " * 100] * 3}).datasets == ()


def test_a_recipe_of_llm_compressor(tmp_path: Path) -> None:
    recipe = """default_stage:
  default_modifiers:
    SparseGPTModifier: {sparsity: 0.5}
    GPTQModifier: {targets: [Linear], scheme: W4A16, ignore: [lm_head]}
"""
    config = {"quantization_config": {"quant_method": "compressed-tensors", "quantization_status": "compressed"}}
    found = told(tmp_path, recipe__yaml=recipe, config__json=config)
    assert [(s.kind.value, s.method, s.file) for s in found.stages] == [
        ("pruning", "SparseGPT", "recipe.yaml"),
        ("quantization", "GPTQ", "recipe.yaml"),
    ]


def test_a_config_repeats_the_quantiser_or_contradicts_it(tmp_path: Path) -> None:
    def both(bits: int) -> Training:
        config = {"quantization_config": {"quant_method": "gptq", "bits": bits, "group_size": 128}}
        return told(tmp_path, quantize_config__json={"bits": 4, "group_size": 128}, config__json=config)

    assert len(both(4).stages) == 1 and both(4).contradictions == ()
    assert len(both(8).stages) == 2
    assert both(8).contradictions == ("quantize_config.json states bits as 4, config.json as 8.",)


def test_a_gguf_file_shows_how_its_numbers_are_stored(tmp_path: Path) -> None:
    values = np.ones((64, 256), dtype=np.float32)
    metadata: dict[str, Any] = {"general.architecture": "llama", "quantize.imatrix.dataset": "/tmp/jane/wiki.txt"}
    metadata |= {"general.quantized_by": "somebody", "quantize.imatrix.chunks_count": 125}
    (tmp_path / "m.gguf").write_bytes(gguf(metadata, {"a": q4_k(values), "b": f32(values[:8])}))
    found = told(tmp_path)
    stage = only(found)
    assert (stage.kind, stage.method, stage.file) == (StageKind.QUANTIZATION, "Q4_K", "m.gguf")
    assert stage.said.basis == "measured" and "not stated" in stage.said.note
    assert stated(stage) == {"quantized_by": "somebody", "imatrix.chunks": "125"}
    assert [(d.name, d.roles, d.said.basis) for d in found.datasets] == [
        ("wiki.txt", (DatasetRole.CALIBRATION,), "declared")
    ]
    (tmp_path / "m.gguf").write_bytes(gguf({}, {"a": f32(values)}))
    assert told(tmp_path) == Training()
    (tmp_path / "m.gguf").write_bytes(b"GGUF no more")
    assert told(tmp_path) == Training(), "its damage is told by the reader of weights"


# hostile


FILES = (
    *("mergekit_config__yml", "adapter_config__json", "axolotl_config__yml", "training_args__yaml"),
    *("trainer_state__json", "training_args__json", "all_results__json", "quantize_config__json", "recipe__yaml"),
)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1, 2]",
        "{",
        '"text"',
        "null",
        "&a [*a]",
        "a: &x [1]\nb: *x\n",
        '{"models": 3, "slices": [3, {"sources": 4}], "experts": [[]], "base_model": [1], "merge_method": {}}',
        '{"base_model": {"a": 1}, "datasets": {"x": [1]}, "rl": 3, "stage": [], "model_name_or_path": 4}',
        '{"base_model": "x", "datasets": [null, 3, {"path": 5}], "test_datasets": 7, "trl": "no", "adapter": []}',
        '{"log_history": 3, "total_flos": "many", "global_step": {"a": []}, "quantization": [], "bits": [[]]}',
        '{"default_stage": {"m": {"GPTQModifier": 3, "4": null}, "n": 5}, "dataset": {"a": 1}, "meta": []}',
        '{"total_flos": 1e308, "global_step": 99999999999999999999999999}',
    ],
)
def test_whatever_a_file_holds_the_rest_is_told(name: str, content: str, tmp_path: Path) -> None:
    card = "---\ndatasets: [org/known]\n---\n"
    found = told(tmp_path, **{name: content, "README__md": card})
    assert any(d.name == "org/known" for d in found.datasets)
    assert all("\n" not in p and len(p) < 700 for p in found.problems)


def test_a_file_that_is_too_large_is_refused_by_its_size(tmp_path: Path) -> None:
    (tmp_path / "mergekit_config.yml").write_bytes(b"#" * 2_000_001)
    (problem,) = told(tmp_path).problems
    assert problem.startswith("mergekit_config.yml: 2,000,001 bytes")


def test_more_models_than_are_listed(tmp_path: Path) -> None:
    config = json.dumps({"merge_method": "linear", "models": [{"model": f"o/m{k}"} for k in range(5_000)]})
    assert len(only(told(tmp_path, mergekit_config__yml=config)).inputs) == 200


@pytest.mark.shared
def test_repositories_of_the_wild() -> None:
    folders = [p for p in sorted(shared("artefacts").joinpath("repositories").iterdir()) if p.is_dir()]
    assert folders
    found = {p.name: training_of(open_source(str(p))) for p in folders}
    assert all(s.said.by for t in found.values() for s in t.stages)
    assert all(s.file.endswith(".gguf") for t in found.values() for s in t.stages if s.said.basis != "declared")
    kinds = {s.kind for t in found.values() for s in t.stages}
    assert {StageKind.MERGE, StageKind.ADAPTER, StageKind.QUANTIZATION, StageKind.RL, StageKind.SFT} <= kinds
    for name, training in found.items():
        if (shared("artefacts") / "repositories" / name / "adapter_config.json").exists():
            assert any(s.kind is StageKind.ADAPTER for s in training.stages), name
