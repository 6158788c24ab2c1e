"""``forebear catalogue`` as a script uses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from documents import check_document
from facts import ALL
from forebear.catalogue.collection import shipped


def forebear(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "forebear", "catalogue", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "FOREBEAR_HOME": str(home), "NO_COLOR": "1", "COLUMNS": "100"},
        timeout=120,
    )


def document(*arguments: str, home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(forebear(*arguments, "--format", "json", home=home).stdout)
    check_document(found)
    return found


def test_list(tmp_path: Path) -> None:
    counted = document("list", home=tmp_path)
    assert counted["counts"]["models"] == len(shipped().models) and counted["entries"] == []
    rows = document("list", "licences", home=tmp_path)["entries"]
    assert {row["id"] for row in rows} == set(shipped().licences)
    assert "kimi-k3" in forebear("list", "licences", "--format", "md", home=tmp_path).stdout
    assert "developers" in forebear("list", home=tmp_path).stdout
    assert forebear("list", "countries", home=tmp_path).returncode == 2


def test_show(tmp_path: Path) -> None:
    (entry,) = document("show", "accounts/fireworks/models/kimi-k2p5-rl-0317-s515-fast", home=tmp_path)["entries"]
    assert entry["id"] == "Kimi-K2.5" and entry["sources"]
    text = forebear("show", "kimi-k2.5-modified-mit", home=tmp_path).stdout
    assert "revenue above 20,000,000 USD per month" in text and "[github-kimi-k2.5]" in text
    assert "# Moonshot AI" in forebear("show", "moonshot", "--format", "md", home=tmp_path).stdout
    assert len(document("show", "kimi-k2", home=tmp_path)["entries"]) == 3


def test_show_of_what_is_not_known(tmp_path: Path) -> None:
    done = forebear("show", "openmdv-1.0", home=tmp_path)
    assert done.returncode == 2 and "did you mean openmdw-1.0" in done.stderr and not done.stdout
    assert forebear("show", "zzzzzzzzzzzz", home=tmp_path).stderr.count("\n") == 1


def test_check(tmp_path: Path) -> None:
    assert document("check", home=tmp_path)["problems"] == []
    text = forebear("check", home=tmp_path)
    assert text.returncode == 0 and "every fact has a source" in text.stdout and "nobody retrieved" in text.stdout


def test_a_broken_overlay_fails_check_and_every_other_command(tmp_path: Path) -> None:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    (folder / "mine.toml").write_text(ALL.replace("hub_accounts", "hub_acounts"))
    checked = forebear("check", "--format", "json", home=tmp_path)
    assert checked.returncode == 4 and "hub_accounts" in json.loads(checked.stdout)["problems"][0]
    listed = forebear("list", home=tmp_path)
    assert listed.returncode == 4 and "did you mean hub_accounts" in listed.stderr and not listed.stdout


@pytest.mark.parametrize("place", ["home", "option"])
def test_an_overlay_is_used(place: str, tmp_path: Path) -> None:
    file = tmp_path / "catalogue" / "mine.toml" if place == "home" else tmp_path / "mine.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(ALL)
    option = [] if place == "home" else ["--overlay", str(file)]
    (entry,) = document("show", "acme", *option, home=tmp_path)["entries"]
    assert entry["file"] == str(file) and entry["models"] == ["Kimi-K9-8B"]
    listed = document("list", "developers", *option, home=tmp_path)
    assert listed["overlay"] == [str(file)] and "acme" in [row["id"] for row in listed["entries"]]
    if place == "option":
        assert document("check", str(file), home=tmp_path)["overlay"] == [str(file)]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert forebear("list", "--overlay", str(tmp_path / "no.toml"), home=tmp_path).returncode == 2
    assert forebear("check", str(tmp_path / "no.toml"), home=tmp_path).returncode == 2
