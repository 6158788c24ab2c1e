"""``forebear cache``, and what an interrupted answer leaves in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from documents import check_document
from forebear.sources import RangeCache
from hub import Fault, Hub, Request, folder_files
from models import tiny_llama


def forebear(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "forebear", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "FOREBEAR_HOME": str(home), "NO_COLOR": "1", "COLUMNS": "100"},
        timeout=120,
    )


def document(*arguments: str, home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(forebear(*arguments, "--format", "json", home=home).stdout)
    check_document(found)
    return found


def test_what_a_scan_fetched_is_shown_and_removed(hub: Hub, tmp_path: Path) -> None:
    hub.add("org/m", folder_files(tiny_llama(tmp_path / "m", seed=1)))
    assert document("cache", "info", home=tmp_path)["entries"] == 0
    assert forebear("scan", "org/m", home=tmp_path).returncode == 0
    found = document("cache", "info", home=tmp_path)
    assert (found["entries"], found["bytes"]) == (RangeCache().contents().entries, RangeCache().contents().bytes)
    assert found["entries"] > 0 and found["limit"] == 2_000_000_000
    assert document("cache", "path", home=tmp_path)["path"] == found["path"] == str(tmp_path / "cache")
    assert forebear("cache", "path", home=tmp_path).stdout == f"{tmp_path / 'cache'}\n"
    cleared = document("cache", "clear", home=tmp_path)
    assert (cleared["removed"], cleared["bytes"]) == (found["entries"], found["bytes"])
    assert "entries  0" in forebear("cache", "info", home=tmp_path).stdout
    assert "removed  0" in forebear("cache", "clear", "--format", "md", home=tmp_path).stdout


def test_a_cache_that_cannot_be_written_costs_nothing(hub: Hub, tmp_path: Path) -> None:
    hub.add("org/m", folder_files(tiny_llama(tmp_path / "m", seed=1)))
    (tmp_path / "cache").write_text("a file is in its place")
    assert forebear("scan", "org/m", home=tmp_path).returncode == 0
    assert document("cache", "clear", home=tmp_path)["removed"] == 0


def test_an_interrupted_scan_keeps_what_it_fetched(hub: Hub, tmp_path: Path) -> None:
    hub.add("org/m", folder_files(tiny_llama(tmp_path / "m", seed=1, sharded=True, hidden=256, intermediate=2_048)))
    hub.fault(Fault("lfs/store", skip=8, pause=20.0, times=None))

    def kept(request: Request) -> bool:
        """Sent is not yet received, nor received written down."""
        start, last = map(int, request.range.removeprefix("bytes=").split("-"))
        return any(tmp_path.glob(f"cache/ranges/*/{start}-{last + 1}"))

    running = subprocess.Popen(
        [sys.executable, "-m", "forebear", "scan", "org/m"],
        env={**os.environ, "FOREBEAR_HOME": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    give_up = time.monotonic() + 60
    while not (len(store := [r for r in hub.log if r.host == "lfs"]) > 8 and all(map(kept, store[:8]))):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    before = time.monotonic()
    assert running.wait(30) == 4 and time.monotonic() - before < 5
    assert running.stderr is not None
    with running.stderr as stderr:
        assert stderr.read() == "forebear: interrupted; what was finished is kept\n"
    done = {(r.path, r.range) for r in store[:8]}
    assert RangeCache().contents().entries >= 8
    hub.forget()
    assert forebear("scan", "org/m", home=tmp_path).returncode == 0
    again = {(r.path, r.range) for r in hub.log if r.host == "lfs"}
    assert again and not again & done
