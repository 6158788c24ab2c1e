"""What a bare name lets one say of who made the model: of a developer's own model only."""

from __future__ import annotations

import pytest

from forebear.lineage.chains.called import called


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
    ],
)
def test_a_derivative_is_not_its_bases_developers(name: str, developer: str) -> None:
    assert called(name).subject.developer == developer
