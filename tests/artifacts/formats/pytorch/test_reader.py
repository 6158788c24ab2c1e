"""Whole PyTorch models: every form is the model that its safetensors are; which file and dictionary is read."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import forebear
from edits import drifted
from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.formats import READERS
from forebear.artifacts.formats.pytorch import PyTorch, read_tensors
from forebear.artifacts.text import LFS_POINTER
from forebear.errors import ForebearError, FormatError
from forebear.signals import fingerprint
from forebear.signals.content import content_digest
from forebear.sources import File, LocalSource
from forebear.types import Verdict
from models import Memory, refused, tiny, tiny_llama
from shared import shared
from torch_files import Array, Call, Name, New, array, converted, legacy_bytes, loaded, turned, zip64_bytes, zip_bytes

ONES = np.ones((2, 3), dtype=np.float32)
FORMS: dict[str, Callable[..., Path]] = {
    "zip": converted,
    "zip64": partial(converted, write=zip64_bytes),
    "legacy": partial(converted, write=legacy_bytes),
    "sharded": partial(converted, shards=3),
    "legacy shards": partial(converted, shards=2, write=legacy_bytes),
    "turned": partial(converted, wrap=lambda held: {n: turned(t) for n, t in held.items()}),
    "nested": partial(converted, wrap=lambda held: {"epoch": 3, "state_dict": held, "optimizer": {"state": {}}}),
    "wrapped": partial(converted, wrap=lambda held: {f"module.{n}": t for n, t in held.items()}),
}


def check_same(ours: Artifact, theirs: Artifact, names: bool = True) -> None:
    """Same roles, same values of every tensor, same code and digests."""
    assert ours.names.keys() == theirs.names.keys() and (ours.names == theirs.names or not names)
    assert ours.geometry == theirs.geometry and ours.architecture == theirs.architecture
    for role, name in theirs.names.items():
        one, two = ours.weights.tensors[ours.names[role]], theirs.weights.tensors[name]
        assert (one.dtype, one.shape) == (two.dtype, two.shape)
        assert np.array_equal(one.values(), two.values(), equal_nan=True), role
    a, b = fingerprint(ours), fingerprint(theirs)
    assert a.digest == b.digest and a.dtype == b.dtype
    assert np.array_equal(a.code.bits, b.code.bits) and np.array_equal(a.code.valid, b.code.valid)
    assert content_digest(ours) == content_digest(theirs)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("family", ["llama", "qwen2", "mixtral", "gpt2", "gpt_neox"])
def test_every_form_is_the_model_that_the_safetensors_are(form: str, family: str, tmp_path: Path) -> None:
    base = tiny(family, tmp_path / "base")
    out = FORMS[form](base, tmp_path / "out")
    ours, theirs = read_artifact(LocalSource(out)), read_artifact(LocalSource(base))
    assert ours.weights.format == "PyTorch" and not ours.weights.dangers
    check_same(ours, theirs, names=form != "wrapped")
    assert any("['state_dict']" in n for n in ours.notes) == (form == "nested")


@pytest.mark.parametrize("form", ["zip", "legacy", "sharded", "turned"])
def test_verdicts_do_not_depend_on_the_form(form: str, tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base")
    child, twin = drifted(base, "child", 0.1), tiny_llama(tmp_path / "twin", seed=9)
    held = FORMS[form](child, tmp_path / "out"), FORMS[form](twin, tmp_path / "other")
    assert forebear.compare(str(base), str(FORMS[form](base, tmp_path / "same"))).verdict is Verdict.IDENTICAL
    for form_of, plain in zip(held, (child, twin), strict=True):
        ours, theirs = forebear.compare(str(base), str(form_of)), forebear.compare(str(base), str(plain))
        assert (ours.verdict, ours.log10_p, ours.related) == (theirs.verdict, theirs.log10_p, theirs.related)
    assert forebear.compare(str(base), str(held[0])).related is True
    assert forebear.compare(str(base), str(held[1])).related is None


@pytest.mark.shared
@pytest.mark.parametrize("form", ["zip", "legacy", "sharded", "turned"])
def test_the_zoo_reads_the_same_in_every_form(form: str, tmp_path: Path) -> None:
    seen = 0
    for folder in sorted((shared("zoo") / "models").iterdir()):
        if (folder / "model.safetensors").exists():
            out = FORMS[form](folder, tmp_path / folder.name)
            check_same(read_artifact(LocalSource(out)), read_artifact(LocalSource(folder)))
            shutil.rmtree(out)
            seen += 1
    assert seen == 28


@pytest.mark.sweep(2)
@pytest.mark.shared
@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_the_zoo_has_the_same_verdicts_in_every_form(form: str, tmp_path: Path) -> None:
    zoo = shared("zoo") / "models"
    for child in ("dev-llama-1-ft-long", "dev-llama-1-cpt-extreme", "dev-llama-2", "dev-mixtral-1-ft", "dev-qwen2-1"):
        out = FORMS[form](zoo / child, tmp_path / child)
        for base in ("dev-llama-1", "dev-mixtral-1", "dev-qwen2-1"):
            ours, theirs = (forebear.compare(str(zoo / base), str(c)) for c in (out, zoo / child))
            assert (ours.verdict, ours.log10_p, ours.related) == (theirs.verdict, theirs.log10_p, theirs.related)


@pytest.mark.shared
def test_real_checkpoints_of_others() -> None:
    folder = shared("artefacts")
    model = read_artifact(LocalSource(folder / "repositories" / "Herutriana44__TinyPeLLM"))
    assert (model.weights.format, len(model.weights.tensors), model.weights.dangers) == ("PyTorch", 24, ())
    assert all(np.isfinite(t.values()).all() for t in model.weights.tensors.values())
    with refused("rng_state.pth: holds no dictionary of named tensors"):
        read_artifact(LocalSource(folder / "repositories" / "Tashu014__lora-imdb-distilbert" / "rng_state.pth"))
    for path in ("weights/stories260K/stories260K.fp32.bin", "tokenizers/llama3/tokenizer_l3.llama2c.bin"):
        with refused("no torch checkpoint: it begins with", "llama2.c"):
            read_artifact(LocalSource(folder / path))


def read(value: Any, write: Callable[[Any], bytes] = zip_bytes) -> Any:
    raw = write(value)
    return read_tensors(Memory({"m.bin": raw}), File("m.bin", len(raw)))


@pytest.mark.parametrize("write", [zip_bytes, legacy_bytes])
def test_tied_tensors_share_their_bytes(write: Callable[[Any], bytes]) -> None:
    shared_bytes = array(ONES)
    part = read({"a": shared_bytes, "b": shared_bytes, "c": ONES * 2}, write)
    a, b, c = (part.tensors[n] for n in "abc")
    assert a.start == b.start != c.start and a.values().tolist() == b.values().tolist() == ONES.tolist()


def test_tensors_without_names_stand_in_the_order_of_the_program(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", layers=3)
    held = loaded(base)

    def opaque(held: dict[str, Array]) -> dict[str, Array]:
        return {f"x{hash_of(n)}": t for n, t in held.items()}

    out = converted(base, tmp_path / "out", write=lambda value: resorted(zip_bytes(value)), wrap=opaque)
    ours, theirs = read_artifact(LocalSource(out)), read_artifact(LocalSource(base))
    order = sorted(ours.weights.tensors.values(), key=lambda t: t.place)
    assert [t.name for t in order] == list(opaque(held))
    assert [t.name for t in sorted(order, key=lambda t: t.start)] != list(opaque(held))
    assert ours.inferred and ours.geometry is not None and ours.geometry.layers == 3
    for role in ("layers.2.attn.v", "layers.1.mlp.down", "layers.0.attn.o"):
        one, two = (a.weights.tensors[a.names[role]] for a in (ours, theirs))
        assert np.array_equal(one.values(), two.values())


def hash_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest().translate(str.maketrans("0123456789", "ghijklmnop"))[:12]


def resorted(raw: bytes) -> bytes:
    """A zip file with its entries sorted by name, as torch writes them: 0, 1, 10, 2."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(out, "w") as new:
        for name in sorted(old.namelist()):
            new.writestr(name, old.read(name))
    return out.getvalue()


@pytest.mark.parametrize("write", [zip_bytes, legacy_bytes])
def test_every_dtype(write: Callable[[Any], bytes]) -> None:
    raw = bytes(range(48))
    kinds = {"F32": 4, "F64": 8, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "U16": 2}
    part = read({k: Array(k, (48 // w,), bytes(bytearray(raw))) for k, w in kinds.items()}, write)
    assert {n: t.dtype for n, t in part.tensors.items()} == {k: k for k in kinds}
    assert all(t.stored(0, t.nbytes) == raw for t in part.tensors.values())


def module(parameters: dict[str, Any], **modules: Any) -> Any:
    state = {"_parameters": parameters, "_buffers": {}, "_modules": modules, "training": False}
    return New(Name("torch.nn.modules.container", "Sequential"), (), state)


def test_where_the_model_lies_in_a_checkpoint() -> None:
    big = {"w": ONES, "b": ONES[0]}
    small = {"exp_avg": ONES}
    ema = {"w": ONES * 2, "b": ONES[0]}
    for value, where in (
        (big, ""),
        ({"model": big}, "['model']"),
        ({"a": {"b": {"c": big}}, "x": small}, "['a']['b']['c']"),
        ({"model": big, "ema": ema}, "['model']"),
        ({"optimizer": {"all": {"m": ONES, "v": ONES, "w": ONES}}, "model": big}, "['model']"),
        ({"hyper_parameters": New(Name("a", "B"), (), small), "state_dict": big}, "['state_dict']"),
    ):
        part = read(value)
        assert sorted(part.tensors) == ["b", "w"] and part.tensors["w"].values().tolist() == ONES.tolist()
        assert [n for n in part.notes if "the model is its entry" in n] == (
            [f"m.bin: the model is its entry {where}"] if where else []
        )


def test_a_whole_module_gives_the_names_that_its_state_dict_has() -> None:
    part = read(module({}, **{"0": module({"weight": ONES}), "1": module({"weight": ONES * 2, "bias": None})}))
    assert {n: t.values()[0, 0] for n, t in part.tensors.items()} == {"0.weight": 1, "1.weight": 2}
    assert part.notes == (
        "m.bin makes objects of torch.nn.modules.container.Sequential, classes that are not known here; "
        "they were passed over",
    )


@pytest.mark.parametrize(
    "value", [{}, {"lr": 0.1}, [ONES], array(ONES), {1: ONES}, {"cpu": Array("U8", (4,), b"1234")}]
)
def test_what_holds_no_model_is_refused(value: Any) -> None:
    with refused("m.bin: holds no dictionary of named tensors", "state_dict()"):
        read(value)


def test_tensors_may_not_claim_the_same_bytes_without_end() -> None:
    held = Array("F32", (1000,), np.ones(1000, dtype="<f4").tobytes())
    assert len(read({str(k): held for k in range(20)}).tensors) == 20
    with refused("m.bin: its tensors claim 400,000,000 bytes, the file has"):
        read({"a": Array("F32", (100_000, 1000), held.raw, (0, 1))})


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "no torch checkpoint: it begins with nothing"),
        (b"\0" * 600, "begins with zeros"),
        (LFS_POINTER + b".com/spec/v1\n", "a Git LFS pointer"),
        (b"\0" * 257 + b"ustar\x0000" + b"\0" * 300, "a tar checkpoint of a torch before 0.1.10"),
        (b"\x80\x04N.", "a plain pickle, not a torch checkpoint"),
        (legacy_bytes({"a": ONES}, little=False), "was saved on a big-endian machine"),
        (legacy_bytes({"a": ONES})[:-1], "ends at byte"),
        (legacy_bytes({"a": ONES})[:-30], "ends before storage 0"),
        (legacy_bytes({"a": ONES})[:100], "are left"),
        (legacy_bytes({"a": ONES}).replace(b"X\x01\x00\x00\x000e.", b"X\x01\x00\x00\x001e."), "is of no known type"),
        (legacy_bytes({"a": ONES}).replace(b"\xe9\x03", b"\xe8\x03"), "not a legacy torch checkpoint after all"),
    ],
)
def test_what_is_no_checkpoint_is_refused_with_its_reason(raw: bytes, words: str) -> None:
    with refused("m.bin: ", words):
        read(raw, bytes)


LEGACY = legacy_bytes({"a": ONES, "b": Array("F32", (3, 2), ONES.tobytes(), (1, 3))})


@given(
    st.lists(st.tuples(st.integers(0, len(LEGACY) - 1), st.integers(0, 255)), max_size=6), st.integers(0, len(LEGACY))
)
def test_mutated_legacy_files_are_read_or_refused(edits: list[tuple[int, int]], length: int) -> None:
    for raw in (bytearray(LEGACY), bytearray(LEGACY[:length])):
        for at, value in edits:
            if at < len(raw):
                raw[at] = value
        try:
            for tensor in read(bytes(raw), bytes).tensors.values():
                tensor.values()
        except FormatError as error:
            assert str(error).isprintable()


# which files


def test_the_index_decides_and_missing_or_unfetched_shards_are_named(tmp_path: Path) -> None:
    out = converted(tiny_llama(tmp_path / "base", layers=1), tmp_path / "out", shards=3)
    (out / "training_args.bin").write_bytes(zip_bytes({"lr": 0.1}))
    shards = [f"pytorch_model-0000{k}-of-00003.bin" for k in (1, 2, 3)]
    assert PyTorch().read(LocalSource(out)).files == tuple(shards)
    assert PyTorch().read(LocalSource(out / "pytorch_model.bin.index.json")).files == tuple(shards)
    index = out / "pytorch_model.bin.index.json"
    text = index.read_text()
    index.unlink()
    assert PyTorch().read(LocalSource(out)).files == tuple(shards)  # their names say that they belong together
    (out / shards[1]).rename(tmp_path / "kept")
    with refused("a shard whose others are not there: pytorch_model-00002-of-00003.bin", "fetch the missing shards"):
        PyTorch().read(LocalSource(out))
    index.write_text(text)
    with refused("pytorch_model.bin.index.json: names files that are not there: pytorch_model-00002-of-00003.bin"):
        PyTorch().read(LocalSource(out))
    (out / shards[1]).write_bytes(LFS_POINTER + b".com/spec/v1\noid sha256:0\nsize 5\n")
    with refused("pytorch_model-00002-of-00003.bin: a Git LFS pointer", "git lfs pull"):
        PyTorch().read(LocalSource(out))
    index.write_text(json.dumps({"weight_map": {"a": "../evil.bin"}}))
    with refused("names files that are not there: ../evil.bin"):
        PyTorch().read(LocalSource(out))


def test_a_number_in_a_name_need_not_be_a_shards(tmp_path: Path) -> None:
    for name in ("model-00000-of-00000.bin", "model-00007-of-00003.bin"):
        (tmp_path / name).write_bytes(zip_bytes({"a": ONES}))
        assert PyTorch().read(LocalSource(tmp_path)).files == (name,)
        (tmp_path / name).unlink()
    for k in (0, 1):
        (tmp_path / f"part_0000{k}-of-00002.pt").write_bytes(zip_bytes({f"t{k}": ONES}))
    assert len(PyTorch().read(LocalSource(tmp_path)).tensors) == 2


def test_the_same_tensor_in_two_shards_is_refused(tmp_path: Path) -> None:
    for k in (1, 2):
        (tmp_path / f"pytorch_model-0000{k}-of-00002.bin").write_bytes(zip_bytes({"a": ONES}))
    with refused("tensor a is also in pytorch_model-00001-of-00002.bin"):
        PyTorch().read(LocalSource(tmp_path))


def test_of_several_files_the_usual_one_or_the_largest_is_read(tmp_path: Path) -> None:
    (tmp_path / "small.pt").write_bytes(zip_bytes({"a": ONES}))
    (tmp_path / "large.ckpt").write_bytes(zip_bytes({"state_dict": {"a": ONES, "b": ONES}}))
    (tmp_path / "optimizer.pt").write_bytes(zip_bytes({"a": np.ones((99, 99), dtype=np.float32)}))
    found = PyTorch().read(LocalSource(tmp_path))
    assert found.files == ("large.ckpt",)
    assert found.notes[0] == "large.ckpt was read; small.pt and others may hold models too"
    assert PyTorch().read(LocalSource(tmp_path / "small.pt")).files == ("small.pt",)
    (tmp_path / "pytorch_model.bin").write_bytes(zip_bytes({"c": ONES}))
    found = PyTorch().read(LocalSource(tmp_path))
    assert (found.files, found.notes) == (("pytorch_model.bin",), ())


def test_names_alone_do_not_make_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "stories.bin").write_bytes(b"\x40\0\0\0" * 9)
    (tmp_path / "training_args.bin").write_bytes(zip_bytes({"lr": 0.1}))
    assert not PyTorch().handles(LocalSource(tmp_path))
    (tmp_path / "weights.bin").write_bytes(LFS_POINTER)
    assert PyTorch().handles(LocalSource(tmp_path)) and PyTorch().handles(LocalSource(tmp_path / "stories.bin"))
    assert [r.name for r in READERS if r.handles(LocalSource(tmp_path))] == ["PyTorch"]


def test_safetensors_are_preferred_and_the_rest_is_said(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", layers=1)
    (base / "pytorch_model.bin").write_bytes(zip_bytes({"a": ONES}))
    artifact = read_artifact(LocalSource(base))
    assert artifact.weights.files == ("model.safetensors",)
    assert "safetensors was read; it also holds PyTorch, which was not" in artifact.notes


@pytest.mark.parametrize("module", [False, True])
def test_models_that_differ_in_weights_that_are_not_read_are_not_called_identical(module: bool, tmp_path: Path) -> None:
    """What ``torch.quantize_per_tensor`` has made is no tensor of plain values; the rest of the two models is equal."""
    base = tiny_llama(tmp_path / "base")

    def quantised(number: int) -> Callable[[dict[str, Any]], Any]:
        def wrap(held: dict[str, Any]) -> Any:
            made = Call(Name("torch._utils", "_rebuild_qtensor"), (number, 0, (2, 3)))
            held = {n: made if n.endswith("up_proj.weight") else t for n, t in held.items()}
            state = {"_modules": {}, "_parameters": held, "_buffers": {}}
            return New(Name("some.model", "Llama"), (), state) if module else held

        return wrap

    one, two = (converted(base, tmp_path / str(k), wrap=quantised(k)) for k in (1, 2))
    assert any(name.endswith("layers.0.mlp.up_proj.weight") for name in read_artifact(LocalSource(one)).weights.unread)
    found = forebear.compare(str(one), str(two), effort="deep")
    assert found.verdict is not Verdict.IDENTICAL
    assert "weights that are not read cannot be told equal" in [u.why for u in found.coverage.not_tested]


@pytest.mark.parametrize("write", [zip_bytes, legacy_bytes])
def test_what_stands_beside_the_tensors_is_said(write: Callable[[Any], bytes]) -> None:
    inner = Call(Name("torch.storage", "_load_from_bytes"), (legacy_bytes(Call(Name("os", "system"), ("id",))),))
    part = read({"w": ONES, "args": New(Name("argparse", "Namespace"), (), {"lr": 0.1}), "inner": inner}, write)
    assert part.tensors.keys() == {"w"} and part.unread == {"args", "inner"}
    assert part.notes == (
        "m.bin: 2 entries beside its tensors could not be read and are left out",
        "m.bin: also holds argparse.Namespace, passed over",
    )
    assert len(part.dangers) == 1 and part.dangers[0].startswith("m.bin calls os.system (byte ")
    assert "of a pickle in the pickle)" in part.dangers[0]


def test_errors_of_a_checkpoint_that_attacks_say_so() -> None:
    with refused("m.bin: holds no dictionary of named tensors; its pickle calls os.system (byte ", "do not load it"):
        read({"x": Call(Name("os", "system"), ("id",))})


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "m.bin"
    path.write_bytes(zip_bytes({"a": ONES}))
    source = LocalSource(path)
    path.unlink()
    with pytest.raises(ForebearError):
        PyTorch().read(source)
