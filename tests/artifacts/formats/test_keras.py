"""Keras files: what Keras and h5py wrote is read alike, and what strangers wrote is read within bounds or refused."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forebear.artifacts import Tensor, read_artifact
from forebear.artifacts.formats.keras import Keras
from forebear.artifacts.formats.keras.hdf5 import contents
from forebear.artifacts.formats.keras.window import Window
from forebear.errors import ForebearError
from forebear.inspect import scan
from forebear.sources import LocalSource
from models import Memory, refused
from recurrent import keras_config, keras_layers, net, write_keras

h5py = pytest.importorskip("h5py", reason="writes HDF5 files")

READER = Keras()


def hdf5(fill: Callable[[Any], None], **how: Any) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **how) as file:
        fill(file)
    return buffer.getvalue()


def listed(raw: bytes) -> dict[str, Tensor]:
    return contents(Window(Memory({"m.h5": raw}), "m.h5", 0, len(raw))).tensors


VALUES = np.random.default_rng(0).standard_normal((37, 21)).astype(np.float32)


@pytest.mark.parametrize("libver", ["earliest", "v108", "latest"])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i4", "u8"])
def test_values_are_those_that_the_library_wrote(dtype: str, libver: str) -> None:
    values = (10 * VALUES).astype(dtype)
    raw = hdf5(lambda f: f.create_dataset("a/b/c", data=values), libver=libver)
    tensor = listed(raw)["a/b/c"]
    assert tensor.shape == (37, 21) and np.array_equal(tensor.values(), values.astype(np.float32))
    assert np.array_equal(tensor.rows(5, 9), values[5:9].astype(np.float32))


@pytest.mark.parametrize(
    "how",
    [
        {"chunks": (10, 8)},
        {"chunks": (37, 21), "compression": "gzip"},
        {"chunks": (7, 21), "compression": "gzip", "shuffle": True, "fletcher32": True},
        {"chunks": (1, 1)},
        {"chunks": (50, 4), "maxshape": (None, 21)},
    ],
)
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2"])
def test_pieces_are_put_together(how: dict[str, Any], dtype: str) -> None:
    raw = hdf5(lambda f: f.create_dataset("x", data=VALUES.astype(dtype), dtype=dtype, **how))
    tensor, values = listed(raw)["x"], VALUES.astype(dtype).astype(np.float32)
    assert tensor.dtype.endswith("in pieces") and tensor.floating and tensor.signed
    assert np.array_equal(tensor.values(), values) and np.array_equal(tensor.rows(9, 31), values[9:31])
    assert np.array_equal(np.concatenate(list(tensor.chunks(100))), values.ravel())


def test_many_groups_and_long_texts_are_read() -> None:
    def fill(file: Any) -> None:
        for k in range(300):
            file.create_dataset(f"layer_{k}/kernel", data=np.full(3, k, dtype=np.float32))
            file[f"layer_{k}"].attrs["weight_names"] = [f"kernel_{k}"]
        file.attrs["model_config"] = "x" * 200_000
        file.attrs["fixed"] = np.asarray([b"one", b"three"])

    raw = hdf5(fill)
    found = contents(Window(Memory({"m": raw}), "m", 0, len(raw)))
    assert len(found.tensors) == 300 and found.tensors["layer_217/kernel"].values()[0] == 217
    assert found.attributes["@model_config"] == "x" * 200_000 and found.attributes["@fixed"] == ["one", "three"]
    assert found.attributes["layer_9@weight_names"] == ["kernel_9"]


def test_what_is_kept_in_another_way_is_left_out_and_said(tmp_path: Path) -> None:
    def fill(file: Any) -> None:
        file.create_dataset("good/kernel", data=VALUES)
        file.create_dataset("good/packed", data=VALUES, chunks=(37, 21), compression="lzf")
        file.create_dataset("good/text", data=[b"a", b"b"])
        many = file.create_group("many", track_order=True)
        for k in range(20):
            many.create_dataset(str(k), data=VALUES)

    weights = READER.read(Memory({"m.h5": hdf5(fill)}))
    assert set(weights.tensors) == {"good/kernel"} and len(weights.unread) == 3 and not weights.whole
    assert "3 parts of m.h5 are kept in a way that is not read" in weights.notes[0]


def links(kind: str, folder: Path) -> Callable[[Any], None]:
    def fill(file: Any) -> None:
        file.create_dataset("own", data=VALUES)
        if kind == "external":
            file["g/there"] = h5py.ExternalLink("/etc/passwd", "/x")
        elif kind == "soft":
            file["g/there"] = h5py.SoftLink("/own")
        elif kind == "hard":
            file["g/again"] = file["own"]
        elif kind == "loop":
            file.create_group("g")
            file["g/g"] = file["g"]
        elif kind == "virtual":
            layout = h5py.VirtualLayout((37, 21), "f4")
            layout[:] = h5py.VirtualSource(folder / "other.h5", "x", (37, 21))
            file.create_virtual_dataset("v", layout)
        else:
            file.create_dataset("e", (4, 4), "f4", external=[(str(folder / "secret"), 0, 64)])

    return fill


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("external", "g/there is a link to another"),
        ("soft", "g/there is a link to another"),
        ("hard", "is linked twice"),
        ("loop", "is linked twice"),
        ("virtual", "keeps its values in another file"),
        ("stored outside", "keeps its values in another file"),
    ],
)
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_nothing_leads_out_of_the_file_or_in_a_circle(kind: str, words: str, libver: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x" * 64)
    raw = hdf5(links(kind, tmp_path), libver=libver)
    with refused("m.h5", words):
        READER.read(Memory({"m.h5": raw}))


def test_claims_beyond_the_file_are_refused(deadline: None) -> None:
    def fill(file: Any) -> None:
        file.create_dataset("w", data=VALUES)

    raw = hdf5(fill)
    sizes = b"".join(s.to_bytes(8, "little") for s in VALUES.shape)
    for wrong in ((2**40, 21), (2**60, 2**60), (37, 22)):
        changed = raw.replace(sizes, b"".join(s.to_bytes(8, "little") for s in wrong))
        with refused("m.h5", "too large" if wrong[0] == 2**60 else "claims"):
            READER.read(Memory({"m.h5": changed}))
    huge = hdf5(lambda f: f.create_dataset("w", shape=(2**30, 2**10), dtype="f4", chunks=(64, 64), compression="gzip"))
    with refused("claims 4,398,046,511,104 bytes"):
        READER.read(Memory({"m.h5": huge}))
    empty = hdf5(lambda f: f.create_dataset("w", shape=(64, 64), dtype="f4", chunks=(8, 8)))
    with refused("w"):
        READER.read(Memory({"m.h5": empty})).tensors["w"].values()


def test_a_piece_that_unpacks_to_more_than_it_may_is_refused() -> None:
    raw = hdf5(
        lambda f: f.create_dataset("w", data=np.zeros((64, 64), np.float32), chunks=(64, 64), compression="gzip")
    )
    at = raw.index(b"\x78\x5e") if b"\x78\x5e" in raw else raw.index(b"\x78\x9c")
    broken = raw[:at] + b"\x78\x9c" + b"\xff" * 16 + raw[at + 18 :]
    with refused("m.h5", "dataset w", "unpacked"):
        READER.read(Memory({"m.h5": broken})).tensors["w"].values()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not an HDF5 file"),
        (b"\x89HDF\r\n\x1a\n", "not an HDF5 file"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 90, "other sizes of offsets"),
        (b"\x89HDF\r\n\x1a\n\x07" + b"\0" * 90, "superblock of version 7"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"),
    ],
)
def test_what_is_no_hdf5_file_is_said(raw: bytes, words: str) -> None:
    with refused("m.h5", words):
        READER.read(Memory({"m.h5": raw}))


@pytest.mark.parametrize("name", ["keras", "pieces", "zip"])
def test_damaged_files_are_read_or_refused(name: str, tmp_path: Path, deadline: None) -> None:
    how: dict[str, Any] = {"compression": "gzip"} if name == "pieces" else {}
    raw = write_keras(tmp_path / "m.h5", net(units=8, width=8, tokens=20), **how).read_bytes()
    if name == "zip":
        raw = zipped(raw, keras_config(net()))
    rng = random.Random(1)
    file = "m.keras" if name == "zip" else "m.h5"
    outcomes = set()
    for _ in range(300):
        broken = bytearray(raw)
        for _ in range(rng.choice([1, 1, 3, 10])):
            at = rng.randrange(rng.choice([120, 4_000, len(raw) - 8]))
            broken[at : at + 8] = rng.choice([b"\xff" * 8, bytes(8), rng.randbytes(8), broken[at : at + 8][::-1]])
        if rng.random() < 0.2:
            del broken[rng.randrange(len(broken)) :]
        try:
            for tensor in READER.read(Memory({file: bytes(broken)})).tensors.values():
                tensor.values()
            outcomes.add("read")
        except ForebearError as error:
            assert str(error).isprintable() and file in str(error)
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def zipped(weights: bytes, config: object, how: int = zipfile.ZIP_STORED, name: str = "model.weights.h5") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(config))
        archive.writestr(name, weights)
    return buffer.getvalue()


def test_weights_in_a_zip_are_read_in_their_place(tmp_path: Path) -> None:
    raw = write_keras(tmp_path / "m.h5", net(), config=None).read_bytes()
    (tmp_path / "m.keras").write_bytes(zipped(raw, keras_config(net())))
    plain = read_artifact(LocalSource(write_keras(tmp_path / "whole.h5", net())))
    packed = read_artifact(LocalSource(tmp_path / "m.keras"))
    assert packed.weights.format == "Keras (zip)" and not packed.by_names
    assert packed.names == plain.names
    for name, tensor in plain.weights.tensors.items():
        assert np.array_equal(tensor.values(), packed.weights.tensors[name].values()), name
    with refused("m.keras", "is compressed"):
        READER.read(Memory({"m.keras": zipped(raw, {}, zipfile.ZIP_DEFLATED)}))
    with refused("m.keras", "no model.weights.h5 in it"):
        READER.read(Memory({"m.keras": zipped(raw, {}, name="other.h5")}))
    with refused("m.keras", "damaged zip"):
        READER.read(Memory({"m.keras": zipped(raw, {})[:-30]}))


def test_numbered_variables_of_keras_3_are_those_of_keras_2(tmp_path: Path) -> None:
    model = net(layers=12, units=8, width=8)

    def fill(file: Any) -> None:
        for layer, weights in keras_layers(model, False).items():
            stem = f"layers/{layer.replace('rnn_', 'lstm_')}/{'cell/' if layer.startswith('rnn_') else ''}vars"
            for k, values in enumerate(weights.values()):
                file.create_dataset(f"{stem}/{k}", data=values)
        file.create_dataset("optimizer/vars/0", data=VALUES)

    (tmp_path / "m.keras").write_bytes(zipped(hdf5(fill), keras_config(model)))
    ours = read_artifact(LocalSource(tmp_path / "m.keras"))
    plain = read_artifact(LocalSource(write_keras(tmp_path / "m.h5", model)))
    assert not ours.by_names and ours.names == plain.names and len(ours.names) == 3 + 12 * 12
    for name, tensor in plain.weights.tensors.items():  # lstm_10 stands before lstm_2 in the file
        assert np.array_equal(tensor.values(), ours.weights.tensors[name].values()), name


def test_the_code_of_a_lambda_layer_is_reported_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path / "home"))
    config = keras_config(net())
    nested = {"class_name": "Lambda", "config": {"name": "evil", "function": ["4wEAAAA=", None, None]}}
    config["config"]["layers"].append({"class_name": "TimeDistributed", "config": {"name": "t", "layer": nested}})
    path = write_keras(tmp_path / "m.h5", net(), config=config)
    danger = "m.h5 holds a Lambda layer (evil) whose code would run when loaded"
    assert READER.read(LocalSource(path)).dangers == (danger,)
    found = [f for f in scan(str(path)).findings if f.id == "pickle-unsafe"]
    assert [f.message for f in found] == [f"{danger}. It was not run."]
    assert not READER.read(LocalSource(write_keras(tmp_path / "n.h5", net()))).dangers


@pytest.mark.parametrize("config", ["[1", "{}", "[]", '{"config": {"layers": [1, {"class_name": 2}, null]}}'])
def test_a_configuration_of_any_shape_is_survived(config: str, tmp_path: Path) -> None:
    path = write_keras(tmp_path / "m.h5", net())
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = config
    if config == "[1":
        with refused("model_config is not valid JSON"):
            READER.read(LocalSource(path))
    else:
        assert read_artifact(LocalSource(path)).by_names


def test_a_listed_weight_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    path = write_keras(tmp_path / "m.h5", net())
    with h5py.File(path, "r+") as file:
        del file["model_weights/rnn_1/rnn_1/bias:0"]
    with refused("lists rnn_1/rnn_1/bias:0, which it does not hold"):
        READER.read(LocalSource(path))
