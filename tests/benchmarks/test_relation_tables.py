"""The relation study's tables and calibration count what they say they count."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import numpy as np
import pytest
import relation_study
from relation import tables
from relation.classes import ERROR, LUCK
from relation.kin import CALIBRATION
from relation.measure import BACKWARD, IMPOSSIBLE

from results import result, said


def test_macro_accuracy_is_the_mean_over_classes_and_its_interval_knows_bases() -> None:
    right = [result(base=b) for b in "abcd"]
    wrong = [said(replace(result(base=b), truth="rl"), kind="finetune") for b in "ab"]
    assert tables.macro(right + wrong) == 0.5
    mixed = right[:2] + [said(r, kind="unknown") for r in right[2:]]
    assert tables.by_base([(r.base, r.truth, r.right) for r in mixed], 1) == (0.0, 1.0)
    assert tables.by_base([(r.base, r.truth, r.right) for r in right], 1) == (1.0, 1.0)
    both = [(r.base, r.truth, r.right) for r in right + wrong]  # in draws without a or b one share is all there is
    low, high = tables.by_base(both, 1, draws=400)
    assert (low, high) == (0.5, 1.0)
    with pytest.raises(ValueError):
        tables.macro([])


def test_the_interval_covers_what_it_says_when_bases_differ() -> None:
    rng = np.random.default_rng(4)
    covered = 0
    for trial in range(200):
        own = rng.beta(3, 1, 16)  # each base has a share of its own; the mean is 0.75
        cases = [(f"{k}", "x", bool(rng.random() < p)) for k, p in enumerate(own) for _ in range(5)]
        low, high = tables.by_base(cases, trial, draws=300)
        covered += low <= 0.75 <= high
    assert covered >= 0.88 * 200


def cells(text: str) -> list[list[str]]:
    return [[c.strip() for c in line.split("|")[1:-1]] for line in text.splitlines()]


def test_tables_count_by_class() -> None:
    lora = said(replace(result(), truth="lora"), kind="finetune", rank=8)
    wrong = said(replace(result(base="b"), name="0.7"), kind="finetune", direction=BACKWARD)
    never = said(replace(result(), truth="same start", stands=ERROR, direction=""), kind="rl", verdict="derived")
    every = [result(), wrong, lora, never, said(result(), verdict=IMPOSSIBLE)]
    rows = {line[0]: line for line in cells(tables.accuracy(every, 1))}
    assert rows["pruned"][1:3] == ["2", "2"] and rows["pruned"][4] == "finetune, 0.7"
    assert rows["**macro accuracy**"][3].startswith("**75.0%") and "same start" not in rows
    confusion = cells(tables.confusion(every))
    assert confusion[0][1:] == ["finetune", "finetune, rank", "pruned", "rl"]
    assert confusion[2] == ["pruned", "1", "", "1", ""] and confusion[3][0] == "lora"
    rows = {line[0]: line for line in cells(tables.directions(every, 1))}
    assert rows["pruned"] == ["pruned", "2", "100.0%", "50.0% of 2"] and rows["**all**"][1] == "3"
    accused = {line[0]: line for line in cells(tables.false_accusations(every))}
    assert accused["`derived`, though only a start is shared"][3] == "1 (same start: 0.5)"
    assert accused["a direction, where there is none"][3].startswith("1 (")
    assert accused["a relation of descent, though only a start is shared"][3].startswith("1 (")
    assert accused["related, though independent"][1:] == ["0", "0", "0"]
    luck = replace(result(), stands=LUCK)
    assert cells(tables.undecidable([luck, never]))[2] == ["pruned", "1", "1 × pruned", "1 × derived", "1 of 1"]


def test_derived_in_the_wrong_order_is_an_accusation() -> None:
    turned = replace(result(), turned=True, direction=BACKWARD)
    rows = {line[0]: line for line in cells(tables.false_accusations([result(), turned]))}
    assert rows["`derived`, in the wrong order"][1:] == ["1", "1", "1 (pruned: 0.5)"]


def test_coefficients_are_measured_where_the_parents_are_exactly_those() -> None:
    one = replace(result(), truth="merge", name="linear 0.5 0.5", shares={"x": 0.5, "y": 0.5})
    good = said(one, kind="merge", parents={"x": (0.51,), "y": (0.45, 0.5)})
    missed = said(one, kind="merge", parents={"x": (0.51,)})
    alike = said(good, parents={"x": (0.9,), "y": (0.1,)}, collinear=True)
    layers = said(replace(good, name="passthrough 1 1"), layers={"x": (0, 2, 3), "y": (1,)})
    lines = cells(tables.merges([good, missed, alike, result(), layers]))[2:]
    assert lines[0] == ["linear 0.5 0.5", "3 of 3", "2 of 3", "1", "0.010, 0.050", "67%"]
    assert lines[1] == ["passthrough 1 1", "1 of 1", "1 of 1", "0", "layers right: 75%", ""]


def test_names_of_formats_and_ranks_are_listed_where_the_relation_is_right() -> None:
    four = said(replace(result(), truth="quantized", name="GPTQ 4"), kind="quantized", word="INT4")
    lora = said(replace(result(), truth="lora", name="lora-8-few"), kind="finetune", rank=8)
    wrong = said(four, kind="finetune")
    lines = cells(tables.named([four, four, said(four, word="NF4"), lora, wrong, result()]))[2:]
    assert lines == [["quantized", "GPTQ 4", "3", "2 × INT4, 1 × NF4"], ["lora", "lora-8-few", "1", "1 × rank 8"]]
    assert tables.named([result()]) == "Nothing was named."


def test_calibration_is_of_kinds_that_were_said_and_of_reasons_with_their_sign() -> None:
    backward = said(
        replace(result(base="b"), turned=True, direction=BACKWARD),
        reasons=(("zeros were set in #", 6.0), ('a "b"', 0.0)),
    )
    unknown = said(result(), kind="unknown", reasons=())
    apart = said(replace(result(), truth="independent", direction=""), kind="finetune", reasons=())
    wrong = said(replace(result(), truth="same start", direction=""), kind="pruned", reasons=())
    siblings = said(replace(result(), truth="siblings", direction=""), kind="finetune", reasons=())
    found = tomllib.loads(tables.calibration([result(), backward, unknown, apart, wrong, siblings], 7))
    assert found["seed"] == 7
    assert found["kind"] == {"pruned": {"n": 3, "right": 2, "bases": 2, "mean": 0.75}}
    assert found["reason"] == {"zeros were set in #": {"n": 2, "right": 1, "bases": 2, "mean": 0.5}}


def test_only_calibration_bases_make_the_calibration_and_only_report_bases_the_report() -> None:
    mine, other = result(), replace(result(), split=CALIBRATION, truth="rl")
    text = relation_study.blocks([mine, other], 1)
    assert "| pruned | 1 |" in text["accuracy"] and "| rl |" not in text["accuracy"]
    assert "1 bases are reported, 1 are for calibration" in relation_study.setting(2, [mine, other], 1)
