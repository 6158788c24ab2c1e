"""Activations beside a verdict: what they add, what they never change, and all that can be wrong with a model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forebear
from disguises import disguise
from documents import check_document
from edits import drifted, rebuilt
from forebear.activations import pooled as forward
from forebear.artifacts.tokenizers.base import BYTES
from forebear.index import Entry, Likeness, Likenesses, LocalIndex
from forebear.inspect import activations as module
from forebear.inspect import enrol
from forebear.inspect.activations import Measured, Resembling, resembling
from forebear.inspect.force import InForce
from forebear.inspect.scan_set import ScanSet
from forebear.lineage.activations import BEST, COPY, PAIR, TEACHER
from forebear.lineage.calibration import ANY, STRATA, Calibration, Scores
from forebear.signals import Fingerprint
from forebear.signals.activations import NAME, activations
from forebear.types import Scan, Test, Verdict
from index.fingerprints import make_fingerprint
from models import tiny_llama
from signals.hidden import hidden, pooled_states

BYTE_LEVEL: dict[str, Any] = {
    "added_tokens": [],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
    "model": {"type": "BPE", "vocab": {c: k for k, c in enumerate(BYTES)}, "merges": []},
}
BEYOND = ["permute-neurons", "permute-heads", "rotate", "flip-neurons?", "flip-values", "flip-planes"]
"""No coins agree after this, wherever they are put."""
COUNT = 10
NULL = {kind: tuple(k / 40 for k in range(200)) for kind in (*STRATA, ANY)}
OWN = Calibration(
    {"source": "models of this test"},
    {
        f"{PAIR}:8": Scores(8, NULL, tuple((20.0 + k,) for k in range(10))),
        f"{BEST}:8": Scores(COUNT, {ANY: NULL[ANY]}),
        f"{TEACHER}:8": Scores(8, {ANY: tuple(k / 1000 for k in range(60))}),
    },
)
FORCE = InForce(OWN)


def llama(folder: Path, seed: int, **more: Any) -> Path:
    return tiny_llama(folder, seed, **{"tokenizer": BYTE_LEVEL, **more})


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> LocalIndex:
    """Ten independent references of one shape, with activations."""
    folder = tmp_path_factory.mktemp("activations")
    found = LocalIndex(folder / "home")
    for seed in range(COUNT):
        done = enrol(str(llama(folder / f"ref{seed}", seed)), found, f"org/ref{seed}", activations=True)
        assert done.gaps == () and done.fingerprint.activations is not None
        assert done.fingerprint.activations.depths == 5
    found.keep_calibration(OWN.to_text())
    return found


@pytest.fixture(scope="module")
def beyond(index: LocalIndex) -> Path:
    return disguise(index.folder.parent / "ref3", index.folder.parent / "beyond", BEYOND, seed=2)


def told(result: Scan) -> dict[str, Any]:
    several = [*(a.evidence for a in result.ancestors), *(n.evidence for n in result.nominated)]
    return {e.signal: e for evidence in several for e in evidence if e.signal == NAME}


def gap(result: Any, what: str) -> str:
    return next((g.why for g in result.coverage.not_tested if g.what.startswith(what)), "")


def test_a_family_is_found_where_no_coins_agree(index: LocalIndex, beyond: Path) -> None:
    plain = forebear.scan(str(beyond), index)
    result = forebear.scan(str(beyond), index, activations=True)
    assert (result.verdict, result.related, result.log10_p) == (Verdict.INCONCLUSIVE, None, None)
    assert (plain.verdict, plain.related, plain.ancestors) == (result.verdict, None, ())
    (nominee,) = result.nominated
    assert nominee.name == "org/ref3" and nominee.relation is None
    item = next(e for e in nominee.evidence if e.signal == NAME)
    assert item.test is Test.CALIBRATED and item.supports == "nothing" and item.details["cosine"] > 0.99 > COPY
    assert item.details["open_set_p"] == pytest.approx(1 / 201) and item.details["forward"] == "numpy"
    assert len(item.details["cohort_cosines"]) == item.details["cohort"] == COUNT
    assert [row[k] for k, row in enumerate(item.details["between_depths"])] == pytest.approx([1.0] * 5, abs=0.01)
    assert any(f.id == "coordinates-scrambled" for f in result.findings)
    assert any(line.startswith(f"{NAME}: 10 references") for line in result.coverage.tested)
    check_document(result.to_json())


def test_an_ancestor_that_coins_found_is_told_as_well(index: LocalIndex, tmp_path: Path) -> None:
    child = drifted(index.folder.parent / "ref1", "child", 0.2)
    plain = forebear.scan(str(child), index)
    result = forebear.scan(str(child), index, activations=True)
    assert (result.verdict, result.log10_p, result.why) == (plain.verdict, plain.log10_p, plain.why)
    assert [a.name for a in result.ancestors] == [a.name for a in plain.ancestors] == ["org/ref1"]
    assert NAME in {e.signal for e in result.ancestors[0].evidence} and result.nominated == ()
    assert result.ancestors[0].log10_lr is not None and result.ancestors[0].log10_lr > 0
    assert not any(f.id == "coordinates-scrambled" for f in result.findings)
    check_document(result.to_json())


def test_a_stranger_is_nobodys(index: LocalIndex, tmp_path: Path) -> None:
    result = forebear.scan(str(llama(tmp_path / "stranger", 77)), index, activations=True)
    assert result.verdict is Verdict.INCONCLUSIVE and result.nominated == () and told(result) == {}
    assert not any(f.id == "coordinates-scrambled" for f in result.findings)


def test_a_reference_is_not_its_own_nominee(index: LocalIndex) -> None:
    result = forebear.scan(str(index.folder.parent / "ref2"), index, activations=True)
    assert result.verdict is Verdict.INDEXED and result.nominated == ()


def test_nothing_is_run_that_was_not_asked_for(index: LocalIndex, beyond: Path, monkeypatch: Any) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("run")

    monkeypatch.setattr(module, "pooled", never)
    result = forebear.scan(str(beyond), index)
    assert gap(result, NAME) == "" and told(result) == {}


# what can be wrong


def nan(folder: Path) -> Path:
    def change(tensors: dict[str, Any]) -> dict[str, Any]:
        return {
            n: np.full_like(v, np.nan) if n == "model.layers.0.mlp.up_proj.weight" else v for n, v in tensors.items()
        }

    return rebuilt(llama(folder / "whole", 50), "nan", change)


def refusals() -> list[tuple[str, Callable[[Path], Path], str]]:
    no_merges = {**BYTE_LEVEL, "model": {"type": "Unigram", "vocab": "none"}}
    few = {**BYTE_LEVEL, "model": {**BYTE_LEVEL["model"], "vocab": {c: k for k, c in enumerate(BYTES) if k < 40}}}
    return [
        ("nan", nan, "no numbers"),
        ("unknown architecture", lambda f: llama(f / "m", 51, family="llama") and renamed(f / "m"), "model"),
        ("no tokenizer", lambda f: llama(f / "m", 52, tokenizer=None), "tokenizer.json"),
        ("a tokenizer that is none", lambda f: llama(f / "m", 53, tokenizer=no_merges), ""),
        ("a tokenizer that fails on some scripts", lambda f: llama(f / "m", 54, tokenizer=few), "finds no token"),
    ]


def renamed(folder: Path) -> Path:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "nobody_knows"}), "utf-8")
    return folder


@pytest.mark.sweep(2)
@pytest.mark.parametrize("name, make, words", refusals(), ids=[r[0] for r in refusals()])
def test_a_scan_goes_on_without_it_and_says_why(
    name: str, make: Callable[[Path], Path], words: str, index: LocalIndex, tmp_path: Path
) -> None:
    path = make(tmp_path)
    plain = forebear.scan(str(path), index)
    result = forebear.scan(str(path), index, activations=True)
    assert (result.verdict, result.ancestors, result.findings) == (plain.verdict, plain.ancestors, plain.findings)
    why = gap(result, NAME) or next(g.why for g in result.coverage.not_tested if g.what.endswith("probe texts"))
    assert why and words in why and "\n" not in why
    check_document(result.to_json())


def test_too_little_memory(index: LocalIndex, beyond: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(forward, "free_memory", lambda: 100_000)
    result = forebear.scan(str(beyond), index, activations=True)
    assert "GB of memory" in gap(result, NAME) and result.nominated == forebear.scan(str(beyond), index).nominated


def test_references_without_activations(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "home")
    enrol(str(llama(tmp_path / "ref", 1)), index, "ref")
    result = forebear.scan(str(llama(tmp_path / "m", 2)), index, activations=True)
    assert "index add --activations" in gap(result, NAME)


def test_a_small_cohort_has_no_p(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "home")
    for seed in range(3):
        enrol(str(llama(tmp_path / f"ref{seed}", seed)), index, f"ref{seed}", activations=True)
    child = drifted(tmp_path / "ref1", "child", 0.2)
    result = forebear.scan(str(child), index, activations=True)
    assert "independent references with activations, and there are 3" in gap(result, f"{NAME} beside")
    (item,) = told(result).values()
    assert item.test is Test.NONE and item.log10_p is None and "what all models have in common" in item.summary


def test_a_large_model_is_run_for_a_third(index: LocalIndex, beyond: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "WHOLE_UNASKED", 0)
    result = forebear.scan(str(beyond), index, activations=True)
    item = told(result)[NAME]
    assert item.details["layers"] == [0, 1, 1] and item.details["by_depth"][3:] == [None, None]
    assert "--effort deep" in gap(result, "activations beyond")
    deep = forebear.scan(str(beyond), index, effort="deep", activations=True)
    assert told(deep)[NAME].details["layers"] == [0, 1, 1, 3, 4]


# two models


def test_compare_maps_layers_on_layers(index: LocalIndex, tmp_path: Path) -> None:
    base = index.folder.parent / "ref4"
    shorter = disguise(base, tmp_path / "shorter", ["drop-layers"], seed=1)
    result = forebear.compare(str(base), str(shorter), activations=True, index=index)
    item = next(e for e in result.evidence if e.signal == NAME)
    found = item.details["layers_between"]
    assert found["a"] == [0, 1, 2, 3, 4] and len(found["b"]) < 5 and len(found["cosine"]) == 5
    assert found["cosine"][0][0] == pytest.approx(1.0, abs=1e-3)
    assert item.details["cohort"] == COUNT - 1 and item.test is Test.CALIBRATED and result.log10_lr is not None
    plain = forebear.compare(str(base), str(shorter))
    assert (plain.verdict, plain.log10_p) == (result.verdict, result.log10_p)
    check_document(result.to_json())


def test_compare_of_strangers_and_without_an_index(index: LocalIndex, tmp_path: Path) -> None:
    one, two = (str(llama(tmp_path / f"m{k}", 60 + k)) for k in range(2))
    result = forebear.compare(one, two, activations=True, index=index)
    item = next(e for e in result.evidence if e.signal == NAME)
    assert abs(item.score or 99) < 4 and item.log10_p is not None and item.log10_p > -1.5
    bare = forebear.compare(one, two, activations=True, index=LocalIndex(tmp_path / "none"))
    item = next(e for e in bare.evidence if e.signal == NAME)
    assert item.test is Test.NONE and bare.log10_lr is None and gap(bare, f"{NAME} beside")
    broken = forebear.compare(one, str(nan(tmp_path)), activations=True, index=index)
    assert not any(e.signal == NAME for e in broken.evidence) and "no numbers" in gap(broken, f"{NAME} of nan")


def test_compare_tells_no_p_without_a_control_of_the_tokenizer(index: LocalIndex, tmp_path: Path) -> None:
    vocabulary = {c: k for k, c in enumerate(sorted(BYTES))} | {f"zz{k}": 256 + k for k in range(600)}
    tokens = {**BYTE_LEVEL, "model": {**BYTE_LEVEL["model"], "vocab": vocabulary}}
    one, two = (str(llama(tmp_path / f"m{k}", 90 + k, tokenizer=tokens, vocabulary=856)) for k in range(2))
    result = forebear.compare(one, two, activations=True, index=index)
    item = next(e for e in result.evidence if e.signal == NAME)
    assert item.details["normalised"] and item.test is Test.NONE and item.log10_p is None
    assert "of its tokenizer" in gap(result, f"{NAME} beside")


# teachers


class Answers:
    """An index with made-up answers."""

    def __init__(self, found: Sequence[Likeness], marks: dict[str, Fingerprint]) -> None:
        self.found, self.marks = tuple(found), marks

    def alike(self, mark: Fingerprint, limit: int = 5) -> Likenesses:
        return Likenesses(self.found[:limit], 24, (0.1, 0.0), COUNT, True)

    def cohort(self) -> Sequence[Any]:
        return [(name, mark.activations) for name, mark in self.marks.items()]

    def get(self, name: str) -> Entry | None:
        return Entry(self.marks[name], f"/models/{name}", "2026-01-01T00:00:00Z") if name in self.marks else None


def classroom(**last: float) -> tuple[Answers, Measured]:
    """References of one tokenizer: teacher, twin, small; and their cosines at the last layer."""
    words = make_fingerprint("x", 1).vocabulary
    sketch = activations(pooled_states(hidden(1)))
    sizes: dict[str, dict[str, Any]] = {"small": {"layers": 6, "width": 512}}
    marks = {}
    for k, name in enumerate(last):
        mark = make_fingerprint(name, 10 + k, vocabulary=words, activations=sketch)
        marks[name] = replace(mark, shape={**mark.shape, **sizes.get(name, {})})
    found = [Likeness(name, 3.0 + c, (0.2, 0.2, 0.2, 0.3, c)) for name, c in last.items()]
    student = make_fingerprint("student", 99, vocabulary=words, activations=sketch)
    return Answers(sorted(found, key=lambda f: -f.score), marks), Measured(student, {"layers": [0, 1]})


def ask(index: Answers, measure: Measured, silent: bool = True) -> Resembling:
    return resembling(measure, index, "", (), FORCE, silent)  # type: ignore[arg-type]


def test_a_teacher_is_named_for_behaviour_alone() -> None:
    found = ask(*classroom(teacher=0.3, twin=0.1, small=0.05))
    assert found.nominee is not None and found.nominee.name == "teacher" and found.nominee.relation is not None
    assert found.nominee.relation.kind == "distilled" and found.nominee.relation.details["controls"] == [
        "twin",
        "small",
    ]
    assert found.findings(False) == () and "no descent of weights" in module.why_of(found.nominee)


def test_no_teacher_without_a_twin_or_another_size_or_where_weights_have_spoken() -> None:
    for left, words in ((("teacher", "small"), "same sizes"), (("teacher", "twin"), "other sizes")):
        found = ask(*classroom(**{n: c for n, c in {"teacher": 0.3, "twin": 0.1, "small": 0.0}.items() if n in left}))
        assert found.nominee is None and any(words in g.why for g in found.gaps)
    found = ask(*classroom(teacher=0.3, twin=0.1, small=0.05), silent=False)
    assert found.nominee is None and found.teacher is None


def test_a_copy_is_no_student() -> None:
    """What is closer than imitation makes it is told as a resemblance: whose weights it has is for other tests."""
    index, measure = classroom(teacher=0.9, twin=0.1, small=0.05)
    near = tuple(replace(f, by_depth=(0.9,) * 5, score=80.0) if f.name == "teacher" else f for f in index.found)
    found = ask(Answers(near, index.marks), measure)
    assert found.nominee is not None and found.nominee.relation is None
    assert [f.id for f in found.findings(False)] == ["coordinates-scrambled"] and found.findings(True) == ()


def test_nobody_is_named_without_a_control_of_the_tokenizer() -> None:
    """The only reference that reads as the model does resembles it for that reason alone."""
    index, measure = classroom(teacher=0.9, twin=0.1, small=0.05)
    near = tuple(replace(f, score=80.0) if f.name == "teacher" else f for f in index.found)
    assert ask(Answers(near, index.marks), measure, silent=False).nominee is not None
    words = make_fingerprint("y", 2).vocabulary
    others = {n: m if n == "teacher" else replace(m, vocabulary=words) for n, m in index.marks.items()}
    found = ask(Answers(near, others), measure, silent=False)
    assert found.nominee is None and found.evidence == {}
    assert any(g.what == "whether teacher is its family" and "tokenizer" in g.why for g in found.gaps)
    away = replace(measure, mark=replace(measure.mark, vocabulary=make_fingerprint("z", 3).vocabulary))
    assert ask(Answers(near, others), away, silent=False).nominee is not None  # another tokenizer needs none


# as processes


def test_from_the_command_line(tmp_path: Path) -> None:
    places = {"FOREBEAR_HOME": str(tmp_path / "home"), "FOREBEAR_CACHE": str(tmp_path / "cache")}
    environment = {**os.environ, **places, "NO_COLOR": "1", "FOREBEAR_OFFLINE": "1"}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "forebear", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    models = tmp_path / "models"
    for seed in range(2):
        llama(models / f"m{seed}", seed)
    assert "activations at 5 depths" in run("index", "add", "--activations", str(models / "m0"))
    document = json.loads(run("index", "add", "--activations", str(models / "m1"), "--format", "json"))
    check_document(document)
    assert document["models"][0]["activations"] == 5 and document["models"][0]["not_measured"] == []
    compared = json.loads(run("compare", str(models / "m0"), str(models / "m1"), "--activations", "--format", "json"))
    check_document(compared)
    assert NAME in [e["signal"] for e in compared["evidence"]]


def test_a_set_of_models_asks_again_when_activations_are_asked_for(index: LocalIndex, tmp_path: Path) -> None:
    llama(tmp_path / "models" / "m", 80)
    for asked in (False, True, True):
        whole = ScanSet(str(tmp_path / "models"), index, activations=asked)
        (row,) = list(whole)
        document = whole.document(row)
        assert document is not None and any(NAME in line for line in document["coverage"]["tested"]) is asked
        whole.close()
    assert row.kept
