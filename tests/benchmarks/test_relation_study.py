"""The relation study knows what is true, counts what it says it counts, and keeps calibration and report apart.

Models are written by the tests; nothing is trained.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import relation_study
from null.tables import fill
from relation import tables
from relation.classes import (
    ALWAYS,
    CLASSES,
    ERROR,
    LUCK,
    SOMETIMES,
    Facts,
    adapted_class,
    paired_class,
    trained_class,
)
from relation.facts import facts_of, parted, shows_decay, sides_of
from relation.kin import CALIBRATION, REPORT, kin
from relation.measure import (
    BACKWARD,
    FORWARD,
    IMPOSSIBLE,
    OPEN,
    Answer,
    Result,
    answer_of,
    coefficients_of,
    index_of,
    make_index,
    measure,
    measure_blend,
    merge_of,
    stands_for,
)
from relation.pairs import HEALED, MERGES, Blend, Made, Pair, a_few, merges_of, pairs_of

from derivations import derive
from forebear.types import Ancestor, Cost, Coverage, ModelRef, Relation, Scan, Verdict
from models import tiny

EVERYBODY = kin()
LLAMA = next(k for k in EVERYBODY if k.base.name == "llama-b")
WIDE = next(k for k in EVERYBODY if k.base.name == "wide-b")
PAIRS = {k.base.name: list(pairs_of(k)) for k in EVERYBODY}


def noisy(folder: Path, out: Path, size: float, seed: int) -> None:
    derive(folder, out, [f"noise:{size}"], seed)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which random models and noise stand for a Llama, its kin and its strangers."""
    cache = tmp_path_factory.mktemp("cache")
    base = tiny("llama", cache / LLAMA.base.digest, 10)
    sizes = {"long": 0.2, "decayed": 0.15, "heavy": 0.6, "second": 0.05}
    for k, (name, recipe) in enumerate(LLAMA.children.items()):
        if name not in HEALED:
            noisy(base, cache / recipe.digest, sizes.get(name, 0.04), k)
    for k, recipe in enumerate((*LLAMA.twins, *LLAMA.strangers)):
        tiny("llama", cache / recipe.digest, 20 + k)
    return cache


def result(**values: Any) -> Result:
    common: dict[str, Any] = {"key": "k|straight", "truth": "pruned", "name": "0.5", "base": "a", "family": "llama"}
    common |= {"split": REPORT, "turned": False, "direction": FORWARD, "stands": ALWAYS, "facts": Facts()}
    answer = Answer("derived", True, "pruned", ("pruned",), FORWARD, None, (("zeros were set in #", 6.0),), seconds=0.1)
    return Result(**{**common, "answer": answer, **values})


def said(one: Result, **values: Any) -> Result:
    return replace(one, answer=replace(one.answer, **values))


# who there is


def test_every_base_is_for_one_thing_and_both_have_bases_of_every_family() -> None:
    splits = {s: [k for k in EVERYBODY if k.split == s] for s in (CALIBRATION, REPORT)}
    assert sorted(k.family for k in splits[CALIBRATION]) == sorted(k.family for k in splits[REPORT])
    assert len(splits[REPORT]) >= 8 and len({k.base.digest for k in EVERYBODY}) == len(EVERYBODY)
    seeds = [{k.base.init_seed for k in several} for several in splits.values()]
    assert not seeds[0] & seeds[1]
    for one in EVERYBODY:
        for recipe in one.children.values():
            assert recipe.start in (one.base, one.children["plain"])
        for twin in one.twins:
            assert twin.init_seed == one.base.init_seed and twin.start is None and twin.digest != one.base.digest
        assert all(s.init_seed != one.base.init_seed for s in one.strangers)


def test_no_model_is_there_twice_under_two_names() -> None:
    names: dict[str, set[str]] = {}
    for one in EVERYBODY:
        for recipe in one.recipes:
            names.setdefault(recipe.digest, set()).add(recipe.name)
    assert all(len(n) == 1 for n in names.values())


def test_every_class_has_pairs_and_as_many_as_is_cheap() -> None:
    report = [p for k in EVERYBODY if k.split == REPORT for p in PAIRS[k.base.name]]
    count = Counter(p.truth for p in report)
    measured = {"lora", "rl", "finetune", "continued pretraining", "siblings", "hidden siblings", "merge"}
    assert set(count) == (set(CLASSES) - measured) | {"trained", "paired", "adapted"}
    assert 2 * min(count.values()) >= 10  # both orders
    starts = [p for several in PAIRS.values() for p in several if p.truth == "same start"]
    assert len(starts) >= 40 and len({p.base.name for p in starts}) >= 8
    assert sum(len(list(merges_of(k))) for k in EVERYBODY if k.split == REPORT) >= 8 * len(MERGES)
    keys = [p.key(1) for several in PAIRS.values() for p in several]
    assert len(set(keys)) == len(keys)
    assert {p.key(1) for p in report}.isdisjoint(p.key(2) for p in report)


def test_everything_that_a_pair_needs_is_built_before() -> None:
    recipes = relation_study.needed([*PAIRS["llama-b"], *merges_of(LLAMA)])
    there = {r.digest for r in recipes}
    assert {r.digest for r in LLAMA.recipes} == there
    assert LLAMA.children["plain"] in relation_study.needed([p for p in PAIRS["llama-b"] if p.name == "second"])


def test_a_few_are_of_every_row_and_of_bases_in_turn() -> None:
    pairs = [p for several in PAIRS.values() for p in several]
    few = a_few(pairs, 1)
    assert len(few) == len({(p.truth, p.name) for p in pairs}) and len({p.base.name for p in few}) > 8


# what is true


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        (Facts(0.02, 0.6, 0.0), "rl"),
        (Facts(0.02, 0.4, 0.0), "finetune"),
        (Facts(0.33, 0.0, 0.0), "finetune"),
        (Facts(0.34, 0.0, 0.0), "continued pretraining"),
    ],
)
def test_a_training_is_called_by_its_measured_numbers(facts: Facts, name: str) -> None:
    assert trained_class(facts) == name


def test_a_rank_is_low_up_to_a_quarter_of_the_smaller_side() -> None:
    facts = Facts(0.1, 0.0, 0.5)
    assert adapted_class(16, [64, 96], facts) == "lora"
    assert adapted_class(16, [63, 96], facts) == adapted_class(300, [4096], facts) == "finetune"


def test_siblings_do_not_count_where_one_hardly_moved_or_both_went_one_way(tmp_path: Path) -> None:
    assert paired_class(0.1, 0.29, 0.25) == paired_class(0.29, 0.1, -0.5) == "siblings"
    hidden = {paired_class(*x) for x in ((0.1, 0.31, 0.0), (0.0, 0.1, 0.0), (0.1, 0.1, 0.26))}
    assert hidden == {"hidden siblings"} and not CLASSES["hidden siblings"].counts
    root = derive(tiny("llama", tmp_path / "base", 1), tmp_path / "root", [], dtype="F32")
    one, two = (derive(root, tmp_path / n, ["noise:0.2"], k) for k, n in enumerate(("one", "two")))
    assert parted(root, one, two) == pytest.approx((0.2, 0.2, 0.0), abs=0.02)
    twice = derive(one, tmp_path / "twice", ["noise:0.2"], 7)
    assert parted(root, one, twice)[2] == pytest.approx(0.7, abs=0.05)


def test_facts_are_those_of_a_known_change(tmp_path: Path) -> None:
    base = derive(tiny("llama", tmp_path / "base", 1), tmp_path / "a", [], dtype="F32")
    moved = derive(base, tmp_path / "b", ["noise:0.25"], 1)
    forward, backward = facts_of(base, moved), facts_of(moved, base)
    assert forward.drift == pytest.approx(0.25, rel=0.02) and forward.equal == 0
    assert forward.orthogonal == pytest.approx(0.5, abs=0.05) and backward.orthogonal == pytest.approx(-0.5, abs=0.05)
    same = facts_of(base, base)
    assert (same.drift, same.equal, same.orthogonal) == (0, 1, None)
    pruned = derive(base, tmp_path / "c", ["prune-values:0.5"])
    assert facts_of(base, pruned).equal == pytest.approx(0.5, abs=0.01)
    assert facts_of(base, derive(base, tmp_path / "d", ["drop-layers"])) == Facts()
    assert set(sides_of(base, moved)) == {32, 64} and sides_of(base, base) == []


def test_decay_shows_where_it_is_strong_enough_and_the_head_is_apart() -> None:
    pytest.importorskip("tokenizers")
    children = LLAMA.children
    assert shows_decay(LLAMA.base, children["decayed"]) and shows_decay(LLAMA.base, children["long"])
    for name in ("plain", "light", "reward", "lora-8-few", "dropped-healed"):
        assert not shows_decay(LLAMA.base, children[name])
    assert not shows_decay(LLAMA.strangers[0], children["decayed"])
    tied = next(k for k in EVERYBODY if k.base.name == "qwen2-b")
    assert not shows_decay(tied.base, tied.children["decayed"])


def test_a_direction_counts_as_the_document_says() -> None:
    pytest.importorskip("tokenizers")
    by_name = {p.name: p for p in PAIRS["llama-b"]}
    for name, word in (("decayed", ALWAYS), ("plain", LUCK)):
        assert stands_for(SOMETIMES, by_name[name], "finetune", Facts()) == word
    for t, word in ((0.3, ALWAYS), (-0.3, ALWAYS), (0.2, LUCK)):
        assert stands_for(SOMETIMES, by_name["lora-8-few"], "lora", Facts(0.1, 0.5, t)) == word
    assert stands_for(ERROR, by_name["copy"], "siblings", Facts()) == ERROR


def test_an_answer_is_right_if_it_says_what_its_class_wants() -> None:
    both = CLASSES["rotated and quantized"]
    assert both.right("quantized", ("quantized", "obfuscated"), None)
    assert both.right("obfuscated", ("obfuscated", "quantized"), None)
    assert not both.right("quantized", ("quantized",), None)
    assert CLASSES["lora"].right("finetune", (), 8) and not CLASSES["lora"].right("finetune", (), None)
    assert CLASSES["finetune"].right("finetune", (), None) and not CLASSES["finetune"].right("finetune", (), 8)
    assert not CLASSES["quantized"].right("unknown", ("quantized",), None)


def test_the_document_lists_every_class_that_counts() -> None:
    text = relation_study.DOCUMENT.read_text("utf-8")
    rows = {line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")}
    assert {name for name, one in CLASSES.items() if one.counts} <= rows
    made = relation_study.blocks([result()], 1) | {"setting": "x"}
    assert fill(text, made) != text


# what is measured


def few(pairs: Iterator[Pair]) -> list[Pair]:
    wanted = {"copy", "GPTQ 4", "0.5", "other order", "same data and order", "heavy", "long, decayed", "2:4"}
    return [p for p in pairs if p.name in wanted]


def test_results_are_measured_in_both_orders_kept_and_not_measured_again(written: Path, tmp_path: Path) -> None:
    pairs = few(pairs_of(LLAMA))
    path = tmp_path / "deep" / "results.jsonl"
    found = {r.key: r for r in relation_study.run(pairs, written, path, 1, 1)}
    assert len(found) == 2 * len(pairs) == 16
    by_name = {(r.name, r.turned): r for r in found.values()}
    assert by_name["copy", False].right and by_name["copy", False].answer.verdict == "identical"
    assert by_name["0.5", False].right and by_name["0.5", False].answer.direction == FORWARD
    assert (
        by_name["0.5", True].right
        and by_name["0.5", True].answer.direction == by_name["0.5", True].direction == BACKWARD
    )
    assert by_name["heavy", False].truth == "continued pretraining"
    assert by_name["long, decayed", False].truth == "siblings" and not by_name["long, decayed", True].direction
    assert by_name["same data and order", False].answer.related is None
    with open(path, "a") as stream:
        stream.write('{"cut off\n{"code": 3}\n[]\n')
    lines = path.read_text()
    assert {r.key: r for r in relation_study.run(pairs, tmp_path / "empty", path, 1, 1)} == found
    assert path.read_text() == lines
    assert relation_study.kept(path, "another code") == {}
    one = next(iter(found))
    assert relation_study.done_of(pairs[0], 1, {one: found[one]}) == []


def test_what_is_kept_survives_json() -> None:
    one = said(result(shares={"x": 0.5}), parents={"x": (0.5, 0.4)}, layers={"x": (1,)}, rank=4)
    assert Result.from_json(json.loads(json.dumps(asdict(one)))) == one


def test_a_model_that_cannot_be_made_is_said_and_left_out(written: Path) -> None:
    base = Made(LLAMA.base, ("prune-heads", "prune-heads"))
    pair = Pair("width pruned", "too much", Made(LLAMA.base), base, LLAMA.base, "llama", REPORT)
    (only,) = measure(pair, written, 1)
    assert only.answer.verdict == IMPOSSIBLE and tables.made([only]) == []
    assert "1 of them left out" in relation_study.setting(3, [only], 1)


def test_a_model_that_is_refused_is_counted_as_wrong(written: Path, tmp_path: Path) -> None:
    for recipe in (LLAMA.base, LLAMA.children["plain"]):
        (tmp_path / recipe.digest).mkdir()
        (tmp_path / recipe.digest / "model.safetensors").write_bytes(b"nothing")
    pair = Pair("identical", "broken", Made(LLAMA.base), Made(LLAMA.children["plain"]), LLAMA.base, "llama", REPORT)
    found = measure(pair, tmp_path, 1)
    assert [r.answer.verdict for r in found] == ["error", "error"] and not any(r.right or r.answered for r in found)


@pytest.mark.parametrize("blend", list(merges_of(LLAMA)), ids=lambda b: b.name)
def test_a_merge_is_made_scanned_and_its_truth_kept(blend: Blend, written: Path, tmp_path: Path) -> None:
    make_index(tmp_path, [(n, written / r.digest) for n, r in index_of([blend])])
    (found,) = measure_blend(blend, written, tmp_path, 1)
    assert found.truth == "merge" and found.shares == dict(
        zip((p.name for p in blend.parents.values()), blend.shares, strict=True)
    )
    assert found.answer.related and found.answer.kind in ("unknown", "merge")


def test_details_are_read_whatever_else_they_hold() -> None:
    details = {
        "kinds": ["finetune", "unknown"],
        "lora_rank": 8,
        "reasons": [{"text": "t is 0.48 over 12 tensors", "log_odds": 3}, {"text": "no number"}, "words", None],
    }
    found = answer_of("derived", True, Relation("finetune", FORWARD, None, details), 0.5)
    assert (found.kind, found.kinds, found.rank) == ("finetune", ("finetune",), 8)
    assert found.reasons == (("t is # over # tensors", 3.0),)
    assert answer_of("inconclusive", None, None, 0.0).direction == OPEN


def test_parents_are_read_from_the_ancestor_that_has_them() -> None:
    def ancestor(name: str, relation: Relation) -> Ancestor:
        return Ancestor(name, Verdict.DEPENDENT, -9.0, -8.0, relation, ())

    parents = [
        {"name": "x", "coefficient": 0.4, "layers": [0, 2]},
        {"name": "y", "coefficients": {"all": 0.6, "mlp": 0.5}},
        {},
    ]
    merge = Relation("merge", FORWARD, None, {"parents": parents, "method": "SLERP", "collinear": True})

    def scanned(*ancestors: Ancestor) -> Scan:
        return Scan(ModelRef("m", "m"), Verdict.DEPENDENT, ancestors, None, None, (), (), 3, Coverage(), Cost())

    assert merge_of(scanned()) is None
    first = ancestor("base", Relation("finetune"))
    assert merge_of(scanned(first)) == Relation("finetune")
    assert merge_of(scanned(first, ancestor("x", merge))) == merge
    found = answer_of("merge", True, merge, 0.0)
    assert found.parents == {"x": (0.4,), "y": (0.6, 0.5)} and found.layers == {"x": (0, 2)} and found.word == "SLERP"
    assert found.collinear and coefficients_of({"name": "x"}) == ()


# what is counted


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
    found = tomllib.loads(tables.calibration([result(), backward, unknown, apart, wrong], 7))
    assert found["seed"] == 7
    assert found["kind"] == {"pruned": {"n": 3, "bases": 2, "right": 2}}
    assert found["reason"] == {"zeros were set in #": {"n": 2, "bases": 2, "right": 1}}


def test_only_calibration_bases_make_the_calibration_and_only_report_bases_the_report() -> None:
    mine, other = result(), replace(result(), split=CALIBRATION, truth="rl")
    text = relation_study.blocks([mine, other], 1)
    assert "| pruned | 1 |" in text["accuracy"] and "| rl |" not in text["accuracy"]
    assert "1 bases are reported, 1 are for calibration" in relation_study.setting(2, [mine, other], 1)
