"""What every report ends with: what was not checked, what it cost, and how to get it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from forebear.errors import one_line
from forebear.report.html.blocks import folded, listing, paragraph
from forebear.report.html.models import scans
from forebear.report.html.saved import Saved, count, line, number, objects, part, text, texts
from forebear.report.markup import Html, element, joined
from forebear.report.words import cost as cost_words
from forebear.report.words import without_secrets
from forebear.types import Cost

WITHOUT_TARGETS = frozenset({"demo"})
MOST_COMMAND = 8_000
"""Characters of a command that is shown; that of a tree names every model."""
BY_A_SERVICE = (
    "A service drew this from the codes of the references in its index: its page Family tree, or POST "
    "/api/v1/jobs/family, draws it again. forebear tree reads models, and would have to be given theirs."
)


def unchecked(saved: Saved) -> Html | None:
    """Gaps, each with its reason, and everything that could not be read."""
    document = saved.document
    gaps = [*objects(part(document, "coverage"), "not_tested"), *objects(document, "not_tested")]
    said = [f"{line(g, 'what', 200)}: {line(g, 'why')}" for g in gaps]
    said += [*texts(document, "not_checked"), *texts(part(document, "policy"), "not_checked")]
    said += [f"Could not be read: {problem}" for problem in texts(document, "problems")]
    for name, scan, error in scans(document):
        said += [f"{one_line(name, 120)} could not be read: {error}"] if error and not scan else []
    if (skipped := len(texts(document, "skipped"))) > 0:
        said.append(f"JSON files that are neither results nor bills of materials: {skipped:,}.")
    tested = texts(part(document, "coverage"), "tested")
    done = folded("What was tested", listing(tested))
    items = listing(dict.fromkeys(said))
    return joined([items, done]) if items or done else None


def cost(saved: Saved) -> Html | None:
    """Bytes, time and memory."""
    found = part(saved.document, "cost")
    if not found:
        return None
    value = Cost(
        count(found, "bytes_read"),
        count(found, "requests"),
        number(found, "seconds") or 0.0,
        count(found, "peak_memory_bytes"),
    )
    return paragraph(f"{cost_words(value)}.")


def again(saved: Saved) -> Html | None:
    """The command, versions, digests, and what the references were."""
    document = saved.document
    command = saved.how.command or _command(saved)
    out: list[Html | None] = []
    if _of_an_index(saved):
        out.append(paragraph(BY_A_SERVICE))
    elif saved.how.options is not None:
        said = "This asks the same again, where the files and the references are the same:"
        out.append(paragraph(said if command else "The document does not name what was asked about."))
    elif not saved.how.command:
        said = " With the options that are the default, this asks the same again:" if command else ""
        out.append(paragraph(f"The document does not hold the command line.{said}"))
    if command:
        out.append(element("pre", element("code", command)))
    tested = count(document, "references_tested")
    lines = [f"{name}: {digest}." for name, digest in _digests(saved)]
    if saved.how.index:
        lines.append(f"References: {saved.how.index}.")
    if tested:
        many = "1 reference of the index was" if tested == 1 else f"{tested:,} references of the index were"
        lines.append(f"{many} compared; another index may give another answer.")
    version, created = line(document, "forebear_version", 40), line(document, "created", 40)
    lines.append(f"Made by Forebear {version} on {created}; document {line(document, 'schema', 60)}.")
    return joined([*out, listing(lines)])


def _digests(saved: Saved) -> Iterator[tuple[str, str]]:
    """What was read, each with its digest."""
    document = saved.document
    for key in ("model", "a", "b"):
        one = part(document, key) or part(part(document, "input"), key)
        if digest := line(one, "digest", 130):
            yield f"Weights that were read of {line(one, 'name', 120)}", digest
    found = objects(document, "ancestors")[:10]
    yield from ((f"Reference {line(a, 'name', 120)}", d) for a in found if (d := line(a, "digest", 130)))
    if saved.kind == "bom verify" and (digest := line(document, "digest", 130)):
        yield f"Bill of materials {line(document, 'bom', 160)}", f"SHA-256 {digest}"
    if digest := line(part(saved.policy, "policy"), "digest", 130):
        yield f"Policy {line(part(saved.policy, 'policy'), 'name', 120)}", f"SHA-256 {digest}"
    yield from saved.how.digests


def _command(saved: Saved) -> str:
    """The command that asks the same, from the targets that the document names; "" where it names none."""
    document = saved.document
    targets = _targets(saved.kind, document)
    if not targets and saved.kind not in WITHOUT_TARGETS:
        return ""
    if any(not t.isprintable() or len(t) > 1_000 for t in targets):
        return ""
    policy = line(part(saved.policy, "policy"), "name", 120)
    more = saved.how.options if saved.how.options is not None else ("--policy", policy) if policy else ()
    said = without_secrets(shlex.join(["forebear", *saved.kind.split(), *targets, *more]))
    return said if len(said) <= MOST_COMMAND else ""


def _of_an_index(saved: Saved) -> bool:
    """Whether it is a tree of references, which a service draws from their codes: they are named, and no target is."""
    members = objects(saved.document, "members")
    return saved.kind == "tree" and bool(members) and not any(text(m, "target") or m.get("ghost") for m in members)


def _targets(kind: str, document: Mapping[str, Any]) -> list[str]:
    if kind == "compare":
        found = [text(part(document, key), "target") for key in ("a", "b")]
    elif kind == "tree":
        found = list(dict.fromkeys(t for m in objects(document, "members") if (t := text(m, "target"))))
    elif kind == "bom verify":
        found = [text(document, "bom"), *([text(document, "target")] if text(document, "target") else [])]
    elif kind == "policy check":
        found = [text(part(part(document, "input"), "model"), "target")]
    elif kind == "scan -r":
        found = [text(document, "target")]
    elif kind == "bom verify -r":
        found = [text(document, "folder")]
    elif kind == "scan":
        found = [text(part(document, "model"), "target")]
    else:
        return []
    return found if all(found) else []
