"""``forebear check --hub`` against a hub on this machine: what it reads, at which commit, and what it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from documents import check_document
from forebear.cli import app
from forebear.errors import UsageError
from hub import Fault, Hub, folder_files
from models import tiny_llama

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A model with a card."""
    folder = tiny_llama(tmp_path_factory.mktemp("model"), seed=1)
    return {**folder_files(folder), "LICENSE": b"Ours alone.\n", "README.md": b"---\nlicense: mit\n---\n# A model\n"}


@pytest.fixture
def run(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in this process on a repository of one file."""
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path / "home"))
    root = tmp_path / "repository"
    root.mkdir()

    def called(code: str, *arguments: str) -> Result:
        (root / "app.py").write_text(code)
        return CliRunner().invoke(app, ["check", str(root), "--hub", *arguments])

    return called


def document(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    check_document(found)
    return found


def test_cards_headers_and_slices_are_read_by_ranges(run: Run, hub: Hub, files: dict[str, bytes]) -> None:
    repository = hub.add("org/open", files)
    result = run('m = A.from_pretrained("org/open")\nn = "gpt-4o"\n')
    assert result.exit_code == 0, result.stderr
    assert "read at its newest commit; inconclusive; licence mit" in result.stdout
    assert {r.status for r in hub.log} <= {200, 206, 302, 307}
    assert all(r.range for r in hub.log if r.host == "lfs") and sum(r.sent for r in hub.log) < 4_000_000
    assert any(f"/resolve/{repository.commit}/README.md" in r.path for r in hub.log)
    assert not any("gpt-4o" in r.path for r in hub.log)
    models = {m["name"]: m for m in document(run('m = A.from_pretrained("org/open")\n', "-f", "json"))["models"]}
    assert (models["org/open"]["source"], models["org/open"]["licences"]) == ("hub", ["mit"])


def test_every_revision_that_is_asked_for_is_read(run: Run, hub: Hub, files: dict[str, bytes], tmp_path: Path) -> None:
    """A commit keeps its licence, whatever the newest says; the bill names both."""
    old = hub.add("org/open", files).commit
    new = hub.add("org/open", {**files, "README.md": b"---\nlicense: cc-by-nc-4.0\n---\n"}).commit
    bill = tmp_path / "bill.json"
    code = f'm = A.from_pretrained("org/open", revision="{old}")\nn = A.from_pretrained("org/open")\n'
    found = document(run(code, "-f", "json", "--bom", str(bill)))["models"]
    assert [(m["licences"], m["mentions"][0]["revision"], m["mentions"][0]["line"]) for m in found] == [
        (["mit"], old, 1),
        (["cc-by-nc-4.0"], None, 2),
    ]
    assert {old, new} <= {part for r in hub.log for part in r.path.split("?")[0].split("/")}
    components = json.loads(bill.read_text())["components"]
    assert [c.get("version") for c in components] == [old, None]
    assert len({c["bom-ref"] for c in components}) == 2


def test_what_is_gated_absent_or_without_weights_is_told_and_no_pass(
    run: Run, hub: Hub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are read all the same, and what is known by the name alone is still said."""
    hub.add("org/open", files)
    hub.add("meta-llama/Llama-3.1-8B", files, gated=True)
    hub.add("org/empty", {"README.md": b"soon"})
    code = "".join(
        f'A.from_pretrained("{name}")\n' for name in ("meta-llama/Llama-3.1-8B", "org/gone", "org/empty", "org/open")
    )
    result = run(code)
    assert result.exit_code == 4
    told = result.stderr.splitlines()
    assert told[0].startswith("forebear: hf:meta-llama/Llama-3.1-8B: gated; accept its terms on the hub")
    assert told[1].startswith("forebear: hf:org/empty: no model weights in it")
    assert told[2].startswith("forebear: hf:org/gone: not found or gated; set HF_TOKEN") and len(told) == 3
    assert "Llama-3.1-8B by meta; licence llama3.1" in result.stdout and "licence mit" in result.stdout
    monkeypatch.setenv("HF_TOKEN", hub.token)
    hub.granted.add("meta-llama/Llama-3.1-8B")
    granted = run('A.from_pretrained("meta-llama/Llama-3.1-8B")\n')
    assert granted.exit_code == 0 and hub.token not in granted.output


def test_a_hub_that_refuses_is_asked_again_and_then_told(run: Run, hub: Hub, files: dict[str, bytes]) -> None:
    hub.add("org/open", files)
    hub.fault(Fault("org/open", status=429, times=1, headers={"Retry-After": "0"}))
    assert run('A.from_pretrained("org/open")\n').exit_code == 0
    hub.fault(Fault("org/open", status=429, times=None, headers={"Retry-After": "0"}))
    before = len(hub.log)
    result = run('A.from_pretrained("org/open")\n')
    assert result.exit_code == 4 and "too many requests (429); try again later" in result.stderr
    assert len(hub.log) - before < 20


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "FOREBEAR_OFFLINE"])
def test_without_a_network_it_is_no_call(run: Run, hub: Hub, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    result = run('A.from_pretrained("org/open")\n')
    assert isinstance(result.exception, UsageError) and result.exception.exit_code == 2
    assert "--hub" in str(result.exception) and not hub.log
