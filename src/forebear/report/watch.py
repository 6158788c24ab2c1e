"""Matches of a watch: a table, Markdown, and the evidence pack that can be handed to the other side.

A pack is worded as a question with a right of reply. It says what was measured, how sure that is, what it does not show
and how to check it, and it accuses nobody: whether anything was not allowed is no question that weights can answer.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.padding import Padding

from forebear.attest.documents import sha256
from forebear.attest.dsse import sign
from forebear.attest.fingerprints import to_document
from forebear.attest.keys import PrivateKey
from forebear.attest.statements import DOCUMENT, PACKED, Statement, Subject
from forebear.errors import UsageError, one_line
from forebear.inspect.watch import Match, Sweep, price
from forebear.inspect.watch_check import DOCUMENT_FILE, ENVELOPE, FOUND, GUARDED, LETTER, SCHEMA, SUMS, PackCheck
from forebear.lineage.evidence import group_words
from forebear.report import words
from forebear.report.markdown import escape, unmarked
from forebear.types import Json, Verdict, created, head
from forebear.version import __version__

ANSWER_DAYS = 30
TITLE = "Entries that depend on a guarded model"


@dataclass(frozen=True)
class Sender:
    """Who hands a pack over.

    Attributes:
        contact: where an answer goes, in words or as an address; "" for a line that the sender fills in.
        days: until an answer is asked for.
        withhold: leave the guarded model's code out; its digest stands for it, and nobody can compute it again.
        key, chain: to sign with.
    """

    contact: str = ""
    days: int = ANSWER_DAYS
    withhold: bool = False
    key: PrivateKey | None = None
    chain: tuple[bytes, ...] = ()


def write_pack(match: Match, folder: Path, sender: Sender | None = None) -> Path:
    """Write an evidence pack: a folder of its own in ``folder``, whole or not at all.

    A pack that is there already stays as it is: it may have been sent.

    Returns:
        The pack's folder, named by the two models' digests.

    Raises:
        UsageError: it cannot be written there.
    """
    pack = folder / f"{_slug(match.name)}-{match.found.digest[:8]}-{match.kept.digest[:8]}"
    if pack.exists():
        return pack
    temporary = folder / f".{pack.name}.{os.getpid()}.part"
    try:
        temporary.mkdir(parents=True)
        for name, data in _files(match, sender or Sender()).items():
            (temporary / name).write_bytes(data)
        temporary.replace(pack)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}", "choose a folder that can be written") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return pack


def _files(match: Match, sender: Sender) -> dict[str, bytes]:
    codes = {FOUND: _json(to_document(match.found)), GUARDED: _json(to_document(match.kept))}
    until = _until(sender.days)
    files = {
        DOCUMENT_FILE: _json(pack_document(match, sender, {name: sha256(raw) for name, raw in codes.items()}, until)),
        LETTER: letter(match, sender, until).encode(),
        FOUND: codes[FOUND],
        **({} if sender.withhold else {GUARDED: codes[GUARDED]}),
    }
    files[SUMS] = "".join(f"{sha256(files[n])}  {n}\n" for n in sorted(files)).encode()
    if sender.key is not None:
        subjects = tuple(Subject(n, sha256(files[n]), DOCUMENT) for n in sorted(files))
        predicate = {
            "found": match.name,
            "guarded": match.guarded,
            "tool": {"name": "forebear", "version": __version__},
        }
        statement = Statement(subjects, PACKED, predicate)
        files[ENVELOPE] = sign(statement.to_bytes(), sender.key, chain=sender.chain).to_bytes()
    return files


def pack_document(match: Match, sender: Sender, digests: dict[str, str], until: str) -> Json:
    """The ``forebear.watch/1`` document of a pack."""
    body = match.to_json()
    body["found"] |= {"fingerprint_sha256": digests[FOUND]}
    body["guarded"] |= {"fingerprint_sha256": digests[GUARDED], "code_included": not sender.withhold}
    return {**head(SCHEMA), **body, "reply": {"to": sender.contact or None, "until": until}}


def letter(match: Match, sender: Sender, until: str) -> str:
    """The letter, in plain words."""
    return (
        "\n".join([*_opening(match, until), *_measured(match), *_limits(match), *_reply(match, sender, until)]) + "\n"
    )


def _opening(match: Match, until: str) -> Iterator[str]:
    where = f" ({escape(match.location)})" if match.location else ""
    yield f"# A question about {escape(match.name)}"
    yield ""
    yield f"To those who publish {escape(match.name)}{where}."
    yield ""
    yield (
        f"Those who keep the model {escape(match.guarded)} compare published models with it. The weights of "
        f"{escape(match.name)} and of {escape(match.guarded)} are not independent of each other. We ask how that came "
        f"about, and will weigh your answer before we say anything to anybody. Please answer by {until}."
    )
    yield ""
    yield "This is a question and no accusation. There can be good reasons for what was measured; some stand below."


def _measured(match: Match) -> Iterator[str]:
    coins = match.coins
    details = coins.details
    yield "\n## What was measured\n"
    yield (
        f"Of both models a fingerprint was taken: {coins.n:,} signs that random initialisation decides, in places that "
        f"both have. Between models that were started independently each sign agrees by chance in one of two cases. "
        f"Here {details['agree']:,} of {coins.n:,} agree ({coins.score or 0.0:.1%})."
    )
    if match.verdict is Verdict.COMPONENT_SHARED:
        yield f"\nOnly a part depends: {escape(match.why)}"
    yield "\n| part | signs | agree |\n| --- | --- | --- |"
    for group, told in details["groups"].items():
        yield f"| {escape(group_words(group, details['groups']))} | {told['n']:,} | {told['agree']:,} |"
    compared, agreeing = details["layers_compared"], details["agreeing_layers"]
    yield f"\n{agreeing} of {compared} layers that were compared agree beyond chance on their own."
    paid = price(match.watched, match.references)
    yield "\n## How sure that is\n"
    yield (
        f"If the two had been started independently, so many signs would agree with probability "
        f"{words.p_value(match.log10_p)}. Guarded models ({match.watched:,}) and the entries of an index "
        f"({match.references:,}) are compared, now and later, so that number is multiplied by {paid:,}: "
        f"{words.e_value(match.log10_e)}. Over the whole watch, however long, the chance of a single false match is at "
        "most one in a million. The test is exact under these conditions:\n"
    )
    yield from (f"- {escape(line)}" for line in details["conditions"] if not line.startswith("it does not exclude"))


def _limits(match: Match) -> Iterator[str]:
    yield "\n## What it does not show\n"
    yield "It does not exclude:\n"
    yield from (f"- {escape(line)}" for line in match.cannot_exclude)
    yield (
        "\nIt says nothing about who did what, about intent, about licences or about law. That weights depend on each "
        "other can be entirely in order."
    )


def _reply(match: Match, sender: Sender, until: str) -> Iterator[str]:
    yield "\n## What you can answer\n"
    yield f"- From which model, if any, {escape(match.name)} was made, and where that was published."
    yield f"- That {escape(match.guarded)} was made from a model of yours, or both from a third one."
    yield "- That you trained it from the start: an early checkpoint, or the seed and code of its initialisation."
    yield "- That the fingerprint is not of your model, or that there is a mistake in what stands here."
    yield "- That you may use it: under which terms. Or anything else that you want to be read beside this."
    yield ""
    yield f"Where to: {unmarked(sender.contact) or '________________'}, by {until}; later answers are read too."
    yield ""
    yield (
        "Your answer is kept with this letter, unshortened, and goes wherever the letter goes. Until then, and also if "
        "no answer comes, nothing follows from silence."
    )
    yield "\n## How to check it\n"
    if sender.withhold:
        yield (
            f"The code of {escape(match.guarded)} is withheld; its digest is in `{DOCUMENT_FILE}`. What is here of "
            "your model you can measure again: `forebear index add`, then `forebear index show`."
        )
    else:
        yield (
            "`forebear index watch --check .` in this folder counts the signs of the two fingerprints again, offline. "
            "That the first is of your model you can see by measuring it; that the second is of ours, we can show."
        )
    yield f"\n`sha256sum -c {SUMS}` shows whether the files are whole. Written by forebear {__version__}, {created()}."


def table(console: Console, found: Sweep, packs: dict[str, str] | None = None) -> None:
    """A sweep at a terminal."""
    console.print(words.text(headline(found), style="bold"))
    for match in found.matches:
        console.print(Padding(words.text(f"{match.name} and {match.guarded}", "yellow"), (1, 0, 0, 2)))
        for line in _lines(match, packs or {}):
            console.print(Padding(words.text(line), (0, 2, 0, 4)))
    console.print(Padding(words.text(_foot(found), style="dim"), (1, 0, 0, 2)))


def markdown(found: Sweep, packs: dict[str, str] | None = None) -> str:
    """The same in Markdown."""
    out = [f"# {TITLE}", "", escape(headline(found)), ""]
    for match in found.matches:
        out += [f"## {escape(match.name)} and {escape(match.guarded)}", ""]
        out += [*(f"- {escape(line)}" for line in _lines(match, packs or {})), ""]
    return "\n".join([*out, escape(_foot(found)), ""])


def headline(found: Sweep) -> str:
    """What a sweep came to, in a sentence."""
    looked = f"{found.looked_at:,} of {found.references:,} entries were held against {_guarded(found)}"
    if not found.matches:
        return f"{looked}: nothing ties them to it. That is not independence, only codes were compared."
    names = len({match.name for match in found.matches})
    return f"{looked}: {names:,} {'depends' if names == 1 else 'depend'} on it."


def _guarded(found: Sweep) -> str:
    return found.guarded[0] if len(found.guarded) == 1 else f"{len(found.guarded):,} guarded models"


def _lines(match: Match, packs: dict[str, str]) -> Iterator[str]:
    yield match.coins.summary
    yield f"{words.p_value(match.log10_p)}, {words.e_value(match.log10_e)} over the whole watch; {match.why}"
    yield from (one_line(e.summary) for e in match.evidence[1:])
    key = f"{match.name}\n{match.guarded}"
    if key in packs:
        yield f"evidence pack: {packs[key]}"
    elif match.explained:
        yield f"no pack: {explanation(match)} (--all-packs)"


def explanation(match: Match) -> str:
    """What older in the index could explain a match, a clause; "" where nothing does."""
    if match.older:
        return f"it was here before {match.guarded}, which may have been made from it"
    if match.relatives:
        named = ", ".join(match.relatives[:3])
        return f"{named} was here before and depends on both, so both may be made from it"
    return ""


def _foot(found: Sweep) -> str:
    return (
        f"Exact, by codes alone, every comparison of an endless watch paid for: {len(found.guarded):,} guarded × "
        f"{found.references:,} entries. Which came first is not told."
    )


def checked(console: Console, found: PackCheck) -> None:
    """A pack that was checked."""
    for line in _checked(found):
        console.print(words.text(line))


def checked_md(found: PackCheck) -> str:
    """The same in Markdown."""
    return "".join(f"- {escape(line)}\n" for line in _checked(found))


def _checked(found: PackCheck) -> Iterator[str]:
    yield f"{found.folder}: {found.verdict}"
    yield from (f"{check.status.value}: {check.message}" for check in found.checks)


def _until(days: int) -> str:
    now = datetime.fromisoformat(created())
    return (now + timedelta(days=days)).date().isoformat()


def _json(document: Json) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:60] or "model"
