"""A small real model for every reader, and which of its files strangers may have damaged."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

import formats
import ggufs
from adapters import trained_pairs, write_adapter
from consolidated import consolidated
from forebear.artifacts import Artifact, read_artifact
from forebear.errors import ForebearError
from forebear.signals import fingerprint
from forebear.sources import open_source
from models import Entry, bf16, tiny_llama, write_safetensors
from quantise import entry, quantised
from recurrent import keras_config, net, part, write_keras, write_onnx

STORE = "store"
"""Where, in the folder that a seed is given, Ollama's models lie; ``OLLAMA_MODELS`` has to say so."""


class Made(NamedTuple):
    """What to read, and the file of it that is damaged."""

    target: str
    file: Path


Seed = Callable[[Path, Path], Made]
"""Makes a model in a folder from a small Llama in another."""


def base_of(folder: Path) -> Path:
    """The model that every seed is made from, below a folder."""
    return tiny_llama(folder / "base", seed=1, layers=2)


def check(made: Made) -> Artifact:
    """Read everything, as a scan and a hash of all values would."""
    artifact = read_artifact(open_source(made.target))
    fingerprint(artifact)
    for tensor in artifact.weights.tensors.values():
        if tensor.readable and tensor.shape:
            for _ in tensor.chunks(1_000_000):
                pass
    return artifact


def refusal(made: Made) -> tuple[str, str]:
    """What comes of a model: ``refused`` and why; or ``read``, or ``told`` and which parts were not read and why."""
    try:
        artifact = check(made)
    except ForebearError as error:
        lines, what = [str(error)], "refused"
    else:
        lines = [*artifact.problems, *artifact.notes, artifact.unknown]
        what = "told" if artifact.problems else "read"
    for line in lines:
        assert not line or (line.isprintable() and len(line) < 2_000), line
    return what, "" if what == "read" else lines[0]


def _file(folder: Path, name: str) -> Made:
    return Made(str(folder), folder / name)


def _plain(name: str, content: bytes = b"", *without: str) -> Seed:
    """A copy with a file of its own, or with one that it has, and without others."""

    def make(folder: Path, base: Path) -> Made:
        out = Path(shutil.copytree(base, folder / "m", ignore=shutil.ignore_patterns(*without)))
        if content:
            (out / name).write_bytes(content)
        return _file(out, name)

    return make


def _written(write: Callable[[Path, Path], Path], name: str) -> Seed:
    """What a writer makes of the model."""

    def make(folder: Path, base: Path) -> Made:
        out = write(base, folder / "m")
        return Made(str(out), out / name if out.is_dir() else out)

    return make


def _packed(scheme: str) -> Seed:
    """Safetensors with weights in several tensors."""
    return lambda folder, base: _file(quantised(base, f"m-{scheme}", scheme), "model.safetensors")


def _gguf_split(folder: Path, base: Path) -> Made:
    """Two parts, the second with the layers."""
    (folder / "m").mkdir()
    config = json.loads((base / "config.json").read_text())
    tensors = ggufs.converted(
        {n: t.values() for n, t in read_artifact(open_source(str(base))).weights.tensors.items()}, config
    )
    for number in (0, 1):
        held = {
            n: ggufs.q8_0(v) if v.ndim > 1 else ggufs.f32(v)
            for n, v in tensors.items()
            if n.startswith("blk") == bool(number)
        }
        said = {"split.no": number, "split.count": 2, "split.tensors.count": len(tensors)}
        more = ggufs.metadata_of(config, None) if number == 0 else {}
        (folder / "m" / f"model-{number + 1:05d}-of-00002.gguf").write_bytes(ggufs.gguf({**more, **said}, held))
    return _file(folder / "m", "model-00002-of-00002.gguf")


def _k_quants(folder: Path, base: Path) -> Made:
    """Q4_K needs rows of 256 values."""
    wide = tiny_llama(folder / "wide", seed=1, layers=1, hidden=256, intermediate=256, vocabulary=64)
    (folder / "m").mkdir()
    return _file(folder / "m", ggufs.convert(wide, folder / "m" / "model.gguf", ggufs.q4_k).name)


def _gpt_oss(folder: Path, base: Path) -> Made:
    """Experts in blocks with a scale each, beside plain tensors."""
    out, rng = Path(shutil.copytree(base, folder / "m")), np.random.default_rng(1)
    stored: dict[str, Entry] = {
        n: ("BF16", list(t.shape), bf16(t.values()))
        for n, t in read_artifact(open_source(str(base))).weights.tensors.items()
    }
    for layer in range(2):
        stem = f"model.layers.{layer}.mlp.experts.gate_up_proj"
        stored[f"{stem}_blocks"] = entry("U8", rng.integers(0, 256, (2, 64, 2, 16)))
        stored[f"{stem}_scales"] = entry("U8", rng.integers(110, 130, (2, 64, 2)))
    write_safetensors(out / "model.safetensors", stored)
    return _file(out, "model.safetensors")


def _keras_zip(folder: Path, base: Path) -> Made:
    """A ``.keras`` file."""
    raw = write_keras(folder / "whole.h5", net(), config=None).read_bytes()
    (folder / "m").mkdir()
    with zipfile.ZipFile(folder / "m" / "model.keras", "w", zipfile.ZIP_STORED) as file:
        file.writestr("config.json", json.dumps(keras_config(net())))
        file.writestr("model.weights.h5", raw)
    return _file(folder / "m", "model.keras")


def _ollama(folder: Path, base: Path) -> Made:
    """A manifest in a store."""
    raw = ggufs.convert(base, folder / "model.gguf", ggufs.q8_0).read_bytes()
    layers = []
    (folder / STORE / "blobs").mkdir(parents=True)
    for kind, content in (("image.model", raw), ("image.license", b"MIT"), ("image.params", b'{"stop": ["<s>"]}')):
        digest = hashlib.sha256(content).hexdigest()
        (folder / STORE / "blobs" / f"sha256-{digest}").write_bytes(content)
        media = f"application/vnd.ollama.{kind}"
        layers.append({"mediaType": media, "digest": f"sha256:{digest}", "size": len(content)})
    manifest = folder / STORE / "manifests/registry.ollama.ai/library/tiny/latest"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "config": layers[0], "layers": layers}))
    return Made("ollama:tiny", manifest)


TOKENS = [bytes([k]) for k in range(256)] + [b" the", "é".encode(), b"\r\n"]
SENTENCEPIECE = b"".join(
    part(1, part(1, text) + b"\x15" + struct.pack("<f", -k) + part(3, kind))
    for k, (text, kind) in enumerate(
        [("<unk>", 2), ("<s>", 3), *((f"<0x{b:02X}>", 6) for b in range(256)), ("▁the", 1)]
    )
) + part(2, part(3, 2) + part(4, 259))
TEKKEN = {
    "config": {"default_vocab_size": 262, "default_num_special_tokens": 3, "version": "v11"},
    "vocab": [
        {"rank": k, "token_bytes": base64.b64encode(t).decode(), "token_str": None} for k, t in enumerate(TOKENS)
    ],
    "special_tokens": [{"rank": k, "token_str": t, "is_control": True} for k, t in enumerate(("<unk>", "<s>", "</s>"))],
}
RANKS = "".join(f"{base64.b64encode(t).decode()} {k}\n" for k, t in enumerate(TOKENS)).encode()
CARD = b"---\nlicense: mit\nbase_model:\n- org/base\ntags: [a, b]\nmodel-index:\n- name: x\n---\n# A model\n"
OTHERS = "tokenizer*"


def _additions(folder: Path, base: Path) -> Made:
    """Tokens beside a vocabulary that does not hold them; where ``tokenizer.json`` is there, nobody asks for them."""
    made = _plain("tokenizer.model", SENTENCEPIECE, OTHERS)(folder, base)
    path = made.file.with_name("tokenizer_config.json")
    path.write_text(json.dumps({"added_tokens_decoder": {"260": {"content": "<x>", "special": True}}}))
    return made._replace(file=path)


def _vocab(folder: Path, base: Path) -> Made:
    """Two files: a vocabulary and its merges."""
    made = _plain("vocab.json", json.dumps({"a": 0, "b": 1, "ab": 2, "Ġ": 3, "Ġa": 4}).encode(), OTHERS)(folder, base)
    made.file.with_name("merges.txt").write_text("#version: 0.2\na b\nĠ a\n")
    return made


SEEDS: dict[str, Seed] = {
    "safetensors": _plain("model.safetensors"),
    "index": _written(formats.sharded, "model.safetensors.index.json"),
    "zip": _written(formats.zipped, "pytorch_model.bin"),
    "legacy": _written(formats.legacy, "pytorch_model.bin"),
    "bin-index": _written(formats.bin_shards, "pytorch_model.bin.index.json"),
    "consolidated": _written(consolidated, "consolidated.safetensors"),
    "params": _written(consolidated, "params.json"),
    "meta": _written(lambda base, out: consolidated(base, out, 2), "consolidated.01.pth"),
    "gguf": _written(formats.gguf_of(ggufs.q4_0), ""),
    "gguf-k": _k_quants,
    "gguf-split": _gguf_split,
    "ollama": _ollama,
    "adapter": lambda folder, base: _file(
        write_adapter(folder / "m", trained_pairs(base)), "adapter_model.safetensors"
    ),
    "adapter-config": lambda folder, base: _file(
        write_adapter(folder / "m", trained_pairs(base)), "adapter_config.json"
    ),
    "keras": lambda folder, base: _file(write_keras(folder / "m" / "model.h5", net()).parent, "model.h5"),
    "keras-zip": _keras_zip,
    "onnx": lambda folder, base: _file(write_onnx(folder / "m", net()), "model.onnx"),
    "config": _plain("config.json"),
    "card": _plain("README.md", CARD),
    **{
        s: _packed(s)
        for s in ("fp8-blocks", "bnb-int8", "bnb-fp4-nested", "gptq-4", "awq", "ct-int4-zeros", "nvfp4-ct")
    },
    "gpt-oss": _gpt_oss,
    "tokenizer": _plain("tokenizer.json"),
    "tokenizer-config": _additions,
    "sentencepiece": _plain("tokenizer.model", SENTENCEPIECE, OTHERS),
    "tekken": _plain("tekken.json", json.dumps(TEKKEN).encode(), OTHERS),
    "tiktoken": _plain("qwen.tiktoken", RANKS, OTHERS),
    "wordpiece": _plain("vocab.txt", b"[PAD]\n[UNK]\n[CLS]\nthe\n##s\n", OTHERS),
    "vocab": _vocab,
    "rwkv": _plain(
        "rwkv_vocab_v20230424.txt", b"".join(b"%d %r %d\n" % (k, t, len(t)) for k, t in enumerate(TOKENS, 1)), OTHERS
    ),
}
"""Every reader: what makes a real model for it."""
