"""What may be shown as a name, and what may not."""

from __future__ import annotations

import base64
import random
import string
import uuid
from collections.abc import Callable

import pytest

from forebear.traffic import secrecy
from forebear.traffic.secrecy import is_fingerprint, looks_random, shortened, withheld

NAMES = """
    gpt-4o-2024-08-06 kimi-k2p5-rl-0317-s515-fast accounts/anysphere/models/kimi-k2p5-rl-0317-s515-fast
    us.anthropic.claude-3-5-sonnet-20241022-v2:0 meta-llama/Llama-3.1-8B-Instruct DeepSeekR1DistillQwen32B
    arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0
    projects/my-project/locations/us-central1/publishers/google/models/gemini-2.5-pro qwen3:0.6b
    TheBloke/Mistral-7B-Instruct-v0.2-GGUF/mistral-7b-instruct-v0.2.Q4_K_M.gguf claude-3-5-sonnet-v2@20241022
    Qwen3-Coder-480B-A35B-Instruct-FP8-Turbo ft:gpt-4o-mini-2024-07-18:acme::AbC123xy acme-1 o1 text-embedding-3-large
    nvidia/Llama-3_1-Nemotron-Ultra-253B-v1 hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M 模型-7b
"""


@pytest.mark.parametrize("name", NAMES.split())
def test_names_are_shown(name: str) -> None:
    assert withheld(name) == ""


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("sk-proj-abc", secrecy.CREDENTIAL),
        ("openai/sk-abc123", secrecy.CREDENTIAL),
        ("ghp_abcdefghijkl", secrecy.CREDENTIAL),
        ("hf_abcdefghijklmnop", secrecy.CREDENTIAL),
        ("AKIAIOSFODNN7EXAMPLE", secrecy.CREDENTIAL),
        ("eyJhbGciOiJIUzI1NiJ9.e30.c2ln", secrecy.CREDENTIAL),
        ("password=hunter2", secrecy.CREDENTIAL),
        ("jane.doe@example.com", secrecy.EMAIL),
        ("jane.doe%40example.com", secrecy.EMAIL),
        ("write me a poem", secrecy.PROSE),
        ("a\nb", secrecy.PROSE),
        ("", secrecy.PROSE),
        ("x" * 201, secrecy.LONG),
        ("https://h.example/v1", secrecy.ADDRESS),
        ("gpt-4o\ud800", secrecy.SYMBOLS),
        ("<script>", secrecy.SYMBOLS),
        ("gpt\x1b[31m", secrecy.SYMBOLS),
        (str(uuid.UUID(int=2**127 + 12345)), secrecy.RANDOM),
        ("0af3e1b2c4d5968778695a4b3c2d1e0f", secrecy.RANDOM),
        ("4111111111111111", secrecy.NUMBER),
        ("3037382d30352d33393433", secrecy.RANDOM),  # a number in hexadecimal
        ("gpt-4o-4111-1111-7374-9185", secrecy.NUMBER),
        ("qwen3-8b#+49-170-2122473", secrecy.NUMBER),
        ("078-05-1120/gpt-4o", secrecy.NUMBER),
        ("DE89370400440532250924", secrecy.RANDOM),
        ("gpt-4o:10.23.127.239", secrecy.ADDRESS),
        ("gpt-4o-db7.internal.acme.example", secrecy.ADDRESS),
    ],
)
def test_secrets_addresses_and_prose_are_not(value: str, why: str) -> None:
    assert withheld(value) == why


def test_keys_made_by_chance_are_known_as_such() -> None:
    rng = random.Random(1)
    kinds: dict[str, Callable[[int], str]] = {
        "base 62": lambda n: "".join(rng.choices(string.ascii_letters + string.digits, k=n)),
        "hexadecimal": lambda n: rng.randbytes(n // 2).hex(),
        "base 64": lambda n: base64.urlsafe_b64encode(rng.randbytes(n * 3 // 4)).decode(),
    }
    for name, make in kinds.items():
        for length, most in ((24, 60), (32, 25), (40, 15)):  # of 1,000: digits can be rare by chance
            missed = [value for value in (make(length) for _ in range(1_000)) if not withheld(value)]
            assert len(missed) <= most, (name, length, missed[:5])
    assert not looks_random("instructpreviewlatest") and looks_random("a1b2c3d4e5f6g7h8")


def test_fingerprints_have_a_form() -> None:
    assert is_fingerprint("fp_44709d6fcb") and is_fingerprint("fp_8b330d02d0_prod0820_fp8_kvcache_20260402")
    for value in ("sk_live_44709d6fcb", "44709d6fcb", "fp_", "fp_44 70", "fp_" + "a" * 40):
        assert not is_fingerprint(value)


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ("gpt-4o:4111-1111-7374-9185", "gpt-4o:…"),
        ("accounts/4111111111111111/models/kimi-k2p5", "accounts/…/models/kimi-k2p5"),
        ("10.23.127.239/gpt-4o", "…/gpt-4o"),
    ],
)
def test_of_a_name_with_a_number_the_name_is_left(value: str, left: str) -> None:
    assert shortened(value) == left and not withheld(left.replace("…", ""))


@pytest.mark.parametrize(
    "value",
    [
        "claude-opus-4-1-20250805-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-1-20250805-v1:0",
        "projects/1234567890/locations/us/publishers/google/models/gemini-2.5-pro-preview-03-25",
        "projects/gen-lang-client-0498264908/locations/global/publishers/google/models/gemini-3-flash-preview",
        "gpt-4o-mini-2024-07-18",
        "llama-3.1-8b-step-59605700",
    ],
)
def test_dates_steps_and_accounts_are_no_long_numbers(value: str) -> None:
    assert not withheld(value) and shortened(value) == value
