"""The code, its validity plane, layer alignment, and the null."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from forebear.artifacts import Artifact, read_artifact
from forebear.signals.alignment import align_layers
from forebear.signals.binomial import log10_tail
from forebear.signals.generators import Block, comparable_groups
from forebear.signals.layout import CODE_BITS, LAYER_BITS, RESIDUAL_BITS, SLOTS, Region, regions
from forebear.signals.pairing import paired_blocks
from forebear.signals.sign_code import (
    COPY_ALPHA,
    INFERRED,
    SELF_ALPHA,
    Cell,
    SignCode,
    aligned_slots,
    compare_codes,
    compare_rows,
    copied_layers,
    encode,
    light_code,
    project,
    public_signs,
    relies_on,
    repeats,
    repeats_itself,
    shared_regions,
    shown_twice,
    token_signs,
)
from forebear.sources import open_source
from models import tiny, tiny_llama
from signals.held import held

ALL = frozenset({"residual", "glu", "experts", "value_output", "query_key"})


def read(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


def rewrite(folder: Path, name: str, change: object) -> None:
    """Change one tensor of a bfloat16 safetensors file in place; ``change`` maps its uint16 array."""
    path = folder / "model.safetensors"
    raw = bytearray(path.read_bytes())
    length = int.from_bytes(raw[:8], "little")
    entry = json.loads(raw[8 : 8 + length])[name]
    start, stop = (8 + length + o for o in entry["data_offsets"])
    values = np.frombuffer(bytes(raw[start:stop]), dtype="<u2").reshape(entry["shape"]).copy()
    raw[start:stop] = np.asarray(change(values), dtype="<u2").tobytes()  # type: ignore[operator]
    path.write_bytes(bytes(raw))


def test_public_vectors_never_change() -> None:
    assert public_signs("rows", 16).tolist() == [
        float(x) for x in np.unpackbits(np.frombuffer(_digest("rows"), np.uint8))[:16].astype(int) * 2 - 1
    ]
    assert token_signs("!a~").tolist() == token_signs(["!", "a", "~"]).tolist()


def _digest(purpose: str) -> bytes:
    return hashlib.blake2b(f"sign-code/1|{purpose}|0".encode()).digest()


def test_a_model_agrees_with_itself_in_every_coin(tmp_path: Path) -> None:
    tiny_llama(tmp_path, seed=5)
    one, digest = encode(read(tmp_path))
    two, again = encode(read(tmp_path))
    assert digest == again
    cells = compare_codes(one, two, ALL)
    assert sum(c.agree for c in cells) == sum(c.n for c in cells) == one.n > 300
    assert one.repeats == ()


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mixtral", "gpt2", "gpt_neox"])
def test_shards_and_files_do_not_change_the_code(family: str, tmp_path: Path) -> None:
    tiny(family, tmp_path / "one", seed=5)
    code, _ = encode(read(tmp_path / "one"))
    other, _ = encode(read(tmp_path / "one" / "model.safetensors"))
    assert np.array_equal(code.bits, other.bits)
    assert code.valid.size * 8 == CODE_BITS


def test_the_digest_sees_any_value_that_was_read(tmp_path: Path) -> None:
    tiny_llama(tmp_path, seed=5)
    _, before = encode(read(tmp_path))
    rewrite(
        tmp_path,
        "model.layers.1.mlp.up_proj.weight",
        lambda v: np.where(np.arange(v.size).reshape(v.shape) == 3, v ^ 1, v),
    )
    _, after = encode(read(tmp_path))
    assert before != after


def test_zero_rows_leave_both_models_coins_out(tmp_path: Path) -> None:
    """Padded rows agree falsely unless the validity plane leaves them out."""
    for name, seed in (("a", 1), ("b", 2)):
        tiny_llama(tmp_path / name, seed=seed)
        for layer in range(4):
            rewrite(
                tmp_path / name,
                f"model.layers.{layer}.mlp.up_proj.weight",
                lambda v: np.where(np.arange(len(v))[:, None] < 60, 0, v),
            )
    a, b = encode(read(tmp_path / "a"))[0], encode(read(tmp_path / "b"))[0]
    glu = [c for c in compare_codes(a, b, ALL) if c.group == "glu"]
    assert all(c.n == 4 for c in glu)


def test_nan_and_infinity_leave_coins_out_and_nothing_else(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "a", seed=1)
    clean, _ = encode(read(tmp_path / "a"))
    rewrite(
        tmp_path / "a",
        "model.layers.0.mlp.up_proj.weight",
        lambda v: np.where(np.arange(len(v))[:, None] == 7, 0x7FC0, v),
    )
    rewrite(
        tmp_path / "a",
        "model.layers.0.self_attn.v_proj.weight",
        lambda v: np.where(np.arange(len(v))[:, None] == 2, 0x7F80, v),
    )
    dirty, _ = encode(read(tmp_path / "a"))
    assert dirty.n == clean.n - 2
    cells = compare_codes(clean, dirty, ALL)
    assert sum(c.agree for c in cells) == dirty.n


def test_cloned_layers_are_noticed(tmp_path: Path) -> None:
    tiny_llama(tmp_path, seed=4)
    path = tmp_path / "model.safetensors"
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    for name in [n for n in header if ".layers.1." in n]:
        a, b = (8 + length + o for o in header[name]["data_offsets"])
        c, d = (8 + length + o for o in header[name.replace(".layers.1.", ".layers.2.")]["data_offsets"])
        raw = raw[:c] + raw[a:b] + raw[d:]
    path.write_bytes(raw)
    code, _ = encode(read(tmp_path))
    assert code.repeats == ()
    assert copied_layers(code) == {(2, group): 1 for group in ("glu", "value_output", "query_key")}
    assert copied_layers(code) is copied_layers(code)


def grown(folder: Path, part: str, times: int, spread: bool) -> Path:
    """A model of which a part was grown: rows (columns of the embedding) copied, then moved apart by training."""
    rng = np.random.default_rng(times)
    path = tiny_llama(folder, seed=8, hidden=192, intermediate=192, vocabulary=128) / "model.safetensors"
    for name in [n for n, t in read(folder).weights.tensors.items() if part in n]:

        def grow(raw: NDArray[np.uint16]) -> NDArray[np.uint16]:
            values = (raw.astype(np.uint32) << 16).view(np.float32)
            values = values.T if part == "embed" else values
            count = 192 // times if part == "embed" else 60 // times  # of an MLP the code shows the first 64 rows
            one = values[:count]
            many = np.repeat(one, times, axis=0) if spread else np.tile(one, (times, 1))
            values = np.concatenate([many + 0.01 * rng.standard_normal(many.shape), values[len(many) :]])
            values = np.ascontiguousarray(values.T if part == "embed" else values, dtype=np.float32)
            return np.asarray(values.view(np.uint32) >> 16, dtype="<u2")

        rewrite(folder, name, grow)
    assert path.exists()
    return folder


@pytest.mark.parametrize("spread", [True, False], ids=["side by side", "one after the other"])
@pytest.mark.parametrize("times", [2, 3, 4])
@pytest.mark.parametrize("part", ["embed", "up_proj"])
def test_a_model_that_was_grown_by_copies_is_not_relied_on(part: str, times: int, spread: bool, tmp_path: Path) -> None:
    """Copies toss their coin together: 192 dimensions grown threefold are 64 coins, and would be counted as 192."""
    code, _ = encode(read(grown(tmp_path, part, times, spread)))
    what = "the residual width repeats itself" if part == "embed" else "glu rows repeat each other"
    assert code.repeats == (what,)


def test_layers_that_are_copies_do_not_make_a_row_look_like_its_neighbour(tmp_path: Path) -> None:
    """One layer sixteen times says sixteen times the same about itself."""
    for seed in range(5):
        folder = tiny_llama(tmp_path / str(seed), seed=seed, layers=16)
        tensors = read(folder).weights.tensors
        first = {
            n: np.frombuffer(t.source.read(t.path, t.start, t.start + t.nbytes), dtype="<u2").reshape(t.shape)
            for n, t in tensors.items()
            if ".layers.0." in n
        }
        for name in [n for n in tensors if ".layers." in n]:
            origin = first[re.sub(r"\.layers\.\d+\.", ".layers.0.", name)]
            rewrite(folder, name, lambda _, origin=origin: origin)
        assert encode(read(folder))[0].repeats == ()


def test_independent_models_toss_fair_coins(tmp_path: Path) -> None:
    """Counts of 12 random models, 66 pairs, against the Binomial: the variance of z and its largest value."""
    artifacts = []
    for seed in range(12):
        tiny_llama(tmp_path / str(seed), seed=100 + seed)
        artifacts.append(read(tmp_path / str(seed)))
    codes = [encode(a)[0] for a in artifacts]
    for rows in (False, True):
        z = []
        for i in range(12):
            for j in range(i):
                comparable, _ = comparable_groups(artifacts[i], artifacts[j])
                cells = (
                    [
                        compare_rows(x, y)
                        for x, y in paired_blocks(artifacts[i], artifacts[j], (codes[i], codes[j]), comparable)
                    ]
                    if rows
                    else compare_codes(codes[i], codes[j], comparable)
                )
                n, agree = sum(c.n for c in cells), sum(c.agree for c in cells)
                assert n > 300
                z.append((2 * agree - n) / n**0.5)
        # 66 pairs that share models pairwise independent: sd of the variance estimate is about sqrt(2/65) = .18
        assert 0.4 < np.var(z) < 1.7
        assert abs(np.mean(z)) < 0.4
        assert max(np.abs(z)) < 4.5


def test_layers_of_a_shortened_model_find_their_originals() -> None:
    rng = np.random.default_rng(0)
    gains = rng.normal(0, 0.1, (24, 2, 64)).astype(np.float16)
    kept = [k for k in range(24) if k not in (15, 16, 17)]
    child = (gains[kept].astype(np.float32) + rng.normal(0, 0.03, (21, 2, 64))).astype(np.float16)
    assert align_layers(gains, child) == [(k, i) for i, k in enumerate(kept)]


def test_layers_of_equal_depth_stay_where_they_are_without_a_reason() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.normal(0, 0.1, (12, 2, 64)).astype(np.float16) for _ in range(2))
    assert align_layers(a, b) == [(k, k) for k in range(12)]
    nothing = np.full((12, 2, 64), np.nan, dtype=np.float16)
    assert align_layers(nothing, nothing) == [(k, k) for k in range(12)]


def test_alignment_is_one_to_one() -> None:
    rng = np.random.default_rng(1)
    gains = rng.normal(0, 0.1, (8, 2, 64)).astype(np.float16)
    doubled = gains[[0, 1, 2, 3, 4, 3, 4, 5, 6, 7]]
    pairs = align_layers(gains, doubled)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs) == 8


@pytest.mark.parametrize("family", ["llama", "mixtral", "gpt2"])
def test_signalling_nans_anywhere_cost_coins_and_no_warning(family: str, tmp_path: Path) -> None:
    folder = tiny(family, tmp_path / "m")
    whole = encode(read(folder))[0].n

    def poison(values: NDArray[np.uint16]) -> NDArray[np.uint16]:
        values.reshape(-1)[::7] = 0x7FA0
        return values

    for name in read(folder).weights.tensors:
        rewrite(folder, name, poison)
    artifact = read(folder)
    assert encode(artifact)[0].n < whole
    for tensor in artifact.weights.tensors.values():
        assert np.isnan(np.concatenate(list(tensor.chunks(4096)))).any()


def test_repeats_are_those_of_every_distance_tried_one_by_one() -> None:
    """The sums over all distances at once are those of a loop, also for copies that drifted apart and holes."""
    rng = np.random.default_rng(0)
    answers = []
    for k in range(60):
        size, rows = int(rng.choice([2, 60, 128, 400])), int(rng.integers(1, 12))
        bits, valid = (
            rng.integers(0, 2, (rows, size), dtype=np.uint8),
            rng.random((rows, size)) < rng.choice([0.4, 0.9]),
        )
        if k % 2:
            half = size // 2
            bits[:, half : 2 * half] = bits[:, :half] ^ (rng.random((rows, half)) < rng.choice([0, 0.1, 0.3]))
        slow = False
        limit = SELF_ALPHA - np.log10(2 * (size - 1))
        for distance in range(1, size):
            both = valid[:, :-distance] & valid[:, distance:]
            n, agree = int(both.sum()), int((both & (bits[:, :-distance] == bits[:, distance:])).sum())
            far = (2 * agree - n) ** 2 > 16 * n
            slow = slow or (far and log10_tail(max(agree, n - agree), n) < limit)
        assert repeats_itself(bits, valid) == slow
        answers.append(slow)
    assert 10 < sum(answers) < 50
    assert not repeats_itself(np.zeros((1, 0), np.uint8), np.zeros((1, 0), bool))


@pytest.mark.parametrize("seed", range(4))
def test_copied_layers_are_those_of_pair_after_pair(seed: int) -> None:
    """Also where copies are turned over, of one group alone, chained, or in slots that do not follow the layers."""
    rng = np.random.default_rng(seed)
    groups = ("residual", "glu", "value_output", "query_key")
    bits = rng.integers(0, 2, CODE_BITS, dtype=np.uint8)
    valid = (rng.random(CODE_BITS) < (1.0, 0.8)[seed % 2]).astype(np.uint8)
    layers = [int(k) for k in rng.permutation(40)[:SLOTS]]
    layers[3] = -1
    places = regions(groups)

    def at(slot: int, group: str) -> slice:
        start = RESIDUAL_BITS + slot * LAYER_BITS + places[group].start
        return slice(start, start + places[group].size)

    for one, two, group, turn in ((0, 5, "glu", 0), (5, 9, "glu", 1), (1, 2, "value_output", 0), (7, 3, "glu", 0)):
        bits[at(two, group)] = bits[at(one, group)] ^ turn
    gains = np.zeros((SLOTS, 2, 64), np.float16)
    code = SignCode(np.packbits(bits & valid), np.packbits(valid), tuple(layers), gains, groups, "row", ())
    slots = sorted((s for s in range(SLOTS) if layers[s] >= 0), key=lambda s: layers[s])

    def tail(a: int, b: int, spans: list[str]) -> float:
        both = np.concatenate([valid[at(a, g)] & valid[at(b, g)] for g in spans]) > 0
        alike = np.concatenate([bits[at(a, g)] == bits[at(b, g)] for g in spans])[both]
        return log10_tail(max(int(alike.sum()), int((~alike).sum())), len(alike)) if len(alike) else 0.0

    expected: dict[tuple[int, str], int] = {}
    for k, b in enumerate(slots):
        for a in slots[:k]:
            for group in places:
                if (
                    min(tail(a, b, list(places)), tail(a, b, [group])) < COPY_ALPHA
                    and (layers[b], group) not in expected
                ):
                    expected[layers[b], group] = expected.get((layers[a], group), layers[a])
    assert expected and copied_layers(code) == expected


@pytest.mark.parametrize("turn", [0, 1])
@pytest.mark.parametrize(
    ("groups", "twice"),
    [
        (("residual", "glu", "experts", "value_output", "query_key"), "experts"),
        (("residual", "glu", "experts", "value_output", "query_key"), "value_output"),
        (("residual", "glu", "value_output", "query_key"), "query_key"),
        (("residual", "glu", "value_output", "query_key"), ""),
        (("residual", "experts", "value_output", "query_key"), ""),
    ],
)
def test_what_a_layer_shows_twice_is_told_over_all_layers(groups: tuple[str, ...], twice: str, turn: int) -> None:
    """Two heads lie one behind the other; experts beside the shared expert. A tenth of the bits has moved."""
    rng = np.random.default_rng(len(twice) + turn)
    bits, places = rng.integers(0, 2, CODE_BITS, dtype=np.uint8), regions(groups)
    for slot in range(SLOTS):
        start = RESIDUAL_BITS + slot * LAYER_BITS
        if twice == "experts":
            one, two = (bits[start + places[g].start :][: places[g].size] for g in ("glu", "experts"))
        elif twice:
            half = places[twice].size // 2
            one, two = (bits[start + places[twice].start + k * half :][:half] for k in (0, 1))
        if twice:
            two[:] = one ^ turn ^ (rng.random(len(one)) < 0.1)
    layers, valid = tuple(range(SLOTS)), np.packbits(np.ones(CODE_BITS, np.uint8))
    code = SignCode(np.packbits(bits), valid, layers, np.zeros((SLOTS, 2, 64), np.float16), groups, "row", ())
    assert shown_twice(code) == (frozenset([twice]) if twice else frozenset())
    unread = SignCode(**{**code.__dict__, "layers": (-1,) * SLOTS})
    assert shown_twice(unread) == frozenset()


# -- by hand -----------------------------------------------------------------------------------------------------------

DENSE = ("residual", "glu", "value_output", "query_key")
SHARED = ("residual", "glu", "experts", "value_output", "query_key")
LAYERWISE = ("glu", "value_output", "query_key")


def place(slot: int, group: str, groups: tuple[str, ...] = DENSE) -> slice:
    start = RESIDUAL_BITS + slot * LAYER_BITS + regions(groups)[group].start
    return slice(start, start + regions(groups)[group].size)


def tosses(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 2, CODE_BITS, dtype=np.uint8)


def code(
    bits: NDArray[np.uint8],
    valid: NDArray[np.uint8] | None = None,
    layers: Sequence[int] = range(SLOTS),
    groups: tuple[str, ...] = DENSE,
    doubts: tuple[str, ...] = (),
) -> SignCode:
    there = np.ones(CODE_BITS, np.uint8) if valid is None else valid
    gains = np.zeros((SLOTS, 2, 64), np.float16)
    return SignCode(np.packbits(bits & there), np.packbits(there), tuple(layers), gains, groups, "row", doubts)


def turned(bits: NDArray[np.uint8], at: Mapping[int, int]) -> NDArray[np.uint8]:
    """So many bits from each of these places on turned over."""
    made = bits.copy()
    for start, count in at.items():
        made[start : start + count] ^= 1
    return made


def by_cell(cells: Sequence[Cell]) -> dict[tuple[str, int | None, int | None], tuple[int, int]]:
    assert len({(c.group, c.layer_a, c.layer_b) for c in cells}) == len(cells)
    return {(c.group, c.layer_a, c.layer_b): (c.n, c.agree) for c in cells}


def test_public_signs_come_from_one_digest_after_the_other() -> None:
    raw = b"".join(hashlib.blake2b(f"sign-code/1|p|{k}".encode()).digest() for k in (0, 1))
    signs = public_signs("p", 600)
    assert signs.shape == (600,) and not signs.flags.writeable and signs.dtype == np.float32
    assert signs.tolist() == [1.0 if raw[k // 8] >> (7 - k % 8) & 1 else -1.0 for k in range(600)]
    bits = [hashlib.blake2b(f"sign-code/1|token|{t}".encode()).digest()[0] & 1 for t in ("a", "bc", "ü")]
    assert token_signs(["a", "bc", "ü"]).tolist() == [1.0 if b else -1.0 for b in bits]
    assert token_signs(["\udc80"]).tolist() in ([1.0], [-1.0])


def test_a_coin_is_the_sign_of_a_row_against_the_public_vector() -> None:
    signs = public_signs("rows", 3)
    rows = np.stack([signs, -2 * signs, 0 * signs, [np.inf, 1, 1], signs, [np.nan, 0, 0]]).astype(np.float32)
    valid = np.array([True, True, True, True, False, True])
    bit, ok = project(Block("glu", 0, rows, np.arange(6), valid, rows))
    assert ok.tolist() == [True, True, False, False, False, False] and bit[:2].tolist() == [True, False]
    labels = ("x", "y", "z")
    words = np.stack([token_signs(labels), -token_signs(labels)])
    bit, ok = project(Block("residual", None, words, np.arange(2), valid[:2], words, labels))
    assert ok.all() and bit.tolist() == [True, False]


def test_agreement_is_counted_group_by_group_and_layer_by_layer() -> None:
    """Turned over: 7 dimensions, 5 neurons of slot 3, 2 planes of slot 15; a hole of 4 values in one code alone."""
    bits, valid = tosses(1), np.ones(CODE_BITS, np.uint8)
    valid[place(8, "value_output").start :][:4] = 0
    other = turned(bits, {10: 7, place(3, "glu").start: 5, place(15, "query_key").stop - 2: 2})
    for a, b in ((code(bits), code(other, valid)), (code(bits, valid), code(other))):
        cells = by_cell(compare_codes(a, b, ALL))
        assert len(cells) == 1 + 3 * SLOTS and cells.pop(("residual", None, None)) == (2048, 2041)
        assert cells.pop(("glu", 3, 3)) == (64, 59) and cells.pop(("query_key", 15, 15)) == (32, 30)
        assert cells.pop(("value_output", 8, 8)) == (28, 28)
        assert all(cell == ((64, 64) if group == "glu" else (32, 32)) for (group, *_), cell in cells.items())
        assert b.n + a.n == 2 * CODE_BITS - 4
    some = by_cell(compare_codes(code(bits), code(other), frozenset({"glu"})))
    assert {group for group, *_ in some} == {"glu"} and len(some) == SLOTS
    nothing = code(bits, np.zeros(CODE_BITS, np.uint8))
    assert compare_codes(code(bits), nothing, ALL) == () and nothing.n == 0


def test_layers_are_named_by_their_numbers_in_each_model_and_slots_that_were_not_read_left_out() -> None:
    bits = tosses(2)
    ours, theirs = [*range(15), -1], [10 + k for k in range(15)] + [-1]
    cells = by_cell(compare_codes(code(bits, layers=ours), code(bits, layers=theirs), ALL))
    assert {key[1:] for key in cells if key[0] != "residual"} == {(k, 10 + k) for k in range(15)}


def test_copies_of_a_layer_are_one_coin_by_the_model_that_is_relied_on() -> None:
    """Slot 5 repeats the neurons of slot 2 in one of the two models: half of its coins, so that all are left out."""
    copied = tosses(3)
    copied[place(5, "glu")] = copied[place(2, "glu")]
    for doubts_a, doubts_b, counted in (((), (), 15), ((), ("x",), 15), (("x",), ("x",), 15), (("x",), (), 16)):
        a, b = code(copied, doubts=doubts_a), code(tosses(4), doubts=doubts_b)
        assert relies_on(a, b) == int(bool(doubts_a) and not doubts_b)
        cells = by_cell(compare_codes(a, b, ALL))
        assert sum(group == "glu" for group, *_ in cells) == counted
        assert all(((group, 5, 5) in cells) is (counted == 16) and (group, 2, 2) in cells for group in LAYERWISE)


def test_what_is_shown_twice_is_counted_once() -> None:
    bits = tosses(5)
    for slot in range(SLOTS):
        heads = bits[place(slot, "value_output")]
        heads[16:] = heads[:16]
    sizes = {group: n for (group, *_), (n, _) in by_cell(compare_codes(code(bits), code(bits), ALL)).items()}
    assert sizes == {"residual": 2048, "glu": 64, "value_output": 16, "query_key": 32}
    bits = tosses(6)
    for slot in range(SLOTS):
        bits[place(slot, "experts", SHARED)] = bits[place(slot, "glu", SHARED)]
    both = code(bits, groups=SHARED)
    assert shown_twice(both) == {"experts"}
    cells = by_cell(compare_codes(both, both, ALL))
    assert {g for g, *_ in cells} == {"residual", "glu", "value_output", "query_key"}
    alone = by_cell(compare_codes(both, both, ALL - {"glu"}))
    assert ("experts", 0, 0) in alone and ("glu", 0, 0) not in alone


def test_groups_are_compared_where_they_lie_alike() -> None:
    latent = ("residual", "glu", "value_output", "latent", "query_key")
    assert shared_regions(DENSE, SHARED) == {
        "glu": Region(0, 32),
        "value_output": Region(64, 32),
        "query_key": Region(96, 32),
    }
    for one, two in ((latent, DENSE), (DENSE, latent)):
        assert shared_regions(one, two)["value_output"] == Region(64, 16)
    assert "experts" not in shared_regions(("experts",), SHARED) and shared_regions(("cell",), DENSE) == {}


def test_slots_meet_by_the_order_of_their_layers_and_in_light_codes_by_their_place() -> None:
    moved = [3, 2, 1, 0, *[-1] * 12]
    one, two = code(tosses(7), layers=moved), code(tosses(8), layers=[0, 1, 2, 3, *[-1] * 12])
    assert aligned_slots(one, two) == [(3, 0), (2, 1), (1, 2), (0, 3)]
    light = code(tosses(7), layers=[0, *[-1] * 7, 8, *[-1] * 6, 40])
    whole = code(tosses(8))
    assert light_code(light) and not light_code(whole) and not light_code(one)
    assert aligned_slots(light, whole) == aligned_slots(whole, light) == [(0, 0), (8, 8), (15, 15)]
    assert not light_code(code(tosses(7), layers=[0, 1, *[-1] * 13, 2]))  # all of a model of three layers
    assert aligned_slots(light, two) == [(0, 0)]


def test_rows_are_compared_where_both_have_them() -> None:
    """Positions 1, 4 and 6 are common; of them one is at right angles, and one not valid. Cosines 0.6 and -1."""
    x = np.array([[9, 9], [1, 0], [1, 0], [0, 2], [5, 5]], np.float32)
    y = np.array([[3, 4], [0, 7], [0, -3], [8, 8]], np.float32)
    one = Block("glu", 2, x, np.array([0, 1, 4, 6, 7]), np.ones(5, bool), x)
    two = Block("glu", 5, y, np.array([1, 4, 6, 9]), np.ones(4, bool), y)
    found = compare_rows(one, two)
    assert (found.group, found.layer_a, found.layer_b, found.n, found.agree) == ("glu", 2, 5, 2, 1)
    assert found.cosine == pytest.approx((0.6 - 1) / 2)
    hidden = compare_rows(replace(one, valid=np.array([True, False, True, True, True])), two)
    assert (hidden.n, hidden.agree) == (1, 0) and hidden.cosine == pytest.approx(-1)
    hidden = compare_rows(one, replace(two, valid=np.array([True, True, False, True])))
    assert (hidden.n, hidden.agree) == (1, 1)
    none = compare_rows(one, replace(two, positions=np.array([20, 21, 22, 23])))
    assert (none.n, none.agree, none.cosine) == (0, 0, None)


def test_residual_rows_are_compared_by_token() -> None:
    """Columns b and d are common, in other places; the others would turn the sign."""
    x, y = np.array([[9, 1, 2]], np.float32), np.array([[3, -99, 1]], np.float32)
    one = Block("residual", None, x, np.array([0]), np.array([True]), x, ("a", "b", "d"))
    two = Block("residual", None, y, np.array([0]), np.array([True]), y, ("d", "c", "b"))
    found = compare_rows(one, two)
    assert (found.n, found.agree) == (1, 1) and found.cosine == pytest.approx(7 / 50**0.5)


def test_a_code_that_repeats_itself_says_where() -> None:
    """The second half of 400 dimensions is the first; neurons of one half of every layer are those of the other."""
    bits, valid = tosses(9), np.ones(CODE_BITS, np.uint8)
    assert repeats(code(bits)) == ()
    valid[400:RESIDUAL_BITS] = 0
    bits[200:400] = bits[:200]
    assert repeats(code(bits, valid)) == ("the residual width repeats itself",)
    bits = tosses(10)
    for slot in range(SLOTS):
        planes = bits[place(slot, "query_key")]
        planes[16:] = planes[:16]
    assert repeats(code(bits)) == ("query_key rows repeat each other",)
    assert repeats(code(bits, layers=[-1] * SLOTS)) == ()
    assert repeats(code(bits, layers=[0, 1, *[-1] * 14])) == ("query_key rows repeat each other",)
    assert repeats(code(bits, layers=[0, *[-1] * 15])) == ()  # sixteen coins are too few to say
    same = tosses(11)
    for slot in range(SLOTS):  # of copies of one layer, of which each row repeats, one is asked
        same[place(slot, "query_key")] = bits[place(0, "query_key")]
    assert repeats(code(same)) == ()


def test_a_model_of_no_known_family_has_a_digest_of_its_own_and_no_coins() -> None:
    def digest(values: Sequence[float], name: str = "x", **other: Sequence[float]) -> str:
        model = held({f"name:{name}": np.array(values), **{f"name:{k}": np.array(v) for k, v in other.items()}})
        found, told = encode(replace(model, architecture=None, geometry=None))
        assert (found.n, found.groups, found.layers, found.repeats) == (0, (), (-1,) * SLOTS, ())
        assert np.isnan(found.signature).all() and found.keyed_by == "row"
        return told

    told = digest([1, 2])
    assert told == digest([1, 2])
    others = [digest([1, 3]), digest([1, 2], "y"), digest([1, 2, 0]), digest([1, 2], z=[1]), digest([])]
    assert len({told, *others}) == 6


def test_a_light_code_and_an_inferred_family_are_told_apart(tmp_path: Path) -> None:
    model = read(tiny_llama(tmp_path, seed=5))
    whole, digest = encode(model)
    light, other = encode(model, light=True)
    assert digest != other and sum(k >= 0 for k in light.layers) == 3 and whole.n > light.n > 0
    assert whole.repeats == () and encode(replace(model, by_names=True))[0].repeats == (INFERRED,)
    assert whole.keyed_by == "token" and encode(replace(model, tokenizer=None))[0].keyed_by == "row"
    third = replace(model, weights=replace(model.weights, third_party="plugin"))
    assert encode(third)[1] != digest
