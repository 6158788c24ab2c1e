"""What is made of documents, not just read: pages of saved results, decisions, and bills that are checked and scored.

Saved results come from strangers as bills do, and a policy may decide on what they say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import reports
from forebear.errors import FormatError
from forebear.inspect.bom_diff import diff_boms
from forebear.inspect.bom_score import score_bom
from forebear.inspect.bom_verify import verify_bom
from forebear.inspect.consequences import consequences
from forebear.inspect.licence import read_document
from forebear.inspect.policy import Loaded, Terms, answer_on, load
from forebear.report import bom_verify as words
from forebear.report import card, html
from forebear.report.schemas import wrong
from fuzz_code import empty_index
from fuzzed import Paper, copied, text

REPOSITORY = Path(__file__).parents[1]
BILL = REPOSITORY / "docs" / "standard" / "examples" / "conforms-measured.cdx.json"
GRAPH = BILL.with_name("conforms-measured.spdx.json")


def _reported(path: Path) -> tuple[str, ...]:
    """As ``forebear report`` does it: what is not as its schema wants it is refused."""
    document = read_document(str(path))
    if (problem := wrong(document)) is not None:
        raise FormatError(path.name, problem)
    html.report(document).encode()
    if document.get("schema") == card.KIND:
        card.card(document).encode()
    return ()


@cache
def _loaded() -> Loaded:
    return load(Terms(("baseline",), str(REPOSITORY / "examples" / "org.yaml")))


def _decided(path: Path) -> tuple[str, ...]:
    found = consequences(str(path), _loaded().organisation, empty_index(), scan=False)
    answer = answer_on(found, _loaded())
    json.dumps(answer.to_json()).encode()
    return answer.problems


def _checked(path: Path) -> tuple[str, ...]:
    """A bill by itself: verified, scored and compared with what it was."""
    whole = BILL if path.name == "m.cdx.json" else GRAPH
    found = verify_bom(path)
    json.dumps(found.to_json()).encode()
    words.markdown(found).encode()
    json.dumps(score_bom(path, "g7-ai").to_json()).encode()
    json.dumps(diff_boms(whole, path).to_json()).encode()
    return found.problems


def _held(path: Path) -> tuple[str, ...]:
    """A bill held against a saved scan."""
    found = verify_bom(BILL, str(path), empty_index())
    json.dumps(found.to_json()).encode()
    words.markdown(found).encode()
    return found.problems


def _decision(folder: Path) -> bytes:
    """A decision on a scan, as the command writes it."""
    path = folder / "scan.json"
    path.write_text(json.dumps(_anywhere(reports.scan())))
    found = consequences(str(path), _loaded().organisation, empty_index(), scan=False)
    return json.dumps(answer_on(found, _loaded()).to_json()).encode()


def _of_the_bill(scan: Mapping[str, Any]) -> Mapping[str, Any]:
    """A scan that found the base which the bill names, and what names a direction."""
    named = json.loads(BILL.read_text())["metadata"]["component"]["pedigree"]["ancestors"][0]["name"]
    reason = {"name": "norm_gains", "log_odds": 1.5, "text": "its gains moved further"}
    first = dict(scan["ancestors"][0])
    first["relation"] = {**first["relation"], "direction": "unknown", "details": {"direction": {"reasons": [reason]}}}
    return {**scan, "ancestors": [{**first, "name": named, "verdict": "dependent"}]}


def _anywhere(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same document from no folder of this machine, since inputs are kept."""
    moved: dict[str, Any] = json.loads(json.dumps(document).replace(str(REPOSITORY), "/repo"))
    return moved


def _written(document: Mapping[str, Any]) -> Paper:
    return Paper("r.json", text(document), _reported)


def _results() -> Iterator[tuple[str, Paper]]:
    made = {name: _anywhere(document) for name, document in reports.everything().items()}
    for name in ("scan", "compare", "tree", "licence", "bill"):
        yield f"report-{name}", _written(made[name])
    yield "report-policy", Paper("r.json", _decision, _reported)
    yield "decide-scan", Paper("r.json", text(made["scan"]), _decided)
    yield "decide-cyclonedx", Paper("m.cdx.json", copied(BILL), _decided)
    yield "decide-spdx", Paper("m.spdx.json", copied(GRAPH), _decided)
    yield "check-cyclonedx", Paper("m.cdx.json", copied(BILL), _checked)
    yield "check-spdx", Paper("m.spdx.json", copied(GRAPH), _checked)
    yield "verify-scan", Paper("r.json", text(_of_the_bill(made["scan"])), _held)


RESULTS: dict[str, Paper] = dict(_results())
"""Every kind of document, by the name under which what was found of it is kept in ``tests/corpus``."""
