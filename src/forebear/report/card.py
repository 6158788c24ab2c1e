"""A section of a model card to paste: what a saved scan established about where the model comes from.

The header's keys come first (:mod:`forebear.report.card_header`). The section says in words what is established and
what is not, and holds nothing of the machine that scanned but its command without folders.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from forebear.catalogue.licences import title_of
from forebear.errors import one_line
from forebear.lineage.chain import Chain
from forebear.lineage.chains import chain_of
from forebear.lineage.chains.measured import papers_of
from forebear.report.card_header import MOST, header
from forebear.report.html.saved import Saved, count, line, log_p, number, objects, part, text, texts
from forebear.report.html.verdict import answer
from forebear.report.markdown import escape
from forebear.report.page.words import STANDINGS, duty
from forebear.report.words import p_value, without_secrets
from forebear.sources.hub import is_hub
from forebear.types import Verdict

KIND = "forebear.scan/1"
"""The only document that a card is written of."""
_MARKS = re.compile(r"[$~]")
_TEXT = 400


def card(document: Mapping[str, Any]) -> str:
    """The section as Markdown, with the header's keys before it.

    Args:
        document: a scan as its schema wants it; texts in it are escaped, whoever wrote them.

    Raises:
        InputError: a scan that makes no chain.
        FormatError: the user's overlay of the catalogue is wrong.
    """
    chain, papers = chain_of(document), papers_of(document.get("claims"))
    out = [header(document, chain, papers).block(), "## Lineage, as verified by Forebear\n"]
    found = answer(Saved(document))
    out.append(f"**{_said(found.word)}** (`{text(document, 'verdict')}`). {_said(found.sentence, 1_200)}\n")
    if rows := list(_rows(document, chain)):
        out.append("\n".join(("| reference | descent from it | relation | p |", "| --- | --- | --- | --- |", *rows)))
        out.append(
            "\np is how often independently initialised weights would agree as much. It covers neither the relation "
            "nor which model came first.\n"
        )
    for title, lines in (
        ("Not settled", _open(document, chain)),
        ("Licences and duties", _licences(part(document, "licence"))),
        ("How to reproduce", _again(document, chain)),
    ):
        if items := list(dict.fromkeys(lines)):
            more = [f"- and {len(items) - 2 * MOST:,} more, in the result"] if len(items) > 2 * MOST else []
            out.append("\n".join((f"### {title}\n", *(f"- {item}" for item in items[: 2 * MOST]), *more)) + "\n")
    return "\n".join(out)


def _rows(document: Mapping[str, Any], chain: Chain) -> Iterator[str]:
    edges = {e.parent: e for e in chain.edges if e.child == chain.subject.name}
    for found in objects(document, "ancestors")[:MOST]:
        name, edge = text(found, "name"), edges.get(text(found, "name"))
        relation = part(found, "relation")
        higher = "an ancestor of an ancestor" if any(n.name == name for n in chain.nodes) else "not established"
        standing = STANDINGS[edge.standing] if edge is not None else higher
        if text(relation, "direction") == "b_to_a":
            standing = "no: it is the later one"
        elif edge is not None and edge.component:
            standing = f"a part only: {edge.component}"
        details = part(relation, "details")
        undone = ", ".join(texts(details, "undone", 80)) if text(relation, "kind") == "obfuscated" else ""
        ways = [*([f"scrambled: {undone}"] if undone else []), *texts(details, "in_words", 160)]
        how = "; ".join(ways) or text(relation, "kind").replace("_", " ")
        cells = (_said(name, 160), _said(standing), _said(how), p_value(log_p(found)))
        yield f"| {' | '.join(cells)} |"


def _open(document: Mapping[str, Any], chain: Chain) -> Iterator[str]:
    """What a reader must not take for settled."""
    for found in objects(document, "ancestors")[:MOST]:
        name, relation = _said(text(found, "name"), 160), part(found, "relation")
        if text(found, "verdict") == Verdict.SAME_INIT_OR_DERIVED:
            yield f"Whether it descends from {name} or only shares its random start."
        elif text(relation, "direction") == "unknown":
            yield f"Direction: which of this model and {name} came first."
        sure = number(relation, "confidence")
        if text(relation, "kind") not in ("unknown", "identical"):
            record = f" (confidence {sure:.2f})" if sure is not None else ""
            yield f"Relation with {name}: an estimate{record}."
    for claim in objects(document, "claims"):
        if text(claim, "status") != "confirmed":
            said = _said(text(claim, "claim"), 200), text(claim, "status"), _said(text(claim, "why"))
            yield "Claim “{}”: {}; {}.".format(*said)
        elif text(claim, "claim").startswith("base model: "):
            yield f"Claim “{_said(text(claim, 'claim'), 200)}”: {_said(text(claim, 'why'))}."
    for finding in objects(document, "findings"):
        if text(finding, "level") != "note":
            yield f"{text(finding, 'level').capitalize()} `{text(finding, 'id')}`: {_said(text(finding, 'message'))}"
    for gap in objects(part(document, "coverage"), "not_tested"):
        yield f"Not tested: {_said(text(gap, 'what'), 200)}: {_said(text(gap, 'why'))}."
    if problems := texts(document, "problems"):  # their words hold paths of the machine that scanned
        yield f"Could not be read: {len(problems):,} of the inputs; the result names them."
    if not count(document, "references_tested"):
        yield "No reference could be compared with its weights."


def _licences(licence: Mapping[str, Any]) -> Iterator[str]:
    declared = line(licence, "declared", 200)
    yield f"Its papers state {_said(title_of(declared))}." if declared else "Its papers state no licence."
    for one in objects(licence, "inherited")[:MOST]:
        title = title_of(text(one, "licence")) if text(one, "licence") else "a licence that is not known"
        standing = _said(text(one, "standing"), 40)
        yield f"With {_said(text(one, 'ancestor'), 160)} comes {_said(title)} (descent: {standing})."
    counts = part(licence, "duties")
    unmet, open_, met = (count(counts, key) for key in ("unmet", "conditional", "met"))
    yield (
        f"Duties: {unmet:,} not met, {open_:,} open, {met:,} met. Open ones depend on facts that a scan does not have: "
        "forebear licence."
    )
    for one in objects(licence, "unmet"):
        what = duty(line(one, "kind", 60), "")
        yield f"Not met, from {_said(text(one, 'ancestor'), 160)}: {_said(what)}. {_said(text(one, 'why'))}"
    for one in objects(licence, "conflicts"):
        yield f"Conflict ({_said(text(one, 'standing'))}): {_said(text(one, 'why'))}"


def _again(document: Mapping[str, Any], chain: Chain) -> Iterator[str]:
    model = part(document, "model")
    target, version = _target(text(model, "target")), _said(text(document, "forebear_version"), 40)
    command = shlex.join(["forebear", "scan", target])
    yield f"Command: {_said(command, 1_000)} (Forebear {version})."
    yield f"Weights that were read: {_said(text(model, 'digest'), 130) or 'no digest'}."
    pinned = target.partition("@")[2] if is_hub(target) else ""
    revision = chain.subject.revision or pinned
    yield f"Revision: {_said(revision, 130) if revision else 'not held by the result; the digest stands for it'}."
    for found in objects(document, "ancestors")[:MOST]:
        if digest := text(found, "digest"):
            yield f"Reference {_said(text(found, 'name'), 160)}: {_said(digest, 130)}."
    tested = count(document, "references_tested")
    yield f"References compared: {tested:,}; another index may give another answer."
    yield f"Date: {_said(text(document, 'created')[:10], 10)}."


def _target(target: str) -> str:
    """What was scanned, without secrets, and without the folders of the machine that it lay on."""
    if is_hub(target):
        return target
    if re.match(r"(?:(?:https?|s3|gs|gcs)://|(?:ollama|index|hf):)", target):
        return one_line(without_secrets(target), 1_000)
    return "./" + (one_line(re.split(r"[/\\]", target.rstrip("/\\"))[-1], 200) or "model")


def _said(content: str, most: int = _TEXT) -> str:
    """A stranger's text that is no markup, no link and no entity in Markdown as the hub and GitHub read it."""
    return _MARKS.sub(lambda found: f"\\{found[0]}", escape(one_line(content, most)))
