from __future__ import annotations

import json
import socket
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import EVERYTHING, Fault, Model, serve
from forebear.endpoints import Budget, Exchange, Exhausted, Features, Live, Patience, Question, Refused, discover
from forebear.endpoints.dialects import DIALECTS
from forebear.endpoints.discovery import REQUESTS, TOKENS
from forebear.endpoints.ledger import Ledger
from forebear.errors import InputError, UsageError

QUICK = Patience(connect=0.5, silence=0.3, total=1.0)
OPENAI = Model(dialects=frozenset({"openai-chat", "openai-completions"}))


def test_all_that_is_offered_is_found() -> None:
    with serve(Model(fingerprint="fp")) as url, Live(url) as transport:
        offer = discover(transport, "toy-1")
        assert tuple(d.name for d in offer.dialects) == tuple(d.name for d in DIALECTS)
        assert offer.features["openai-chat"] == Features(
            usage=True,
            usage_in_stream=True,
            usage_unasked=False,
            stream=True,
            logprobs=True,
            alternatives=5,
            prompt_logprobs=True,
            logit_bias=True,
        )
        assert offer.features["openai-completions"].echo
        assert offer.models == ("toy-1",)
        assert set(offer.documents) == {"/v1/models", "/api/tags", "/props", "/info"}
        assert [e.path for e in transport.exchanges if e.number == offer.documents["/info"]] == ["/info"]
        assert offer.skipped == ()
        assert transport.spent.requests <= REQUESTS
        assert transport.spent.tokens <= TOKENS
        assert offer.dialects[0].ask(transport, Question("Hello", "toy-1")).problem == ""


@pytest.mark.parametrize("only", sorted(EVERYTHING))
def test_each_dialect_is_found_alone(only: str) -> None:
    with serve(Model(dialects=frozenset({only, "ollama-chat"} if only == "ollama-generate" else {only}))) as url:
        with Live(url) as transport:
            offer = discover(transport, "toy-1")
        assert only in [d.name for d in offer.dialects]
        assert offer.features[offer.dialects[0].name].stream


def test_what_is_not_offered_is_said_not_to_be() -> None:
    model = replace(OPENAI, extras=frozenset(), stream_usage="never", tokenize="")
    with serve(model) as url, Live(url) as transport:
        offer = discover(transport, "toy-1")
    chat = offer.features["openai-chat"]
    assert (chat.logprobs, chat.alternatives, chat.logit_bias, chat.usage_in_stream) == (False, 0, False, False)
    assert (chat.prompt_logprobs, offer.features["openai-completions"].echo) == (False, False)
    assert offer.counters == ()


def test_a_usual_server_is_known_after_few_requests() -> None:
    with serve(OPENAI) as url, Live(url) as transport:
        discover(transport, "toy-1")
        assert transport.spent.requests <= 27


def test_a_server_that_lists_its_routes_is_not_asked_for_others() -> None:
    routes: dict[str, object] = {"/v1/chat/completions": {}, "/v1/models": {}, "/tokenize": {}}
    document = {"openapi": "3.1.0", "info": {"title": "Some API", "version": "0.3"}, "paths": routes}
    with serve(replace(OPENAI, documents={"/openapi.json": document})) as url, Live(url) as transport:
        offer = discover(transport, "toy-1")
        assert [d.name for d in offer.dialects] == ["openai-chat"]
        assert offer.counters == ("tokenize",)
        assert offer.server.startswith("Some API 0.3, ")
        assert {r.path for r in url.requests} == {*routes, "/openapi.json"}


@pytest.mark.parametrize("path", ["/api/paas/v4", "/v1beta/openai"])
def test_addresses_with_a_path_of_their_own_are_understood(path: str) -> None:
    with serve(OPENAI) as url:
        base = url + "/v1"
        # the server has only /v1: what stands before it is a path of its own, as other providers have
        with Live(base.replace("/v1", "/v1/"), patience=QUICK) as transport:
            assert discover(transport, "toy-1").dialects[0].path == "/v1/chat/completions"
        with Live(url + path, patience=QUICK) as transport, pytest.raises(InputError, match="no dialect"):
            discover(transport, "toy-1")
        asked = [r.path for r in url.requests]
        assert f"{path}/chat/completions" in asked
        assert f"{path}/v1/chat/completions" in asked


def test_only_the_dialects_that_were_named_are_tried() -> None:
    with serve(Model()) as url, Live(url) as transport:
        offer = discover(transport, "toy-1", only=["anthropic-messages", "ollama-chat"])
        assert [d.name for d in offer.dialects] == ["anthropic-messages", "ollama-chat"]
        assert not [r for r in url.requests if r.path.endswith("completions")]
        with pytest.raises(UsageError, match="smalltalk: no such dialect; one of openai-chat"):
            discover(transport, "toy-1", only=["smalltalk"])


def test_fields_that_a_server_refuses_are_taken_back() -> None:
    model = Model(limit="max_completion_tokens", least=16)
    with serve(model) as url, Live(url) as transport:
        offer = discover(transport, "toy-1")
        assert [d.name for d in offer.dialects][:3] == ["openai-chat", "openai-completions", "openai-responses"]
        assert offer.dialects[0].ask(transport, Question("Hello", "toy-1")).problem == ""


def test_what_the_budget_forbids_is_said_to_be_left_out() -> None:
    with serve(Model()) as url, Live(url, budget=Budget(max_requests=6)) as transport:
        offer = discover(transport, "toy-1")
        assert offer.dialects[0].name == "openai-chat"
        assert offer.features["openai-chat"].stream
        assert transport.spent.requests == 6
        assert any("budget" in s for s in offer.skipped)
    with serve(Model()) as url, Live(url) as transport:
        offer = discover(transport, "toy-1", requests=6)
        assert transport.spent.requests == 6
        assert any("more requests" in s for s in offer.skipped)
    with serve(Model()) as url, Live(url, budget=Budget(max_requests=0)) as transport, pytest.raises(Exhausted):
        discover(transport, "toy-1")


def test_a_missing_key_is_one_clear_error() -> None:
    with serve(Model(key="right-key-1")) as url:
        with Live(url, "wrong-key-1") as transport, pytest.raises(Refused, match=r"wants a valid key.*--key-env"):
            discover(transport, "toy-1")
        with Live(url, "right-key-1") as transport:
            assert discover(transport, "toy-1").dialects


def test_a_single_route_that_is_closed_stops_nothing() -> None:
    with serve(Model(), Fault("403", path="responses|messages|model/info")) as url, Live(url) as transport:
        names = [d.name for d in discover(transport, "toy-1").dialects]
    assert "openai-chat" in names
    assert "openai-responses" not in names


def test_what_speaks_nothing_that_we_know_says_what_it_said() -> None:
    said = pytest.raises(InputError, match="openai-chat sends a web page instead of JSON")
    with serve(Model(), Fault("html")) as url, Live(url) as transport, said:
        discover(transport, "toy-1")


def test_where_nobody_listens_one_line_says_so() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        said = pytest.raises(InputError, match=r"127\.0\.0\.1: no connection")
        with Live(f"http://127.0.0.1:{port}", patience=QUICK) as transport, said:
            discover(transport, "toy-1")


def test_a_server_that_hangs_is_given_up_soon() -> None:
    with serve(Model(), Fault("hang")) as url, Live(url, patience=QUICK) as transport:
        with pytest.raises(InputError, match="no answer within"):
            discover(transport, "toy-1")
        assert len(url.requests) == 2


def test_an_endless_list_of_models_is_cut() -> None:
    models = {"/v1/models": {"data": [{"id": f"m{i}"} for i in range(5_000)] + [{"id": 5}, 7]}}
    with serve(replace(OPENAI, documents=models)) as url, Live(url) as transport:
        assert len(discover(transport, "toy-1").models) == 1_000


_WORDS = "paths info title version data id models name choices message content tokens usage error"
_NAMES = st.sampled_from(_WORDS.split())
_ANYTHING = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
)


@given(st.lists(st.tuples(st.sampled_from([200, 200, 200, 404, 401]), _ANYTHING), min_size=1, max_size=8))
def test_no_documents_of_the_wrong_shape_break_discovery(replies: list[tuple[int, Any]]) -> None:
    class Odd(Ledger):
        def send(self, method: str, path: str, body: Any = None, headers: Any = None, tokens: Any = (0, 0)) -> Exchange:
            self._require(tokens)
            number = len(self.exchanges)
            status, content = replies[number % len(replies)]
            exchange = Exchange(number + 1, method, path, body, {}, status, {}, json.dumps(content).encode())
            self._enter(exchange, tokens)
            return exchange

    try:
        offer = discover(Odd("http://h", Budget()), "m")
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert offer.dialects
        assert all(isinstance(name, str) for name in offer.models)
