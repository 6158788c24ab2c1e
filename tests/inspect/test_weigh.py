"""What scores are worth stands beside a verdict and never changes it, however strong a calibration makes them look."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import forebear
from disguises import disguise
from documents import check_document
from edits import drifted
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.inspect.force import in_force
from forebear.inspect.weigh import SKETCHES, remaining
from forebear.lineage.calibration import ANY, SHIPPED_ACTIVATIONS, STRATA, Calibration, Scores, shipped
from forebear.lineage.evalues import log10_e
from forebear.report import markdown, terminal
from forebear.types import Ancestor, Evidence, Relation, Scan, Test, Verdict
from models import tiny_llama

ROTATED = ["permute-neurons", "rotate"]
FLIPS = ["permute-neurons", "permute-heads", "rotate", "flip-neurons?", "flip-values", "flip-planes"]
SIGNALS = ("spectra/1", "token-geometry/1", "match/1")
NAMES = ["child", "rotated", "flipped", "stranger", "rotated stranger"]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> LocalIndex:
    """Nine independent references of one shape."""
    folder = tmp_path_factory.mktemp("weigh")
    found = LocalIndex(folder / "home")
    for seed in range(9):
        enrol(str(tiny_llama(folder / f"ref{seed}", seed)), found, f"org/ref{seed}")
    return found


@pytest.fixture(scope="module")
def targets(index: LocalIndex) -> dict[str, Path]:
    folder = index.folder.parent
    stranger = tiny_llama(folder / "stranger", 70)
    return {
        "child": drifted(folder / "ref1", "child", 0.2),
        "rotated": disguise(folder / "ref2", folder / "rotated", ROTATED, seed=1),
        "flipped": disguise(folder / "ref3", folder / "flipped", FLIPS, seed=2),
        "stranger": stranger,
        "rotated stranger": disguise(stranger, folder / "turned", FLIPS, seed=3),
    }


@pytest.fixture(scope="module")
def plain(index: LocalIndex, targets: dict[str, Path]) -> dict[str, Scan]:
    """Answers with the calibration that comes with the package."""
    return {name: forebear.scan(str(path), index) for name, path in targets.items()}


def forged(least: int = 0) -> Calibration:
    """Everything is as unlike independent models as can be, and as like relatives."""
    null = dict.fromkeys((*STRATA, ANY), (-9.0,) * 2000)
    return Calibration({"source": "a forger"}, {name: Scores(least, null, ((-8.0,),) * 2000) for name in SIGNALS})


@pytest.fixture
def with_forgery(index: LocalIndex) -> Any:
    index.keep_calibration(forged().to_text())
    yield index
    (index.folder / "calibration.json").unlink()


def calibrated(evidence: tuple[Evidence, ...]) -> dict[str, Evidence]:
    return {e.signal: e for e in evidence if e.test is Test.CALIBRATED}


def verdict_of(result: Scan) -> Any:
    """Everything that is concluded, and nothing of what scores are worth."""
    return (
        result.verdict,
        result.related,
        result.log10_p,
        result.why,
        [(a.name, a.verdict, a.log10_p, a.log10_e, a.discovery, a.relation) for a in result.ancestors],
        [(f.id, f.level, f.message) for f in result.findings],
        result.claims,
    )


@pytest.mark.sweep(3)
@pytest.mark.parametrize("name", NAMES)
def test_no_calibration_changes_a_verdict(
    name: str, plain: dict[str, Scan], targets: dict[str, Path], with_forgery: LocalIndex
) -> None:
    again = forebear.scan(str(targets[name]), with_forgery)
    assert verdict_of(again) == verdict_of(plain[name])
    several = [*(a.evidence for a in again.ancestors), *(n.evidence for n in again.nominated)]
    told = [e for evidence in several for e in calibrated(evidence).values()]
    assert bool(told) == (name in ("rotated", "flipped"))
    assert all(e.supports == "nothing" and e.log10_p == pytest.approx(-3.301, abs=1e-3) for e in told)
    check_document(again.to_json())


def test_an_ancestor_that_was_found_by_sketch_says_what_its_scores_are_worth(plain: dict[str, Scan]) -> None:
    result = plain["rotated"]
    best = result.ancestors[0]
    assert best.name == "org/ref2" and best.discovery is True
    found = calibrated(best.evidence)
    assert {"spectra/1", "token-geometry/1"} <= found.keys()
    for e in found.values():
        n = e.n
        assert e.log10_p is not None and e.log10_p == pytest.approx(-_log10(n + 1)) and e.details["n_null"] == n
        assert e.null == STRATA["twin"] and (e.details["stratum"], e.details["stratum_of_pair"]) == ("twin", "twin")
        assert e.log10_lr is not None and 0 < e.log10_lr <= _log10(n + 1)
        assert "as one of 9 references" in e.summary and shipped().source in e.details["calibration"]
    values = [10 ** log10_e(e.log10_p) for e in found.values() if e.log10_p is not None]
    assert best.log10_lr == pytest.approx(_log10(sum(values) / len(values)))
    assert any(shipped().source in line for line in result.coverage.tested)
    check_document(result.to_json())


def test_coins_in_their_places_ask_no_sketch(
    plain: dict[str, Scan], targets: dict[str, Path], index: LocalIndex
) -> None:
    best = plain["child"].ancestors[0]
    assert best.log10_lr is None and calibrated(best.evidence) == {} and best.discovery is True
    deep = forebear.scan(str(targets["child"]), index, effort="deep").ancestors[0]
    assert {"spectra/1", "token-geometry/1"} <= calibrated(deep.evidence).keys() and deep.log10_lr is not None
    assert (deep.name, deep.verdict, deep.log10_p) == (best.name, best.verdict, best.log10_p)


def test_only_the_reference_that_is_resembled_is_named(plain: dict[str, Scan]) -> None:
    result = plain["flipped"]
    assert result.verdict is Verdict.INCONCLUSIVE and result.ancestors == ()
    (nominee,) = result.nominated
    assert nominee.name == "org/ref3" and nominee.log10_lr is not None
    (finding,) = result.findings
    assert any(line.startswith("token-geometry/1: ") and "p = " in line for line in finding.evidence)
    for name in ("stranger", "rotated stranger"):
        assert plain[name].nominated == () and "org/ref" not in json.dumps(plain[name].to_json()["findings"])


def test_small_references_are_not_held_against_larger_ones(plain: dict[str, Scan]) -> None:
    """By chance one neuron in as many as a layer has agrees: with fewer neurons the null says nothing."""
    (nominee,) = plain["flipped"].nominated
    assert "match/1" not in calibrated(nominee.evidence)


def test_few_references_give_no_numbers_and_that_is_said(tmp_path: Path, targets: dict[str, Path]) -> None:
    few = LocalIndex(tmp_path / "home")
    for seed in range(3):
        enrol(str(tiny_llama(tmp_path / f"ref{seed}", seed)), few, f"org/ref{seed}")
    result = forebear.scan(str(targets["rotated"]), few)
    assert result.ancestors[0].log10_lr is None
    (gap,) = [g for g in result.coverage.not_tested if g.what == SKETCHES]
    assert "8 independent references" in gap.why and gap.why.endswith("there are 3")


@pytest.mark.parametrize("text", ["{", "\x00\xff", '{"schema": "forebear.calibration/1"}'])
def test_a_damaged_calibration_costs_itself_and_not_the_answer(
    text: str, index: LocalIndex, targets: dict[str, Path], plain: dict[str, Scan]
) -> None:
    index.keep_calibration(text)
    try:
        force = in_force(index)
        assert force.own is None and "calibration.json" in force.problem and "\n" not in force.problem
        result = forebear.scan(str(targets["rotated"]), index)
        assert verdict_of(result) == verdict_of(plain["rotated"]) and result.problems == (force.problem,)
    finally:
        (index.folder / "calibration.json").unlink()


def test_scores_of_another_version_and_of_larger_support_are_not_used(index: LocalIndex) -> None:
    own = Calibration({"source": "this index"}, {"spectra/9": forged().signals["spectra/1"]})
    index.keep_calibration(own.to_text())
    try:
        ours = {name: shipped().source for name in shipped().signals}
        ours |= {"activations/1": shipped(SHIPPED_ACTIVATIONS).source, "spectra/9": "this index"}
        assert in_force(index).signals == ours
    finally:
        (index.folder / "calibration.json").unlink()


def test_the_state_of_an_index_is_that_of_its_calibration_too(tmp_path: Path) -> None:
    empty = LocalIndex(tmp_path / "home")
    before = empty.state()
    assert empty.calibration() is None and in_force(empty).problem == ""
    empty.keep_calibration(forged().to_text())
    assert empty.state() != before and in_force(empty).signals["match/1"] == "a forger"


def test_words_for_people(plain: dict[str, Scan]) -> None:
    for name, verbose, said in (
        ("rotated", False, "likelihood ratio"),
        ("flipped", True, "Resembled and not established"),
    ):
        buffer = io.StringIO()
        terminal.scan(Console(file=buffer, width=300, no_color=True), plain[name], verbose=verbose)
        assert said in buffer.getvalue()
    assert "token-geometry/1" in markdown.scan(plain["rotated"])


# -- discoveries ----------------------------------------------------------------------------------------------------


def ancestor(log10_p: float | None, test: Test = Test.EXACT) -> Ancestor:
    evidence = Evidence("sign-code/1", "weights", "related", 0.9, test, "null", 100, log10_p, "said")
    return Ancestor("a", Verdict.DEPENDENT, log10_p, log10_p, Relation(), (evidence,))


def test_only_exact_tests_are_discoveries() -> None:
    found = remaining([ancestor(-30.0), ancestor(-6.0), ancestor(-30.0, Test.HEURISTIC), ancestor(None)], 1000)
    assert [a.discovery for a in found] == [True, False, None, None]
    assert next(replace(a, discovery=None) for a in found) == ancestor(-30.0)
    assert remaining([], 0) == ()


def test_more_references_leave_fewer_discoveries() -> None:
    assert remaining([ancestor(-9.0)], 10)[0].discovery is True
    assert remaining([ancestor(-9.0)], 1_000_000)[0].discovery is False


def _log10(x: float) -> float:
    return math.log10(x)
