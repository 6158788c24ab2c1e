"""A capture of one request, two commands, and the page that a buyer gets."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from captures import KIMI, Talk, har, transcript
from forebear.catalogue.facts import sources
from forebear.cli import app

ORG = """\
name: A contractor of the Ministry of Defence
country: GB
territories: [GB]
public_body: false
defence: true
uses: [commercial, military]
distributes: false
"""


def forebear(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "FOREBEAR_HOME": str(folder / "home"), "NO_COLOR": "1", "SOURCE_DATE_EPOCH": "1774000000"}
    command = [sys.executable, "-m", "forebear", *args]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=300, cwd=folder)


@pytest.fixture(params=[har, transcript], ids=["har", "curl"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A capture and facts about who asks."""
    asked = {"model": KIMI, "messages": [{"role": "user", "content": "hello"}]}
    talk = Talk("https://api.example/v1/chat/completions", asked, {"choices": [{"message": {"content": "Hi"}}]})
    (tmp_path / "cap").write_bytes(request.param([talk]))
    (tmp_path / "org.yaml").write_text(ORG, "utf-8")
    return tmp_path


def test_from_one_request_to_a_decision_in_two_commands(folder: Path) -> None:
    done = forebear(folder, "traffic", "cap", "--format", "json", "-o", "t.json")
    assert done.returncode == 0 and not done.stdout, done.stderr
    check = ("policy", "check", "t.json", "--policy", "uk-defence", "--org", "org.yaml", "--format")
    done = forebear(folder, *check, "md")
    assert done.returncode == 1, done.stderr
    text = done.stdout
    assert text.startswith(f"# {KIMI}\n\n**No** (UK defence")
    duty = next(line for line in text.splitlines() if "Show “Kimi K2.5” in the product's interface" in line)
    assert "depends on that the model descends from Kimi-K2.5" in duty and "GitHub MoonshotAI/Kimi-K2.5" in text
    row = next(line for line in text.splitlines() if line.startswith("| Moonshot AI"))
    for said in (
        "Singapore (Moonshot AI PTE. LTD.; contracting party",
        "| China (Beijing) ",
        "possible, not established",
    ):
        assert said in row, said
    engineering = re.findall(r"\[(\d+)[\d, ]*\\\]", row.split("|")[3])
    assert engineering and f"\\[{engineering[0]}\\] {sources()['article-2026-03'].what}"[:20] in text
    assert "Q-BASE" in text and "policy check t.json --policy uk-defence --org org.yaml" in text

    again = forebear(folder, *check, "html", "-o", "page.html")
    assert again.returncode == 1 and forebear(folder, *check, "md").stdout == text
    html = (folder / "page.html").read_text("utf-8")
    assert "Show “Kimi K2.5” in the product&#x27;s interface" in html and '<header class="deny">' in html


def test_nothing_is_said_that_a_leaked_name_does_not_bear_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FOREBEAR_HOME", str(folder / "home"))
    assert CliRunner().invoke(app, ["traffic", "cap", "-f", "json", "-o", "t.json"]).exit_code == 0
    for policy in ("uk-defence", "us-dod", "from-scratch", "allied-bans"):
        for how in ("md", "html", "json", "table"):
            said = CliRunner().invoke(app, ["policy", "check", "t.json", "--policy", policy, "--format", how]).stdout
            assert said, (policy, how)
            plain = re.sub(r"that (the model|\S+) descends from", "", said)
            assert not re.search(r"\bderived\b|descends from|was made from Kimi|is an ancestor", plain), (policy, how)


def test_a_bill_that_says_what_was_measured_is_not_said_to_be_measured(tmp_path: Path) -> None:
    said = {"verdict": "derived", "direction.by": "measured", "log10_p": "-30", "why": "Every layer was copied."}
    base = {
        "type": "machine-learning-model",
        "name": "deepseek-ai/DeepSeek-V3",
        "properties": [{"name": f"forebear:{key}", "value": value} for key, value in said.items()],
    }
    model = {"type": "machine-learning-model", "name": "rival/model", "pedigree": {"ancestors": [base]}}
    tools = {"components": [{"type": "application", "name": "forebear"}]}
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": model, "tools": tools}}
    (tmp_path / "bill.json").write_text(json.dumps(bill), "utf-8")
    page = forebear(tmp_path, "policy", "check", "bill.json", "-p", "us-dod", "-f", "md").stdout
    assert "measured on the weights" not in page and "nothing was tested" in page
    assert page.count("measured by the word of its bill of materials") >= 3
    answer = forebear(tmp_path, "licence", "bill.json").stdout
    assert "nothing was measured again" in " ".join(answer.split())
