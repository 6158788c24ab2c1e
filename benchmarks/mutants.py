"""How many small mistakes do the tests notice?   python mutants.py [PACKAGE ...] [--count 100] [--seed 0] [--log FILE]

A random sample of single changes (``mutations.py``) of the modules in ``signals`` and ``lineage``; the tests of the
changed module are run against each. A change that no test fails on has survived; one that takes much longer than the
tests do without it is noticed. The changed module exists in one process only, and is never written. Modules with short
tests come first, and the log holds a line for each mutant, so that a run that was stopped has told much, and goes on;
with ``--drawn`` they come in the order of the draw, so that what a run that was stopped has told is a random sample,
too. ``mutants/equivalent.toml`` names changes that no test can notice, each with the reason.

The tests of a module are ``test_MODULE.py`` in the tests of its package, unless that is another module's; where it is
not there, those in the package's tests that import it; else those of the modules that import it. Time is counted on the
CPU.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import re
import resource
import signal
import sys
import time
import tomllib
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from mutations import Mutation, mutated, mutations
from null.coins import clopper_pearson

ROOT = Path(__file__).parents[1]
SOURCE, TESTS = ROOT / "src" / "forebear", ROOT / "tests"
EQUIVALENT = Path(__file__).parent / "mutants" / "equivalent.toml"
SLOWER, MORE = 3, 20.0
"""A mutant may take so many times what the tests take without it, and so many seconds of CPU more."""
WALL = 1_800
"""Seconds on the clock for what sleeps instead of computing."""
KNOWN_BY = ("module", "text", "was", "became")
LOADED = (
    "numpy",
    "hypothesis",
    "pydantic",
    "rich.console",
    "yaml",
    "jsonschema",
    "httpx2",
    "_pytest.assertion.rewrite",
)
"""Imported once, before processes are forked: they cost more than most tests."""


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module of the package, and loads other code for it."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        self.name, self.path, self.code = name, path, code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """This finder's own module, and no other."""
        return (
            importlib.util.spec_from_file_location(fullname, self.path, loader=self) if fullname == self.name else None
        )

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed code."""
        exec(self.code, module.__dict__)


def tests_of(module: Path, *seen: Path) -> list[Path]:
    """The test files of a module, by the rule that is at the top of this file."""
    package = module.relative_to(SOURCE).parts[0]
    beside = sorted((TESTS / package).rglob("test_*.py"))
    named_so = [path for path in beside if path.stem == f"test_{module.stem}"]
    if mirror := [path for path in named_so if _mirrored(path) in (None, module)]:
        return mirror
    name = _dotted(module)
    if named := [path for path in beside if _imports(path, name)]:
        return named
    for place in (SOURCE / package, SOURCE):
        users = [p for p in sorted(place.rglob("*.py")) if p not in (module, *seen) and _imports(p, name)]
        users = [p for p in users if p.stem != "__init__"] or users  # what a package passes on is used by its name
        if found := {test for user in users for test in tests_of(user, *seen, module)}:
            return sorted(found)
    return []


def _dotted(module: Path) -> str:
    return ".".join(("forebear", *module.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")


def _mirrored(test: Path) -> Path | None:
    """The module that stands where its test does; modules of a folder may have their tests a folder above."""
    module = (SOURCE / test.relative_to(TESTS)).with_name(test.name.removeprefix("test_"))
    return module if module.exists() else None


def _imports(path: Path, name: str) -> bool:
    package, _, last = name.rpartition(".")
    pattern = (
        rf"^\s*(from {re.escape(name)} import|import {re.escape(name)}\b|from {re.escape(package)} import .*\b{last}\b)"
    )
    return re.search(pattern, path.read_text(), re.MULTILINE) is not None


def run(tests: list[Path], changed: Changed | None, seconds: float, output: Path | None = None) -> tuple[str, float]:
    """What becomes of tests in a process of their own: ``passed``, ``failed`` or ``late``; and CPU seconds."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        sink = os.open(output or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        os.chdir(ROOT)
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 5))
        if changed is not None:
            sys.meta_path.insert(0, changed)
        code = 3
        try:
            import pytest

            early = "ignore::pytest.PytestAssertRewriteWarning"  # said of what is loaded before
            code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-W", early, *map(str, tests)]))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    end = time.monotonic() + WALL
    while (ended := os.wait4(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.05)
    _, status, usage = ended
    code = os.waitstatus_to_exitcode(status)
    return ("passed" if code == 0 else "late" if code < 0 else "failed"), usage.ru_utime + usage.ru_stime


def sample(packages: list[str], count: int, seed: int) -> list[tuple[Path, Mutation]]:
    """So many changes at random, each of all changes of the packages as likely as another."""
    every = [
        (path, mutation)
        for package in packages
        for path in sorted((SOURCE / package).rglob("*.py"))
        for mutation in mutations(path.read_text())
    ]
    return random.Random(seed).sample(every, min(count, len(every)))


def reasons() -> dict[tuple[str, ...], str]:
    """Changes that change nothing that could be observed: by module, line and both texts, with the reason."""
    listed = tomllib.loads(EQUIVALENT.read_text())["equivalent"]
    return {tuple(e[key] for key in KNOWN_BY): e["why"] for e in listed}


def logged(log: Path) -> list[dict[str, Any]]:
    """The lines of a log."""
    return [json.loads(line) for line in log.read_text().splitlines()]


def tell(lines: list[dict[str, Any]]) -> None:
    """The score, and the survivors."""
    known = reasons()
    survived = [r for r in lines if r["outcome"] in ("passed", "untested")]
    same = [r for r in survived if tuple(r[key] for key in KNOWN_BY) in known]
    tried = len(lines) - len(same)
    noticed = len(lines) - len(survived)
    for record in survived:
        why = known.get(tuple(record[key] for key in KNOWN_BY))
        kind = f"equivalent: {why}" if why else "no test" if record["outcome"] == "untested" else "survived"
        print(f"{record['module']}:{record['line']}: {record['was']}  ->  {record['became']}   ({kind})")
    if not tried:
        print(f"nothing tried; {len(same)} are equivalent")
        return
    low, high = clopper_pearson(noticed, tried)
    print(
        f"{noticed} of {tried} noticed ({noticed / tried:.0%}; 95 % interval {low:.1%} to {high:.1%}); "
        f"{len(same)} more are equivalent; {len(lines)} in all"
    )


def main() -> None:
    """Sample, run what the log does not hold yet, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="*", default=["signals", "lineage"], metavar="PACKAGE")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path, default=Path("mutants.jsonl"), help="a line for each mutant")
    parser.add_argument("--part", default="1/1", help="only one part of so many, for several processes: 1/2, 2/2")
    parser.add_argument("--drawn", action="store_true", help="in the order of the draw, not the shortest tests first")
    parser.add_argument("--times", type=Path, help="another log, for what tests take without a change")
    parser.add_argument("--done", action="store_true", help="run nothing, and tell what the log holds")
    parser.add_argument("--again", action="store_true", help="run those that the log says survived once more")
    arguments = parser.parse_args()
    for name in LOADED:
        importlib.import_module(name)
    held = logged(arguments.log) if arguments.log.exists() else []
    done = {r["key"]: r for r in held if not (arguments.again and r["outcome"] in ("passed", "untested"))}
    timed = held + (logged(arguments.times) if arguments.times else [])
    usual = {" ".join(r["tests"]): r["usual"] for r in timed if "usual" in r}
    lines = []
    drawn = sample(arguments.packages, arguments.count, arguments.seed)
    part, parts = map(int, arguments.part.split("/"))
    order = drawn if arguments.drawn else sorted(drawn, key=_length)
    for path, mutation in order[part - 1 :: parts]:
        module = str(path.relative_to(SOURCE))
        key = f"{module}:{mutation.node}:{mutation.way}:{mutation.was}"
        if key not in done and arguments.done:
            continue
        if key not in done:
            tests = tests_of(path)
            record = {
                "key": key,
                "module": module,
                "line": mutation.line,
                "text": path.read_text().splitlines()[mutation.line - 1].strip(),
                "was": mutation.was,
                "became": mutation.became,
            }
            done[key] = record | _outcome(path, mutation, tests, usual)
            with arguments.log.open("a") as stream:
                stream.write(json.dumps(done[key]) + "\n")
            print(f"{done[key]['outcome']:8} {done[key]['seconds']:6.1f} s  {module}:{mutation.line}", flush=True)
        lines.append(done[key])
    tell(lines)


def _length(drawn: tuple[Path, Mutation]) -> int:
    return sum(test.stat().st_size for test in tests_of(drawn[0]))


def _outcome(path: Path, mutation: Mutation, tests: list[Path], usual: dict[str, float]) -> dict[str, Any]:
    """Run the tests without the change, unless they were run before, and with it."""
    names = [str(t.relative_to(TESTS)) for t in tests]
    if not tests:
        return {"outcome": "untested", "seconds": 0.0, "tests": names}
    label = " ".join(names)
    if label not in usual:
        outcome, usual[label] = run(tests, None, 3_600)
        if outcome != "passed":
            raise SystemExit(f"{label}: fails without any change")
    code = compile(mutated(path.read_text(), mutation), str(path), "exec")
    outcome, seconds = run(tests, Changed(_dotted(path), path, code), SLOWER * usual[label] + MORE)
    return {"outcome": outcome, "seconds": round(seconds, 1), "tests": names, "usual": usual[label]}


if __name__ == "__main__":
    main()
