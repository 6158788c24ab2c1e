"""Nothing grows with the square of what it is given: work at a size and at four times the size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from forebear.bom import cyclonedx, spdx
from forebear.bom.difference import _numbered, difference
from forebear.bom.formats import read_bom
from forebear.bom.lineage_profile import KEY
from forebear.bom.record import Model, Record, Relative, Slot
from forebear.crawl.base import State, Wanted
from forebear.crawl.jobs import Job, Jobs
from forebear.inspect.bom_verify_statements import statements_of
from forebear.lineage.declared_graph import _short_name
from forebear.web.store import Job as WebJob
from forebear.web.store import State as WebState
from forebear.web.store.sqlite import SqliteStore
from growing import calls, growth, steps

LINEAR = 5.5
"""Four times, and room for what is sorted; 16 would be the square."""
SAME = 1.7
"""What looks something up in a table does as much, however large the table is, and some for its depth."""


def bill(*components: dict[str, Any], **more: Any) -> dict[str, Any]:
    subject = {"type": "machine-learning-model", "bom-ref": "root", "name": "org/root"}
    head = {"bomFormat": "CycloneDX", "specVersion": "1.7", "version": 1, "metadata": {"component": subject}}
    return {**head, "components": list(components), **more}


def model(name: str) -> dict[str, Any]:
    return {"type": "machine-learning-model", "bom-ref": name, "name": name}


def with_citations(n: int) -> dict[str, Any]:
    cited = [{"pointers": [f"/components/{k}/name"], "attributedTo": "m0", "note": f"{k}"} for k in range(n)]
    return bill(*(model(f"m{k}") for k in range(n)), citations=cited)


def test_citations_are_read_once_for_all_models() -> None:
    assert growth(lambda n: calls(lambda: read_bom(with_citations(n))), 30) < LINEAR
    said = [record.attributions for record in read_bom(with_citations(3)).records]
    assert [[(a.fields, a.said.by, a.said.note) for a in each] for each in said] == [
        [],
        *([(("name",), "m0", f"{k}")] for k in range(3)),
    ]


def test_who_wrote_a_graph_is_asked_once_for_all_models() -> None:
    def work(n: int) -> int:
        said = ({"type": "Annotation", "spdxId": f"a{k}", "subject": f"m{k}", "statement": "good"} for k in range(n))
        models = ({"type": "ai_AIPackage", "spdxId": f"m{k}", "name": f"org/m{k}"} for k in range(n))
        created = {"type": "CreationInfo", "@id": "_:c", "specVersion": "3.0.1"}
        document = {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [created, *models, *said]}
        return calls(lambda: read_bom(document))

    assert growth(work, 100) < LINEAR


def test_things_of_one_name_are_numbered_in_one_pass() -> None:
    tried = 0

    class Name(str):
        def __format__(self, how: str) -> str:
            nonlocal tried
            tried += 1
            return str(self)

    names = list(_numbered([*(Name("a") for _ in range(200)), "a (3)", "b"]))
    assert names[:3] == ["a", "a (2)", "a (3)"] and names[-2:] == ["a (3) (2)", "b"]
    assert len(set(names)) == 202 and tried < 400
    changes = difference(read_bom(bill(model("org/same"), model("org/same"))), read_bom(bill())).changes
    assert [c.what for c in changes if c.part == "model"] == ["model org/same", "model org/same (2)"]


@pytest.mark.parametrize("write", [cyclonedx.write, spdx.write])
def test_relatives_are_written_in_one_pass(write: Callable[[Record], object]) -> None:
    def work(n: int) -> int:
        relatives = tuple(Relative(name=f"org/b{k}", slot=Slot.ANCESTOR) for k in range(n))
        record = Record(created="2026-01-01T00:00:00Z", model=Model(name="org/m"), relatives=relatives)
        return calls(lambda: write(record))

    assert growth(work, 100) < 4.4  # the square was a small part of it: 5.3 and 6.1


def test_a_flood_of_denied_parents_is_gone_through_once() -> None:
    def work(n: int) -> int:
        denied = [{"name": f"{KEY}:parent", "value": "none"}]
        document = bill(*({"type": "library", "name": f"l{k}", "properties": denied} for k in range(n)))
        record = read_bom(document).records[0]
        return calls(lambda: statements_of(record, document))

    assert growth(work, 50) < LINEAR


def test_a_crawl_settles_a_job_without_looking_at_all_others(tmp_path: Path) -> None:
    def work(n: int) -> int:
        path = tmp_path / f"{n}.db"
        path.unlink(missing_ok=True)
        jobs = Jobs(path, "here")
        jobs.put(jobs.begin("names"), (Wanted(f"org/m{k}", f"org/m{k}") for k in range(n)))
        done = [Job(f"org/m{k}", "", f"org/m{k}", State.DONE, digest="d") for k in range(10)]
        count = steps(jobs._db, lambda: jobs.settle(done))
        jobs.close()
        return count

    assert growth(work, 100) < SAME


def test_a_job_is_claimed_without_looking_at_all_that_wait(tmp_path: Path) -> None:
    def work(n: int) -> int:
        store = SqliteStore(tmp_path / f"{n}.db")
        with store._change() as db:
            db.execute("DELETE FROM jobs")
        for k in range(n):
            store.add_job(WebJob(f"{k:032x}", "ab"[k % 2], "scan", {}))
        count = steps(store._db, lambda: store.claim("s"))
        store.close()
        return count

    assert growth(work, 40) < SAME


def test_what_a_store_is_asked_at_each_job_does_not_grow_with_the_jobs_that_it_keeps(tmp_path: Path) -> None:
    def work(n: int) -> int:
        (tmp_path / f"{n}.db").unlink(missing_ok=True)
        store = SqliteStore(tmp_path / f"{n}.db")
        for k in range(n):
            store.add_job(WebJob(f"{n}-{k}", "a", "scan", {}))
            assert (job := store.claim("s")) is not None and store.finish(job, WebState.DONE, b"result", None)
        asked = (
            lambda: store.kept("a"),
            lambda: store.beat("s", 60.0, (), "here"),
            lambda: store.expire("2000-01-01T00:00:00Z"),
        )
        count = sum(steps(store._db, ask) for ask in asked)
        store.close()
        return count

    assert growth(work, 60) < SAME


def test_a_base_with_an_account_is_not_held_against_every_namesake() -> None:
    looked = 0

    class Namesakes(list[str]):
        def __iter__(self) -> Iterator[str]:
            nonlocal looked
            looked += len(self)
            return super().__iter__()

    names = Namesakes([*(f"org{k}/model" for k in range(100)), "model"])
    indexed = dict.fromkeys(names, 0)
    looked = 0
    assert {_short_name(f"other{k}/model", {"model": names}, indexed) for k in range(100)} == {"model"}
    assert looked == 0 and _short_name("model", {"model": names}, indexed) == ""
    assert _short_name("model", {"model": ["org/model"]}, {"org/model": 0}) == "org/model"
