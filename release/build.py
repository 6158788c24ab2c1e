"""Builds the wheel and the source archive twice and compares: python release/build.py [-o dist]

Each time from a fresh copy of the files that git knows, in a folder of another name, with other times and rights of the
files, under one ``SOURCE_DATE_EPOCH`` (default: that of the last commit). Unequal bytes end with exit code 1. Needs
``hatchling``; digests go to ``SHA256SUMS`` beside the files.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = ("wheel", "sdist")


def tracked() -> list[str]:
    """The files that belong to the project: those that git knows."""
    found = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    return [name for name in found.stdout.split("\0") if name and (ROOT / name).is_file()]


def copied(names: Iterable[str], folder: Path, moment: int, rights: int) -> Path:
    """A copy of the files, all of them changed at a moment and with the same rights."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, path)
        path.chmod(rights)
        os.utime(path, (moment, moment))
    return folder


def built(source: Path, output: Path, epoch: int) -> dict[str, bytes]:
    """What ``hatchling`` makes of a tree: bytes by name of the file."""
    output.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    for kind in KINDS:
        call = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(output)]
        subprocess.run(call, cwd=source, env=environment, check=True, capture_output=True)
    return {path.name: path.read_bytes() for path in sorted(output.iterdir())}


def unequal(one: Mapping[str, bytes], two: Mapping[str, bytes]) -> list[str]:
    """Files that are not the same on both sides."""
    return sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))


def twice(names: list[str], folder: Path, epoch: int) -> tuple[dict[str, bytes], list[str]]:
    """What was built, and what was built otherwise the second time."""
    one = built(copied(names, folder / "first", 1_500_000_000, 0o644), folder / "out" / "1", epoch)
    two = built(copied(names, folder / "another name", 1_600_000_000, 0o600), folder / "out" / "2", epoch)
    return one, unequal(one, two)


def main() -> None:
    """Build, compare, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("dist"))
    arguments = parser.parse_args()
    told = os.environ.get("SOURCE_DATE_EPOCH")
    last = ["git", "log", "-1", "--format=%ct"]
    epoch = int(told or subprocess.run(last, cwd=ROOT, capture_output=True, check=True, text=True).stdout)
    with tempfile.TemporaryDirectory() as name:
        files, wrong = twice(tracked(), Path(name), epoch)
    if wrong:
        raise SystemExit(f"not reproducible: {', '.join(wrong)}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    sums = "".join(f"{sha256(raw).hexdigest()}  {name}\n" for name, raw in files.items())
    for name, raw in {**files, "SHA256SUMS": sums.encode()}.items():
        (arguments.output / name).write_bytes(raw)
    sys.stdout.write(sums)


if __name__ == "__main__":
    main()
