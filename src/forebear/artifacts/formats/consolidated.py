"""Consolidated checkpoints as Meta and Mistral publish them: weights under their programs' names, and ``params.json``.

``consolidated.00.pth`` and so on are parts for as many devices (github.com/meta-llama/llama, fairscale's layers): most
matrices are cut by rows, those that gather by columns, norms are in every part. Mistral writes
``consolidated.safetensors`` (github.com/mistralai/mistral-inference), whole or in shards. Both keep the rows of queries
and keys with the two dimensions of a rotating plane side by side; Hugging Face's files have them half a head apart.
The tensors are given the names and the order of rows that they have there, so that one model has one fingerprint.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.base import Tensor, Weights
from forebear.artifacts.formats.names import PARAMS, PART, SHARD, WHOLE, consolidated
from forebear.artifacts.formats.pytorch import read_tensors
from forebear.artifacts.formats.safetensors import read_header
from forebear.artifacts.text import load_json, read_whole
from forebear.errors import FormatError, InputError, one_line
from forebear.sources import File, Source

MAX_PARAMS = 1_000_000
MAX_SIZE = 2**32
_LAYER = re.compile(r"layers\.(\d+)\.(.+)\Z")
_EXPERT = re.compile(r"feed_forward\.experts\.(\d+)\.(w[123])\.weight\Z")
_DERIVED = re.compile(r"rope\.freqs\Z|.*\.rope\.freqs\Z")
"""Tables that the program computes anew from the size of a head; no weights."""

_TOP = {
    "tok_embeddings.weight": "model.embed_tokens.weight",
    "norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_IN_LAYER = {
    "attention_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attention.wq": "self_attn.q_proj",
    "attention.wk": "self_attn.k_proj",
    "attention.wv": "self_attn.v_proj",
    "attention.wo": "self_attn.o_proj",
    "feed_forward.w1": "mlp.gate_proj",
    "feed_forward.w2": "mlp.down_proj",
    "feed_forward.w3": "mlp.up_proj",
    "feed_forward.gate": "block_sparse_moe.gate",
}
_REPLICATED = ("norm.weight", "attention_norm.weight", "ffn_norm.weight", "gate.weight", "wo.bias", "w2.bias")
_BY_COLUMNS = ("attention.wo.weight", "w2.weight")
_ROTATING = ("attention.wq.", "attention.wk.")


class Consolidated:
    """The reader of ``consolidated.*``."""

    name = "consolidated checkpoint"

    def handles(self, source: Source) -> bool:
        """True for a directory with such files, and for a named one of them, which stands for all."""
        files = [f.path for f in source.files()]
        return any(consolidated(n, files) for n in ([source.only] if source.only else files))

    def read(self, source: Source) -> Weights:
        """All parts, put together and renamed.

        Raises:
            FormatError: a file is damaged, or parts contradict each other or ``params.json``.
            InputError: parts are missing.
        """
        sizes = {f.path: f.size for f in source.files()}
        params = _params(source)
        paths = _parts(source, sizes)
        notes: list[str] = []
        dangers: list[str] = []
        held: dict[str, list[Tensor]] = {}
        unread: frozenset[str] = frozenset()
        for path in paths:
            if path.endswith(".pth"):
                part = read_tensors(source, File(path, sizes[path]))
                notes += part.notes
                dangers += part.dangers
                unread |= part.unread
                tensors = part.tensors
            else:
                tensors = read_header(source, File(path, sizes[path]))
            for name, tensor in tensors.items():
                held.setdefault(name, []).append(tensor)
        out: dict[str, Tensor] = {}
        strange: list[str] = []
        for name, parts in held.items():
            if _DERIVED.match(name):
                _check_frequencies(name, parts[0], params)
                continue
            new = renamed(name)
            if new is None:
                strange.append(name)
                continue
            whole = _joined(name, parts, len(paths) if paths[0].endswith(".pth") else 1, params)
            out[new] = _unrotated(name, whole, params)
        if strange:
            first = one_line(strange[0], 80)
            notes.append(f"{len(strange)} tensors of names unknown in such files are left out, the first is {first}")
        if not out:
            raise FormatError(paths[0], "holds no tensors of a consolidated checkpoint", "is it of another program?")
        notes.append(f"{paths[0]}: names, and the order of query and key rows, were changed to those of Hugging Face")
        return Weights(
            self.name,
            out,
            paths,
            _config(params, out),
            notes=tuple(notes),
            dangers=tuple(dangers),
            unread=frozenset(strange) | unread,
        )


@dataclass(frozen=True)
class Params:
    """What ``params.json`` says, as far as it is needed to read tensors.

    Attributes:
        dim: residual width.
        heads, kv_heads, head_dim: of the attention.
        raw: all of it.
    """

    dim: int
    heads: int
    kv_heads: int
    head_dim: int
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class Joined(Tensor):
    """A tensor whose parts lie in several files.

    Attributes:
        parts: in order.
        axis: along which they follow one another, 0 or 1.
    """

    parts: tuple[Tensor, ...]
    axis: int

    def stored(self, start: int, stop: int) -> bytes:
        """See :meth:`Tensor.stored`."""
        return _cut(self, start, stop, self._rows)

    def _rows(self, first: int, last: int) -> NDArray[np.uint8]:
        if self.axis == 1:
            return np.concatenate([_raw_rows(p, first, last) for p in self.parts], axis=1)
        pieces, before = [], 0
        for part in self.parts:
            a, b = max(first - before, 0), min(last - before, part.shape[0])
            before += part.shape[0]
            if a < b:
                pieces.append(_raw_rows(part, a, b))
        return np.concatenate(pieces)


@dataclass(frozen=True)
class Unrotated(Tensor):
    """Rows of queries or keys in Hugging Face's order, over a tensor in Meta's.

    Attributes:
        inner: in which the rows 2i and 2i + 1 of a head rotate together; here i and i + head_dim / 2.
        head_dim: rows of a head.
    """

    inner: Tensor
    head_dim: int

    def stored(self, start: int, stop: int) -> bytes:
        """See :meth:`Tensor.stored`; reads whole heads."""
        return _cut(self, start, stop, self._rows)

    def _rows(self, first: int, last: int) -> NDArray[np.uint8]:
        size = self.head_dim
        begin, end = first // size * size, -(-last // size) * size
        heads = _raw_rows(self.inner, begin, end).reshape((end - begin) // size, size // 2, 2, -1)
        return heads.swapaxes(1, 2).reshape(end - begin, -1)[first - begin : last - begin]


def renamed(name: str) -> str | None:
    """Hugging Face's name of a tensor, None where such files have no such tensor."""
    if name in _TOP:
        return _TOP[name]
    if (match := _LAYER.match(name)) is None:
        return None
    layer, rest = match.groups()
    if expert := _EXPERT.match(rest):
        return f"model.layers.{layer}.block_sparse_moe.experts.{expert[1]}.{expert[2]}.weight"
    stem, _, kind = rest.rpartition(".")
    return (
        f"model.layers.{layer}.{_IN_LAYER[stem]}.{kind}" if stem in _IN_LAYER and kind in ("weight", "bias") else None
    )


def _params(source: Source) -> Params:
    if PARAMS not in {f.path for f in source.files()}:
        raise InputError(f"{source.target}: a consolidated checkpoint without {PARAMS}", f"fetch its {PARAMS} too")
    data = load_json(read_whole(source, PARAMS, MAX_PARAMS), PARAMS)
    if not isinstance(data, dict):
        raise FormatError(PARAMS, "is not a JSON object", "fetch the model's own params.json")

    def size(key: str, default: int | None = None) -> int:
        value = data.get(key, default)
        if value is None and default is not None:
            value = default
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < MAX_SIZE:
            raise FormatError(PARAMS, f"its {key} is no size", "fetch the model's own params.json")
        return value

    dim, heads = size("dim"), size("n_heads")
    head_dim = size("head_dim", max(1, dim // heads))
    return Params(dim, heads, size("n_kv_heads", heads), head_dim, data)


def _parts(source: Source, sizes: Mapping[str, int]) -> tuple[str, ...]:
    """The files of the checkpoint: all parts of one kind, in order."""
    wanted = [source.only] if source.only else sorted(sizes)
    names = [n for n in wanted if consolidated(n, sizes)]
    if WHOLE in names:
        return (WHOLE,)
    shards = [n for n in sizes if SHARD.match(n)]
    if any(SHARD.match(n) for n in names):
        total = int(max(shards)[-17:-12])
        expected = [f"consolidated-{k:05d}-of-{total:05d}.safetensors" for k in range(1, total + 1)]
    else:
        shards = [n for n in sizes if PART.match(n)]
        expected = [f"consolidated.{k:02d}.pth" for k in range(int(max(shards)[13:15]) + 1)]
    missing = sorted(set(expected) - set(shards))
    if missing:
        raise InputError(
            f"{source.target}: parts are missing, the first is {missing[0]}", "fetch all consolidated files"
        )
    return tuple(expected)


def _joined(name: str, parts: Sequence[Tensor], files: int, params: Params) -> Tensor:
    """One tensor from its parts in all files; ``FormatError`` where they do not fit together."""
    first = parts[0]

    def wrong(problem: str) -> FormatError:
        return FormatError(
            first.path, f"tensor {name}: {problem}", "are all parts of one model, and all of them there?"
        )

    if len(parts) != files:
        raise wrong(f"is in {len(parts)} of {files} files")
    shapes = {p.shape for p in parts}
    if len(shapes) != 1 or len({p.dtype for p in parts}) != 1:
        raise wrong("has parts of different shapes or dtypes")
    if files == 1 or name.endswith(_REPLICATED):
        return first
    shape = first.shape
    if name == "tok_embeddings.weight":  # by columns in Llama 1 and 2, by rows since Llama 3
        axis = 0 if shape[-1] == params.dim else 1
    else:
        axis = 1 if name.endswith(_BY_COLUMNS) else 0
    if len(shape) <= axis:
        raise wrong(f"has shape {list(shape)}")
    whole = tuple(s * files if k == axis else s for k, s in enumerate(shape))
    if len(whole) == 2 and whole[0 if name.endswith(_BY_COLUMNS) else 1] != params.dim:
        raise wrong(f"its parts make {list(whole)}, and {PARAMS} says that the width is {params.dim}")
    return Joined(name, first.dtype, whole, first.path, first.start, first.source, tuple(parts), axis)


def _unrotated(name: str, tensor: Tensor, params: Params) -> Tensor:
    for kind, heads in zip(_ROTATING, (params.heads, params.kv_heads), strict=True):
        if f".{kind}" in name:
            if tensor.shape[:1] != (heads * params.head_dim,) or params.head_dim % 2:
                raise FormatError(
                    tensor.path,
                    f"tensor {name} has shape {list(tensor.shape)}, {PARAMS} says {heads} heads of {params.head_dim}",
                    "are all parts there, and is it this model's params.json?",
                )
            where = (tensor.path, tensor.start, tensor.source)
            return Unrotated(name, tensor.dtype, tensor.shape, *where, tensor, params.head_dim)
    return tensor


def _check_frequencies(name: str, table: Tensor, params: Params) -> None:
    """One frequency for every plane of a head: the only thing in the files that ``params.json`` must agree with.

    Everything else about a head follows from it alone, and rows put in the order of another head size are wrong ones.
    """
    if table.shape != (params.head_dim // 2,):
        raise FormatError(
            table.path,
            f"tensor {name} has shape {list(table.shape)}, {PARAMS} says heads of {params.head_dim}",
            f"is it this model's {PARAMS}?",
        )


def _config(params: Params, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """The ``config.json`` that the model has at Hugging Face, as far as the code of a reader needs it."""
    layers = {n.split(".")[2] for n in tensors if n.startswith("model.layers.")}
    experts = {n.split(".experts.")[1].split(".")[0] for n in tensors if ".experts." in n}
    config: dict[str, Any] = {
        "model_type": "mixtral" if experts else "mistral" if "hidden_dim" in params.raw else "llama",
        "hidden_size": params.dim,
        "num_hidden_layers": params.raw.get("n_layers", len(layers)),
        "num_attention_heads": params.heads,
        "num_key_value_heads": params.kv_heads,
        "head_dim": params.head_dim,
        "rms_norm_eps": params.raw.get("norm_eps"),
        "rope_theta": params.raw.get("rope_theta"),
    }
    for key, name in (("vocab_size", "model.embed_tokens.weight"), ("intermediate_size", _first(tensors))):
        if name in tensors:
            config[key] = tensors[name].shape[0]
    if experts:
        config["num_local_experts"] = len(experts)
    return {k: v for k, v in config.items() if v is not None}


def _first(tensors: Mapping[str, Tensor]) -> str:
    return next((n for n in tensors if n.endswith(("mlp.up_proj.weight", ".w3.weight"))), "")


def _cut(tensor: Tensor, start: int, stop: int, rows: Any) -> bytes:
    """Bytes ``[start, stop)`` of a tensor that is put together row by row."""
    if start >= stop:
        return b""
    width = tensor.nbytes // tensor.shape[0]
    first, last = start // width, -(-stop // width)
    out: bytes = rows(first, last).tobytes()
    return out[start - first * width : stop - first * width]


def _raw_rows(tensor: Tensor, first: int, last: int) -> NDArray[np.uint8]:
    """Rows as they are encoded, ``(last - first, bytes of a row)``."""
    width = tensor.nbytes // tensor.shape[0]
    return np.frombuffer(tensor.stored(first * width, last * width), dtype=np.uint8).reshape(last - first, width)
