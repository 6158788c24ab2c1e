"""Captures from one end to the other: what is counted, found and said; and real recordings."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from captures import KIMI, Talk, chat, events, flows, har, json_lines, saved
from documents import check_document
from forebear.errors import UsageError
from forebear.inspect import read_traffic
from forebear.inspect import traffic as module
from forebear.inspect.traffic_expected import expectation
from forebear.traffic import secrecy
from forebear.traffic.result import Traffic
from forebear.types import Level
from shared import shared


def read(folder: Path, *talks: Talk) -> Traffic:
    result = read_traffic([saved(folder, har(talks))])
    check_document(result.to_json())
    return result


def test_the_story_is_told_in_the_first_sentence(tmp_path: Path) -> None:
    result = read(tmp_path, chat("gpt-4o", "gpt-4o-2024-08-06"), chat("acme-1", KIMI), chat("acme-1", KIMI))
    assert result.summary == (
        f"A response names {KIMI} (2 times), though the client asked for acme-1. By its name this is Kimi K2.5 by "
        "Moonshot AI, reinforcement learning, step 515, held in the account anysphere at fireworks. How sure: at least "
        "95% of such names are read rightly, but a name does not show which model answered (forebear probe tests that)."
    )
    first = result.identifiers[0]
    assert (first.identifier, first.family, first.version, first.stage, first.step) == (KIMI, "kimi", "k2.5", "rl", 515)
    assert (first.provider, first.account, first.date, first.variant) == ("fireworks", "anysphere", "03-17", "fast")
    assert (first.count, dict(first.roles)) == (2, {"served": 2})
    assert [(w.record, w.part, w.pointer) for w in first.where] == [
        (2, "response body", "/model"),
        (3, "response body", "/model"),
    ]
    leak, account = result.findings
    assert leak.id == account.id == "identifier-leak" and "record 2" in leak.evidence[0]
    assert "account anysphere" in account.message


def test_what_the_catalogue_knows_of_the_one_that_was_asked_for_is_told(tmp_path: Path) -> None:
    result = read(tmp_path, chat("composer-2", KIMI))
    assert "the catalogue has composer-2 as a descendant of it, too" in result.summary
    assert {f.id for f in result.findings} == {"identifier-leak"}  # not another family's: what is behind the name
    assert "descendant" not in read(tmp_path, chat("composer-1", KIMI)).summary


@pytest.mark.parametrize(
    ("asked", "said", "ids"),
    [
        ("claude-sonnet-4-5", "gpt-4o-2024-08-06", ["answer-names-another"]),
        ("gpt-4o", "gpt-4.1", ["identifier-leak"]),  # of one family
        ("acme-1", "gpt-4o", ["identifier-leak"]),  # what was asked for names no family
        ("openrouter/auto", "openai/gpt-4o", []),  # who lets a router choose has named no model
        ("model-router", "gpt-4.1-mini", []),
        ("openrouter/auto", KIMI, ["identifier-leak", "identifier-leak"]),  # with somebody's account
        ("autobahn-1", "gpt-4o", ["identifier-leak"]),
    ],
)
def test_an_answer_from_another_family_is_a_finding_of_its_own(
    asked: str, said: str, ids: list[str], tmp_path: Path
) -> None:
    result = read(tmp_path, chat(asked, said))
    assert [f.id for f in result.findings] == ids and {f.level for f in result.findings} <= {Level.NOTE}
    if "answer-names-another" in ids:
        assert "by Anthropic, a response names" in result.findings[0].message
        assert "GPT 4o by OpenAI, not Claude 4.5 by Anthropic; a router may openly answer" in result.summary


@pytest.mark.parametrize(
    ("deployment", "said", "ids"),
    [
        ("prod-chat-blue", "gpt-4o-2024-08-06", []),
        ("gpt-4", "gpt-4o-2024-08-06", ["identifier-leak"]),
        ("prod-chat-blue", KIMI, ["identifier-leak", "identifier-leak"]),
    ],
)
def test_a_deployment_is_called_as_its_owner_likes(deployment: str, said: str, ids: list[str], tmp_path: Path) -> None:
    url = f"https://h.example/openai/deployments/{deployment}/chat/completions?api-version=1"
    result = read(tmp_path, Talk(url, {"messages": []}, {"model": said}))
    assert [f.id for f in result.findings] == ids
    told = f"asked for as {deployment} (an Azure deployment, which its owner may call anything)"
    assert (told in result.summary) == (not ids) and "its owner may call anything" in result.summary


def test_answers_that_name_what_was_asked_for_raise_nothing(tmp_path: Path) -> None:
    result = read(tmp_path, chat("gpt-4o", "gpt-4o-2024-08-06"), chat("acme-1", "acme-1"))
    assert result.findings == () and "as it was asked for" in result.summary


def test_nor_does_a_log_whose_lines_hold_both(tmp_path: Path) -> None:
    talks = [chat("gpt-4o", "gpt-4o"), chat("gpt-4o", "gpt-4o-2024-08-06"), chat("claude-sonnet-4-5", "gpt-4o")]
    assert read_traffic([saved(tmp_path, json_lines(talks[:2]))]).findings == ()
    (other,) = read_traffic([saved(tmp_path, json_lines(talks))]).findings
    assert other.id == "answer-names-another" and "record 3" in other.evidence[0]


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (
            Talk(asked={"model": "acme-1"}, said={"error": {"message": "no qwen3-8b here"}}, status=404),
            "an error names qwen3-8b",
        ),
        (
            chat("acme-1", "acme-1", received=(("x-litellm-model-name", "openai/gpt-4o"),)),
            "a response names openai/gpt-4o",
        ),
        (
            Talk(asked={"model": "gpt-4o"}, said=events([{"model": "gpt-4o"}, {"model": "gpt-4.1"}])),
            "a response names gpt-4.1",
        ),
        (
            Talk(asked={"model": "gpt-4o"}, said={"x": "<|tool_calls_section_begin|>"}),
            "a control token of the family kimi",
        ),
    ],
)
def test_other_names_are_found_wherever_an_answer_has_them(talk: Talk, words: str, tmp_path: Path) -> None:
    assert [words in f.message for f in read(tmp_path, talk).findings] == [True]


def test_what_somebody_says_and_what_a_list_offers_is_no_finding(tmp_path: Path) -> None:
    talk = Talk(
        asked={"model": "acme-1"}, said={"model": "acme-1", "choices": [{"text": "I am gpt-4o, made by kimi-k2.5"}]}
    )
    listed = Talk(asked={"model": "acme-1"}, said={"data": [{"id": "gpt-4o", "object": "model"}]})
    result = read(tmp_path, talk, listed)
    assert result.findings == () and {"gpt-4o", "kimi-k2.5"} <= {i.identifier for i in result.identifiers}


def test_several_files_are_one_answer_and_an_unreadable_one_costs_itself(tmp_path: Path) -> None:
    paths = [
        saved(tmp_path, har([chat("gpt-4o", "gpt-4o")]), "one"),
        saved(tmp_path, gzip.compress(flows([chat("gpt-4o", "gpt-4o")])), "two"),
        saved(tmp_path, json_lines([chat("gpt-4o", "gpt-4o")])[:-9], "three"),
        str(tmp_path / "none"),
        str(tmp_path),
    ]
    result = read_traffic(paths)
    assert [c.format for c in result.captures] == ["HAR", "mitmproxy flows", "JSON"]
    assert {w.file for w in result.identifiers[0].where} == set(paths[:3])
    assert len(result.problems) == 3 and result.cost.requests == 3
    assert result.cost.bytes_read == sum(Path(p).stat().st_size for p in paths[:3])
    assert read_traffic(paths[3:]).summary == "No capture could be read."
    with pytest.raises(UsageError):
        read_traffic([])


@pytest.mark.parametrize("form", [har, flows, json_lines])
def test_what_the_end_of_a_capture_cuts_in_two_is_no_name(form: Callable[[list[Talk]], bytes], tmp_path: Path) -> None:
    talk = chat("gpt-4o-mini", KIMI)
    whole = form([talk, talk])
    for cut in (b"gpt-4o", b"kimi-k2p5-rl"):
        end = whole.rindex(cut) + len(cut)
        for content in (whole[:end], gzip.compress(whole[:end])[:-8]):
            names = {i.identifier for i in read_traffic([saved(tmp_path, content)]).identifiers}
            assert {KIMI, "gpt-4o-mini"} == names
    log = b"model=gpt-4o\n{odd} model=gpt-4.1\nmodel=kimi-k2"
    assert len(read_traffic([saved(tmp_path, log)]).identifiers) == 3  # whole: a log may end without a line feed


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_IDENTIFIERS", 50)
    monkeypatch.setattr(module, "MOST_PAIRS", 20)
    result = read(tmp_path, *(chat(f"acme-{k}", "gpt-4o") for k in range(200)))
    assert len(result.identifiers) == 50 and "151 sightings" in {g.what for g in result.coverage.not_tested}
    assert len(result.findings) == 20
    served = next(i for i in result.identifiers if i.identifier == "gpt-4o")
    assert served.count == 200 and len(served.where) == module.PLACES


@pytest.mark.parametrize(
    ("expected", "served", "answer"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("gpt-4o", "kimi-k2.5", False),
        ("gpt-4o", "gpt-4.1", False),
        ("gpt-4o", "acme-1", None),
        ("acme-1", "acme-1", True),
        ("acme-1", "kimi-k2.5", False),
        ("acme-1", "acme-2", None),
        ("gpt-4o", "", None),
    ],
)
def test_an_expectation_is_met_contradicted_or_open(
    expected: str, served: str, answer: bool | None, tmp_path: Path
) -> None:
    told = expectation(read(tmp_path, chat("gpt-4o", served)), expected)
    word = {True: "met", False: "contradicted", None: "not settled"}[answer]
    assert told.met is answer and told.explanation.startswith(f"Expected {expected}: {word}. ")
    assert answer is None or served in told.explanation
    with pytest.raises(UsageError):
        expectation(read(tmp_path), " ")


def test_steps_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROGRESS", 10)
    steps: list[str] = []
    read_traffic([saved(tmp_path, har([chat("gpt-4o", "gpt-4o")]))], steps.append)
    assert len(steps) >= 2 and "1 identifiers" in steps[-1]


def models_in(value: Any) -> Counter[str]:
    """Every string under a key ``model``, in JSON inside of strings too."""
    out: Counter[str] = Counter()
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            out.update(v for k, v in item.items() if k == "model" and isinstance(v, str) and v)
            stack += item.values()
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, str) and item[:1] == "{":
            try:
                stack.append(json.loads(item))
            except ValueError:
                continue
    return out


@pytest.mark.shared
def test_every_model_of_real_recordings_is_found_and_nothing_that_is_secret() -> None:
    folder = shared("artefacts/api_recordings")
    paths = sorted(folder.rglob("*.yaml"))
    wanted: Counter[str] = Counter()
    secrets = set[str]()
    for path in paths:
        for made in yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))[
            "interactions"
        ]:
            wanted += models_in(made)
            for side in ("request", "response"):
                for name, values in (made.get(side) or {}).get("headers", {}).items():
                    if "model" not in name.lower():
                        secrets |= {v for v in values if isinstance(v, str) and len(v) >= 12 and secrecy.withheld(v)}
    result = read_traffic([str(path) for path in paths])
    assert len(paths) > 600 and result.problems == ()
    got = {i.identifier: i.count for i in result.identifiers}
    assert not {name: count for name, count in wanted.items() if got.get(name, 0) < count}
    text = json.dumps(result.to_json(), ensure_ascii=False).replace(str(folder), "")
    assert len(secrets) > 100 and not [value for value in secrets if value in text]
    assert all(i.family for i in result.identifiers if i.roles.get("served", 0) > 2 and i.kind == "name")
