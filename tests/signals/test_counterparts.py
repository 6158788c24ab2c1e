"""What is held against what: by hand, on tensors of a few numbers that each tell where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.signals import counterparts as subject
from forebear.signals.counterparts import Pair, alone, by_id, counterparts
from forebear.signals.tokens import Tokens, tokens_of
from signals.held import held

Array = NDArray[Any]


def grid(*shape: int, start: int = 0) -> Array:
    return (start + np.arange(int(np.prod(shape)))).reshape(shape).astype(np.float32)


def paired(
    a: Artifact, b: Artifact, layers: Sequence[tuple[int, int]] = ((0, 0),), tokens: Tokens | None = None
) -> tuple[dict[str, str], list[str]]:
    """Roles of B to roles of A, and those that could not be held."""
    found, unread = counterparts(a, b, layers, tokens)
    assert len({pair.other for pair in found}) == len(found)
    return {pair.other: pair.role for pair in found}, unread


def only(a: Artifact, b: Artifact, tokens: Tokens | None = None) -> Pair:
    ((pair,), unread) = counterparts(a, b, [(0, 0)], tokens)
    assert unread == []
    return pair


def test_tensors_meet_by_role_and_layers_by_their_map() -> None:
    """Layer 1 of A meets layer 0 of B; layer 1 of B meets none, and A has no norm."""
    a = held({"embed": grid(3, 2), "layers.0.mlp.up": grid(4, 2), "layers.1.mlp.up": grid(4, 2)})
    b = held({"embed": grid(3, 2), "layers.0.mlp.up": grid(4, 2), "layers.1.mlp.up": grid(4, 2), "norm": grid(2)})
    assert paired(a, b, [(1, 0)]) == ({"embed": "embed", "layers.0.mlp.up": "layers.1.mlp.up"}, [])
    assert paired(a, b, [(0, 0), (1, 1)])[0]["layers.1.mlp.up"] == "layers.1.mlp.up"
    assert paired(a, b, []) == ({"embed": "embed"}, [])
    assert paired(a, b, [(7, 0)]) == ({"embed": "embed"}, [])


def test_rows_of_tensors_that_are_stored_alike() -> None:
    pair = only(held({"layers.0.mlp.up": grid(4, 2)}), held({"layers.0.mlp.up": grid(4, 2, start=10)}))
    assert pair.straight and pair.size == (4, 2) and pair.axis == "neuron"
    one, two = pair.block(1, 3)
    assert (one.tolist(), two.tolist()) == ([[2, 3], [4, 5]], [[12, 13], [14, 15]])
    assert pair.theirs(3, 4).tolist() == [[16, 17]]
    gains = only(held({"norm": grid(3)}), held({"norm": grid(3, start=5)}))
    assert gains.size == (3, 1) and [x.tolist() for x in gains.block(1, 3)] == [[[1], [2]], [[6], [7]]]


def test_a_matrix_that_the_other_model_stores_turned_is_turned_back() -> None:
    a = held({"layers.0.mlp.up": grid(4, 3)}, width=3)
    b = held({"layers.0.mlp.up": grid(4, 3, start=20).T}, family="gpt2", width=3)
    for one, two, first in ((a, b, 0), (b, a, 20)):
        pair = only(one, two)
        assert not pair.straight and pair.size == (4, 3) and pair.axis == "neuron"
        x, y = pair.block(1, 3)
        assert x.tolist() == grid(4, 3, start=first)[1:3].tolist()
        assert y.tolist() == grid(4, 3, start=20 - first)[1:3].tolist()


@pytest.mark.parametrize(("most", "read"), [(12, True), (11, False)])
def test_a_turned_matrix_is_read_up_to_a_size(monkeypatch: pytest.MonkeyPatch, most: int, read: bool) -> None:
    monkeypatch.setattr(subject, "LARGEST_TURNED", most)
    a = held({"layers.0.mlp.up": grid(4, 3)}, width=3)
    b = held({"layers.0.mlp.up": grid(3, 4)}, family="gpt2", width=3)
    assert paired(a, b)[1] == paired(b, a)[1] == ([] if read else ["layers.0.mlp.up"])
    assert paired(a, a)[1] == []  # rows are read one after the other, however many


def test_tensors_of_other_sizes_are_told() -> None:
    a = held({"layers.0.mlp.up": grid(4, 3), "norm": grid(3), "layers.0.attn.q": grid(2, 3)}, width=3)
    b = held({"layers.0.mlp.up": grid(5, 3), "norm": grid(2), "layers.0.attn.q": grid(2, 2)}, width=3)
    assert paired(a, b) == ({}, ["layers.0.mlp.up", "norm", "layers.0.attn.q"])
    turned = held({"layers.0.mlp.up": grid(3, 5)}, family="gpt2", width=3)
    wider = held({"layers.0.mlp.up": grid(2, 4)}, family="gpt2", width=2)
    assert paired(a, turned)[1] == paired(a, wider)[1] == ["layers.0.mlp.up"]


def test_values_without_signs_are_told() -> None:
    whole, bare = held({"norm": grid(3)}), held({"norm": grid(3)}, dtype="U8")
    assert paired(whole, bare) == paired(bare, whole) == ({}, ["norm"])


def test_a_fused_tensor_is_read_once_and_by_parts_where_the_other_has_them_apart() -> None:
    """Queries, keys and values are 4, 4 and 4 columns of one matrix."""
    sizes: dict[str, Any] = {"heads": 2, "kv_heads": 2, "head_dim": 2, "value_dim": 2, "width": 3}
    roles = {f"layers.0.attn.{part}": "c_attn" for part in ("q", "k", "v")}
    whole = held({"name:c_attn": grid(3, 12)}, family="gpt2", layers=1, **sizes)
    fused = replace(whole, names=roles)
    found, unread = counterparts(fused, fused, [(0, 0)], None)
    assert [(p.role, p.straight, p.size) for p in found] == [("layers.0.attn.q", True, (3, 12))] and unread == []
    parts = held({role: grid(4, 3, start=50) for role in roles}, **sizes)
    found, unread = counterparts(fused, parts, [(0, 0)], None)
    assert [p.role for p in found] == list(roles) and unread == []
    assert [p.size for p in found] == [(4, 3)] * 3
    assert [p.block(0, 1)[0].tolist() for p in found] == [[[0, 12, 24]], [[4, 16, 28]], [[8, 20, 32]]]
    unknown = held({"name:c_attn": grid(3, 12)}, family="gpt2", layers=1, width=3)
    assert paired(replace(unknown, names=roles), parts) == ({}, list(roles))


def moe(order: Sequence[int], routers: Array | None = None, **sizes: Any) -> Artifact:
    """Four experts, each of whose numbers tells which it is, in this order."""
    rows = np.eye(4, dtype=np.float32) if routers is None else routers
    weights = {f"layers.0.experts.{k}.up": np.full((2, 4), e, dtype=np.float32) for k, e in enumerate(order)}
    return held({"layers.0.router": rows[list(order)], **weights}, family="mixtral", width=4, experts=4, **sizes)


def experts_met(a: Artifact, b: Artifact) -> list[int]:
    found, _ = paired(a, b)
    return [int(found[f"layers.0.experts.{k}.up"].split(".")[3]) for k in range(4)]


def test_experts_meet_by_their_routers() -> None:
    assert experts_met(moe([0, 1, 2, 3]), moe([2, 0, 3, 1])) == [2, 0, 3, 1]
    assert experts_met(moe([2, 0, 3, 1]), moe([0, 1, 2, 3])) == [1, 3, 0, 2]


def test_experts_meet_by_number_where_routers_tell_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = moe([0, 1, 2, 3]), moe([2, 0, 3, 1])
    without = replace(b, names={r: n for r, n in b.names.items() if "router" not in r})
    wider = moe([2, 0, 3, 1], routers=np.eye(4, 5, dtype=np.float32))
    wider = replace(wider, geometry=replace(wider.geometry, width=5) if wider.geometry else None)
    assert experts_met(a, without) == experts_met(without, a) == experts_met(a, wider) == [0, 1, 2, 3]
    monkeypatch.setattr(subject, "ROUTER_VALUES", 15)
    assert experts_met(a, b) == [0, 1, 2, 3]
    monkeypatch.setattr(subject, "ROUTER_VALUES", 16)
    assert experts_met(a, b) == [2, 0, 3, 1]


@pytest.mark.parametrize(("cosine", "met"), [(0.21, [1, 0, 2, 3]), (0.19, [0, 1, 2, 3])])
def test_routers_are_one_expert_s_from_a_fifth_on(cosine: float, met: list[int]) -> None:
    """The first two routers have turned away from those that they were, which others do not resemble either."""
    rows = np.eye(4, dtype=np.float32)
    turned = cosine * rows[[1, 0, 2, 3]]
    a = held(
        {"layers.0.router": np.eye(4, 8), **{f"layers.0.experts.{k}.up": grid(1, 8) for k in range(4)}},
        family="mixtral",
        width=8,
        experts=4,
    )
    away = np.hstack([turned, (1 - cosine**2) ** 0.5 * rows])
    b = held(
        {"layers.0.router": away, **{f"layers.0.experts.{k}.up": grid(1, 8) for k in range(4)}},
        family="mixtral",
        width=8,
        experts=4,
    )
    assert experts_met(a, b) == met


def test_a_dense_mlp_meets_experts_that_were_made_of_it() -> None:
    """All experts are held against the dense MLP; a dense MLP is held against the first expert."""
    dense, sparse = held({"layers.0.mlp.up": grid(2, 4)}, width=4), moe([0, 1, 2, 3])
    met, unread = paired(dense, sparse)
    assert met == {f"layers.0.experts.{k}.up": "layers.0.mlp.up" for k in range(4)} and unread == []
    assert paired(sparse, dense) == ({"layers.0.mlp.up": "layers.0.experts.0.up"}, [])
    assert paired(dense, held({"layers.0.mlp.gate": grid(2, 4)}, width=4)) == ({}, [])


def test_rows_of_tokens_meet_by_string() -> None:
    """``b`` and ``c`` are in both; ``d`` has an id in both, and a row in one of the two only."""
    a = held({"embed": grid(4, 2)}, tokens=["a", "b", "c", "d"])
    b = held({"embed": grid(3, 2, start=10)}, tokens={"c": 0, "x": 1, "b": 2, "d": 3}, vocabulary=4)
    tokens = tokens_of(a, b)
    assert tokens is not None and not tokens.straight and tokens.ids.tolist() == [[1, 2], [2, 0], [3, 3]]
    pair = only(a, b, tokens)
    assert pair.ids is not None and pair.ids.tolist() == [[1, 2], [2, 0]] and pair.size == (2, 2)
    assert [x.tolist() for x in pair.block(0, 2)] == [[[2, 3], [4, 5]], [[14, 15], [10, 11]]]
    assert pair.theirs(1, 2).tolist() == [[10, 11]]
    longer = held({"embed": grid(6, 3)}, vocabulary=4, tokens=["a", "b", "c", "d"])
    assert paired(longer, b, tokens=tokens) == ({}, ["embed"])


def test_rows_of_tokens_meet_by_number_where_strings_say_the_same() -> None:
    a, b = (held({"embed": grid(3, 2, start=s), "norm": grid(2)}, tokens=["a", "b", "c"]) for s in (0, 10))
    tokens = tokens_of(a, b)
    assert tokens is not None and tokens.straight
    (pair, _), unread = counterparts(a, b, [], tokens)
    assert pair.ids is None and pair.size == (3, 2) and unread == []
    longer = held({"embed": grid(4, 2)}, tokens=["a", "b", "c"])
    assert paired(a, longer)[1] == ["embed"] and paired(a, a, tokens=None)[1] == []


def test_rows_are_given_in_the_order_of_their_ids() -> None:
    embed = only(held({"embed": grid(9, 2)}), held({"embed": grid(9, 2)})).a
    assert by_id(embed, np.array([7, 0, 7, 3])).tolist() == [[14, 15], [0, 1], [14, 15], [6, 7]]


def test_what_was_held_against_nothing_is_listed_with_its_size() -> None:
    """Namesakes without a role are not alone; what is fused with something that was used is not either."""
    a = held({"norm": grid(2), "lm_head": grid(3, 2), "name:x": grid(4), "name:y": grid(5)})
    b = held({"norm": grid(2), "layers.0.mlp.up": grid(7, 2), "name:x": grid(6), "name:z": grid(8)})
    assert alone(a, b, {"norm"}, {"norm"}) == ({"lm_head": 6, "name:y": 5}, {"layers.0.mlp.up": 14, "name:z": 8})
    assert alone(a, b, set(), {"layers.0.mlp.up"}) == (
        {"norm": 2, "lm_head": 6, "name:y": 5},
        {"norm": 2, "name:z": 8},
    )
    fused = replace(held({"name:c": grid(6)}), names={"layers.0.attn.q": "c", "layers.0.attn.k": "c"})
    assert alone(fused, b, {"layers.0.attn.q", "unknown"}, set(b.names))[0] == {}
