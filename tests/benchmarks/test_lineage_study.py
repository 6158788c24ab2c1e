"""The lineage benchmark counts what it says it counts, on models that the tests write; nothing is trained."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import lineage_study
import numpy as np
import pytest
from disguise.bases import bases
from disguise.rows import ROWS
from lineage.cases import (
    BASE,
    DATA,
    FAMILY,
    FIT,
    HARD,
    NULL,
    REPORT,
    SAME_START,
    SHAPE,
    TABLE,
    TIMED,
    TWIN,
    Query,
    Reference,
    Row,
    queries,
)
from lineage.measure import FOREBEAR, IMPOSSIBLE, UNREADABLE, Result, exact, held, kept_seconds, measure
from lineage.outside import DISTILLED, INDEPENDENT, RELATED, UNSCORED, ZOO, listed
from lineage.plots import coin_table, draw
from lineage.tables import METHODS, Judge, ahead, auc, fitted
from null.tables import fill
from zoo.recipes import Recipe, model

from derivations import DERIVATIONS
from disguises import DISGUISES, disguise
from forebear.errors import InputError
from forebear.inspect.compare import compare
from forebear.types import Verdict
from lineage import tables
from models import tiny
from shared import shared

EVERY = queries()
SCORES = {"PCS": 0.9, "AWM": 0.8, FOREBEAR: 30.0}


def result(**values: Any) -> Result:
    common: dict[str, Any] = {"key": "k", "part": REPORT, "row": "rotate", "group": "coordinates", "cluster": "llama-b"}
    common |= {"reference": "llama-b", "what": BASE, "scores": SCORES, "verdict": "dependent", "related": True}
    return Result(**{**common, **values})


def start_of(recipe: Recipe) -> int:
    """The seed of the random start that a model descends from."""
    return recipe.init_seed if recipe.start is None else start_of(recipe.start)


def test_references_are_what_they_are_called() -> None:
    for query in EVERY:
        own = start_of(query.recipe)
        for reference in query.references:
            there = reference.recipe
            assert (start_of(there) == own) == (reference.what in (BASE, SAME_START))
            assert (there.family == query.recipe.family) == (reference.what != FAMILY)
            if reference.what == DATA and query.part in (REPORT, FIT):
                family = next(b for b in bases() if b.name == query.cluster).recipe
                assert (there.corpus, there.order_seed, there.steps) == (family.corpus, family.order_seed, family.steps)


def test_what_is_reported_and_what_sets_thresholds_have_no_model_in_question_in_common() -> None:
    parts = {p: [q for q in EVERY if q.part == p] for p in (REPORT, FIT, NULL, TWIN, TIMED)}
    assert all(q.cluster.endswith("-b") for q in parts[REPORT] + parts[TWIN] + parts[TIMED])
    assert all(q.cluster.endswith("-a") for q in parts[FIT])
    assert not {q.recipe.digest for q in parts[REPORT]} & {r.digest for q in parts[FIT] for r in q.recipes}
    assert len({q.key for q in EVERY}) == len(EVERY)
    assert sum(len(q.references) for q in parts[FIT]) >= 100  # else one in a hundred is nobody
    starts = [{start_of(q.recipe), start_of(q.references[0].recipe)} for q in parts[NULL]]
    assert all(len(s) == 2 for s in starts) and len({frozenset(s) for s in starts}) == len(starts)


def test_every_reported_query_has_its_base_and_three_hard_negatives() -> None:
    for query in (q for q in EVERY if q.part == REPORT):
        kinds = [r.what for r in query.references]
        assert kinds == [BASE, DATA, SHAPE, FAMILY] and set(kinds[1:]) == set(HARD)
        assert query.references[0].recipe.name == query.cluster and query.scanned
        if query.row.steps and {"splice", "merge"} & set(query.row.steps):
            assert query.donor.digest not in {r.recipe.digest for r in query.references}


def test_every_disguise_and_derivation_has_a_row() -> None:
    steps = {s.removesuffix("?").partition(":")[0] for row in TABLE for s in row.steps}
    left = {"untie", "copy-embeddings", "plant-layer", "relicense", "extend-vocabulary"}
    assert set(DISGUISES) | set(DERIVATIONS) == steps | left
    assert {r.name for r in ROWS} - {"none"} <= {r.name for r in TABLE}
    assert len({r.name for r in TABLE}) == len(TABLE)
    counts = Counter(q.row.name for q in EVERY if q.part == REPORT)
    assert set(counts) == {r.name for r in TABLE} and set(counts.values()) <= {8, 2}


def test_a_brief_run_is_small_and_accuses_nobody_of_what_he_gave() -> None:
    brief = queries(True)
    assert {q.row.name for q in brief if q.part == REPORT} == {r.name for r in TABLE}
    assert len(brief) < 150 and {q.part for q in brief} == {REPORT, FIT, NULL, TWIN, TIMED}
    for query in (q for q in brief if q.part == REPORT and {"splice", "merge"} & set(q.row.steps)):
        assert query.donor not in [r.recipe for r in query.references]


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Query]:
    """A cache in which random models stand for a base, its child and an innocent; and a query of them."""
    cache = tmp_path_factory.mktemp("cache")
    one, other = model("one", "llama", 1, "code"), model("other", "llama", 2, "code")
    light = replace(one, name="light", start=one)
    base = tiny("llama", cache / one.digest, 1)
    tiny("llama", cache / other.digest, 2)
    disguise(base, cache / light.digest, ["noise:0.1"], 1)
    against = (Reference(one, BASE), Reference(other, DATA))
    row = Row("rotate", "coordinates", ("rotate", "permute-neurons"))
    return cache, Query(REPORT, row, "one", light, (), (), other, against)


def test_a_query_is_measured_by_every_method(few: tuple[Path, Query]) -> None:
    cache, query = few
    right, wrong = measure(query, cache, cache / "none", (), 1)
    assert right.related is True and wrong.related is not True and (right.what, wrong.what) == (BASE, DATA)
    assert right.scores[FOREBEAR] == 30 and wrong.scores[FOREBEAR] < 4
    assert right.scores["MATCH"] > 50 > 4 > wrong.scores["MATCH"]
    for found in (right, wrong):
        assert set(found.scores) | set(found.refused) == set(METHODS) and not found.seconds
        assert found.coins > 50 and 0 <= found.agree <= found.coins
    assert Result.from_json(json.loads(json.dumps(asdict(right)))) == right


@pytest.mark.parametrize(("form", "method"), [("packed:gptq-4", ""), ("gguf:q8_0", ""), ("", "linear")])
def test_queries_are_packed_and_merged(form: str, method: str, few: tuple[Path, Query], tmp_path: Path) -> None:
    cache, query = few
    made = replace(query, row=Row("x", "y", form=form, method=method), parents=(query.recipe, query.recipe))
    folder = made.write(cache, tmp_path, 1)
    found = compare(str(cache / query.references[0].recipe.digest), str(folder))
    assert found.related and not (form and found.verdict is Verdict.IDENTICAL)


def test_what_cannot_be_made_or_read_is_said_to_be_so(few: tuple[Path, Query], tmp_path: Path) -> None:
    cache, query = few
    (impossible,) = measure(replace(query, row=Row("x", "y", ("permute-experts",))), cache, cache, (), 1)
    assert impossible.verdict == IMPOSSIBLE and tables.made([impossible]) == ([], [])
    (tmp_path / "model.safetensors").write_bytes(b"\x00" * 20)
    broken = held(cache / query.recipe.digest, tmp_path)
    assert broken["verdict"] == UNREADABLE and not broken["scores"] and set(broken["refused"]) == set(METHODS)


def test_seconds_are_taken_from_the_files_on_of_timed_queries(few: tuple[Path, Query]) -> None:
    cache, query = few
    timed = measure(replace(query, part=TIMED), cache, cache, (), 1)
    seconds = kept_seconds(timed)
    assert set(seconds) == set(timed[0].scores) | set(timed[1].scores) and min(seconds.values()) > 0


def test_the_exact_score_is_no_score_of_another_test(few: tuple[Path, Query]) -> None:
    cache, query = few
    base, other = (str(cache / r.recipe.digest) for r in query.references)
    assert exact(compare(base, base)) == 30
    found = compare(base, other)
    p = [e.log10_p for e in found.evidence if e.signal.startswith(("sign-code/", "aligned-coins/"))]
    assert exact(found) == pytest.approx(-min(x for x in p if x is not None)) and 0 <= exact(found) < 4


@pytest.mark.whole
def test_results_are_kept_and_not_measured_again(few: tuple[Path, Query], tmp_path: Path) -> None:
    cache, query = few
    path = tmp_path / "deep" / "lines.jsonl"
    (found,) = lineage_study.run([query], cache, path, 1, 1, True)
    with open(path, "a") as stream:
        stream.write('{"code": "cut')
    lines = path.read_text()
    assert list(lineage_study.run([query], tmp_path / "empty", path, 1, 1, True)) == [found]
    assert path.read_text() == lines and lineage_study.kept(path, "another code") == {}


def test_thresholds_are_printed_ones_or_fitted_on_the_fit_alone() -> None:
    fit = [result(part=FIT, what=DATA, scores={"AWM": k / 200, "MATCH": 9.0}) for k in range(200)]
    report = [result(scores={"AWM": 5.0})]
    found = fitted([*fit, *report]).thresholds
    assert found["MATCH"] == found["φ_U"] == 4 and found["Kit"] == 0.75 and "ICS" not in found
    assert sum(r.scores["AWM"] > found["AWM"] for r in fit) == 2  # one in a hundred, and no more
    assert fitted(fit[:50]).thresholds["AWM"] == 49 / 200  # of fifty, nobody


def test_a_method_that_refuses_says_nothing_and_ranks_last() -> None:
    judge = Judge({"AWM": 0.5, "PCS": 0.95})
    assert judge.says("AWM", result()) and not judge.says("PCS", result()) and not judge.says("ICS", result())
    assert judge.says(FOREBEAR, result()) and not judge.says(FOREBEAR, result(related=None))
    assert tables.scores([result(scores={})], "AWM") == [-np.inf]


def test_the_area_is_a_share_of_pairs_with_ties_half() -> None:
    assert auc([3, 1], [2, 0]) == 0.75 and auc([1.0], [1.0]) == 0.5
    assert auc([-np.inf], [-np.inf, 0]) == 0.25 and auc([], [1.0]) is None


def test_tables_count_by_method_row_and_group() -> None:
    judge = Judge({"AWM": 0.5, "PCS": 0.95})
    silent = result(cluster="gemma-b", verdict="inconclusive", related=None, scores={"AWM": 0.7, FOREBEAR: 0.2})
    silent = replace(silent, findings=("coordinates-scrambled",), nominated="gemma-b")
    innocent = result(
        what=DATA, related=None, verdict="same_architecture", scores={"AWM": 0.6, "PCS": 0.1, FOREBEAR: 0.1}
    )
    some = [result(nominated="llama-b"), silent, innocent]
    methods = {line.split(" | ")[0][2:]: line.split(" | ") for line in tables.by_method(some, judge, ()).splitlines()}
    assert methods[FOREBEAR][2].startswith("50.0%") and methods["AWM"][1:3] == ["fitted 0.5", "100.0% (16% to 100%)"]
    assert methods["AWM"][3].startswith("100.0%") and methods["AWM"][4:6] == ["1 of 1", "1.000"]
    row = tables.by_row(some, judge).splitlines()[2].split(" | ")
    assert row[:3] == ["| rotate", "2 + 1", "1 · 0 · 1.00 (2)"]
    assert row[3 + METHODS[1:].index("AWM")] == "2 · 1 · 1.00" and row[3 + METHODS[1:].index("PCS")] == "0 · 0 · 0.50"
    assert row[-1] == "AWM finds 1 more and accuses 1. Forebear says: inconclusive + coordinates-scrambled 1 |"
    assert ahead([result()], [innocent], judge) == ""
    assert "coordinates | 2 + 1" in tables.by_group(some, judge)
    assert "(2, 1 wrong)" in tables.by_row([result(accused=("x",), nominated="llama-b"), silent, innocent], judge)
    assert "| ICS | no gates | 2 |" in tables.refusals([result(refused={"ICS": "no gates"})] * 2)
    assert tables.intervals(1) == "0: 0% to 98%, 1: 3% to 100%"


def write_zoo(place: Path, pairs: list[tuple[str, ...]], names: tuple[str, ...] = ("p", "c", "x")) -> Path:
    for k, name in enumerate(names):
        tiny("llama", place / "models" / name, k)
    roots = [{"id": n, "root": "p" if n == "c" else n} for n in names]
    (place / "truth.json").write_text(json.dumps({"models": roots}))
    with open(place / "pairs.csv", "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["model_a", "model_b", "related", "parent", "difficulty", "scored"])
        writer.writerows(pairs)
    return place


def test_another_zoo_is_read_with_parents_first(tmp_path: Path) -> None:
    pairs = [("c", "p", "1", "p", "ft", "1"), ("p", "x", "0", "", "neg", "1"), ("x", "c", "0", "p", "distilled", "1")]
    found = listed(write_zoo(tmp_path, [*pairs, ("p", "x", "0", "", "same_init", "0")]))
    assert [p.what for p in found] == [RELATED, INDEPENDENT, DISTILLED, UNSCORED]
    assert (found[0].reference.name, found[0].query.name, found[0].cluster) == ("p", "c", "p")
    (told,) = found[1].measure()
    assert told.part == ZOO and told.what == INDEPENDENT and told.related is not True
    fit = [result(part=FIT, what=DATA, scores={"AWM": 0.1})] * 100
    block = lineage_study.zoo_block([*fit, told, *found[0].measure(), *found[2].measure()])
    assert "| ft | yes | 1 |" in block and "| neg | no | 1 |" in block and "| distilled | 1 |" in block


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("truth.json", "{"),
        ("truth.json", '{"models": 3}'),
        ("pairs.csv", "model_a,model_b\np,c\n"),
        ("pairs.csv", "model_a,model_b,related,parent,difficulty,scored\n../p,c,1,,ft,1\n"),
        ("pairs.csv", "model_a,model_b,related,parent,difficulty,scored\np,nobody,1,,ft,1\n"),
        ("pairs.csv", ""),
    ],
)
def test_a_zoo_that_is_none_is_one_line(file: str, text: str, tmp_path: Path) -> None:
    write_zoo(tmp_path, [("p", "c", "1", "p", "ft", "1")])
    (tmp_path / file).write_text(text)
    with pytest.raises(InputError) as caught:
        listed(tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError):
        listed(tmp_path / "missing")


@pytest.mark.shared
def test_the_shared_zoo_is_one() -> None:
    found = listed(shared("zoo"))
    assert len(found) == 406 and {p.what for p in found} == {RELATED, INDEPENDENT, DISTILLED, UNSCORED}


def test_the_picture_is_the_same_twice(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(1)
    some = [
        result(part=NULL, reference=f"{k}", log10_p=-float(rng.random()), coins=100, agree=int(rng.binomial(100, 0.5)))
        for k in range(30)
    ]
    for name in ("one.svg", "two.svg"):
        draw(tmp_path / name, some, Judge({"PCS": 0.95}), 1)
    text = (tmp_path / "one.svg").read_text()
    assert text == (tmp_path / "two.svg").read_text() and len(text) > 10_000
    assert len(coin_table(some).n) == 30 and len(coin_table([result()]).n) == 0


def test_the_document_has_the_markers_that_the_study_writes() -> None:
    text = lineage_study.DOCUMENT.read_text("utf-8")
    names = {*lineage_study.blocks([result(coins=10, agree=4, part=NULL)], 1), "setting", "zoo"}
    filled = fill(text, {name: f"block of {name}" for name in names})
    assert all(f"\nblock of {name}\n" in filled for name in names)
