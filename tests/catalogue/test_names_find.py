"""Identifiers in free text, and what a text can do to the search."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.catalogue.names import decode, find, stems
from forebear.catalogue.names.families import families

LOG = """\
2026-03-19 12:00:01 ERROR upstream=https://api.example.com/v1 model: accounts/anysphere/models/kimi-k2p5-rl-0317 missing
I think GPT-4 beats Claude-3, and Llama 3.1 too; so says DeepSeek-R1. {"model":"DeepSeek-R1","n":1}
GET /models/meta-llama/Llama-3.1-8B-Instruct/config.json 404 (qwen2.5-7b-instruct), model=gpt-4o, [mistral-large-2407].
POST /model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke; openrouter/anthropic/claude-3.5-sonnet:beta
~/.cache/hub/models--Qwen--Qwen2.5-7B/snapshots/abc/x.bin arn:aws:bedrock:us-east-1:1:nothing user@gemma-7b.example.org
see https://example.org/blog/llama-3-1-8b-released, claude-code/1.0, falcon-9, and run `deepseek-v3.1`.
"""


def test_what_is_found_in_a_log_and_what_is_not() -> None:
    found = [(LOG[start:end], name.family, name.version, name.provider) for start, end, name in find(LOG)]
    assert found == [
        ("accounts/anysphere/models/kimi-k2p5-rl-0317", "kimi", "k2.5", "fireworks"),
        ("DeepSeek-R1", "deepseek", "r1", None),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama", "3.1", "huggingface"),
        ("qwen2.5-7b-instruct", "qwen", "2.5", None),
        ("gpt-4o", "gpt", "4o", None),
        ("mistral-large-2407", "mistral", None, None),
        ("anthropic.claude-3-haiku-20240307-v1%3A0", "claude", "3", "bedrock"),
        ("openrouter/anthropic/claude-3.5-sonnet:beta", "claude", "3.5", "openrouter"),
        ("models--Qwen--Qwen2.5-7B/snapshots/abc", "qwen", "2.5", "huggingface"),
        ("deepseek-v3.1", "deepseek", "v3.1", None),
    ]


def test_a_certain_form_is_found_whatever_it_holds() -> None:
    text = "call accounts/acme/models/zebra-9 and publishers/acme/models/gnu then"
    assert [(text[a:b], n.family) for a, b, n in find(text)] == [
        ("accounts/acme/models/zebra-9", None),
        ("publishers/acme/models/gnu", None),
    ]


@pytest.mark.parametrize("text", ["", "kimi", "the claude family", "GPT-4 is good", "llama.cpp", "Phi-4 of 0.3", "o3"])
def test_a_family_alone_or_in_a_sentence_is_none(text: str) -> None:
    assert list(find(f"so {text} it is")) == []


def test_letters_that_become_two_move_nothing() -> None:
    text = "\u0130" * 9 + ' "kimi-k2.5"'
    assert [(text[a:b], n.version) for a, b, n in find(text)] == [("kimi-k2.5", "k2.5")]


def test_a_name_in_a_long_run_of_data_is_none() -> None:
    assert list(find("x" * 700 + "/kimi-k2.5")) == []


@given(st.text(alphabet="kimi-2.5/: @%glm4gpto=\n\"'", max_size=120))
def test_spans_are_in_order_and_hold_what_they_say(text: str) -> None:
    end = 0
    for start, stop, name in find(text):
        assert end <= start < stop <= len(text)
        assert name.identifier == text[start:stop]
        end = stop


@given(st.text(max_size=300), st.booleans())
def test_any_text_can_be_decoded(text: str, named: bool) -> None:
    name = decode(text, named=named)
    assert (name is not None) >= (named and bool(text.strip()))
    list(find(text))


WORDS = (
    "kimi",
    "k2p5",
    "k2.5",
    "llama3",
    "glm-4.7",
    "0317",
    "s515",
    "rl",
    "8b",
    "q4_k_m",
    "128k",
    "es",
    "v0.1",
    "instruct",
)


@given(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(("", "-", "_", "/", "."))), min_size=1, max_size=12))
def test_any_row_of_known_words_can_be_decoded(row: list[tuple[str, str]]) -> None:
    """Also where words are glued together that stand there already: what they say was said."""
    text = "".join(word + glue for word, glue in row)
    for twice in (text, f"kimi-{text}-{text}"):
        assert decode(twice, named=True) is not None
        list(find(twice))


def test_a_second_date_is_none() -> None:
    name = decode("accounts/a/models/kimi-k2p5-rl-0317-s515-0317es")
    assert name is not None and (name.family, name.date, name.step) == ("kimi", "03-17", 515)
    assert "not understood: 0317es" in name.explanation


NAMES = [family.stems[0].replace(" ", "-") + "-7b-instruct-q4_k_m" for family in families()]


@pytest.mark.parametrize("name", NAMES)
def test_the_prefilter_holds_for_every_family(name: str) -> None:
    for text in (f'"{name}"', f"x={name.upper()};", f"models--acme--{name}/", f"/models/{name}.gguf"):
        if list(find(text)):
            assert any(stem in text.lower() for stem in stems())
    assert all(stem == stem.lower() and len(stem) > 2 for stem in stems())


@contextmanager
def counted() -> Iterator[list[int]]:
    """Counts calls of Python functions, our clock: it is the same on every machine."""
    calls = [0]

    def count(frame: object, event: str, argument: object) -> None:
        calls[0] += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(None)


HOSTILE = [
    *(
        "kimi-",
        "a.",
        "a/",
        "a:",
        "accounts/a/models/",
        "accounts/",
        "arn:aws:bedrock:",
        "models--",
        "kimi1",
        "%41",
        "@cf/",
    ),
    *(
        "hf:a/b:",
        "openai/",
        "q4_k_",
        "us.",
        "1-",
        "ft:a:",
        "projects/a/",
        "publishers/",
        "a-llm-",
        "x" * 50 + "/",
        "kimi-k2 ",
    ),
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_work_grows_with_the_text_and_not_faster(piece: str) -> None:
    def work(size: int) -> int:
        with counted() as calls:
            for _ in find("gpt " + piece * (size // len(piece))):
                pass
        return calls[0]

    work(1_000)  # fills caches
    small, large = work(20_000), work(80_000)
    assert large <= 5 * small + 1_000


@pytest.mark.parametrize("piece", ["kimi-", "a.", "kimi-k2 ", "accounts/a/models/", "models--"])
def test_a_megabyte_of_anything_ends(piece: str, deadline: None) -> None:
    assert sum(1 for _ in find("gpt " + piece * (1_000_000 // len(piece)))) < 200_000


@pytest.mark.parametrize("piece", HOSTILE)
def test_one_identifier_costs_a_bounded_number_of_steps(piece: str) -> None:
    decode("kimi-k2", named=True)
    with counted() as calls:
        decode((piece * 600)[:512] + "-unseen", named=True)
    assert calls[0] < 60_000
