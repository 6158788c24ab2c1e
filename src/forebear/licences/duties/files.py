"""Duties that files meet: a copy of the licence, copyright lines, notices, statements of change, a use policy.

They bind whoever passes the model on. For an inherited licence that is the model's publisher, and the files that were
published are what is judged. For the model's own licence it is whoever passes it on next, so there it depends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from forebear.artifacts.documents import CARD
from forebear.catalogue.licences import DutyKind, KnownLicence, Obligation
from forebear.licences.answer import Duty
from forebear.licences.duties.base import CONDITIONAL, MET, UNMET, Case, Judge, Seen, obliged
from forebear.licences.grounds import Ground
from forebear.licences.papers import faithful
from forebear.licences.words import plain, says
from forebear.lineage.chain import EdgeKind

UNCHANGED = frozenset({EdgeKind.IDENTICAL, EdgeKind.SAME_MODEL})
"""Kinds of edges along which nothing is changed that a licence would want stated."""
_CHANGED = re.compile(
    r"\b(?:modif\w+|fine-?tun\w+|quanti[sz]\w+|convert\w+|merg\w+|prun\w+|distill\w+|adapt\w+|continu\w+ pre-?train\w*|"
    r"derived from|based on|built (?:on|with)|post-?train\w+|trained (?:on top of|from))\b",
    re.IGNORECASE,
)
_POLICY = re.compile(
    r"acceptable use policy|use[- ]based restrictions|use restrictions|prohibited uses?|prohibited use policy|"
    r"restricted uses?|attachment a",
    re.IGNORECASE,
)


def duties(ground: Ground, case: Case) -> Iterator[Duty]:
    """Every duty about files that a ground brings."""
    yield from obliged(_JUDGES, ground, case)


def _copy(ground: Ground, obligation: Obligation, case: Case) -> Seen:
    """A copy of the licence, with nothing changed that matters."""
    papers, licence = case.papers, ground.licence
    clears = f"Add the text of the {licence.name} to the files."
    found = papers.copy_of(licence)
    if found is not None and faithful(found):
        return Seen(MET, f"{found.file} is the {licence.name}.", evidence=(found.file,), of_files=True)
    if found is not None:
        changes = "; ".join(c.what for c in found.changes if c.matters)[:300] or f"{found.similarity:.0%} of its words"
        why = f"{found.file} is close to the {licence.name} and differs from it: {changes}."
        return Seen(UNMET, why, clears=clears, evidence=(found.file,), of_files=True)
    if papers.seen and not papers.identified and any(t.strip() for t in papers.texts.values()):
        return Seen(CONDITIONAL, "Its licence files were not identified.", ("which licences the files are",), clears)
    if papers.unreadable:
        files = ", ".join(papers.unreadable[:3])
        return Seen(
            CONDITIONAL, f"{files} holds no text that can be read.", (f"what {files} says",), clears, of_files=True
        )
    other = papers.sibling_of(licence, case.known)
    beside = f"; {other.file} is {other.name or other.licence}, another of its line" if other else ""
    why = f"No file of the model is the {licence.name}{beside}."
    return Seen(UNMET, why, clears=clears, of_files=True)


def _copyright(ground: Ground, obligation: Obligation, case: Case) -> Seen:
    """The copyright lines of the ancestor, or of its maker where they are not known."""
    lines = case.papers.copyright_lines()
    stated = ground.papers.copyright_lines() if ground.papers is not None else ()
    wanted = tuple(dict.fromkeys(line for file, line in stated if file != CARD))[:10]
    if wanted:
        missing = [line for line in wanted if not any(says(have, line) for _, have in lines)]
        if not missing:
            return Seen(MET, f"Every copyright line of {ground.ancestor} is kept.", evidence=wanted, of_files=True)
        why = f"A copyright line of {ground.ancestor} is in no file: {missing[0]}."
        clears = f"Keep it in LICENSE or NOTICE: {missing[0]}"
        return Seen(UNMET, why, clears=clears, evidence=wanted, of_files=True)
    for file, line in lines:
        if any(plain(maker) in plain(line) for maker in ground.makers if maker.strip()):
            return Seen(
                MET, f"{file} keeps a copyright line of its maker.", evidence=(f"{file}: {line}",), of_files=True
            )
    clears = f"Keep the copyright line of {ground.ancestor} in LICENSE or NOTICE."
    if lines and (not ground.makers or ground.own):
        on = (f"what the copyright line of {ground.ancestor} is",)
        kept = tuple(f"{file}: {line}" for file, line in lines[:3])
        return Seen(
            CONDITIONAL,
            "Copyright lines are kept; whose they have to be is not known.",
            on,
            clears,
            kept,
            of_files=True,
        )
    if not _names_holder(ground.licence):
        on = (f"whether {ground.ancestor} states a copyright, and in which words",)
        return Seen(CONDITIONAL, "No copyright line of its maker is kept.", on, clears, of_files=True)
    makers = list({maker.casefold(): maker for maker in reversed(ground.makers)}.values())[::-1]
    whose = f"of {' or '.join(makers[:2])}" if makers else "at all"
    why = f"No file holds a copyright line {whose}."
    return Seen(UNMET, why, clears=clears, of_files=True)


def _names_holder(licence: KnownLicence) -> bool:
    """Whether a licence's own text states the holder (MIT, BSD, ISC), so that there has to be a copyright line."""
    return bool({*re.split(r"[-.]", f"{licence.spdx}-{licence.id}".lower())} & {"mit", "bsd", "isc"})


def _notice(ground: Ground, obligation: Obligation, case: Case) -> Seen:
    """A notice with exact words; without words, what the ancestor's own notice says."""
    if not obligation.text:
        return _upstream_notice(ground, case)
    file = case.papers.holding(obligation.text)
    if file:
        return Seen(MET, f"{file} holds the notice.", evidence=(file,), of_files=True)
    why = f"No file holds the notice that the {ground.licence.name} asks for."
    clears = f'Add a text file NOTICE with: "{obligation.text}"'
    return Seen(UNMET, why, clears=clears, of_files=True)


def _upstream_notice(ground: Ground, case: Case) -> Seen:
    clears = f"Pass on the NOTICE of {ground.ancestor}, if it has one."
    if ground.own:
        return Seen(MET, "Its notices are those that it has.", triggered=False)
    if ground.papers is None or not ground.papers.seen:
        kept = tuple(f for f in case.papers.texts if f.lower().startswith("notice"))
        on = (f"whether {ground.ancestor} has a notice file and what it says",)
        return Seen(CONDITIONAL, f"The files of {ground.ancestor} are not at hand.", on, clears, kept, None, True)
    notices = {f: t for f, t in ground.papers.texts.items() if f.lower().startswith("notice") and t.strip()}
    if not notices:
        return Seen(MET, f"{ground.ancestor} has no notice file.", triggered=False, of_files=True)
    have = " ".join(plain(t) for t in case.papers.texts.values())
    missing = [f for f, t in notices.items() if any(plain(p) not in have for p in t.split("\n\n") if p.strip())]
    if not missing:
        return Seen(MET, f"The notices of {ground.ancestor} are kept.", evidence=tuple(notices), of_files=True)
    why = f"{missing[0]} of {ground.ancestor} is not kept whole."
    return Seen(UNMET, why, clears=clears, of_files=True)


def _changes(ground: Ground, obligation: Obligation, case: Case) -> Seen:
    """A statement that files were changed; a heuristic, so what is not found is not said to be missing."""
    if ground.own or (ground.kinds and all(kind in UNCHANGED for kind in ground.kinds)):
        return Seen(MET, "Nothing was changed that would have to be stated.", triggered=False)
    papers = case.papers
    for file, text in (*papers.texts.items(), (CARD, papers.card)):
        is_licence = any(d.file == file and d.licence for d in papers.detected)
        if not is_licence and (match := _CHANGED.search(text)):
            return Seen(MET, f'{file} says that it was changed ("{match[0]}").', evidence=(file,), of_files=True)
    clears = f"State in the card or in NOTICE that {ground.ancestor} was changed, and how."
    if papers.seen and not papers.card.strip() and not papers.texts:
        return Seen(UNMET, "There is neither a card nor a notice that says so.", clears=clears, of_files=True)
    on = ("that the files say that they were changed",)
    return Seen(CONDITIONAL, "No plain statement of a change was found.", on, clears, of_files=True)


def _policy(ground: Ground, obligation: Obligation, case: Case) -> Seen:
    """The use policy, passed on by the licence itself, by another of its line, by its clauses, or by a link to it."""
    papers, licence = case.papers, ground.licence
    found = papers.copy_of(licence) or papers.sibling_of(licence, case.known)
    if found is not None:
        return Seen(MET, f"{found.file} carries the restrictions.", evidence=(found.file,), of_files=True)
    marks = tuple(m for m in (licence.name, licence.series, licence.licensor, *licence.hub_ids) if m and m != "other")
    for file, text in (*papers.texts.items(), (CARD, papers.card)):
        named = any(plain(mark) in plain(text) for mark in marks)
        if named and _POLICY.search(text):
            return Seen(MET, f"{file} names the restrictions and whose they are.", evidence=(file,), of_files=True)
    why = f"No file passes on the use restrictions of the {licence.name}."
    clears = f"Put the restrictions of the {licence.name} into the terms of the model, and tell users of them."
    return Seen(UNMET, why, clears=clears, of_files=True)


def _own(judge: Judge) -> Judge:
    """A judge of the model's own licence: its maker is nobody's licensee, so it binds whoever passes the model on."""

    def judged(ground: Ground, obligation: Obligation, case: Case) -> Seen:
        seen = judge(ground, obligation, case)
        if not ground.own or seen.status is MET:
            return seen
        o = case.organisation
        if o is not None and o.distributes is False:
            return Seen(MET, "The model is not passed on.", evidence=("organisation: distributes",), triggered=False)
        if o is not None and o.distributes:
            return seen
        on = ("whether the model is passed on to others", *seen.on)
        return replace(seen, status=CONDITIONAL, on=on, triggered=None)

    return judged


_JUDGES: dict[str, Judge] = {
    DutyKind.INCLUDE_LICENCE.value: _own(_copy),
    DutyKind.RETAIN_COPYRIGHT.value: _own(_copyright),
    DutyKind.NOTICE_FILE.value: _own(_notice),
    DutyKind.STATE_CHANGES.value: _own(_changes),
    DutyKind.USE_POLICY.value: _own(_policy),
}
