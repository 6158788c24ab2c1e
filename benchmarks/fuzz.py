"""Damaged files until the time is up: python fuzz.py [READER ...] [--seconds 600] [--seed 0] [--corpus DIR]

Every input is a small real model in the reader's format (``tests/fuzz_seeds.py``), or a bill, capture, policy,
signature and whatever else is read (``tests/fuzz_papers.py``), with some bytes changed, cut out, doubled, or replaced
by numbers that readers trip over, and values of text by values of other kinds, half of them near the start, where
headers are. It has to be read, with all of its
values, or refused in one line. Anything else (another exception, more than the time or the memory that a file of its
size justifies) is written to the corpus and ends with exit code 1. What the corpus and tests/corpus hold already is
tried first. ``fuzz_atheris.py`` does the same led by coverage. ``--grow`` keeps short inputs that are refused, or have
a part refused, in words of their own: so tests/corpus began.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import fuzz_seeds
import fuzzed
from fuzz_papers import PAPERS
from fuzz_seeds import SEEDS, STORE, base_of

READERS = (*SEEDS, *PAPERS)
Refusal = Callable[[], tuple[str, str]]
"""Reads the damaged file: ``read``, ``told`` or ``refused``, and what it said."""

SECONDS_AN_INPUT = 30
"""Of CPU: a clock on the wall accuses a reader of what else runs on the machine."""
MEMORY = 2_000_000_000
"""Bytes of address space beyond what the process has when it starts: no small file justifies more."""
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1, 2**63, 2**64 - 1)
VALUE = re.compile(
    rb'\\"[^"\\\n]{0,60}\\"|"(?:[^"\\\n]|\\.){0,200}"|(?<![\w.])-?\d[\d.]*(?![\w.])|\b(?:true|false|null)\b'
)
"""A value of a document in text, first one in a text that holds JSON itself."""
VALUES = (
    *(b"null", b"true", b"0", b"-1", b"1.5", b"1e999", b".inf", b"NaN", b"9" * 30, b"2026-02-30", b"2026-01-31", b"x"),
    *(b"9" * 400, b'"9999-12-31T23:59:59-12:00"', b'"0001-01-01T00:00:00+12:00"'),
    *(b'""', b'"x"', b'"\\u0000"', b'"\\ud800"', b"[]", b"{}", b"[[]]", b"[null]", b'[""]', b'{"a": 1}'),
)
"""What stands for a value of a document in text: of another kind than was expected, or at an end of what there is."""
KEPT = Path(__file__).parents[1] / "tests" / "corpus"
LONGEST, MOST = 2_048, 6
"""Bytes of an input that is kept, and inputs of a reader."""


def damaged(raw: bytes, rng: random.Random) -> bytes:
    """Between one and eight changes; half of them in the first two kilobytes. Of some inputs only values change."""
    data = bytearray(raw)
    least = 6 if rng.random() < 0.4 else 0
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        limit = min(len(data), 2048) if rng.random() < 0.5 else len(data)
        at = rng.randrange(max(1, limit))
        match rng.randrange(least, 9):
            case 6 | 7 | 8 if value := VALUE.search(bytes(data[at : at + 1_000])):
                put = rng.choice(VALUES)
                inner = value[0].startswith(b"\\")  # a text that holds JSON
                data[at + value.start() : at + value.end()] = put.replace(b'"', b'\\"') if inner else put
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


def prepared(reader: str, folder: Path) -> tuple[Path, Refusal]:
    """The file that a reader's damaged inputs are written to, at first whole, in an empty folder; and the reader."""
    if reader in PAPERS:
        paper = PAPERS[reader]
        raw, file = paper.write(folder), folder / "damaged" / paper.file
        file.parent.mkdir()
        file.write_bytes(raw)
        return file, lambda: fuzzed.refusal(paper, file)
    os.environ["OLLAMA_MODELS"] = str(folder / STORE)
    made = SEEDS[reader](folder, base_of(folder))
    return made.file, lambda: fuzz_seeds.refusal(made)


def bound(reader: str, seconds: float, seed: int, corpus: Path, grow: bool = False) -> tuple[int, int]:
    """Fuzz one reader; returns how many inputs there were, and how many of them were read."""
    rng = random.Random(f"{reader}-{seed}")
    inputs = read = 0
    kept, known = corpus / reader, set[str]()
    waiting = [p for place in (KEPT / reader, kept) if place.is_dir() for p in sorted(place.iterdir())]
    with tempfile.TemporaryDirectory() as name:
        file, refusal = prepared(reader, Path(name))
        raw = file.read_bytes()
        end = time.process_time() + seconds
        while waiting or time.process_time() < end:
            data = waiting.pop().read_bytes() if waiting else damaged(raw, rng)
            file.write_bytes(data)
            inputs += 1
            signal.setitimer(signal.ITIMER_PROF, SECONDS_AN_INPUT)
            try:
                what, told = refusal()
                read += what != "refused"
            except BaseException:
                kept.mkdir(parents=True, exist_ok=True)
                where = kept / f"{seed}-{inputs}"
                where.write_bytes(data)
                traceback.print_exc()
                raise SystemExit(f"{reader}: input {inputs} is in {where}") from None
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            words = re.sub(r"[^a-z ]+", "", told.replace(name, ""))
            if grow and words and words not in known and len(data) <= LONGEST and len(known) < MOST:
                known.add(words)
                kept.mkdir(parents=True, exist_ok=True)
                (kept / f"{what}-{len(known)}").write_bytes(data)
    return inputs, read


def _late(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"more than {SECONDS_AN_INPUT} s")


def main() -> None:
    """Fuzz the readers that are named, else all of them, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(READERS))
    parser.add_argument("--seconds", type=float, default=600, help="CPU seconds for each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--corpus", type=Path, default=Path("corpus"), help="inputs that a reader has failed on")
    parser.add_argument("--grow", action="store_true", help="keep short inputs that are refused in words of their own")
    arguments = parser.parse_args()
    if unknown := set(arguments.readers) - set(READERS):
        parser.error(f"no reader {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGPROF, _late)
    with open("/proc/self/statm", encoding="ascii") as stream:
        held = int(stream.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))
    for reader in arguments.readers or READERS:
        inputs, read = bound(reader, arguments.seconds, arguments.seed, arguments.corpus, arguments.grow)
        print(f"{reader}: {inputs:,} inputs, {read:,} read, the others refused in one line", flush=True)


if __name__ == "__main__":
    main()
