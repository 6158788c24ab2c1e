"""Recurrent networks that the tests write themselves, in every layout that frameworks keep them in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import write_safetensors

F32 = NDArray[np.float32]
GATES = {"lstm": ("input", "forget", "candidate", "output"), "gru": ("reset", "update", "candidate")}
KERAS = {"lstm": ("input", "forget", "candidate", "output"), "gru": ("update", "reset", "candidate")}
ONNX = {"lstm": ("input", "output", "forget", "candidate"), "gru": ("update", "reset", "candidate")}


@dataclass(frozen=True)
class Net:
    """Embedding ``(tokens, width)``, layers gate by gate (rows are units), head ``(tokens, units)`` and its bias."""

    kind: str
    embed: F32
    layers: tuple[Mapping[str, tuple[F32, F32, F32]], ...]
    head: F32
    bias: F32

    @property
    def units(self) -> int:
        return int(self.layers[0]["candidate"][1].shape[0])


def net(kind: str = "lstm", seed: int = 0, width: int = 24, units: int = 32, layers: int = 2, tokens: int = 110) -> Net:
    """Random weights; a gate is (kernel, recurrent kernel, bias)."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> F32:
        return (0.3 * rng.standard_normal(shape)).astype(np.float32)

    built = [
        {g: (draw(units, width if k == 0 else units), draw(units, units), draw(units)) for g in GATES[kind]}
        for k in range(layers)
    ]
    return Net(kind, draw(tokens, width), tuple(built), draw(tokens, units), draw(tokens))


def torch_tensors(model: Net, twice: bool = True) -> dict[str, F32]:
    """As ``torch.nn`` names them; the bias once, with zeros beside it."""
    out = {"encoder.weight": model.embed, "decoder.weight": model.head, "decoder.bias": model.bias}
    for k, layer in enumerate(model.layers):
        kernel, recurrent, bias = (np.concatenate([layer[g][p] for g in GATES[model.kind]]) for p in range(3))
        out |= {f"rnn.weight_ih_l{k}": kernel, f"rnn.weight_hh_l{k}": recurrent}
        if twice:
            out |= {f"rnn.bias_ih_l{k}": bias, f"rnn.bias_hh_l{k}": np.zeros_like(bias)}
    return out


def write_torch(folder: Path, model: Net, model_type: str | None = "") -> Path:
    """A folder with safetensors and, unless ``model_type`` is None, a ``config.json`` with it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / "model.safetensors", torch_tensors(model))
    if model_type is not None:
        (folder / "config.json").write_text(json.dumps({"model_type": model_type or model.kind}))
    return folder


def keras_layers(model: Net, cudnn: bool) -> dict[str, dict[str, F32]]:
    """As Keras names them: layer to weights. The CuDNN layout is written out here as its loader turns it back."""
    out: dict[str, dict[str, F32]] = {"embedding": {"embeddings": model.embed}}
    for k, layer in enumerate(model.layers):
        gates = [layer[g] for g in KERAS[model.kind]]
        kernel = np.hstack([_blocked(g[0]) if cudnn else g[0].T for g in gates])
        recurrent = np.hstack([g[1] if cudnn else g[1].T for g in gates])
        bias = np.concatenate([g[2] for g in gates])
        if cudnn and model.kind == "lstm":
            bias = np.concatenate([bias / 2, bias / 2])
        elif model.kind == "gru":  # reset after the matrix: two biases, of which the second is zero here
            pair = np.stack([bias, np.zeros_like(bias)])
            bias = pair.ravel() if cudnn else pair
        out[f"rnn_{k + 1}"] = {"kernel": kernel, "recurrent_kernel": recurrent, "bias": bias}
    out["output"] = {"kernel": model.head.T, "bias": model.bias}
    return out


def _blocked(kernel: F32) -> F32:
    """``(units, inputs)`` row after row in the shape ``(inputs, units)``."""
    return kernel.reshape(kernel.shape[::-1])


def keras_config(model: Net, **more: Any) -> dict[str, Any]:
    """A sequential configuration; ``more`` goes into every recurrent layer."""
    cell = {"lstm": "LSTM", "gru": "GRU"}[model.kind]
    layers = [{"class_name": "Embedding", "config": {"name": "embedding"}}]
    layers += [
        {"class_name": cell, "config": {"name": f"rnn_{k + 1}", "activation": "tanh", **more}}
        for k in range(len(model.layers))
    ]
    layers += [{"class_name": "Dense", "config": {"name": "output", "activation": "softmax"}}]
    return {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}


def write_keras(
    path: Path, model: Net, cudnn: bool = False, config: object = "", names: Sequence[str] | None = None, **how: Any
) -> Path:
    """An HDF5 file as Keras 2 writes it; ``how`` goes to every dataset (``compression="gzip"``)."""
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    layers = keras_layers(model, cudnn)
    config = keras_config(model) if config == "" else config
    with h5py.File(path, "w") as file:
        root = file
        if config is not None:
            file.attrs["model_config"] = json.dumps(config).encode()
            root = file.create_group("model_weights")
        root.attrs["layer_names"] = [n.encode() for n in names or ["input_1", *layers]]
        for layer, weights in layers.items():
            group = root.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/{w}:0".encode() for w in weights]
            for weight, values in weights.items():
                group.create_dataset(f"{layer}/{weight}:0", data=values, **how)
    return path


# ONNX, field by field


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def part(number: int, value: int | bytes | str) -> bytes:
    """One field: an integer, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def initialiser(name: str, values: NDArray[Any], how: str = "raw", **outside: str) -> bytes:
    """A TensorProto: ``raw``, ``typed`` (float_data) or ``external``."""
    raw = np.ascontiguousarray(values, dtype="<f4").tobytes()
    body = b"".join(part(1, int(d)) for d in values.shape) + part(2, 1) + part(8, name)
    if how == "external":
        body += b"".join(part(13, part(1, k) + part(2, v)) for k, v in outside.items()) + part(14, 1)
    else:
        body += part(9 if how == "raw" else 4, raw)
    return part(5, body)


def node(kind: str, name: str, *inputs: str, **integers: int) -> bytes:
    attributes = b"".join(part(5, part(1, k) + part(3, v) + part(20, 2)) for k, v in integers.items())
    body = b"".join(part(1, i) for i in inputs) + part(2, f"{name}_out") + part(3, name) + part(4, kind)
    return part(1, body + attributes)


def model_proto(*graph: bytes) -> bytes:
    return part(1, 8) + part(2, "tests") + part(7, b"".join(graph))


def onnx_parts(model: Net, how: str = "raw") -> Iterator[bytes]:
    """Nodes and initialisers as PyTorch's exporter writes a recurrent network."""
    yield node("Gather", "/encoder/Gather", "encoder.weight", "ids")
    yield initialiser("encoder.weight", model.embed, how)
    for k, layer in enumerate(model.layers):
        tail = f"_{k}" if k else ""
        gates = [layer[g] for g in ONNX[model.kind]]
        kernel, recurrent, bias = (np.concatenate([g[p] for g in gates])[None] for p in range(3))
        both = np.concatenate([bias, np.zeros_like(bias)], axis=1)
        names = [f"onnx::RNN_{100 + 3 * k + p}" for p in range(3)]
        yield node(model.kind.upper(), f"/rnn/{model.kind.upper()}{tail}", "x", *names)
        yield from (initialiser(n, v, how) for n, v in zip(names, (kernel, recurrent, both), strict=True))
    yield node("MatMul", "/decoder/MatMul", "h", "onnx::MatMul_200")
    yield initialiser("onnx::MatMul_200", model.head.T, how)
    yield node("Add", "/decoder/Add", "decoder.bias", "scores")
    yield initialiser("decoder.bias", model.bias, how)


def write_onnx(folder: Path, model: Net, model_type: str | None = "", how: str = "raw") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model_proto(*onnx_parts(model, how)))
    if model_type is not None:
        (folder / "config.json").write_text(json.dumps({"model_type": model_type or model.kind}))
    return folder
