"""What ScanCode says, held against what is said here; and what a process that misbehaves costs."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from forebear.errors import InputError, MissingExtra
from forebear.licences import second_opinion as module
from forebear.licences.answer import Agreement, Detection
from forebear.licences.detect import detect_all
from forebear.licences.second_opinion import opinions, second_opinion
from written_licences import ISC, MIT

needs_scancode = pytest.mark.skipif(
    importlib.util.find_spec("scancode") is None, reason="needs the extra [scancode] (scancode-toolkit-mini)"
)
FAKE = """
import os, sys, time
def get_licenses(location, deadline):
    print("a line of its own on standard output")
    text = open(location).read()
    if "CRASH" in text: os._exit(3)
    if "RAISE" in text: raise RuntimeError("no such\\ncodec")
    if "HANG" in text: time.sleep(60)
    if "NOTHING" in text: return {"license_detections": []}
    match = {"license_expression": "mit AND isc", "score": 99.5, "start_line": 1, "end_line": 9, "matched_length": 160}
    return {"license_detections": [{"matches": [match] * 500}]}
"""
FAKE_CACHE = f"""
class Licence:
    def __init__(self, name, spdx, text):
        self.name, self.spdx_license_key, self.text, self.is_generic, self.is_unknown = name, spdx, text, False, False
def get_licenses_db():
    return {{"mit": Licence("MIT License", "MIT", {MIT!r}), "isc": Licence("ISC License", "ISC", {ISC!r})}}
"""
FAKE_EXPRESSION = """
class Licensing:
    def license_keys(self, expression): return expression.split(" AND ")
"""


def row(key: str, words: int = 100, lines: tuple[int, int] = (1, 20), score: float = 100.0) -> dict[str, Any]:
    return {"key": key, "score": score, "lines": list(lines), "words": words}


def about(spdx: str = "", text: str = "", generic: bool = False) -> dict[str, Any]:
    return {"name": "a name", "spdx": spdx, "generic": generic, "text": text}


def ours(identifier: str | None, licence: str | None = None) -> Detection:
    return Detection("LICENSE", identifier, licence, lines=(1, 20) if identifier else None)


@pytest.fixture
def scancode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules in ScanCode's place, for the real process to import."""
    for name, text in {
        "scancode/__init__.py": "",
        "scancode/api.py": FAKE,
        "licensedcode/__init__.py": "",
        "licensedcode/cache.py": FAKE_CACHE,
        "license_expression.py": FAKE_EXPRESSION,
    }.items():
        path = tmp_path / "fake" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "fake"))


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scancode", None)
    with pytest.raises(MissingExtra, match=r"forebear\[scancode\]"):
        second_opinion({}, ())


@pytest.mark.parametrize(
    ("said", "known", "agrees"),
    [
        ("mit", about("MIT"), Agreement.SAME),
        ("expat", about("LicenseRef-scancode-expat", MIT), Agreement.SAME),
        ("isc", about("ISC", ISC), Agreement.OTHER),
        ("unheard-of", about("", "Do what you like, and send a postcard."), Agreement.OTHER),
        ("proprietary-license", about("", "", generic=True), Agreement.GENERIC),
        ("not-described", None, Agreement.OTHER),
    ],
)
def test_a_key_is_ours_by_its_identifier_or_its_text(said: str, known: Any, agrees: Agreement) -> None:
    licences = {} if known is None else {said: known}
    (one,) = opinions("LICENSE", [ours("MIT", "mit")], [row(said)], licences)
    assert (one.agrees, one.ours, one.key, one.score) == (agrees, "MIT", said, 100.0)
    assert one.means == {"expat": "MIT", "isc": "ISC"}.get(said)


def test_an_identifier_of_a_text_with_the_same_words_is_the_same() -> None:
    later = {"gpl-3.0-plus": about("GPL-3.0-or-later")}
    (one,) = opinions("LICENSE", [ours("GPL-3.0-only")], [row("gpl-3.0-plus")], later)
    assert one.agrees is Agreement.SAME
    equally = replace(ours("MIT"), similarity=0.98, nearest=(("ISC", 0.98), ("0BSD", 0.97)))
    licences = {"isc": about("ISC"), "bsd-zero": about("0BSD")}
    agrees = [next(opinions("LICENSE", [equally], [row(key)], licences)).agrees for key in licences]
    assert agrees == [Agreement.SAME, Agreement.OTHER]


def test_another_version_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_means", lambda text: Detection("", "llama3.1", "llama3.1"))
    (one,) = opinions("LICENSE", [ours("llama3", "llama3")], [row("llama-3.1", score=95.6)], {})
    assert (one.agrees, one.means) == (Agreement.LINE, "llama3.1")
    (one,) = opinions("LICENSE", [ours("MIT", "mit")], [row("llama-3.1", score=95.6)], {})
    assert one.agrees is Agreement.OTHER


def test_the_longest_match_at_a_place_counts_and_the_rest_is_besides() -> None:
    rows = [row("isc", 10), row("mit", 160), row("isc", 20), row("bsd", 5, (90, 95))]
    licences = {"mit": about("MIT"), "isc": about("ISC")}
    found = list(opinions("LICENSE", [ours("MIT", "mit")], rows, licences))
    assert [(one.key, one.agrees) for one in found] == [
        ("mit", Agreement.SAME),
        ("isc", Agreement.BESIDES),
        ("bsd", Agreement.BESIDES),
    ]


def test_every_text_of_a_file_is_held_against_what_is_said_of_its_place() -> None:
    first, second = ours("MIT", "mit"), replace(ours("ISC", "isc"), lines=(30, 40))
    rows = [row("mit", 160), row("apache-2.0", 900, (30, 40))]
    found = list(opinions("LICENSE", [first, second], rows, {"mit": about("MIT"), "apache-2.0": about("Apache-2.0")}))
    assert [one.agrees for one in found] == [Agreement.SAME, Agreement.OTHER]
    (one,) = opinions("LICENSE", [second], [], {})
    assert (one.ours, one.agrees, one.key, one.score) == ("ISC", Agreement.NONE, "", None)


def test_lines_are_counted_differently_where_lines_are_long() -> None:
    one_line = replace(ours("MIT", "mit"), lines=(1, 1))
    (one,) = opinions("LICENSE", [one_line], [row("mit", 160, (2, 9))], {"mit": about("MIT")})
    assert one.agrees is Agreement.SAME


def test_a_text_that_only_one_of_both_knows() -> None:
    (one,) = opinions("LICENSE", [ours(None)], [row("mit")], {"mit": about("MIT")})
    assert (one.ours, one.agrees) == (None, Agreement.ALONE)
    (one,) = opinions("LICENSE", [ours(None)], [], {})
    assert (one.ours, one.agrees, one.key) == (None, Agreement.NONE, "")


@pytest.mark.usefixtures("scancode")
def test_a_process_of_its_own_answers() -> None:
    texts = {"LICENSE": MIT, "../NOTICE": "NOTHING", "EMPTY": " "}
    detected = [one for name, text in texts.items() if text.strip() for one in detect_all(text, name)]
    found = second_opinion(texts, detected)
    assert found.by.startswith("ScanCode") and found.not_asked == ()
    assert [(one.file, one.key, one.agrees.value) for one in found.opinions] == [
        ("LICENSE", "mit", "same"),
        ("LICENSE", "isc", "besides"),
        ("../NOTICE", "", "none"),
    ]


@pytest.mark.usefixtures("scancode")
@pytest.mark.parametrize(("text", "words"), [("CRASH", "ended without an answer"), ("RAISE", "RuntimeError|codec")])
def test_a_crash_is_one_line(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        second_opinion({"LICENSE": text}, ())
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("scancode")
def test_a_process_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 2)
    monkeypatch.setattr(module, "_GRACE", 1)
    with pytest.raises(InputError, match="no answer within 3 s"):
        second_opinion({"LICENSE": "HANG"}, ())


@pytest.mark.usefixtures("scancode")
def test_bounds_on_files_and_time_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILES", 1)
    assert second_opinion({"A": MIT, "B": MIT}, ()).not_asked == ("B",)
    monkeypatch.setattr(module, "LONGEST", -1)
    found = second_opinion({"A": MIT}, ())
    assert found.opinions == () and found.not_asked == ("A",)


@pytest.mark.parametrize("answer", [{"files": {"0": [{}]}, "licences": {}}, {"files": {"7": []}}, {"files": []}])
@pytest.mark.usefixtures("scancode")
def test_an_answer_of_another_shape_is_refused(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_asked", lambda texts: answer)
    with pytest.raises(InputError, match="not understood"):
        second_opinion({"LICENSE": MIT}, ())


@needs_scancode
def test_scancode_itself() -> None:
    texts = {"LICENSE": MIT, "both": f"{MIT}\n\n{ISC}", "none": "Nothing here."}
    detected = [one for name, text in texts.items() for one in detect_all(text, name)]
    found = second_opinion(texts, detected)
    assert found.by.startswith("ScanCode 3") and found.not_asked == ()
    assert [(one.file, one.key, one.spdx, one.score, one.agrees.value) for one in found.opinions] == [
        ("LICENSE", "mit", "MIT", 100.0, "same"),
        ("both", "mit", "MIT", 100.0, "same"),
        ("both", "isc", "ISC", 100.0, "same"),
        ("none", "", "", None, "none"),
    ]
