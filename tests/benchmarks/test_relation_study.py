"""The relation study knows what is true, counts what it says it counts, and keeps calibration and report apart.

Models are written by the tests; nothing is trained.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

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
from relation.facts import facts_of, parted, sides_of
from relation.kin import CALIBRATION, REPORT, kin
from relation.measure import (
    BACKWARD,
    FORWARD,
    IMPOSSIBLE,
    OPEN,
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
from edits import copy, edit
from forebear.types import Ancestor, Cost, Coverage, ModelRef, Relation, Scan, Verdict
from models import F32, tiny
from results import result, said

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
    for k, recipe in enumerate((*LLAMA.twins, *LLAMA.strangers, LLAMA.start)):
        tiny("llama", cache / recipe.digest, 20 + k)
    return cache


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
    measured = {"lora", "rl", "finetune", "continued pretraining", "unwitnessed pretraining"}
    measured |= {"siblings", "hidden siblings", "merge"}
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
        (Facts(0.34, 0.0, 0.0, 20), "continued pretraining"),
        (Facts(0.34, 0.0, 0.0, 19), "unwitnessed pretraining"),
        (Facts(0.34, 0.0, 0.0), "unwitnessed pretraining"),
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


def test_witnesses_are_rows_that_one_training_moved_and_another_left_still(tmp_path: Path) -> None:
    start = tiny("llama", tmp_path / "start", 1)

    def training(rows: slice, decay: float) -> Callable[[str, F32], F32]:
        def change(name: str, values: F32) -> F32:
            if "embed" not in name:
                return values
            moved = decay * values
            moved[rows] += 0.3 * np.random.default_rng(rows.start).standard_normal(moved[rows].shape)
            return moved

        return change

    base, child = copy(start, "base"), copy(start, "child")
    edit(base, training(slice(0, 60), 1.0))
    edit(child, training(slice(0, 60), 1.0))
    edit(child, training(slice(40, 100), 0.5))
    assert facts_of(base, child, start).witnesses == facts_of(child, base, start).witnesses == 40
    assert facts_of(start, child, start).witnesses == 0 and facts_of(base, child).witnesses is None


def test_a_direction_counts_as_the_document_says() -> None:
    pytest.importorskip("tokenizers")
    by_name = {p.name: p for p in PAIRS["llama-b"]}
    for name, word in (("one layer", ALWAYS), ("dropped-healed", LUCK), ("extended", LUCK)):
        assert stands_for(ALWAYS, by_name[name], Facts()) == word
    for t, word in ((0.3, ALWAYS), (-0.3, ALWAYS), (0.2, LUCK)):
        assert stands_for(SOMETIMES, by_name["lora-8-few"], Facts(0.1, 0.5, t)) == word
    assert stands_for(ERROR, by_name["copy"], Facts()) == ERROR


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


@pytest.mark.whole
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
    assert by_name["heavy", False].truth == "unwitnessed pretraining"
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


@pytest.mark.sweep(4)
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
        "direction": {
            "log_odds": 3.0,
            "reasons": [
                {"name": "orthogonal", "text": "t is 0.48", "log_odds": 3},
                {"name": "no number"},
                "words",
                None,
            ],
        },
        "format": {"name": "INT4", "bits": 4},
    }
    found = answer_of("derived", True, Relation("finetune", FORWARD, None, details), 0.5)
    assert (found.kind, found.kinds, found.rank) == ("finetune", ("finetune",), 8)
    assert found.reasons == (("orthogonal", 3.0),) and found.word == "INT4"
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
