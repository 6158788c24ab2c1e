"""Findings that somebody answers for, until a day (``waivers.yaml``).

A waiver covers one rule for one model and one subject, never more: one for an ancestor does not cover an ancestor that
is found later. After its day it covers nothing, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from forebear.errors import FormatError, one_line
from forebear.policy.answer import PolicyFinding, Waived, subject_line
from forebear.policy.fields import nearest
from forebear.policy.plain_yaml import plain, read_text
from forebear.types import created

NEEDED = ("rule", "model", "owner", "reason", "expires")
KNOWN = (*NEEDED, "subject")
MOST = 2_000


@dataclass(frozen=True)
class Waiver:
    """A waiver.

    Attributes:
        rule: its identifier.
        model: a name, a target or a digest.
        owner, reason: who answers for it, and why.
        expires: the last day.
        subject: of the finding, "" for the model.
    """

    rule: str
    model: str
    owner: str
    reason: str
    expires: date
    subject: str = ""


def read_waivers(path: Path | str) -> tuple[Waiver, ...]:
    """The waivers of a file.

    Raises:
        UsageError: the file is not there.
        FormatError: a waiver has no owner, reason, rule, model or day, or a key that is unknown.
    """
    file = str(path)
    data = plain(read_text(Path(path), "waivers"), file)
    entries = data.get("waivers") if isinstance(data, Mapping) else data
    if not isinstance(entries, list) or len(entries) > MOST:
        raise FormatError(file, "there is no list of waivers", "write waivers: followed by a list")
    return tuple(_waiver(entry, f"waiver {n}", file) for n, entry in enumerate(entries, 1))


def _waiver(entry: Any, where: str, file: str) -> Waiver:
    if not isinstance(entry, Mapping):
        raise FormatError(file, f"{where} holds no keys")
    for key in entry:
        if key not in KNOWN:
            raise FormatError(file, f"{where}: there is no key {one_line(str(key), 60)}", nearest(str(key), KNOWN))
    for key in NEEDED:
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise FormatError(file, f"{where} has no {key}", f"a waiver needs {', '.join(NEEDED)}")
    if not isinstance(entry.get("subject", ""), str):
        raise FormatError(file, f"{where}: subject is no text")
    try:
        day = date.fromisoformat(entry["expires"].strip())
    except ValueError:
        raise FormatError(file, f"{where}: expires is no day", "write it as 2027-01-31") from None
    texts = {key: one_line(entry[key].strip(), 400) for key in ("rule", "model", "owner", "reason")}
    return Waiver(**texts, expires=day, subject=subject_line(entry.get("subject", "").strip()))


def this_day() -> date:
    """Today, or the day of ``SOURCE_DATE_EPOCH``."""
    return date.fromisoformat(created()[:10])


def apply(
    waivers: Sequence[Waiver],
    findings: Sequence[PolicyFinding],
    model: Mapping[str, Any],
    refused: set[str],
    today: date | None = None,
) -> tuple[tuple[PolicyFinding, ...], tuple[Waived, ...], tuple[str, ...]]:
    """What stays, what is waived, and what is to be said about waivers that cover nothing.

    Args:
        waivers: as read.
        findings: what rules raise.
        model: name and digest.
        refused: rules that no waiver can cover.
        today: None: today.
    """
    day = today or this_day()
    names = {str(model[key]).lower() for key in ("name", "target", "digest") if model.get(key)}
    own = [w for w in waivers if w.model.lower() in names]
    kept: list[PolicyFinding] = []
    waived: list[Waived] = []
    said: list[str] = []
    for finding in findings:
        covering = [w for w in own if (w.rule, w.subject) == (finding.rule, finding.subject)]
        valid = [w for w in covering if w.expires >= day]
        if finding.rule in refused:
            said += [f"{w.rule} cannot be waived here; the waiver of {w.owner} is not applied." for w in covering]
            valid = []
        elif covering and not valid:
            last = max(covering, key=lambda w: w.expires)
            said.append(f"The waiver of {finding.rule} by {last.owner} expired on {last.expires}; it is raised again.")
        if valid:
            best = max(valid, key=lambda w: w.expires)
            waived.append(Waived(finding, best.owner, best.reason, best.expires.isoformat()))
        else:
            kept.append(finding)
    said += _idle(own, findings)
    return tuple(kept), tuple(waived), tuple(dict.fromkeys(said))


def _idle(own: Sequence[Waiver], findings: Sequence[PolicyFinding]) -> Iterator[str]:
    """Waivers of this model that cover no finding, for a slip in a rule or a subject would go unnoticed else."""
    raised = {(f.rule, f.subject) for f in findings}
    for waiver in own:
        if (waiver.rule, waiver.subject) in raised:
            continue
        about = sorted({f"“{subject}”" for rule, subject in raised if rule == waiver.rule and subject})
        why = f"its findings are about {', '.join(about[:3])}" if about else "no finding of that rule is raised"
        on = f" on “{waiver.subject}”" if waiver.subject else ""
        yield f"The waiver of {waiver.rule}{on} by {waiver.owner} covers nothing here: {one_line(why, 300)}."
