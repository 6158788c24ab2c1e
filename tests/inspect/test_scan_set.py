"""Every model below a folder: the answers are those of single scans, kept answers hold for what they were given for."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Protocol

import pytest

import forebear
from edits import drifted
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.inspect.scan import scan
from forebear.inspect.scan_set import Row, ScanSet, remaining
from forebear.types import Level, Verdict
from models import framed, refused, tiny_llama
from shared import shared
from trees import hub_cache, tree

SCAN = "forebear.inspect.scan_set.scan"


class Ask(Protocol):
    def __call__(self, fresh: bool = False, workers: int | None = 1, effort: str = "standard") -> list[Row]: ...


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalIndex:
    monkeypatch.setenv("FOREBEAR_CACHE", str(tmp_path / "cache"))
    return LocalIndex(tmp_path / "home")


@pytest.fixture
def models(tmp_path: Path, index: LocalIndex) -> Path:
    return tree(tmp_path / "models", tmp_path / "home")


@pytest.fixture
def ask(models: Path, index: LocalIndex) -> Iterator[Ask]:
    with ExitStack() as stack:

        def rows(fresh: bool = False, workers: int | None = 1, effort: str = "standard") -> list[Row]:
            return list(stack.enter_context(closing(ScanSet(str(models), index, effort, workers, fresh))))

        yield rows


def told(row: Row) -> tuple[object, ...]:
    return (row.path, row.verdict, row.closest, row.log10_p, row.findings, row.problems, row.ancestors)


def settled(document: Mapping[str, Any] | None) -> dict[str, Any]:
    """A document without what no two runs have in common."""
    return {k: v for k, v in (document or {}).items() if k not in ("cost", "created")}


def test_every_row_is_what_a_single_scan_says(models: Path, index: LocalIndex) -> None:
    with closing(ScanSet(str(models), index, workers=1)) as whole:
        rows = list(whole)
        assert [r.path for r in rows] == ["broken", "other", "team/child", "team/qwen"]
        for row in rows[1:]:
            single = forebear.scan(str(models / row.path), index)
            assert settled(whole.document(row)) == settled(json.loads(json.dumps(single.to_json())))
            assert (row.verdict, row.log10_p, row.findings) == (single.verdict, single.log10_p, single.findings)
            assert row.related is single.related and row.problems == single.problems
        broken, _, child, _ = rows
        assert (broken.verdict, whole.document(broken)) == (None, None) and "truncated" in broken.problems[0]
        assert (child.closest, child.about) == ("org/base", "team/child/README.md")
        assert child.worst is not None and (child.worst.id, child.worst.level) == ("ancestor-undeclared", Level.NOTE)
        assert child.best in (Verdict.DEPENDENT, Verdict.SAME_INIT_OR_DERIVED)


def test_two_processes_say_what_one_says(ask: Ask) -> None:
    one, two = ask(fresh=True, workers=1), ask(fresh=True, workers=2)
    assert [told(r) for r in one] == [told(r) for r in two]
    assert not any(r.kept for r in one + two)


def test_a_rerun_asks_nothing_twice_but_what_could_not_be_read(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ask()
    scanned: list[str] = []

    def counting(target: str, *more: Any, **rest: Any) -> Any:
        scanned.append(os.path.basename(target))
        return scan(target, *more, **rest)

    monkeypatch.setattr(SCAN, counting)
    again = ask()
    assert scanned == ["broken"]
    assert [r.kept for r in again] == [False, True, True, True]
    assert [told(r) for r in again] == [told(r) for r in first]
    ask(fresh=True)
    assert scanned == ["broken", "broken", "other", "child", "qwen"]


def kept(rows: list[Row]) -> list[str]:
    return [r.path for r in rows if r.kept]


def test_a_changed_file_is_scanned_again_even_with_its_old_time_and_size(ask: Ask, models: Path) -> None:
    assert ask()[1].related is None
    weights = models / "other" / "model.safetensors"
    info = os.stat(weights)
    shutil.copyfile(models / "team" / "child" / "model.safetensors", weights)
    os.utime(weights, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert os.stat(weights).st_size == info.st_size
    rows = ask()
    assert kept(rows) == ["team/child", "team/qwen"]
    assert rows[1].related is True


def test_a_changed_card_or_index_or_effort_is_another_question(
    ask: Ask, models: Path, index: LocalIndex, tmp_path: Path
) -> None:
    ask()
    (models / "team" / "child" / "README.md").write_text("---\nbase_model: org/base\n---\n")
    rows = ask()
    assert kept(rows) == ["other", "team/qwen"] and rows[2].findings == ()
    assert kept(ask(effort="quick")) == []
    assert len(kept(ask())) == 0  # the answers of the other effort have taken their place
    assert len(kept(ask())) == 3
    enrol(str(models / "other"), index, "org/other")
    rows = ask()
    assert kept(rows) == [] and rows[1].verdict is Verdict.INDEXED
    assert len(kept(ask())) == 3
    index.remove("org/other")
    assert kept(ask()) == []


def test_a_model_that_changes_while_it_is_scanned_is_not_kept(
    ask: Ask, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(target: str, *more: Any, **rest: Any) -> Any:
        result = scan(target, *more, **rest)
        if target.endswith("other"):
            (models / "other" / "README.md").write_text("another card")
        return result

    monkeypatch.setattr(SCAN, slow)
    assert [r.verdict for r in ask()][1] is Verdict.INCONCLUSIVE
    monkeypatch.undo()
    monkeypatch.setenv("FOREBEAR_CACHE", str(models.parent / "cache"))
    assert kept(ask()) == ["team/child", "team/qwen"]


def test_an_edited_answer_is_asked_again(ask: Ask, tmp_path: Path) -> None:
    ask()
    (file,) = (tmp_path / "cache" / "scans").glob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    lines[0]["document"]["verdict"] = "certainly"
    del lines[1]["document"]["findings"]
    lines[2]["document"]["ancestors"] = 5
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert kept(ask()) == []


def test_bugs_and_want_of_memory_cost_one_row(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(target: str, *more: Any, **rest: Any) -> Any:
        if target.endswith("other"):
            raise MemoryError
        if target.endswith("child"):
            raise ZeroDivisionError("division\nby zero")
        return scan(target, *more, **rest)

    monkeypatch.setattr(SCAN, failing)
    rows = ask()
    assert [r.verdict is None for r in rows] == [True, True, True, False]
    assert "not enough memory" in rows[1].problems[0]
    assert "ZeroDivisionError" in rows[2].problems[0] and "report" in rows[2].problems[0]


def test_a_reason_does_not_repeat_where_the_model_is(models: Path, index: LocalIndex) -> None:
    (models / "broken" / "model.safetensors").write_bytes(framed({}))
    with closing(ScanSet(str(models), index)) as whole:
        assert next(iter(whole)).problems[0].startswith("its safetensors files hold no tensors")


def test_an_interrupted_run_has_kept_what_it_had(models: Path, index: LocalIndex, ask: Ask) -> None:
    with closing(ScanSet(str(models), index, workers=1)) as whole, closing(iter(whole)) as rows:
        assert [next(rows).path for _ in range(3)][-1] == "team/child"
    assert kept(ask()) == ["other", "team/child"]


def test_a_hub_cache_is_scanned_under_the_names_of_its_repositories(tmp_path: Path, index: LocalIndex) -> None:
    hub_cache(tmp_path / "hub", ["aaa", "bbb"], seed=1)
    enrol(str(tiny_llama(tmp_path / "base", seed=1)), index, "org/name")
    with closing(ScanSet(str(tmp_path / "hub"), index)) as whole:
        (row,) = whole
        assert (row.name, row.verdict, row.findings) == ("org/name", Verdict.IDENTICAL, ())
        assert whole.repeats == 1


def test_folders_without_models_are_refused(tmp_path: Path, index: LocalIndex) -> None:
    (tmp_path / "empty" / "below").mkdir(parents=True)
    with refused("no model in it or below"):
        ScanSet(str(tmp_path / "empty"), index)
    with refused("not a folder", code=2):
        ScanSet(str(tiny_llama(tmp_path / "m") / "config.json"), index)


@pytest.mark.whole
def test_models_that_others_trained_get_the_verdicts_of_single_scans(tmp_path: Path, index: LocalIndex) -> None:
    zoo = shared("zoo") / "models"
    for name in ("dev-llama-1", "dev-gpt2-1", "dev-llama-1-ft-long", "dev-gpt2-2", "dev-llama-2"):
        if (zoo / name).is_dir():
            shutil.copytree(zoo / name, tmp_path / "models" / name)
    references = [p for p in sorted((tmp_path / "models").iterdir()) if p.name.count("-") == 2]
    assert references
    for reference in references[:2]:
        enrol(str(reference), index)
    with closing(ScanSet(str(tmp_path / "models"), index, workers=2)) as whole:
        rows = list(whole)
        assert len(rows) >= 3
        for row in rows:
            single = forebear.scan(str(tmp_path / "models" / row.path), index)
            assert settled(whole.document(row)) == settled(json.loads(json.dumps(single.to_json())))


def test_a_drifted_child_deep_in_a_tree_is_found(tmp_path: Path, index: LocalIndex) -> None:
    base = tiny_llama(tmp_path / "base", seed=1)
    enrol(str(base), index, "org/base")
    deep = tmp_path / "tree" / "a" / "b" / "c"
    deep.mkdir(parents=True)
    shutil.move(drifted(base, "child", 0.1), deep / "child")
    with closing(ScanSet(str(tmp_path / "tree"), index)) as whole:
        assert [(r.path, r.closest) for r in whole] == [("a/b/c/child", "org/base")]


def test_models_that_remain_at_a_rate_are_those_whose_exact_tests_pay_for_all() -> None:
    rows = [Row(f"m{k}", "", f"m{k}", log10_e=e) for k, e in enumerate((-29.0, -6.0, 2.0, None))]
    assert remaining(rows, 4) == {"m0", "m1"}
    assert remaining(rows, 1_000_000) == {"m0"}  # those that are still to be scanned have been asked as well
    assert remaining([], 0) == frozenset()
