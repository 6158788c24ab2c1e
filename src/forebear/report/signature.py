"""Signatures for people: what was signed, what was attested, and what verifying came to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.padding import Padding

from forebear.attest.trust import Verdict
from forebear.bom.checks import Check, CheckStatus
from forebear.report import words
from forebear.report.markdown import escape
from forebear.types import counted

if TYPE_CHECKING:
    from rich.console import Console

    from forebear.inspect.attest import Attested
    from forebear.inspect.sign import SignedModel
    from forebear.inspect.verify_signature import SignatureVerification

SENTENCES = {
    Verdict.VERIFIED: "Verified: signed by whom you trust, and unaltered.",
    Verdict.FAILED: "Not verified: a signature, a certificate or a digest is wrong.",
    Verdict.INCONCLUSIVE: "Not decided: there was not enough to decide by.",
}
STYLES = {Verdict.VERIFIED: "bold green", Verdict.FAILED: "bold red", Verdict.INCONCLUSIVE: "bold yellow"}
MARKS = {CheckStatus.PASS: "✓", CheckStatus.FAIL: "✗", CheckStatus.UNKNOWN: "?", CheckStatus.NOT_APPLICABLE: "·"}
COLOURS = {CheckStatus.PASS: "green", CheckStatus.FAIL: "red", CheckStatus.UNKNOWN: "yellow"}
LIMIT = "A signature says who vouches for this and that it was not altered since. It does not say that it is true."
PREDICATES = {
    "https://cyclonedx.org/bom": "bill of materials (CycloneDX)",
    "https://spdx.dev/Document": "bill of materials (SPDX)",
    "https://spdx.dev/Document/v3": "bill of materials (SPDX)",
    "https://forebear.dev/lineage/v1": "lineage",
    "https://forebear.dev/bundle/v1": "bundle of evidence",
    "https://forebear.dev/index/v1": "references of an index",
    "https://forebear.dev/watch/v1": "evidence pack of a watch",
    "https://in-toto.io/attestation/svr/v0.2": "result of a verification",
    "https://model_signing/signature/v1.0": "model files (OpenSSF)",
}


def signed(console: Console, made: SignedModel, where: str) -> None:
    """A model signature that was made."""
    console.print(
        words.text(f"{made.manifest.name}: {counted(len(made.manifest.resources), 'file')} signed", style="bold")
    )
    for line in _signed(made, where):
        console.print(Padding(words.text(line), (0, 2, 0, 2)))


def signed_md(made: SignedModel) -> str:
    """The same in Markdown."""
    return _page(f"{made.manifest.name}: {counted(len(made.manifest.resources), 'file')} signed", _signed(made, ""))


def _signed(made: SignedModel, where: str) -> list[str]:
    key = f"by key {made.key_id}" if made.key_id else "by Sigstore's service"
    left_out = ", ".join(sorted(made.manifest.ignored)) or "nothing"
    lines = [key, f"root digest sha256:{made.manifest.root}", f"left out where it is there: {left_out}"]
    return [*lines, f"written to {where}"] if where else lines


def attested(console: Console, made: Attested, where: str) -> None:
    """Statements that were signed."""
    console.print(words.text(_attested_title(made), style="bold"))
    for line in [*_attested(made), f"written to {where}"]:
        console.print(Padding(words.text(line), (0, 2, 0, 2)))


def attested_md(made: Attested) -> str:
    """The same in Markdown."""
    return _page(_attested_title(made), _attested(made))


def _attested_title(made: Attested) -> str:
    count = len(made.statements)
    about = f" about {made.model}" if made.model else ""
    return f"{count} {'statement' if count == 1 else 'statements'} signed{about}"


def _attested(made: Attested) -> list[str]:
    lines = [f"{path}: {PREDICATES.get(s.predicate_type, s.predicate_type)}" for path, s in made.statements.items()]
    lines += [f"{path}: included, as somebody else signed it" for path in made.included]
    lines += [f"bound to {s.of} sha256:{s.sha256}" for s in made.subjects]
    return [*lines, f"by key {made.key_id}", *made.notes]


def verified(console: Console, answer: SignatureVerification, quiet: bool = False, verbose: bool = False) -> None:
    """What verifying came to; also a quiet reader has to see what was signed, for that may be a failure."""
    title = words.text(answer.file, style="bold")
    title.append(f"  {words.clean(_kind(answer))}", style="dim")
    console.print(title)
    console.print(words.text(SENTENCES[answer.verdict], style=STYLES[answer.verdict]))
    for check in _shown(answer.checks, quiet, verbose):
        mark = words.text(f"{MARKS[check.status]} ", style=COLOURS.get(check.status, "dim"))
        mark.append(words.clean(_said(check)), style="default")
        console.print(Padding(mark, (0, 2, 0, 2)))
    for heading, lines in _parts(answer)[: 1 if quiet and answer.says else 0 if quiet else None]:
        console.print(words.text(f"\n{heading}", style="bold"))
        for line in lines:
            console.print(Padding(words.text(line), (0, 2, 0, 2)))
    if not quiet:
        console.print(words.text(f"\n{LIMIT}", style="dim"))


def verified_md(answer: SignatureVerification) -> str:
    """The same in Markdown."""
    out = [f"# {escape(answer.file)}", "", f"**{SENTENCES[answer.verdict]}** {escape(_kind(answer))}.", ""]
    out += [f"- {MARKS[c.status]} {escape(_said(c))}" for c in _shown(answer.checks, False, False)]
    for heading, lines in _parts(answer):
        out += ["", f"## {heading}", "", *(f"- {escape(line)}" for line in lines)]
    return "\n".join([*out, "", f"_{LIMIT}_", ""])


def _kind(answer: SignatureVerification) -> str:
    return PREDICATES.get(answer.predicate, answer.predicate) or "not signed"


def _said(check: Check) -> str:
    """A check's message, after the file of a bundle that it is about."""
    name = next((n for n in (check.id.rpartition("/")[0], check.id) if n.endswith((".json", ".sig"))), "")
    return check.message if not name or name in check.message else f"{name}: {check.message}"


def _shown(checks: tuple[Check, ...], quiet: bool, verbose: bool) -> list[Check]:
    """With many checks those that did not pass, and of the others the first ones; what was recomputed has its place."""
    wrong = [c for c in checks if c.status in (CheckStatus.FAIL, CheckStatus.UNKNOWN)]
    checks = tuple(c for c in checks if c in wrong or not c.id.startswith("lineage/"))
    return wrong if quiet else [*checks] if verbose or len(checks) <= 24 else [*checks[:24], *wrong[:24]]


def _parts(answer: SignatureVerification) -> list[tuple[str, Iterable[str]]]:
    signers = [f"{s.name or 'key'}{f' {s.key.id} ({s.key.curve})' if s.key else ''}" for s in answer.signers]
    parts = (
        ("It says", answer.says),
        ("Signed by", signers),
        ("Recomputed", answer.replay.recomputed),
        ("Believed", answer.replay.believed),
    )
    return [(heading, lines) for heading, lines in parts if lines]


def _page(title: str, lines: list[str]) -> str:
    return "\n".join([f"# {escape(title)}", "", *(f"- {escape(line)}" for line in lines), ""])
