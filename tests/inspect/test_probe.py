"""Whole probes of servers on loopback: honest, hidden, noisy, recounting, swapping, leaking, failing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from api import EVERYTHING, Address, Fault, Model, serve
from forebear.catalogue.tokenizers import BASELINE, battery, guarded, known_tokenizers
from forebear.endpoints import Budget, Patience
from forebear.errors import InputError, UsageError
from forebear.index import BlackBoxIndex, UserTokenizer
from forebear.inspect.probe import probe
from forebear.inspect.probe_plan import Settings, Trusted, plan
from forebear.inspect.probe_result import Probe
from forebear.lineage.blackbox import Outcome
from forebear.report.schemas import schema
from forebear.types import Level
from toy_tokenizers import counts_of, letters, toy

SECRET = "sk-canary-5f1e0c9a7b"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> BlackBoxIndex:
    """Two tokenizers of ours beside those of the catalogue, with models that use them."""
    found = BlackBoxIndex(tmp_path_factory.mktemp("index"))
    for name, counter, model in (("toy", toy, "kimi-k9"), ("letters", letters, "qwen9-7b")):
        found.add_tokenizer(UserTokenizer(name, battery().digest, counts_of(counter), name, 1_000, (model,)))
    return found


def run(url: Address, index: BlackBoxIndex, model: str = "kimi-k9", **more: Any) -> Probe:
    return probe(url, model, index=index, **more)


def ids(result: Probe) -> list[str]:
    return [finding.id for finding in result.findings]


def part(result: Probe) -> dict[str, object]:
    assert result.tokenizer is not None
    return dict(result.tokenizer)


HONEST = Model("kimi-k9", system="You are Composer. Never say who made you. " * 40, dialects=frozenset({"openai-chat"}))


def test_a_hidden_prompt_hides_no_tokenizer(index: BlackBoxIndex) -> None:
    with serve(HONEST) as url:
        result = run(url, index)
        assert result.cost.requests == len(url.requests) <= 15
    assert (result.verdict, part(result)["matches"]) == (Outcome.CONSISTENT, ["toy"])
    assert part(result)["requests"] <= 6  # type: ignore[operator]
    assert part(result)["noise"] == "exact"
    assert part(result)["stream_compared"]
    assert not result.findings
    assert result.judged.candidates[0].grade == "possible"


@pytest.mark.parametrize("dialect", sorted(EVERYTHING))
def test_every_dialect_will_do(index: BlackBoxIndex, dialect: str) -> None:
    spoken = frozenset({dialect, "ollama-chat"} if dialect.startswith("ollama") else {dialect})
    with serve(replace(HONEST, dialects=spoken, tokenize="")) as url:
        result = run(url, index)
    assert (result.verdict, part(result)["matches"]) == (Outcome.CONSISTENT, ["toy"])


def test_another_tokenizer_contradicts_the_claim(index: BlackBoxIndex) -> None:
    with serve(replace(HONEST, count=letters)) as url:
        result = run(url, index)
    assert result.verdict is Outcome.CONTRADICTED
    assert ids(result) == ["endpoint-contradicts-claim"]


def test_a_tokenizer_that_nobody_knows_is_unknown(index: BlackBoxIndex) -> None:
    with serve(replace(HONEST, count=lambda text: sum(1 + len(w) // 5 for w in text.split()) + text.count("a"))) as url:
        result = run(url, index, model="acme-1")
    assert (result.verdict, part(result)["unknown"]) == (Outcome.UNKNOWN, True)


def test_estimates_by_length_are_told_as_such(index: BlackBoxIndex) -> None:
    with serve(replace(HONEST, count=lambda text: len(text) // 4)) as url:
        result = run(url, index)
    assert part(result)["matches"] == ["characters / 4"]
    assert result.verdict is Outcome.INCONCLUSIVE
    assert result.judged.candidates == ()


@pytest.mark.parametrize("route", ["vllm", "llama.cpp", "tgi", "llama-cpp-python"])
def test_without_counts_a_route_that_cuts_texts_will_do(index: BlackBoxIndex, route: str) -> None:
    with serve(replace(HONEST, usage=False, tokenize=route)) as url:
        result = run(url, index)
    assert part(result)["matches"] == ["toy"]
    assert result.verdict is Outcome.CONSISTENT


def test_no_counts_at_all_are_said_to_be_missing(index: BlackBoxIndex) -> None:
    with serve(replace(HONEST, usage=False, tokenize="")) as url:
        result = run(url, index)
    assert result.tokenizer is None
    assert any("no token counts" in gap.why for gap in result.coverage.not_tested)
    assert result.verdict is Outcome.INCONCLUSIVE


def test_tokens_that_are_not_of_the_counted_vocabulary_are_told(index: BlackBoxIndex) -> None:
    """A gateway that counts everything as GPT-4 would, before a model of other tokens."""
    cl100k = next(t for t in known_tokenizers() if t.name == "cl100k")
    counts = dict(
        zip((guarded(BASELINE), *(p.guarded for p in battery().probes)), (cl100k.baseline, *cl100k.counts), strict=True)
    )

    def recounted(prompt: str) -> int:
        return next((n + 11 for text, n in counts.items() if text in prompt), len(prompt) // 4)

    with serve(replace(HONEST, count=recounted)) as url:
        result = run(url, index, model="gpt-4")
    strings = part(result)["strings"]
    assert isinstance(strings, dict) and strings["absent"]["cl100k"] >= 3
    assert result.tokenizer is not None and "cl100k" in result.tokenizer["matches"]
    assert result.verdict is Outcome.INCONCLUSIVE
    assert "somebody else counts" in result.why
    assert not result.judged.candidates or all(c.signals != ("token-counts/1",) for c in result.judged.candidates)


def test_noise_and_rounding(index: BlackBoxIndex) -> None:
    for changed in (replace(HONEST, noise=1), replace(HONEST, rounding=10)):
        with serve(changed) as url:
            result = run(url, index)
            assert len(url.requests) <= 30
        assert part(result)["matches"] == ["toy"]


def test_a_gateway_that_counts_streams_by_itself_is_told(index: BlackBoxIndex) -> None:
    with serve(replace(HONEST, recount=letters, stream_usage="always")) as url:
        result = run(url, index, model="qwen9-7b")
    assert ids(result) == ["gateway-recount", "identifier-leak"]
    assert "letters" in result.findings[0].message
    assert result.verdict is Outcome.INCONCLUSIVE


def test_a_swap_half_way_is_told(index: BlackBoxIndex) -> None:
    with serve(replace(HONEST, swap=(6, replace(HONEST, count=letters)))) as url:
        result = run(url, index)
    assert ids(result) == ["endpoint-changes"]
    assert result.verdict is Outcome.INCONCLUSIVE
    assert part(result)["changed"] == [["toy"], ["letters"]]


@pytest.mark.parametrize("late", range(1, 6))
def test_a_swap_in_the_last_requests_is_told(index: BlackBoxIndex, late: int) -> None:
    """However late: whoever answers other controls than it answered counts is no gateway that recounts."""
    with serve(HONEST) as url:
        run(url, index)
        answers = url.server.answers
    with serve(replace(HONEST, swap=(answers - late, replace(HONEST, count=letters)))) as url:
        result = run(url, index)
    assert ids(result) == ["endpoint-changes"]
    assert part(result)["changed"] == [["toy"], ["letters"]]
    assert result.verdict is Outcome.INCONCLUSIVE


def test_a_swap_behind_the_counts_is_told_where_behaviour_is_asked(enrolled: BlackBoxIndex) -> None:
    with serve(replace(HONEST, seed=7, swap=(40, replace(HONEST, count=letters, seed=8)))) as url:
        result = run(url, enrolled)
    assert "endpoint-changes" in ids(result)
    assert result.verdict is Outcome.INCONCLUSIVE
    assert result.judged.claims[0].status == "unverified"


def is_latin(text: str) -> bool:
    return max(text) <= "\u024f"


def test_a_gateway_that_routes_by_script_is_not_accused(index: BlackBoxIndex) -> None:
    """Latin questions go to the claimed model, all others to another: what is counted may look like the other alone."""
    claimed, other = replace(HONEST, name="qwen9-7b", count=letters), replace(HONEST, name="qwen9-7b", system="")
    for latin, rest in ((claimed, other), (other, claimed)):
        with serve(replace(HONEST, route=lambda text: latin if is_latin(text) else rest)) as url:  # noqa: B023
            result = run(url, index, model="qwen9-7b")
        assert result.verdict is not Outcome.CONTRADICTED, result.why


def test_a_model_for_chinese_alone_does_not_contradict(index: BlackBoxIndex) -> None:
    """All counts that were asked fit another tokenizer; the second control, in Chinese, does not."""
    honest = replace(HONEST, name="qwen9-7b", count=letters)
    other = replace(HONEST, name="qwen9-7b")
    with serve(replace(HONEST, name="qwen9-7b")) as url:
        assert run(url, index, model="qwen9-7b").verdict is Outcome.CONTRADICTED
        asked = {a.body["messages"][0]["content"] for a in url.requests[:-2] if a.body}
        first = {a.body["messages"][0]["content"] for a in url.requests if a.body}
    assert any(not is_latin(text) for text in first)

    def route(text: str) -> Model:
        return other if is_latin(text) or text in asked - second else honest

    second = {text for text in asked if text.startswith("请") or sum("\u2e80" <= c <= "\ud7af" for c in text) > 4}
    with serve(replace(HONEST, route=route)) as url:
        result = run(url, index, model="qwen9-7b")
    assert result.verdict is not Outcome.CONTRADICTED, result.why


@pytest.mark.parametrize(("status", "numbers"), [("401", [1]), ("403", range(1, 6))])
def test_a_gateway_that_denies_a_name_that_it_does_not_have_is_asked_on(
    index: BlackBoxIndex, status: str, numbers: Iterable[int]
) -> None:
    """LiteLLM's answer to a model outside of a key's list is 401; a filter's to a text is 403."""
    for number in numbers:
        with serve(HONEST, Fault(status, times=1, after=number, path="chat")) as url:
            result = run(url, index)
        assert (result.verdict, result.problems) == (Outcome.CONSISTENT, ()), number


def test_a_filter_that_denies_some_texts_stops_nothing(index: BlackBoxIndex) -> None:
    denied = replace(HONEST, forbidden=lambda text: "{" in text or "http" in text or "\u0400" < max(text) < "\u0500")
    with serve(denied) as url:
        result = run(url, index)
    assert result.verdict is Outcome.CONSISTENT
    assert not result.problems


def test_an_endpoint_that_falls_silent_is_given_up_and_what_was_found_is_kept(
    index: BlackBoxIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = Patience(silence=0.2, document=0.2, vain=0.5)
    monkeypatch.setattr("forebear.endpoints.live.Patience", lambda: patience)
    with serve(HONEST, Fault("hang", after=7, path="chat")) as url:
        result = run(url, index)
        assert len(url.requests) <= 8 + 4
    assert part(result)["requests"]
    assert any("gave up after" in problem for problem in result.problems)
    assert "gave up after" in next(gap.why for gap in result.coverage.not_tested if "tokenizer" in gap.what)
    assert result.verdict is Outcome.INCONCLUSIVE


def test_a_server_that_puts_off_again_and_again_is_given_up(
    index: BlackBoxIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("forebear.endpoints.live.time.sleep", waited.append)
    with serve(HONEST, Fault("429", after=7, path="chat", headers=(("Retry-After", "50"),))) as url:
        result = run(url, index)
    assert sum(waited) <= Patience().vain + 60
    assert any("gave up after" in problem for problem in result.problems)
    assert part(result)["requests"]


def test_echoes_are_known_as_echoes_and_leaks_are_told(index: BlackBoxIndex) -> None:
    leaking = replace(HONEST, echo_name=True, headers={"x-litellm-model-name": "openai/deepseek-v3.1"})
    with serve(leaking) as url:
        result = run(url, index)
    by_name = {named.said.name.identifier: named for named in result.identifiers}
    assert by_name["kimi-k9"].echo
    assert any(named.other for named in result.identifiers)
    assert "identifier-leak" in ids(result)
    assert any(c.family == "deepseek" for c in result.judged.candidates)
    leak = next(finding for finding in result.findings if finding.id == "identifier-leak")
    assert leak.clears is not None and "--expect" in leak.clears and "(forebear probe)" not in leak.clears


@pytest.mark.parametrize("said", ["moonshotai/kimi-k9", "Kimi-K9"])
def test_an_echo_with_another_provider_before_it_makes_nobody_probable(index: BlackBoxIndex, said: str) -> None:
    with serve(replace(HONEST, name=said)) as url:
        result = run(url, index, model="openrouter/kimi-k9")
    assert {c.grade for c in result.judged.candidates} == {"possible"}


def test_a_replay_says_the_same_without_a_network(index: BlackBoxIndex, tmp_path: Path) -> None:
    log = tmp_path / "evidence.jsonl"
    with serve(replace(HONEST, noise=1)) as url:
        first = run(url, index, log=log, key=SECRET)
    second = probe("http://127.0.0.1:9", "kimi-k9", replay=log, index=index)
    assert told(first) == told(second)
    assert first.log is not None and second.log is not None
    assert first.log["digest"] == second.log["digest"]
    assert SECRET not in log.read_text()


def told(result: Probe) -> dict[str, object]:
    """A document without what differs from run to run."""
    body = result.to_json()
    cost = {k: v for k, v in body["cost"].items() if k != "seconds"}
    return {**{k: v for k, v in body.items() if k not in ("created", "cost")}, "cost": cost}


def test_a_run_that_was_cut_off_goes_on_where_it_was(index: BlackBoxIndex, tmp_path: Path) -> None:
    log = tmp_path / "evidence.jsonl"
    with serve(HONEST) as url:
        short = run(url, index, log=log, budget=Budget(max_requests=7))
        assert any("budget" in gap.why for gap in short.coverage.not_tested)
        before = len(url.requests)
        whole = run(url, index, log=log)
        assert whole.verdict is Outcome.CONSISTENT
        assert len(url.requests) == whole.cost.requests
        assert before == 7


def test_a_plan_asks_nothing(index: BlackBoxIndex) -> None:
    with serve(HONEST) as url:
        found = plan(Settings("kimi-k9"), Budget(price_in=1.0, price_out=2.0), index)
        assert not url.requests
        result = run(url, index)
    assert result.cost.requests <= found["requests_at_most"]
    assert (
        result.spent["prompt_tokens"] <= found["prompt_tokens_at_most"] + 30 * 3_000
    )  # the hidden prompt is not known
    assert found["price_at_most"] > 0


ENROLLED = (("kimi-k9", 7), ("qwen9-7b", 8), ("glm-9", 9), ("acme-b", 10))


@pytest.fixture(scope="module")
def enrolled(index: BlackBoxIndex, tmp_path_factory: pytest.TempPathFactory) -> BlackBoxIndex:
    """The same with four models whose continuations are kept."""
    own = BlackBoxIndex(tmp_path_factory.mktemp("enrolled"))
    for tokenizer in index.tokenizers():
        own.add_tokenizer(tokenizer)
    for name, seed in ENROLLED:
        with serve(replace(HONEST, seed=seed)) as url:
            run(url, own, model=name, enrol=name)
    return own


def test_behaviour_finds_the_base_of_a_drifted_model_and_confirms_the_model_itself(enrolled: BlackBoxIndex) -> None:
    with serve(replace(HONEST, seed=7, drift=0.3)) as url:
        child = run(url, enrolled)
    best = child.behaviour[0]
    assert best.candidate == "kimi-k9"
    assert best.adjusted is not None and best.adjusted < -3
    assert child.judged.claims[0].status == "unverified"  # kinship is not identity
    assert child.judged.candidates[0].grade == "probable"
    with serve(replace(HONEST, seed=7)) as url:
        same = run(url, enrolled)
    assert (same.verdict, same.judged.claims[0].status) == (Outcome.CONSISTENT, "confirmed")


def test_a_stranger_is_like_no_enrolled_model(enrolled: BlackBoxIndex) -> None:
    with serve(replace(HONEST, seed=99)) as url:
        stranger = run(url, enrolled)
    assert all(found.adjusted is None or found.adjusted > -2 for found in stranger.behaviour)
    assert stranger.judged.claims[0].status == "unverified"


def test_a_model_that_is_another_enrolled_one_is_not_consistent(enrolled: BlackBoxIndex) -> None:
    with serve(replace(HONEST, seed=10)) as url:
        result = run(url, enrolled)
        private = run(url, enrolled, model="whatever", expect="acme-b")
    assert result.verdict is Outcome.INCONCLUSIVE
    assert "as acme-b does" in result.why
    assert private.verdict is Outcome.CONSISTENT
    assert "acme-b" in {candidate.name for candidate in private.judged.candidates}


def test_a_trusted_endpoint_tells_another_model_apart(index: BlackBoxIndex, tmp_path: Path) -> None:
    log = tmp_path / "evidence.jsonl"
    with serve(replace(HONEST, seed=7)) as trusted:
        settings: dict[str, Any] = {"trusted": Trusted(trusted, "kimi-k9"), "budget": Budget(400, 10**7)}
        with serve(replace(HONEST, seed=7)) as url:
            same = run(url, index, log=log, **settings)
            assert same.cost.requests == len(url.requests) + len(trusted.requests)
        with serve(replace(HONEST, seed=8)) as url:
            other = run(url, index, **settings)
    assert same.equality is not None and other.equality is not None
    assert same.verdict is Outcome.CONSISTENT
    assert other.verdict is Outcome.INCONCLUSIVE
    assert other.equality.log10_p < -2
    assert [(f.id, f.level) for f in other.findings] == [("endpoint-differs", Level.WARNING)]
    again = probe("http://127.0.0.1:9", "kimi-k9", trusted=Trusted("", "kimi-k9"), replay=log, index=index)
    assert again.equality == same.equality


def test_the_budget_holds_for_both_endpoints_together(index: BlackBoxIndex) -> None:
    with serve(HONEST) as trusted, serve(HONEST) as url:
        result = run(url, index, trusted=Trusted(trusted, "kimi-k9"), budget=Budget(60, 10**7))
        assert len(url.requests) + len(trusted.requests) == result.cost.requests <= 60


def test_a_trusted_endpoint_that_fails_costs_its_own_test(index: BlackBoxIndex) -> None:
    with serve(replace(HONEST, key="right")) as trusted, serve(HONEST) as url:
        result = run(url, index, trusted=Trusted(trusted, "kimi-k9"))
    assert result.verdict is Outcome.CONSISTENT
    assert any("trusted" in gap.what for gap in result.coverage.not_tested)


def test_counts_that_tell_nothing_settle_nothing(index: BlackBoxIndex) -> None:
    for lie in (lambda n: 7, lambda n: 100 * -(-(n + 1385) // 100)):
        with serve(replace(HONEST, lie=lie)) as url:
            result = run(url, index)
        assert result.verdict is Outcome.INCONCLUSIVE, result.why
        assert any("tokenizer" in gap.what for gap in result.coverage.not_tested)


def test_lists_and_errors_make_nobody_a_candidate(index: BlackBoxIndex) -> None:
    """A server that lists another model, or offers one in an error, does not say that it answers."""
    listing = {"/v1/models": {"data": [{"id": "kimi-k9"}, {"id": "qwen9-7b"}, {"id": "deepseek-v3.1"}]}}
    with serve(replace(HONEST, count=letters, documents=listing)) as url:
        result = run(url, index, model="acme-1")
    assert {c.grade for c in result.judged.candidates} == {"possible"}
    assert {c.family for c in result.judged.candidates} == {"qwen"}


def test_what_fails_on_the_way_is_said(index: BlackBoxIndex) -> None:
    with serve(HONEST, Fault("500", after=7)) as url:
        result = run(url, index)
    assert len(result.coverage.not_tested) >= 3


def test_a_server_that_limits_the_rate_says_so(index: BlackBoxIndex) -> None:
    limited = Fault("429", headers=(("Retry-After", "86400"),))
    with serve(HONEST, limited) as url, pytest.raises(InputError, match="rate limited"):
        run(url, index)


@pytest.mark.parametrize(("model", "expect"), [("", None), ("  ", None), ("m", "")])
def test_empty_names_are_refused(index: BlackBoxIndex, model: str, expect: str | None) -> None:
    with pytest.raises(UsageError, match="is empty"):
        probe("http://127.0.0.1:9", model, expect=expect, index=index)


@pytest.mark.parametrize("kind", ["401", "html", "drop"])
def test_an_endpoint_that_answers_nothing_is_one_line(index: BlackBoxIndex, kind: str) -> None:
    with serve(HONEST, Fault(kind)) as url, pytest.raises(InputError) as caught:
        run(url, index)
    assert "\n" not in str(caught.value)


def test_what_was_found_before_an_error_is_kept(index: BlackBoxIndex) -> None:
    with serve(HONEST, Fault("500", after=8)) as url:
        result = run(url, index)
    assert part(result)["requests"]
    assert result.verdict in (Outcome.INCONCLUSIVE, Outcome.CONSISTENT)
    assert result.coverage.not_tested


def test_usage_that_lies_at_random_is_no_tokenizer(index: BlackBoxIndex) -> None:
    numbers = iter(range(7, 10**6, 131))
    with serve(replace(HONEST, lie=lambda n: next(numbers))) as url:
        result = run(url, index)
    assert part(result)["matches"] == []
    assert result.verdict is not Outcome.CONSISTENT


def test_quick_looks_for_names_only(index: BlackBoxIndex) -> None:
    with serve(HONEST) as url:
        result = run(url, index, effort="quick")
        assert len(url.requests) <= 5
    assert result.tokenizer is None
    assert result.verdict is Outcome.INCONCLUSIVE


def test_no_network_is_opened_where_it_is_forbidden(index: BlackBoxIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBEAR_OFFLINE", "1")
    with pytest.raises(UsageError):
        probe("https://api.example.com/v1", "kimi-k9", index=index)


@pytest.fixture
def validator() -> Iterator[Draft202012Validator]:
    registry: Registry[Any] = Registry().with_resource(
        "https://forebear.dev/schemas/common.json", Resource.from_contents(schema("common"))
    )
    yield Draft202012Validator(schema("probe"), registry=registry)


def test_the_document_is_as_its_schema_says(index: BlackBoxIndex, validator: Draft202012Validator) -> None:
    shapes = (
        HONEST,
        replace(HONEST, recount=letters, stream_usage="always"),
        replace(HONEST, swap=(6, replace(HONEST, count=letters))),
    )
    for shape in shapes:
        with serve(shape) as url:
            body = json.loads(json.dumps(run(url, index, expect="qwen9-7b").to_json()))
        assert [error.message for error in validator.iter_errors(body)] == []
