"""Configs that others published: each is read with its family and sizes, or refused with the reason listed here."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from forebear.artifacts import read_artifact
from forebear.artifacts.architecture import HOLES, families
from forebear.artifacts.config import Sizes, declared_sizes
from forebear.artifacts.text import LFS_POINTER
from forebear.sources import LocalSource
from shared import shared

pytestmark = pytest.mark.shared

FAMILIES = {
    "bloom": ["amansingh61__bloom"],
    "deepseek_v3": ["itounagi0116__DeepSeek-R1"],
    "exaone4": ["RkFeeder__LG-AI-Research/exaone_baseline", "RkFeeder__LG-AI-Research/exaone_optimized"],
    "falcon": ["Alikhan13r__falcon-180B-chat", "Decentralised-AI__falcon-40b"],
    "gemma": ["ananddhanabal__gemma"],
    "gemma2": ["Ayush2006128__mithoon-2b"],
    "gpt2": ["TeletcheaLab__protGPT2"],
    "gpt_neox": [
        "Avent-IQ__pythia-410m-chatbot",
        "drcege__RedPajama-INCITE-7B-Base",
        "junqi-jiang__oasstpythia1.5brm",  # a reward model: another head
    ],
    "gpt_oss": ["EchoCog__gpt-oss-20b"],
    "granitemoe": ["jeremieconte__granite-3.1-1b-a400m-instruct"],
    "llama": [
        "1rin__openllama-chinese-english-3b",
        "GribAI__Tensor-12m",
        "HuengchI__Atom-7B",
        "InfiMM__infimm-zephyr",  # Mistral beside a vision model, under "language"
        "IrfanUruchi__Llama-2-13B-Computer-Engineering-",
        "KamilaTrinkenschuh__Minstral-Model",
        "PRITHIVSAKTHIUR__Triangulum",
        "YouZiSoftware__lzlv_70b_fp16_hf",
        "YouriLalain__2PRYMMAL-Yi1.5-6B-SLERP",
        "ashishagrawal-as__mistral-7b-v03-instruct",
        "ashishn-08__granite-3b-code-instruct-128k",
        "chengzeyi__vicuna-7b-delta-v0",
        "fetchwiki__HuggingFaceTB-SmolLM3-3B",
        "fetchwiki__mistralai-Devstral-Small-2507",
        "gmars__CodeFuse-CodeLlama-34B",
        "gsasouza__dolphin3-mistral",
        "isatyabrata__llama2-7b-chat-hf",
        "kleberbaum__Pygmalion-7b-Merged-Safetensors",
        "kuolema-aap14__ELYZA-japanese-Llama-2-13b-instruct",
        "nuxwork__llama-7b-hf",
        "pgadet-wq__granite-docling-258M",  # Llama beside a vision model, under "text_config"
        "saluberis__Wizard-Vicuna-30B-Uncensored",
    ],
    "mixtral": ["tbressers__WizardLM-2-8x22B"],
    "phi3": ["YouriLalain__3PRYMMAL-PHI3-3B-SLERP"],
    "qwen2": [
        "1235357__Backup_hf_sakura-14b-qwen2.5-v1.0-q6k",
        "fetchwiki__deepcogito-cogito-v1-preview-qwen-14B",
        "mohamadfayez__ain-model",  # Qwen2-VL: the language model of Qwen2
    ],
    "qwen3": ["sarcascoder__nvidia-reason2"],  # Qwen3-VL likewise, under "text_config"
}
"""Family to the folders whose config declares it and its sizes."""

UNKNOWN = {
    "CCKS2024__CCKS2024-Summary-of-incidents/pythonProject1/summary/checkpoint-31": "t5",
    "Decentralised-AI__WizardCoder-15B-1.0-GPTQ": "gpt_bigcode",
    "DracoUnion__chatglm3-6b-int4-lora/model": "chatglm",
    "EvilFreelancer__rugpt3xl-convert": "rugpt3xl",
    "GriffinDevelopments__TraXLMistraLForCausalLM": "TraXLMistral",
    "HYanChen__MiniMind2": "minimind",
    "Herutriana44__TinyPeLLM": "tiny_pellm",
    "HwwwwwwwH__MiniCPM-V-2": "minicpmv",
    "Lionelpang__codegeex2-6b": "chatglm",
    "Tencent-Hunyuan__Hunyuan-A13B/models": "hunyuan",
    "alibaba__Logics-Thinking/model": "logics",
    "bacoco__Phi-2": "mixformer-sequential",
    "bryce-hoehn__Qwen3.5-18B-REAP-A3B-Coding": "qwen3_5_moe_text",
    "camenduru__Qwen-Audio": "qwen",
    "fetchwiki__LiquidAI-LFM2-1.2B": "lfm2",
    "greensheng__chatglm-6b": "chatglm",
    "leejamesss__moss_7b": "moss",
    "mapengAdam__qianwen-72B": "qwen",
    "masidyai__model": "qwen3_5_text",
    "reubzdubz__Molmo7B_D_NF4Quant": "molmo",
    "syjjhl__chatglm2-6b": "chatglm",
    "troy12x__quasar-kimi": "kimi_linear",
    "x1ngzai__Qwen-VL-Chat-Int4": "qwen",
}
"""Folders whose config names a type that no family describes. Whoever adds the family moves the line up."""

SENSES = {
    "it reads images": ["minicpmv", "logics", "qwen", "qwen3_5_text"],
    "it reads sound": ["qwen"],
    "it has an encoder and a decoder": ["t5"],
}

REFUSED = {
    "devadigapratham__JurisQwen": "it has neither model_type nor architectures",  # settings of a training script
    "fetchwiki__THUDM-cogvlm2-llama3-caption": (
        "it has no model_type, and its class CogVLMVideoForCausalLM is of no known family; it reads images"
    ),
    "rocklambros__mlops-toxic-moderation/tests/fixtures/challenger_bad_objective": (
        "a config of type distilbert without width (dim)"
    ),
    "rocklambros__mlops-toxic-moderation/tests/fixtures/challenger_ok": (
        "a config of type distilbert without width (dim)"
    ),
}
"""Folders whose config is refused for another reason, and the reason."""

FACTS: dict[str, dict[str, Any]] = {
    "isatyabrata__llama2-7b-chat-hf": {"width": 4096, "layers": 32, "heads": 32, "kv_heads": 32, "intermediate": 11008},
    "YouZiSoftware__lzlv_70b_fp16_hf": {"width": 8192, "layers": 80, "heads": 64, "kv_heads": 8, "vocabulary": 32000},
    "nuxwork__llama-7b-hf": {
        "width": 4096,
        "layers": 32,
        "kv_heads": 32,
        "head_dim": 128,
    },  # written before grouped heads
    "saluberis__Wizard-Vicuna-30B-Uncensored": {"width": 6656, "layers": 60, "heads": 52, "kv_heads": 52},
    "gmars__CodeFuse-CodeLlama-34B": {"width": 8192, "layers": 48, "kv_heads": 8, "intermediate": 22016},
    "ashishagrawal-as__mistral-7b-v03-instruct": {"model_type": "mistral", "kv_heads": 8, "vocabulary": 32768},
    "fetchwiki__mistralai-Devstral-Small-2507": {
        "width": 5120,
        "heads": 32,
        "head_dim": 128,
        "layers": 40,
    },  # 32 x 128 < 5120
    "fetchwiki__HuggingFaceTB-SmolLM3-3B": {"model_type": "smollm3", "width": 2048, "layers": 36, "kv_heads": 4},
    "fetchwiki__deepcogito-cogito-v1-preview-qwen-14B": {
        "width": 5120,
        "layers": 48,
        "heads": 40,
        "kv_heads": 8,
        "head_dim": 128,
    },
    "ananddhanabal__gemma": {
        "width": 2048,
        "layers": 18,
        "heads": 8,
        "kv_heads": 1,
        "head_dim": 256,
        "vocabulary": 256000,
    },
    "Ayush2006128__mithoon-2b": {
        "width": 2304,
        "layers": 26,
        "heads": 8,
        "kv_heads": 4,
        "head_dim": 256,
        "intermediate": 9216,
    },
    "YouriLalain__3PRYMMAL-PHI3-3B-SLERP": {
        "width": 3072,
        "layers": 32,
        "heads": 32,
        "head_dim": 96,
        "vocabulary": 32064,
    },
    "itounagi0116__DeepSeek-R1": {
        "width": 7168,
        "layers": 61,
        "predicting": 1,
        "vocabulary": 129280,
        "intermediate": 18432,
        "heads": 128,
        "head_dim": 192,
        "nope": 128,
        "rotary": 64,
        "value_dim": 128,
        "experts": 256,
        "expert_intermediate": 2048,
    },
    "EchoCog__gpt-oss-20b": {"width": 2880, "layers": 24, "heads": 64, "kv_heads": 8, "head_dim": 64, "experts": 32},
    "tbressers__WizardLM-2-8x22B": {
        "width": 6144,
        "layers": 56,
        "experts": 8,
        "expert_intermediate": 16384,
        "kv_heads": 8,
    },
    "jeremieconte__granite-3.1-1b-a400m-instruct": {
        "width": 1024,
        "experts": 32,
        "expert_intermediate": 512,
        "kv_heads": 8,
    },
    "Alikhan13r__falcon-180B-chat": {"width": 14848, "layers": 80, "heads": 232, "kv_heads": 8, "intermediate": 59392},
    "Decentralised-AI__falcon-40b": {"model_type": "RefinedWeb", "heads": 128, "kv_heads": 8, "head_dim": 64},
    "Avent-IQ__pythia-410m-chatbot": {"width": 1024, "layers": 24, "heads": 16, "head_dim": 64, "rotary": 16},
    "drcege__RedPajama-INCITE-7B-Base": {"width": 4096, "layers": 32, "head_dim": 128, "rotary": 128},
    "amansingh61__bloom": {
        "width": 14336,
        "layers": 70,
        "heads": 112,
        "kv_heads": 112,
        "intermediate": 57344,
        "rotary": None,
    },
    "TeletcheaLab__protGPT2": {"width": 1280, "layers": 36, "heads": 20, "intermediate": 5120, "rotary": None},
    "InfiMM__infimm-zephyr": {"model_type": "mistral", "width": 4096, "kv_heads": 8, "intermediate": 14336},
    "pgadet-wq__granite-docling-258M": {"width": 576, "layers": 30, "heads": 9, "kv_heads": 3, "vocabulary": 100352},
}
"""What model cards and papers say of these models, as far as they are well known."""

MISTAKEN = {
    "adapter_config.json": {"an adapter's config, not a model's; its base model has the sizes": 24},
    "configuration.json": {"a description for a model hub, not a model's config": 2},
    "generation_config.json": {"a generation config, not a model's": 52},
    "params.json": {"params.json of the original release, not a config.json; convert the model or add its config": 2},
    "preprocessor_config.json": {
        "a processor's config, not a model's": 7,
        "it has neither model_type nor architectures; it reads images": 1,
    },
    "processor_config.json": {"a processor's config, not a model's": 3},
    "quantize_config.json": {"a quantiser's config, not a model's": 2},
    "tokenizer_config.json": {"a tokenizer's config, not a model's": 76},
}

BUFFERS = re.compile(r"\.(rotary_emb\.inv_freq|attention\.(masked_)?bias)$")
BESIDE = re.compile(r"(model\.)?visual\.|out_proj\.")
"""What stands beside a language model: a tower for images, the head of a reward model."""
QUANTISED = re.compile(r"\.(absmax|nested_absmax|(nested_)?quant_map|quant_state\.\w+)$|_proj_(blocks|scales)$")


@pytest.fixture(scope="module")
def artefacts() -> Path:
    return shared("artefacts")


@pytest.fixture(scope="module")
def configs(artefacts: Path) -> dict[str, Any]:
    """Folder below ``repositories`` to its config, wherever in the collection one lies."""
    found = {p.parent.relative_to(artefacts / "repositories"): p for p in artefacts.rglob("config.json")}
    return {str(folder): json.loads(path.read_bytes()) for folder, path in found.items()}


def test_every_config_is_in_one_of_the_lists(configs: dict[str, Any]) -> None:
    listed = [folder for folders in FAMILIES.values() for folder in folders] + [*UNKNOWN, *REFUSED]
    assert sorted(listed) == sorted(configs) and len(listed) == 69


def test_every_config_is_read_as_its_family(configs: dict[str, Any]) -> None:
    for family, folders in FAMILIES.items():
        for folder in folders:
            found = declared_sizes(configs[folder])
            assert isinstance(found, Sizes) and found.family == family, f"{folder}: {found}"
            assert None not in (found.vocabulary, found.intermediate, found.heads, found.kv_heads), folder
            assert found.head_dim and found.value_dim, folder
            assert (found.expert_intermediate is not None) == (found.experts > 0), folder


@pytest.mark.parametrize("folder", FACTS)
def test_well_known_models_have_their_well_known_sizes(folder: str, configs: dict[str, Any]) -> None:
    found = declared_sizes(configs[folder])
    assert {key: getattr(found, key) for key in FACTS[folder]} == FACTS[folder]


def test_every_other_config_is_refused_with_its_reason(configs: dict[str, Any]) -> None:
    for folder, kind in UNKNOWN.items():
        reason = declared_sizes(configs[folder])
        assert isinstance(reason, str), folder
        start, _, rest = reason.partition("; ")
        assert start == f"model_type {kind} belongs to no known family", folder
        assert not rest or kind in SENSES[rest], f"{folder}: {reason}"
    assert {folder: declared_sizes(configs[folder]) for folder in REFUSED} == REFUSED
    said = Counter(str(declared_sizes(configs[folder])).partition("; ")[2] for folder in UNKNOWN)
    assert said == {"": 17, "it reads images": 4, "it reads sound": 1, "it has an encoder and a decoder": 1}


def test_files_that_are_mistaken_for_a_config_are_named(artefacts: Path) -> None:
    for name, expected in MISTAKEN.items():
        found: Counter[str] = Counter()
        for path in sorted(artefacts.rglob(name)):
            found[str(declared_sizes(json.loads(path.read_bytes())))] += 1
        assert found == expected, name
    kinds = {p.name for p in artefacts.rglob("*.json") if p.name.endswith(("config.json", "params.json"))}
    assert kinds | {"configuration.json"} == {*MISTAKEN, "config.json"}


def test_every_tensor_of_a_known_family_has_a_role(artefacts: Path, configs: dict[str, Any]) -> None:
    """By name, in the index of shards beside the config; left over is what the three expressions name."""
    described = {f.name: f for f in families()}
    read = 0
    for path in sorted((artefacts / "repositories").rglob("*.index.json")):
        folder = str(path.parent.relative_to(artefacts / "repositories"))
        declared = declared_sizes(configs.get(folder, {}))
        raw = path.read_bytes()
        if isinstance(declared, str) or raw.startswith(LFS_POINTER):
            continue
        index, _ = json.JSONDecoder().raw_decode(raw.decode())  # one was damaged in the wild: it is there twice
        roles = [re.escape(r.name) for r in described[declared.family].roles.values()]
        for hole in HOLES:
            roles = [r.replace(re.escape(hole), r"\d+") for r in roles]
        known = re.compile(rf"(\w+\.)*({'|'.join(roles)})")
        left = {n for n in index["weight_map"] if not known.fullmatch(n)}
        assert {n for n in left if not (BUFFERS.search(n) or QUANTISED.search(n) or BESIDE.match(n))} == set(), folder
        numbers = {int(n) for name in index["weight_map"] for n in re.findall(r"\b(?:layers|h)\.(\d+)\.", name)}
        assert len(numbers) == declared.layers, folder
        read += 1
    assert read == 33


def test_no_trained_model_of_the_zoo_contradicts_its_config() -> None:
    honest = 0
    for folder in sorted((shared("zoo") / "models").iterdir()):
        artifact = read_artifact(LocalSource(folder))
        if artifact.adapter is not None:
            continue
        assert isinstance(declared_sizes(artifact.config), Sizes) and artifact.notes == (), folder
        honest += 1
    assert honest == 28
