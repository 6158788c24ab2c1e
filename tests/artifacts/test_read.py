"""A model as a whole: weights first; what else is damaged is listed, and the weights still answer."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derivations import derive
from forebear.artifacts import READERS, read_artifact
from forebear.artifacts.read import MAX_CONFIG, read_config
from forebear.errors import ForebearError
from forebear.sources import LocalSource
from models import Memory, bf16, refused, tiny_llama, write_safetensors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "model", seed=1)


# good models


def test_a_model_is_read_with_all_its_papers(folder: Path) -> None:
    artifact = read_artifact(LocalSource(folder))
    assert (artifact.name, artifact.target) == ("model", str(folder))
    assert artifact.architecture is not None and artifact.architecture.name == "llama"
    assert artifact.tokenizer is not None and len(artifact.tokenizer.ids) == 256
    assert artifact.documents.front_matter == {"license": "apache-2.0"}
    assert list(artifact.documents.licences) == ["LICENSE"]
    assert (artifact.problems, artifact.notes, artifact.unknown) == ((), (), "")
    embedding, head, attention, mlp = 256 * 64, 256 * 64, 64 * (64 + 32 + 32 + 64), 3 * 64 * 128
    assert artifact.parameters == embedding + head + 4 * (attention + mlp + 2 * 64) + 64


def test_reading_a_model_reads_headers_and_papers_but_no_values(folder: Path) -> None:
    artifact = read_artifact(LocalSource(folder))
    papers = sum((folder / n).stat().st_size for n in ("config.json", "tokenizer.json", "README.md", "LICENSE"))
    header = int.from_bytes((folder / "model.safetensors").read_bytes()[:8], "little")
    assert artifact.source.bytes_read == papers + 8 + header


@pytest.mark.parametrize("dtype", ["BF16", "F32"])
def test_shards_and_dtypes_change_nothing_but_the_files(dtype: str, folder: Path, tmp_path: Path) -> None:
    one = read_artifact(LocalSource(folder))
    many = read_artifact(LocalSource(tiny_llama(tmp_path / "many", seed=1, sharded=True, dtype=dtype)))
    assert many.names == one.names and many.geometry == one.geometry
    assert len(many.weights.files) == 3
    for name, tensor in one.weights.tensors.items():
        values = many.weights.tensors[name].values()
        if dtype == "F32":  # what the other model holds is this, cut off
            values = (np.frombuffer(bf16(values), dtype="<u2").astype("<u4") << 16).view("<f4").reshape(values.shape)
        np.testing.assert_array_equal(tensor.values(), values)


def test_one_file_is_read_with_its_neighbours(folder: Path) -> None:
    artifact = read_artifact(LocalSource(folder / "model.safetensors"))
    assert artifact.geometry is not None and artifact.geometry.heads == 4
    assert artifact.tokenizer is not None and artifact.documents.card


def test_weights_alone_are_a_model_too(folder: Path) -> None:
    for name in ("config.json", "tokenizer.json", "README.md", "LICENSE"):
        (folder / name).unlink()
    artifact = read_artifact(LocalSource(folder))
    assert (artifact.config, artifact.tokenizer, artifact.problems) == ({}, None, ())
    assert artifact.architecture is not None and artifact.notes


def test_weights_of_an_unknown_family_are_read_with_the_reason(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model.safetensors", {"conv": np.ones((3, 3))})
    artifact = read_artifact(LocalSource(tmp_path))
    assert (artifact.architecture, artifact.geometry, artifact.names) == (None, None, {})
    assert artifact.unknown == "model_type not given and its tensor names belong to no known family"
    assert artifact.parameters == 9


def test_matrices_without_a_role_are_said_not_to_be_compared(folder: Path, tmp_path: Path) -> None:
    assert not [n for n in read_artifact(LocalSource(folder)).notes if "not compared" in n]
    around = derive(folder, tmp_path / "around", ["add-tower"])
    beside = [n for n in read_artifact(LocalSource(around)).notes if "not compared" in n]
    assert len(beside) == 1 and beside[0].startswith("3 matrices have no role in its language model, nor in a tower, ")


def test_nan_and_empty_tensors_do_not_stop_a_model_from_being_read(folder: Path) -> None:
    weights = read_artifact(LocalSource(folder)).weights.tensors
    arrays = {n: np.full(t.shape, np.nan if "up_proj" in n else np.inf, dtype="<f4") for n, t in weights.items()}
    write_safetensors(folder / "model.safetensors", {**arrays, "empty": np.zeros((0, 5), dtype="<f4")})
    artifact = read_artifact(LocalSource(folder))
    assert artifact.architecture is not None and artifact.architecture.name == "llama"
    assert np.isnan(artifact.weights.tensors["model.layers.0.mlp.up_proj.weight"].values()).all()
    assert artifact.weights.tensors["empty"].values().size == 0


# no models


def test_a_place_without_weights_says_what_it_holds(tmp_path: Path) -> None:
    with refused(f"{tmp_path}: an empty directory", "files are read"):
        read_artifact(LocalSource(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with refused("no model weights in it"):
        read_artifact(LocalSource(tmp_path))
    with refused("no model weights in it"):
        read_artifact(LocalSource(tmp_path / "config.json"))


@pytest.mark.parametrize(
    ("file", "title"),
    [
        ("flax_model.msgpack", "Flax"),
    ],
)
def test_weights_of_other_formats_are_named(file: str, title: str, tmp_path: Path) -> None:
    (tmp_path / file).write_bytes(b"1")
    for target in (tmp_path, tmp_path / file):
        with refused(f"holds {title} weights, which this version cannot read yet"):
            read_artifact(LocalSource(target))


@pytest.mark.parametrize("file", ["pytorch_model-00001-of-00002.bin", "model.ckpt", "model.pt", "stories15M.bin"])
def test_a_file_that_only_has_the_name_of_a_checkpoint_is_refused_as_none(file: str, tmp_path: Path) -> None:
    (tmp_path / file).write_bytes(b"1")
    with refused(f"{tmp_path}: no model weights in it ({file} is no torch checkpoint)"):
        read_artifact(LocalSource(tmp_path))
    with refused(f"{file}: no torch checkpoint: it begins with 31, neither a zip nor a pickle"):
        read_artifact(LocalSource(tmp_path / file))


def test_a_pipe_named_like_weights_is_no_model(tmp_path: Path, deadline: None) -> None:
    os.mkfifo(tmp_path / "model.safetensors")
    with refused("an empty directory"):
        read_artifact(LocalSource(tmp_path))


def test_a_pipe_in_the_place_of_each_paper_is_not_waited_for(folder: Path, deadline: None) -> None:
    for name in ("config.json", "tokenizer.json", "README.md", "LICENSE"):
        (folder / name).unlink()
        os.mkfifo(folder / name)
    artifact = read_artifact(LocalSource(folder))
    assert (artifact.config, artifact.tokenizer, artifact.problems) == ({}, None, ())


def test_weights_that_link_to_themselves_are_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").symlink_to("model.safetensors")
    (tmp_path / "again").symlink_to(tmp_path)
    with refused("an empty directory"):
        read_artifact(LocalSource(tmp_path))


# papers that are damaged


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"[]", "expected a JSON object, found a list"),
        (b'"llama"', "expected a JSON object, found a string"),
        (b"null", "expected a JSON object, found null"),
        (b"5", "expected a JSON object, found a number"),
        (b"true", "expected a JSON object, found true or false"),
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"a": 1, "a": 2}', "has the key a twice"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"model_type": "\\ud800"}', "half a character"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a Git LFS pointer"),
    ],
)
def test_a_damaged_config_is_refused(raw: bytes, words: str, folder: Path) -> None:
    (folder / "config.json").write_bytes(raw)
    with refused("config.json: ", words):
        read_artifact(LocalSource(folder))


def test_a_config_of_megabytes_is_not_read(folder: Path) -> None:
    os.truncate(folder / "config.json", MAX_CONFIG + 1)
    with refused("config.json: 10,000,001 bytes"):
        read_artifact(LocalSource(folder))


def test_the_language_models_part_of_a_config_is_what_counts() -> None:
    inner = {"model_type": "llama", "hidden_size": 8}
    both = {"model_type": "llava", "vision": 1, "text_config": inner}
    assert read_config(Memory({"config.json": json.dumps(both).encode()})) == {**both, **inner}
    own = {"model_type": "llava", "hidden_size": 4, "text_config": inner}
    assert read_config(Memory({"config.json": json.dumps(own).encode()})) == own
    assert read_config(Memory({"config.json": b'{"text_config": ["llama"]}'})) == {"text_config": ["llama"]}
    assert read_config(Memory({})) == {}


def test_every_damaged_paper_is_listed(folder: Path) -> None:
    (folder / "tokenizer.json").write_bytes(b"[")
    (folder / "README.md").write_bytes("---\nlicense: mit\n---\nWärme\n".encode("latin-1"))
    (folder / "LICENSE").write_bytes(b"\xa9")
    artifact = read_artifact(LocalSource(folder))
    assert [p.split(":")[0] for p in artifact.problems] == ["tokenizer.json", "LICENSE", "README.md"]
    assert artifact.documents.front_matter == {"license": "mit"}
    assert all(p.isprintable() for p in artifact.problems)


def test_a_file_replaced_between_two_reads_gives_no_answer(folder: Path, tmp_path: Path) -> None:
    artifact = read_artifact(LocalSource(folder))
    tensor = artifact.weights.tensors["lm_head.weight"]
    before = tensor.rows(0, 2)
    tiny_llama(tmp_path / "other", seed=2)
    os.utime(tmp_path / "other" / "model.safetensors", (1, 1))
    os.replace(tmp_path / "other" / "model.safetensors", folder / "model.safetensors")
    np.testing.assert_array_equal(tensor.rows(0, 2), before)  # kept since it was read
    with refused("model.safetensors: changed while it was being read"):
        tensor.rows(2, 4)


def test_every_reader_has_its_own_name() -> None:
    assert len({reader.name for reader in READERS}) == len(READERS)


# anything at all


@settings(max_examples=250, deadline=None, derandomize=True)
@given(
    file=st.sampled_from(["model.safetensors", "config.json", "tokenizer.json", "README.md", "LICENSE"]),
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=5),
    cut=st.none() | st.integers(0, 6_000),
)
def test_a_model_with_changed_bytes_is_read_or_refused(
    file: str, changes: list[tuple[int, int]], cut: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = small(tmp_path_factory)
    raw = bytearray(files[file])
    reach = min(len(raw), 5_000)  # the header, not the values
    for place, value in changes:
        raw[place % reach] = value
    source = Memory({**files, file: bytes(raw[:cut])})
    try:
        artifact = read_artifact(source)
    except ForebearError as error:
        assert str(error).isprintable() and error.exit_code == 4
        return
    assert all(text.isprintable() for text in (*artifact.problems, *artifact.notes, artifact.unknown))
    for tensor in artifact.weights.tensors.values():
        try:
            assert tensor.values().shape == (tensor.shape or (1,))
        except ForebearError as error:
            assert "no readable rows" in str(error)


def small(factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the smallest model, written once."""
    folder = factory.getbasetemp() / "smallest"
    if not folder.exists():
        tiny_llama(folder, hidden=8, heads=2, kv_heads=1, layers=1, intermediate=4, vocabulary=100)
    return {p.name: p.read_bytes() for p in folder.iterdir()}
