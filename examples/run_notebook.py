"""Runs the notebook of benchmarks, cell by cell: python examples/run_notebook.py [--output FILE.ipynb]

The notebook in the repository has no outputs; with ``--output`` a copy with them is written. Needs ``forebear[docs]``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parent / "benchmarks.ipynb"


def main() -> None:
    """Run it, and fail where a cell does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, metavar="FILE.ipynb", help="a copy with its outputs")
    parser.add_argument("--timeout", type=int, default=3_600, metavar="SECONDS", help="for each cell")
    given = parser.parse_args()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(notebook, timeout=given.timeout, kernel_name="python3", resources=place).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    print(f"{len(cells)} cells ran")
    if given.output:
        nbformat.write(notebook, given.output)


if __name__ == "__main__":
    main()
