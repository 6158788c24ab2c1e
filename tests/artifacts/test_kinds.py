"""Tensors of a kind: grouped by what holds for all of them, and each made under its own name."""

from __future__ import annotations

import numpy as np
import pytest

from forebear.artifacts.base import Tensor
from forebear.artifacts.kinds import Kind, Kinds, kinds, shapes, stem, tally
from forebear.artifacts.views import bias
from models import Memory


@pytest.mark.parametrize(
    ("name", "common"),
    [
        ("model.layers.12.mlp.experts.300.w1.weight", "model.layers.#.mlp.experts.#.w1.weight"),
        ("h.0.ln_1.weight", "h.#.ln_1.weight"),
        ("0.weight", "#.weight"),
        ("conv1d.7", "conv1d.#"),
        ("model.norm.weight", "model.norm.weight"),
        ("a.1234567.b", "a.1234567.b"),
        ("a.٣.b", "a.٣.b"),
        ("a.1\n", "a.1\n"),
    ],
)
def test_numbers_that_are_parts_of_a_name_are_taken_out(name: str, common: str) -> None:
    assert stem(name) == common


def stored(name: str, *shape: int, dtype: str = "F32") -> Tensor:
    return Tensor(name, dtype, shape, "file", 0, Memory({"file": bytes(4096)}))


def named(*tensors: Tensor) -> dict[str, Tensor]:
    return {t.name: t for t in tensors}


MODEL = named(
    stored("embed", 9, 4),
    stored("layers.0.up", 8, 4),
    stored("layers.0.norm", 4),
    stored("layers.1.up", 8, 4),
    stored("layers.1.norm", 4, dtype="BF16"),
    stored("layers.2.up", 6, 4),
)


def test_a_kind_has_one_dtype_and_one_shape() -> None:
    found = kinds(MODEL)
    assert [list(k.names) for k in found.kinds] == [
        ["embed"],
        ["layers.0.up", "layers.1.up"],
        ["layers.0.norm"],
        ["layers.1.norm"],
        ["layers.2.up"],
    ]
    assert dict(found) == MODEL and len(found) == 6 and "layers.3.up" not in found
    assert found.by_name["layers.1.up"] is found.by_name["layers.0.up"] is not found.by_name["layers.2.up"]
    assert kinds(found) is found
    with pytest.raises(KeyError):
        found["layers.3.up"]


def test_a_view_is_a_kind_by_itself() -> None:
    """What holds for one view need not hold for another of its shape."""
    views = named(*(bias(f"layers.{k}.bias", [(stored(f"b{k}", 8), 0)], 4) for k in range(2)))
    assert len(kinds(views).kinds) == 2 and dict(kinds(views)) == views


@pytest.mark.parametrize("grouped", [False, True])
def test_totals_and_shapes_do_not_depend_on_the_grouping(grouped: bool) -> None:
    tensors = kinds(MODEL) if grouped else MODEL
    assert sum(tensor.nbytes * count for tensor, count in tally(tensors)) == 4 * (36 + 32 + 4 + 32 + 24) + 2 * 4
    assert len(list(tally(tensors))) == (5 if grouped else 6)
    assert shapes(tensors) == {name: tensor.shape for name, tensor in MODEL.items()}


def test_members_are_made_by_name_and_only_then() -> None:
    made: list[str] = []

    def member(name: str) -> Tensor:
        made.append(name)
        return stored(name, 2, 3)

    names = [f"experts.{k}.up" for k in range(1_000)]
    tensors = Kinds([Kind(stored(names[0], 2, 3), names, member)])
    assert sum(t.size * n for t, n in tally(tensors)) == 6_000 and len(shapes(tensors)) == 1_000
    assert list(tensors) == names and made == []
    assert np.array_equal(tensors["experts.7.up"].rows(0, 2), np.zeros((2, 3))) and made == ["experts.7.up"]


def test_a_kind_without_some_of_its_members() -> None:
    (kind,) = kinds(named(*(stored(f"layers.{k}.up", 8, 4) for k in range(3)))).kinds
    left = kind.without(frozenset({"layers.0.up", "elsewhere"}))
    assert left is not None and list(left.names) == ["layers.1.up", "layers.2.up"]
    assert left.like.name == "layers.1.up" and left.member("layers.2.up").name == "layers.2.up"
    assert kind.without(frozenset(kind.names)) is None
    assert kind.without(frozenset({"elsewhere"})) is not None
