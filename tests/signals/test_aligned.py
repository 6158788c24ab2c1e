"""Coins after alignment: a flip negates its coin and moves nothing, strangers' coins are fair, none counts twice."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from disguises import disguise, disguised
from disguises.network import Network, write
from disguises.network import read as taken_apart
from disguises.surgery import with_layers
from edits import edit
from forebear.artifacts import Artifact, read_artifact
from forebear.inspect.disguise import alignable, undo
from forebear.lineage import Counts
from forebear.signals.aligned import Aligned, align
from forebear.signals.binomial import log10_tail
from forebear.signals.frames import token_frame
from forebear.signals.sign_code import encode
from forebear.sources import open_source
from models import tiny, tiny_llama
from symmetry import flips as fl

WORN = ["permute-neurons", "permute-heads", "permute-experts?", "reorder-layers", "noise:0.3"]
Flags = NDArray[np.bool_]


def opened(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


def aligned(a: Artifact, b: Artifact, side: int = 0) -> Aligned:
    frame = token_frame(a, b)
    assert frame is not None
    return align(a, b, frame, alignable(a, b), side)


def by_place(found: Aligned) -> dict[tuple[str, int | None], tuple[int, int]]:
    """(coins, agreeing) by group and layer of A, experts of a layer together."""
    counts: dict[tuple[str, int | None], tuple[int, int]] = {}
    for cell in found.cells:
        n, agree = counts.get((cell.group, cell.layer_a), (0, 0))
        counts[cell.group, cell.layer_a] = n + cell.n, agree + cell.agree
    return counts


def flipped(base: Path, out: Path, flips: fl.Flips) -> Artifact:
    """The model with these generators flipped wherever they occur; by the reading of ``tests/symmetry``."""
    artifact = opened(base)
    tensors = {name: t.values() for name, t in artifact.weights.tensors.items()}
    made = fl.apply(tensors, artifact, flips)
    network = taken_apart(base)
    write(network, out)
    edit(out, lambda name, _: made[name])
    return opened(out)


def shown(artifact: Artifact, group: str, stem: str, flags: Flags) -> int:
    """Flips among the generators that are counted; of experts each shows its share, of a plane one of two flags."""
    assert artifact.geometry is not None and artifact.architecture is not None
    if group == "experts":
        expert = int(stem.split(".")[3])
        return int(flags[expert :: artifact.geometry.experts].sum())
    if group == "query_key":
        return int(flags[:, fl.planes(artifact.architecture, artifact.geometry)[0]].sum())
    return int(flags.sum())


@pytest.mark.parametrize("coordinates", ["permute-residual", "rotate"])
@pytest.mark.parametrize("family", ["llama", "qwen3", "mixtral", "gpt2", "gpt_neox"])
def test_flips_negate_their_own_coins_and_nothing_else(family: str, coordinates: str, tmp_path: Path) -> None:
    base = tiny(family, tmp_path / "base", 1)
    child = opened(disguise(base, tmp_path / "child", [*WORN, coordinates], 2))
    one = opened(base)
    before = aligned(one, child)
    places = by_place(before)
    assert all(n == agree for n, agree in places.values())
    groups = {group for group, _ in places}
    assert groups == alignable(one, child) - (set() if before.cells[0].group == "residual" else {"residual"})
    for group in sorted(alignable(one, child)):
        flips = fl.draw(one, group, 3)
        after = aligned(flipped(base, tmp_path / group, flips), child)
        assert after.layers == before.layers
        for maps in ("neurons", "heads"):
            ours, theirs = getattr(before, maps), getattr(after, maps)
            assert ours.keys() == theirs.keys() and all(np.array_equal(ours[j], theirs[j]) for j in ours)
        lost = dict.fromkeys(places, 0)
        for (own, stem), flags in flips.items():
            place = (own, int(stem.split(".")[1]) if stem else None)
            if place in lost:  # a rotated stream has no coins of its own
                lost[place] += shown(one, own, stem, flags)
        assert by_place(after) == {place: (n, n - lost[place]) for place, (n, _) in places.items()}
        assert sum(lost.values()) > 10 or (group, coordinates) == ("residual", "rotate")


def test_a_single_flip_is_a_single_coin(tmp_path: Path) -> None:
    base = tiny("llama", tmp_path / "base", 1)
    one, child = opened(base), opened(disguise(base, tmp_path / "child", [*WORN, "permute-residual"], 2))
    before = sum(cell.agree for cell in aligned(one, child).cells)
    rng = np.random.default_rng(0)
    for group in sorted(alignable(one, child)):
        drawn = fl.draw(one, group, 3)
        key = list(drawn)[int(rng.integers(len(drawn)))]
        flags = np.zeros_like(drawn[key])
        at = int(rng.integers(8))
        if group in ("value_output", "query_key"):
            flags[1, [at, at + 8] if group == "query_key" else [at]] = True
        else:
            flags[at] = True
        found = aligned(flipped(base, tmp_path / group, {key: flags}), child)
        assert sum(cell.agree for cell in found.cells) == before - 1


def check_null(counts: list[Counts], groups: set[str]) -> None:
    """Counts against the Binomial, pooled and group by group: mean and variance of z, and the largest."""
    assert len(counts) >= 60
    for group in ("pooled", *sorted(groups)):
        tails = [c.pooled if group == "pooled" else c.groups[group] for c in counts]
        z = np.array([(2 * t.agree - t.n) / np.sqrt(t.n) for t in tails])
        # coins of pairs that share a model are pairwise independent: sd of the variance estimate is sqrt(2/(n-1))
        assert np.mean(z**2) == pytest.approx(1.0, abs=4 * np.sqrt(2 / (len(z) - 1))), group
        assert abs(z.mean()) < 4 / np.sqrt(len(z)), group
        assert np.abs(z).max() < 4.5, group
        assert min(log10_tail(t.agree, t.n) for t in tails) > -6, group


def counted(folders: list[Path]) -> list[Counts]:
    models = [opened(f) for f in folders]
    codes = [encode(m)[0] for m in models]
    out = []
    for i, j in combinations(range(len(models)), 2):
        found = undo(models[i], models[j], (codes[i], codes[j]))
        assert not isinstance(found, str)
        out.append(found.counts)
    return out


@pytest.mark.sweep(2)
@pytest.mark.parametrize(
    ("family", "permuted"), [("llama", False), ("llama", True), ("mixtral", False), ("gpt2", True)]
)
def test_independent_models_toss_fair_coins(
    family: str, permuted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """66 pairs of random models, in the best rotation and in the best permutation, however badly that fits."""
    monkeypatch.setattr("forebear.signals.frames.PERMUTED", 0.0 if permuted else np.inf)
    folders = [tiny(family, tmp_path / str(seed), 200 + seed) for seed in range(12)]
    counts = counted(folders)
    groups = set(counts[0].groups)
    assert ("residual" in groups) == (permuted and family != "gpt2")
    check_null(counts, groups)


@pytest.mark.whole
@pytest.mark.torch
def test_trained_models_toss_fair_coins(tmp_path: Path) -> None:
    """66 pairs of models of one architecture, trained on the same batch in the same order."""
    pytest.importorskip("torch", reason="needs the [torch] extra")
    pytest.importorskip("transformers", reason="runs the modelling code of transformers")
    case = fl.Case("llama", "llama", True)
    for seed in range(12):
        fl.build(case, tmp_path / f"start{seed}", seed)
        fl.train(tmp_path / f"start{seed}", tmp_path / f"trained{seed}", 8)
    counts = counted([tmp_path / f"trained{seed}" for seed in range(12)])
    check_null(counts, {"glu", "value_output", "query_key"})


def repeated_layer(network: Network, seed: int) -> Network:
    return with_layers(network, [0, 1, 1, 1])


def repeated_heads(network: Network, seed: int) -> Network:
    """Four key/value heads from one, as a model with shared heads is made one without."""
    same = {r for r in network.weights if r.endswith(("attn.k", "attn.v"))}
    made = {r: np.concatenate([v[:16]] * 4) if r in same else v for r, v in network.weights.items()}
    return network.with_(made, kv_heads=4)


REPEATS: dict[str, tuple[Callable[[Network, int], Network], str, float]] = {
    "layers": (repeated_layer, "glu", 0.0),
    "heads": (repeated_heads, "value_output", 0.05),
}


@pytest.mark.sweep(2)
@pytest.mark.parametrize("what", list(REPEATS))
def test_models_that_were_made_from_copies_toss_no_coin_twice(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Independent models, all made from copies alike, then scrambled: counted twice, the variance of z would be two."""
    monkeypatch.setattr("forebear.signals.frames.PERMUTED", 0.0)
    grow, group, drift = REPEATS[what]
    folders = []
    for seed in range(12):
        network = grow(taken_apart(tiny_llama(tmp_path / f"{seed}", 300 + seed, vocabulary=160)), seed)
        made = disguised(network, [f"noise:{drift}", "permute-neurons", "permute-heads"], seed)
        folders.append(write(made, tmp_path / f"made{seed}"))
    counts = counted(folders)
    for own in (group, "pooled"):
        tails = [c.pooled if own == "pooled" else c.groups[own] for c in counts if own in ("pooled", *c.groups)]
        z = np.array([(2 * t.agree - t.n) / np.sqrt(t.n) for t in tails])
        assert len(z) == 0 or (np.mean(z**2) < 1 + 4 * np.sqrt(2 / len(z)) and np.abs(z).max() < 4.5), own


@pytest.mark.parametrize("side", [0, 1])
def test_copied_layers_of_the_trusted_model_count_once_and_of_the_other_as_they_come(side: int, tmp_path: Path) -> None:
    base = tiny("llama", tmp_path / "base", 1)
    scrambled = ["permute-neurons", "permute-heads", "rotate"]
    copies = write(repeated_layer(taken_apart(base), 0), tmp_path / "copies")
    a, b = opened(copies), opened(disguise(copies, tmp_path / "child", scrambled, 1))
    found = by_place(aligned(a, b, side))
    assert sum(n for (group, _), (n, _) in found.items() if group == "glu") == 2 * 128
    assert sum(n for (group, _), (n, _) in found.items() if group == "value_output") == 2 * 32
    plain = by_place(aligned(opened(base), b, 0))
    assert all(n > 40 for (group, _), (n, _) in plain.items() if group == "glu") and ("glu", 3) in plain


def test_a_padded_child_shows_every_neuron_once(tmp_path: Path) -> None:
    base = tiny("llama", tmp_path / "base", 1)
    for step in ("pad-dead", "pad-duplicates"):
        child = disguise(base, tmp_path / step, [step, "permute-neurons", "rotate"], 1)
        for a, b in ((base, child), (child, base)):
            glu = [cell for cell in aligned(opened(a), opened(b)).cells if cell.group == "glu"]
            assert [(cell.n, cell.agree) for cell in glu] == [(128, 128)] * 4


def test_experts_against_one_mlp_hold_its_coins_once(tmp_path: Path) -> None:
    dense = tiny_llama(tmp_path / "dense", 1)
    routed = tiny("mixtral", tmp_path / "routed", 2)
    cells = [c for c in aligned(opened(dense), opened(routed)).cells if c.group == "upcycled"]
    assert 0 < sum(c.n for c in cells) <= 4 * 128 and len(cells) <= 4


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, 1.0, np.nan, np.inf, 1e-38, 1e38])
@pytest.mark.parametrize("family", ["llama", "mixtral", "gpt2"])
def test_a_model_of_one_value_has_next_to_no_coins_and_gives_no_warning(
    family: str, value: float, tmp_path: Path
) -> None:
    base = tiny(family, tmp_path / "base", 1)
    odd = tiny(family, tmp_path / "odd", 2)
    edit(odd, lambda _, v: np.full_like(v, value))
    for a, b in ((base, odd), (odd, base), (odd, odd)):
        found = aligned(opened(a), opened(b))
        assert sum(cell.n for cell in found.cells) <= 40
        assert all(np.isfinite(fit) for fit in found.fit.values())
