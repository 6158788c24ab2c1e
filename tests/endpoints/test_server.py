"""The server that other tests build on keeps to what :mod:`api` says about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api import Fault, Model, serve, words
from forebear.endpoints import Answer, Live, Question
from forebear.endpoints.dialects import DIALECTS

CHAT = DIALECTS[0]
TEXT = "The quick brown fox, 12345 and 世界."


def ask(model: Model, *texts: str, stream: bool = False, max_tokens: int = 1) -> list[Answer]:
    with serve(model) as url, Live(url) as transport:
        return [CHAT.ask(transport, Question(t, "m", stream=stream, max_tokens=max_tokens)) for t in texts or (TEXT,)]


def counts(model: Model, *texts: str, stream: bool = False) -> list[int | None]:
    return [a.prompt_tokens for a in ask(model, *texts, stream=stream)]


def test_any_counter_and_any_tokenizer_can_be_behind_it() -> None:
    plain = Model(template="{text}")
    assert counts(replace(plain, count=len)) == [len(TEXT)]
    assert counts(replace(plain, cut=lambda text: [(0, c) for c in text])) == [len(TEXT)]
    assert counts(plain) == [len(words(TEXT))]


def test_hidden_prompts_and_templates_add_a_constant() -> None:
    short, long = Model(count=len), Model(count=len, system="You are a cat.", template="[{system}] ({text})")
    a, b = counts(short, "x", "xyz"), counts(long, "x", "xyz")
    assert a[1] - a[0] == b[1] - b[0] == 2  # type: ignore[operator]
    assert a[0] != b[0]


def test_habits_of_counting() -> None:
    model = Model(count=len, template="{text}")
    assert counts(replace(model, rounding=8), "x" * 9) == [16]
    assert counts(replace(model, strip=True), "  x  ") == [1]
    assert counts(replace(model, lie=lambda n: 3 * n), "xx") == [6]
    noisy = counts(replace(model, noise=1), *(["x" * 50] * 40))
    assert set(noisy) == {49, 50, 51}


def test_a_gateway_counts_in_streams_with_another_tokenizer() -> None:
    model = Model(count=len, recount=lambda text: 1000, template="{text}")
    assert counts(model, "xx") == [2]
    assert counts(model, "xx", stream=True) == [1000]


def test_another_model_takes_over() -> None:
    model = Model(name="first", count=len, template="{text}", swap=(2, Model(name="second", count=lambda t: 7)))
    answers = ask(model, "x", "x", "x", "x")
    assert [a.prompt_tokens for a in answers] == [1, 1, 7, 7]
    assert [a.model for a in answers] == ["first", "first", "second", "second"]


def test_a_child_agrees_with_its_parent_and_a_stranger_does_not() -> None:
    texts = [f"question {i} about trees" for i in range(60)]

    def said(model: Model) -> list[str]:
        return [a.text for a in ask(model, *texts)]

    parent = said(Model(seed=1))
    child = sum(a == b for a, b in zip(parent, said(Model(seed=1, drift=0.1)), strict=True))
    stranger = sum(a == b for a, b in zip(parent, said(Model(seed=2)), strict=True))
    assert child > 40
    assert stranger < 6
    assert len(set(parent)) > 30


def test_sampling_is_at_random_and_greedy_answers_are_not() -> None:
    with serve(Model()) as url, Live(url) as transport:
        greedy = {CHAT.ask(transport, Question(TEXT, "m")).text for _ in range(10)}
        sampled = {CHAT.ask(transport, Question(TEXT, "m", temperature=3.0)).text for _ in range(10)}
    assert len(greedy) == 1
    assert len(sampled) > 5


@pytest.mark.parametrize("stream_usage", ["asked", "always", "never"])
def test_counts_in_streams_come_when_they_are_said_to(stream_usage: str) -> None:
    with serve(Model(stream_usage=stream_usage)) as url, Live(url) as transport:
        found = [
            CHAT.ask(transport, Question("x", "m", stream=True, usage_in_stream=asked)).prompt_tokens is not None
            for asked in (True, False)
        ]
    assert found == {"asked": [True, False], "always": [True, True], "never": [False, False]}[stream_usage]


def test_headers_documents_and_faults_are_there() -> None:
    model = Model(headers={"X-Leak": "org/model"}, documents={"/v1/model/info": {"data": [1]}})
    with serve(model) as url, Live(url) as transport:
        found = transport.send("GET", "/v1/model/info")
        assert found.headers["x-leak"] == "org/model"
        assert found.json() == {"data": [1]}
        url.fault(Fault("500", path="chat", after=1, times=1))
        problems = [CHAT.ask(transport, Question("x", "m")).problem for _ in range(3)]
        assert [bool(p) for p in problems] == [False, True, False]
        assert url.requests[0].path == "/v1/model/info"
        assert url.requests[1].body["messages"][0]["content"] == "x"
