"""Safetensors: every number of a header is checked, damage is named, nothing outside the file is ever read."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.artifacts import READERS, Weights, read_artifact
from forebear.artifacts.dtypes import DTYPES
from forebear.artifacts.formats.safetensors import MAX_HEADER, Safetensors
from forebear.errors import ForebearError
from forebear.sources import LocalSource
from models import Memory, framed, refused, tiny_llama, write_safetensors

SHARDS = [f"model-0000{k}-of-00003.safetensors" for k in (1, 2, 3)]
INDEX = "model.safetensors.index.json"


def read(raw: bytes, name: str = "model.safetensors") -> Weights:
    return Safetensors().read(Memory({name: raw}))


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def one(**changes: Any) -> bytes:
    """A file of one tensor of two zeros, with parts of its header entry replaced."""
    return framed({"t": {**entry(), **changes}}, bytes(8))


# good files


def test_tensors_are_what_was_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    arrays = {"a": rng.standard_normal((3, 4)).astype("f4"), "b": rng.standard_normal(5).astype("f4")}
    write_safetensors(tmp_path / "model.safetensors", arrays, {"format": "pt"})
    weights = Safetensors().read(LocalSource(tmp_path))
    assert (weights.format, weights.files) == ("safetensors", ("model.safetensors",))
    assert list(weights.tensors) == ["a", "b"]
    for name, tensor in weights.tensors.items():
        assert (tensor.dtype, tensor.shape, tensor.size) == ("F32", arrays[name].shape, arrays[name].size)
        np.testing.assert_array_equal(tensor.values(), arrays[name])
    np.testing.assert_array_equal(weights.tensors["a"].rows(1, 3), arrays["a"][1:3])


@pytest.mark.torch
def test_a_file_of_the_reference_library_is_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the torch extra is not installed")
    library = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    torch.manual_seed(1)
    tensors = {f"t{k}": torch.randn(4, k).to(torch.bfloat16) for k in range(5)} | {"scalar": torch.tensor(2.5)}
    library.save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    weights = Safetensors().read(LocalSource(tmp_path))
    assert weights.tensors.keys() == tensors.keys()
    for name, tensor in weights.tensors.items():
        np.testing.assert_array_equal(tensor.values(), tensors[name].float().numpy())


@pytest.mark.parametrize("shape", [[0], [0, 4], [4, 0], [0, 2**40], [2**40, 0], [3, 0, 5]])
def test_empty_tensors_are_read_as_empty(shape: list[int]) -> None:
    tensors = {"empty": entry(shape=shape, offsets=[0, 0]), "t": entry(), "after": entry(shape=shape, offsets=[8, 8])}
    weights = read(framed(tensors, bytes(8)))
    assert weights.tensors["empty"].values().shape == tuple(shape)
    assert weights.tensors["after"].rows(0, 0).shape == (0, *shape[1:])
    assert weights.tensors["empty"].nbytes == 0


def test_a_scalar_has_one_value() -> None:
    weights = read(framed({"t": entry(shape=[], offsets=[0, 4])}, np.float32(2.5).tobytes()))
    assert weights.tensors["t"].values().tolist() == [2.5]


def test_nan_and_infinity_are_values_like_any_other() -> None:
    raw = np.array([np.nan, -np.inf], dtype="<f4").tobytes()
    np.testing.assert_array_equal(read(framed({"t": entry()}, raw)).tensors["t"].values(), [np.nan, -np.inf])


@pytest.mark.parametrize(("start", "stop"), [(-1, 1), (0, 3), (2, 1), (3, 3)])
def test_rows_that_a_tensor_does_not_have_are_a_bug_of_the_caller(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="rows"):
        read(one()).tensors["t"].rows(start, stop)


def test_only_the_rows_asked_for_are_read(tmp_path: Path) -> None:
    """A terabyte of zeros, of which the disk holds nothing."""
    header = framed({"t": entry("BF16", [2**29, 1024], [0, 2**40])})
    (tmp_path / "model.safetensors").write_bytes(header)
    os.truncate(tmp_path / "model.safetensors", len(header) + 2**40)
    tensor = Safetensors().read(LocalSource(tmp_path)).tensors["t"]
    assert tensor.nbytes == 2**40
    assert tensor.rows(2**28, 2**28 + 2).shape == (2, 1024)


# damaged files


@pytest.mark.parametrize("size", range(10))
def test_a_file_shorter_than_the_shortest_is_refused(size: int) -> None:
    with refused(f"model.safetensors: {size} bytes are too few"):
        read(bytes(size))


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "f", {"a": np.ones((2, 3), dtype="f4"), "b": np.ones(3, dtype="f4")})
    whole = (tmp_path / "f").read_bytes()
    for size in range(len(whole)):
        with refused("model.safetensors: "):
            read(whole[:size])


def test_a_truncated_file_is_called_truncated(tmp_path: Path) -> None:
    tiny_llama(tmp_path, layers=1)
    path = tmp_path / "model.safetensors"
    os.truncate(path, path.stat().st_size - 1)
    with refused("the file holds", "the file is truncated: fetch it again"):
        Safetensors().read(LocalSource(tmp_path))


@pytest.mark.parametrize("length", [100 * 2**30, 2**64 - 1, 2**63, MAX_HEADER + 1, 3, 1_000])
def test_a_header_longer_than_the_file_or_the_format_allows_is_refused(length: int) -> None:
    with refused(f"its header claims {length:,} bytes, the file has 10"):
        read(length.to_bytes(8, "little") + b"{}")


def test_a_header_beyond_the_formats_bound_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes((MAX_HEADER + 1).to_bytes(8, "little"))
    os.truncate(path, 2 * MAX_HEADER)
    with refused("its header claims 100,000,001 bytes"):
        Safetensors().read(LocalSource(tmp_path))


def test_a_pointer_of_git_lfs_is_called_that() -> None:
    with refused("a Git LFS pointer, not the file itself", "git lfs pull"):
        read(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4976698672\n")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ([], "its header is not a JSON object"),
        ("text", "its header is not a JSON object"),
        (None, "its header is not a JSON object"),
        (b"  ", "its header is not valid JSON"),
        (b"{{", "its header is not valid JSON"),
        (b"\x00\x00\x00\x00", "its header is not valid JSON"),
        (b'{"t\xff": {}}', "its header is not UTF-8"),
        (b"[" * 100_000, "its header is nested too deeply"),
        (b'{"a":' * 100_000, "its header is nested too deeply"),
        (b'{"t": {}, "t": {}}', "its header has the key t twice"),
        (b'{"t": {"dtype": "F32", "dtype": "F16"}}', "its header has the key dtype twice"),
        (b'{"\\ud800": {}}', "its header holds half a character"),
        ({}, "hold no tensors"),
        ({"__metadata__": {"format": "pt"}}, "hold no tensors"),
        ({"__metadata__": {"format": 1}}, "its __metadata__ is not a mapping of texts"),
        ({"__metadata__": ["pt"]}, "its __metadata__ is not a mapping of texts"),
        ({"t": []}, "tensor t: its header entry is not an object"),
        ({"t": None}, "tensor t: its header entry is not an object"),
        ({"t": {}}, "tensor t: its dtype is not text"),
    ],
)
def test_a_header_that_is_none_is_refused_with_the_reason(header: Any, words: str) -> None:
    with refused(words):
        read(framed(header))


@pytest.mark.parametrize("dtype", ["F99", "f32", "", "BF16 ", "F32\x1b[31m", "x" * 1_000])
def test_a_dtype_that_the_format_does_not_have_is_refused(dtype: str) -> None:
    with refused("tensor t: unknown dtype"):
        read(one(dtype=dtype))


@pytest.mark.parametrize("dtype", [None, 32, ["F32"], {"F32": 1}, True])
def test_a_dtype_that_is_no_text_is_refused(dtype: Any) -> None:
    with refused("tensor t: its dtype is not text"):
        read(one(dtype=dtype))


def test_a_dtype_nested_to_the_parsers_limit_is_refused() -> None:
    for depth in range(900, 1_000):
        with refused("model.safetensors: "):
            read(framed(b'{"t":{"dtype":' + b"[" * depth + b"]" * depth + b"}}"))


NO_COUNTS = [-1, True, 1.0, 1.5, None, "2", [2], 2**63, 2**64, 10**30, float("nan"), float("inf")]


@pytest.mark.parametrize("size", NO_COUNTS)
def test_sizes_that_no_axis_can_have_are_refused(size: Any) -> None:
    with refused("tensor t: its shape is not a short list of sizes"):
        read(one(shape=[size]))
    with refused("tensor t: its shape is not a short list of sizes"):
        read(framed({"t": entry(shape=[0, size], offsets=[0, 0])}))


@pytest.mark.parametrize("shape", [None, 2, "2", {"0": 2}, [1] * 17])
def test_shapes_that_are_no_short_list_are_refused(shape: Any) -> None:
    with refused("tensor t: its shape is not a short list of sizes"):
        read(one(shape=shape))


@pytest.mark.parametrize("shape", [[2**40, 2**40], [0, 2**40, 2**40], [2**40, 0, 2**40], [2**56] * 16])
def test_shapes_beyond_any_memory_are_refused_even_when_empty(shape: list[int]) -> None:
    with refused("tensor t: its shape", "too large for any file"):
        read(one(shape=shape, data_offsets=[0, 0]))


@pytest.mark.parametrize("offsets", [None, 8, "0, 8", [], [0], [0, 8, 8], {"0": 8}, *([0, n] for n in NO_COUNTS)])
def test_offsets_that_are_no_two_positions_are_refused(offsets: Any) -> None:
    with refused("tensor t: its data_offsets are not two positions"):
        read(one(data_offsets=offsets))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shape": [3]}, "shape [3] of F32 needs 12 bytes, its offsets give 8"),
        ({"shape": [1, 1]}, "shape [1, 1] of F32 needs 4 bytes, its offsets give 8"),
        ({"shape": []}, "shape [] of F32 needs 4 bytes, its offsets give 8"),
        ({"shape": [0]}, "shape [0] of F32 needs 0 bytes, its offsets give 8"),
        ({"dtype": "F64"}, "shape [2] of F64 needs 16 bytes, its offsets give 8"),
        ({"dtype": "F4", "shape": [17]}, "shape [17] of F4 needs 8 bytes, its offsets give 8"),
        ({"data_offsets": [8, 0]}, "needs 8 bytes, its offsets give -8"),
        ({"data_offsets": [4, 8]}, "needs 8 bytes, its offsets give 4"),
    ],
)
def test_a_size_that_contradicts_the_shape_is_refused(changes: dict[str, Any], words: str) -> None:
    with refused("tensor t: ", words):
        read(one(**changes))


def test_offsets_past_the_end_are_refused() -> None:
    for start in (1, 8, 2**40):
        with refused("tensor t ends at data byte", "the file holds 8"):
            read(one(data_offsets=[start, start + 8]))


@pytest.mark.parametrize(
    ("spans", "size", "words"),
    [
        ([(0, 8), (0, 8)], 8, "tensors t0 and t1 overlap"),
        ([(0, 8), (4, 12)], 12, "tensors t0 and t1 overlap"),
        ([(4, 12), (0, 8)], 12, "tensors t1 and t0 overlap"),
        ([(0, 8), (4, 4)], 8, "tensors t0 and t1 overlap"),
        ([(8, 16)], 16, "8 unclaimed bytes before tensor t0"),
        ([(0, 8), (9, 17)], 17, "1 unclaimed bytes before tensor t1"),
        ([(0, 8)], 9, "1 unclaimed bytes at the end"),
        ([(0, 8), (8, 16)], 1_000_016, "1,000,000 unclaimed bytes at the end"),
    ],
)
def test_bytes_claimed_twice_or_by_nobody_are_refused(spans: list[tuple[int, int]], size: int, words: str) -> None:
    tensors = {f"t{k}": entry(shape=[(b - a) // 4], offsets=[a, b]) for k, (a, b) in enumerate(spans)}
    with refused("model.safetensors: ", words):
        read(framed(tensors, bytes(size)))


def test_names_of_strangers_do_no_harm_in_messages() -> None:
    with refused("model.safetensors: tensor", "its dtype is not text"):
        read(framed({"\x1b[31m\n\u202e": {}}))
    with refused("model.safetensors: tensor xxx"):
        read(framed({"x" * 10_000: {}}))


# which files are read


def test_a_directory_of_shards_is_read_by_its_index(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "one", seed=1)
    tiny_llama(tmp_path / "many", seed=1, sharded=True)
    one_file = Safetensors().read(LocalSource(tmp_path / "one"))
    shards = Safetensors().read(LocalSource(tmp_path / "many"))
    assert shards.files == tuple(SHARDS)
    assert shards.tensors.keys() == one_file.tensors.keys()
    for name, tensor in shards.tensors.items():
        np.testing.assert_array_equal(tensor.values(), one_file.tensors[name].values())


def test_shards_without_an_index_are_read_together(tmp_path: Path) -> None:
    tiny_llama(tmp_path, sharded=True)
    whole = Safetensors().read(LocalSource(tmp_path)).tensors
    (tmp_path / INDEX).unlink()
    assert Safetensors().read(LocalSource(tmp_path)).tensors.keys() == whole.keys()


def test_a_named_index_or_shard_is_what_is_read(tmp_path: Path) -> None:
    tiny_llama(tmp_path, sharded=True)
    assert Safetensors().read(LocalSource(tmp_path / INDEX)).files == tuple(SHARDS)
    assert Safetensors().read(LocalSource(tmp_path / SHARDS[1])).files == (SHARDS[1],)


def test_an_index_left_behind_by_shards_does_not_hide_the_single_file(tmp_path: Path) -> None:
    tiny_llama(tmp_path, layers=1)
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {"t": SHARDS[0]}}))
    assert Safetensors().read(LocalSource(tmp_path)).files == ("model.safetensors",)


def test_the_index_decides_among_other_files(tmp_path: Path) -> None:
    tiny_llama(tmp_path, layers=1, sharded=True)
    write_safetensors(tmp_path / "consolidated.safetensors", {"t": np.ones(2)})
    write_safetensors(tmp_path / "adapter_model.safetensors", {"t": np.ones(2)})
    assert Safetensors().read(LocalSource(tmp_path)).files == tuple(SHARDS)


def test_an_adapter_is_not_read_as_a_model(tmp_path: Path) -> None:
    write_safetensors(
        tmp_path / "adapter_model.safetensors", {"m.lora_A.weight": np.ones((2, 2)), "m.lora_B.weight": np.ones((2, 2))}
    )
    for target in (tmp_path, tmp_path / "adapter_model.safetensors"):
        assert READERS[0].handles(LocalSource(target))
        assert read_artifact(LocalSource(target)).architecture is None
    assert not Safetensors().handles(LocalSource(tmp_path))


def test_other_files_are_not_handled(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"1")
    (tmp_path / "config.json").write_bytes(b"1")
    assert not Safetensors().handles(LocalSource(tmp_path))
    write_safetensors(tmp_path / "model.safetensors", {"t": np.ones(2)})
    assert Safetensors().handles(LocalSource(tmp_path))
    assert not Safetensors().handles(LocalSource(tmp_path / "config.json"))


# damaged sets of shards


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path, layers=1, sharded=True)


def reindex(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Rewrite the weight map after ``change(weight_map)``."""
    data = json.loads((folder / INDEX).read_text())
    change(data["weight_map"])
    (folder / INDEX).write_text(json.dumps(data))


def test_missing_shards_are_named(shards: Path) -> None:
    (shards / SHARDS[1]).unlink()
    with refused(f"{INDEX}: names files that are not there: {SHARDS[1]}", "fetch the missing shards"):
        Safetensors().read(LocalSource(shards))


def test_only_a_few_of_many_missing_shards_are_named(shards: Path) -> None:
    reindex(shards, lambda m: m.update({f"t{k}": f"part-{k:03}.safetensors" for k in range(100)}))
    with refused("part-000.safetensors, part-001.safetensors, part-002.safetensors and 97 more"):
        Safetensors().read(LocalSource(shards))


@pytest.mark.parametrize(
    "name",
    ["../secret.safetensors", "/etc/passwd", "sub/x.safetensors", "", ".", "..", "a\0b", "\x1b[31m\n", "x" * 9_999],
)
def test_an_index_never_leads_out_of_its_folder(name: str, shards: Path) -> None:
    write_safetensors(shards.parent / "secret.safetensors", {"t": np.ones(2)})
    reindex(shards, lambda m: m.update({"t": name}))
    with refused(f"{INDEX}: names files that are not there"):
        Safetensors().read(LocalSource(shards))


def test_a_pipe_in_the_place_of_a_shard_is_not_there(shards: Path) -> None:
    (shards / SHARDS[1]).unlink()
    os.mkfifo(shards / SHARDS[1])
    with refused("names files that are not there"):
        Safetensors().read(LocalSource(shards))


def test_a_shard_that_is_no_weights_file_is_refused(shards: Path) -> None:
    reindex(shards, lambda m: m.update({"t": "LICENSE"}))
    with refused("LICENSE: begins as a text, so it is no safetensors file"):
        Safetensors().read(LocalSource(shards))


def test_a_tensor_in_two_shards_is_refused(shards: Path) -> None:
    (shards / SHARDS[1]).write_bytes((shards / SHARDS[0]).read_bytes())
    with refused(f"{SHARDS[1]}: tensor", f"is also in {SHARDS[0]}"):
        Safetensors().read(LocalSource(shards))


def test_a_shard_without_what_the_index_promises_is_refused(shards: Path) -> None:
    name = json.loads((shards / INDEX).read_text())["weight_map"]
    first = next(t for t, shard in name.items() if shard == SHARDS[0])
    reindex(shards, lambda m: m.update({first: SHARDS[2]}))
    with refused(f"says {SHARDS[2]} holds {first}, which it does not"):
        Safetensors().read(LocalSource(shards))
    reindex(shards, lambda m: m.update({first: SHARDS[0], "nowhere": SHARDS[0]}))
    with refused(f"says {SHARDS[0]} holds nowhere, which it does not"):
        Safetensors().read(LocalSource(shards))


def test_a_tensor_that_the_index_hides_is_refused(shards: Path) -> None:
    reindex(shards, lambda m: m.pop("model.norm.weight"))
    with refused("does not list model.norm.weight"):
        Safetensors().read(LocalSource(shards))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not valid JSON"),
        ("[]", "has no weight_map"),
        ("{}", "has no weight_map"),
        ('{"weight_map": []}', "has no weight_map"),
        ('{"weight_map": {"t": 1}}', "has no weight_map"),
        ('{"weight_map": {"t": ["a"]}}', "has no weight_map"),
        ('{"weight_map": {"t": "a", "t": "b"}}', "has the key t twice"),
        ("[" * 100_000, "nested too deeply"),
        ('{"weight_map": {}}', "hold no tensors"),
    ],
)
def test_a_damaged_index_is_refused_with_the_reason(text: str, words: str, shards: Path) -> None:
    (shards / INDEX).write_text(text)
    with refused(words):
        Safetensors().read(LocalSource(shards))


def test_an_index_of_gigabytes_is_not_read(shards: Path) -> None:
    os.truncate(shards / INDEX, 10**9)
    with refused(f"{INDEX}: 1,000,000,000 bytes"):
        Safetensors().read(LocalSource(shards))


def test_a_file_deleted_before_it_is_listed_is_refused(shards: Path) -> None:
    source = LocalSource(shards / SHARDS[0])
    (shards / SHARDS[0]).unlink()
    with refused(f"{SHARDS[0]}: not in"):
        Safetensors().read(source)


def test_rows_of_a_file_replaced_after_its_header_are_refused(tmp_path: Path) -> None:
    """Old offsets into a new file would be a model that never was."""
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"t": np.ones((4, 4))})
    tensor = Safetensors().read(LocalSource(tmp_path)).tensors["t"]
    write_safetensors(tmp_path / "new", {"t": np.zeros((4, 4))})
    os.utime(tmp_path / "new", (1, 1))
    os.replace(tmp_path / "new", path)
    with refused("model.safetensors: changed while it was being read"):
        tensor.values()


# anything at all

GOOD = {
    "__metadata__": {"format": "pt"},
    "a": entry("F32", [2, 3], [0, 24]),
    "b": entry("BF16", [5], [24, 34]),
    "c": entry("F4", [4], [34, 36]),
    "d": entry("F6_E2M3", [4], [36, 39]),
    "e": entry("I8", [0, 7], [39, 39]),
    "f": entry("F8_E4M3", [1], [39, 40]),
}
DATA = bytes(range(40))
NUMBERS = st.sampled_from([*range(-1, 50), 2**31, 2**63 - 1, 2**63, 2**64, 0.5]) | st.integers()
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.sampled_from(sorted(DTYPES)) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["dtype", "shape", "x"]), inner),
    max_leaves=5,
)


def check_whatever_it_is(raw: bytes) -> Weights | None:
    """Refused as it should be; or every tensor can be read, to the last byte and not beyond (see ``Memory``)."""
    try:
        weights = read(raw)
    except ForebearError:
        with refused():
            read(raw)
        return None
    for tensor in weights.tensors.values():
        try:
            assert tensor.values().size == tensor.size
        except ForebearError:
            with refused("no readable rows"):
                tensor.values()
    assert sum(t.nbytes for t in weights.tensors.values()) == len(raw) - 8 - int.from_bytes(raw[:8], "little")
    return weights


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.data())
def test_a_header_with_any_values_is_read_to_its_end_or_refused(data: st.DataObject) -> None:
    """What is read is what the reference library reads; it is never more lenient."""
    library = pytest.importorskip("safetensors", reason="safetensors is not installed")
    header: Any = copy.deepcopy(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from([*GOOD, "new"]))
        where = data.draw(st.sampled_from(["dtype", "shape", "data_offsets", "x", None]))
        if where is None or not isinstance(header.get(name), dict):
            header[name] = data.draw(VALUES)
        elif data.draw(st.booleans()) and isinstance(held := header[name].get(where), list) and held:
            held[data.draw(st.integers(0, len(held) - 1))] = data.draw(NUMBERS)
        else:
            header[name][where] = data.draw(VALUES)
    raw = framed(header, DATA)
    weights = check_whatever_it_is(raw)
    if weights is not None:
        theirs = dict(library.deserialize(raw))
        assert {n: (t.dtype, list(t.shape)) for n, t in weights.tensors.items()} == {
            n: (t["dtype"], t["shape"]) for n, t in theirs.items()
        }


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    changes=st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.none() | st.integers(0, 2_000),
    tail=st.binary(max_size=3),
)
def test_a_file_with_changed_bytes_is_read_to_its_end_or_refused(
    changes: list[tuple[int, int]], cut: int | None, tail: bytes
) -> None:
    raw = bytearray(framed(GOOD, DATA))
    for place, value in changes:
        raw[place % len(raw)] = value
    check_whatever_it_is(bytes(raw[:cut] + tail))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_read_or_refused(raw: bytes, is_header: bool) -> None:
    check_whatever_it_is(framed(raw) if is_header else raw)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "new"]), st.sampled_from(["one.safetensors", "two.safetensors", "../x", "", "three"])
    ),
    VALUES,
    st.booleans(),
)
def test_any_index_is_read_or_refused(weight_map: dict[str, str], other: Any, valid: bool) -> None:
    index = {"weight_map": weight_map if valid else other}
    files = {INDEX: json.dumps(index).encode(), "one.safetensors": framed(GOOD, DATA), "two.safetensors": one()}
    try:
        weights = Safetensors().read(Memory(files))
    except ForebearError:
        with refused():
            Safetensors().read(Memory(files))
    else:
        assert {n: t.path for n, t in weights.tensors.items()} == weight_map
