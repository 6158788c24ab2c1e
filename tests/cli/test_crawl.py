"""``forebear crawl`` as people use it: what is shown, what is written, how it ends, and what a kill costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from crawls import Here
from documents import check_document
from forebear.attest.trust import trust_in
from forebear.cli import app
from forebear.crawl.engines import processes
from forebear.errors import ForebearError
from forebear.index import LocalIndex, Provenance
from forebear.inspect import fingerprint
from forebear.inspect.enrol import Private
from forebear.inspect.watch_check import check_pack
from hub import Fault, Hub, folder_files
from models import tiny_llama


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    root = tmp_path_factory.mktemp("models")
    return [
        folder_files(tiny_llama(root / f"m{k}", seed=k, hidden=32, intermediate=64, vocabulary=128)) for k in range(3)
    ]


@pytest.fixture
def shelf(hub: Hub, files: list[dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub with three models and a gated one; crawls in this process."""
    for k, each in enumerate(files):
        hub.add(f"org/m{k}", each)
    hub.add("org/gated", files[0], gated=True)
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(processes, "ProcessEngine", Here)
    return hub


def forebear(*arguments: str) -> Result:
    """The command in this process; errors that it raises are in ``exception``."""
    return CliRunner().invoke(app, ["crawl", *arguments])


def document(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(forebear(*arguments, "--format", "json").stdout)
    check_document(found)
    return found


def test_what_is_shown(shelf: Hub, tmp_path: Path) -> None:
    done = forebear("hf:org", "--free-space", "0")
    assert done.exit_code == 4  # the gated one could not be read
    lines = done.stdout.splitlines()
    assert lines[0] == "hf:org: 4 models listed, 3 references added"
    assert "with 1 worker (processes)" in forebear("hf:org", "--workers", "1", "--free-space", "0").stdout
    assert lines[1].split() == ["3", "done", "in", "the", "index"] and lines[2].split()[:2] == ["1", "gated"]
    assert any("org/gated  gated: accept its terms" in line for line in lines) and "\x1b" not in done.output
    again = document("hf:org", "--free-space", "0")
    assert again["known_before"] == 4 and again["added"] == 0 and again["cost"]["requests"] == 0
    assert again["states"]["done"] == 3 and again["unread"][0]["state"] == "gated"
    short = forebear("hf:org", "--author", "org", "--limit", "2", "--quiet", "--free-space", "0")
    assert short.stdout == "hf:org: 2 done\n" and short.exit_code == 0
    table = forebear("hf:", "--format", "md", "--free-space", "0").stdout
    assert "| done | 3 | in the index |" in table and "| org/gated | gated | 0 |" in table
    target = tmp_path / "result.json"
    forebear("hf:org", "-o", str(target), "--free-space", "0")
    check_document(json.loads(target.read_text()))


def test_the_status_of_a_job_table(shelf: Hub, tmp_path: Path) -> None:
    assert isinstance(forebear("--status").exception, ForebearError)
    forebear("hf:org", "--free-space", "0", "--job", str(tmp_path / "my.db"))
    found = document("--status", "--job", str(tmp_path / "my.db"))
    assert found["states"]["done"] == 3 and found["runs"][0]["source"] == "hf:org" and found["runs"][0]["listed"] == 4
    shown = forebear("--status", "--job", str(tmp_path / "my.db"))
    assert shown.exit_code == 0 and "run 1: hf:org, 4 models, begun" in shown.stdout
    assert "## Runs" in forebear("--status", "--job", str(tmp_path / "my.db"), "--format", "md").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing to crawl"),
        (("nowhere",), "nothing that can be crawled"),
        (("hf:org", "--engine", "spark"), "there is no such engine"),
        (("hf:org", "--rate", "fast"), "not a rate"),
        (("hf:org", "--since", "soon"), "not a date"),
        (("hf:org", "--watch", "org/base"), "--watch"),
        (("hf:org", "--contact", "me"), "are about reports"),
    ],
)
def test_unusable_calls(shelf: Hub, arguments: tuple[str, ...], words: str) -> None:
    error = forebear(*arguments).exception
    assert isinstance(error, ForebearError) and error.exit_code == 2 and words in str(error)


def test_a_hub_that_talks_nonsense(shelf: Hub) -> None:
    shelf.fault(Fault("/api/models?", times=None, body=b"<html>"))
    error = forebear("hf:org").exception
    assert isinstance(error, ForebearError) and error.exit_code == 4 and "what it sends is none" in str(error)


def at(monkeypatch: pytest.MonkeyPatch, day: int) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(1_790_000_000 + 86_400 * day))


def test_new_models_are_held_against_guarded_ones(shelf: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report about a copy of what was guarded before; none about what was there before the guarded one."""
    index, out = LocalIndex(tmp_path / "home"), tmp_path / "out"
    watched = ("hf:org", "--free-space", "0", "--evidence", str(out), "--watch")
    for name, words in (("all-private", "no private reference"), ("secret", "--watch secret: not in the index")):
        error = forebear(*watched, name).exception
        assert isinstance(error, ForebearError) and error.exit_code == 2 and words in str(error)
    for day, name, model in ((1, "secret", "org/m1"), (3, "late", "org/m2")):
        at(monkeypatch, day)
        index.add(Private().mark(fingerprint(f"hf:{model}", name=name)), "", provenance=Provenance(private=True))
    at(monkeypatch, 2)
    found = document(*watched, "all-private", "--contact", "legal@acme.example", "--withhold-code")
    assert found["explained"] == ["org/m2 and late: it was here before late, which may have been made from it"]
    (pack,) = (Path(path) for path in found["matches"])
    assert pack.parent == out and pack.name.startswith("org-m1-")
    letter = (pack / "letter.md").read_text()
    assert "legal@acme.example" in letter and "This is a question and no accusation." in letter
    assert (pack / "fingerprint-found.json").is_file() and not (pack / "fingerprint-guarded.json").exists()
    checked = check_pack(pack, trust_in())
    assert {c.id: c.status.value for c in checked.checks}["price"] == "pass"
    for name in ("secret", "late"):
        entry = index.get(name)
        assert entry is not None and entry.provenance is not None and entry.provenance.private and not entry.location
    assert index.count() == 5


def test_reports_that_cannot_be_written_are_told_before_the_crawl(shelf: Hub, tmp_path: Path) -> None:
    LocalIndex(tmp_path / "home").add(fingerprint("hf:org/m1", name="secret"), "")
    (tmp_path / "file").write_text("")
    shelf.log.clear()
    error = forebear("hf:org", "--watch", "secret", "--evidence", str(tmp_path / "file" / "out")).exception
    assert isinstance(error, ForebearError) and error.exit_code == 2 and "can be written" in str(error)
    assert not shelf.log


def test_killed_interrupted_and_started_again(shelf: Hub, tmp_path: Path) -> None:
    """The real command with its real workers: SIGKILL, then Ctrl-C, then nothing in its way."""
    shelf.fault(Fault("org/m2/tree/", times=None, pause=30.0))
    command = [sys.executable, "-m", "forebear", "crawl", "hf:org", "--free-space", "0", "--format", "json"]
    environment = {**os.environ, "NO_COLOR": "1"}

    def running() -> subprocess.Popen[str]:
        started = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        give_up = time.monotonic() + 120
        while LocalIndex(tmp_path / "home").count() < 2:  # m0 and m1; m2 hangs
            assert time.monotonic() < give_up and started.poll() is None
            time.sleep(0.05)
        return started

    first = running()
    first.send_signal(signal.SIGKILL)
    first.communicate()
    shelf.log.clear()
    second = running()
    while not any("org/m2/tree" in r.path for r in shelf.log):
        time.sleep(0.05)
    second.send_signal(signal.SIGINT)
    out, err = second.communicate(timeout=60)
    assert second.returncode == 4 and err.endswith("forebear: interrupted; what was finished is kept\n")
    found = json.loads(out)
    check_document(found)
    assert found["stopped"] == "interrupted" and found["states"]["done"] == 2 and not found["complete"]
    shelf.forget()
    result = document("hf:org", "--free-space", "0")
    assert result["states"]["done"] == 3 and result["known_before"] >= 2 and result["complete"]
    assert LocalIndex(tmp_path / "home").count() == 3


def test_names_stay_on_their_lines(
    files: list[dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder whose name has a line break begins no row of its own; a copy named by a file is told by its target."""
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(processes, "ProcessEngine", Here)
    for k, name in enumerate(("a", "evil\n  all  done")):
        (tmp_path / "shelf" / name).mkdir(parents=True)
        for file, content in files[k].items():
            (tmp_path / "shelf" / name / file).write_bytes(content)
    said = forebear(str(tmp_path / "shelf"))
    assert said.exit_code == 4 and "  evil all done  failed: 'evil all done' cannot be a name" in said.stdout
    (tmp_path / "shelf" / "a").rename(tmp_path / "copy")
    (tmp_path / "names.txt").write_text(f"{tmp_path / 'copy'}\n")
    forebear(str(tmp_path / "names.txt"))
    again = forebear(str(tmp_path / "names.txt")).stdout
    assert f"  {tmp_path / 'copy'} is a" in again.splitlines()
