"""A distant model of many shards: few headers are read, values are those of the model, and lies come out when read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from forebear.artifacts import Tensor, read_artifact
from forebear.artifacts.formats.safetensors import Safetensors
from forebear.artifacts.formats.shards import Presumed, presumed
from forebear.artifacts.kinds import Kinds
from forebear.signals import fingerprint
from forebear.signals.sign_code import compare_codes
from forebear.sources import LocalSource, Traffic
from models import Memory, framed, refused, tiny_llama, write_safetensors

INDEX = "model.safetensors.index.json"
LAYERS = 24


class Distant(Memory):
    """Files in memory that ask to be spared, and remember what was read."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(files)
        self.traffic = Traffic()
        self.log: list[tuple[str, int, int]] = []

    def read(self, path: str, start: int, stop: int) -> bytes:
        self.log.append((path, start, stop))
        return super().read(path, start, stop)

    @property
    def headers(self) -> set[str]:
        """Shards whose header was read."""
        return {path for path, start, _ in self.log if start == 0 and path.endswith(".safetensors")}


@pytest.fixture
def sharded(tmp_path: Path) -> dict[str, bytes]:
    """A model of 24 layers, a shard for each, as files in memory; ``tmp_path/whole`` has it in one."""
    tiny_llama(tmp_path / "whole", seed=3, layers=LAYERS)
    tensors = Safetensors().read(LocalSource(tmp_path / "whole")).tensors
    groups: dict[str, dict[str, np.ndarray]] = {}
    for name, tensor in tensors.items():
        layer = name.split(".")[2] if ".layers." in name else ("-1" if "embed" in name else str(LAYERS - 1))
        groups.setdefault(f"model-{int(layer) + 1:05d}.safetensors", {})[name] = tensor.values()
    files = {p.name: p.read_bytes() for p in (tmp_path / "whole").iterdir() if p.name != "model.safetensors"}
    for path, arrays in groups.items():
        write_safetensors(tmp_path / path, arrays)
        files[path] = (tmp_path / path).read_bytes()
    owner = {name: path for path, arrays in groups.items() for name in arrays}
    files[INDEX] = json.dumps({"metadata": {}, "weight_map": owner}).encode()
    return files


def test_few_headers_are_read_and_the_answer_is_that_of_the_whole_model(
    sharded: dict[str, bytes], tmp_path: Path
) -> None:
    source = Distant(sharded)
    artifact = read_artifact(source)
    assert len(source.headers) == 3  # embedding; first layer; last one
    assert any("3 of 25 headers" in note for note in artifact.notes)
    assert artifact.geometry is not None and artifact.geometry.layers == LAYERS and not artifact.by_names
    whole = read_artifact(LocalSource(tmp_path / "whole"))
    assert artifact.parameters == whole.parameters
    light, same = fingerprint(artifact, light=True), fingerprint(whole, light=True)
    assert len(source.headers) == 4  # and that of the middle
    assert light.digest == same.digest and light.code.bits.tobytes() == same.code.bits.tobytes()
    assert fingerprint(artifact).digest == fingerprint(whole).digest


def test_a_light_code_compares_with_a_whole_one(sharded: dict[str, bytes], tmp_path: Path) -> None:
    light = fingerprint(read_artifact(Distant(sharded)), light=True)
    whole = fingerprint(read_artifact(LocalSource(tmp_path / "whole")))
    assert 100 < light.code.n < whole.code.n and light.digest != whole.digest
    assert [layer for layer in light.code.layers if layer >= 0] == [0, 13, LAYERS - 1]
    cells = compare_codes(whole.code, light.code, frozenset(light.code.groups))
    assert sum(c.n for c in cells) == sum(c.agree for c in cells) == light.code.n
    assert {c.group for c in cells} == {"residual", "glu", "value_output", "query_key"}
    assert {c.layer_a for c in cells} == {None, 0, 13, LAYERS - 1} == {c.layer_b for c in cells}


def test_a_stranger_agrees_with_a_light_code_by_chance(sharded: dict[str, bytes], tmp_path: Path) -> None:
    light = fingerprint(read_artifact(Distant(sharded)), light=True)
    tiny_llama(tmp_path / "other", seed=4, layers=LAYERS)
    other = fingerprint(read_artifact(LocalSource(tmp_path / "other")))
    cells = compare_codes(other.code, light.code, frozenset(light.code.groups))
    n, agree = sum(c.n for c in cells), sum(c.agree for c in cells)
    assert abs(agree - n / 2) < 4 * (n / 4) ** 0.5


def test_near_or_few_shards_are_all_read(sharded: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "near").mkdir()
    for name, data in sharded.items():
        (tmp_path / "near" / name).write_bytes(data)
    tensors = Safetensors().read(LocalSource(tmp_path / "near")).tensors
    assert not any(isinstance(t, Presumed) for t in tensors.values())
    tiny_llama(tmp_path / "few", sharded=True)
    few = Distant({p.name: p.read_bytes() for p in (tmp_path / "few").iterdir()})
    assert not any(isinstance(t, Presumed) for t in Safetensors().read(few).tensors.values())
    assert len(few.headers) == 3


def middle(files: dict[str, bytes], change: dict[str, object]) -> Presumed:
    """A tensor of the middle layer of a model whose shard for it says something else."""
    path, name = "model-00013.safetensors", "model.layers.12.mlp.up_proj.weight"
    length = int.from_bytes(files[path][:8], "little")
    header = json.loads(files[path][8 : 8 + length])
    entry = header.pop(name)
    header |= {str(change.get("name", name)): {**entry, **{k: v for k, v in change.items() if k != "name"}}}
    tensor = Safetensors().read(Distant({**files, path: framed(header, files[path][8 + length :])})).tensors[name]
    assert isinstance(tensor, Presumed)
    return tensor


def test_a_shard_that_is_not_as_presumed_is_an_error_when_it_is_read(sharded: dict[str, bytes]) -> None:
    assert middle(sharded, {}).rows(0, 2).shape == (2, 64)
    assert sum(part.size for part in middle(sharded, {}).chunks(4096)) == middle(sharded, {}).size
    with refused("model-00013.safetensors", "up_proj.weight is F32 [64, 128], in other layers F32 [128, 64]"):
        middle(sharded, {"shape": [64, 128]}).rows(0, 2)
    with refused("model-00013.safetensors", "holds no tensor model.layers.12.mlp.up_proj.weight"):
        middle(sharded, {"name": "elsewhere"}).values()


def test_a_shard_that_is_read_first_must_hold_what_the_index_says(sharded: dict[str, bytes]) -> None:
    index = json.loads(sharded[INDEX])
    index["weight_map"]["model.layers.0.mlp.other"] = "model-00001.safetensors"
    with refused("model-00001.safetensors", "holds no tensor model.layers.0.mlp.other"):
        Safetensors().read(Distant({**sharded, INDEX: json.dumps(index).encode()}))


def test_a_name_without_a_namesake_opens_its_shard(sharded: dict[str, bytes]) -> None:
    odd = framed({"model.layers.7.extra.bias": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(4))
    index = json.loads(sharded[INDEX])
    index["weight_map"]["model.layers.7.extra.bias"] = "odd.safetensors"
    source = Distant({**sharded, "odd.safetensors": odd, INDEX: json.dumps(index).encode()})
    assert Safetensors().read(source).tensors["model.layers.7.extra.bias"].values() == [0]
    assert "odd.safetensors" in source.headers


def test_no_shard_is_opened_twice_for_headers() -> None:
    opened: list[str] = []
    told: list[list[str]] = []

    def header(path: str) -> dict[str, Presumed]:
        opened.append(path)
        return {}

    with refused("holds no tensor a.0.w"):
        presumed({"a.0.w": "one", "a.1.w": "two", "a.2.w": "two"}, header, told.append)
    assert opened == ["one", "two"] == told[0] and len(told) == 1


def test_namesakes_are_made_when_they_are_asked_for(sharded: dict[str, bytes]) -> None:
    """Layers share their kinds, whether their shards were opened or not; only a deviating shape makes another kind."""
    tensors = Safetensors().read(Distant(sharded)).tensors
    assert isinstance(tensors, Kinds)
    assert len(tensors) == len(json.loads(sharded[INDEX])["weight_map"]) and len(tensors.kinds) == 12
    first, middle = tensors["model.layers.0.mlp.up_proj.weight"], tensors["model.layers.12.mlp.up_proj.weight"]
    assert type(first) is Tensor and isinstance(middle, Presumed)
    assert tensors.by_name[first.name] is tensors.by_name[middle.name]
    assert (middle.name, middle.path) == ("model.layers.12.mlp.up_proj.weight", "model-00013.safetensors")
