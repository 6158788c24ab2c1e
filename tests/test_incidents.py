"""Every public incident, played by stand-ins and followed to the decision: see ``data/incidents.toml``."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from forebear.lineage.chain import Chain
from forebear.lineage.chains import chain_of
from forebear.origin import origin_of
from forebear.types import to_json
from standins import STANDINS, Stage, play

Json = dict[str, Any]
TABLE = tomllib.loads((Path(__file__).parent / "data" / "incidents.toml").read_text("utf-8"))
CASES: list[Json] = TABLE["case"]
DECIDED = {"pass": 0, "deny": 1, "inconclusive": 3}


class Documents:
    """The documents of a case, each made when it is first asked for."""

    def __init__(self, stage: Stage, result: Path) -> None:
        self.stage, self.path = stage, result
        self.made: dict[str, Json] = {"result": json.loads(result.read_text("utf-8"))}

    def __getitem__(self, name: str) -> Json:
        if name not in self.made:
            self.made[name] = self._make(name)
        return self.made[name]

    @property
    def chain(self) -> Chain:
        return chain_of(self["result"])

    def _make(self, name: str) -> Json:
        if name == "chain":
            return viewed(self.chain)
        if name == "origin":
            found: Json = to_json(origin_of(self.chain))
            return found
        what, _, who = name.partition("@")
        options = ["--org", str(self.organisation(who))] if who else []
        if what == "licence":
            return self.stage.document("licence", str(self.path), *options)
        return self.decision(what.removeprefix("policy:"), options)

    def decision(self, policy: str, options: list[str]) -> Json:
        args = ("policy", "check", str(self.path), "--policy", policy, *options)
        done = self.stage.call(*args, "--format", "json")
        document: Json = json.loads(done.stdout)
        assert done.exit_code == DECIDED[document["decision"]], document["decision"]
        return document

    def organisation(self, who: str) -> Path:
        facts = dict(TABLE["organisation"][who])
        like = facts.pop("like", "")
        return self.stage.write(f"{who}.yaml", {**(TABLE["organisation"][like] if like else {}), **facts})


def viewed(chain: Chain) -> Json:
    """A chain, each edge with the parent's name in the catalogue where it has one."""
    view: Json = to_json(chain)
    for edge in view["edges"]:
        parent = chain.node(edge["parent"])
        edge["of"] = parent.model or parent.name
    return view


def found(document: Any, place: str) -> Any:
    """The value at a path of keys and numbers; a key of a list is that of all its items, in one list."""
    for key in filter(None, place.split(".")):
        if isinstance(document, list) and not key.isdigit():
            parts = [item[key] for item in document]
            document = [x for p in parts for x in p] if parts and all(isinstance(p, list) for p in parts) else parts
        else:
            document = document[int(key)] if key.isdigit() else document[key]
    return document


def fits(item: Any, wanted: Mapping[str, Any]) -> bool:
    """Whether an item has these fields; a list is among the field's items."""
    for key, value in wanted.items():
        has = item.get(key)
        if not (set(value) <= set(has) if isinstance(value, list) else has == value):
            return False
    return True


def holds(value: Any, operation: str, wanted: Any) -> bool:
    """One check."""
    match operation:
        case "is":
            return bool(value == wanted)
        case "not":
            return bool(value != wanted)
        case "in":
            return value in wanted
        case "some":
            return any(fits(item, wanted) for item in value)
        case "none":
            return not any(fits(item, wanted) for item in value)
        case "has":
            return wanted in value
        case "lacks":
            return wanted not in value
        case "empty":
            return bool(value) is not wanted
        case "says":
            return wanted in json.dumps(value, ensure_ascii=False)
    raise AssertionError(operation)


def shown(value: Any) -> str:
    """A value, short enough for a message."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 1_500 else text[:1_500] + "…"


def failures(case: Json, documents: Documents) -> Iterator[str]:
    """What does not hold, with what was there."""
    for name, place, operation, wanted in case["checks"]:
        try:
            value = found(documents[name], place)
        except (KeyError, IndexError, TypeError) as error:
            yield f"{name} {place}: not there ({error!r})"
            continue
        if not holds(value, operation, wanted):
            yield f"{name} {place} {operation} {shown(wanted)}\n    was {shown(value)}"


def said(case: Json, documents: Documents) -> Iterator[str]:
    """Words that must not be said and are, in anything that the case printed and in its pages."""
    for how in ("md", "html") if case.get("never") else ():
        documents.stage.call("policy", "check", str(documents.path), "--policy", "uk-defence", "--format", how)
    printed = [*documents.stage.told, *(shown_whole(d) for d in documents.made.values())]
    for word in case.get("never", ()):
        expression = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)" if word.isalpha() else rf"(?<!\w){re.escape(word)}")
        for text in printed:
            if at := expression.search(text):
                yield f"says {word!r}: …{text[max(0, at.start() - 120) : at.end() + 80]}…"
                break


def shown_whole(document: Json) -> str:
    return json.dumps(document, ensure_ascii=False)


@pytest.mark.sweep(3)
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['incident']}: {c['name']}")
def test_incident(case: Json, tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    documents = Documents(stage, play(case["stand_in"], stage))
    wrong = [*failures(case, documents), *said(case, documents)]
    assert not wrong, "\n".join([f"{case['plays']}:", *wrong])


def test_every_stand_in_is_in_the_table_and_plays_a_case() -> None:
    assert {c["stand_in"] for c in CASES} == STANDINS.keys()
    assert len({c["incident"] for c in CASES}) == 22


def test_every_trap_and_dispute_forbids_the_word() -> None:
    for case in CASES:
        if case["name"].startswith(("trap", "disputed", "false accusation")):
            assert "derived" in case["never"], case["name"]
