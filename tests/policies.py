"""Policies and inputs for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from forebear.policy.examples import completed
from forebear.policy.load import load_policy
from forebear.policy.rules import Policy

Json = dict[str, Any]


def rule(name: str = "R1", when: Any = None, **more: Any) -> Json:
    """A rule as it is written."""
    condition = {"field": "bom.present", "is": False} if when is None else when
    return {"id": name, "title": "A rule", "severity": "error", "when": condition, "message": "It holds.", **more}


def written(folder: Path, *rules: Json, name: str = "ours", **more: Any) -> Path:
    """A file with a policy."""
    head = {"schema": "forebear.policy-file/1", "name": name, "version": "1", "title": "Ours"}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**head, "rules": list(rules), **more}, sort_keys=False), "utf-8")
    return path


def policy(folder: Path, *rules: Json, **more: Any) -> Policy:
    """A policy that was written and read."""
    return load_policy(str(written(folder, *rules, **more)))


def given(**fragment: Any) -> Json:
    """The input of an innocent model, some of it replaced."""
    return completed(fragment)


def ancestor(**fields: Any) -> Mapping[str, Any]:
    """One ancestor of an innocent model, some of it replaced."""
    found: Mapping[str, Any] = completed({"ancestors": [fields]})["ancestors"][0]
    return found
