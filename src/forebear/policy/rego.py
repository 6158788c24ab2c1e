"""Rules in Rego on the same input, through the extra ``rego`` (https://github.com/microsoft/rego-cpp).

A package has the sets ``deny``, ``review`` and ``warn``, of sentences or of objects with ``msg`` and maybe ``id`` and
``subject``, as tools for Rego have them. A package without ``deny`` is refused, since it would let everything pass.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from forebear.errors import FormatError, MissingExtra, one_line
from forebear.policy.answer import PolicyAnswer, PolicyFinding, PolicyRef, Severity
from forebear.policy.check import decide, reason
from forebear.policy.plain_yaml import read_text
from forebear.policy.waivers import Waiver, apply

SETS = {"deny": Severity.ERROR, "review": Severity.REVIEW, "warn": Severity.WARNING}
LONGEST = 60
"""Seconds that rules may take."""
MOST = 1_000
"""Findings of a set."""
_PACKAGE = re.compile(r"^[ \t]*package[ \t]+([A-Za-z_][A-Za-z0-9_.]*)", re.MULTILINE)
NULLS = "Rules in Rego decide themselves what follows from a field that is null."


def check_rego(
    path: str, given: Mapping[str, Any], waivers: Sequence[Waiver] = (), today: date | None = None
) -> PolicyAnswer:
    """Decide on a model by a file in Rego.

    Args:
        path: the file.
        given: ``forebear.policy-input/1``.
        waivers, today: as of :func:`forebear.policy.check.check`.

    Raises:
        MissingExtra: the extra ``rego`` is not installed.
        UsageError: there is no such file.
        FormatError: it is no Rego, or has no rule ``deny``.
    """
    text = read_text(Path(path), "rules in Rego")
    name = Path(path).stem
    found = [f for set_, values in _asked(path, text, given).items() for f in _findings(set_, values, name)]
    kept, waived, said = apply(waivers, found, given["model"], set(), today)
    decision = decide(kept)
    ref = PolicyRef(name, "", sha256(text.encode("utf-8")).hexdigest(), name)
    why = reason(decision, kept, waived)
    return PolicyAnswer(given["model"]["name"], decision, why, ref, kept, waived, given, (*said, NULLS))


def _asked(path: str, text: str, given: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The sets of a package, asked about an input."""
    if not _installed():
        raise MissingExtra("rego", f"{path}: a policy in Rego")
    package = _PACKAGE.search(text)
    if package is None:
        raise FormatError(path, "there is no package", "begin with  package forebear")
    answer = _evaluated(path, {"text": text, "package": package[1], "input": given})
    if "error" in answer:
        raise FormatError(path, f"no Rego: {one_line(str(answer['error']), 200)}")
    rules = answer["rules"]
    if "deny" not in rules:
        raise FormatError(path, f"package {package[1]} has no rule deny", "without it everything would pass")
    return {name: _values(rules[name], f"{path}: {name}") for name in SETS if name in rules}


def _installed() -> bool:
    try:
        return importlib.util.find_spec("regopy") is not None
    except ValueError:  # something else has its name
        return False


def _evaluated(path: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a process of its own answers; one that ends or does not end costs this policy, not the program."""
    command = [sys.executable, "-P", str(Path(__file__).with_name("rego_child.py"))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            command,
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=LONGEST,
            env=environment,
            check=True,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise FormatError(path, f"its rules take longer than {LONGEST} s") from None
    except (subprocess.CalledProcessError, ValueError):
        raise FormatError(path, "the engine for Rego ended without an answer") from None
    return answer


def _values(given: Any, where: str) -> list[Any]:
    """The members of a set; one written in the syntax before version 1 comes as an object of trues."""
    if isinstance(given, dict) and all(value is True for value in given.values()):
        given = list(given)
    if not isinstance(given, list):
        raise FormatError(where, "no set", "write  deny contains msg if { … }")
    if len(given) > MOST:
        raise FormatError(where, f"more than {MOST:,} findings")
    return given


def _findings(set_: str, values: Sequence[Any], name: str) -> Iterator[PolicyFinding]:
    for value in values:
        entry = value if isinstance(value, dict) else {"msg": value}
        message = entry.get("msg") or entry.get("message") or json.dumps(value, ensure_ascii=False)
        rule = one_line(str(entry.get("id") or entry.get("rule") or set_), 64)
        about = one_line(str(entry.get("subject") or ""), 200)
        yield PolicyFinding(rule, SETS[set_], one_line(str(message)), subject=about, policy=name)
