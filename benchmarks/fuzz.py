"""Damaged model files until the time is up: python fuzz.py [READER ...] [--seconds 600] [--seed 0] [--corpus DIR]

Every input is a small real model in the reader's format with some bytes changed, cut out, doubled, or replaced by
numbers that readers trip over, half of them near the start, where headers are. It has to be read, with all of its
values, or refused in one line. Anything else (another exception, more than the time or the memory that a file of its
size justifies) is written to the corpus and ends with exit code 1. What the corpus holds already is tried first.
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import ggufs
import torch_files
from adapters import trained_pairs, write_adapter
from forebear.artifacts import read_artifact
from forebear.errors import ForebearError
from forebear.signals import fingerprint
from forebear.sources import LocalSource
from models import tiny_llama
from quantise import quantised
from recurrent import net, write_keras, write_onnx

SECONDS_AN_INPUT = 30
MEMORY = 2_000_000_000
"""Bytes of address space beyond what the process has when it starts: no small file justifies more."""
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1, 2**63, 2**64 - 1)

Made = tuple[Path, str]
"""A folder with a model, and the file of it that is damaged."""


def gguf(folder: Path, base: Path) -> Made:
    """Q4_0, with tokenizer and metadata."""
    (folder / "m").mkdir()
    ggufs.convert(base, folder / "m" / "model.gguf", ggufs.q4_0)
    return folder / "m", "model.gguf"


def adapter(folder: Path, base: Path) -> Made:
    """LoRA."""
    write_adapter(folder / "m", trained_pairs(base))
    return folder / "m", "adapter_model.safetensors"


def packed(scheme: str) -> Callable[[Path, Path], Made]:
    """Safetensors with weights in several tensors."""

    def make(folder: Path, base: Path) -> Made:
        return quantised(base, "m", scheme), "model.safetensors"

    return make


def keras(folder: Path, base: Path) -> Made:
    """HDF5."""
    return write_keras(folder / "m" / "model.h5", net()).parent, "model.h5"


def onnx(folder: Path, base: Path) -> Made:
    """Initialisers and nodes."""
    return write_onnx(folder / "m", net()), "model.onnx"


SEEDS: dict[str, Callable[[Path, Path], Made]] = {
    "safetensors": lambda folder, base: (Path(shutil.copytree(base, folder / "m")), "model.safetensors"),
    "zip": lambda folder, base: (torch_files.converted(base, folder / "m"), "pytorch_model.bin"),
    "legacy": lambda folder, base: (
        torch_files.converted(base, folder / "m", torch_files.legacy_bytes),
        "pytorch_model.bin",
    ),
    "gguf": gguf,
    "adapter": adapter,
    "keras": keras,
    "onnx": onnx,
    "config": lambda folder, base: (Path(shutil.copytree(base, folder / "m")), "config.json"),
    **{
        scheme: packed(scheme)
        for scheme in ("fp8-blocks", "bnb-fp4-nested", "gptq-4", "awq", "ct-int4-zeros", "nvfp4-ct")
    },
    "tokenizer": lambda folder, base: (Path(shutil.copytree(base, folder / "m")), "tokenizer.json"),
}
"""Every reader: what makes a real model for it."""


def damaged(raw: bytes, rng: random.Random) -> bytes:
    """Between one and eight changes; half of them in the first two kilobytes."""
    data = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        limit = min(len(data), 2048) if rng.random() < 0.5 else len(data)
        at = rng.randrange(max(1, limit))
        match rng.randrange(6):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del data[at : at + rng.choice((1, 4, 8, 64, 4096))]
            case 2:
                data[at:at] = data[at : at + rng.choice((1, 8, 64, 512))]
            case 3:
                size = rng.choice((1, 2, 4, 8))
                number = rng.choice(NUMBERS) % 2 ** (8 * size)
                data[at : at + size] = number.to_bytes(size, rng.choice(("little", "big")))
            case 4:
                del data[at:]
            case _:
                other = rng.randrange(max(1, len(data)))
                length = rng.choice((4, 16, 256))
                data[at : at + length] = data[other : other + length]
    return bytes(data)


def check(folder: Path) -> None:
    """Read everything, as a scan and a hash of all values would."""
    artifact = read_artifact(LocalSource(folder))
    fingerprint(artifact)
    for tensor in artifact.weights.tensors.values():
        if tensor.readable and tensor.shape:
            for _ in tensor.chunks(1_000_000):
                pass


def bound(reader: str, seconds: float, seed: int, corpus: Path) -> tuple[int, int]:
    """Fuzz one reader; returns how many inputs there were, and how many of them were read."""
    rng = random.Random(f"{reader}-{seed}")
    inputs = read = 0
    kept = corpus / reader
    waiting = sorted(kept.iterdir()) if kept.is_dir() else []
    with tempfile.TemporaryDirectory() as name:
        base = tiny_llama(Path(name) / "base", seed=1, layers=2)
        folder, file = SEEDS[reader](Path(name), base)
        raw = (folder / file).read_bytes()
        end = time.process_time() + seconds
        while time.process_time() < end:
            data = waiting.pop().read_bytes() if waiting else damaged(raw, rng)
            (folder / file).write_bytes(data)
            inputs += 1
            signal.alarm(SECONDS_AN_INPUT)
            try:
                check(folder)
                read += 1
            except ForebearError as error:
                assert str(error).isprintable() and len(str(error)) < 2_000, str(error)
            except BaseException:
                kept.mkdir(parents=True, exist_ok=True)
                where = kept / f"{seed}-{inputs}"
                where.write_bytes(data)
                traceback.print_exc()
                raise SystemExit(f"{reader}: input {inputs} is in {where}") from None
            finally:
                signal.alarm(0)
    return inputs, read


def _late(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"more than {SECONDS_AN_INPUT} s")


def main() -> None:
    """Fuzz the readers that are named, else all of them, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(SEEDS))
    parser.add_argument("--seconds", type=float, default=600, help="CPU seconds for each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--corpus", type=Path, default=Path("corpus"), help="inputs that a reader has failed on")
    arguments = parser.parse_args()
    if unknown := set(arguments.readers) - SEEDS.keys():
        parser.error(f"no reader {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGALRM, _late)
    with open("/proc/self/statm", encoding="ascii") as stream:
        held = int(stream.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))
    for reader in arguments.readers or SEEDS:
        inputs, read = bound(reader, arguments.seconds, arguments.seed, arguments.corpus)
        print(f"{reader}: {inputs:,} inputs, {read:,} read, the others refused in one line", flush=True)


if __name__ == "__main__":
    main()
