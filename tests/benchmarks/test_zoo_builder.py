"""The builder of small models: hashes say what a model is, a cache never lies, training is repeatable."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zoo import build as builder
from zoo.build import CPU_SECONDS, Built, build, build_all, find
from zoo.corpora import CORPORA, ids_of, text_digest, text_of, tokenizer_of
from zoo.recipes import FAMILIES, LATER, SETS, Recipe, child, ci_set, config_of, model, null_set, shared_start_set
from zoo.train import decay_of, optimisers_of, train

from forebear.artifacts import read_artifact
from forebear.errors import InputError
from forebear.sources import open_source

ONE, OTHER_START, SAME_START, CHILD = ci_set()
CHANGES: Mapping[str, Any] = {
    "family": "mistral",
    "config": config_of("llama", intermediate_size=64),
    "init_seed": 9,
    "corpus": "code",
    "tokenizer": "code",
    "order_seed": 9,
    "steps": 13,
    "batch": 5,
    "rate": 0.1,
    "decay": 0.2,
    "optimiser": "sgd",
    "start": OTHER_START,
    "version": 2,
    "before": ("drop-layers",),
    "objective": "reward",
    "rank": 4,
    "targets": "few",
    "teacher": OTHER_START,
}


def weights(folder: Path) -> dict[str, np.ndarray]:
    from safetensors.torch import load_file

    return {name: tensor.float().numpy() for name, tensor in load_file(folder / "model.safetensors").items()}


def test_every_field_but_the_name_is_part_of_the_hash() -> None:
    assert {f.name for f in fields(Recipe)} == {"name", *CHANGES}
    digests = {ONE.digest} | {replace(ONE, **{k: v}).digest for k, v in CHANGES.items()}
    assert len(digests) == len(CHANGES) + 1
    assert replace(ONE, name="another name").digest == ONE.digest


def test_keys_that_came_later_are_no_part_of_older_hashes() -> None:
    assert not LATER.keys() & json.loads(CHILD.canonical).keys()
    assert LATER.keys() < {f.name for f in fields(Recipe)}
    for key, value in LATER.items():
        told = CHANGES[key].digest if key == "teacher" else json.loads(json.dumps(CHANGES[key]))
        assert json.loads(replace(CHILD, **{key: CHANGES[key]}).canonical)[key] == told
        assert getattr(child(replace(ONE, **{key: CHANGES[key]}), "x", "grammar"), key) == value


def test_the_hash_does_not_depend_on_the_order_of_config_keys() -> None:
    turned = dict(reversed(list(ONE.config.items())))
    assert replace(ONE, config=turned).digest == ONE.digest


def test_a_change_in_a_start_changes_its_children() -> None:
    assert child(replace(ONE, steps=13), "x", "grammar").digest != child(ONE, "x", "grammar").digest
    assert (ONE.generation, CHILD.generation, child(CHILD, "x", "sums").generation) == (0, 1, 2)


def test_a_family_that_is_not_listed_is_an_error() -> None:
    with pytest.raises(KeyError):
        config_of("no-such-family")


@pytest.mark.parametrize("name", SETS)
def test_sets_have_no_model_twice(name: str) -> None:
    recipes = SETS[name]()
    assert len({r.digest for r in recipes}) == len({r.name for r in recipes}) == len(recipes)
    assert {r.corpus for r in recipes} <= set(CORPORA)
    assert {r.family for r in recipes} <= set(FAMILIES)


def test_models_of_the_null_set_share_no_random_start() -> None:
    recipes = null_set()
    assert len({r.init_seed for r in recipes}) == len(recipes) >= 46
    assert all(r.start is None for r in recipes)
    assert len({r.family for r in recipes}) >= 7
    assert len({r.corpus for r in recipes}) >= 3


def test_the_hardest_negatives_differ_in_nothing_but_the_start() -> None:
    twins = [r for r in null_set() if r.name.startswith("twin-")]
    assert len({replace(r, init_seed=0).digest for r in twins}) == 1 < len(twins)


def test_shared_starts_come_in_pairs() -> None:
    recipes = shared_start_set()
    for one, two in zip(recipes[::2], recipes[1::2], strict=True):
        assert (one.init_seed, one.family, one.config) == (two.init_seed, two.family, two.config)
        assert one.order_seed != two.order_seed


@pytest.mark.whole
def test_corpora_are_repeatable_and_different() -> None:
    assert len({text_digest(name) for name in CORPORA}) == len(CORPORA)
    for name in ("grammar", "sums", "shuffled"):
        assert CORPORA[name]()[: len(text_of(name))] == text_of(name)
    assert sorted(text_of("prose").split()[:5]) != sorted(text_of("shuffled").split()[:5])
    assert "= " in text_of("sums")


def test_tokenizers_hold_every_byte_and_read_other_corpora() -> None:
    pytest.importorskip("tokenizers")
    ids = {t: tokenizer_of("sums").token_to_id(t) for t in map(chr, range(33, 127))}
    assert None not in ids.values()  # the residual coins are read from these rows
    assert len(ids_of("grammar", "sums")) > len(ids_of("grammar", "grammar")) > 100_000


def test_nothing_built_is_not_an_error(tmp_path: Path) -> None:
    assert find(ONE, tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"recipe": {}}', '{"recipe": null}', "\x00"])
def test_a_folder_that_is_something_else_is_refused(tmp_path: Path, text: str) -> None:
    folder = tmp_path / ONE.digest
    folder.mkdir()
    (folder / "recipe.json").write_text(text)
    (folder / "losses.json").write_text('{"losses": [1.0], "cpu_seconds": 1.0}')
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="remove the folder"):
        find(ONE, tmp_path)


def test_a_model_over_budget_is_said_to_be() -> None:
    assert "OVER" in Built(ONE, Path("x"), (1.0,), CPU_SECONDS + 0.1).line
    assert "OVER" not in Built(ONE, Path("x"), (1.0,), CPU_SECONDS - 0.1).line


@pytest.mark.torch
def test_built_models_are_read_with_family_and_tokenizer(cache: Path) -> None:
    for recipe in ci_set():
        built = find(recipe, cache)
        assert built is not None
        assert len(built.losses) == recipe.steps
        assert built.losses[-1] < built.losses[0]
        assert built.seconds < CPU_SECONDS
        artifact = read_artifact(open_source(str(built.folder)))
        assert artifact.architecture is not None
        assert artifact.architecture.name == "llama"
        assert artifact.tokenizer is not None
        assert {t.dtype for t in artifact.weights.tensors.values()} == {"BF16"}
        made = json.loads((built.folder / "recipe.json").read_text())["made_with"]
        assert made["text"].keys() == {recipe.corpus, recipe.tokenizer}
    assert not list(cache.glob(".building-*"))


@pytest.mark.torch
def test_a_second_build_trains_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(builder, "train", refuse)
    assert [b.recipe.name for b in build_all(ci_set(), cache)] == [r.name for r in ci_set()]


@pytest.mark.torch
def test_training_is_repeatable_and_a_damaged_model_is_built_again_after_removal(cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / ONE.digest
    shutil.copytree(cache / ONE.digest, folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="remove the folder"):
        build(ONE, tmp_path)
    shutil.rmtree(folder)
    again = build(ONE, tmp_path)
    assert (again.folder / "model.safetensors").read_bytes() == (cache / ONE.digest / "model.safetensors").read_bytes()


@pytest.mark.torch
def test_a_build_that_is_cut_off_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(builder, "train", lambda *_: (object(), [1.0]))
    monkeypatch.setattr(builder, "_save", cut_off)
    with pytest.raises(KeyboardInterrupt):
        build(ONE, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.torch
def test_a_model_that_another_process_finished_first_is_kept(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(_model: object, recipe: Recipe, folder: Path) -> None:
        shutil.copytree(cache / recipe.digest, folder)
        shutil.copytree(cache / recipe.digest, tmp_path / recipe.digest)  # the other one, meanwhile

    monkeypatch.setattr(builder, "train", lambda *_: (object(), [1.0]))
    monkeypatch.setattr(builder, "_save", save)
    assert len(build(ONE, tmp_path).losses) == ONE.steps
    assert [p.name for p in tmp_path.iterdir()] == [ONE.digest]


@pytest.mark.torch
def test_a_child_stays_near_its_start_and_a_shared_start_is_one(cache: Path) -> None:
    one, other, same, down = (weights(cache / r.digest) for r in ci_set())
    name = "model.layers.0.mlp.up_proj.weight"

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))

    assert abs(cosine(one[name], other[name])) < 0.05
    assert cosine(one[name], same[name]) > 0.9
    assert cosine(one[name], down[name]) > 0.99
    assert not np.array_equal(one[name], down[name])


@pytest.mark.torch
def test_an_unknown_optimiser_is_named() -> None:
    pytest.importorskip("torch")
    from zoo.train import initial

    bad = replace(ONE, optimiser="guess")
    with pytest.raises(ValueError, match=r"ci-one.*'guess'"):
        list(optimisers_of(bad, initial(bad, None)))


@pytest.mark.torch
def test_training_that_diverges_is_an_error() -> None:
    pytest.importorskip("torch")
    with pytest.raises(ValueError, match="diverged"):
        train(replace(ONE, rate=1e30, steps=3, batch=1, optimiser="sgd"), None)


@pytest.mark.torch
def test_muon_takes_the_matrices_of_the_layers_only() -> None:
    pytest.importorskip("torch")
    from zoo.train import initial

    recipe = replace(model("m", "mixtral", 1, "sums"), optimiser="muon")
    whole = initial(recipe, None)
    muon, rest = (o for o, _ in optimisers_of(recipe, whole))
    taken = {id(p) for g in muon.param_groups for p in g["params"]}
    left = {id(p) for g in rest.param_groups for p in g["params"]}
    assert not taken & left
    assert taken | left == {id(p) for p in whole.parameters()}
    names = {name for name, p in whole.named_parameters() if id(p) in taken}
    assert names
    assert all(".layers." in name for name in names)


@pytest.mark.torch
def test_an_adapter_changes_what_it_is_put_on_at_its_rank_and_nothing_else(cache: Path, tmp_path: Path) -> None:
    recipe = child(ONE, "adapted", "grammar", order_seed=4, steps=4, rate=0.1, batch=2, rank=2, targets="few")
    shutil.copytree(cache / ONE.digest, tmp_path / ONE.digest)
    one, two = weights(cache / ONE.digest), weights(build(recipe, tmp_path).folder)
    changed = {name for name in one if not np.array_equal(one[name], two[name])}
    assert changed == {name for name in one if "q_proj" in name or "v_proj" in name}
    for name in changed:
        values = np.linalg.svd(two[name] - one[name], compute_uv=False)
        assert values[1] > 4 * values[2]  # the rest is bfloat16


@pytest.mark.torch
def test_a_reward_moves_little_and_leaves_most_values_as_they_are(cache: Path, tmp_path: Path) -> None:
    recipe = child(ONE, "rewarded", "sums", order_seed=4, steps=3, rate=1e-5, decay=0.0, objective="reward")
    shutil.copytree(cache / ONE.digest, tmp_path / ONE.digest)
    one, two = weights(cache / ONE.digest), weights(build(recipe, tmp_path).folder)
    equal = sum((one[n] == two[n]).sum() for n in one) / sum(v.size for v in one.values())
    assert 0.5 < equal < 1


@pytest.mark.torch
def test_what_is_done_before_training_is_there_after_it(cache: Path, tmp_path: Path) -> None:
    shutil.copytree(cache / ONE.digest, tmp_path / ONE.digest)
    how = {"order_seed": 4, "steps": 2, "batch": 2}
    shorter = build(child(ONE, "shorter", "sums", before=("drop-layers:0.5",), **how), tmp_path)
    assert json.loads((shorter.folder / "config.json").read_text())["num_hidden_layers"] == 2
    longer = build(child(ONE, "longer", "code", before=("extend-vocabulary",), **how), tmp_path)
    table = weights(longer.folder)["model.embed_tokens.weight"]
    added = json.loads((longer.folder / "tokenizer.json").read_text())["added_tokens"]
    assert len(table) == ONE.config["vocab_size"] + 24 == max(a["id"] for a in added) + 1
    assert not list(tmp_path.glob(".building-*"))


def test_decay_is_what_adamw_multiplies_an_untouched_value_with() -> None:
    torch = pytest.importorskip("torch")
    from zoo.train import share_of_peak

    recipe = replace(ONE, steps=30, rate=1e-2, decay=0.5)
    value = torch.nn.Parameter(torch.ones(3, 3, dtype=torch.float64))
    optimiser = torch.optim.AdamW([value], lr=recipe.rate, weight_decay=recipe.decay)
    for step in range(recipe.steps):
        optimiser.param_groups[0]["lr"] = recipe.rate * share_of_peak(step, recipe.steps)
        value.grad = torch.zeros_like(value)
        optimiser.step()
    assert float(-value.detach().log().mean()) == pytest.approx(decay_of(recipe), rel=0.01)
    assert decay_of(replace(recipe, rank=4)) == decay_of(replace(recipe, optimiser="sgd")) == 0
