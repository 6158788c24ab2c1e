"""Every bill below a folder: which are found, what each is held against, and the worst exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bills import base, record_of, written
from documents import check_document
from edits import drifted
from forebear.bom import spdx
from forebear.bom.verification import Outcome
from forebear.cli import app
from forebear.errors import InputError, UsageError
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.inspect.bom_verify_set import verify_boms
from models import tiny_llama


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models with a bill each, one true and one of other files; a bill alone, a broken one, and what is none."""
    root = tmp_path_factory.mktemp("place")
    parent = tiny_llama(root / "home" / "base", seed=1)
    index = LocalIndex(root / "index")
    enrol(str(parent), index, "org/base")
    models = root / "models"
    models.mkdir()
    child = drifted(parent, "child", 0.1).rename(models / "child")
    record = record_of(child, index)
    written(record, child / "bom.cdx.json")
    other = drifted(parent, "other", 0.1, seed=7).rename(models / "other")
    written(record, other / "bom.cdx.json")
    (models / "alone").mkdir()
    (models / "alone" / "bom.spdx.json").write_text(json.dumps(spdx.write(record_of(child, relatives=(base("x/y"),)))))
    (models / "broken.json").write_text('{"bomFormat": "CycloneDX", ')
    (models / "notes.json").write_text('{"a": 1}')
    (models / ".hidden").mkdir()
    (models / ".hidden" / "bom.json").write_text('{"bomFormat": "CycloneDX"}')
    (models / "link.json").symlink_to(child / "bom.cdx.json")
    return root


def test_each_bill_is_a_row(place: Path) -> None:
    found = verify_boms(place / "models", LocalIndex(place / "index"))
    check_document(found.to_json())
    rows = {row.path: row.result.verdict if row.result else None for row in found.rows}
    assert rows == {
        "alone/bom.spdx.json": Outcome.INCONCLUSIVE,
        "broken.json": None,
        "child/bom.cdx.json": Outcome.VERIFIED,
        "other/bom.cdx.json": Outcome.FAILED,
    }
    assert list(rows) == sorted(rows) and found.exit_codes == (3, 4, 0, 1) and len(found.problems) == 1


def test_the_command(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBEAR_HOME", str(place / "index"))
    run = CliRunner().invoke
    done = run(app, ["bom", "verify", "-r", str(place / "models")])
    assert done.exit_code == 4 and done.stdout.startswith("4 bills: 1 verified, 1 failed, 1 inconclusive, 1 could not")
    one = run(app, ["bom", "verify", "-r", str(place / "models" / "child"), "--format", "json"])
    assert one.exit_code == 0 and json.loads(one.stdout)["counts"]["verified"] == 1
    page = run(app, ["bom", "verify", "-r", str(place / "models" / "other"), "--format", "md"])
    assert page.exit_code == 1 and "| other" not in page.stdout and "| failed |" in page.stdout


def test_unusable_calls(place: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no bill of materials below it"):
        verify_boms(tmp_path)
    with pytest.raises(UsageError, match="no folder"):
        verify_boms(tmp_path / "none")
    done = CliRunner().invoke(app, ["bom", "verify", "-r", str(place), str(place)])
    assert done.exit_code != 0 and isinstance(done.exception, UsageError | SystemExit)
