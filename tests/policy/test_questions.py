from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from forebear.errors import ForebearError
from forebear.lineage.chain import Chain, Edge, EdgeKind, Node, Standing
from forebear.policy.answers import Answers, check_answers, read_answers, told
from forebear.policy.load import load_policy, packs
from forebear.policy.questions import questions
from forebear.report.policy import csv_questions, markdown_questions, yaml_questions


def saved(folder: Path, value: Any, name: str = "answers.yaml") -> Path:
    path = folder / name
    path.write_text(value if isinstance(value, str) else yaml.safe_dump(value), "utf-8")
    return path


def chain(standing: Standing, kind: EdgeKind = EdgeKind.FINETUNE, contradicted: bool = False, **more: Any) -> Chain:
    edge = Edge("meta-llama/Llama-3.1-8B", "x", kind, standing, contradicted=contradicted, **more)
    return Chain(Node("x"), (Node("meta-llama/Llama-3.1-8B", "Llama-3.1-8B"),), (edge,))


def statuses(given: dict[str, dict[str, Any]], about: Chain) -> list[str]:
    return [c.status for c in check_answers(Answers(given), about)]


def test_every_question_says_what_it_is_for_and_every_pack_asks_only_those() -> None:
    asked = {q.id for q in questions()}
    assert len(asked) == 8 and all(q.why and q.good and q.fields for q in questions())
    assert {i for name in packs() for r in load_policy(name).rules for i in r.asks} <= asked
    text = markdown_questions(questions())
    assert all(f"## {q}" in text for q in asked)


def test_the_same_answers_are_read_from_yaml_json_and_csv(tmp_path: Path) -> None:
    answers = {"Q-BASE": {"base": ["Qwen/Qwen2.5-7B", "x/y"], "withheld": False}, "Q-METHOD": {"base_flop": 3e24}}
    rows = [["ID", "Field", "Answer"], ["Q-BASE", "base", "Qwen/Qwen2.5-7B; x/y"], ["Q-BASE", "withheld", "no"]]
    buffer = io.StringIO()
    csv.writer(buffer).writerows([*rows, ["Q-METHOD", "base_flop", "3e24"], ["Q-RUN", "country", ""]])
    files = [
        saved(tmp_path, {"answers": answers}),
        saved(tmp_path, json.dumps(answers), "answers.json"),
        saved(tmp_path, buffer.getvalue(), "answers.csv"),
    ]
    found = [dict(read_answers(f).given) for f in files]
    assert found[0] == found[1] == found[2] == answers
    assert read_answers(files[0]).open == ("Q-CHAIN", "Q-DATA", "Q-LIC", "Q-CTRL", "Q-RUN", "Q-CHANGE")


def test_what_is_printed_to_be_filled_in_can_be_read_back_filled_or_not(tmp_path: Path) -> None:
    for name, text in (("a.yaml", yaml_questions(questions())), ("a.csv", csv_questions(questions()))):
        assert read_answers(saved(tmp_path, text, name)).given == {}
    filled = yaml_questions(questions()).replace("    base:  # names", "    base: Qwen/Qwen2.5-7B")
    assert read_answers(saved(tmp_path, filled)).given == {"Q-BASE": {"base": ["Qwen/Qwen2.5-7B"]}}


def test_words_alone_answer_the_first_field(tmp_path: Path) -> None:
    assert read_answers(saved(tmp_path, {"q-base": "Qwen/Qwen2.5-7B"})).value("base") == ["Qwen/Qwen2.5-7B"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"Q-BAES": "x"}, "did you mean Q-BASE"),
        ({"Q-BASE": {"bse": "x"}}, "did you mean base"),
        ({"Q-BASE": {"from_scratch": "maybe"}}, "yes or no"),
        ({"Q-METHOD": {"base_flop": "much"}}, "a number"),
        ({"Q-METHOD": {"base_flop": -1}}, "a number"),
        ({"Q-METHOD": {"base_flop": True}}, "a number"),
        ({"Q-METHOD": {"base_flop": ".inf"}}, "a number"),
        ({"Q-BASE": {"base": [{"a": 1}]}}, "needs texts"),
        ({"Q-BASE": {"base": ["x"] * 501}}, "needs texts"),
        ([], "no answers"),
        ("", "no answers"),
    ],
)
def test_what_is_no_answer_is_refused_with_the_nearest(value: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(ForebearError) as caught:
        read_answers(saved(tmp_path, value))
    assert words in str(caught.value)


def test_a_table_without_the_columns_is_refused(tmp_path: Path) -> None:
    for text in ("", "a,b\n1,2\n", 'id,answer\n"open'):
        with pytest.raises(ForebearError):
            read_answers(saved(tmp_path, text, "answers.csv"))


@pytest.mark.parametrize(
    ("standing", "wanted"),
    [
        (Standing.MEASURED, "confirmed"),
        (Standing.PROBABLE, "confirmed"),
        (Standing.DECLARED, "unverified"),
        (Standing.CATALOGUED, "unverified"),
        (Standing.POSSIBLE, "unverified"),
    ],
)
def test_only_evidence_confirms_an_answer(standing: Standing, wanted: str) -> None:
    assert statuses({"Q-BASE": {"base": ["meta-llama/Llama-3.1-8B"]}}, chain(standing)) == [wanted]


def test_another_ancestor_contradicts_no_base_and_a_contradicted_claim_stays_so() -> None:
    other = {"Q-BASE": {"base": ["Qwen/Qwen2.5-7B"]}}
    assert statuses(other, chain(Standing.MEASURED)) == ["unverified"]
    same = {"Q-BASE": {"base": ["meta-llama/Llama-3.1-8B"]}}
    assert statuses(same, chain(Standing.POSSIBLE, contradicted=True)) == ["contradicted"]


@pytest.mark.parametrize(
    ("about", "wanted"),
    [
        (Chain(Node("x")), "unverified"),
        (chain(Standing.POSSIBLE), "unverified"),
        (chain(Standing.DECLARED), "unverified"),
        (chain(Standing.PROBABLE), "contradicted"),
        (chain(Standing.PROBABLE, EdgeKind.DISTILLED), "unverified"),
        (chain(Standing.MEASURED, component="vision encoder"), "contradicted"),
    ],
)
def test_from_scratch_is_contradicted_by_evidence_of_weights_alone(about: Chain, wanted: str) -> None:
    assert statuses({"Q-BASE": {"from_scratch": True}}, about) == [wanted]


def test_answers_become_facts_of_the_input() -> None:
    given: dict[str, dict[str, Any]] = {
        "Q-BASE": {"base": ["a/b"]},
        "Q-METHOD": {"base_flop": 2.0, "modification_flop": 1.0},
        "Q-RUN": {"country": "GB", "relay": True},
        "Q-CHANGE": {"model_card": True},
    }
    found = told(Answers(given), Chain(Node("x")))
    assert found.base_names == ("a/b",) and found.compute == {"base_flop": 2.0, "modification_flop": 1.0}
    assert found.runtime == {"country": "GB", "relay": True} and found.documents == {"model_card": True}
    assert [c["status"] for c in found.claims] == ["unverified"]


@pytest.mark.parametrize(
    ("words", "names", "scratch", "withheld"),
    [
        ("not told", (), None, True),
        ("withheld", (), None, True),
        ("n/a", (), None, None),
        ("None; meta-llama/Llama-3.1-8B", ("meta-llama/Llama-3.1-8B",), None, None),
        ("trained from scratch", (), True, None),
    ],
)
def test_words_where_a_name_should_stand_name_no_model(
    words: str, names: tuple[str, ...], scratch: bool | None, withheld: bool | None, tmp_path: Path
) -> None:
    answers = read_answers(saved(tmp_path, {"Q-BASE": {"base": words}}))
    said = told(answers, Chain(Node("x")))
    assert (said.base_names, said.from_scratch, said.withheld) == (names, scratch, withheld)
    assert answers.named == tuple((name, "") for name in names)
    assert {c["status"] for c in said.claims} <= {"unverified"}


@pytest.mark.parametrize(
    ("words", "code"), [("UK", "GB"), ("the United Kingdom", "GB"), ("cn", "CN"), ("London", None), ("Europe", None)]
)
def test_where_inference_runs_is_a_country_or_not_known(words: str, code: str | None, tmp_path: Path) -> None:
    answers = read_answers(saved(tmp_path, {"Q-RUN": {"country": words}}))
    assert told(answers, Chain(Node("x"))).runtime["country"] == code
