"""A GGUF file of the shape of an 8B model, Q4_K: python benchmarks/quantised.py

The file is a hole but for its header (128,000 tokens and 280,000 merges) and what a scan reads: a first pass notes
which bytes those are, and they are filled with seeded blocks. Whole processes are timed, start-up included.
"""

from __future__ import annotations

import struct
import sys
import tempfile
from pathlib import Path

import numpy as np
from run import measure

from forebear.artifacts import read_artifact
from forebear.artifacts.dtypes import DTYPES
from forebear.signals.fingerprint import fingerprint
from forebear.sources import File, LocalSource

WIDTH, LAYERS, HEADS, KV_HEADS, INTERMEDIATE, VOCABULARY, MERGES = 4_096, 32, 32, 8, 14_336, 128_000, 280_000
F32, Q4_K = 0, 12


class Recorder(LocalSource):
    """A source that remembers what was read of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.seen: list[tuple[int, int]] = []

    def read(self, path: str, start: int, stop: int) -> bytes:
        """See :meth:`Source.read`."""
        self.seen.append((start, stop))
        return super().read(path, start, stop)

    def files(self) -> tuple[File, ...]:
        """Only the model: nothing beside it is read."""
        return tuple(f for f in super().files() if f.path == self.only)


def tensors() -> dict[str, tuple[int, tuple[int, ...]]]:
    """Names, types and shapes, the slowest axis first."""
    kv = WIDTH // HEADS * KV_HEADS
    found: dict[str, tuple[int, tuple[int, ...]]] = {"token_embd.weight": (Q4_K, (VOCABULARY, WIDTH))}
    for layer in range(LAYERS):
        for name, shape in {
            "attn_norm": (WIDTH,),
            "attn_q": (WIDTH, WIDTH),
            "attn_k": (kv, WIDTH),
            "attn_v": (kv, WIDTH),
            "attn_output": (WIDTH, WIDTH),
            "ffn_norm": (WIDTH,),
            "ffn_gate": (INTERMEDIATE, WIDTH),
            "ffn_up": (INTERMEDIATE, WIDTH),
            "ffn_down": (WIDTH, INTERMEDIATE),
        }.items():
            found[f"blk.{layer}.{name}.weight"] = (Q4_K if len(shape) > 1 else F32, shape)
    return found | {"output_norm.weight": (F32, (WIDTH,)), "output.weight": (Q4_K, (VOCABULARY, WIDTH))}


def text(value: str) -> bytes:
    """A text with its length before it."""
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def write(path: Path, seed: int) -> None:
    """A sparse model with seeded values where a scan looks."""
    numbers = {
        "embedding_length": WIDTH,
        "block_count": LAYERS,
        "feed_forward_length": INTERMEDIATE,
        "attention.head_count": HEADS,
        "attention.head_count_kv": KV_HEADS,
    }
    tokens = [chr(33 + k) if k < 94 else f"word{k}" for k in range(VOCABULARY)]
    metadata = [text("general.architecture") + struct.pack("<I", 8) + text("llama")]
    metadata += [text(f"llama.{k}") + struct.pack("<II", 4, v) for k, v in numbers.items()]
    metadata.append(text("tokenizer.ggml.model") + struct.pack("<I", 8) + text("gpt2"))
    for key, texts in (("tokens", tokens), ("merges", [f"to ken{k}" for k in range(MERGES)])):
        metadata.append(text(f"tokenizer.ggml.{key}") + struct.pack("<IIQ", 9, 8, len(texts)))
        metadata[-1] += b"".join(map(text, texts))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors()), len(metadata)) + b"".join(metadata)
    position = 0
    for name, (kind, shape) in tensors().items():
        sizes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape[::-1])
        head += text(name) + sizes + struct.pack("<IQ", kind, position)
        position += DTYPES["Q4_K" if kind == Q4_K else "F32"].nbytes(int(np.prod(shape)))
    head += bytes(-len(head) % 32)
    with open(path, "wb") as stream:
        stream.write(head)
        stream.truncate(len(head) + position)
        source = Recorder(path)
        artifact = read_artifact(source)
        fingerprint(artifact)
        rng = np.random.default_rng(seed)
        places = {t.start: t for t in artifact.weights.tensors.values()}
        starts = np.array(sorted(places))
        for start, stop in source.seen:
            if start < len(head):
                continue
            tensor = places[int(starts[np.searchsorted(starts, start, "right") - 1])]
            stream.seek(start)
            if tensor.dtype == "F32":
                stream.write((1 + 0.1 * rng.standard_normal((stop - start) // 4)).astype("<f4").tobytes())
                continue
            blocks = rng.integers(0, 256, ((stop - start) // 144, 144), dtype=np.uint8)
            blocks[:, :4] = np.array([0.001, 0.008], dtype="<f2").view(np.uint8)
            stream.write(blocks.tobytes())


def main() -> None:
    """Time a scan and print one line."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "model.gguf"
        write(path, seed=1)
        environment = {"FOREBEAR_HOME": str(Path(name) / "home")}
        seconds, memory, _ = measure("forebear", "index", "add", str(path), "--name", "me", environment=environment)
        sys.stdout.write(f"index add, 8.0 B parameters, GGUF Q4_K: {seconds:.2f} s, {memory:.0f} MB\n")
        seconds, memory, out = measure("forebear", "scan", str(path), environment=environment)
        sys.stdout.write(f"scan, 8.0 B parameters, GGUF Q4_K: {seconds:.2f} s, {memory:.0f} MB\n")
        sys.stdout.write(out)


if __name__ == "__main__":
    main()
