"""The reader: which files are read, what they must hold, and what they say besides weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forebear
from forebear.artifacts import read_artifact
from forebear.artifacts.formats import READERS
from forebear.artifacts.formats.gguf import Gguf
from forebear.artifacts.gguf import read_header
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.signals import sign_code
from forebear.signals.content import content_digest
from forebear.signals.declared import declared
from forebear.sources import File, LocalSource
from forebear.types import Verdict
from ggufs import bfloat16, convert, f16, f32, gguf, q2_k, q4_0, q4_k, q8_0
from models import Memory, refused, tiny, tiny_llama

LLAMA = {"general.architecture": "llama", "llama.attention.head_count": 2}
ROWS = np.arange(64.0).reshape(2, 32)


def file(encode: Any = f32, /, **more: Any) -> bytes:
    return gguf({**LLAMA, **more}, {"token_embd.weight": encode(ROWS)})


def part(number: int, count: int, *names: str, total: int | None = None) -> bytes:
    said = {"split.no": number, "split.count": count, "split.tensors.count": len(names) if total is None else total}
    return gguf({**LLAMA, **said}, {n: f32(ROWS) for n in names})


PARTS = {
    "m-00001-of-00002.gguf": part(0, 2, "token_embd.weight", total=2),
    "m-00002-of-00002.gguf": part(1, 2, "output.weight", total=2),
}

# which file


def test_safetensors_come_before() -> None:
    assert [r.name for r in READERS].index("safetensors") < [r.name for r in READERS].index("GGUF")


def test_a_file_is_known_by_its_name_or_its_first_bytes() -> None:
    blob = "sha256-0123abcd"
    assert Gguf().handles(Memory({"M.GGUF": b""}))
    assert Gguf().handles(Memory({"m.gguf": b""}, only="m.gguf"))
    assert Gguf().handles(Memory({blob: file(), "other": b"x"}, only=blob))
    assert not Gguf().handles(Memory({blob: file()}))  # a folder of anything is not opened file by file
    assert not Gguf().handles(Memory({blob: b"GG", "m.gguf": file()}, only=blob))
    assert not Gguf().handles(Memory({"model.safetensors": b""}, only="model.safetensors"))
    assert Gguf().read(Memory({blob: file(), "other": b"x"}, only=blob)).files == (blob,)


def test_of_several_quantisations_the_most_exact_is_read_and_said() -> None:
    files = {
        "m-Q4_0.gguf": file(q4_0),
        "m-F16.gguf": file(f16),
        "m-Q8_0.gguf": file(q8_0),
        "mmproj-F32.gguf": file(f32),
    }
    weights = Gguf().read(Memory(files))
    assert (weights.files, weights.format) == (("m-F16.gguf",), "GGUF (F16)")
    assert weights.notes == ("of 3 GGUF models in the folder the largest was read, m-F16.gguf",)
    named = Gguf().read(Memory(files, only="m-Q4_0.gguf"))
    assert (named.files, named.format, named.notes) == (("m-Q4_0.gguf",), "GGUF (Q4_0)", ())


@pytest.mark.parametrize("only", [None, *PARTS])
def test_the_parts_of_a_split_are_one_model(only: str | None) -> None:
    weights = Gguf().read(Memory(PARTS, only=only))
    assert weights.files == tuple(PARTS)
    assert weights.tensors.keys() == {"model.embed_tokens.weight", "lm_head.weight"}
    np.testing.assert_array_equal(weights.tensors["lm_head.weight"].values(), ROWS)


def test_a_whole_model_is_read_before_one_with_missing_parts() -> None:
    files = {"m-00001-of-00002.gguf": PARTS["m-00001-of-00002.gguf"] + bytes(99), "small.gguf": file(q4_0)}
    assert Gguf().read(Memory(files)).files == ("small.gguf",)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"m-00002-of-00009.gguf": b""}, "m-00001-of-00009.gguf, m-00003-of-00009.gguf, m-00004-of-00009.gguf and 5"),
        ({**PARTS, "m-00002-of-00002.gguf": part(0, 2, "output.weight")}, "says it is part 0, its name says 1"),
        ({**PARTS, "m-00002-of-00002.gguf": part(1, 3, "output.weight")}, "belongs to 3 parts, 2 are here"),
        ({**PARTS, "m-00002-of-00002.gguf": file()}, "belongs to no split, 2 are here"),
        ({"m.gguf": part(0, 2, "output.weight")}, "belongs to 2 parts, 1 are here"),
        ({**PARTS, "m-00001-of-00002.gguf": part(0, 2, "token_embd.weight", total=9)}, "hold 9 tensors, they hold 2"),
        ({**PARTS, "m-00002-of-00002.gguf": part(1, 2, "token_embd.weight")}, "is also in m-00001-of-00002.gguf"),
    ],
)  # fmt: skip
def test_a_split_that_is_none_is_refused(files: dict[str, bytes], words: str) -> None:
    with refused("m", words):
        Gguf().read(Memory(files))


# what it holds


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (gguf({**LLAMA, "tokenizer.ggml.tokens": ["a"]}, {}), "holds a vocabulary without weights"),
        (file(**{"general.type": "adapter"}), "holds an adapter, no model; scan the base model"),
        (file(**{"general.type": "mmproj"}), "a projector for images or sound"),
        (file(**{"general.type": "imatrix"}), "statistics for a quantiser"),
        (gguf(LLAMA, {"t": (99, (2,), bytes(8))}), "tensor t has the unknown type 99 (offset"),
        (gguf(LLAMA, {"t": (9, (32,), bytes(40))}), "tensor t has the type Q8_1, which is not read (offset"),
        (gguf(LLAMA, {"t": (41, (128,), bytes(18))}), "Q1_0, which is not read (offset"),
        (gguf(LLAMA, {"t": (31, (32,), bytes(18))}), "Q4_0_4_4, which is not read (offset"),
        (gguf(LLAMA, {"t": (2, (2, 16), bytes(18))}), "tensor t of shape [2, 16] is no whole blocks of Q4_0"),
        (file()[:-32], "tensor token_embd.weight ends at byte"),
        (gguf(LLAMA, {"a": (0, (16,), b""), "b": f32(ROWS)}), "overlaps a"),
        (gguf(LLAMA, {"a": (0, (2,), bytes(8)), "x": (0, (0,), bytes(64)), "b": f32(ROWS)}), "64 unclaimed bytes"),
    ],
)
def test_what_is_no_model_is_refused(raw: bytes, words: str) -> None:
    with refused("m.gguf: ", words):
        Gguf().read(Memory({"m.gguf": raw}))


def test_bytes_behind_the_last_tensor_are_noted() -> None:
    assert Gguf().read(Memory({"m.gguf": file() + bytes(31)})).notes == ()
    assert Gguf().read(Memory({"m.gguf": file() + bytes(99)})).notes == (
        "99 bytes after its last tensor were not read",
    )


def test_an_unknown_architecture_keeps_its_names_and_says_so() -> None:
    raw = gguf({"general.architecture": "jais", "jais.block_count": 1}, {"blk.0.attn_q.weight": f32(ROWS)})
    weights = Gguf().read(Memory({"m.gguf": raw}))
    assert weights.tensors.keys() == {"blk.0.attn_q.weight"} and weights.config == {"model_type": "jais"}
    assert weights.notes == ("what llama.cpp changes in architecture jais is not known here and not undone",)


def test_names_of_an_unknown_architecture_are_no_disguise(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", 1)
    path = convert(base, tmp_path / "m.gguf")
    path.write_bytes(path.read_bytes().replace(b"llama", b"alpha"))
    index = LocalIndex(tmp_path / "home")
    enrol(str(base), index)
    artifact = read_artifact(LocalSource(path))
    assert artifact.inferred and artifact.disguise == ""
    found = forebear.scan(str(path), index)
    assert [a.name for a in found.ancestors] == ["base"]
    assert "names-disguised" not in [f.id for f in found.findings]


def test_a_damaged_tokenizer_costs_only_itself() -> None:
    weights = Gguf().read(Memory({"m.gguf": file(**{"tokenizer.ggml.tokens": [1, 2]})}))
    assert weights.tokenizer is None
    assert weights.notes == ("its tokenizer was not read: its tokenizer.ggml.tokens are not texts",)


def test_a_damaged_layer_leaves_a_model_that_is_read_by_shapes(tmp_path: Path) -> None:
    path = convert(tiny_llama(tmp_path / "base", 1), tmp_path / "m.gguf")
    path.write_bytes(path.read_bytes().replace(b"attn_output.weight", b"attn_0utput.weight"))
    artifact = read_artifact(LocalSource(path))
    assert artifact.inferred and not artifact.unknown
    assert all(tensor.name == name for name, tensor in artifact.weights.tensors.items())


def test_signalling_nans_are_left_out_without_a_word(tmp_path: Path) -> None:
    path = convert(tiny_llama(tmp_path / "base", 1), tmp_path / "m.gguf")
    raw = bytearray(path.read_bytes())
    raw[-256:] = np.full(64, 0x7F800001, dtype="<u4").tobytes()  # of the output, the last tensor
    at = next(i.start for i in read_header(LocalSource(path), File("m.gguf", len(raw))).tensors if "ffn_up" in i.name)
    raw[at : at + 256] = raw[-256:]
    path.write_bytes(bytes(raw))
    code, _ = sign_code.encode(read_artifact(LocalSource(path)))
    assert int(np.unpackbits(code.valid).sum()) > 0


# what it says


def test_the_metadata_are_the_config_of_the_family() -> None:
    said = {
        "llama.embedding_length": 32,
        "llama.block_count": 4,
        "llama.feed_forward_length": 64,
        "llama.attention.head_count_kv": [1, 1],
        "llama.attention.key_length": 16,
        "llama.rope.dimension_count": 16,
        "llama.rope.freq_base": 500000.0,
        "llama.context_length": 2048,
        "tokenizer.ggml.tokens": ["a", "b", "c"],
    }
    assert Gguf().read(Memory({"m.gguf": file(**said)})).config == {
        "model_type": "llama",
        "hidden_size": 32,
        "num_hidden_layers": 4,
        "intermediate_size": 64,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "rope_theta": 500000.0,
        "max_position_embeddings": 2048,
        "vocab_size": 3,
    }


@pytest.mark.parametrize(
    ("arch", "rotary", "key", "share"),
    [
        ("gptneox", 4, "rotary_pct", 0.25),
        ("gptneox", 16, "rotary_pct", 1.0),
        ("phi2", 6, "partial_rotary_factor", 0.375),
        ("llama", 8, "partial_rotary_factor", 0.5),
        ("llama", 16, "partial_rotary_factor", None),
    ],
)
def test_the_share_that_rotates(arch: str, rotary: int, key: str, share: float | None) -> None:
    said = {"embedding_length": 32, "attention.head_count": 2, "rope.dimension_count": rotary}
    raw = gguf({"general.architecture": arch} | {f"{arch}.{k}": v for k, v in said.items()}, {"t": f32(ROWS)})
    assert Gguf().read(Memory({"m.gguf": raw})).config.get(key) == share


@pytest.mark.parametrize(
    ("said", "scaling"),
    [
        ({}, None),
        ({"type": "none", "factor": 1.0}, None),
        ({"type": "linear", "factor": 4.0}, {"rope_type": "linear", "factor": 4.0}),
        (
            {"type": "yarn", "factor": 4.0, "original_context_length": 4096},
            {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096},
        ),
        ({"type": "yarn", "factor": "four"}, {"rope_type": "yarn"}),
    ],
    ids=str,
)
def test_how_rotary_positions_are_scaled(said: dict[str, object], scaling: dict[str, object] | None) -> None:
    raw = file(**{f"llama.rope.scaling.{key}": value for key, value in said.items()})
    assert Gguf().read(Memory({"m.gguf": raw})).config.get("rope_scaling") == scaling


def test_frequencies_in_tensors_are_told_though_the_family_has_no_such_tensor() -> None:
    tensors = {"token_embd.weight": f32(ROWS), "rope_freqs.weight": f32(ROWS[0])}
    read = Gguf().read(Memory({"m.gguf": gguf({"general.architecture": "llama"}, tensors)}))
    assert "rope_freqs.weight" not in read.tensors
    assert read.config["rope_scaling"] == {"rope_type": "frequencies of the file's own"}


def test_its_origin_becomes_a_claim_that_a_card_overrules(tmp_path: Path) -> None:
    said = {
        "general.license": "llama3",
        "general.base_model.count": 3,
        "general.base_model.0.repo_url": "https://huggingface.co/meta-llama/Llama-3.1-8B",
        "general.base_model.1.name": "Some Model",
        "general.base_model.1.organization": "An Org",
        "general.base_model.2.repo_url": "https://elsewhere.example/a/b\x1b[2J",
        "general.tags": ["text-generation"],
    }
    (tmp_path / "m.gguf").write_bytes(file(**said))
    claims = declared(read_artifact(LocalSource(tmp_path)))
    assert claims.base_models == ("meta-llama/Llama-3.1-8B", "An-Org/Some-Model") and claims.licence == "llama3"
    (tmp_path / "README.md").write_text("---\nbase_model: x/y\n---\n")
    claims = declared(read_artifact(LocalSource(tmp_path)))
    assert claims.base_models == ("x/y",) and claims.licence == "llama3"


# the same model in both formats


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mixtral", "gpt2", "gpt_neox"])
def test_a_converted_model_is_the_same_model(family: str, tmp_path: Path) -> None:
    folder = tiny(family, tmp_path / "m", 5)
    original = read_artifact(LocalSource(folder))
    code, digest = sign_code.encode(original)
    for encode in (f32, bfloat16):
        artifact = read_artifact(LocalSource(convert(folder, tmp_path / f"{encode.__name__}.gguf", encode)))
        assert artifact.names == original.names and artifact.geometry == original.geometry
        assert (artifact.by_names, artifact.unknown, artifact.problems) == (False, "", ())
        same, again = sign_code.encode(artifact)
        assert again == digest and same.layers == code.layers and same.groups == code.groups
        for field in ("bits", "valid", "signature"):
            np.testing.assert_array_equal(getattr(same, field), getattr(code, field))
        assert content_digest(artifact) == content_digest(original)
        assert artifact.tokenizer is not None and original.tokenizer is not None
        assert artifact.tokenizer.digest == original.tokenizer.digest


@pytest.mark.sweep(4)
@pytest.mark.parametrize("encode", [q8_0, q4_0, q4_k, q2_k])
def test_quantised_models_are_found_and_strangers_are_not(encode: Any, tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "home")
    base = tiny_llama(tmp_path / "base", 1, hidden=256, intermediate=512, heads=8, kv_heads=4)
    other = tiny_llama(tmp_path / "other", 2, hidden=256, intermediate=512, heads=8, kv_heads=4)
    enrol(str(base), index)
    child, stranger = (convert(m, tmp_path / f"{m.name}.gguf", encode) for m in (base, other))
    assert all(t.dtype != "F32" for t in Gguf().read(LocalSource(child)).tensors.values() if len(t.shape) > 1)
    found = forebear.scan(str(child), index)
    assert [a.name for a in found.ancestors] == ["base"]
    assert found.verdict in (Verdict.DERIVED, Verdict.DEPENDENT, Verdict.SAME_INIT_OR_DERIVED)
    assert found.ancestors[0].log10_p is not None and found.ancestors[0].log10_p <= -30
    assert forebear.scan(str(stranger), index).ancestors == ()
