from __future__ import annotations

import socket
from pathlib import Path

import pytest

from api import Fault, Model, serve
from forebear.endpoints import Answer, Budget, Exhausted, Live, Offer, Question, Replay, Transport, discover
from forebear.endpoints.dialects import DIALECTS
from forebear.errors import FormatError, InputError

CHAT = DIALECTS[0]


def job(transport: Transport) -> tuple[Offer, list[Answer]]:
    offer = discover(transport, "toy-1")
    texts = ("one", "two", "one")
    return offer, [d.ask(transport, Question(t, "toy-1", logprobs=2)) for d in offer.dialects for t in texts]


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, forbidden)


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[Path, tuple[Offer, list[Answer]], Live]:
    log = tmp_path / "log"
    with serve(Model(noise=1), Fault("503", path="chat", times=1)) as url, Live(url, log=log) as transport:
        return log, job(transport), transport


def test_a_replay_says_the_same_without_a_connection(
    recorded: tuple[Path, tuple[Offer, list[Answer]], Live], no_sockets: None
) -> None:
    log, said, live = recorded
    replay = Replay(log)
    assert job(replay) == said
    assert replay.spent == live.spent
    assert replay.left == 0
    assert replay.url == live.url
    assert all(e.replayed for e in replay.exchanges)


def test_the_end_of_a_log_is_said_to_be_it(recorded: tuple[Path, tuple[Offer, list[Answer]], Live]) -> None:
    log, _, live = recorded
    replay = Replay(log)
    job(replay)
    with pytest.raises(
        InputError, match=f"log: ends after exchange {len(live.exchanges)}, and POST /v1/chat/completions"
    ):
        CHAT.ask(replay, Question("new", "toy-1"))


def test_a_question_that_was_not_asked_does_not_match(recorded: tuple[Path, tuple[Offer, list[Answer]], Live]) -> None:
    replay = Replay(recorded[0])
    with pytest.raises(InputError, match=r"does not have the question .* exchange 1, GET /openapi"):
        CHAT.ask(replay, Question("other", "toy-1"))


def test_a_log_that_was_cut_off_says_so(recorded: tuple[Path, tuple[Offer, list[Answer]], Live]) -> None:
    log = recorded[0]
    log.write_bytes(log.read_bytes()[:-9])
    with pytest.raises(InputError, match="it was cut off there"):
        job(Replay(log))


def test_a_log_that_was_changed_is_not_believed(recorded: tuple[Path, tuple[Offer, list[Answer]], Live]) -> None:
    log = recorded[0]
    log.write_bytes(log.read_bytes().replace(b'\\"prompt_tokens\\": 2', b'\\"prompt_tokens\\": 3', 1))
    with pytest.raises(FormatError, match="it was changed"):
        Replay(log)


def test_the_budget_of_the_run_ends_its_replay_where_it_ended(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with serve(Model()) as url, Live(url, log=log, budget=Budget(max_requests=3)) as live:
        for text in "abc":
            CHAT.ask(live, Question(text, "m"))
        with pytest.raises(Exhausted) as ended:
            CHAT.ask(live, Question("d", "m"))
    replay = Replay(log)
    for text in "abc":
        CHAT.ask(replay, Question(text, "m"))
    with pytest.raises(Exhausted) as again:
        CHAT.ask(replay, Question("d", "m"))
    assert str(again.value) == str(ended.value)
