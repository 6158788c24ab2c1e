from __future__ import annotations

from pathlib import Path

import pytest

from api import Fault, Model, serve, words
from forebear.endpoints import COUNTERS, Live, Offer, discover, tokenize

TEXT = "Guten Tag, 世界 123"


@pytest.mark.parametrize("server", ["vllm", "llama.cpp", "tgi"])
def test_a_server_that_cuts_texts_is_asked_to(server: str) -> None:
    with serve(Model(tokenize=server)) as url, Live(url) as transport:
        assert tokenize(transport, Offer("m", counters=("tokenize",)), TEXT) == tuple(words(TEXT))


def test_ids_without_strings_are_better_than_nothing() -> None:
    with serve(Model(tokenize="llama-cpp-python")) as url, Live(url) as transport:
        expected = tuple((i, "") for i, _ in words(TEXT))
        assert tokenize(transport, Offer("m", counters=("llama-cpp-python",)), TEXT) == expected
        assert tokenize(transport, Offer("m", counters=("llama-cpp-python-count",)), TEXT) == len(expected)


@pytest.mark.parametrize("name", ["anthropic-count", "gemini-count"])
def test_a_count_of_a_conversation_says_that_it_is_one(name: str) -> None:
    model = Model(system="Be a cat.")
    counter = next(c for c in COUNTERS if c.name == name)
    assert counter.template
    with serve(model) as url, Live(url) as transport:
        assert counter.ask(transport, "m", TEXT)[0] == len(words(model.prompt("", TEXT, True)))


def test_where_nothing_counts_there_is_no_answer() -> None:
    with serve(Model()) as url, Live(url) as transport:
        assert tokenize(transport, Offer("m"), TEXT) is None
        assert transport.exchanges == []


@pytest.mark.parametrize("fault", ["html", "half", "500", "404", "nothing", "drop"])
def test_what_is_no_count_is_none(fault: str) -> None:
    with serve(Model(), Fault(fault)) as url, Live(url) as transport:
        assert tokenize(transport, Offer("m", counters=("tokenize",)), TEXT) is None


@pytest.mark.parametrize(
    "body",
    [
        '{"tokens": [1, "x"]}',
        '{"tokens": [-1]}',
        '{"count": true}',
        "[[]]",
        "5",
        '{"tokens": {"a": 1}}',
        "null",
        '{"count": 5, "count_source": "local_estimate"}',
    ],
)
def test_a_reply_of_the_wrong_shape_is_none(body: str) -> None:
    with serve(Model(), Fault("200", body=body)) as url, Live(url) as transport:
        assert tokenize(transport, Offer("m", counters=("tokenize",)), TEXT) is None


@pytest.mark.parametrize(
    ("server", "found"),
    [
        ("vllm", ("tokenize", "anthropic-count", "gemini-count")),
        ("llama-cpp-python", ("llama-cpp-python", "anthropic-count", "gemini-count")),
        ("", ("anthropic-count", "gemini-count")),
    ],
)
def test_discovery_finds_the_routes_that_count(server: str, found: tuple[str, ...], tmp_path: Path) -> None:
    with serve(Model(tokenize=server)) as url, Live(url) as transport:
        assert discover(transport, "toy-1").counters == found
