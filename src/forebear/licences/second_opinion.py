"""A second opinion on licence files: ScanCode's (github.com/aboutcode-org/scancode-toolkit; extra ``scancode``).

ScanCode knows 2,470 licences of software and about forty of models, and names the closest one with a score; it does not
say what was changed. What it says stands beside what :mod:`forebear.licences.detect` says and changes no duty: where
the two differ, somebody has to look.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from forebear.errors import InputError, MissingExtra, one_line
from forebear.licences.answer import Agreement, Detection, Opinion, SecondOpinion
from forebear.licences.papers import faithful

LONGEST = 120
"""Seconds that ScanCode may take for all files of a model, of which loading takes 5 to 20; then half a minute more."""
FILES = 40
CHARACTERS = 1_000_000
"""Of a file; as many as :mod:`forebear.licences.normalise` reads."""
_GRACE = 30
_NAMED = 20


@dataclass(frozen=True)
class _Said:
    """A licence that ScanCode names in a file; ``words`` of the file are its match's."""

    key: str
    name: str
    spdx: str
    generic: bool
    means: Detection | None
    score: float
    lines: tuple[int, int]
    words: int


def require() -> None:
    """Says at once that ScanCode is not installed.

    Raises:
        MissingExtra: it is not.
    """
    try:
        found = importlib.util.find_spec("scancode") and importlib.util.find_spec("licensedcode")
    except ValueError:  # something else has its name
        found = None
    if not found:
        raise MissingExtra("scancode", "a second opinion on licence files")


def second_opinion(texts: Mapping[str, str], detected: Sequence[Detection]) -> SecondOpinion:
    """What ScanCode says of licence files, held against what is said here.

    Args:
        texts: of the files, by name.
        detected: which licence each of them is here.

    Raises:
        MissingExtra: ScanCode is not installed.
        InputError: it ended without an answer.
    """
    require()
    names = [name for name, text in texts.items() if text.strip()]
    asked = names[:FILES]
    answer = _asked({name: texts[name][:CHARACTERS] for name in asked}) if asked else {}
    try:
        by = f"ScanCode {one_line(str(answer.get('version', '')), 40)}".strip()
        read = {asked[int(number)]: rows for number, rows in answer.get("files", {}).items()}
        here = {name: [one for one in detected if one.file == name] for name in read}
        told = [one for name in read for one in opinions(name, here[name], read[name], answer["licences"])]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        raise InputError("ScanCode: its answer is not understood", "is it a version that is supported?") from None
    return SecondOpinion(by, tuple(told), tuple(name for name in names if name not in read))


def opinions(
    file: str, ours: Sequence[Detection], rows: Iterable[Mapping[str, Any]], licences: Mapping[str, Mapping[str, Any]]
) -> Iterator[Opinion]:
    """What ScanCode's matches in a file say: one opinion for each text that is known here, then the other licences.

    Args:
        file: its name.
        ours: which texts it holds.
        rows, licences: as :mod:`forebear.licences.second_opinion_child` writes them.
    """
    said = _said(rows, licences)
    used: set[str] = set()
    texts = [one for one in ours if one.id is not None]
    for one in texts:  # a single one is the file, however each program counts its lines
        at = [each for each in said if len(texts) == 1 or (one.lines and _overlap(each.lines, one.lines))]
        other = at[0] if at else None
        if other is None:
            yield Opinion(file, one.id, Agreement.NONE)
            continue
        used.add(other.key)
        yield _opinion(file, one.id, _agreement(one, other), other)
    alone = not texts
    for other in said:
        if other.key not in used and len(used) < _NAMED:
            used.add(other.key)
            yield _opinion(file, None, Agreement.ALONE if alone else Agreement.BESIDES, other)
    if alone and not said:
        yield Opinion(file, None, Agreement.NONE)


def _asked(texts: Mapping[str, str]) -> dict[str, Any]:
    """What a process of its own answers; one that ends or does not end costs the opinion, not the program."""
    command = [sys.executable, "-P", str(Path(__file__).with_name("second_opinion_child.py"))]
    with TemporaryDirectory(prefix="forebear-") as folder:
        for number, text in enumerate(texts.values()):  # names from strangers never become paths
            Path(folder, str(number)).write_text(text, encoding="utf-8", errors="replace")
        kept = dict.fromkeys(("SCANCODE_CACHE", "SCANCODE_TEMP", "TMPDIR", "TEMP", "TMP"), folder)
        environment = {**os.environ, **kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        request = {"folder": folder, "files": [str(n) for n in range(len(texts))], "seconds": LONGEST}
        try:
            done = subprocess.run(
                command,
                input=json.dumps(request),
                capture_output=True,
                text=True,
                timeout=LONGEST + _GRACE,
                env=environment,
                check=True,
            )
            answer = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            raise InputError(f"ScanCode: no answer within {LONGEST + _GRACE} s") from None
        except subprocess.CalledProcessError as error:
            why = one_line((error.stderr or "").strip().rpartition("\n")[2], 200)
            raise InputError(f"ScanCode ended without an answer{f': {why}' if why else ''}") from None
        except (OSError, ValueError):
            raise InputError("ScanCode ended without an answer") from None
    return answer if isinstance(answer, dict) else {}


def _said(rows: Iterable[Mapping[str, Any]], licences: Mapping[str, Mapping[str, Any]]) -> list[_Said]:
    """The matches of a file, the longest first."""
    found = []
    for row in rows:
        about = licences.get(row["key"], {})
        first, last = row["lines"]
        found.append(
            _Said(
                one_line(str(row["key"]), 120),
                one_line(str(about.get("name", "")), 200),
                one_line(str(about.get("spdx", "")), 160),
                bool(about.get("generic", False)),
                _means(str(about.get("text", ""))),
                round(float(row["score"]), 2),
                (int(first), int(last)),
                int(row["words"]),
            )
        )
    return sorted(found, key=lambda each: -each.words)


@lru_cache(maxsize=256)
def _means(text: str) -> Detection | None:
    """The known text that the text of one of its keys is: keys are its own, so they are compared by their texts."""
    from forebear.licences.detect import detect

    if not text.strip():
        return None
    found = detect(text)
    return found if found.id and faithful(found) else None


def _opinion(file: str, ours: str | None, agrees: Agreement, said: _Said) -> Opinion:
    means = said.means.id if said.means else None
    return Opinion(file, ours, agrees, said.key, said.name, said.spdx, said.score, said.lines, means)


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _agreement(ours: Detection, said: _Said) -> Agreement:
    """How a licence that is named stands to the one that is known here."""
    same = _names(ours)
    if said.spdx in same or (said.means and said.means.id in same):
        return Agreement.SAME
    if said.generic:
        return Agreement.GENERIC
    line = _line(ours)
    return Agreement.LINE if line and said.means and line == _line(said.means) else Agreement.OTHER


def _names(found: Detection) -> frozenset[str]:
    """All identifiers of a text, those of texts with the same words and of equally close ones too."""
    from forebear.licences.sketches import known

    sketches = [each for each in known().table if each.id == found.id]  # a licence may be known in several wordings
    close = (name for name, value in found.nearest if value >= found.similarity)
    return frozenset((*close, *(name for each in sketches for name in (each.id, each.spdx, *each.same) if name)))


def _line(found: Detection) -> str:
    """The line of licences that a text belongs to, "" where the catalogue has none."""
    from forebear.catalogue.licences import licences

    listed = licences().get(found.licence or "")
    return listed.series if listed else ""
