"""The benchmark of traffic, small: every identifier that it puts in is counted."""

from __future__ import annotations

import json
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from forebear.inspect import read_traffic


@pytest.mark.parametrize("kind", ["browsing", "api"])
@pytest.mark.parametrize("packed", [False, True])
def test_archives_are_whole_and_what_was_put_in_is_counted(kind: str, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "capture"
    wanted: Counter[str] = import_module("traffic").write(path, kind, 2_000_000, packed)
    result = read_traffic([str(path)])
    assert result.problems == () and {i.identifier: i.count for i in result.identifiers} == wanted
    if not packed:
        entries = json.loads(path.read_bytes())["log"]["entries"]
        assert path.stat().st_size >= 2_000_000 and len(entries) > 5
