"""What a bare name lets one say of who made the model: of a developer's own model only."""

from __future__ import annotations

import pytest

from forebear.lineage.chain import Access
from forebear.lineage.chains.called import called, maker_of


@pytest.mark.parametrize(
    "name, developer",
    [
        ("gpt-4o", "openai"),
        ("llama-3.1-8b-instruct", "meta"),
        ("hermes-3-llama-3.1-405b", ""),
        ("llama-3-8b-acme", ""),
        ("kimi-k2p5-rl-0317-s515-fast", ""),
        ("meta-llama2/Llama-3.1-8B", ""),
        ("who-knows-9b", ""),
        ("o3-mini", "openai"),
        ("claude-sonnet-4-20250514", "anthropic"),
        ("codestral-latest", "mistral"),
        ("azure/gpt-4o", "openai"),
        ("codestral-merge", ""),
        ("nobody/gpt-4o-clone", ""),
        ("nobody/codestral-22b", ""),
    ],
)
def test_a_derivative_is_not_its_bases_developers(name: str, developer: str) -> None:
    assert called(name).subject.developer == developer


@pytest.mark.parametrize(
    "name, maker",
    [
        ("claude-sonnet-4-20250514", "Anthropic"),
        ("claude-3-5-sonnet@20240620", "Anthropic"),
        ("openrouter/anthropic/claude-3.5-sonnet", "Anthropic"),
        ("us.anthropic.claude-3-5-sonnet-20241022-v2:0", "Anthropic"),
        ("amazon.nova-pro-v1:0", "Amazon"),
        ("voyage-3", "Voyage AI"),
        ("o4-mini-2025-04-16", "OpenAI"),
        ("openrouter/openai/o3", "OpenAI"),
        ("ministral-8b-latest", "Mistral AI"),
        ("dolphin-mixtral", ""),
        ("nobody/claude-3-opus", ""),
        ("nvidia/Llama-3.1-8B-FP8", ""),
        ("who-knows-9b", ""),
    ],
)
def test_who_makes_what_an_api_calls_so(name: str, maker: str) -> None:
    """In words, as the families' files have them, whether the catalogue knows more of him or not."""
    assert maker_of(name) == maker


def test_a_called_model_is_the_one_of_that_name_at_that_revision() -> None:
    found = called("moonshotai/Kimi-K2.5", "abc")
    assert (found.subject.name, found.subject.model, found.subject.revision) == (
        "moonshotai/Kimi-K2.5",
        "Kimi-K2.5",
        "abc",
    )
    assert found.access is Access.NAME and found.edges[0].parent == "Kimi-K2-Base"
    assert called("gpt-4o").subject.revision == ""


@pytest.mark.parametrize(
    ("name", "maker"),
    [
        ("llama-3.1-8b", "Meta"),
        ("meta-llama/Llama-3.1-8B", ""),  # with an account the account decides
        ("openai/gpt-4o", "OpenAI"),  # but for what is not published
        ("codestral-22b", "Mistral AI"),  # a line of its family's own house
        ("hermes-3-llama-3.1-8b", ""),
        ("llama-3.1-8b-sft", ""),
        ("", ""),
    ],
)
def test_whose_a_model_is_by_its_name(name: str, maker: str) -> None:
    assert maker_of(name) == maker
