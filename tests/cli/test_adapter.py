"""Adapters and Ollama's models at the command line: exit codes, and what a person is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters import pair, trained_pairs, write_adapter
from models import tiny_llama


def run(tmp_path: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "FOREBEAR_HOME": str(tmp_path / "home"),
        "OLLAMA_MODELS": str(tmp_path / "ollama"),
        "NO_COLOR": "1",
    }
    command = [sys.executable, "-m", "forebear", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tiny_llama(tmp_path / "base", seed=1)
    assert run(tmp_path, "index", "add", folder, "--name", "org/base").returncode == 0
    return folder


def test_an_adapter_is_shown_with_its_base_and_its_claim(base: Path, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "adapter", trained_pairs(base))
    done = run(tmp_path, "scan", folder)
    assert done.returncode == 0 and done.stderr == ""
    for words in ("LoRA adapter", "org/base", "adapter-rows/1", "p ≤ 1e-30", "base model: org/base: unverified"):
        assert words in done.stdout, words
    assert run(tmp_path, "compare", base, folder, "--expect", "related").returncode == 3, (
        "a shared start is not excluded"
    )
    document = json.loads(run(tmp_path, "compare", base, folder, "--format", "json").stdout)
    assert document["relation"]["kind"] == "adapter" and document["verdict"] == "same_init_or_derived"


def test_a_contradicted_base_fails_the_run(base: Path, tmp_path: Path) -> None:
    tensors = pair("model.layers.0.self_attn.v_proj", 32, 80)
    folder = write_adapter(tmp_path / "adapter", tensors)
    done = run(tmp_path, "scan", folder)
    assert done.returncode == 1 and "[claim-contradicted]" in done.stdout
    assert run(tmp_path, "scan", folder, "--fail-on", "never").returncode == 0
    assert "**contradicted**" in run(tmp_path, "scan", folder, "--format", "md").stdout


def test_hostile_names_stay_off_the_terminal(tmp_path: Path) -> None:
    tensors = pair("model.layers.0.\x1b[31mself_attn.v_proj", 32, 64)
    folder = write_adapter(tmp_path / "adapter", tensors, peft_type="\x1b]0;x\x07", base_model_name_or_path="a\x1b[2Jb")
    for form in ("table", "md"):
        done = run(tmp_path, "scan", folder, "--format", form)
        assert done.returncode == 0 and not set("\x1b\x07") & set(done.stdout + done.stderr)


@pytest.mark.parametrize("target", ["ollama:absent", "ollama:../x"])
def test_models_that_ollama_does_not_have_are_one_line(target: str, tmp_path: Path) -> None:
    done = run(tmp_path, "scan", target)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
