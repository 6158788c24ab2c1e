"""Models whose depth or vocabulary was changed, parts of models, and files that are odd but readable."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forebear
from edits import F32, drifted, edit, move_gains, rebuilt, with_layers
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.types import Verdict
from models import ASCII, bf16, tiny_llama, write_safetensors

RELATED = (Verdict.SAME_INIT_OR_DERIVED, Verdict.DEPENDENT)
LAYERS, VOCABULARY = 8, 256


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_llama(tmp_path_factory.mktemp("structure") / "origin", seed=1, layers=LAYERS)
    move_gains(folder, seed=3)  # layers are aligned by their gains, which training has moved
    return folder


@pytest.fixture(scope="module")
def index(origin: Path, tmp_path_factory: pytest.TempPathFactory) -> LocalIndex:
    home = tmp_path_factory.mktemp("home")
    found = LocalIndex(home)
    enrol(str(origin), found)
    for seed in range(5, 9):
        other = tiny_llama(home / f"stranger{seed}", seed=seed, layers=LAYERS)
        move_gains(other, seed=seed)
        enrol(str(other), found)
    return found


@pytest.fixture
def base(origin: Path, tmp_path: Path) -> Path:
    """A copy to make edited ones beside."""
    return Path(shutil.copytree(origin, tmp_path / "base"))


def check(child: Path, base: Path, index: LocalIndex) -> dict[str, Any]:
    """The child finds its base and no stranger, by search and row by row; details of the evidence."""
    result = forebear.scan(str(child), index)
    assert [a.name for a in result.ancestors] == ["origin"]
    assert result.verdict in RELATED
    pair = forebear.compare(str(base), str(child))
    assert pair.verdict in RELATED and pair.evidence[0].test.value == "exact"
    return dict(pair.evidence[0].details)


# depth


@pytest.mark.parametrize(
    "order",
    [
        pytest.param([0, 1, 2, 5, 6, 7], id="middle layers pruned"),
        pytest.param([0, 1, 2, 3, 4], id="last layers pruned"),
        pytest.param([2, 3, 4, 5, 6, 7], id="first layers pruned"),
        pytest.param([0, 2, 4, 6], id="every second layer"),
        pytest.param([0, 1, 2, 3, 4, 5, 2, 3, 4, 5, 6, 7], id="up-scaled as SOLAR"),
        pytest.param([0, 1, 2, 3, 3, 4, 5, 6, 7], id="one layer doubled"),
        pytest.param([k // 2 for k in range(2 * LAYERS)], id="every layer doubled"),
    ],
)
def test_depth_edits_find_their_base(order: list[int], base: Path, index: LocalIndex) -> None:
    edited = rebuilt(base, "edited", with_layers(order), num_hidden_layers=len(order))
    layers = check(drifted(edited, "child", 0.05), base, index)["layers"]
    assert len(layers) >= min(4, len(set(order)))
    assert all(order[cell["b"]] == cell["a"] for cell in layers), "layers meet those they came from"


def test_without_gains_layers_are_aligned_by_the_norms_of_their_rows(base: Path) -> None:
    """OLMo's norms have no parameters."""

    def bare(tensors: dict[str, F32]) -> dict[str, F32]:
        return {n: v for n, v in tensors.items() if "norm" not in n}

    olmo = rebuilt(base, "olmo", bare, model_type="olmo")
    order = [0, 1, 4, 5, 7]
    child = drifted(rebuilt(olmo, "edited", with_layers(order)), "child", 0.05)
    result = forebear.compare(str(olmo), str(child))
    assert result.related is True
    layers = result.evidence[0].details["layers"]
    assert [(cell["a"], cell["b"]) for cell in layers] == [(old, new) for new, old in enumerate(order)]


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 4, 5]])
def test_half_a_model_finds_its_base(order: list[int], base: Path, index: LocalIndex) -> None:
    """The layers keep their numbers, as in a shard or a broken download; embedding and head may be lost too."""

    def half(tensors: dict[str, F32]) -> dict[str, F32]:
        kept = {n: v for n, v in tensors.items() if ".layers." in n and int(n.split(".")[2]) in order}
        return kept | ({"model.embed_tokens.weight": tensors["model.embed_tokens.weight"]} if order[0] == 0 else {})

    child = rebuilt(base, "half", half)
    details = check(child, base, index)
    assert all(cell["a"] == order[cell["b"]] for cell in details["layers"])
    gaps = [gap.why for gap in forebear.compare(str(base), str(child)).coverage.not_tested]
    assert any("embedding is missing" in g for g in gaps) == (order[0] != 0)


# vocabulary


def with_vocabulary(ids: list[int | None]) -> Callable[[dict[str, F32]], dict[str, F32]]:
    """Rows of the old embedding and head in a new order; None is a row of its own."""
    rng = np.random.default_rng(9)

    def change(tensors: dict[str, F32]) -> dict[str, F32]:
        made = dict(tensors)
        for name in ("model.embed_tokens.weight", "lm_head.weight"):
            old = tensors[name]
            rows = [0.08 * rng.standard_normal(old.shape[1]) if k is None else old[k] for k in ids]
            made[name] = np.stack(rows).astype(np.float32)
        return made

    return change


def retokenised(folder: Path, strings: list[str]) -> None:
    """A tokenizer whose ids are the places of these strings."""
    (folder / "tokenizer.json").write_text(
        json.dumps({"model": {"type": "BPE", "vocab": {t: k for k, t in enumerate(strings)}, "merges": []}})
    )


OLD = ["<s>", "</s>", *ASCII, *(f"word{k}" for k in range(2 + len(ASCII), VOCABULARY))]


@pytest.mark.parametrize(
    ("ids", "embedding"),
    [
        pytest.param([*range(VOCABULARY), *[None] * 64], True, id="extended"),
        pytest.param([*[None] * 64, *range(VOCABULARY)], True, id="extended in front"),
        pytest.param([*range(0, 120)], True, id="trimmed"),
        pytest.param([*range(1, VOCABULARY, 2)], True, id="every second token"),
        pytest.param([*reversed(range(VOCABULARY))], True, id="renumbered"),
        pytest.param([None] * 300, False, id="replaced"),
    ],
)
def test_vocabulary_edits_find_their_base(
    ids: list[int | None], embedding: bool, base: Path, index: LocalIndex
) -> None:
    edited = rebuilt(base, "edited", with_vocabulary(ids), vocab_size=len(ids))
    retokenised(edited, [f"new{k}" if old is None else OLD[old] for k, old in enumerate(ids)])
    if not embedding:
        retokenised(edited, [*ASCII, *(f"new{k}" for k in range(len(ids) - len(ASCII)))])
    details = check(drifted(edited, "child", 0.05), base, index)
    assert ("residual" in details["agreeing_groups"]) == embedding
    assert {"glu", "value_output", "query_key"} <= set(details["agreeing_groups"])


@pytest.mark.whole
def test_a_vocabulary_of_three_hundred_thousand_tokens(tmp_path: Path) -> None:
    size = 300_000
    base = tiny_llama(tmp_path / "base", seed=1, vocabulary=size)
    (base / "tokenizer.json").unlink()
    retokenised(base, [*(f"word{k}" for k in range(size - len(ASCII))), *ASCII])
    result = forebear.compare(str(base), str(drifted(base, "child", 0.05)))
    assert result.verdict in RELATED
    assert result.evidence[0].details["groups"]["residual"]["agree"] == 64
    assert result.cost.bytes_read < 60_000_000  # the tokenizers; of the embedding only the rows of single characters


# odd files


def test_every_tensor_may_have_a_format_of_its_own(base: Path, index: LocalIndex) -> None:
    child = drifted(base, "child", 0.05)
    tensors: dict[str, F32] = {}
    edit(child, lambda n, v: tensors.setdefault(n, v))
    made: dict[str, Any] = {}
    for k, (name, values) in enumerate(tensors.items()):
        raw = (
            ("BF16", bf16(values)),
            ("F16", values.astype("<f2").tobytes()),
            ("F32", values.astype("<f4").tobytes()),
            ("F64", values.astype("<f8").tobytes()),
        )[k % 4]
        made[name] = (raw[0], list(values.shape), raw[1])
    write_safetensors(child / "model.safetensors", made)
    check(child, base, index)


@pytest.mark.sweep(3)
@pytest.mark.parametrize("name", ["модель", "模型-7b", "نموذج", "मॉडल", "🦙", "a b\tc", "e\u0301tude"])
def test_names_in_other_alphabets(name: str, base: Path, index: LocalIndex) -> None:
    child = drifted(base, name, 0.05)
    (child / "README.md").write_text("---\nlicense: mit\nbase_model: 组织/基础\n---\n# 说明\n", encoding="utf-8")
    check(child, base, index)
    result = forebear.scan(str(child), index)
    assert result.model.name == name


@pytest.mark.sweep(3)
@pytest.mark.parametrize(
    "lie",
    [
        {"hidden_size": 4096},
        {"num_hidden_layers": 80},
        {"num_hidden_layers": 1},
        {"vocab_size": 10},
        {"intermediate_size": -1},
        {"num_attention_heads": 7},
        {"num_key_value_heads": 4},
        {"head_dim": 4},
        {"model_type": "mistral"},
        {"model_type": "gpt2"},
        {"model_type": "qwen3"},
        {"model_type": "an unheard-of one"},
    ],
)
def test_a_config_that_lies_does_not_hide_the_base(lie: dict[str, Any], base: Path, index: LocalIndex) -> None:
    child = drifted(base, "child", 0.05)
    config = json.loads((child / "config.json").read_text())
    (child / "config.json").write_text(json.dumps({**config, **lie}))
    details = check(child, base, index)
    assert {"residual", "glu", "value_output", "query_key"} <= set(details["agreeing_groups"])
