"""What a repository's licence files were at earlier revisions: deleted, exchanged, or changed in place.

The hub lists commits (``GET /api/models/{id}/commits/{revision}``), newest first; of each, the hashes of licence files
are compared, and texts are read only where a hash changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from forebear.artifacts.documents import Documents, is_document, read_documents
from forebear.catalogue import raise_finding
from forebear.catalogue.licences import KnownLicence
from forebear.errors import one_line
from forebear.licences.declared import Names, declared, meanings, names_of
from forebear.licences.papers import Detect
from forebear.sources import Metered
from forebear.sources.hub import HubSource
from forebear.types import Finding

MAX_COMMITS = 50
MAX_READ = 12
"""Revisions whose texts are read."""


@dataclass(frozen=True)
class Past:
    """The papers of one revision.

    Attributes:
        commit: which.
        documents: its card and licence files.
    """

    commit: str
    documents: Documents = field(default_factory=Documents)


def read_past(source: HubSource) -> tuple[tuple[Past, ...], str]:
    """Revisions at which the papers changed, newest first, the present one included; and why they are not all.

    Raises:
        InputError: the hub does not list its commits.
    """
    commits, more = source.commits(MAX_COMMITS)
    found: list[Past] = []
    before: Mapping[str, str] | None = None
    for commit in commits:
        revision = source.at(commit)
        papers = {path: oid for path, oid in revision.hashes.items() if is_document(path)}
        if papers == before:
            continue
        if len(found) == MAX_READ:
            return tuple(found), f"Of its earlier revisions the {MAX_READ} newest that change a paper were read."
        documents, _ = read_documents(Metered(revision))
        found.append(Past(commit, documents))
        before = papers
    return tuple(found), f"Of its revisions the {MAX_COMMITS} newest were looked at." if more else ""


def changed(past: tuple[Past, ...], detect: Detect | None, known: Mapping[str, KnownLicence]) -> tuple[Finding, ...]:
    """Findings about licences that earlier revisions had and the present one has not.

    Args:
        past: newest first.
        detect: which licence a text is.
        known: the catalogue.
    """
    if len(past) < 2:
        return ()
    names = names_of(known)
    now, *earlier = past
    out: list[Finding] = []
    told: set[tuple[str, str]] = set()
    for one in earlier:
        for kind, was, where in _licences(one.documents, names, detect, known):
            present = {licence for k, licence, _ in _licences(now.documents, names, detect, known) if k == kind}
            if was in present or (kind, was) in told:
                continue
            told.add((kind, was))
            name = known[was].name
            if kind == "label":
                stated = ", ".join(sorted(present)) or "no licence that is known"
                message = f"Its card stated {name} at revision {one.commit[:12]}; now it states {stated}."
                out.append(raise_finding("licence-relabelled", message, (f"{where}@{one.commit}",), clears=_CLEARS))
            else:
                instead = f"; the files now hold {', '.join(sorted(present))}" if present else ""
                message = f"{where} was the {name} at revision {one.commit[:12]} and is no longer there{instead}."
                out.append(raise_finding("licence-notice-missing", message, (f"{where}@{one.commit}",), clears=_CLEARS))
    return tuple(out)


_CLEARS = "Nothing, if the licensor made the change; what was received under the earlier terms stays under them."


def _licences(
    documents: Documents, names: Names, detect: Detect | None, known: Mapping[str, KnownLicence]
) -> Iterable[tuple[str, str, str]]:
    """(``label`` or ``text``, licence, file) of one revision."""
    for one in declared(documents, {}, {}, names):
        for licence in meanings(one):
            yield "label", licence, one_line(one.where, 80)
    for file, text in sorted(documents.licences.items()) if detect else ():
        for found in detect(text, file) if detect and text.strip() else ():
            if found.licence is not None and found.licence in known:
                yield "text", found.licence, one_line(file, 80)
