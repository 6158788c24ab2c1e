"""The answer of ``forebear check``, and what of it was known before."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from forebear.artifacts.text import load_json
from forebear.catalogue import raise_finding
from forebear.errors import FormatError, InputError, UsageError
from forebear.inspect.check_models import Checked
from forebear.mentions import Unnamed, Unread
from forebear.policy.answer import Decision, PolicyRef
from forebear.types import Finding, Json, Level, head, to_json

BASELINE = "forebear.check-baseline/1"
MOST_UNNAMED = 1_000
"""Calls that a document names one by one."""
MAX_BASELINE = 50_000_000
NOT_ALL = "not all was looked at, as more was found than is kept; -v says where. Name a folder of it"
UNDECIDED = "undecided"
"""What stands in a baseline for a decision that could not be taken."""


@dataclass(frozen=True)
class Unseen:
    """A file of which something was not looked at: it is no pass, unless the baseline knows it.

    Attributes:
        path: relative to the repository.
        finding: that says so, and why.
        known_before: whether the baseline knows it.
    """

    path: str
    finding: Finding
    known_before: bool = False

    @property
    def mark(self) -> str:
        """The same for the same file, whatever its size has become."""
        return _digest("file", self.path, self.finding.id, "0")


def unseen(file: Unread) -> Unseen:
    """A file that was not read, or not to its end, with its finding."""
    return Unseen(file.path, raise_finding("file-unread", f"{file.path}: {file.why}.", (file.path,)))


@dataclass(frozen=True)
class Check:
    """What a repository names and holds, and what follows. See ``forebear.check/1``.

    Attributes:
        target: the repository as it was named.
        models: those that count first, then by kind and name.
        files, read: in the repository, and of these read as text.
        complete: False where more mentions or models were found than are kept.
        policy: which one, None for none.
        skipped: files that a reader takes and that use no model, with the reason.
        notes: what could not be told of the repository; in the document among ``skipped``.
        problems: what could not be looked at, and belongs to no model.
        unnamed: calls that load a model whose name is not written there.
        unseen: files of which something was not looked at.
        outside, ignored: links out of the repository, and what git ignores, that were passed over.
        seconds: wall time.
    """

    target: str
    models: tuple[Checked, ...]
    files: int = 0
    read: int = 0
    complete: bool = True
    policy: PolicyRef | None = None
    skipped: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    unnamed: tuple[Unnamed, ...] = ()
    unseen: tuple[Unseen, ...] = ()
    outside: int = 0
    ignored: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those that count: of models that count and of files that were not read, and not known before."""
        of_files = (file.finding for file in self.unseen if not file.known_before)
        return (*(f for m in self.models if m.counts for f in new_findings(m)), *of_files)

    @property
    def decision(self) -> Decision | None:
        """The gravest of the decisions that count; None where none was asked for, or nothing is there to decide on."""
        found = {m.decision for m in self.models if m.counts and _open(m)}
        return next((d for d in (Decision.DENY, Decision.INCONCLUSIVE, Decision.PASS) if d in found), None)

    @property
    def unread(self) -> tuple[str, ...]:
        """Everything that could not be read; that not all was looked at is one of it."""
        cut = () if self.complete else (f"{self.target}: {NOT_ALL}",)
        files = (file.finding.message.removesuffix(".") for file in self.unseen if not file.known_before)
        return (*self.problems, *files, *(p for m in self.models for p in m.problems), *cut)

    @property
    def known_before(self) -> int:
        """Findings and open decisions that the baseline knows."""
        return sum(len(m.waived) for m in self.models) + sum(file.known_before for file in self.unseen)

    def to_json(self) -> Json:
        """The ``forebear.check/1`` document."""
        levels = Counter(f.level for f in self.findings)
        return {
            **head("forebear.check/1"),
            "target": self.target,
            "complete": self.complete,
            "summary": {
                "files": self.files,
                "read": self.read,
                "skipped": len(self.skipped),
                "ignored": self.ignored,
                "outside": self.outside,
                "unnamed": len(self.unnamed),
                "models": len(self.models),
                "counted": sum(m.counts for m in self.models),
                "mentions": sum(len(m.mentions) for m in self.models),
                "findings": {level.value: levels[level] for level in Level},
                "known_before": self.known_before,
            },
            "decision": self.decision.value if self.decision else None,
            "policy": to_json(self.policy) if self.policy else None,
            "models": [_entry(m) for m in self.models],
            "unnamed": [vars(call) for call in self.unnamed[:MOST_UNNAMED]],
            "unread": [
                {"path": file.path, **_finding(file.finding, file.mark, file.known_before)} for file in self.unseen
            ],
            "skipped": [*self.notes, *self.skipped],
            "problems": list(self.problems),
            "cost": {"seconds": round(self.seconds, 3)},
        }


def _open(model: Checked) -> bool:
    """Whether the decision on a model is not answered for by the baseline."""
    if model.decision in (None, Decision.PASS):
        return True
    if model.decision is Decision.INCONCLUSIVE:
        return fingerprint(model, UNDECIDED) not in model.waived
    return any(f.id.startswith("policy/") and f.level is Level.ERROR for f in new_findings(model))


def _entry(model: Checked) -> Json:
    known = model.waived
    return {
        "name": model.name,
        "kind": model.kind.value,
        "surety": model.surety.value,
        "counts": model.counts,
        "source": model.source,
        "path": model.path or None,
        "family": model.family or None,
        "model": model.model or None,
        "developer": model.developer or None,
        "maker": model.maker or None,
        "licences": list(model.licences),
        "controlled_from": list(model.controlled_from),
        "ancestors": [to_json(a) for a in model.ancestors],
        "verdict": model.verdict,
        "closest": model.closest or None,
        "decision": model.decision.value if model.decision else None,
        "why": model.why or None,
        "findings": [_finding(f, mark, mark in known) for f, mark in marked(model)],
        "problems": list(model.problems),
        "mentions": [
            {
                "path": m.path,
                "line": m.line,
                "column": m.column,
                "end_column": m.end_column,
                "how": m.how,
                "surety": m.surety.value,
                "role": m.role.value,
                "revision": m.revision or None,
                "remote_code": m.remote_code,
            }
            for m in model.mentions
        ],
    }


def _finding(finding: Finding, mark: str, known_before: bool) -> Json:
    return {**to_json(finding), "fingerprint": mark, "known_before": known_before}


def fingerprint(model: Checked, finding: str, earlier: int = 0) -> str:
    """The same for the same finding on the same model, wherever in the repository it is named."""
    return _digest(model.kind.value, model.name.lower(), finding, str(earlier))


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()


def marked(model: Checked) -> list[tuple[Finding, str]]:
    """The findings of a model with their fingerprints; of several of one kind each has its own."""
    seen: Counter[str] = Counter()
    out = []
    for finding in model.findings:
        out.append((finding, fingerprint(model, finding.id, seen[finding.id])))
        seen[finding.id] += 1
    return out


def new_findings(model: Checked) -> tuple[Finding, ...]:
    """The findings that the baseline does not know."""
    return tuple(f for f, mark in marked(model) if mark not in model.waived)


def baseline_of(check: Check) -> str:
    """The baseline that knows all findings and open decisions of a check, as text that a person can review.

    A file that was not read stands there under its path in place of a model's name.
    """
    known = [
        {"fingerprint": mark, "model": m.name, "finding": f.id, "level": f.level.value}
        for m in check.models
        for f, mark in marked(m)
    ]
    known += [
        {"fingerprint": fingerprint(m, UNDECIDED), "model": m.name, "finding": UNDECIDED, "level": "warning"}
        for m in check.models
        if m.decision is Decision.INCONCLUSIVE
    ]
    known += [
        {"fingerprint": u.mark, "model": u.path, "finding": u.finding.id, "level": u.finding.level.value}
        for u in check.unseen
    ]
    known.sort(key=lambda entry: (entry["model"], entry["finding"], entry["fingerprint"]))
    return json.dumps({"schema": BASELINE, "known": known}, ensure_ascii=False, indent=2) + "\n"


def read_baseline(path: Path) -> frozenset[str]:
    """Fingerprints of a baseline.

    Raises:
        UsageError: there is no such file.
        InputError: it cannot be read, or is none.
    """
    try:
        if path.stat().st_size > MAX_BASELINE:
            raise InputError(f"{path}: {path.stat().st_size:,} bytes, more than the {MAX_BASELINE:,} that are read")
        document = load_json(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise UsageError(f"--baseline {path}: there is no such file", "write it with --write-baseline") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    known = document.get("known") if isinstance(document, dict) and document.get("schema") == BASELINE else None
    if not isinstance(known, list) or not all(_is_entry(entry) for entry in known):
        raise FormatError(str(path), "no baseline of forebear check", "write it with --write-baseline")
    return frozenset(entry["fingerprint"] for entry in known)


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("fingerprint"), str)


def with_baseline(check: Check, known: Iterable[str]) -> Check:
    """The check with what a baseline knows marked; that no longer counts."""
    fingerprints = frozenset(known)
    return replace(
        check,
        models=tuple(_known_before(m, fingerprints) for m in check.models),
        unseen=tuple(replace(file, known_before=file.mark in fingerprints) for file in check.unseen),
    )


def _known_before(model: Checked, known: frozenset[str]) -> Checked:
    own = {mark for _, mark in marked(model)} | {fingerprint(model, UNDECIDED)}
    return replace(model, waived=frozenset(own & known))
