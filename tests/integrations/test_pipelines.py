"""The action, the GitLab component, the pre-commit hooks, the container file: what shows without their hosts."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from typer.testing import CliRunner

from forebear.cli import app

ROOT = Path(__file__).resolve().parents[2]
HOOK_KEYS = {"id", "name", "description", "entry", "language", "pass_filenames", "require_serial"}


def loaded(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text("utf-8"))


def vendored(name: str) -> Any:
    """A schema that check-jsonschema carries, read without importing it."""
    found = importlib.util.find_spec("check_jsonschema")
    if found is None or not found.submodule_search_locations:
        pytest.skip("check-jsonschema, which carries the schemas, is not installed")
    folder = Path(found.submodule_search_locations[0]) / "builtin_schemas" / "vendor"
    return json.loads((folder / name).read_text("utf-8"))


def test_the_action_satisfies_the_schema() -> None:
    Draft7Validator(vendored("github-actions.json")).validate(loaded("action.yml"))


def test_no_input_stands_in_the_text_of_a_script() -> None:
    for step in loaded("action.yml")["runs"]["steps"]:
        assert "${{" not in step["run"], step["name"]
    used = set(re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text("utf-8")))
    assert used == set(loaded("action.yml")["inputs"])


def test_the_workflow_satisfies_the_schema_and_is_the_documented_one() -> None:
    text = (ROOT / "integrations" / "github" / "forebear.yml").read_text("utf-8")
    workflow = yaml.safe_load(text)
    workflow["on"] = workflow.pop(True)  # YAML 1.1, which PyYAML reads, takes "on" for a truth value
    Draft7Validator(vendored("github-workflows.json")).validate(workflow)
    assert text in (ROOT / "docs" / "pipelines.md").read_text("utf-8")
    action = loaded("action.yml")
    (step,) = [s for s in workflow["jobs"]["forebear"]["steps"] if s.get("id") == "models"]
    assert set(step["with"]) <= set(action["inputs"])
    assert set(re.findall(r"steps\.models\.outputs\.([\w-]+)", text)) <= set(action["outputs"])


def installable(folder: Path) -> Path:
    """A wheel named ``forebear`` that leads to this checkout and its dependencies: pip needs no network for it."""
    leads = "\n".join([str(ROOT / "src"), *(place for place in sys.path if place.endswith("site-packages"))])
    facts = "Metadata-Version: 2.1\nName: forebear\nVersion: 0\n"
    kind = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    wheel = folder / "forebear-0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("forebear.pth", leads)
        archive.writestr("forebear-0.dist-info/METADATA", facts)
        archive.writestr("forebear-0.dist-info/WHEEL", kind)
        archive.writestr("forebear-0.dist-info/RECORD", "")
    return wheel


def test_the_actions_steps_in_a_repository(tmp_path: Path) -> None:
    repository, temporary = tmp_path / "repository", tmp_path / "runner"
    repository.mkdir()
    (repository / "a.py").write_text('m = A.from_pretrained("acme/thing-1", trust_remote_code=True)\n')
    (repository / "forebear.py").write_text("raise SystemExit('the repository was imported')\n")
    temporary.mkdir()
    given = {
        "FOREBEAR_PYTHON": sys.executable,
        "FOREBEAR_VERSION": str(installable(tmp_path)),
        "PYTHONSAFEPATH": "1",
        "IN_PATH": ".",
        "IN_FAIL_ON": "warning",
        "IN_SARIF": "out.sarif",
        "IN_BOM": "$(touch owned).json",
        "IN_HUB": "false",
    }
    steps = loaded("action.yml")["runs"]["steps"]
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")},
        **{name: "" for step in steps for name in step["env"]},
        **given,
        "RUNNER_TEMP": str(temporary),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "FOREBEAR_HOME": str(tmp_path / "home"),
        "FOREBEAR_CACHE": str(tmp_path / "cache"),
    }
    codes, said = [], ""
    for step in steps:
        assert step["env"]["PYTHONSAFEPATH"] == "1"
        script = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(script, cwd=repository, env=environment, capture_output=True, text=True, timeout=300)
        codes.append(done.returncode)
        said += done.stdout + done.stderr
    assert codes == [0, 1], said
    assert (tmp_path / "output").read_text() == "exit-code=1\n"
    assert "::warning file=a.py,line=1,title=forebear%3A remote-code-unpinned::" in said
    assert "remote-code-unpinned" in (tmp_path / "summary").read_text()
    assert json.loads((repository / "out.sarif").read_text())["version"] == "2.1.0"
    assert not (repository / "owned").exists() and (repository / "$(touch owned).json").exists()


def test_the_gitlab_component_satisfies_the_schema() -> None:
    inputs, job = yaml.safe_load_all((ROOT / "integrations" / "gitlab" / "forebear.yml").read_text("utf-8"))
    Draft7Validator(vendored("gitlab-ci.json")).validate(job)
    text = json.dumps(job)
    assert set(re.findall(r"\$\[\[ inputs\.(\w+) \]\]", text)) == set(inputs["spec"]["inputs"])
    assert "$[[" not in json.dumps(job["forebear-check"]["script"])


def test_the_hooks_call_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOREBEAR_OFFLINE", "1")
    subprocess.run(["git", "init", "-q"], check=True, cwd=tmp_path)
    author = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", *author, "commit", "-q", "--allow-empty", "-m", "x"], check=True, cwd=tmp_path)
    for hook in loaded(".pre-commit-hooks.yaml"):
        assert set(hook) == HOOK_KEYS and hook["language"] == "python" and hook["pass_filenames"] is False
        program, *arguments = hook["entry"].split()
        assert program == "forebear"
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output


def test_the_container_runs_as_nobody_and_is_pinned_by_an_argument() -> None:
    lines = [row.strip() for row in (ROOT / "Containerfile").read_text("utf-8").splitlines() if not row.startswith("#")]
    words = [row.split() for row in lines if row]
    last = max(k for k, row in enumerate(words) if row[0] == "FROM")
    stage = words[last:]
    (user,) = [row[1] for row in stage if row[0] == "USER"]
    assert user.isdigit() and int(user) >= 1_000
    assert not any(row[0] == "RUN" for row in stage[[r[0] for r in stage].index("USER") :])
    assert all(row[1].startswith("${BASE}") for row in words if row[0] == "FROM")
    for row in words:
        if row[0] == "COPY" and not row[1].startswith("--from"):
            for source in row[1:-1]:
                assert (ROOT / source).exists(), source
                allowed = (ROOT / ".dockerignore").read_text().splitlines()
                assert any(f"!{source.removeprefix('./')}" == rule for rule in allowed), source
    text = "\n".join(lines)
    assert "SOURCE_DATE_EPOCH" in text and "PIP_NO_CACHE_DIR=1" in text
