"""When two names cannot be those of one model."""

from __future__ import annotations

import pytest

from forebear.catalogue.names import decode
from forebear.traffic.differences import differ


def names_differ(asked: str, said: str) -> bool:
    first, second = decode(asked, named=True), decode(said, named=True)
    assert first is not None and second is not None
    return differ(first, second)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("openai/gpt-4o", "gpt-4o"),
        ("claude-sonnet-4-0", "claude-sonnet-4-20250514"),
        ("claude-3-5-sonnet-latest", "us.anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("gemini-flash-latest", "gemini-2.5-flash"),
        ("acme-1", "acme-1"),
        ("acme-1", "vendor/acme-1"),
        ("acme-1", "acme-1-20260319"),
        ("qwen3:8b", "Qwen/Qwen3-8B"),
        ("kimi-k2", "kimi-k2-0905-preview"),
    ],
)
def test_names_of_one_model(asked: str, said: str) -> None:
    assert not names_differ(asked, said) and not names_differ(said, asked)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("acme-1", "accounts/anysphere/models/kimi-k2p5-rl-0317-s515-fast"),
        ("gpt-4o", "gpt-4.1"),
        ("gpt-4o", "claude-sonnet-4-5"),
        ("claude-opus-4-5", "claude-haiku-4-5"),
        ("qwen3-235b-a22b", "qwen3-8b"),
        ("acme-1", "acme-2"),
        ("gpt-4", "gpt-4o"),
    ],
)
def test_names_of_two(asked: str, said: str) -> None:
    assert names_differ(asked, said) and names_differ(said, asked)
