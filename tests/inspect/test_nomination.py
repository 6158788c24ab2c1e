"""Where no coin lines up: the model is named that it resembles, as a resemblance, and no innocent ever."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import forebear
from disguises import disguise
from documents import check_document
from edits import drifted
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.inspect.disguise import nominating
from forebear.lineage.resemblance import Resemblance
from forebear.report import markdown, terminal
from forebear.signals.match import LayerMatch, Match
from forebear.types import Comparison, Evidence, Level, Scan, Test, Verdict
from models import tiny, tiny_llama
from shared import shared

FLIPS = ["permute-neurons", "permute-heads", "rotate", "flip-neurons?", "flip-values", "flip-planes"]
FINDING = "coordinates-scrambled"


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    """Four unrelated references of one shape."""
    found = LocalIndex(tmp_path / "home")
    for seed in range(4):
        enrol(str(tiny_llama(tmp_path / f"ref{seed}", seed)), found, f"org/ref{seed}")
    return found


def match_of(result: Comparison) -> Evidence:
    return next(e for e in result.evidence if e.signal == "match/1")


def nominations(result: Scan | Comparison) -> list[str]:
    return [f.message for f in result.findings if f.id == FINDING]


@pytest.mark.parametrize("family", ["llama", "qwen2", "mixtral", "gpt2", "gpt_neox"])
def test_a_comparison_says_resembles_and_establishes_nothing(family: str, tmp_path: Path) -> None:
    base = tiny(family, tmp_path / "base", 1)
    result = forebear.compare(str(base), str(disguise(base, tmp_path / "b", FLIPS, seed=2)))
    assert result.verdict is Verdict.INCONCLUSIVE and result.related is None
    (finding,) = result.findings
    assert (finding.id, finding.level) == (FINDING, Level.WARNING)
    assert "resembles base" in finding.message and "not established" in finding.message
    assert "resembles base" in result.why
    evidence = match_of(result)
    assert (evidence.supports, evidence.test, evidence.log10_p) == ("nothing", Test.HEURISTIC, None)
    check_document(result.to_json())


def test_independent_models_resemble_nobody(tmp_path: Path) -> None:
    for seed in range(3):
        a, b = (tiny_llama(tmp_path / f"{seed}{side}", 2 * seed + side) for side in range(2))
        result = forebear.compare(str(a), str(disguise(b, tmp_path / f"{seed}x", FLIPS, seed=seed)))
        assert result.findings == () and match_of(result).details["nominated"] is False
        assert result.verdict is Verdict.SAME_ARCHITECTURE


def test_what_is_proved_is_not_called_a_resemblance(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", 1)
    result = forebear.compare(str(base), str(disguise(base, tmp_path / "b", ["rotate", "permute-neurons"], seed=1)))
    assert result.verdict is Verdict.SAME_INIT_OR_DERIVED
    (message,) = nominations(result)
    assert "resembles" not in message
    assert match_of(result).supports == "nothing"


def test_a_scan_names_the_reference_and_lists_no_ancestor(tmp_path: Path, index: LocalIndex) -> None:
    thief = disguise(tmp_path / "ref2", tmp_path / "thief", FLIPS, seed=5)
    result = forebear.scan(str(thief), index)
    assert result.verdict is Verdict.INCONCLUSIVE and result.ancestors == ()
    (message,) = nominations(result)
    assert "org/ref2" in message and not any(f"ref{k}" in str(result.to_json()) for k in (0, 1, 3))
    (finding,) = [f for f in result.findings if f.id == FINDING]
    assert "org/ref2" in finding.evidence[0] and "heuristic: of 3 other references at most" in finding.evidence[0]
    assert "org/ref2" in result.why
    assert "match/1: 4 references, neuron by neuron" in result.coverage.tested
    check_document(result.to_json())


@pytest.mark.parametrize(
    ("controls", "said"),
    [
        ((), "there was no other reference"),
        ((1,), "of 1 other reference at most 1.0%"),
        ((3, 2), "of 2 other references at most 3.0%"),
    ],
)
def test_the_number_of_a_resemblance_is_called_heuristic(controls: tuple[int, ...], said: str) -> None:
    finding = nominating("org/base", Resemblance(agreeing(60), tuple(map(agreeing, controls))))
    assert f"60% of neurons (heuristic: {said}" in finding.evidence[0]


def agreeing(count: int) -> Match:
    """Of a hundred neurons in each of two layers ``count`` agree."""
    kept = np.zeros((0, 2), dtype=np.int64)
    layers = (LayerMatch(k, k, 100, (100, 100), {"down": count}, 1.0, 0.0, 0.5, kept) for k in range(2))
    return Match(("up", "down"), tuple(layers))


def test_a_child_in_the_index_does_not_hide_its_parent(tmp_path: Path, index: LocalIndex) -> None:
    """Relatives resemble the same models; they are no controls for each other, and the closest one is named."""
    enrol(str(drifted(tmp_path / "ref2", "child", 0.3)), index, "org/child")
    result = forebear.scan(str(disguise(tmp_path / "ref2", tmp_path / "thief", FLIPS, seed=5)), index)
    (message,) = nominations(result)
    assert "org/ref2" in message


def test_a_stranger_is_told_of_no_resemblance(tmp_path: Path, index: LocalIndex) -> None:
    for seed in (70, 71):
        stranger = disguise(tiny_llama(tmp_path / str(seed), seed), tmp_path / f"s{seed}", FLIPS, seed=seed)
        result = forebear.scan(str(stranger), index)
        assert nominations(result) == [] and "resembles" not in result.why
        assert not any(f"ref{k}" in str(result.to_json()) for k in range(4))


def test_copied_embeddings_alone_are_no_resemblance(tmp_path: Path, index: LocalIndex) -> None:
    other = tiny_llama(tmp_path / "other", 80)
    steps = ["copy-embeddings", *FLIPS]
    made = disguise(tmp_path / "ref1", tmp_path / "made", steps, seed=1, other=other)
    result = forebear.compare(str(tmp_path / "ref1"), str(made))
    assert nominations(result) == [] and match_of(result).details["nominated"] is False


def test_terminal_and_markdown_say_it_in_words_and_show_the_layers(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", 1)
    result = forebear.compare(str(base), str(disguise(base, tmp_path / "b", FLIPS, seed=2)))
    shown = {}
    for verbose in (False, True):
        buffer = io.StringIO()
        terminal.compare(Console(file=buffer, width=110, no_color=True), result, verbose=verbose)
        shown[verbose] = buffer.getvalue()
    assert "find the same neuron" in shown[False] and "layer 3   ···█" not in shown[False]
    assert "layer 0   █···" in shown[True] and "layer 3   ···█" in shown[True]
    text = markdown.compare(result)
    assert "`match/1`" in text and "a resemblance, not a proof" in text


@pytest.mark.sweep(3)
@pytest.mark.shared
@pytest.mark.parametrize("more", [[], ["prune-neurons", "noise:0.05"]], ids=["flips", "pruned"])
@pytest.mark.parametrize(
    ("name", "base", "twin"),
    [
        ("dev-llama-2-ft", "dev-llama-2", "dev-llama-1"),
        ("dev-llama-6-mature", "dev-llama-6-mature", "dev-llama-5-mature"),
        ("dev-mixtral-1", "dev-mixtral-1", "dev-llama-1"),
        ("dev-gpt2-1", "dev-gpt2-1", "dev-gpt2-2"),
        ("dev-neox-1-ft", "dev-neox-1", "dev-gpt2-1"),
    ],
)
def test_trained_models_are_told_from_trained_strangers(
    name: str, base: str, twin: str, more: list[str], tmp_path: Path
) -> None:
    """Trained networks share features: the hardest null. The base is resembled, its twins of the same data are not."""
    models = shared("zoo") / "models"
    thief = str(disguise(models / name, tmp_path / "b", [*more, *FLIPS], seed=3))
    assert nominations(forebear.compare(str(models / base), thief))
    assert not nominations(forebear.compare(str(models / twin), thief))
