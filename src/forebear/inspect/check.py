"""Every model that a repository names or holds: found, looked up or scanned, and decided on."""

from __future__ import annotations

import posixpath
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from forebear.catalogue import raise_finding
from forebear.errors import UsageError
from forebear.index import Index, open_index
from forebear.inspect.check_models import NAMES, Checked, Known, checked_names, checked_scans
from forebear.inspect.check_result import Check, unseen
from forebear.inspect.check_tracked import tracked_files
from forebear.inspect.discover import Discovery, Found, discover
from forebear.inspect.policy import Terms, load
from forebear.inspect.scan_set import ScanSet
from forebear.mentions import Kind, Mention, Role, search
from forebear.mentions.judge import WEIGHTS
from forebear.mentions.walk import Walk
from forebear.sources import offline
from forebear.sources.answers import FORBIDDEN
from forebear.types import Finding, counted

MAX_MODELS = 5_000
"""Different models that are looked up."""
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class Asked:
    """What is asked of a repository.

    Attributes:
        policies, organisation: see :class:`~forebear.inspect.policy.Terms`; no policy: no decision.
        everywhere: decide on models too that only tests, examples and documents name.
        ignored_too: look at what git ignores.
        hub: read headers, cards, licences and a few slices of models on the hub, by ranges, each at every revision
            that is asked for; otherwise nothing is fetched.
        effort: of scans of weights in the repository, and of the hub's.
        only: files to look at; None for all.
        without: files that are not read as text, as an earlier output.
        workers, fresh: of scans of weights in the repository; see :class:`~forebear.inspect.scan_set.ScanSet`.
    """

    policies: tuple[str, ...] = ()
    organisation: str = ""
    everywhere: bool = False
    ignored_too: bool = False
    hub: bool = False
    effort: str = "quick"
    only: Collection[str] | None = None
    workers: int | None = 1
    fresh: bool = False
    without: Collection[str] = ()


def check_repository(
    root: str,
    asked: Asked | None = None,
    index: Index | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> Check:
    """Find every model that a repository names or holds, and say what is known of each and what follows.

    Nothing in the repository is executed, links out of it are not followed, and nothing is fetched unless ``hub`` asks.

    Args:
        root: its folder.
        asked: what is asked; by default what is known of each model, and no decision.
        index: references; default the one in ``FOREBEAR_HOME``.
        on_step: told what is being done.

    Raises:
        UsageError: it is no folder, has too many files, there is no such policy, or the hub is to be read without a
            network.
        InputError: it, the index or a file of facts cannot be read.
    """
    begun = time.monotonic()
    asked = asked or Asked()
    if asked.hub and offline():
        raise UsageError(f"--hub: {FORBIDDEN}", "without it names are looked up in catalogue and index")
    loaded = load(Terms(asked.policies, asked.organisation)) if asked.policies else None
    references = index if index is not None else open_index()
    tracked, untold = tracked_files(root) if not asked.ignored_too else (frozenset[str](), "")
    found = search(root, asked.ignored_too, asked.only, on_step, tracked, asked.without)
    groups = grouped(found.mentions)
    cut = len(groups) > MAX_MODELS
    local, problems = _local(root, found.walk, asked.only)
    placed, groups = _placed(local, groups[:MAX_MODELS])
    known = Known(root, references, loaded, asked.hub, asked.effort)
    models = [
        *_scanned(root, local, placed, known, asked, on_step),
        *checked_names(groups, known, on_step),
    ]
    decided = [_decided(m, asked.everywhere) for m in models]
    return Check(
        root,
        tuple(sorted(decided, key=lambda m: (not m.counts, m.kind.value, m.name.lower()))),
        files=len(found.walk.files),
        read=found.read,
        complete=found.complete and not cut,
        policy=loaded.policy.ref if loaded is not None and loaded.policy is not None else None,
        skipped=found.skipped,
        notes=(untold,) if untold and found.walk.ignored else (),
        problems=(*found.walk.problems, *problems),
        unnamed=found.unnamed,
        unseen=tuple(map(unseen, found.unread)),
        outside=len(found.walk.outside),
        ignored=found.walk.ignored,
        seconds=time.monotonic() - begun,
    )


def grouped(mentions: Iterable[Mention]) -> list[tuple[Mention, ...]]:
    """Mentions of one name of one kind together, in order of the first."""
    found: dict[tuple[Kind, str], list[Mention]] = {}
    for mention in mentions:
        found.setdefault((mention.kind, mention.model.lower()), []).append(mention)
    return [tuple(group) for group in found.values()]


def _local(root: str, walked: Walk, only: Collection[str] | None) -> tuple[list[Found], list[str]]:
    """The models whose weights lie in the repository, and what kept others from being looked at."""
    folders = set(walked.folders)
    weights: dict[str, set[str]] = {}
    for entry in walked.files:
        if entry.path.lower().endswith(WEIGHTS) and (only is None or entry.path in only):
            weights.setdefault(posixpath.dirname(entry.path), set()).add(entry.path)
    if not weights:
        return [], []
    leading_out = {posixpath.dirname(path): path for path in walked.outside}
    enter = {folder for place in weights for folder in _above(place)} & folders
    discovery: Discovery = discover(root, enter=enter.__contains__)
    kept: list[Found] = []
    problems = [*discovery.problems]
    for model in discovery.models:
        place = "" if model.path == "." else model.path
        alone = model.path.lower().endswith(WEIGHTS)
        folder = posixpath.dirname(place) if alone else place
        if not (place in weights.get(folder, ()) if alone else folder in weights):
            continue  # ignored, unchanged, or a link
        if folder in leading_out:
            problems.append(f"{leading_out[folder]}: a link out of the repository; the model beside it was not read")
            continue
        kept.append(model)
    return kept, problems


def _above(folder: str) -> Iterator[str]:
    """A folder and all above it."""
    while folder:
        yield folder
        folder = posixpath.dirname(folder)


def _placed(
    local: Sequence[Found], groups: Sequence[tuple[Mention, ...]]
) -> tuple[dict[str, tuple[Mention, ...]], list[tuple[Mention, ...]]]:
    """Mentions of files that are models of the repository, by those; and all others."""
    by_path = {model.path: model.path for model in local}
    placed: dict[str, list[Mention]] = {}
    others: list[tuple[Mention, ...]] = []
    for group in groups:
        rest: list[Mention] = []
        for mention in group:
            at = (
                next((by_path[p] for p in _places(mention) if p in by_path), None)
                if mention.kind is Kind.FILE
                else None
            )
            if at is None:
                rest.append(mention)
            else:
                placed.setdefault(at, []).append(mention)
        if rest:
            others.append(tuple(rest))
    return {path: tuple(found) for path, found in placed.items()}, others


def _places(mention: Mention) -> Iterator[str]:
    """Paths from the root that a written path can mean: from the root, or from the file that it stands in."""
    for start in ("", posixpath.dirname(mention.path)):
        path = posixpath.normpath(posixpath.join(start, mention.model.removeprefix("/")))
        yield path
        yield posixpath.dirname(path) or "."


def _scanned(
    root: str,
    local: Sequence[Found],
    placed: dict[str, tuple[Mention, ...]],
    known: Known,
    asked: Asked,
    on_step: Callable[[str], None],
) -> Iterator[Checked]:
    """The models in the repository, scanned; answers of an earlier run are kept while nothing changes."""
    if not local:
        return
    discovery = Discovery(tuple(local), (), 0)
    whole = ScanSet(root, known.index, asked.effort, asked.workers, asked.fresh, discovery=discovery)
    try:
        for number, row in enumerate(whole, 1):
            on_step(f"{number} of {counted(len(local), 'model')} in the repository")
            yield from checked_scans(row, whole.document(row), placed.get(row.path, ()), known)
    finally:
        whole.close()


def _decided(model: Checked, everywhere: bool) -> Checked:
    """The model with the findings that its mentions raise, and whether it counts."""
    counts = everywhere or any(m.role is Role.CODE for m in model.mentions) or model.source == "scan"
    return replace(model, counts=counts, findings=(*model.findings, *_of_mentions(model)))


def _of_mentions(model: Checked) -> Iterator[Finding]:
    """What the places say: code of the hub run without a fixed commit, models that can change under the same name."""
    loose = [m for m in model.mentions if m.kind is Kind.HUB and not _COMMIT.fullmatch(m.revision)]
    run = [m for m in loose if m.remote_code]
    if run:
        places = tuple(f"{m.path}:{m.line}" for m in run[:10])
        yield raise_finding(
            "remote-code-unpinned",
            f"Code of {model.name} is run (trust_remote_code) without a fixed commit: whoever can push to the "
            "repository can run code here.",
            places,
        )
    code = [m for m in loose if m.role is Role.CODE]
    if code:
        places = tuple(f"{m.path}:{m.line}" for m in code[:10])
        said = "no revision is" if not any(m.revision for m in code) else "a revision that can move is"
        yield raise_finding("model-unpinned", f"{model.name} is loaded from the hub, and {said} asked for.", places)
    if model.source == "name" and model.kind in NAMES and not model.family:
        yield raise_finding(
            "model-unknown", f"{model.name} is in neither catalogue nor index: what it is was not told."
        )
