"""How many bills of materials are verified a minute, without weights: read, every check of the document, the answer.

python bom_verify.py               1,000 bills in each format
python bom_verify.py --small       50

The validator of the extra [fast] is used where it is installed; the answer says which one was.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import forebear
from forebear.bom import cyclonedx, spdx
from forebear.bom.record import File, LicenceStatement, Model, Organisation, Record, Relative, Slot
from forebear.bom.training import Dataset, Input, InputKind, Stage, StageKind
from forebear.bom.values import Hash
from forebear.types import Json

FORMATS: dict[str, Callable[[Record], Json]] = {
    "CycloneDX 1.7": cyclonedx.write,
    "CycloneDX 1.6": partial(cyclonedx.write, version="1.6"),
    "SPDX 3.0.1": spdx.write,
}
GOAL = 1_000
"""Bills a minute."""
SHARDS, BASES = 30, 3


def record(number: int) -> Record:
    """A record of usual size: thirty files, three relatives, four stages."""
    digest = f"{number:064x}"
    files = (
        File(path=f"model-{k:05}.safetensors", size=k + 1, role="weights", hashes=(_sha(digest[k:] + digest[:k]),))
        for k in range(SHARDS)
    )
    stages = (
        Stage(kind=kind, inputs=(Input(kind=InputKind.DATASET, name=f"org/data-{k}"),))
        for k, kind in enumerate((StageKind.PRETRAINING, StageKind.SFT, StageKind.PREFERENCE, StageKind.RL))
    )
    return Record(
        model=Model(name=f"org/model-{number}", version=digest[:40], family="llama", parameters=8_030_261_248),
        created="2026-01-02T03:04:05Z",
        files=tuple(files),
        relatives=tuple(Relative(name=f"org/base-{k}", slot=Slot.ANCESTOR) for k in range(BASES)),
        licences=(LicenceStatement(spdx="Apache-2.0", file="LICENSE"),),
        organisations=(Organisation(name="Acme"),),
        stages=tuple(stages),
        datasets=tuple(Dataset(name=f"org/data-{k}") for k in range(4)),
    )


def _sha(value: str) -> Hash:
    return Hash(algorithm="SHA-256", value=value)


def measured(write: Callable[[Record], Json], count: int, folder: Path) -> tuple[float, Counter[str]]:
    """Bills a minute, and how often each verdict was given. Writing them is not timed, nor is the first one."""
    paths = []
    for number in range(count + 1):
        path = folder / f"{number}.json"
        path.write_text(json.dumps(write(record(number))), encoding="utf-8")
        paths.append(path)
    forebear.verify_bom(paths[0])  # the schema is compiled once
    began = time.perf_counter()
    verdicts = Counter(forebear.verify_bom(path).verdict.value for path in paths[1:])
    return 60 * count / (time.perf_counter() - began), verdicts


def main() -> int:
    """Print a line for each format; 1 where one misses the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bills", type=int, default=1_000)
    parser.add_argument("--small", action="store_true", help="50 bills")
    arguments = parser.parse_args()
    count = 50 if arguments.small else arguments.bills
    print("validator:", "jsonschema-rs" if find_spec("jsonschema_rs") else "jsonschema (install forebear[fast])")
    missed = False
    for name, write in FORMATS.items():
        with tempfile.TemporaryDirectory() as folder:
            rate, verdicts = measured(write, count, Path(folder))
        missed |= rate < GOAL
        print(f"{name}: {rate:,.0f} bills a minute; {dict(verdicts)}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
