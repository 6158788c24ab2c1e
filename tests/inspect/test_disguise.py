"""Disguises are undone and proved with the right words, parts are called parts, and nobody innocent is accused."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import forebear
from disguises import disguise
from disguises.network import read as taken_apart
from disguises.network import write
from documents import check_document
from edits import edit, move_gains, rebuilt
from forebear.artifacts import Artifact, read_artifact
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.inspect.disguise import Undone, undo
from forebear.signals.sign_code import encode
from forebear.sources import open_source
from forebear.types import Comparison, Test, Verdict
from models import tiny, tiny_llama, tokenizer

ROTATED = "the residual stream is rotated"
REORDERED = "dimensions of the residual stream are in another order"
FLIPPED = "signs of the residual stream are flipped"
NEURONS, HEADS, LAYERS = (f"{what} are in another order" for what in ("neurons", "attention heads", "layers"))
FAMILIES = ("llama", "qwen3", "mixtral", "gpt2", "gpt_neox")
PROVED: dict[tuple[str, ...], set[str]] = {
    ("permute-residual",): {REORDERED},
    ("rotate",): {ROTATED},
    ("flip-residual?", "permute-residual"): {REORDERED, FLIPPED},
    ("permute-neurons", "permute-residual", "rescale-norms"): {REORDERED, NEURONS},
    ("permute-neurons", "permute-experts?", "rotate", "rescale-neurons?", "renumber-tokens"): {ROTATED, NEURONS},
    ("rotate", "rescale-values", "fold-norms", "untie"): {ROTATED},
    ("reorder-layers", "rotate", "noise:0.2"): {ROTATED, LAYERS},
    ("permute-neurons", "rotate", "pad-dead"): {ROTATED, NEURONS},
    ("permute-neurons", "rotate", "pad-duplicates"): {ROTATED, NEURONS},
    ("rotate", "prune-neurons", "permute-neurons"): {ROTATED, NEURONS},
    ("drop-layers", "permute-residual", "int4"): {REORDERED},
    ("duplicate-layers", "permute-neurons", "rotate"): {ROTATED, NEURONS},
    ("permute-residual", "prune-residual", "int8"): {REORDERED},
    ("low-rank:0.7", "rotate", "int3"): {ROTATED},
    ("trim-vocabulary", "rotate", "rename", "falsify?"): {ROTATED},
    ("permute-neurons", "permute-residual", "rescale-norms", "renumber-tokens", "rename"): {
        REORDERED,
        NEURONS,
    },
}
"""Steps, and what has to be named; families without such a part need not name it."""


def opened(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


def undone(a: Path, b: Path) -> Undone | str:
    one, two = opened(a), opened(b)
    return undo(one, two, (encode(one)[0], encode(two)[0]))


def compared(a: Path, b: Path) -> Comparison:
    result = forebear.compare(str(a), str(b))
    check_document(result.to_json())
    return result


@pytest.fixture
def base(tmp_path: Path) -> Path:
    tiny_llama(tmp_path / "base", 1)
    move_gains(tmp_path / "base", 9)
    return tmp_path / "base"


@pytest.mark.sweep(4)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("steps", list(PROVED), ids="+".join)
def test_a_disguise_is_proved_and_named(family: str, steps: tuple[str, ...], tmp_path: Path) -> None:
    base = tiny(family, tmp_path / "base", 1)
    result = compared(base, disguise(base, tmp_path / "child", list(steps), 1))
    rounded = "int4" in steps and family not in ("gpt2", "gpt_neox")  # values in their cells: no start alone does that
    assert result.verdict is (Verdict.DEPENDENT if rounded else Verdict.SAME_INIT_OR_DERIVED)
    assert result.relation.direction == "unknown"
    assert result.relation.kind == "obfuscated" and [f.id for f in result.findings] == ["coordinates-scrambled"]
    proof = next(e for e in result.evidence if e.signal == "aligned-coins/1")
    assert proof.test is Test.EXACT and proof.supports == "related" and proof.score is not None
    assert result.log10_p is not None and result.log10_p < -12
    expected = set(PROVED[steps])
    if family in ("gpt2", "gpt_neox"):  # neurons without gates are not matched, and LayerNorm feels signs
        expected -= {NEURONS, FLIPPED}
    named = set(result.relation.details["undone"])
    assert expected <= named and not named & {ROTATED, REORDERED, LAYERS} - expected
    assert all(word in result.findings[0].message for word in named)


def test_the_reference_may_be_the_disguised_one(base: Path, tmp_path: Path) -> None:
    child = disguise(base, tmp_path / "child", ["permute-neurons", "permute-heads", "rotate", "noise:0.3"], 1)
    assert compared(child, base).relation.kind == "obfuscated"


def test_two_disguises_of_one_model_find_each_other(base: Path, tmp_path: Path) -> None:
    one, two = (disguise(base, tmp_path / f"{k}", ["permute-neurons", "reorder-layers", "rotate"], k) for k in range(2))
    assert set(compared(one, two).relation.details["undone"]) == {ROTATED, NEURONS, LAYERS}


def test_pruned_coordinates_that_stay_in_order_are_not_called_scrambled(base: Path, tmp_path: Path) -> None:
    result = compared(base, disguise(base, tmp_path / "child", ["prune-residual"], 1))
    assert result.verdict is Verdict.SAME_INIT_OR_DERIVED
    assert result.findings == () and result.relation.kind == "width_pruned"


@pytest.mark.parametrize("family", FAMILIES)
def test_mixed_values_and_planes_leave_the_neurons_to_speak_where_they_have_gates(family: str, tmp_path: Path) -> None:
    base = tiny(family, tmp_path / "base", 1)
    result = compared(base, disguise(base, tmp_path / "child", ["permute-residual", "mix-values", "rotate-planes"], 1))
    gated = family not in ("gpt2", "gpt_neox")
    assert result.related is (True if gated else None)
    assert [f.id for f in result.findings] == ["coordinates-scrambled"]
    assert ("not established" in result.findings[0].message) is not gated


@pytest.mark.parametrize("family", ["llama", "mixtral", "gpt2"])
@pytest.mark.parametrize("coordinates", ["permute-residual", "rotate"])
def test_after_flips_of_everything_there_is_a_resemblance_and_no_proof(
    family: str, coordinates: str, tmp_path: Path
) -> None:
    """Who flips neurons, values and planes at random beneath a rotation makes every coin fair again."""
    base = tiny(family, tmp_path / "base", 1)
    flips = ["flip-neurons?", "flip-values", "flip-planes"]
    result = compared(base, disguise(base, tmp_path / "child", [*flips, "permute-neurons", coordinates], 1))
    if coordinates == "rotate":
        assert result.verdict is Verdict.INCONCLUSIVE
        assert [f.id for f in result.findings] == ["coordinates-scrambled"]
        assert "not established" in result.findings[0].message
    tails = next(e for e in result.evidence if e.signal == "aligned-coins/1").details["groups"]
    for group in set(tails) - {"residual"}:
        assert abs(2 * tails[group]["agree"] - tails[group]["n"]) < 4.5 * np.sqrt(tails[group]["n"])


# Bad input, one by one


def test_random_weights_under_a_famous_config_and_tokenizer(base: Path, tmp_path: Path) -> None:
    fake = rebuilt(base, "fake", lambda t: {n: np.random.default_rng([*n.encode()]).permuted(v) for n, v in t.items()})
    result = compared(base, fake)
    assert result.verdict is Verdict.SAME_ARCHITECTURE and result.related is None and result.findings == ()
    (fake / "README.md").write_text("---\nlicense: mit\nbase_model: org/Famous-7B\n---\n# Fine-tuned from Famous\n")
    index = LocalIndex(tmp_path / "index")
    enrol(str(base), index, name="org/Famous-7B")
    scan = forebear.scan(str(fake), index=index)
    assert scan.verdict is Verdict.INCONCLUSIVE and not scan.ancestors
    assert [(c.claim, c.status) for c in scan.claims] == [("base model: org/Famous-7B", "unverified")]


@pytest.mark.parametrize("family", ["llama", "qwen3", "mixtral"])
@pytest.mark.parametrize("scrambled", [[], ["permute-residual", "permute-neurons"]], ids=["plain", "scrambled"])
def test_copied_embeddings_are_called_that_and_nothing_else(family: str, scrambled: list[str], tmp_path: Path) -> None:
    base, other = tiny(family, tmp_path / "base", 1), tiny(family, tmp_path / "other", 2)
    result = compared(base, disguise(base, tmp_path / "mix", ["copy-embeddings", *scrambled], 1, other))
    assert result.verdict is Verdict.COMPONENT_SHARED
    assert result.relation.details["components"] == ["embedding"]
    assert [f.id for f in result.findings] == (["coordinates-scrambled"] if scrambled else [])
    assert not any("neurons" in f.message for f in result.findings)  # no layer agrees: whose neurons moved?


def test_one_layer_of_another_model_is_called_that(base: Path, tmp_path: Path) -> None:
    network, other = taken_apart(base), taken_apart(tiny_llama(tmp_path / "other", 2))
    stem = "layers.2."
    made = {r: (network if r.startswith(stem) else other).weights[r] for r in network.weights}
    result = compared(base, write(network.with_(made), tmp_path / "mix"))
    assert result.verdict is Verdict.COMPONENT_SHARED and result.findings == ()
    assert result.relation.details["components"] == ["layer 2"]


@pytest.mark.sweep(4)
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("family", ["llama", "mixtral", "gpt2"])
@pytest.mark.parametrize("value", [0.0, 1.0, np.nan, np.inf, 1e-38, 1e38])
def test_tensors_of_one_value_accuse_nobody(family: str, value: float, tmp_path: Path) -> None:
    base = tiny(family, tmp_path / "base", 1)
    for seed, chosen in ((2, ""), (3, "embed wte"), (4, "proj attn w1")):
        odd = tiny(family, tmp_path / f"odd{seed}", seed)
        edit(odd, lambda n, v, c=chosen: np.full_like(v, value) if any(k in n for k in c.split(" ")) else v)  # type: ignore[misc]
        for one, two in ((base, odd), (odd, base)):
            result = compared(one, two)
            assert result.related is None and result.findings == ()


def test_disjoint_vocabularies_leave_the_body_to_speak(base: Path, tmp_path: Path) -> None:
    words = tokenizer(256)
    words["model"]["vocab"] = {f"«{t}": k for t, k in words["model"]["vocab"].items()}
    words["added_tokens"] = []
    child = disguise(base, tmp_path / "child", ["permute-neurons", "rotate"], 1)
    (child / "tokenizer.json").write_text(json.dumps(words))
    result = compared(base, child)
    assert result.related is True and result.relation.kind == "obfuscated"
    aligned = next(e for e in result.evidence if e.signal == "aligned-coins/1")
    assert aligned.details["frame"]["made_from"] == "circuits"
    stranger = compared(tiny_llama(tmp_path / "stranger", seed=9), child)
    assert stranger.related is None and stranger.findings == ()
    assert any("too few tokens in common" in gap.why for gap in stranger.coverage.not_tested)
    for folder in (base, child):
        (folder / "tokenizer.json").unlink()
    assert compared(base, child).relation.kind == "obfuscated"  # by number, where vocabularies are of one size


def test_families_without_coins_in_common_are_a_reason(base: Path, tmp_path: Path) -> None:
    assert undone(base, tiny("gpt2", tmp_path / "gpt2", 2)) != ""
    (tmp_path / "unknown").mkdir()
    strange = rebuilt(base, "strange", lambda t: {f"x{k}": v[:7] for k, v in enumerate(t.values())}, model_type="new")
    reason = undone(base, strange)
    assert isinstance(reason, str) and "no coins in common" in reason


@pytest.mark.sweep(3)
@pytest.mark.parametrize(
    "shape",
    [
        {"layers": 1},
        {"layers": 7},
        {"kv_heads": 1},
        {"kv_heads": 4},
        {"hidden": 96, "heads": 6},
        {"heads": 64, "kv_heads": 32, "head_dim": 1},
        {"intermediate": 40},
        {"vocabulary": 110},
    ],
    ids=str,
)
def test_strangers_of_any_shape_are_not_accused(shape: dict[str, int], base: Path, tmp_path: Path) -> None:
    other = tiny_llama(tmp_path / "other", 5, **shape)  # type: ignore[arg-type]
    for one, two in ((base, other), (other, base)):
        result = compared(one, two)
        assert result.related is None and result.findings == ()
        found = undone(one, two)
        assert isinstance(found, Undone) and found.counts.pooled.n > 30 and found.words == ()


def test_a_layer_whose_parts_contradict_each_other_costs_its_coins(base: Path, tmp_path: Path) -> None:
    network = taken_apart(base)
    child = disguise(base, tmp_path / "child", ["permute-neurons", "rotate"], 1)
    for part, rows in (("mlp.up", 96), ("mlp.gate", 96), ("attn.k", 16), ("attn.v", 16), ("attn.q", 32)):
        short = {r: v[:rows] if r == f"layers.3.{part}" else v for r, v in network.weights.items()}
        odd = write(network.with_(short), tmp_path / part)
        found = undone(odd, child)
        assert isinstance(found, Undone) and 570 < found.counts.pooled.n < 704 and found.counts.log10_p < -30


def test_a_model_of_one_layer_is_proved_where_the_embedding_agrees_too(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", 1, layers=1)
    moved = compared(base, disguise(base, tmp_path / "moved", ["permute-neurons", "permute-residual"], 1))
    assert moved.verdict is Verdict.SAME_INIT_OR_DERIVED
    turned = compared(base, disguise(base, tmp_path / "turned", ["permute-neurons", "rotate"], 1))
    assert turned.verdict is Verdict.COMPONENT_SHARED  # a rotated embedding has no coins: one layer is one part


def test_effort_decides_how_much_is_read(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = disguise(base, tmp_path / "child", ["rotate"], 1)
    quick = forebear.compare(str(base), str(child), effort="quick")
    assert quick.related is None and any("quick" in gap.why for gap in quick.coverage.not_tested)
    monkeypatch.setattr(import_module("forebear.inspect.compare"), "READ_UNASKED", 100)
    standard = forebear.compare(str(base), str(child))
    assert standard.related is None and any("--effort deep" in gap.why for gap in standard.coverage.not_tested)
    assert forebear.compare(str(base), str(child), effort="deep").relation.kind == "obfuscated"
