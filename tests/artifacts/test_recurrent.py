"""One recurrent network in every layout: the same roles, values, code and digest; and whose symmetries are believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forebear.artifacts import Artifact, read_artifact
from forebear.inspect import compare
from forebear.signals import fingerprint
from forebear.signals.content import content_digest
from forebear.sources import LocalSource
from models import write_safetensors
from recurrent import Net, keras_config, net, torch_tensors, write_keras, write_onnx, write_torch

pytest.importorskip("h5py", reason="writes Keras files")

LAYOUTS = ("torch", "keras", "cudnn", "keras-pieces", "onnx", "onnx-typed")


def written(layout: str, folder: Path, model: Net) -> Artifact:
    if layout == "torch":
        return opened(write_torch(folder, model))
    if layout.startswith("onnx"):
        return opened(write_onnx(folder, model, how="typed" if layout == "onnx-typed" else "raw"))
    how: dict[str, Any] = {"compression": "gzip", "shuffle": True} if layout == "keras-pieces" else {}
    return opened(write_keras(folder / "weights.h5", model, layout == "cudnn", **how))


def opened(path: Path) -> Artifact:
    return read_artifact(LocalSource(path))


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_every_gate_is_what_was_written(kind: str, tmp_path: Path) -> None:
    model = net(kind, units=20)  # wider than the units: the CuDNN block does not divide into rows
    for layout in LAYOUTS:
        artifact = written(layout, tmp_path / layout, model)
        assert artifact.architecture is not None and artifact.architecture.name == kind, artifact.unknown
        assert not artifact.by_names and not artifact.notes, artifact.notes
        roles = {role: artifact.weights.tensors[name] for role, name in artifact.names.items()}
        assert np.array_equal(roles["embed"].values(), model.embed)
        assert np.array_equal(roles["lm_head"].values(), model.head)
        assert np.array_equal(roles["lm_head.bias"].values(), model.bias)
        for k, layer in enumerate(model.layers):
            for gate, (kernel, recurrent, bias) in layer.items():
                stem = f"layers.{k}.rnn.{gate}"
                assert np.array_equal(roles[stem].values(), kernel), (layout, stem)
                assert np.array_equal(roles[stem].rows(3, 11), kernel[3:11])
                assert np.array_equal(np.concatenate(list(roles[stem].chunks(40))), kernel.ravel())
                assert np.array_equal(roles[f"{stem}.recurrent"].values(), recurrent), (layout, stem)
                assert np.array_equal(roles[f"{stem}.bias"].values(), bias), (layout, stem)
        assert len(roles) == 3 + len(model.layers) * ((4 * 3) if kind == "lstm" else 3 * 3 + 1)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_the_layout_changes_neither_code_nor_digests(kind: str, tmp_path: Path) -> None:
    found = [written(layout, tmp_path / layout, net(kind)) for layout in LAYOUTS]
    marks = [fingerprint(a) for a in found]
    assert len({m.digest for m in marks}) == 1 == len({content_digest(a) for a in found})
    for mark in marks:
        assert np.array_equal(mark.code.bits, marks[0].code.bits) and np.array_equal(
            mark.code.valid, marks[0].code.valid
        )
        assert mark.code.n == 24 + 2 * 32 and not mark.code.repeats
        assert mark.shape == marks[0].shape
    other = written("cudnn", tmp_path / "other", net(kind, seed=1))
    assert fingerprint(other).digest != marks[0].digest


def test_the_layout_does_not_change_the_verdict(tmp_path: Path) -> None:
    base, child = net(units=48, width=48), net(units=48, width=48)
    rng = np.random.default_rng(5)
    drift = {
        f.name: getattr(child, f.name) + 0.1 * rng.standard_normal(getattr(child, f.name).shape).astype(np.float32)
        for f in Net.__dataclass_fields__.values()
        if f.name in ("embed", "head", "bias")
    }
    layers = tuple(
        {g: tuple(p + 0.1 * rng.standard_normal(p.shape).astype(np.float32) for p in v) for g, v in layer.items()}
        for layer in child.layers
    )
    child = Net("lstm", drift["embed"], layers, drift["head"], drift["bias"])  # type: ignore[arg-type]
    write_torch(tmp_path / "base", base)
    write_torch(tmp_path / "twin", net(seed=9, units=48, width=48))
    results = []
    for layout in LAYOUTS:
        written(layout, tmp_path / layout, child)
        results.append(compare(str(tmp_path / "base"), str(tmp_path / layout)))
        assert compare(str(tmp_path / "twin"), str(tmp_path / layout)).verdict == "same_architecture"
    assert {r.verdict for r in results} == {"same_init_or_derived"} and len({r.log10_p for r in results}) == 1
    assert "embedding dimensions, recurrent units" in results[0].evidence[0].summary
    assert results[0].evidence[0].n == 48 + 2 * 48
    assert any("odd functions (tanh)" in c for c in results[0].evidence[0].details["conditions"])
    written("cudnn", tmp_path / "same", base)
    assert compare(str(tmp_path / "base"), str(tmp_path / "same")).verdict == "identical"


def test_both_directions_of_a_layer_are_cells_of_their_own(tmp_path: Path) -> None:
    one, two = net(layers=1, seed=1), net(layers=1, seed=2)
    tensors = torch_tensors(one)
    tensors |= {f"{n}_reverse": t for n, t in torch_tensors(two).items() if n.startswith("rnn.")}
    tensors["decoder.weight"] = np.concatenate([one.head, two.head], axis=1)
    write_safetensors(tmp_path / "model.safetensors", tensors)
    (tmp_path / "config.json").write_text('{"model_type": "lstm"}')
    artifact = opened(tmp_path)
    assert artifact.geometry is not None and artifact.geometry.layers == 2 and not artifact.by_names
    for k, model in enumerate((one, two)):
        kernel = artifact.weights.tensors[artifact.names[f"layers.{k}.rnn.candidate"]]
        assert np.array_equal(kernel.values(), model.layers[0]["candidate"][0])


def believed(path: Path) -> None:
    artifact = opened(path)
    assert artifact.architecture is not None and not artifact.by_names and artifact.architecture.coins


def doubted(path: Path, words: str) -> None:
    """Roles are read, and the coins are not relied on for this reason."""
    artifact = opened(path)
    assert artifact.by_names and artifact.architecture is not None
    assert any(words in note for note in artifact.notes), artifact.notes
    assert fingerprint(artifact).code.repeats


def test_torch_names_alone_do_not_tell_the_wiring(tmp_path: Path) -> None:
    doubted(write_torch(tmp_path / "none", net(), model_type=None), "nothing says how its layers are wired")
    doubted(write_torch(tmp_path / "other", net(), model_type="gru"), "nothing says how its layers are wired")
    folder = write_torch(tmp_path / "more", net())
    write_safetensors(folder / "model.safetensors", torch_tensors(net()) | {"norm.gain": np.ones(32, dtype=np.float32)})
    doubted(folder, "norm.gain may stand between its layers")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"activation": "relu"}, "layer rnn_1 has the activation relu"),
        ({"kernel_constraint": {"class_name": "NonNeg"}}, "layer rnn_1 are constrained"),
    ],
)
def test_a_configuration_is_asked_for_what_breaks_the_symmetry(
    change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    doubted(write_keras(tmp_path / "m.h5", net(), config=keras_config(net(), **change)), words)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("LayerNormalization", "class LayerNormalization may stand"),
        ("Add", "class Add may stand"),
        ("Embedding", "has 2 embeddings"),
        ("Dense", "do not come after its recurrent ones"),
        ("SpatialDropout1D", ""),
        ("Masking", ""),
    ],
)
def test_layers_between_others_are_neutral_or_doubted(kind: str, words: str, tmp_path: Path) -> None:
    config = keras_config(net())
    config["config"]["layers"].insert(2, {"class_name": kind, "config": {"name": "between"}})
    path = write_keras(tmp_path / "m.h5", net(), config=config)
    if words:
        doubted(path, words)
    else:
        believed(path)


def test_behind_the_head_of_a_chain_nothing_matters_and_elsewhere_everything_does(tmp_path: Path) -> None:
    config = keras_config(net())
    config["config"]["layers"].append({"class_name": "Softmax", "config": {"name": "last"}})
    believed(write_keras(tmp_path / "m.h5", net(), config=config))
    doubted(
        write_keras(tmp_path / "f.h5", net(), config=config | {"class_name": "Functional"}), "class Softmax may stand"
    )


def test_a_file_of_weights_vouches_where_it_leaves_no_doubt(tmp_path: Path) -> None:
    plain = ["input_1", "embedding", "dropout_2", "rnn_1", "rnn_2", "output"]
    believed(write_keras(tmp_path / "c.h5", net(), cudnn=True, config=None, names=plain))
    doubted(write_keras(tmp_path / "k.h5", net(), config=None, names=plain), "does not say which activation")
    odd = [*plain[:4], "leaky_re_lu_1", *plain[4:]]
    doubted(write_keras(tmp_path / "o.h5", net(), cudnn=True, config=None, names=odd), "leaky_re_lu_1 may stand")


def test_a_head_that_is_the_embedding_leaves_the_units_no_coins(tmp_path: Path) -> None:
    """Units and embedding dimensions are one generator then: counting both would count a coin twice."""
    tied = net(width=32)
    for name, drop in (("twice", False), ("once", True)):
        tensors = torch_tensors(tied) | {"decoder.weight": tied.embed}
        if drop:
            del tensors["decoder.weight"]
        (tmp_path / name).mkdir()
        write_safetensors(tmp_path / name / "model.safetensors", tensors)
        (tmp_path / name / "config.json").write_text('{"model_type": "lstm"}')
        artifact = opened(tmp_path / name)
        assert artifact.architecture is not None and artifact.architecture.coins == ("residual",)
        assert any("flip with the embedding" in note for note in artifact.notes)
        assert fingerprint(artifact).code.n == 32


@pytest.mark.parametrize("change", ["units", "no embedding", "projection", "plain rnn", "mixed"])
def test_what_is_no_network_of_this_kind_keeps_its_tensors(change: str, tmp_path: Path) -> None:
    model, tensors = net(), torch_tensors(net())
    if change == "units":  # layers of different sizes: read as far as they are alike, and doubted
        tensors |= {n.replace("l0", "l1"): t for n, t in torch_tensors(net(width=32, units=16)).items() if "l0" in n}
        write_safetensors(tmp_path / "model.safetensors", tensors)
        doubted(tmp_path, "differ in size")
        return
    if change == "no embedding":
        del tensors["encoder.weight"]
    if change == "projection":
        tensors["rnn.weight_hr_l0"] = np.ones((8, 32), dtype=np.float32)
    if change == "plain rnn":
        tensors |= {n: t[:32] for n, t in tensors.items() if n.startswith("rnn.")}
    if change == "mixed":
        tensors |= {n: t[: 3 * 32] for n, t in tensors.items() if n.endswith("l1")}
    write_safetensors(tmp_path / "model.safetensors", tensors)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model.kind}))
    artifact = opened(tmp_path)
    assert artifact.architecture is None or artifact.by_names
    assert artifact.architecture is not None or set(artifact.weights.tensors) == set(tensors)


@pytest.mark.filterwarnings("error")
def test_infinities_that_cancel_are_no_number_and_no_warning(tmp_path: Path) -> None:
    model = net()
    tensors = torch_tensors(model)
    one, two = sorted(name for name in tensors if name.endswith(("bias_ih_l0", "bias_hh_l0")))
    tensors[one][:] = np.inf
    tensors[two][:] = -np.inf
    folder = write_torch(tmp_path / "m", model)
    write_safetensors(folder / "model.safetensors", tensors)
    artifact = opened(folder)
    biases = [n for r, n in artifact.names.items() if r.startswith("layers.0.rnn.") and r.endswith(".bias")]
    assert biases and all(np.isnan(artifact.weights.tensors[n].values()).all() for n in biases)


def test_a_strangers_name_is_told_in_one_printable_line(tmp_path: Path) -> None:
    model = net("lstm")
    tensors = {**torch_tensors(model), "rnn_\x00\u202e\n.weight_hh_l0": np.zeros((3, 3), dtype=np.float32)}
    write_safetensors(tmp_path / "model.safetensors", tensors)
    (note,) = [n for n in opened(tmp_path).weights.notes if "belongs to no LSTM or GRU" in n]
    assert note.isprintable()  # found by fuzzing
