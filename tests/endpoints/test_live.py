from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from api import Fault, Model, serve
from forebear.endpoints import Budget, Exhausted, Live, Patience, Question, Refused, Replay, read_log
from forebear.endpoints.dialects import DIALECTS
from forebear.endpoints.redaction import REDACTED
from forebear.errors import UsageError

QUICK = Patience(connect=2, silence=0.5, total=1.0, pause=0.2)
CHAT = DIALECTS[0]
KEY = "canary-0123456789-abcdef"


def ask(transport: Live, text: str = "Hello", **changes: object) -> str:
    return CHAT.ask(transport, Question(text, "toy-1", **changes)).problem  # type: ignore[arg-type]


@pytest.mark.parametrize("status", ["429", "503", "529"])
def test_a_server_that_is_busy_is_asked_again(status: str) -> None:
    with serve(Model(), Fault(status, times=2, headers=(("Retry-After", "0"),))) as url, Live(url) as transport:
        assert ask(transport) == ""
        assert [e.final for e in transport.exchanges] == [False, False, True]
        assert transport.spent.requests == 3


def test_a_server_that_wants_too_long_a_pause_is_not_waited_for() -> None:
    fault = Fault("429", headers=(("Retry-After", "3600"),))
    with serve(Model(), fault) as url, Live(url, patience=QUICK) as transport:
        assert ask(transport) == "answers 429 and wants 3,600 seconds"
        assert len(url.requests) == 1


def test_attempts_have_an_end() -> None:
    with serve(Model(), Fault("503")) as url, Live(url) as transport:
        assert ask(transport) == "answers 503: something went wrong"
        assert len(url.requests) == 4


def test_an_error_of_the_server_is_not_asked_for_again() -> None:
    with serve(Model(), Fault("500")) as url, Live(url) as transport:
        assert ask(transport) == "answers 500: something went wrong"
        assert len(url.requests) == 1


def test_a_connection_that_was_dropped_is_tried_once_more() -> None:
    with serve(Model(), Fault("drop", times=1)) as url, Live(url) as transport:
        assert ask(transport) == ""
        url.fault(Fault("drop"))
        assert "broke off" in ask(transport)
        assert len(url.requests) == 4


def test_after_a_429_there_is_a_pause_which_shrinks_again() -> None:
    with serve(Model(), Fault("429", times=1, headers=(("Retry-After", "0"),))) as url, Live(url) as transport:
        ask(transport)
        pauses = [transport._pause]
        for _ in range(20):
            ask(transport)
            pauses.append(transport._pause)
        assert pauses[0] > 0
        assert all(b <= a for a, b in pairwise(pauses))
        assert pauses[-1] < pauses[0] / 2


def test_no_more_requests_are_sent_in_a_second_than_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("forebear.endpoints.live.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("forebear.endpoints.live.time.sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    with serve(Model()) as url, Live(url, rate=4) as transport:
        for _ in range(9):
            ask(transport)
    assert clock[0] == pytest.approx(102.0)


def test_requests_over_the_budget_are_not_sent() -> None:
    with serve(Model()) as url, Live(url, budget=Budget(max_requests=2)) as transport:
        ask(transport)
        ask(transport)
        with pytest.raises(Exhausted, match="2 of 2 requests"):
            ask(transport)
        assert len(url.requests) == 2


def test_attempts_count_and_stop_at_the_budget() -> None:
    with serve(Model(), Fault("503")) as url, Live(url, budget=Budget(max_requests=3)) as transport:
        assert "503" in ask(transport)
        assert len(url.requests) == 3


def test_tokens_are_held_back_until_the_server_has_counted() -> None:
    with serve(Model()) as url, Live(url, budget=Budget(max_tokens=1_000)) as transport:
        for _ in range(15):
            ask(transport, "word " * 20)  # a bound of 132 and some fifty in truth
        assert transport.spent.tokens < 1_000
        with pytest.raises(Exhausted, match="tokens"):
            ask(transport, "word " * 200)
        assert len(url.requests) == 15
        assert transport.spent.estimated == 0


def test_a_hidden_prompt_is_learnt_and_held_back_too() -> None:
    with serve(Model(system="secret " * 300)) as url, Live(url, budget=Budget(max_tokens=900)) as transport:
        ask(transport)
        ask(transport)
        with pytest.raises(Exhausted):
            ask(transport)
        assert transport.spent.tokens <= 900


def test_a_server_that_does_not_count_costs_the_bound() -> None:
    with serve(Model(stream_usage="never")) as url, Live(url, budget=Budget(price_in=1.0, price_out=2.0)) as transport:
        ask(transport, "x" * 100, stream=True, max_tokens=3)
        assert (transport.spent.prompt_tokens, transport.spent.completion_tokens) == (132, 3)
        assert transport.spent.estimated == 1
        assert transport.spent.price(transport.budget) == pytest.approx(138e-6)
        assert transport.spent.price(Budget()) is None


def test_a_redirect_within_the_server_is_followed_with_the_key() -> None:
    hop = Fault("307", path="chat", times=1, headers=(("Location", "/v1/chat/completions?again=1"),))
    with serve(Model(key=KEY), hop) as url, Live(url, KEY) as transport:
        assert ask(transport) == ""
        assert [e.path for e in transport.exchanges] == ["/v1/chat/completions", "/v1/chat/completions?again=1"]
        assert url.requests[1].body == url.requests[0].body


def test_a_redirect_to_another_place_gets_nothing() -> None:
    with serve(Model()) as other, serve(Model()) as url:
        url.fault(Fault("elsewhere", headers=(("Location", f"{other}/v1/chat/completions"),)))
        with Live(url, KEY) as transport:
            assert "another place" in ask(transport)
        assert other.requests == []


def test_redirects_have_an_end() -> None:
    with serve(Model(), Fault("loop")) as url, Live(url) as transport:
        assert ask(transport) == "redirects more than 5 times"
        assert len(url.requests) == 6


@pytest.mark.parametrize(
    ("dialect", "key_header", "header"),
    [
        ("openai-chat", "", "Authorization"),
        ("anthropic-messages", "", "x-api-key"),
        ("openai-chat", "api-key", "api-key"),
        ("anthropic-messages", "api-key", "api-key"),
    ],
)
def test_the_key_goes_where_a_dialect_wants_it(dialect: str, key_header: str, header: str) -> None:
    speaker = next(d for d in DIALECTS if d.name == dialect)
    with serve(Model(key=KEY)) as url, Live(url, KEY, key_header=key_header) as transport:
        assert speaker.ask(transport, Question("Hello", "toy-1")).problem == ""
        assert [k for k, v in url.requests[0].headers.items() if KEY in v] == [header]
        assert REDACTED in transport.exchanges[0].request_headers[header.lower()]


def test_no_secret_reaches_log_or_answer(tmp_path: Path) -> None:
    """Whatever a server gives back of what it was sent, in any place."""
    password, signature, cookie = "pass-canary-12345", "sig-canary-67890", "cookie-canary-13579"
    coded = base64.b64encode(f"x:{KEY}".encode()).decode()
    echo = json.dumps({"error": {"message": f"key {KEY}, {coded}, {KEY[:14]}..., {password}, {signature}, {cookie}"}})
    faults = [
        Fault("400", times=1, body=echo),
        Fault("429", times=1, body=f"<html>{KEY} {cookie}</html>", headers=(("Retry-After", "0"),)),
        Fault("307", times=1, headers=(("Location", f"/v1/chat/completions?key={KEY}"),)),
        Fault("elsewhere", times=1, headers=(("Location", f"http://{KEY}.evil/{password}"),)),
    ]
    log = tmp_path / "log"
    headers = {"Set-Cookie": f"session={cookie}", "X-Echo": KEY, "X-Other": signature}
    with serve(Model(name=f"toy {KEY}", headers=headers), *faults) as url:
        address = url.replace("http://", f"http://user:{password}@") + f"/v1?sig={signature}"
        with Live(address, KEY, log=log) as transport:
            problems = [ask(transport) for _ in range(4)]
            streamed = CHAT.ask(transport, Question(f"say {KEY}", "toy-1", stream=True))
        assert len(url.requests) == 7
    seen = log.read_text() + repr(problems) + repr(streamed) + repr(transport.exchanges) + transport.url
    secrets = [KEY, coded, password, signature, cookie, KEY[:14], base64.b64encode(KEY.encode()).decode()[:20]]
    assert [s for s in secrets if s in seen] == []
    assert seen.count(REDACTED) > 20


def test_a_run_that_is_begun_again_asks_only_what_is_new(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with serve(Model(seed=1), Fault("503", times=1)) as url:
        with Live(url, KEY, model="toy-1", log=log) as first:
            said = [CHAT.ask(first, Question(t, "toy-1")).text for t in ("a", "b", "a")]
        url.fault(Fault("500"))  # the server is not asked
        with Live(url, KEY, model="toy-1", log=log) as second:
            again = [CHAT.ask(second, Question(t, "toy-1")) for t in ("a", "b", "a")]
            assert [a.text for a in again] == said
            assert second.spent == first.spent
            assert all(e.replayed for e in second.exchanges)
            assert len(url.requests) == 4
            url.fault()
            fresh = CHAT.ask(second, Question("a", "toy-1"))
            assert (fresh.problem, fresh.exchange) == ("", 5)
        assert len(url.requests) == 5
    assert [e.number for e in read_log(log).exchanges] == [1, 2, 3, 4, 5]


def test_what_failed_for_want_of_a_key_is_made_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with serve(Model(key=KEY)) as url:
        with Live(url, "wrong-key-0", log=log) as first, pytest.raises(Refused):
            ask(first)
        with Live(url, KEY, log=log) as second:
            assert ask(second) == ""
            assert second.spent.requests == 2
        with Live(url, KEY, log=log) as third:
            assert ask(third) == ""
            assert third.spent == second.spent
        assert len(url.requests) == 2
    replay = Replay(log)
    assert CHAT.ask(replay, Question("Hello", "toy-1")).problem == ""
    assert replay.spent == second.spent
    assert (replay.left, [e.replaces for e in read_log(log).exchanges]) == (0, [0, 1])


def test_nothing_that_was_answered_is_lost_by_a_kill(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = (
        "import sys; from pathlib import Path\n"
        "from forebear.endpoints import Live, Question, DIALECTS\n"
        "t = Live(sys.argv[1], log=Path(sys.argv[2]))\n"
        "for i in range(100000): DIALECTS[0].ask(t, Question(str(i), 'm'))\n"
    )
    with serve(Model()) as url:
        process = subprocess.Popen([sys.executable, "-c", program, url, str(log)])
        while len(url.requests) < 5:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kept = len(read_log(log).exchanges)
        assert len(url.requests) - kept <= 1  # the one under way
        with Live(url, log=log) as transport:
            for i in range(kept):
                CHAT.ask(transport, Question(str(i), "m"))
            assert all(e.replayed for e in transport.exchanges)


def test_the_network_is_off_limits_where_the_environment_says_so() -> None:
    with pytest.raises(UsageError, match="off limits"):
        Live("https://api.example.com/v1")  # tests run with FOREBEAR_OFFLINE


def test_a_key_with_odd_characters_is_refused_without_being_shown() -> None:
    with pytest.raises(UsageError) as error:
        Live("http://127.0.0.1:9", "schlüssel\n")
    assert "schl" not in str(error.value)


def test_half_a_character_cannot_be_sent() -> None:
    with serve(Model()) as url, Live(url) as transport, pytest.raises(UsageError, match="half a character"):
        ask(transport, "\ud800")
