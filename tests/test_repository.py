"""The files of the repository: no secret, no path of anybody's machine, no module that is too long."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST = 400
BINARY = (".bin", ".gz", ".safetensors", ".png", ".zip", ".keras", ".h5", ".gguf")

SECRETS = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{64}",
    "a key of AWS": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60})",
    "a token of GitLab": r"\bglpat-[A-Za-z0-9_-]{20}\b",
    "a token of Hugging Face": r"\bhf_[A-Za-z0-9]{34}\b",
    "a token of PyPI": r"\bpypi-AgE[A-Za-z0-9_-]{40}",
    "a key of OpenAI or Anthropic": r"\bsk-(?:proj-|ant-[a-z0-9]+-)?[A-Za-z0-9_-]{40}",
    "a key of Google": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "a token of Slack": r"\bxox[abprs]-[0-9A-Za-z-]{20}",
    "a signed web token": r"\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20}",
    "an address with a password": r"\b[a-z][a-z0-9+]*://[^\s/:@'\"{}<>]+:[^\s/:@'\"{}<>$]{8,}@[a-z0-9-]+\.[a-z]{2,}",
}
"""What a secret looks like, by those who give them out: the prefixes that these services document."""
INVENTED = {
    "tests/data/not_models.txt": "strings of all kinds, in which no name of a model may be found",
    "tests/endpoints/test_redaction.py": "what must not get into a log",
    "tests/traffic/test_secrecy.py": "what must not get into a report",
}
"""Files whose secrets are invented, and why they are there."""


def files() -> list[Path]:
    """The files that belong to the project."""
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a checkout: what belongs to the project is asked of git")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def texts(damaged_too: bool = False) -> Iterator[tuple[str, str]]:
    for path in files():
        if path.suffix not in BINARY and (damaged_too or "corpus" not in path.parts):
            yield path.relative_to(ROOT).as_posix(), path.read_bytes().decode("utf-8", "replace")


def secrets(text: str) -> list[str]:
    """What of a text looks like a secret, in words: the secret itself stays unsaid."""
    return [
        f"line {text.count(chr(10), 0, m.start()) + 1}: {what}"
        for what, pattern in SECRETS.items()
        for m in re.finditer(pattern, text)
    ]


def places() -> list[str]:
    """Folders of this machine that no file has a reason to name: the checkout, the interpreter, the user's."""
    named = {str(ROOT), sys.prefix, str(Path.home())}
    return sorted(p + "/" for p in named if p.count("/") > 1)


def test_no_secret_is_in_a_file() -> None:
    found = {name: lines for name, text in texts() if (lines := secrets(text))}
    assert {name: lines for name, lines in found.items() if name not in INVENTED} == {}
    assert found.keys() == INVENTED.keys()  # an exception that nothing needs any more is taken away


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a private key", "-----BEGIN EC PRIVATE " + "KEY-----\n" + "MHcC" * 20),
        ("a key of AWS", "key = AKIA" + "Q" * 16),
        ("a token of GitHub", "ghp_" + "a1" * 18),
        ("a token of Hugging Face", "hf_" + "aB" * 17),
        ("a key of OpenAI or Anthropic", "sk-ant-api03-" + "aB3" * 20),
        ("a signed web token", ".".join(("eyJ" + "a" * 30, "eyJ" + "b" * 30, "c" * 30))),
        ("an address with a password", "https://me:" + "hunter2hunter2@example.org/x"),
    ],
)
def test_a_secret_would_be_found(what: str, text: str) -> None:
    assert secrets("x = 1\n" + text + "\n") == [f"line 2: {what}"]


def test_no_file_names_this_machine() -> None:
    found = [f"{name}: {place}" for name, text in texts(damaged_too=True) for place in places() if place in text]
    assert found == []


def test_no_module_is_too_long() -> None:
    modules = [
        p for p in files() if p.suffix == ".py" and p.relative_to(ROOT).parts[0] in ("src", "benchmarks", "release")
    ]
    assert len(modules) > 100
    long = {p.relative_to(ROOT).as_posix(): n for p in modules if (n := len(p.read_text().splitlines())) > LONGEST}
    assert long == {}
