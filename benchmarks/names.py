"""The grammar of model names against a corpus that was written without it: how often it is right, and how sure.

    python benchmarks/names.py [--corpus FILE] [--strangers FILE] [--without RULE,…] [--write FILE]

An identifier is right where family and version are those of the corpus, compared without regard to case; with none in
the corpus, none may be said. A string that is no model is wrong where it is given a family: by ``decode`` as any text,
by ``decode`` as the value of a field that names models, or by ``find`` in a sentence around it. ``--write`` writes the
share that was right for each grade of ``catalogue/names/grades.py``, with its lower 95 % bound (Clopper-Pearson,
one-sided). Only a corpus on which nothing was repaired gives a table that confidences may be read from.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forebear.catalogue.names import decode, find
from forebear.catalogue.names.decode import said, understand
from forebear.catalogue.names.grades import GRADES, grade

ROOT = Path(__file__).resolve().parents[1]
CORPUS, STRANGERS = ROOT / "tests/data/identifiers.toml", ROOT / "tests/data/not_models.txt"
FIELDS = ("family", "version", "size", "stage", "date", "step", "quantization", "variant", "provider", "account")


@dataclass(frozen=True)
class Case:
    """One entry: what was wanted, what was said, and the grade of that."""

    wanted: dict[str, Any]
    said: dict[str, Any]
    grade: str

    @property
    def right(self) -> bool:
        """Whether family and version are those of the corpus."""
        return all(_same(self.wanted.get(key), self.said.get(key)) for key in ("family", "version"))


def cases(path: Path = CORPUS, without: tuple[str, ...] = ()) -> list[Case]:
    """Every identifier of the corpus, decoded as the value of a field that names models; some rules' left out."""
    entries = tomllib.loads(path.read_text("utf-8"))["models"]
    return [_case(entry) for entry in entries if entry.get("rule") not in without]


def _case(entry: dict[str, Any]) -> Case:
    understood = understand(entry["identifier"], named=True)
    assert understood is not None
    name = said(*understood)
    return Case(entry, {key: getattr(name, key) for key in FIELDS}, grade(*understood))


def _same(wanted: Any, found: Any) -> bool:
    return str(wanted).lower() == str(found).lower()


def agrees(key: str, wanted: str, found: str | None) -> bool:
    """Whether a field is right: of a date its digits, of a stage the last, of what may be several at least that."""
    if key == "date":
        return sorted(re.sub(r"\D", "", wanted)) in (
            sorted(digits := re.sub(r"\D", "", found or "")),
            sorted(digits[2:]),
        )
    if key in ("variant", "quantization", "stage"):
        return set(re.split(r"[+-]", wanted)) <= set(re.split(r"[+-]", found or ""))
    return _same(wanted, found)


def false_families(texts: list[str]) -> Iterator[tuple[str, str, str]]:
    """Strings that were given a family, how they were read, and which."""
    for text in texts:
        plain, named = decode(text), decode(text, named=True)
        if plain and plain.family:
            yield text, "decode", plain.family
        if named and named.family:
            yield text, "decode as a field", named.family
        for _, _, name in find(f"it says {text} here"):
            if name.family:
                yield text, "find", name.family


def lower_bound(right: int, n: int, level: float = 0.05) -> float:
    """The share above which the true one lies with 95 % confidence (Clopper-Pearson, one-sided)."""
    if not right:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(60):  # the tail P(X >= right) rises with the share
        middle = (low + high) / 2
        tail = sum(math.comb(n, k) * middle**k * (1 - middle) ** (n - k) for k in range(right, n + 1))
        low, high = (middle, high) if tail < level else (low, middle)
    return low


def grades(found: list[Case]) -> dict[str, dict[str, float]]:
    """For each grade how many there were, the share that was right and its lower bound."""
    table = {}
    for level in GRADES:
        rows = [case.right for case in found if case.grade == level]
        if rows:
            bound = lower_bound(sum(rows), len(rows))
            table[level] = {"n": len(rows), "right": round(sum(rows) / len(rows), 4), "lower": round(bound, 4)}
    return table


def main() -> None:
    """Print, and write where asked to."""
    parser = argparse.ArgumentParser(description="The grammar of model names against a corpus.")
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--strangers", type=Path, default=STRANGERS)
    parser.add_argument("--without", default="", help="rules of the corpus to leave out, comma between them")
    parser.add_argument("--write", type=Path, help="where to write the table of grades")
    options = parser.parse_args()
    found = cases(options.corpus, tuple(options.without.split(",")))
    _print_shares(found)
    texts = options.strangers.read_text("utf-8").splitlines()
    alarms = list(false_families(texts))
    for how in ("decode", "decode as a field", "find"):
        print(f"\nfalse families, {how}: {sum(way == how for _, way, _ in alarms)} of {len(texts)}")
        for text, way, family in alarms:
            if way == how:
                print(f"  {text}  {family}")
    table = json.dumps({"grades": grades(found)}, indent=1)
    print(f"\n{table}")
    if options.write:
        options.write.write_text(table + "\n", "utf-8")


def _print_shares(found: list[Case]) -> None:
    for key in ("group", "rule"):
        total = Counter(case.wanted.get(key, "-") for case in found)
        right = Counter(case.wanted.get(key, "-") for case in found if case.right)
        print(f"\n{key}: family and version right")
        for name in total:
            print(f"  {name:24} {right[name]:4} of {total[name]:4}")
    n, right_of_all = len(found), sum(case.right for case in found)
    print(f"\nall: {right_of_all} of {n}, {right_of_all / n:.1%} (at least {lower_bound(right_of_all, n):.1%} at 95 %)")
    print("family alone:", sum(_same(case.wanted.get("family"), case.said["family"]) for case in found))
    print("\nfield, where the corpus says one: right")
    for key in FIELDS:
        rows = [agrees(key, case.wanted[key], case.said[key]) for case in found if key in case.wanted]
        print(f"  {key:14} {sum(rows):4} of {len(rows):4}")
    print("\nwrong")
    for case in found:
        if not case.right:
            wanted = case.wanted.get("family"), case.wanted.get("version"), case.wanted.get("rule")
            print(f"  {case.wanted['identifier']}  wanted {wanted} said {case.said['family'], case.said['version']}")


if __name__ == "__main__":
    main()
