"""Benchmarks are scripts beside the package; these tests import them, and share one cache of the smallest models."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four models of the set ``ci``."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from zoo.build import build_all
    from zoo.recipes import ci_set

    folder = tmp_path_factory.mktemp("zoo")
    assert len(list(build_all(ci_set(), folder))) == 4
    return folder
