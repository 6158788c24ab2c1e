"""The disguise study counts what it says it counts, on models that the tests write; nothing is trained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import disguise_study
import numpy as np
import pytest
from disguise.bases import CORPORA, KINDS, WITH_EXPERTS, Base, bases
from disguise.measure import SCRAMBLED, Result, donor_of, make_index, measure, named_by, proves
from disguise.rows import PAIRS, ROWS, STACK, Pair, Row, a_few, able, pairs_of
from disguise.table import share, table
from null.coins import clopper_pearson

from disguises import DISGUISES, NEEDS_OTHER, UNPROMISED, Inapplicable, disguise
from forebear.inspect.compare import compare
from forebear.types import (
    Ancestor,
    Comparison,
    Cost,
    Coverage,
    Evidence,
    Finding,
    Level,
    ModelRef,
    Relation,
    Scan,
    Test,
    Verdict,
)
from models import tiny

LLAMAS = [b for b in bases() if b.recipe.family == "llama"]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which random models stand for the two Llamas' bases, children and outsiders."""
    cache = tmp_path_factory.mktemp("cache")
    for k, base in enumerate(LLAMAS):
        folder = tiny("llama", cache / base.recipe.digest, 10 + k)
        for recipe, size in ((base.light, "noise:0.05"), (base.long, "noise:0.5")):
            disguise(folder, cache / recipe.digest, [size], k)
        for recipe in (base.outsider, base.stranger):
            if not (cache / recipe.digest).exists():
                tiny("llama", cache / recipe.digest, 20 + k)
    return cache


def result(**values: Any) -> Result:
    common: dict[str, Any] = {"key": "k", "row": "none", "base": "a", "family": "llama", "kind": "base"}
    common |= {"verdict": "dependent", "log10_p": -20.0, "proved": True, "named": ("a",), "nominated": True}
    return Result(**{**common, "others": 2, "scanned": 5, "accused": (), "compare": 0.1, "scan": 0.2, **values})


def test_no_model_is_there_twice_and_the_bases_of_a_family_differ_in_the_start_alone() -> None:
    every = bases()
    assert len({b.name for b in every}) == len(every) == 2 * len(CORPORA) - 2 + WITH_EXPERTS
    assert len({b.recipe.init_seed for b in every} | {b.outsider.init_seed for b in every}) == len(every) + len(CORPORA)
    for family in CORPORA:
        own = [b.recipe for b in every if b.recipe.family == family]
        assert len({(r.corpus, r.tokenizer, r.order_seed, r.steps, r.rate, r.decay, str(r.config)) for r in own}) == 1
    for base in every:
        assert base.light.start == base.long.start == base.recipe and base.light.corpus != base.recipe.corpus
        assert base.outsider.tokenizer == base.recipe.tokenizer != base.stranger.tokenizer


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_has_enough_pairs_of_enough_bases(row: Row) -> None:
    pairs = pairs_of(row, bases())
    assert len(pairs) >= PAIRS and len({p.base.name for p in pairs}) >= 8
    assert len({p.key for p in pairs}) == len(pairs) and {p.kind for p in pairs} == set(row.kinds)
    few = a_few(row, bases(brief=True), 2, 3)
    assert len({p.key for p in few}) == 2


def test_every_disguise_has_a_row() -> None:
    alone = {row.steps[0].partition(":")[0] for row in ROWS if len(row.steps) == 1}
    assert set(DISGUISES) - alone == {"untie", "copy-embeddings", "turn", *UNPROMISED}
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.sweep(3)
@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mixtral", "gpt2", "gpt_neox"])
def test_what_a_family_is_measured_on_it_can_wear(family: str, tmp_path: Path) -> None:
    base, other = tiny(family, tmp_path / "base", 1), tiny(family, tmp_path / "other", 2)
    for k, row in enumerate(ROWS):
        steps = [step for step in row.steps if not step.endswith("?")]
        if not row.families or family in row.families:
            disguise(base, tmp_path / f"{k}", steps, other=other)
        elif row.name != "permute experts":
            with pytest.raises(Inapplicable):
                disguise(base, tmp_path / f"{k}", steps, other=other)
        if (tmp_path / f"{k}").exists():
            shutil.rmtree(tmp_path / f"{k}")


def test_the_donor_has_another_tokenizer_only_where_that_is_what_is_taken() -> None:
    for row in ROWS:
        donor = donor_of(Pair(row, LLAMAS[0], "base", 0))
        assert (donor == LLAMAS[0].stranger) == ("replace-tokenizer" in row.steps)
    assert set(DISGUISES) >= NEEDS_OTHER


def test_results_are_measured_kept_and_not_measured_again(written: Path, tmp_path: Path) -> None:
    rows = [Row("none", ()), Row("rotate", ("rotate",)), Row("long", STACK, kinds=("long",))]
    pairs = [Pair(row, base, row.kinds[-1], 0) for row in rows for base in LLAMAS]
    path = tmp_path / "deep" / "results.jsonl"
    found = {r.key: r for r in disguise_study.run(pairs, LLAMAS, written, path, 9, 1)}
    plain = [found[p.key] for p in pairs if p.row.name == "none"]
    assert [r.base for r in plain] == [b.name for b in LLAMAS] and {r.kind for r in plain} == {"int4"}
    assert all(r.proved and r.nominated and r.log10_p is not None and r.log10_p < -20 for r in plain)
    assert all(r.others == r.scanned == 1 and not r.accused for r in found.values())
    with open(path, "a") as stream:
        stream.write('{"cut off')
    assert disguise_study.kept(path, disguise_study.code_digest()) == found
    assert disguise_study.kept(path, "another code") == {}
    lines = path.read_text()
    assert {r.key: r for r in disguise_study.run(pairs, LLAMAS, tmp_path / "empty", path, 9, 1)} == found
    assert path.read_text() == lines


def test_a_model_that_is_another_base_is_an_accusation(written: Path, tmp_path: Path) -> None:
    """The index says that the one Llama is the other: then the innocent is named, and that is counted."""
    one, two = LLAMAS
    folders = [(one.name, written / two.recipe.digest), (two.name, written / one.recipe.digest)]
    make_index(tmp_path, folders)
    found = measure(Pair(ROWS[0], one, "light", 0), written, tmp_path, folders, 1)
    assert not found.proved and not found.nominated
    assert found.named == (two.name,) and found.accused == (two.name,)


def scanned(ancestors: tuple[str, ...], messages: Mapping[str, str]) -> Scan:
    found = tuple(Ancestor(name, Verdict.DEPENDENT, -9.0, -8.0, Relation(), ()) for name in ancestors)
    findings = tuple(Finding(id_, Level.WARNING, text) for id_, text in messages.items())
    model = ModelRef("m", "m")
    return Scan(model, Verdict.INCONCLUSIVE, found, None, None, (), findings, 3, Coverage(), Cost())


def test_names_come_from_ancestors_and_from_the_finding_of_scrambled_coordinates() -> None:
    names = ["llama-a", "llama-b", "qwen2-a", "a"]
    assert named_by(scanned((), {}), names) == ()
    assert named_by(scanned(("qwen2-a",), {SCRAMBLED: "like llama-b, then (llama-a)"}), names) == (
        "qwen2-a",
        "llama-b",
        "llama-a",
    )
    assert named_by(scanned((), {SCRAMBLED: "llama-a-light and xllama-b"}), names) == ()
    assert named_by(scanned((), {"ancestor-undeclared": "llama-a"}), names) == ()


def compared(verdict: Verdict, test: Test, supports: str) -> Comparison:
    evidence = Evidence("x/1", "weights", supports, None, test, None, 10, -9.0, "")
    model = ModelRef("m", "m")
    return Comparison(model, model, verdict, -9.0, Relation(), (evidence,), Coverage(), Cost())


def test_only_exact_evidence_and_equal_values_prove() -> None:
    assert proves(compared(Verdict.DEPENDENT, Test.EXACT, "related"))
    assert proves(compared(Verdict.IDENTICAL, Test.NONE, "nothing"))
    assert not proves(compared(Verdict.DEPENDENT, Test.CALIBRATED, "related"))
    assert not proves(compared(Verdict.INCONCLUSIVE, Test.EXACT, "related"))
    assert not proves(compared(Verdict.DEPENDENT, Test.EXACT, "nothing"))


def test_shares_of_independent_pairs_have_the_plain_interval() -> None:
    rng = np.random.default_rng(1)
    hits, names = (rng.random(400) < 0.7).tolist(), [f"{k}" for k in range(400)]
    found = share(hits, names)
    assert found.effective == pytest.approx(400, rel=0.01)
    plain = clopper_pearson(sum(hits), 400)
    assert (found.low, found.high) == pytest.approx(plain, abs=0.005)


def test_bases_that_are_all_or_nothing_count_once() -> None:
    names = [f"{k % 10}" for k in range(80)]
    found = share([int(name) < 7 for name in names], names)
    assert (found.hits, found.pairs, found.effective) == (56, 80, 10)
    assert (found.low, found.high) == pytest.approx(clopper_pearson(7, 10))
    everything = share([True] * 80, names)
    assert (everything.low, everything.high) == pytest.approx(clopper_pearson(10, 10))
    with pytest.raises(ValueError):
        share([], [])


def test_the_interval_covers_what_it_says_when_pairs_of_a_base_resemble_each_other() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(300):
        own = rng.beta(3, 1, 16)  # each base has a share of its own; the mean is 0.75
        hits = [bool(rng.random() < p) for p in own for _ in range(5)]
        found = share(hits, [f"{k}" for k in range(16) for _ in range(5)])
        covered += found.low <= 0.75 <= found.high
    assert covered >= 0.93 * 300


def test_the_table_counts_by_row() -> None:
    miss = result(base="b", proved=False, nominated=False, named=("c",), accused=("c",))
    text = table([result(), result(), miss, replace(result(), row="rotate")])
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert lines[2][:3] == ["none", "3", "2"] and lines[2][3].startswith("66.7%")
    assert lines[2][5:] == ["6 + 15", "1 (c)", "0.10 / 0.20"]
    assert lines[3][0] == "rotate" and lines[3][6] == "0"
    assert lines[4][0] == "**all**" and lines[4][1] == "4"
    assert table([]) == "no results"


def test_wearers_are_children_or_quantised(written: Path, tmp_path: Path) -> None:
    base: Base = LLAMAS[0]
    assert [base.wearer(kind)[1] for kind in (*KINDS, "int3")] == [(), (), (), ("int4",), ("int3",)]
    folder = written / base.recipe.digest
    four = disguise(folder, tmp_path / "four", base.wearer("int4")[1])
    assert compare(str(folder), str(four)).related
    assert json.loads((four / "config.json").read_text())["model_type"] == "llama"


def test_able_leaves_further_bases_to_the_rows_about_experts() -> None:
    by_name = {row.name: row for row in ROWS}
    assert len(able(by_name["none"], bases())) == 2 * len(CORPORA)
    assert len(able(by_name["permute experts"], bases())) == WITH_EXPERTS
