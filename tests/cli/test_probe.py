"""``forebear probe`` as a user meets it: what it prints, what it exits with, and what never gets out."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from api import Fault, Model, serve
from forebear.catalogue.tokenizers import battery
from forebear.index import BlackBoxIndex, UserTokenizer
from toy_tokenizers import counts_of, letters, toy

SECRET = "sk-canary-4b1d9f77e2a0"
SERVED = Model("kimi-k9", dialects=frozenset({"openai-chat"}))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An index with two tokenizers of ours."""
    index = BlackBoxIndex(tmp_path / "home")
    for name, counter, model in (("toy", toy, "kimi-k9"), ("letters", letters, "qwen9-7b")):
        index.add_tokenizer(UserTokenizer(name, battery().digest, counts_of(counter), name, 1_000, (model,)))
    return tmp_path / "home"


def forebear(home: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "FOREBEAR_HOME": str(home), "NO_COLOR": "1", **environment}
    return subprocess.run(
        [sys.executable, "-m", "forebear", *args], capture_output=True, text=True, env=env, timeout=300
    )


def test_a_probe_says_in_words_what_it_found(home: Path) -> None:
    with serve(SERVED) as url:
        done = forebear(home, "probe", url, "--model", "kimi-k9")
    assert done.returncode == 0, done.stderr
    assert "Consistent with what it claims to be" in done.stdout
    assert "toy; " in done.stdout
    assert re.search(r"\d+ requests · [\d,]+ \+ \d+ tokens", done.stdout)


@pytest.mark.parametrize(("expected", "code"), [("kimi-k9", 0), ("qwen9-7b", 1), ("gemini-2.5-pro", 3)])
def test_expect_decides_the_exit_code(home: Path, expected: str, code: int) -> None:
    with serve(SERVED) as url:
        done = forebear(home, "probe", url, "--model", "kimi-k9", "--expect", expected, "--fail-on", "never")
    assert done.returncode == code, done.stdout


def test_a_contradicted_claim_is_an_error(home: Path) -> None:
    with serve(Model("qwen9-7b", dialects=frozenset({"openai-chat"}))) as url:
        done = forebear(home, "probe", url, "--model", "qwen9-7b")
    assert done.returncode == 1
    assert "endpoint-contradicts-claim" in done.stdout


def test_json_is_one_document_and_markdown_reads(home: Path) -> None:
    with serve(SERVED) as url:
        body = json.loads(forebear(home, "probe", url, "--model", "kimi-k9", "--format", "json").stdout)
        text = forebear(home, "probe", url, "--model", "kimi-k9", "--format", "md").stdout
    assert (body["schema"], body["verdict"]) == ("forebear.probe/1", "consistent")
    assert body["tokenizer"]["matches"] == ["toy"]
    assert text.startswith("# kimi-k9 at http:&#8203;//127.0.0.1:")


def test_the_key_is_nowhere(home: Path, tmp_path: Path) -> None:
    log, out = tmp_path / "log.jsonl", tmp_path / "out.json"
    args = ("probe", "--model", "kimi-k9", "--key-env", "ACME", "--log", str(log), "--verbose")
    with serve(Model("kimi-k9", dialects=frozenset({"openai-chat"}), key=SECRET)) as url:
        address = url.replace("http://", f"http://user:{SECRET}x@") + f"/v1?api_key={SECRET}y"
        for how in ("table", "json", "md"):
            done = forebear(home, *args, address, "--format", how, ACME=SECRET, FOREBEAR_LOG_LEVEL="debug")
            out.write_text(done.stdout + done.stderr)
            assert done.returncode == 0, done.stderr
            assert "canary" not in out.read_text()
    assert "canary" not in log.read_text()


def test_a_wrong_key_is_one_line_without_it(home: Path) -> None:
    with serve(Model("kimi-k9", key="right")) as url:
        done = forebear(home, "probe", url, "--model", "kimi-k9", "--key-env", "ACME", ACME=SECRET)
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert "canary" not in done.stderr
    assert "--key-env" in done.stderr


def test_a_variable_that_is_not_set(home: Path) -> None:
    done = forebear(home, "probe", "http://127.0.0.1:9", "--model", "m", "--key-env", "NOT_SET_AT_ALL")
    assert done.returncode == 2
    assert "NOT_SET_AT_ALL" in done.stderr


@pytest.mark.parametrize("url", ["ftp://example.com", "nonsense", "http://", ""])
def test_an_address_that_is_none(home: Path, url: str) -> None:
    done = forebear(home, "probe", url, "--model", "m")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_there(home: Path) -> None:
    done = forebear(home, "probe", "http://127.0.0.1:9", "--model", "m")
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1


def test_a_dry_run_asks_nothing(home: Path) -> None:
    with serve(SERVED) as url:
        done = forebear(home, "probe", url, "--model", "m", "--dry-run", "--price-in", "1", "--price-out", "2")
        assert not url.requests
    assert done.returncode == 0
    assert "requests" in done.stdout and "at the prices given" in done.stdout


def test_partial_results_exit_with_4(home: Path) -> None:
    with serve(SERVED, Fault("403", after=9)) as url:
        done = forebear(home, "probe", url, "--model", "kimi-k9")
    assert done.returncode == 4
    assert "kimi-k9" in done.stdout
    assert done.stderr.startswith("forebear: ")


def test_an_endpoint_that_stops_answering_exits_with_4_and_what_was_found(home: Path) -> None:
    with serve(SERVED, Fault("500", after=8)) as url:
        done = forebear(home, "probe", url, "--model", "kimi-k9")
    assert done.returncode == 4
    assert "Not settled" in done.stdout
    assert "stopped reporting counts (answers 500)" in done.stderr


@pytest.mark.parametrize(
    ("served", "headline"),
    [
        (replace(SERVED, swap=(6, replace(SERVED, count=letters))), "Not one model all the time"),
        (replace(SERVED, recount=letters, stream_usage="always"), "Not settled: a gateway counts the tokens itself"),
        (replace(SERVED, usage=False, tokenize=""), "Not settled: its tokens were not counted"),
        (replace(SERVED, rounding=50), "Not settled: too few counts, or too coarse ones"),
    ],
)
def test_the_first_sentence_says_what_stands_in_the_way(home: Path, served: Model, headline: str) -> None:
    with serve(replace(served, name="qwen9-7b")) as url:
        done = forebear(home, "probe", url, "--model", "qwen9-7b")
    assert done.stdout.splitlines()[2].strip() == f"● {headline}  [inconclusive]"


@pytest.mark.parametrize(("kind", "hint"), [("500", "try again later"), ("html", "OpenAI, Anthropic, Gemini, Cohere")])
def test_an_error_before_the_first_answer_says_what_helps(home: Path, kind: str, hint: str) -> None:
    with serve(SERVED, Fault(kind)) as url:
        done = forebear(home, "probe", url, "--model", "kimi-k9")
    assert done.returncode == 4
    assert hint in done.stderr and done.stderr.count("\n") == 1


def test_replay_of_a_log(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with serve(SERVED) as url:
        first = forebear(home, "probe", url, "--model", "kimi-k9", "--log", str(log), "--format", "json")
    again = forebear(home, "probe", url, "--model", "kimi-k9", "--replay", str(log), "--format", "json", "--offline")
    assert again.returncode == 0, again.stderr
    a, b = json.loads(first.stdout), json.loads(again.stdout)
    for key in ("verdict", "tokenizer", "identifiers", "claims", "candidates", "findings"):
        assert a[key] == b[key]


def test_a_log_that_was_changed_is_refused(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with serve(SERVED) as url:
        forebear(home, "probe", url, "--model", "kimi-k9", "--log", str(log))
    log.write_text(log.read_text().replace('"prompt_tokens', '"prompt_tokenz', 1))
    done = forebear(home, "probe", url, "--model", "kimi-k9", "--replay", str(log))
    assert done.returncode == 4
    assert "was changed" in done.stderr


def test_a_scan_of_an_endpoint_is_a_probe(home: Path) -> None:
    with serve(SERVED) as url:
        done = forebear(home, "scan", f"api:{url}#kimi-k9", "--format", "json", "--expect", "kimi-k9")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["schema"] == "forebear.probe/1"
    for wrong in ("api:", "api:http://127.0.0.1:9", "api:#m"):
        assert forebear(home, "scan", wrong).returncode == 2
    done = forebear(home, "compare", "api:http://127.0.0.1:9#m", "api:http://127.0.0.1:9#n")
    assert done.returncode == 2 and "forebear probe" in done.stderr


def test_trusted_options_need_a_trusted_endpoint(home: Path) -> None:
    done = forebear(home, "probe", "http://127.0.0.1:9", "--model", "m", "--trusted-model", "x")
    assert done.returncode == 2
