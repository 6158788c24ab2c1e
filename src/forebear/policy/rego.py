"""Rules in Rego on the same input, through the extra ``rego`` (https://github.com/microsoft/rego-cpp).

A package has the sets ``deny``, ``review`` and ``warn``, of sentences or of objects with ``msg`` and maybe ``id`` and
``subject``, as tools for Rego have them. A package without ``deny`` is refused, since it would let everything pass.
"""

from __future__ import annotations

import json
import re
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
    try:
        import regopy
    except ModuleNotFoundError:
        raise MissingExtra("rego", f"{path}: a policy in Rego") from None
    package = _PACKAGE.search(text)
    if package is None:
        raise FormatError(path, "there is no package", "begin with  package forebear")
    regopy.set_default_log_level(regopy.LogLevel.NONE)  # it would print what it finds wrong
    interpreter = regopy.Interpreter()
    try:
        interpreter.add_module("policy.rego", text)
        interpreter.set_input(dict(given))
        whole = json.loads(str(interpreter.query(f"data.{package[1]}")))
    except (regopy.RegoError, ValueError) as error:
        said = re.search(r"\(errormsg \d+:([^)\n]*)", str(error))
        raise FormatError(path, f"no Rego: {one_line(said[1] if said else str(error), 200)}") from None
    rules = whole.get("expressions", [{}])[0] if isinstance(whole, dict) else {}
    if not isinstance(rules, dict) or "deny" not in rules:
        raise FormatError(path, f"package {package[1]} has no rule deny", "without it everything would pass")
    return {name: _values(rules[name], f"{path}: {name}") for name in SETS if name in rules}


def _values(given: Any, where: str) -> list[Any]:
    """The members of a set; one written in the syntax before version 1 comes as an object of trues."""
    if isinstance(given, dict) and all(value is True for value in given.values()):
        given = list(given)
    if not isinstance(given, list):
        raise FormatError(where, "no set", "write  deny contains msg if { … }")
    return given[:MOST]


def _findings(set_: str, values: Sequence[Any], name: str) -> Iterator[PolicyFinding]:
    for value in values:
        entry = value if isinstance(value, dict) else {"msg": value}
        message = entry.get("msg") or entry.get("message") or json.dumps(value, ensure_ascii=False)
        rule = entry.get("id") or entry.get("rule") or set_
        subject = entry.get("subject") or ""
        yield PolicyFinding(
            one_line(str(rule), 64),
            SETS[set_],
            one_line(str(message)),
            subject=one_line(str(subject), 200),
            policy=name,
        )
