"""From what papers and identifiers call something to entries."""

from __future__ import annotations

import pytest

from facts import catalogue
from forebear.catalogue import lookup
from forebear.catalogue.developers import developer_of, find_models, published
from forebear.catalogue.licences import licence_named, licences
from forebear.catalogue.models import known_models
from forebear.catalogue.names.families import families


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Kimi-K2.5", {"Kimi-K2.5"}),
        ("moonshotai/Kimi-K2.5@main", {"Kimi-K2.5"}),
        ("hf:moonshotai/kimi-k2.5", {"Kimi-K2.5"}),
        ("accounts/fireworks/models/kimi-k2p5-rl-0317-s515-fast", {"Kimi-K2.5"}),
        ("unsloth/Kimi-K2.5-GGUF", {"Kimi-K2.5"}),
        ("deepseek-v3-0324", {"DeepSeek-V3-0324"}),
        ("Composer 2", {"Composer 2"}),
        ("meta-llama/Llama-2-7b-chat-hf", {"Llama-2-7b"}),
        ("Mistral-Large-Instruct-2411", {"Mistral-Large-Instruct-2411"}),
        ("mistralai/Mistral-7B-Instruct-v0.2", {"Mistral-7B-Instruct-v0.2"}),
        ("zai-org/GLM-4.5-Air-FP8", {"GLM-4.5-Air"}),
        ("meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo", {"Llama-3.1-70B"}),  # a gateway's name: how it is served
        ("llama-3.3-70b-instruct-lite", {"Llama-3.3-70B-Instruct"}),  # beside a size a tier may be, too
        ("z-ai/glm-4.5-air:free", {"GLM-4.5-Air"}),
        ("mistral-large-2407", {"Mistral-Large-Instruct-2407", "Mistral-Large-4-1T-A52B"}),  # not 2411
    ],
)
def test_identifiers_lead_to_models(text: str, names: set[str]) -> None:
    assert {model.name for model in find_models(text)} == names


def test_what_a_name_leaves_open_stays_open() -> None:
    assert {m.name for m in find_models("kimi-k2")} >= {"Kimi-K2-Base", "Kimi-K2-Thinking"}
    found = {m.name for m in find_models("qwen2.5")}
    assert {"Qwen2.5-3B", "Qwen2.5-72B"} <= found and not any(name.startswith("Qwen3") for name in found)


@pytest.mark.parametrize(
    "text",
    [
        "NousResearch/Hermes-3-Llama-3.1-8B",  # a descendant that names its base is not its base
        "deepseek-ai/DeepSeek-R1-Distill-Llama-3B",
        "Qwen2.5-Coder-7B",  # another model of the family
        "Qwen2.5-VL-72B-Instruct",
        "Mistral-7B-Instruct-v0.4",  # another version
        "llama-2-34b",  # another size
        "01-ai/Yi-6B",  # in its publisher's account a name without a version is no later version's
        "CohereForAI/c4ai-command-r-plus",  # nor is one tier another
        "THUDM/GLM-4-9B-0414",  # nor a later release the first one: its licence may be another
        "cohere.command-r-plus-v1:0",  # anywhere
        "glm-4-plus",  # sold, and not the one that was published
        "qwen3-max",
        "yi-lightning",
        "ernie-speed-128k",
        "alice/phi-4-mini-medical",
        "mistral-nemo",
        "mistral-small-2402",  # another date than every one that is known
        "gpt-4o",
        "hello",
        "",
        "/",
        "a" * 100_000,
    ],
)
def test_other_models_and_other_words_lead_to_none(text: str) -> None:
    assert find_models(text) == ()


def test_every_model_is_found_by_its_name_and_its_repository() -> None:
    for model in published().values():
        assert find_models(model.name) == (model,)
        if model.repository:
            assert find_models(model.repository) == (model,)


def test_a_size_outside_of_the_name_counts() -> None:
    facts = catalogue()
    assert [m.name for m in lookup.find_models("kimi-k9-8b-instruct", facts)] == ["Kimi-K9-8B"]
    assert lookup.find_models("kimi-k9-70b", facts) == ()
    assert not any(m.name.startswith("Mistral-Large") for m in find_models("mistral-7b"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("moonshot", "moonshot"),
        ("Moonshot AI", "moonshot"),
        ("MOONSHOTAI", "moonshot"),
        ("moonshotai/whatever", "moonshot"),
        ("Cursor", "anysphere"),
        ("THUDM", "zhipu"),
        ("nobody", None),
        ("nobody/Kimi-K2.5", None),
        ("", None),
    ],
)
def test_developers_by_any_name(text: str, found: str | None) -> None:
    developer = developer_of(text)
    assert (developer.id if developer else None) == found


def test_a_family_of_a_known_developer_leads_to_it() -> None:
    """The words under which the grammar of names and the shapes know a developer are known here, too."""
    names = {f.developer for f in families()} | {m.developer for m in known_models()}
    assert sum(developer_of(name) is not None for name in names) >= 55


@pytest.mark.parametrize(
    ("value", "name", "found"),
    [
        ("apache-2.0", "", "apache-2.0"),
        ("Apache-2.0", "", "apache-2.0"),
        ("Apache License 2.0", "", "apache-2.0"),
        ("llama3.1", "", "llama3.1"),
        ("other", "qwen-research", "qwen-research"),
        ("other", "qwen", "qwen-2024"),
        ("LicenseRef-scancode-deepseek-la-1.0", "", "deepseek-license-1.0"),
        ("gemma", "", "gemma-tou-2025-03-24"),
        ("other", "modified-mit", None),  # Kimi K2, K2.5 and MiniMax M2 go by it
        ("other", "", None),
        ("unknown", "", None),
        ("", "", None),
    ],
)
def test_licences_by_tag(value: str, name: str, found: str | None) -> None:
    licence = licence_named(value, name)
    assert (licence.id if licence else None) == found


def test_every_licence_is_found_by_its_own_words() -> None:
    for licence in licences().values():
        assert licence_named(licence.id) == licence
        for tag in licence.hub_ids:
            assert licence_named(tag) == licence
        if licence.spdx:
            assert licence_named(licence.spdx) == licence
