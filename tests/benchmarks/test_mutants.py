"""Mutants: what is changed and what is left alone, whose tests are whose, and a score that says how sure it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mutants
import pytest
from mutations import mutated, mutations

SOURCE = '''"""A module."""

__all__ = ["half"]


def half(n: int, most: float = 0.5) -> int:
    """Half of it."""
    if n < 0 and not n % 2:
        raise ValueError(f"{n - 1} is none")
    return min(n // 2, int(most * n))
'''


def test_operators_constants_conditions_and_statements_are_changed_one_at_a_time() -> None:
    found = {(m.was, m.became) for m in mutations(SOURCE)}
    assert found == {
        ("0.5", "1.0"),
        ("if n < 0 and (not n % 2):", "if not (n < 0 and (not n % 2)):"),
        ("n < 0 and (not n % 2)", "n < 0 or not n % 2"),
        ("n < 0", "n <= 0"),
        ("0", "1"),
        ("not n % 2", "n % 2"),
        ("n % 2", "n * 2"),
        ("2", "3"),
        ("return min(n // 2, int(most * n))", "return None"),
        ("min", "max"),
        ("n // 2", "n / 2"),
        ("most * n", "most / n"),
    }
    assert {m.line for m in mutations(SOURCE)} == {6, 8, 10}


@pytest.mark.parametrize(
    ("became", "result"), [("max", 3), ("return None", None), ("n / 2", 3), ("1.0", 3), ("n % 2", 3)]
)
def test_a_changed_module_runs_with_its_change_alone(became: str, result: int | None) -> None:
    (mutation,) = (m for m in mutations(SOURCE) if m.became == became)
    space: dict[str, Any] = {}
    exec(compile(mutated(SOURCE, mutation), "changed", "exec"), space)
    assert space["half"](7) == result


@pytest.mark.parametrize(
    ("module", "tests"),
    [
        ("signals/tokens.py", ["signals/test_tokens.py"]),
        ("lineage/tree.py", ["lineage/test_tree.py"]),
        ("lineage/chains/tree.py", ["lineage/chains/test_tree.py"]),
        ("lineage/relations/width.py", ["lineage/test_width.py"]),
        ("signals/base.py", ["signals/test_base.py"]),
    ],
)
def test_the_tests_of_a_module_are_its_own(module: str, tests: list[str]) -> None:
    found = mutants.tests_of(mutants.SOURCE / module)
    assert [path.relative_to(mutants.TESTS).as_posix() for path in found] == tests


def test_a_module_without_tests_has_those_of_who_uses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, tests = tmp_path / "forebear", tmp_path / "tests"
    for path, text in {
        source / "p" / "inner.py": "",
        source / "p" / "middle.py": "from forebear.p.inner import x\n",
        source / "p" / "outer.py": "from forebear.p import middle\n",
        tests / "p" / "test_outer.py": "from forebear.p.outer import y\n",
        tests / "p" / "test_else.py": "import json\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(mutants, "SOURCE", source)
    monkeypatch.setattr(mutants, "TESTS", tests)
    for module in ("inner", "middle", "outer"):
        assert mutants.tests_of(source / "p" / f"{module}.py") == [tests / "p" / "test_outer.py"]
    (tests / "p" / "test_direct.py").write_text("from forebear.p.middle import x\n")
    assert mutants.tests_of(source / "p" / "middle.py") == [tests / "p" / "test_direct.py"]


def test_every_module_of_the_measured_packages_has_tests() -> None:
    modules = [path for package in ("signals", "lineage") for path in (mutants.SOURCE / package).rglob("*.py")]
    assert not [path for path in modules if mutations(path.read_text()) and not mutants.tests_of(path)]


def line(outcome: str, number: int, text: str = "a = 1") -> dict[str, Any]:
    return {"module": "signals/x.py", "line": number, "text": text, "was": "1", "became": "2", "outcome": outcome}


def test_the_score_leaves_equivalent_changes_out_and_lists_survivors(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = tmp_path / "equivalent.toml"
    fields = 'module = "signals/x.py"\ntext = "b = 1"\nwas = "1"\nbecame = "2"\nwhy = "nobody looks"\n'
    known.write_text(f"[[equivalent]]\n{fields}")
    monkeypatch.setattr(mutants, "EQUIVALENT", known)
    mutants.tell([line("failed", 1), line("late", 2), line("failed", 3), line("passed", 4), line("passed", 5, "b = 1")])
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "signals/x.py:4: 1  ->  2   (survived)"
    assert out[1] == "signals/x.py:5: 1  ->  2   (equivalent: nobody looks)"
    assert out[2] == "3 of 4 noticed (75%; 95 % interval 19.4% to 99.4%); 1 more are equivalent; 5 in all"
    mutants.tell([line("untested", 4)])
    assert "(no test)" in capsys.readouterr().out
    mutants.tell([])
    assert "nothing tried" in capsys.readouterr().out
