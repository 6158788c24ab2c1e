"""Anyone can recompute a verdict from a saved result: the example agrees with results, and not with forged ones."""

from __future__ import annotations

import copy as copies
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forebear
from derivations import derive
from disguises import disguise
from edits import copy, drifted, edit, move_gains
from forebear.index import LocalIndex
from forebear.inspect import enrol
from merges import Tensors, finetuned, linear, rounded
from models import bf16, tiny, tiny_llama, write_safetensors

SCRIPT = Path(__file__).resolve().parents[1] / "examples" / "recompute.py"
_spec = importlib.util.spec_from_file_location("recompute", SCRIPT)
assert _spec is not None and _spec.loader is not None
recompute = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(recompute)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_llama(tmp_path_factory.mktemp("models") / "base", 1)
    move_gains(folder, 1)
    return folder


def planted(base: Path) -> Path:
    """An independent model with one of the base's layers."""
    other = tiny_llama(base.parent / "other", 2)
    layers: dict[str, Any] = {}
    edit(base, lambda n, v: layers.setdefault(n, v))
    out = copy(other, "planted")
    edit(out, lambda n, v: layers[n] if ".layers.1." in n else v)
    return out


MADE: dict[str, Callable[[Path], Path]] = {
    "fine-tune": lambda base: drifted(base, "tuned", 0.1),
    "copy": lambda base: copy(base, "copied"),
    "independent": lambda base: tiny_llama(base.parent / "stranger", 3),
    "another family": lambda base: tiny("gpt2", base.parent / "gpt2", 3),
    "planted layer": planted,
    "pruned": lambda base: derive(base, base.parent / "pruned", ["prune-values:0.5"], 1),
    "rotated": lambda base: disguise(base, base.parent / "rotated", ["rotate", "permute-neurons"], seed=1),
    "one layer less": lambda base: derive(base, base.parent / "shallow", ["drop-layers"], 1),
}


@pytest.mark.parametrize("how", MADE)
def test_what_a_comparison_says_follows_from_its_counts(how: str, base: Path) -> None:
    other = MADE[how](base)
    for a, b in ((base, other), (other, base)):
        document = forebear.compare(str(a), str(b)).to_json()
        assert list(recompute.check(json.loads(json.dumps(document)))) == []


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The scan of a rotated model among nine references, with calibrated scores and discoveries."""
    folder = tmp_path_factory.mktemp("searched")
    index = LocalIndex(folder / "home")
    for seed in range(9):
        enrol(str(tiny_llama(folder / f"ref{seed}", seed)), index, f"org/ref{seed}")
    model = disguise(folder / "ref2", folder / "rotated", ["permute-neurons", "rotate"], seed=1)
    found: dict[str, Any] = json.loads(json.dumps(forebear.scan(str(model), index).to_json()))
    assert any(e["test"] == "calibrated" for e in found["ancestors"][0]["evidence"])
    assert found["ancestors"][0]["discovery"] is True
    return found


def test_scores_and_discoveries_follow(searched: dict[str, Any]) -> None:
    assert list(recompute.check(searched)) == []


@pytest.mark.parametrize(
    ("where", "value", "words"),
    [
        ("log10_lr", 3.0, "the mean of the e-values"),
        ("discovery", False, "e-BH says otherwise"),
        ("log10_p", -9.0, "independent pairs cannot give a log10 p"),
        ("ratio", 9.0, "independent pairs cannot give a log10 ratio"),
    ],
)
def test_forged_scores_do_not(where: str, value: Any, words: str, searched: dict[str, Any]) -> None:
    forged = copies.deepcopy(searched)
    ancestor = forged["ancestors"][0]
    score = next(e for e in ancestor["evidence"] if e["test"] == "calibrated")
    if where in ("log10_p", "ratio"):
        score["log10_lr" if where == "ratio" else where] = value
    else:
        ancestor[where] = value
    assert any(words in line for line in recompute.check(forged))


def test_what_a_scan_of_a_merge_says_follows_as_well(base: Path, tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "home")
    tensors: Tensors = {}
    edit(base, lambda n, v: tensors.setdefault(n, v))

    def written(name: str, own: Tensors) -> Path:
        folder = copy(base, name)
        entries = {n: ("BF16", list(v.shape), bf16(v)) for n, v in rounded(own).items()}
        write_safetensors(folder / "model.safetensors", entries)
        return folder

    parents = [finetuned(tensors, k, 0.15) for k in range(2)]
    folders = [written(f"parent{k}", p) for k, p in enumerate(parents)]
    for folder in (base, *folders):
        enrol(str(folder), index)
    result = forebear.scan(str(written("merged", linear(parents, [0.7, 0.3]))), index)
    assert result.verdict == "merge"
    assert list(recompute.check(json.loads(json.dumps(result.to_json())))) == []


def test_one_layer_needs_every_component(tmp_path: Path) -> None:
    model = tiny_llama(tmp_path / "one", 1, layers=1)
    document = forebear.compare(str(model), str(drifted(model, "child", 0.1))).to_json()
    assert document["related"] is True and list(recompute.check(document)) == []


@pytest.fixture(scope="module")
def honest(base: Path) -> dict[str, Any]:
    other = drifted(base, "honest", 0.1)
    return dict(json.loads(json.dumps(forebear.compare(str(base), str(other)).to_json())))


def _innocent(document: dict[str, Any]) -> None:
    details = document["evidence"][0]["details"]
    for tail in (*details["groups"].values(), *details["layers"]):
        tail["agree"] = tail["n"] // 2
    details["agree"] = sum(t["agree"] for t in details["groups"].values())


FORGED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a p-value": (lambda d: d["evidence"][0].update(log10_p=-12.0), "log10 p of the pair"),
    "a raw p-value": (lambda d: d["evidence"][0]["details"].update(log10_p_raw=-3.0), "raw"),
    "a group": (lambda d: d["evidence"][0]["details"]["groups"]["glu"].update(agree=1), "do not add up"),
    "a layer": (lambda d: d["evidence"][0]["details"]["layers"][0].update(n=200), "layers do not add up"),
    "counts of chance under a verdict": (_innocent, "no exact test is significant"),
    "a verdict that is too weak": (lambda d: d.update(verdict="same_architecture"), "the coins are significant"),
    "many references": (
        lambda d: d["evidence"][0]["details"].update(log10_references=300.0),
        "no exact test is significant",
    ),
    "a direction": (
        lambda d: d["relation"].update(
            direction="a_to_b",
            details={"direction": {"log_odds": 3.0, "reasons": [{"log_odds": 1.0, "rules_out_siblings": True}]}},
        ),
        "add up to 1.000",
    ),
    "a direction without a reason that excludes siblings": (
        lambda d: d["relation"].update(
            direction="a_to_b",
            details={"direction": {"log_odds": 3.0, "reasons": [{"log_odds": 3.0, "rules_out_siblings": False}]}},
        ),
        "does not follow from its reasons",
    ),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_result_is_found_out(what: str, honest: dict[str, Any]) -> None:
    forge, says = FORGED[what]
    document = copies.deepcopy(honest)
    forge(document)
    found = list(recompute.check(document))
    assert found and any(says in line for line in found), found
    assert list(recompute.check(honest)) == []


def test_its_tails_are_the_products(base: Path) -> None:
    from forebear.signals.binomial import log10_tail

    rng = np.random.default_rng(1)
    for n in rng.integers(1, 3_000, 40).tolist():
        agree = int(rng.integers(0, n + 1))
        assert recompute.log10_tail(n, agree) == pytest.approx(log10_tail(agree, n), abs=1e-9)


def test_it_runs_alone_and_its_exit_codes_say_what_it_found(honest: dict[str, Any], tmp_path: Path) -> None:
    good, bad, none = (tmp_path / n for n in ("good.json", "bad.json", "none.json"))
    good.write_text(json.dumps(honest))
    bad.write_text(json.dumps({**honest, "verdict": "same_tokenizer"}))
    none.write_text("[1, 2")
    run = [sys.executable, "-I", "-S", str(SCRIPT)]  # isolated and without site-packages
    said = subprocess.run([*run, str(good)], capture_output=True, text=True, timeout=60)
    assert said.returncode == 0 and "everything follows" in said.stdout
    assert subprocess.run([*run, str(good), str(bad)], capture_output=True, timeout=60).returncode == 1
    refused = subprocess.run([*run, str(none)], capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1
