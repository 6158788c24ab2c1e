"""Against ``transformers serve``: what a server that we did not write really sends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.served import Served
from forebear.endpoints import Dialect, Features, Live, Question, Replay, discover
from forebear.endpoints.dialects import DIALECTS

TEXTS = ("Hello", "def f(x): return x + 1", "Straße, naïve, 世界", "   spaces\n\nand 1234567890", "Москва")
OPENAI = DIALECTS[:3]
NAMED = pytest.mark.parametrize("dialect", OPENAI, ids=lambda d: d.name)


def length(server: Served, dialect: Dialect, text: str, system: str = "") -> int:
    """What the tokenizers library makes of what the model must have read."""
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer: Any = tokenizers.Tokenizer.from_file(str(Path(server.model) / "tokenizer.json"))
    if dialect.name == "openai-completions":
        return len(tokenizer.encode(text).ids)
    turns = ([("system", system)] if system else []) + [("user", text)]
    prompt = "".join(f"<|{role}|>\n{content}<|end|>\n" for role, content in turns) + "<|assistant|>\n"
    return len(tokenizer.encode(prompt).ids)


def counts_agree(server: Served, dialect: Dialect) -> None:
    with Live(server.url) as transport:
        for text in TEXTS:
            for stream in (False, True):
                answer = dialect.ask(transport, Question(text, server.model, max_tokens=2, stream=stream))
                assert answer.problem == ""
                assert answer.prompt_tokens == length(server, dialect, text)
                assert answer.completion_tokens == 2
                assert "".join(answer.chunks) == (answer.text if stream else "")


@NAMED
def test_counts_are_those_of_the_tokenizer(real_server: Served, dialect: Dialect) -> None:
    counts_agree(real_server, dialect)


@NAMED
def test_counts_are_those_of_a_published_tokenizer(real_tokenizer_server: Served, dialect: Dialect) -> None:
    counts_agree(real_tokenizer_server, dialect)


def test_a_system_prompt_arrives(real_server: Served) -> None:
    with Live(real_server.url) as transport:
        for dialect in (OPENAI[0], OPENAI[2]):
            answer = dialect.ask(transport, Question("Hello", real_server.model, system="Be brief."))
            assert answer.prompt_tokens == length(real_server, dialect, "Hello", "Be brief.")


def test_discovery_finds_what_is_there(real_server: Served, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Live(real_server.url, log=log) as transport:
        offer = discover(transport, real_server.model)
        spent = transport.spent
    assert [d.name for d in offer.dialects] == [d.name for d in OPENAI]
    assert offer.features["openai-chat"] == Features(
        usage=True,
        usage_in_stream=True,
        usage_unasked=True,
        stream=True,
        logprobs=False,
        alternatives=0,
        prompt_logprobs=False,
        logit_bias=True,
    )
    assert offer.features["openai-completions"].echo is False
    assert offer.counters == ()
    assert set(offer.documents) == {"/openapi.json", "/v1/models"}
    assert spent.requests <= 13
    assert discover(Replay(log), real_server.model) == offer


def test_a_bias_reads_the_vocabulary(real_server: Served) -> None:
    """One token after the other is made the only likely one, and the server spells it."""
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer: Any = tokenizers.Tokenizer.from_file(str(Path(real_server.model) / "tokenizer.json"))
    with Live(real_server.url) as transport:
        for token in (70, 300, 350):
            answer = OPENAI[0].ask(transport, Question("Hello", real_server.model, logit_bias={token: 100.0}))
            assert answer.text == tokenizer.decode([token])


def test_another_name_is_refused_and_the_true_one_leaks(real_server: Served) -> None:
    with Live(real_server.url) as transport:
        answer = OPENAI[0].ask(transport, Question("Hello", "__nonce__"))
    assert answer.status == 400
    assert f"pinned to '{real_server.model}'" in answer.problem


def test_after_an_error_of_the_server_the_next_request_goes_well(real_server: Served) -> None:
    """The server drops connections after an error without saying so."""
    with Live(real_server.url) as transport:
        bad = OPENAI[0].ask(transport, Question("Hello", real_server.model, logit_bias={10**6: 100.0}))
        assert bad.problem.startswith("answers 500")
        for _ in range(3):
            assert OPENAI[0].ask(transport, Question("Hello", real_server.model)).problem == ""
