"""Every baseline does what its paper claims: equal models are equal, invariances hold, and small cases by hand."""

from __future__ import annotations

import itertools
import json
import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from lineage.assignment import LEAST_LOG_P, assign, log_fisher, log_t_tail
from lineage.baselines import BASELINES, Baseline
from lineage.baselines.awm import aligned_columns, alike, centred
from lineage.baselines.huref import standard, terms
from lineage.baselines.kit import CONFIRMED, SAME_FAMILY, Kit, anchors, signals
from lineage.baselines.match import log_p, responses
from lineage.baselines.profiles import pearson
from lineage.baselines.reef import cka, statements, states
from lineage.baselines.spectra import POINTS, aligned_cost, scaled
from lineage.view import Model, Refused, open_model, shared_tokens

from disguises import disguise
from models import tiny, tiny_llama

METHODS: Mapping[str, Baseline] = {b.name: b for b in BASELINES}
WEIGHTS = [name for name in METHODS if name != "REEF"]
SAME = {"φ_U": 100.0, "MATCH": 100.0, "Spectra": 0.0}
"""What equal models score; 1 where nothing stands here."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of four layers, an independent one, and disguises of the first, by name."""
    place = tmp_path_factory.mktemp("models")
    one = tiny_llama(place / "one", 1)
    tiny_llama(place / "other", 2)
    for name, steps in {
        "copy": [],
        "neurons": ["permute-neurons"],
        "heads": ["permute-heads"],
        "residual": ["permute-residual"],
        "flipped": ["flip-residual"],
        "rotated": ["rotate"],
        "names": ["rename"],
        "tokens": ["renumber-tokens"],
        "short": ["drop-layers"],
        "narrow": ["prune-neurons"],
        "noise": ["noise:0.1"],
        "shuffled": ["reorder-layers"],
    }.items():
        disguise(one, place / name, steps, 3, dtype="F32")
    return place


def score(name: str, folders: Path, one: str, two: str) -> float:
    return METHODS[name].score(open_model(folders / one), open_model(folders / two))


@pytest.mark.parametrize("name", WEIGHTS)
def test_equal_models_are_equal_and_independent_ones_are_less_alike(name: str, folders: Path) -> None:
    same = score(name, folders, "one", "one")
    assert same > 100 if name in ("φ_U", "MATCH") else same == pytest.approx(SAME.get(name, 1.0), abs=1e-6)
    if name != "Kit":  # its gate sees equal configs and nothing else
        assert score(name, folders, "one", "other") < same - 0.001


INVARIANT = {
    "PCS": ("names", "tokens"),
    "Intrinsic": ("names", "neurons", "heads", "residual", "flipped"),
    "ICS": ("names", "tokens", "neurons", "heads", "residual"),  # gate times up feels no flip, and what they read does
    "AWM": ("names", "tokens", "neurons", "heads", "residual", "flipped"),
    "φ_U": ("names", "tokens"),
    "MATCH": ("names", "tokens", "neurons", "heads", "residual", "flipped", "rotated", "short", "narrow", "shuffled"),
    "Kit, no gate": ("names",),
    "Spectra": ("names", "tokens", "neurons", "heads"),
}
TOLD = [(name, how) for name, several in INVARIANT.items() for how in several if (name, how) != ("PCS", "tokens")]


@pytest.mark.parametrize(("name", "how"), TOLD, ids=[f"{n}-{h}" for n, h in TOLD])
def test_what_a_method_is_invariant_to_leaves_its_score(name: str, how: str, folders: Path) -> None:
    plain, worn = score(name, folders, "one", "copy"), score(name, folders, "one", how)
    assert worn > 50 if name in ("φ_U", "MATCH") else worn == pytest.approx(plain, abs=0.01)


@pytest.mark.parametrize(
    ("name", "how"),
    [("PCS", "residual"), ("PCS", "rotated"), ("AWM", "rotated"), ("φ_U", "neurons"), ("φ_U", "rotated")],
)
def test_what_breaks_a_method_by_its_own_account_or_by_ours_breaks_it(name: str, how: str, folders: Path) -> None:
    innocent, worn = score(name, folders, "one", "other"), score(name, folders, "one", how)
    assert worn < (4 if name == "φ_U" else innocent + 0.2)


def test_a_little_noise_is_a_little_less_than_equal(folders: Path) -> None:
    assert score("PCS", folders, "one", "noise") == pytest.approx(1 / math.sqrt(1.01), abs=0.01)
    for name in ("ICS", "AWM", "Kit, no gate"):
        assert 0.8 < score(name, folders, "one", "noise") < 1


def test_methods_refuse_what_they_cannot_be_applied_to(folders: Path, tmp_path: Path) -> None:
    gpt = tiny("gpt2", tmp_path / "gpt", 1)
    plain = open_model(folders / "one")
    for name, other in (("φ_U", folders / "short"), ("φ_U", folders / "narrow"), ("MATCH", gpt)):
        with pytest.raises(Refused):
            METHODS[name].score(plain, open_model(other))
    wide = tiny_llama(tmp_path / "wide", 1, hidden=96, intermediate=160, vocabulary=300)
    with pytest.raises(Refused, match="no matrix"):
        METHODS["PCS"].score(plain, open_model(wide))
    with pytest.raises(Refused, match="layers make no profile"):
        METHODS["Intrinsic"].score(plain, open_model(tiny_llama(tmp_path / "shallow", 1, layers=2)))


@pytest.mark.parametrize("name", ["ICS", "AWM", "MATCH"])
def test_widths_and_depths_may_differ_where_the_paper_says_so(name: str, folders: Path, tmp_path: Path) -> None:
    wide = tiny_llama(tmp_path / "wide", 5, hidden=96, layers=3, intermediate=160)
    there = METHODS[name].score(open_model(wide), open_model(folders / "one"))
    assert there == pytest.approx(METHODS[name].score(open_model(folders / "one"), open_model(wide)), abs=1e-6)
    assert there < (METHODS[name].threshold or 0.5)


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (4, 6), (6, 6)])
def test_the_assignment_is_the_best_one(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    n, m = shape
    for _ in range(20):
        table = rng.standard_normal(shape).round(1)  # with ties
        found = assign(table)
        best = max(sum(table[i, p[i]] for i in range(n)) for p in itertools.permutations(range(m), n))
        assert len(set(found.tolist())) == n and table[np.arange(n), found].sum() == pytest.approx(best)


def test_an_assignment_of_many_finds_a_hidden_permutation() -> None:
    rng = np.random.default_rng(2)
    x, order = rng.standard_normal((150, 40)), rng.permutation(150)
    assert (assign(x @ (x[order] + 0.05 * rng.standard_normal(x.shape)).T) == np.argsort(order)).all()
    with pytest.raises(ValueError, match="cannot have a column"):
        assign(np.zeros((3, 2)))


@pytest.mark.parametrize(
    ("t", "freedom", "p"), [(0.0, 7, 0.5), (1.0, 1, 0.25), (2.228, 10, 0.025), (-2.228, 10, 0.975), (3.169, 10, 0.005)]
)
def test_the_t_tail_is_the_tabulated_one(t: float, freedom: float, p: float) -> None:
    assert math.exp(log_t_tail(t, freedom)) == pytest.approx(p, rel=1e-3)


def test_far_tails_end_where_float64_does_and_grow_before() -> None:
    assert log_t_tail(1e200, 100) == LEAST_LOG_P < log_t_tail(30, 100) < log_t_tail(20, 100) < -60


def test_fishers_combination_by_hand() -> None:
    assert log_fisher([math.log(0.03)]) == pytest.approx(math.log(0.03))
    half = -2 * math.log(0.05)
    assert math.exp(log_fisher([math.log(0.05)] * 2)) == pytest.approx(math.exp(-half) * (1 + half))
    assert log_fisher([0.0, 0.0]) == 0.0


def test_a_p_value_of_independent_assignments_is_uniform() -> None:
    rng = np.random.default_rng(4)
    p = np.exp([log_p(rng.permutation(64), rng.permutation(64)) for _ in range(2000)])
    assert np.mean(p < 0.1) == pytest.approx(0.1, abs=0.03) and p.mean() == pytest.approx(0.5, abs=0.03)
    assert log_p(np.arange(64), np.arange(64)) == LEAST_LOG_P


def test_correlation_cka_and_alignment_of_two_by_hand() -> None:
    assert pearson(np.array([1.0, 2, 3]), np.array([1.0, 3, 2])) == pytest.approx(0.5)
    assert pearson(np.ones(3), np.arange(3.0)) == 0.0
    x = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]], dtype=np.float32)
    assert cka(x, x[:, :1]) == pytest.approx(1 / math.sqrt(2))  # |XᵀY|² / (|XᵀX| |YᵀY|) = 4 / (√8 · 2)
    assert cka(x, x[:, ::-1] * 3) == pytest.approx(1)
    y = np.array([[2.0, 1], [0, 1]], dtype=np.float32)
    columns, signs = aligned_columns(y, np.stack([-y[:, 1], y[:, 0]], axis=1))
    assert columns.tolist() == [1, 0] and signs.tolist() == [1, -1]
    costs = np.array([[0.0, 1], [1, 0]])
    assert aligned_cost(costs, 0.1) == 0 and aligned_cost(costs[:, 1:], 0.1) == pytest.approx(0.1)
    assert aligned_cost(1 - costs, 0.1) == pytest.approx(0.2)


def test_unbiased_cka_is_one_for_equal_samples_and_zero_on_average_for_independent_ones() -> None:
    rng = np.random.default_rng(5)
    x = [rng.standard_normal((24, 8)).astype(np.float32) for _ in range(120)]
    assert alike(centred(x[0]), centred(-2 * x[0])) == pytest.approx(1)
    found = [alike(centred(a), centred(b)) for a, b in itertools.pairwise(x)]
    assert np.mean(found) == pytest.approx(0, abs=3 * float(np.std(found)) / math.sqrt(len(found)))
    assert np.mean([cka(a, b) for a, b in itertools.pairwise(x)]) > 0.15  # what the biased one says of them


def test_invariant_terms_by_hand(folders: Path) -> None:
    model = open_model(folders / "one")
    x = model.weights["embed"][:40]
    found = list(terms(model, x))
    q, k, v, o = model.heads(2)
    assert found[0] == pytest.approx(x @ q.T @ k @ x.T, abs=1e-3) and found[1] == pytest.approx(
        x @ v.T @ o.T @ x.T, abs=1e-3
    )
    assert len(found) == 6 and standard(np.array([[1.0, 3], [2, 2]])).tolist() == [[-1, 1], [0, 0]]


def test_spectra_end_at_the_effective_rank() -> None:
    assert scaled(np.array([3.0, 2, 1, 0, 0])).shape == (POINTS,)
    even = scaled(np.array([3.0, 2, 1]))
    assert even[0] == 1 and even[-1] == 0 and np.allclose(even, np.linspace(1, 0, POINTS))
    assert scaled(np.array([1.0, 0, 0, 0])).tolist() == pytest.approx(np.linspace(1, 0, POINTS).tolist())


def test_responses_do_not_feel_a_rotation(folders: Path) -> None:
    tokens = np.arange(60)
    plain, turned = (responses(open_model(folders / f), tokens) for f in ("one", "rotated"))
    for one, two in zip(plain, turned, strict=True):
        best = np.corrcoef(one[0][0], two[0][0])[: len(one[0][0]), len(one[0][0]) :].max(axis=1)
        assert best.min() > 0.99


def changed(folder: Path, out: Path, change: Callable[[dict[str, object]], None]) -> Model:
    shutil.copytree(folder, out)
    config = json.loads((out / "config.json").read_text())
    change(config)
    (out / "config.json").write_text(json.dumps(config))
    return open_model(out)


def test_the_kits_gate_looks_at_papers_alone(folders: Path, tmp_path: Path) -> None:
    one, other = open_model(folders / "one"), open_model(folders / "other")
    assert Kit().score(one, other) == CONFIRMED > 0.75
    context = changed(folders / "other", tmp_path / "context", lambda c: c.update(max_position_embeddings=77))
    assert Kit().score(one, context) == SAME_FAMILY
    act = changed(folders / "other", tmp_path / "act", lambda c: c.update(hidden_act="gelu", max_position_embeddings=7))
    assert Kit().score(one, act) == Kit(gate=False).score(one, act) < 0.75


def test_the_kits_score_is_the_weighted_mean_of_what_there_is(folders: Path) -> None:
    one, other = open_model(folders / "one"), open_model(folders / "other")
    found = signals(one, other)
    mean = 0.36 * found["eas"] + 0.21 * found["wvc"] + 0.19 * found["end"] + 0.16 * found["lep"] + 0.08 * found["nlf"]
    assert Kit(gate=False).score(one, other) == pytest.approx(mean)
    assert all(0 <= value <= 1 for value in found.values()) and found["wvc"] < 0.2
    assert len(set(anchors(one).tolist())) == 64 and signals(one, one) == pytest.approx(dict.fromkeys(found, 1.0))


def test_values_are_those_of_the_files_whatever_the_names(folders: Path) -> None:
    one, renamed = open_model(folders / "one"), open_model(folders / "names")
    assert one.weights.keys() == renamed.weights.keys()
    assert all(np.allclose(v, renamed.weights[r]) for r, v in one.weights.items())
    q, k, v, o = one.heads(0)
    assert q.shape == k.shape == v.shape == o.T.shape and one.stems(0) == ["mlp"]
    ids = shared_tokens(one, open_model(folders / "tokens"))
    assert (ids[:, 0] != ids[:, 1]).any() and len(ids) == len(one.weights["embed"])


@pytest.mark.torch
def test_hidden_states_of_a_copy_are_equal_and_what_cannot_be_run_is_refused(cache: Path, tmp_path: Path) -> None:
    folders = sorted(p for p in cache.iterdir() if (p / "config.json").is_file())
    one = open_model(folders[0])
    assert METHODS["REEF"].score(one, one) == pytest.approx(1)
    turned = disguise(folders[0], tmp_path / "turned", ["rotate", "permute-neurons"], 1, dtype="F32")
    assert METHODS["REEF"].score(one, open_model(turned)) == pytest.approx(1, abs=1e-3)
    others = [METHODS["REEF"].score(one, open_model(f)) for f in folders[1:]]
    assert all(0 < value < 1 for value in others)
    renamed = disguise(folders[0], tmp_path / "renamed", ["rename"], 1)
    with pytest.raises(Refused, match="does not know its tensors"):
        states(renamed)
    with pytest.raises(Refused, match="no folder"):
        states(tmp_path)
    assert len(set(statements())) > 150
