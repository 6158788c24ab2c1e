"""How a job is asked again on the command line: the options that its request has and its document does not."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from forebear.report.html import Reproduction
from forebear.report.words import without_secrets
from forebear.web.store import Job

DEFAULT = "standard"


def how_of(job: Job) -> Reproduction:
    """What a report says of how a job was asked; the document names its files and models."""
    return Reproduction(options=options(job.kind, job.request))


def options(kind: str, asked: Mapping[str, Any]) -> tuple[str, ...]:
    """The options of the command that asks what a request asks, but for its targets and for what is so by default."""
    found: list[str] = []
    for name in asked.get("policies", ()):
        found += ["--policy", str(name)]
    for profile in asked.get("profiles", ()):
        found += ["--profile", str(profile)]
    if model := asked.get("model"):
        found += ["--model", str(model)]
    if expected := asked.get("expect"):
        found += ["--expect", str(expected)]
    if asked.get("keyed"):
        found += ["--key-env", "KEY"]
    for key in ("max_requests", "max_tokens", "limit"):
        if key in asked:
            found += [f"--{key.replace('_', '-')}", str(asked[key])]
    if (effort := asked.get("effort", DEFAULT)) != DEFAULT:
        found += ["--effort", str(effort)]
    if asked.get("fetch") is False:
        found.append("--no-fetch")
    return tuple(found)


def command(words: str, targets: tuple[str, ...], job: Job) -> str:
    """The whole command of a job of which no report is written, without what is secret in addresses."""
    return without_secrets(shlex.join(["forebear", *words.split(), *targets, *options(job.kind, job.request)]))
