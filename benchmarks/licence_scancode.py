"""Forebear's detection of licence texts beside ScanCode's: ``docs/licence-detection.md`` has the numbers.

    python benchmarks/licence_scancode.py --artefacts FOLDER --overlay REPOSITORY --packages FOLDER
        --spdx REPOSITORY --scancode WHEEL [--mirrors FOLDER] [--files FOLDER] [--each N] [--show]

Needs ``forebear[scancode]``. Files whose licence their title says (``licence_labels.toml``), licence files of installed
Python packages whose metadata state one identifier, and the altered texts of ``licence_study.py``: of its second half
those that both programs recognise without any difference, so that a difference found is the alteration. Of a file's
matches ScanCode's longest counts. Its keys are compared with ours by SPDX identifier, or by what their texts are here.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.parser import HeaderParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from licence_study import CHANGES, HARMLESS, clause_removed, development, expected, only_optional
from licence_texts import Known, listed_texts, spdx_texts

from forebear.licences import second_opinion_child
from forebear.licences.answer import Agreement, Detection
from forebear.licences.detect import detect, detect_all
from forebear.licences.second_opinion import opinions
from forebear.licences.sketches import known

LABELS = Path(__file__).with_name("licence_labels.toml")
LICENCE_NAMES = ("licence", "license", "copying")


@dataclass
class Read:
    """What both say of a text, and the processor time of each in seconds."""

    ours: Detection
    rows: list[dict[str, Any]]
    licences: dict[str, dict[str, Any]]
    seconds: tuple[float, float]

    @property
    def verbatim(self) -> str:
        """ScanCode's key where it finds one licence and no difference (score 100), else ""."""
        keys = {row["key"] for row in self.rows}
        return keys.pop() if len(keys) == 1 and any(row["score"] >= 100 for row in self.rows) else ""

    def theirs(self, truth: str) -> Agreement:
        """How ScanCode's longest match stands to what the text is."""
        sketch = next(each for each in known().table if truth in (each.id, *each.same))
        held = Detection("text", sketch.id, sketch.licence or None, lines=(1, 1 << 30))
        return next(opinions("text", (held,), self.rows, self.licences)).agrees


@dataclass
class Reader:
    """Asks both; ScanCode in this process, because it is the reading that is timed and not the start."""

    folder: Path
    seconds: list[tuple[float, float]] = field(default_factory=list)

    def read(self, text: str) -> Read:
        """One text, as the content of a file of its own."""
        (self.folder / "text").write_text(text, encoding="utf-8", errors="replace")
        start = time.process_time()
        found = second_opinion_child.read(str(self.folder), ["text"], time.time() + 600)
        middle = time.process_time()
        ours = detect(text, "LICENSE")
        taken = (time.process_time() - middle, middle - start)
        self.seconds.append(taken)
        return Read(ours, found["files"]["text"], found["licences"], taken)


def _labelled(options: argparse.Namespace, table: str) -> Iterator[tuple[str, str]]:
    for path, truth in tomllib.loads(LABELS.read_text(encoding="utf-8"))[table].items():
        if table == "artefacts":
            yield truth, (options.artefacts / path).read_text(encoding="utf-8", errors="replace")
        else:
            command = ["git", "-C", str(options.overlay), "show", f"HEAD:{path}"]
            yield truth, subprocess.run(command, check=True, capture_output=True).stdout.decode("utf-8", "replace")


def packages(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Installed packages: the expression that their metadata state, and their licence files."""
    for metadata in sorted(folder.glob("*.dist-info/METADATA")):
        stated = str(HeaderParser().parsestr(metadata.read_text(errors="replace")).get("License-Expression", ""))
        files = (p for p in sorted(metadata.parent.rglob("*")) if p.is_file())
        texts = [p.read_text(errors="replace") for p in files if p.name.lower().startswith(LICENCE_NAMES)]
        if stated and texts:
            yield stated, texts


def with_one(folders: list[Path]) -> Iterator[tuple[str, str]]:
    """The licence files of packages that have one and state one identifier of the SPDX list."""
    names = {name for each in known().table for name in (each.id, *each.same)}
    for stated, texts in (each for folder in folders for each in packages(folder)):
        if stated in names and len(texts) == 1:
            yield stated, texts[0]


def study_several(reader: Reader, folders: list[Path], show: bool) -> None:
    """Of packages that state several licences: how many of these are found anywhere in their licence files."""
    ours = theirs = total = 0
    done: set[tuple[str, ...]] = set()
    for stated, texts in (each for folder in folders for each in packages(folder)):
        wanted = set(re.split(r" (?:AND|OR) |[()]", re.sub(r" WITH \S+", "", stated))) - {""}
        if len(wanted) < 2 or (stated, *texts) in done:
            continue
        done.add((stated, *texts))
        here: set[str] = set()
        there: set[str] = set()
        for text in texts:
            for one in detect_all(text, "LICENSE"):
                here |= {one.spdx, *(name for name, value in one.nearest if value >= one.similarity)}
            read = reader.read(text)
            there |= {read.licences[row["key"]]["spdx"] for row in read.rows if row["key"] in read.licences}
        total += len(wanted)
        ours += len(wanted & here)
        theirs += len(wanted & there)
        if show and wanted - (here & there):
            print("   ", stated[:60], "| not ours", wanted - here, "| not theirs", wanted - there)
    print(f"| licences of packages that state several: found | {ours} of {total} | {theirs} of {total} | |", flush=True)


def study_names(reader: Reader, name: str, texts: Iterator[tuple[str, str]], show: bool) -> None:
    """Whether the licence is named with its version."""
    ours = exact = total = 0
    theirs: Counter[Agreement] = Counter()
    seen: set[tuple[str, str]] = set()
    for truth, text in texts:
        if (truth, text) in seen:
            continue
        seen.add((truth, text))
        found = reader.read(text)
        total += 1
        ours += expected(found.ours, truth)
        exact += expected(found.ours, truth) and found.ours.exact
        theirs[found.theirs(truth)] += 1
        if show and (found.theirs(truth) is not Agreement.SAME or not expected(found.ours, truth)):
            best = max(found.rows, key=lambda row: row["words"], default={"key": None, "score": 0})
            print("   ", truth, "| ours", found.ours.id, found.ours.exact, "| theirs", best["key"], best["score"])
    wrong = {kind.value: count for kind, count in theirs.items() if kind is not Agreement.SAME}
    print(f"| {name} | {ours} of {total}, {exact} as exact | {theirs[Agreement.SAME]} | {wrong or ''} |", flush=True)


def study_changes(reader: Reader, texts: list[Known], each: int, show: bool) -> None:
    """Whether an alteration shows, and whether mere layout does."""
    plain: dict[str, str] = {}
    for change in (*CHANGES, *HARMLESS):
        dice = random.Random(change.__name__)
        order = texts[:]
        dice.shuffle(order)
        ours = theirs = total = 0
        for text in order:
            if total >= each:
                break
            made = change(text.text.clean, dice)
            if made is None or made == text.text.clean or (change is clause_removed and only_optional(text, made)):
                continue
            if text.id not in plain:
                before = reader.read(text.text.clean)
                plain[text.id] = before.verbatim if before.ours.exact and expected(before.ours, text.id) else ""
            if not plain[text.id]:
                continue
            found = reader.read(made)
            total += 1
            ours += not found.ours.exact
            theirs += found.verbatim != plain[text.id]
            if show and (found.ours.exact if change in CHANGES else not found.ours.exact):
                print("   ", change.__name__, text.id, "->", found.ours.id)
        kind = "noticed" if change in CHANGES else "harmless: called altered"
        print(f"| {change.__name__}: {kind} | {ours} of {total} | {theirs} of {total} | |", flush=True)
    usable = sum(bool(key) for key in plain.values())
    print(f"(texts that both recognise without a difference: {usable} of {len(plain)} tried)")


def study_missing() -> None:
    """How many of the texts known here ScanCode has a key for."""
    from licensedcode.cache import get_licenses_db

    keys = {each.spdx_license_key for each in get_licenses_db().values()}
    ours = {each.id: each.spdx for each in known().table if each.spdx and not each.source.startswith("spdx/")}
    print(f"licences of models known here: {len(ours)}, with a key: {sum(spdx in keys for spdx in ours.values())}")


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--artefacts", type=Path, required=True)
    parser.add_argument("--overlay", type=Path, required=True)
    parser.add_argument("--packages", type=Path, action="append", default=[])
    parser.add_argument("--spdx", type=Path, required=True)
    parser.add_argument("--scancode", type=Path, required=True)
    parser.add_argument("--mirrors", type=Path)
    parser.add_argument("--files", type=Path, action="append", default=[])
    parser.add_argument("--each", type=int, default=40)
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        reader = Reader(Path(folder))
        print(f"start: ScanCode {reader.read('').seconds[1]:.1f} s of CPU", flush=True)
        study_missing()
        reader.seconds.clear()
        print("| | Forebear | ScanCode | of these |\n| --- | --- | --- | --- |")
        study_names(reader, "licence files of the collection", _labelled(options, "artefacts"), options.show)
        study_names(reader, "copies in an overlay", _labelled(options, "overlay"), options.show)
        study_names(reader, "licence files of Python packages", with_one(options.packages), options.show)
        study_several(reader, options.packages, options.show)
        firsts: dict[str, Known] = {}
        for text in (*listed_texts(options), *spdx_texts(options.spdx)):
            if not development(text.id) and len(text.text) >= 60:
                firsts.setdefault(text.id, text)
        study_changes(reader, list(firsts.values()), options.each, options.show)
        ours, theirs = (sum(one) / len(reader.seconds) for one in zip(*reader.seconds, strict=True))
        count = len(reader.seconds)
        print(f"CPU for a text: Forebear {1000 * ours:.0f} ms, ScanCode {1000 * theirs:.0f} ms ({count} texts)")


if __name__ == "__main__":
    main()
