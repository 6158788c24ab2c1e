"""``index calibrate`` and what it leaves behind, as processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from documents import check_document
from forebear.index import LocalIndex
from forebear.signals.declared import Declared
from index.fingerprints import make_sketched
from models import tiny_llama


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FOREBEAR_HOME": str(home), "NO_COLOR": "1", "FOREBEAR_OFFLINE": "1"}
    command = [sys.executable, "-m", "forebear", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An index of forty-two independent references."""
    index = LocalIndex(tmp_path / "home")
    for k in range(42):
        mark = replace(make_sketched(f"m{k}", k), declared=Declared((), "", "", (), False))
        index.add(replace(mark, code=replace(mark.code, repeats=())), f"/models/m{k}")
    return index.folder


def test_it_is_kept_and_then_in_force(home: Path, tmp_path: Path) -> None:
    before = json.loads(run(home, "index", "info", "--format", "json").stdout)
    assert "small independent models" in before["calibration"]["spectra/1"]
    done = run(home, "index", "calibrate", "--format", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    check_document(document)
    assert document["made"]["models"] == 42 and Path(document["path"]) == home / "calibration.json"
    assert {s["signal"] for s in document["signals"]} == {"spectra/1", "token-geometry/1"}
    after = json.loads(run(home, "index", "info", "--format", "json").stdout)
    check_document(after)
    assert after["calibration"]["spectra/1"].startswith("42 independent references of this index")
    assert "small independent models" in after["calibration"]["match/1"]  # needs files, which are not read again
    out = tmp_path / "made.md"
    assert run(home, "index", "calibrate", "--format", "md", "--output", str(out)).returncode == 0
    assert out.read_text("utf-8").startswith("# Calibration of an index") and "42 independent" in out.read_text("utf-8")
    assert "cannot exclude relatives" in run(home, "index", "calibrate").stdout


def test_an_empty_index_is_refused_in_one_line(tmp_path: Path) -> None:
    done = run(tmp_path / "none", "index", "calibrate")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("forebear: 0 independent references") and not (tmp_path / "none").exists()


def test_a_corrupt_file_is_one_line_and_exit_code_four(home: Path, tmp_path: Path) -> None:
    (home / "calibration.json").write_bytes(b"\x80\x04not a calibration")
    model = tiny_llama(tmp_path / "model", 1)
    for arguments in (("index", "info"), ("scan", str(model))):
        done = run(home, *arguments)
        assert done.returncode == 4 and done.stdout, done.stderr
        assert done.stderr.count("\n") == 1 and "calibration.json" in done.stderr and "index calibrate" in done.stderr
    assert run(home, "index", "calibrate").returncode == 0
    assert run(home, "index", "info").returncode == 0


def test_signals_are_explained(tmp_path: Path) -> None:
    for name in ("spectra/1", "token-geometry", "match/1"):
        said = " ".join(run(tmp_path, "explain", name).stdout.split())
        assert "independent models" in said, name
