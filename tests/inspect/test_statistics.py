"""What an index adds up to, counted by hand."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from xml.etree import ElementTree

import pytest

from documents import check_document
from forebear.index import Listing, LocalIndex
from forebear.inspect.statistics import Share, Statistics, statistics
from forebear.report import statistics as report
from forebear.report import statistics_svg
from marks import index_of, mark

LISTINGS = (
    Listing("Qwen/Qwen2.5-7B", published="2024-09-01T00:00:00Z", licence="apache-2.0"),
    Listing("meta-llama/Llama-3.1-8B", published="2024-07-01T00:00:00Z", licence="llama3.1"),
    Listing("x/one", published="2024-10-01T00:00:00Z", base_models=("Qwen/Qwen2.5-7B",), licence="mit"),
    Listing("x/two", published="2024-10-05T00:00:00Z", base_models=("x/one",)),
    Listing("y/three", published="2024-10-09T00:00:00Z", base_models=("meta-llama/Meta-Llama-3.1-8B",)),
    Listing("y/four", published="2024-11-09T00:00:00Z", base_models=("nobody/knows",)),
    Listing("y/undated", base_models=("meta-llama/Llama-3.1-8B",)),
    Listing("z/silent", published="2024-11-09T00:00:00Z"),
)


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    """Two bases; one child of each that says nothing, and one that names the other's base."""
    marks = [
        mark("Qwen/Qwen2.5-7B", 1),
        mark("meta-llama/Llama-3.1-8B", 2),
        mark("z/silent", 3, 1),
        mark("y/three", 4, 1),
        mark("alone", 5),
    ]
    index = index_of(tmp_path / "index", marks)
    index.keep_listings(LISTINGS)
    return index


@pytest.fixture
def found(index: LocalIndex) -> Statistics:
    return statistics(index)


def test_every_count(found: Statistics) -> None:
    assert (found.repositories, found.listed, found.indexed) == (9, 8, 5)
    assert found.base_countries == (Share("CN", 2, 2, 3), Share("US", 2, 0, 2), Share("unknown", 1, 0, 1))
    months = {m.month: {s.key: (s.declared, s.measured, s.union) for s in m.countries} for m in found.months}
    assert months == {
        "2024-10": {"CN": (2, 1, 2), "US": (1, 0, 1)},
        "2024-11": {"CN": (0, 1, 1), "unknown": (1, 0, 1)},
    }
    assert found.countries == {"unknown": 7, "CN": 1, "US": 1}
    assert found.licences == {"none stated": 6, "apache-2.0": 1, "llama3.1": 1, "mit": 1}
    assert found.families["qwen"] == 3 and found.families["llama"] == 3
    assert found.coverage["derivatives"] == 6 and found.coverage["derivatives with a date"] == 5
    assert found.coverage["derivatives whose declared and measured base are of two countries"] == 1


def test_without_measuring(index: LocalIndex) -> None:
    found = statistics(index, "engineering_in", measure=False)
    assert not any(s.measured for s in found.base_countries) and found.coverage["derivatives"] == 5
    assert "measured" not in report.markdown(found).split("| base |")[1].split("\n")[0]


def test_every_form_says_the_same(found: Statistics) -> None:
    document = found.to_json()
    check_document(document)
    assert document["derivatives"]["by_base_country"][0] == {"key": "CN", "declared": 2, "measured": 2, "union": 3}
    text = report.markdown(found)
    assert "| China | 2 | 2 | 3 |" in text and "| 2024-10 | 67% | 33% | 0% | 3 |" in text
    rows = list(csv.DictReader(io.StringIO(report.csv_text(found))))
    assert {"2024-10", "2024-11"} == {r["month"] for r in rows if r["table"] == "base_countries_by_month"}


def test_the_picture_can_be_read_without_seeing_it(found: Statistics) -> None:
    root = ElementTree.fromstring(statistics_svg.svg(found))
    spaces = {"s": "http://www.w3.org/2000/svg"}
    description = root.findtext("s:desc", "", spaces)
    assert root.get("role") == "img" and "2024-10, 3 derivatives: China 67%, the United States 33%" in description
    pieces = [t.text for t in root.findall(".//s:rect/s:title", spaces)]
    assert len(pieces) == 3 + 2 + 4 and "2024-10, China: 2 of 3 (67%)" in pieces


def test_nothing_and_hostile_names(tmp_path: Path) -> None:
    empty = statistics(LocalIndex(tmp_path / "none"))
    ElementTree.fromstring(statistics_svg.svg(empty))
    check_document(empty.to_json())
    hostile = LocalIndex(tmp_path / "hostile")
    hostile.keep_listings(
        [Listing("=cmd|x/<script>", licence="=1+1", base_models=("<b>/\x1b[31m",), published="2024-01-01T00:00:00Z")]
    )
    found = statistics(hostile)
    ElementTree.fromstring(statistics_svg.svg(found))
    cells = [cell for row in csv.reader(io.StringIO(report.csv_text(found))) for cell in row]
    assert not any(cell.startswith("=") for cell in cells)
