"""ONNX files: initialisers under the names of their modules, in place or beside, and bounded against strangers."""

from __future__ import annotations

import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forebear.artifacts import read_artifact
from forebear.artifacts.formats.onnx import Onnx
from forebear.errors import ForebearError
from forebear.inspect import compare
from forebear.signals import fingerprint
from forebear.signals.content import content_digest
from forebear.sources import LocalSource
from models import Memory, refused, tiny_llama, write_safetensors
from recurrent import initialiser, model_proto, net, node, onnx_parts, part, varint

READER = Onnx()
VALUES = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)


def read(*graph: bytes, **beside: bytes) -> dict[str, Any]:
    return dict(READER.read(Memory({"model.onnx": model_proto(*graph), **beside})).tensors)


@pytest.mark.parametrize("how", ["raw", "typed"])
def test_an_initialiser_with_a_name_stays_as_it_is(how: str) -> None:
    tensor = read(node("MatMul", "/a/MatMul", "x", "a.weight"), initialiser("a.weight", VALUES, how))["a.weight"]
    assert tensor.shape == (6, 4) and np.array_equal(tensor.values(), VALUES)


def test_names_come_from_nodes_and_matrices_are_turned_back() -> None:
    found = read(
        node("MatMul", "/model/layers.0/up/MatMul", "x", "onnx::MatMul_12"),
        node("Gemm", "/head/Gemm", "x", "onnx::Gemm_13", transB=1),
        node("Gemm", "/other/Gemm", "x", "14", transB=0),
        node("MatMul", "MatMul_9", "x", "onnx::MatMul_15"),
        *(
            initialiser(n, VALUES + k)
            for k, n in enumerate(("onnx::MatMul_12", "onnx::Gemm_13", "14", "onnx::MatMul_15"))
        ),
    )
    assert list(found) == ["onnx::MatMul_15", "model.layers.0.up.weight", "head.weight", "other.weight"]
    assert np.array_equal(found["model.layers.0.up.weight"].values(), VALUES.T)
    assert np.array_equal(found["head.weight"].values(), VALUES + 1)
    assert np.array_equal(found["other.weight"].values(), (VALUES + 2).T)
    assert np.array_equal(found["model.layers.0.up.weight"].rows(1, 3), VALUES.T[1:3])


def test_the_module_is_taken_from_what_a_node_says_beside_its_name() -> None:
    def scoped(kind: str, name: str, scopes: str) -> bytes:
        inner = part(1, name) + part(3, "node_1") + part(4, kind)
        return part(1, inner + part(9, part(1, "pkg.torch.onnx.name_scopes") + part(2, scopes)))

    found = read(
        scoped("Gather", "lm_head.weight", "['', 'net', 'net.wte', 'embedding']"),
        scoped("Gather", "bias_table", "['', 'net', 'net.attn', 'embedding_1']"),
        part(1, part(1, "x") + scoped("MatMul", "val_7", "['', 'net', 'net.up', 'linear']")[2:]),
        *(initialiser(n, VALUES + k) for k, n in enumerate(("lm_head.weight", "bias_table", "val_7"))),
    )
    assert set(found) == {"net.wte.weight", "bias_table", "net.up.weight"}
    assert np.array_equal(found["net.wte.weight"].values(), VALUES)
    assert np.array_equal(found["net.up.weight"].values(), (VALUES + 2).T)


def test_a_weight_that_two_nodes_read_has_one_name_and_names_do_not_collide() -> None:
    found = read(
        node("MatMul", "/a/MatMul", "x", "onnx::MatMul_1"),
        node("MatMul", "/b/MatMul", "x", "onnx::MatMul_1"),
        node("MatMul", "/a/MatMul", "x", "onnx::MatMul_2"),
        initialiser("onnx::MatMul_1", VALUES),
        initialiser("onnx::MatMul_2", VALUES + 1),
    )
    assert set(found) == {"a.weight", "onnx::MatMul_2"}
    assert np.array_equal(found["onnx::MatMul_2"].values(), VALUES + 1)


def test_constants_are_weights_only_where_they_are_read_as_such() -> None:
    def constant(name: str) -> bytes:
        tensor = initialiser("", VALUES)[1:]  # without the tag of a graph's initialiser
        attribute = part(5, part(1, "value") + b"\x2a" + tensor + part(20, 4))
        return part(1, part(2, name) + part(3, name) + part(4, "Constant") + attribute)

    found = read(constant("weight"), constant("state"), node("MatMul", "/a/MatMul", "x", "weight"))
    assert set(found) == {"weight"} and np.array_equal(found["weight"].values(), VALUES)


def test_what_an_exporter_worked_out_is_no_weight() -> None:
    found = read(
        node("Add", "node_Add", "x", "mask"),
        node("Mul", "node_Mul", "x", "gain"),
        node("Mul", "node_Mul_2", "x", "net.table"),
        initialiser("mask", VALUES),
        initialiser("gain", VALUES[0]),
        initialiser("net.table", VALUES),
        initialiser("eps", VALUES[0, :1]),
    )
    assert set(found) == {"gain", "net.table"}


def test_nodes_in_branches_are_found() -> None:
    branch = node("MatMul", "/inner/MatMul", "x", "onnx::MatMul_3") + initialiser("own.weight", VALUES)
    chosen = part(1, part(1, "c") + part(3, "/If") + part(4, "If") + part(5, part(1, "then_branch") + part(6, branch)))
    found = read(chosen, initialiser("onnx::MatMul_3", VALUES))
    assert set(found) == {"inner.weight", "own.weight"}
    deep = branch
    for _ in range(12):
        deep = part(1, part(4, "If") + part(5, part(1, "b") + part(6, deep)))
    with refused("nested more than 8 deep"):
        read(deep)


def test_values_beside_the_model_stay_in_its_folder() -> None:
    raw = b"head" + VALUES.tobytes()
    place = {"location": "data.bin", "offset": "4", "length": str(VALUES.nbytes)}
    found = read(initialiser("w", VALUES, "external", **place), **{"data.bin": raw})
    assert np.array_equal(found["w"].values(), VALUES)
    for wrong, words in (
        ({"location": "../data.bin"}, "outside of the model's folder"),
        ({"location": "/etc/passwd"}, "outside of the model's folder"),
        ({"location": "a/../../b"}, "outside of the model's folder"),
        ({"location": "other.bin"}, "lies in other.bin, not there"),
        ({"location": ""}, "lies in no file"),
        ({"offset": "99"}, "ends at byte"),
        ({"offset": "-4"}, "no usable place"),
        ({"length": "9" * 30}, "no usable place"),
        ({"length": "8"}, "needs 96 bytes, has 8"),
    ):
        with refused(words):
            read(initialiser("w", VALUES, "external", **{**place, **wrong}), **{"data.bin": raw})


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "holds no graph"),
        (b"not-a-real-onnx-graph-fixture-32", "ONNX model"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
        (part(7, b""), "its graph holds no weights"),
        (model_proto(initialiser("w", VALUES))[:-5], "truncated or no ONNX model"),
        (part(7, b"\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "ONNX model"),
        (b"\x3a" + b"\xff" * 12, "an integer of more than ten bytes"),
        (model_proto(initialiser("w", VALUES), initialiser("w", VALUES)), "two initialisers called w"),
        (part(7, part(5, part(1, 2**62) + part(1, 2**62) + part(2, 1) + part(8, "w"))), "too large for any file"),
        (part(7, part(5, part(1, 3) + part(2, 1) + part(8, "w") + part(9, b"12345678"))), "needs 12 bytes, has 8"),
        (part(7, part(5, part(1, 1) * 40 + part(2, 1))), "more than 16 dimensions"),
        (part(7, part(5, part(8, b"\xff\xfe"))), "is not UTF-8"),
        (part(7, part(5, part(8, "x" * 70_000))), "which no name has"),
        (b"\x00\x01", "no number"),
    ],
)
def test_what_is_no_model_is_refused_in_one_line(raw: bytes, words: str) -> None:
    with refused("model.onnx", words):
        READER.read(Memory({"model.onnx": raw}))


def test_values_written_one_by_one_are_left_out_and_said() -> None:
    halves = part(5, part(1, 2) + part(2, 10) + part(8, "halves") + part(5, varint(15360) + varint(0)))
    weights = READER.read(Memory({"model.onnx": model_proto(halves, initialiser("w", VALUES))}))
    assert set(weights.tensors) == {"w"} and "1 initialisers keep their values" in weights.notes[0]


def quantised_network(folder: Path, base: Path, seed: int, scale: float = 0.01) -> Path:
    """A model as onnxruntime quantises it: linear layers as integers, with a scale and a zero for each."""
    folder.mkdir()
    rng, graph = np.random.default_rng(seed), list[bytes]()
    for name, tensor in read_artifact(LocalSource(base)).weights.tensors.items():
        if name.endswith("_proj.weight"):
            code, stem = f"{name}_quantized", name.removesuffix(".weight")
            codes = rng.integers(-127, 127, tensor.shape[::-1]).astype(np.int8)
            graph += [
                node("MatMulInteger", f"/{stem}/MatMul_quant", "x", code, "zero", f"{name}_zero_point"),
                initialiser(code, codes),
                initialiser(f"{name}_zero_point", np.zeros(1, np.int8)),
                initialiser(f"{name}_scale", np.full(1, scale, np.float32)),
                node("Mul", f"/{stem}/Mul", "y", f"{name}_scale"),
            ]
        else:
            graph.append(initialiser(name, tensor.values()))
    (folder / "model.onnx").write_bytes(model_proto(*graph))
    for file in ("config.json", "tokenizer.json"):
        (folder / file).write_bytes((base / file).read_bytes())
    return folder


def test_a_quantised_network_is_told_and_its_integers_are_no_weights(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base")
    one, two, scaled = (
        quantised_network(tmp_path / n, base, seed, scale)
        for n, seed, scale in (("a", 1, 0.01), ("b", 2, 0.01), ("c", 1, 0.02))
    )
    artifact = read_artifact(LocalSource(one))
    (note,) = [n for n in artifact.notes if "quantised" in n]
    assert "model.layers.0.mlp.down_proj.weight_quantized" in note and "not read" in note
    assert not artifact.names and not artifact.weights.whole and "not read" in artifact.unknown
    for other in (two, scaled):  # what is read of them is equal, the network is not
        found = compare(str(one), str(other), effort="deep")
        assert not found.verdict.related and not found.related
        assert "weights that are not read cannot be told equal" in [u.why for u in found.coverage.not_tested]


def test_weights_are_stepped_over_and_tiny_fields_do_not_hang(deadline: None) -> None:
    class Counted(Memory):
        read_bytes = 0

        def read(self, path: str, start: int, stop: int) -> bytes:
            self.read_bytes += stop - start
            return super().read(path, start, stop)

    big = np.zeros((1_000, 1_000), dtype=np.float32)
    source = Counted({"model.onnx": model_proto(*(initialiser(f"w{k}", big + k) for k in range(8)))})
    assert len(READER.read(source).tensors) == 8 and source.read_bytes < 40_000
    with refused("holds more than 2,000,000 parts"):
        READER.read(Memory({"model.onnx": part(7, b"\x18\x01" * 2_000_100)}))


def test_the_best_of_several_files_is_read_and_the_choice_is_said() -> None:
    one, two = model_proto(initialiser("a", VALUES)), model_proto(initialiser("b", VALUES))
    weights = READER.read(Memory({"model.onnx": two, "decoder_model.onnx": one, "config.json": b"{}"}))
    assert set(weights.tensors) == {"b"} and weights.notes == ("model.onnx was read; 1 more ONNX files were not",)
    assert not READER.handles(Memory({"x.bin": b""})) and READER.handles(Memory({"X.ONNX": b""}))


def test_damaged_files_are_read_or_refused(deadline: None) -> None:
    raw = model_proto(*onnx_parts(net(units=8, width=8, tokens=20)))
    rng, outcomes = random.Random(2), set()
    for _ in range(400):
        broken = bytearray(raw)
        for _ in range(rng.choice([1, 1, 3, 10])):
            at = rng.randrange(rng.choice([60, 600, len(raw) - 4]))
            broken[at : at + 4] = rng.choice([b"\xff" * 4, bytes(4), rng.randbytes(4)])
        try:
            for tensor in READER.read(Memory({"model.onnx": bytes(broken)})).tensors.values():
                tensor.values()
            outcomes.add("read")
        except ForebearError as error:
            assert str(error).isprintable()
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def exported(folder: Path, out: Path) -> Path:
    """A transformer as PyTorch's exporter writes it: linear layers turned and unnamed, everything else by name."""
    out.mkdir()
    artifact = read_artifact(LocalSource(folder))
    graph: list[bytes] = []
    for k, (name, tensor) in enumerate(artifact.weights.tensors.items()):
        values, module = tensor.values(), name.removesuffix(".weight")
        if name.endswith(("_proj.weight", "lm_head.weight")):
            graph += [
                node(
                    "MatMul",
                    f"/{module.replace('.', '/').replace('layers/', 'layers.')}/MatMul",
                    "x",
                    f"onnx::MatMul_{k}",
                )
            ]
            graph += [initialiser(f"onnx::MatMul_{k}", values.T)]
        else:
            graph += [initialiser(name, values)]
    (out / "model.onnx").write_bytes(model_proto(*graph))
    for file in ("config.json", "tokenizer.json"):
        (out / file).write_bytes((folder / file).read_bytes())
    return out


def same_answers(folder: Path, out: Path, other: Path) -> None:
    one, two = (read_artifact(LocalSource(p)) for p in (folder, exported(folder, out)))
    assert one.names.keys() == two.names.keys() and not two.by_names
    for role, name in one.names.items():
        assert np.array_equal(one.weights.tensors[name].values(), two.weights.tensors[two.names[role]].values()), role
    marks = fingerprint(one), fingerprint(two)
    assert marks[0].digest == marks[1].digest and content_digest(one) == content_digest(two)
    assert np.array_equal(marks[0].code.bits, marks[1].code.bits) and np.array_equal(
        marks[0].code.valid, marks[1].code.valid
    )
    verdicts = [compare(str(other), str(p)) for p in (folder, out)]
    assert verdicts[0].verdict == verdicts[1].verdict and verdicts[0].log10_p == verdicts[1].log10_p
    assert compare(str(folder), str(out)).verdict == "identical"


def test_an_exported_transformer_gives_the_same_answers(tmp_path: Path) -> None:
    same_answers(tiny_llama(tmp_path / "a"), tmp_path / "b", tiny_llama(tmp_path / "c", seed=1))


@pytest.mark.shared
@pytest.mark.parametrize("name", ["dev-llama-1", "dev-qwen2-1"])
def test_zoo_models_exported_give_the_same_answers(name: str, tmp_path: Path) -> None:
    from shared import shared

    models = shared("zoo/models")
    same_answers(models / name, tmp_path / "x", models / "dev-llama-2")


def test_the_onnx_package_reads_what_the_tests_write(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="the format's own package checks our writer")
    model = net()
    (tmp_path / "m.onnx").write_bytes(model_proto(*onnx_parts(model)))
    theirs = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(tmp_path / "m.onnx").graph.initializer}
    ours = READER.read(LocalSource(tmp_path / "m.onnx")).tensors
    assert np.array_equal(theirs["encoder.weight"], ours["encoder.weight"].values())
    assert np.array_equal(theirs["onnx::RNN_100"], ours["rnn/LSTM/W"].values())
    assert np.array_equal(theirs["onnx::MatMul_200"].T, ours["decoder.weight"].values())
    assert len(theirs) == len(ours)


@pytest.mark.torch
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("both", [False, True])
def test_pytorchs_own_exporter_changes_nothing(kind: str, both: bool, tmp_path: Path) -> None:
    torch: Any = pytest.importorskip("torch", reason="exports a network")
    pytest.importorskip("onnx", reason="PyTorch's exporter needs it")

    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.encoder = torch.nn.Embedding(40, 12)
            self.rnn = getattr(torch.nn, kind)(12, 16, 2, batch_first=True, bidirectional=both)
            self.decoder = torch.nn.Linear(32 if both else 16, 40)

        def forward(self, ids: Any) -> Any:
            return self.decoder(self.rnn(self.encoder(ids))[0])

    network, ids = Network(), torch.zeros(1, 7, dtype=torch.long)
    for name in ("torch", "onnx"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(f'{{"model_type": "{kind.lower()}"}}')
    write_safetensors(tmp_path / "torch/model.safetensors", {n: w.numpy() for n, w in network.state_dict().items()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (ids,), str(tmp_path / "onnx/model.onnx"), dynamo=False)
    one, two = (read_artifact(LocalSource(tmp_path / name)) for name in ("torch", "onnx"))
    assert one.names == two.names and not one.by_names and not two.by_names
    assert fingerprint(one).digest == fingerprint(two).digest and content_digest(one) == content_digest(two)
