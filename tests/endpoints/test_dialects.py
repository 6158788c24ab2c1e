from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import Fault, Model, serve, words
from forebear.endpoints import Answer, Dialect, Exchange, Live, Patience, Question, Refused, discover
from forebear.endpoints.base import Budget
from forebear.endpoints.dialects import DIALECTS
from forebear.endpoints.dialects.conversation import logarithm
from forebear.endpoints.dialects.openai import OpenAIChat, OpenAIResponses
from forebear.endpoints.ledger import Ledger

QUICK = Patience(connect=2, silence=0.5, total=1.0)
STREAM = [False, True]
NAMED = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
TEMPLATED = (
    "openai-chat",
    "openai-responses",
    "anthropic-messages",
    "gemini",
    "cohere-chat",
    "ollama-chat",
    "ollama-generate",
)


def ask(model: Model, dialect: Dialect, *faults: Fault, **changes: Any) -> Answer:
    question = replace(Question("Guten Tag, 世界", "asked-1", max_tokens=3), **changes)
    with serve(model, *faults) as url, Live(url, patience=QUICK) as transport:
        return dialect.ask(transport, question)


@NAMED
@pytest.mark.parametrize("stream", STREAM)
def test_every_dialect_says_and_counts_the_same(dialect: Dialect, stream: bool) -> None:
    model = Model(system="Be a cat.")
    answer = ask(model, dialect, stream=stream, system="Be brief.")
    assert (answer.status, answer.problem, answer.exchange) == (200, "", 1)
    assert answer.completion_tokens == 3
    text = "Guten Tag, 世界"
    if dialect.name not in TEMPLATED:
        text = f"Be brief.\n\n{text}"
    expected = model.prompt("Be brief." if dialect.name in TEMPLATED else "", text, dialect.name in TEMPLATED)
    assert answer.prompt_tokens == len(words(expected))
    if stream:
        assert len(answer.chunks) == 3
        assert "".join(answer.chunks) == answer.text
    else:
        assert answer.chunks == ()
    assert answer.model == (None if dialect.name in ("tgi", "cohere-chat") else "toy-1")
    assert answer.finish


@NAMED
def test_streams_are_read_however_they_are_cut(dialect: Dialect) -> None:
    plain = ask(Model(), dialect, stream=True)
    odd = ask(Model(crlf=True, done=False), dialect, stream=True)
    assert (odd.text, odd.chunks, odd.prompt_tokens, odd.problem) == (plain.text, plain.chunks, plain.prompt_tokens, "")
    merged = ask(Model(merge=2), dialect, stream=True)
    assert merged.text == plain.text
    assert len(merged.chunks) == (3 if dialect.name == "tgi" else 2)  # it sends a token at a time


@NAMED
@pytest.mark.parametrize("stream", STREAM)
def test_log_probabilities_come_with_alternatives(dialect: Dialect, stream: bool) -> None:
    answer = ask(Model(), dialect, stream=stream, logprobs=4)
    if dialect.name in ("anthropic-messages", "cohere-chat"):
        assert answer.tokens == ()
        return
    assert "".join(t.text for t in answer.tokens) == answer.text
    for token in answer.tokens:
        assert token.logprob is not None
        assert token.logprob < 0
        assert len(token.alternatives) == 4
        assert token.alternatives[0] == (token.text, token.logprob)  # greedy
        assert list(token.alternatives) == sorted(token.alternatives, key=lambda pair: -pair[1])


@pytest.mark.parametrize("name", ["openai-chat", "openai-completions", "tgi"])
def test_the_tokens_of_a_prompt_come_back(name: str) -> None:
    dialect = next(d for d in DIALECTS if d.name == name)
    model = Model()
    answer = ask(model, dialect, echo=True, logprobs=1)
    own = [t.text for t in answer.tokens[: answer.details["echoed"]]]
    cut = [t for _, t in words(model.prompt("", "Guten Tag, 世界", name == "openai-chat"))]
    assert own == (["", *cut[1:]] if name == "openai-chat" else cut)  # vLLM leaves the first out
    assert answer.tokens[0].logprob is None
    assert all(t.logprob is not None for t in answer.tokens[1:])


@pytest.mark.parametrize("name", ["openai-chat", "openai-completions", "llama-cpp"])
def test_a_bias_is_sent_as_the_server_wants_it(name: str) -> None:
    dialect = next(d for d in DIALECTS if d.name == name)
    assert ask(Model(), dialect, logit_bias={301: 100.0}, max_tokens=1).text == " über1"


def test_parts_from_a_cache_are_counted_as_parts_of_the_prompt() -> None:
    for dialect in DIALECTS:
        with serve(Model(caches=True)) as url, Live(url) as transport:
            first, second = (dialect.ask(transport, Question("the same", "m")) for _ in range(2))
        if dialect.name.startswith("ollama"):
            assert (first.prompt_tokens is not None, second.prompt_tokens) == (True, None)
        elif dialect.name == "cohere-chat":
            assert first.prompt_tokens == second.prompt_tokens  # it tells no cache
        elif dialect.name != "tgi":
            assert first.prompt_tokens == second.prompt_tokens
            assert (first.cached_tokens or 0, second.cached_tokens) == (0, (second.prompt_tokens or 0) - 1)
        if dialect.name == "anthropic-messages":
            assert second.details["usage"]["input_tokens"] == 1


def test_thoughts_of_gemini_are_thoughts_and_count_as_a_part_of_the_answer() -> None:
    dialect = next(d for d in DIALECTS if d.name == "gemini")
    parts = [{"text": "Let me see.", "thought": True}, {"text": "Four"}]
    body = {
        "candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 1, "thoughtsTokenCount": 4},
    }
    answer = dialect.ask(Canned(json.dumps(body).encode()), Question("2+2", "models/gemini-9"))
    assert (answer.text, answer.reasoning, answer.finish) == ("Four", "Let me see.", "STOP")
    assert (answer.prompt_tokens, answer.completion_tokens, answer.problem) == (9, 5, "")
    silent = {"candidates": [{"finishReason": "MAX_TOKENS"}], "usageMetadata": {"promptTokenCount": 9}}
    answer = dialect.ask(Canned(json.dumps(silent).encode()), Question("2+2", "gemini-9"))
    assert (answer.text, answer.completion_tokens, answer.problem) == ("", None, "")


def test_cohere_is_counted_with_its_template_and_not_as_it_is_billed() -> None:
    dialect = next(d for d in DIALECTS if d.name == "cohere-chat")
    answer = ask(Model(system="Be a cat."), dialect)
    assert answer.prompt_tokens is not None
    assert answer.prompt_tokens > answer.details["usage"]["billed_units"]["input_tokens"]
    assert answer.finish == "length"


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("gemini", ""),
        ("gemini", "/v1beta"),
        ("gemini", "/v1beta/models/m:generateContent"),
        ("cohere-chat", ""),
        ("cohere-chat", "/v2"),
        ("cohere-chat", "/v2/chat"),
    ],
)
def test_addresses_as_vendors_give_them(name: str, end: str) -> None:
    only = Model(dialects=frozenset({name}), key="the-key-of-a-user")
    with serve(only) as url, Live(url + end, "the-key-of-a-user") as transport:
        offer = discover(transport, "a/b c")
        assert [d.name for d in offer.dialects] == [name]
        answer = offer.dialects[0].ask(transport, Question("Hello", "a/b c"))
        assert answer.problem == ""
        said = url.requests[-1]
    if name == "gemini":
        assert said.path == "/v1beta/models/a%2Fb%20c:generateContent"
        assert said.headers["x-goog-api-key"] == "the-key-of-a-user"


def test_what_the_server_calls_itself_is_kept_and_proves_nothing() -> None:
    for dialect in DIALECTS[:3]:
        assert ask(Model(echo_name=True), dialect).model == "asked-1"
    assert ask(Model(fingerprint="fp_1"), DIALECTS[0]).fingerprint == "fp_1"
    assert ask(Model(fingerprint="fp_1"), DIALECTS[0], stream=True).fingerprint == "fp_1"
    assert "this server has toy-1" in ask(Model(strict_name=True), DIALECTS[0]).problem


@NAMED
@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("html", "sends a web page instead of JSON"),
        ("nothing", "answers with nothing"),
        ("half", "sends half a JSON"),
        ("loop", "redirects more than"),
        ("elsewhere", "another place"),
        ("404", "answers 404: something went wrong"),
        ("500", "answers 500"),
        ("cut", "broke off"),
        ("error-in-stream", "reports an error: out of memory"),
    ],
)
def test_what_is_no_answer_says_why(dialect: Dialect, kind: str, problem: str) -> None:
    answer = ask(Model(), dialect, Fault(kind))
    assert problem in answer.problem
    assert answer.prompt_tokens is None


@pytest.mark.sweep(4)
@pytest.mark.parametrize("stream", STREAM)
@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("hang", "no answer within"),
        ("drip", "not at its end"),
        ("bomb", "more than 8,000,000 bytes"),
        ("huge", "more than"),
    ],
)
def test_a_server_that_does_not_end_is_given_up(kind: str, problem: str, stream: bool) -> None:
    assert problem in ask(Model(), DIALECTS[0], Fault(kind), stream=stream).problem


@NAMED
@pytest.mark.parametrize("kind", ["half", "cut"])
def test_half_a_stream_is_kept_and_said_to_be_half(dialect: Dialect, kind: str) -> None:
    answer = ask(Model(), dialect, Fault(kind), stream=True, max_tokens=8)
    assert answer.problem


@pytest.mark.parametrize("kind", ["gzip", "deflate", "raw-deflate", "text"])
@pytest.mark.parametrize("stream", STREAM)
def test_an_odd_wrapping_is_no_obstacle(kind: str, stream: bool) -> None:
    answer = ask(Model(), DIALECTS[0], Fault(kind), stream=stream)
    assert (answer.problem, answer.completion_tokens) == ("", 3)


@NAMED
@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_says_what_to_do(dialect: Dialect, status: int) -> None:
    with pytest.raises(Refused, match="--key-env") as refusal:
        ask(Model(), dialect, Fault(str(status)))
    assert refusal.value.status == status
    assert "127.0.0.1" in str(refusal.value)


def test_a_field_that_is_refused_is_taken_back() -> None:
    chat = OpenAIChat()
    answer = ask(Model(limit="max_completion_tokens"), chat)
    adapted = chat.adapted(answer)
    assert adapted is not None
    assert ask(Model(limit="max_completion_tokens"), adapted).problem == ""
    assert adapted.adapted(answer) is None
    responses = OpenAIResponses()
    adapted_responses = responses.adapted(ask(Model(least=16), responses, max_tokens=1))
    assert adapted_responses is not None
    assert ask(Model(least=16), adapted_responses, max_tokens=1).completion_tokens == 16
    assert chat.adapted(Answer(400, problem="answers 400: no such model")) is None
    assert chat.adapted(Answer(400, problem="Unsupported value: 'temperature'")) == OpenAIChat(greedy=False)


class Canned(Ledger):
    """A transport that always gives the same body."""

    def __init__(self, body: bytes, content_type: str = "application/json") -> None:
        super().__init__("http://h", Budget())
        self.body, self.type = body, content_type

    def send(self, method: str, path: str, body: Any = None, headers: Any = None, tokens: Any = (0, 0)) -> Exchange:
        exchange = Exchange(1, method, path, body, {}, 200, {"content-type": self.type}, self.body)
        self._enter(exchange, tokens)
        return exchange


_KEYS = """
choices message delta content text usage prompt_tokens completion_tokens logprobs tokens token_logprobs top_logprobs
text_offset prompt_logprobs output type response details prefill token generated_text stop probs tok_str bytes done
completion_probabilities message error model input_tokens timings
"""
_leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
_names = st.sampled_from(_KEYS.split())
_json = st.recursive(_leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=4))


@given(st.dictionaries(_names, _json, max_size=5), st.sampled_from(DIALECTS), st.booleans())
def test_no_answer_of_the_wrong_shape_breaks_a_dialect(content: dict[str, Any], dialect: Dialect, stream: bool) -> None:
    raw = json.dumps(content).encode()
    transport = Canned(b"data: " + raw + b"\n\n" if stream else raw)
    answer = dialect.ask(transport, Question("x", "m", stream=stream, echo=True, logprobs=1))
    for n in (answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens):
        assert n is None or 0 <= n <= 4 * 10**9
    assert all(t.logprob is None or t.logprob <= 0.001 for t in answer.tokens)


@pytest.mark.parametrize("lie", [-5, 2.5, "12", True, 10**12, None, [1]])
def test_counts_that_are_none_are_not_believed(lie: object) -> None:
    body = {"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": lie, "completion_tokens": 1}}
    answer = DIALECTS[0].ask(Canned(json.dumps(body).encode()), Question("x", "m"))
    assert (answer.prompt_tokens, answer.completion_tokens, answer.problem) == (None, 1, "")


def test_words_of_thought_are_kept_apart() -> None:
    body = {"choices": [{"message": {"content": "4", "reasoning_content": "2+2"}}]}
    answer = DIALECTS[0].ask(Canned(json.dumps(body).encode()), Question("x", "m"))
    assert (answer.text, answer.reasoning) == ("4", "2+2")


def test_a_token_of_half_a_character_keeps_the_server_s_spelling() -> None:
    entry = {"token": "\\xe4", "bytes": [228], "logprob": -1, "top_logprobs": []}
    body = {"choices": [{"message": {"content": "?"}, "logprobs": {"content": [entry]}}]}
    answer = DIALECTS[0].ask(Canned(json.dumps(body).encode()), Question("x", "m"))
    assert [(t.text, t.logprob) for t in answer.tokens] == [("\\xe4", -1.0)]


def test_older_forms_of_llama_cpp_are_read() -> None:
    position = {"content": " a", "probs": [{"tok_str": " a", "prob": 0.5}, {"tok_str": " b", "prob": 0.25}]}
    body = {"content": " a", "stop": True, "completion_probabilities": [position], "tokens_evaluated": 5}
    dialect = next(d for d in DIALECTS if d.name == "llama-cpp")
    answer = dialect.ask(Canned(json.dumps(body).encode()), Question("x", "m"))
    assert answer.prompt_tokens == 5
    assert answer.tokens[0].logprob == pytest.approx(-0.6931, abs=1e-4)
    assert [t for t, _ in answer.tokens[0].alternatives] == [" a", " b"]


def test_logarithms_of_probabilities() -> None:
    """Minus infinity is written in many ways, one of them a whole number beyond all floats."""
    assert [logarithm(v) for v in (-0.5, 0, -(10**400), -math.inf)] == [-0.5, 0.0, -math.inf, -math.inf]
    assert [logarithm(v) for v in (math.nan, 0.1, 10**400, True, "-1", None)] == [None] * 6
