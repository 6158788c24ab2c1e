"""What a bill of materials says of licences, held against the texts that lie with the model.

A declared licence is confirmed by its own text, and contradicted only by the exact text of another one that the bill
nowhere mentions. A text that is missing makes no bill untrue, unless the bill lists it; what is owed then is for
``forebear licence`` to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from functools import cache
from typing import Any

from forebear.artifacts.documents import CARD, Documents
from forebear.bom.checks import Check, CheckStatus
from forebear.bom.files import role_of
from forebear.bom.record import Acknowledgement, LicenceStatement, Record, Status
from forebear.bom.verification import LICENCE, ClaimResult
from forebear.catalogue.expression import alternatives
from forebear.catalogue.licences import DutyKind, licences
from forebear.errors import one_line
from forebear.licences.answer import Detection
from forebear.licences.declared import declared, meanings, names_of
from forebear.licences.detect import detect_all
from forebear.licences.papers import faithful, is_licence_file
from forebear.licences.sketches import known
from forebear.lineage.evidence import joined
from forebear.signals.declared import names_match
from forebear.types import Scan

OF_FILES = frozenset({DutyKind.INCLUDE_LICENCE.value, DutyKind.NOTICE_FILE.value})
"""Duties that a file beside the weights meets."""
MOST = 50
"""Declared licences that are held against texts; a true bill states a few."""
NO_TEXT = "no text of it lies with the model"
_OF_SOMETHING_ELSE = re.compile(r"code|third|data(?:set)?|software|/", re.IGNORECASE)
"""Names of licence files that are not the model's own."""
_STATUS = {
    Status.CONFIRMED: CheckStatus.PASS,
    Status.CONTRADICTED: CheckStatus.FAIL,
    Status.UNVERIFIED: CheckStatus.UNKNOWN,
}


def checks(record: Record, here: Set[str], scan: Scan | None) -> Iterator[Check]:
    """A check for every licence file of the bill, and for every one that an ancestor's licence asks for.

    Args:
        record: what the bill says.
        here: paths of the model's files.
        scan: of the model, None where its weights were not compared.
    """
    stated = [licence.file for licence in record.licences if licence.file]
    stated += [file.path for file in record.files if role_of(file.path) == "licence"]
    for path in dict.fromkeys(stated):
        name = f"licence-files/{one_line(path, 200)}"
        if path in here:
            yield Check(name, CheckStatus.PASS, f"{one_line(path, 200)} is there.")
        else:
            said = f"{one_line(path, 200)} is listed as the text of a licence and is not there."
            yield Check(name, CheckStatus.FAIL, said)
    for duty in _unmet(scan):
        kind, ancestor = one_line(str(duty.get("kind")), 60), one_line(str(duty.get("ancestor")), 120)
        told = _tells(record, ancestor)
        said = f"The licence of {ancestor} ({one_line(str(duty.get('licence')), 80)}) asks for it: {duty.get('why')}"
        said += " The bill lists no such file." if told else " The bill does not tell of that licence."
        family = "licence-text" if told else "licence-files"
        yield Check(f"{family}/{ancestor}/{kind}", CheckStatus.UNKNOWN, one_line(said, 600))


def _unmet(scan: Scan | None) -> list[dict[str, Any]]:
    """Duties about files that are not met, along edges that were measured: those that a scan raises a finding of."""
    if scan is None or scan.licence is None:
        return []
    raised = [" ".join((f.message, *f.evidence)) for f in scan.findings if f.id == "licence-notice-missing"]
    wanted = [dict(d) for d in scan.licence.get("unmet", ()) if d.get("kind") in OF_FILES]
    return [d for d in wanted if any(str(d.get("ancestor")) in text for text in raised)]


def _tells(record: Record, ancestor: str) -> bool:
    """Whether a bill says under which licence an ancestor is."""
    inherited = any(names_match(x.inherited_from, ancestor) for x in record.licences if x.inherited_from)
    return inherited or any(r.licences for r in record.relatives if names_match(r.name, ancestor))


def claims(record: Record, papers: Documents) -> tuple[ClaimResult, ...]:
    """What became of every licence that a bill declares for the model itself.

    Args:
        record: what the bill says.
        papers: card and licence files of the model.
    """
    stated = _declared(record)[:MOST]
    if not stated:
        return ()
    own = {f: t for f, t in papers.licences.items() if is_licence_file(f) and not _OF_SOMETHING_ELSE.search(f)}
    texts = [each for file, text in sorted(own.items()) if text.strip() for each in detect_all(text, file)]
    told = {id_ for text in _told(record) for id_ in texts_of(text)}
    others = [d for d in texts if d.exact and d.id is not None and d.id not in told]
    named = {d.file for d in others} | {d.file for d in texts if d.id in told}
    strange = next((file for file, text in sorted(own.items()) if text.strip() and file not in named), "")
    return tuple(_judged(licence, texts, others, strange) for licence in stated)


def claim_checks(record: Record, papers: Documents, results: Iterable[ClaimResult]) -> Iterator[Check]:
    """A check for every claim, and for a licence that the model's own card states and the bill does not."""
    for claim in results:
        family = "licence-text" if claim.why.startswith(NO_TEXT) else "licences"
        name = one_line(f"{family}/{claim.claim.removeprefix(LICENCE)}", 200)
        said = one_line(f"“{claim.claim}” is {claim.status}: {claim.why}.", 900)
        yield Check(name, _STATUS[claim.status], said)
    stated = _declared(record)
    catalogue = licences()
    card = [d for d in declared(papers, {}, {}, names_of(catalogue)) if meanings(d) and d.where.startswith(CARD)]
    ours = {id_ for text in _told(record) for id_ in texts_of(text)}
    theirs = {id_ for d in card for licence in meanings(d) for id_ in texts_of(licence)}
    if stated and ours and theirs and not ours & theirs:
        said = f"The model's own card states {joined([one_line(d.value, 80) for d in card])}, and the bill does not."
        yield Check("licences/papers", CheckStatus.UNKNOWN, said)


def texts_of(licence: str) -> frozenset[str]:
    """Identifiers of the known texts that a name, an identifier or an expression means; empty where none is known."""
    names = names_of(licences())
    parts = [part for way in alternatives(licence) or () for part in way] or [licence]
    found: set[str] = set()
    for part in dict.fromkeys((licence, *parts)):
        plain = part.lower().removesuffix("+")
        found |= _texts().get(plain, frozenset())
        for meant in names.meant(part):
            found |= {*meant.texts, *_texts().get(meant.id.lower(), ()), *_texts().get(meant.spdx.lower(), ())}
    return frozenset(found)


@cache
def _texts() -> Mapping[str, frozenset[str]]:
    """Known texts by every identifier that they answer to, in lower case."""
    found: dict[str, frozenset[str]] = {}
    for sketch in known().table:
        for name in {sketch.id, sketch.spdx, sketch.licence, *sketch.same} - {""}:
            found[name.lower()] = found.get(name.lower(), frozenset()) | {sketch.id}
    return found


def _declared(record: Record) -> list[LicenceStatement]:
    """Licences that somebody declares for the whole model."""
    found = [x for x in record.licences if x.acknowledgement is Acknowledgement.DECLARED and not x.inherited_from]
    return [x for x in found if (x.spdx or x.name) and not x.said.note.startswith("of its ")]


def _told(record: Record) -> Iterator[str]:
    """Every licence that a bill mentions, of the model or of a relative, whose text may lie there as well."""
    for licence in record.licences:
        yield from filter(None, (licence.spdx, licence.name))
    for relative in record.relatives:
        yield from relative.licences


def _judged(licence: LicenceStatement, texts: list[Detection], others: list[Detection], strange: str) -> ClaimResult:
    name = one_line(licence.spdx or licence.name, 150)
    meant = texts_of(licence.spdx) | texts_of(licence.name)
    own = [d for d in texts if d.id in meant]
    true = next((d for d in own if faithful(d)), None)
    if true is not None:
        status, why = Status.CONFIRMED, f"{one_line(true.file, 120)} holds its text"
    elif own:
        changed = next((c.what for c in own[0].changes if c.matters), f"{own[0].similarity:.0%} of the words in common")
        status, why = Status.UNVERIFIED, f"{one_line(own[0].file, 120)} holds its text with changes: {changed}"
    elif others and meant:
        status, why = Status.CONTRADICTED, f"{one_line(others[0].file, 120)} is the text of the {others[0].name}"
    elif others:
        why = f"its text is not known here, and {one_line(others[0].file, 120)} is that of the {others[0].name}"
        status = Status.UNVERIFIED
    elif strange and meant:
        status, why = Status.UNVERIFIED, f"{one_line(strange, 120)} is not its text, nor exactly another that is known"
    elif strange:
        status, why = Status.UNVERIFIED, f"{NO_TEXT} that is known here; {one_line(strange, 120)} may be it"
    else:
        why = f"{NO_TEXT}, so it is a word alone; most licences ask that their text goes along"
        status = Status.UNVERIFIED
    source = f"declared{f' by {licence.said.by}' if licence.said.by else ''}"
    return ClaimResult(LICENCE + name, source, status, one_line(why, 600))
