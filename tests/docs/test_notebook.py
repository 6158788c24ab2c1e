"""The notebook is as it has to be to run, without running it: that takes minutes (.ci/run full)."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

from regenerate import DOCS, ROOT

NOTEBOOK = ROOT / "examples" / "benchmarks.ipynb"


def code() -> list[str]:
    document = json.loads(NOTEBOOK.read_text("utf-8"))
    assert document["nbformat"] == 4
    cells = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    return ["".join(cell["source"]) for cell in cells]


def test_every_benchmark_that_it_runs_is_there_and_has_its_options() -> None:
    calls = [
        [ast.literal_eval(argument) for argument in node.args if isinstance(argument, ast.Constant)]
        for source in code()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "run"
    ]
    assert {str(script) for script, *_ in calls} == {"run.py", "search.py", "lineage_study.py"}
    for script, *options in calls:
        text = (ROOT / "benchmarks" / str(script)).read_text("utf-8")
        assert "--small" in options and all(f'"{o}"' in text for o in options if str(o).startswith("--")), script


def test_its_plot_reads_the_table_that_the_study_prints() -> None:
    (pattern,) = re.findall(r"^ROW = re.compile\((.+), re.MULTILINE\)$", "\n".join(code()), re.MULTILINE)
    rows = re.findall(ast.literal_eval(pattern), (DOCS / "lineage-benchmark.md").read_text("utf-8"), re.MULTILINE)
    assert ("Forebear", "95.4", "0.0") in rows and len(rows) > 10


def test_the_script_that_runs_it_is_in_the_whole_run() -> None:
    assert "examples/run_notebook.py" in (Path(ROOT) / ".ci" / "run").read_text("utf-8")
