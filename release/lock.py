"""Writes ``requirements.lock`` and ``requirements-extras.lock``: python release/lock.py [--check]

What pip chooses for the default install, and for it with the extras of :data:`EXTRAS`, under ``tests/constraints.txt``:
each package with the SHA-256 of its file for this Python and platform, and who needs it. Installed with
``pip install --require-hashes -r requirements.lock``, then ``pip install --no-deps`` of the wheel. ``--check`` says
whether the files still satisfy ``pyproject.toml``, without asking anybody.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ROOT / "tests" / "constraints.txt"
NAME = "forebear"
EXTRAS = ("fast", "gguf", "postgres", "rego", "serve", "sign", "tokenizers", "s3", "gcs", "ann", "ray")
"""Not ``torch``, whose file depends on the machine's accelerator; nor what only tests and benchmarks need, or the
second opinion on licences, which wants older packages."""
FILES: dict[str, Sequence[str]] = {"requirements.lock": (), "requirements-extras.lock": EXTRAS}


@dataclass(frozen=True)
class Locked:
    """A package of a lock.

    Attributes:
        name: normalised.
        version: exactly.
        sha256: of its file, in hexadecimal.
        via: who needs it; ``forebear`` and ``forebear[extra]`` are ourselves.
    """

    name: str
    version: str
    sha256: str
    via: tuple[str, ...]


def resolved(extras: Sequence[str]) -> list[Locked]:
    """What pip would install, by name. Asks the package index that pip is set to."""
    wanted = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        options = ["--only-binary", ":all:", "-c", str(CONSTRAINTS), "--report", str(report)]
        subprocess.run([*pip, *options, wanted], check=True)
        return packages(json.loads(report.read_text()), frozenset(extras))


def packages(report: dict[str, Any], extras: frozenset[str]) -> list[Locked]:
    """The packages of pip's report, by name, each with who needs it."""
    found: dict[str, Any] = {canonicalize_name(e["metadata"]["name"]): e for e in report["install"]}
    asked: dict[str, set[str]] = {name: set(e.get("requested_extras", ())) for name, e in found.items()}
    asked[NAME] = set(extras)
    via: dict[str, set[str]] = {name: set() for name in found}
    waiting: list[str] = [NAME]
    done: set[tuple[str, frozenset[str]]] = set()
    while waiting:  # an extra of a package can be asked for by one that comes later
        name = waiting.pop()
        state = name, frozenset(asked[name])
        if state in done or name not in found:
            continue
        done.add(state)
        for needed, more, extra in needs(found[name]["metadata"].get("requires_dist", ()), asked[name]):
            if needed in found:
                via[needed].add(f"{name}[{extra}]" if extra and name == NAME else name)
                asked[needed] |= more
                waiting.append(needed)
    return [
        Locked(
            name,
            e["metadata"]["version"],
            e["download_info"]["archive_info"]["hashes"]["sha256"],
            tuple(sorted(via[name])),
        )
        for name, e in sorted(found.items())
        if name != NAME
    ]


def needs(requires: Iterable[str], extras: Iterable[str]) -> Iterator[tuple[str, set[str], str]]:
    """What a package with some extras needs here: name, its extras, and the extra because of which, "" for none."""
    for text in requires:
        requirement = Requirement(text)
        for extra in ("", *sorted(extras)):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                yield canonicalize_name(requirement.name), set(requirement.extras), extra
                break


def written(locked: Iterable[Locked], extras: Iterable[str]) -> str:
    """A lock file."""
    what = f"the default install and the extras {', '.join(sorted(extras))}" if extras else "the default install"
    made = f"Python {'.'.join(platform.python_version_tuple()[:2])}, {platform.system()}, {platform.machine()}"
    lines = [f"# {what.capitalize()} ({made}). Written by release/lock.py; do not edit."]
    for entry in locked:
        lines += [f"{entry.name}=={entry.version} \\", f"    --hash=sha256:{entry.sha256}"]
        lines.append(f"    # via {', '.join(entry.via)}")
    return "\n".join(lines) + "\n"


def read(text: str) -> list[Locked]:
    """A lock file as it was written. Raises ``ValueError`` where it is none."""
    pattern = r"([a-z0-9-]+)==(\S+) \\\n    --hash=sha256:([0-9a-f]{64})\n    # via (.*)\n"
    head, _, body = text.partition("\n")
    found = [Locked(m[1], m[2], m[3], tuple(m[4].split(", "))) for m in re.finditer(pattern, body)]
    if not head.startswith("# ") or written(found, ()).partition("\n")[2] != body:
        raise ValueError("not a lock file that release/lock.py has written")
    return found


def unmet(text: str, extras: Iterable[str]) -> list[str]:
    """Requirements of ``pyproject.toml`` that a lock does not satisfy, one line each."""
    held = {entry.name: entry.version for entry in read(text)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(r for e in extras for r in project["optional-dependencies"][e])]
    lines = []
    for requirement in map(Requirement, wanted):
        version = held.get(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            lines.append(f"{requirement}: the lock has {version or 'none'}")
    return lines


def main() -> None:
    """Write both files, or check them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="do the files satisfy pyproject.toml?")
    arguments = parser.parse_args()
    problems = []
    for name, extras in FILES.items():
        if arguments.check:
            problems += [f"{name}: {line}" for line in unmet((ROOT / name).read_text(), extras)]
            continue
        locked = resolved(extras)
        (ROOT / name).write_text(written(locked, extras))
        sys.stdout.write(f"{name}: {len(locked)} packages\n")
    if problems:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    main()
