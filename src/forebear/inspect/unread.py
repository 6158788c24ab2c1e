"""A model of which only the papers can be read: a folder without weights, with pointers to them, or with damaged ones.

Card, config and licence files still say what the model declares, and what follows from that can be worked out. Nothing
is confirmed or contradicted: the weights were not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from forebear.artifacts.adapter import CONFIG as ADAPTER_CONFIG
from forebear.artifacts.adapter import Adapter, parse_config
from forebear.artifacts.documents import is_document, read_documents
from forebear.artifacts.read import CONFIG, read_config
from forebear.artifacts.text import load_json, read_whole
from forebear.errors import ForebearError, InputError
from forebear.index import Index
from forebear.inspect.cost import Meter
from forebear.inspect.judge import claims_of
from forebear.inspect.scan import Step
from forebear.inspect.scan import scan as scan_weights
from forebear.lineage.chains.scan import WEIGHTS
from forebear.signals.declared import declared_in
from forebear.sources import Metered, Source, open_source
from forebear.types import Coverage, ModelRef, Scan, Untested, Verdict

MAX_CONFIG = 1_000_000


def scanned(
    target: str,
    index: Index,
    effort: str,
    weights: bool,
    on_step: Step = lambda _: None,
    fetch: bool = True,
    activations: bool = False,
) -> Scan:
    """A scan for what follows from it, by the papers alone where the weights cannot be read.

    Args:
        target: what to scan.
        index: references.
        effort: of the scan.
        weights: hold the weights against the index. Otherwise only shape and claims are read, and weights that cannot
            be read are no problem.
        on_step: told what is being done.
        fetch, activations: see :func:`forebear.inspect.scan.scan`.

    Raises:
        UsageError: the target does not exist.
        InputError: neither weights nor papers can be read.
    """
    try:
        result = scan_weights(
            target, index, effort if weights else "quick", on_step, fetch=fetch and weights, activations=activations
        )
    except InputError as error:
        source = open_source(target)
        if not any(is_paper(file.path) for file in source.files()):
            raise
        return by_papers(source, str(error), weights)
    if weights:
        return result
    gap = Untested(WEIGHTS, "not asked for (--no-scan), so that only shape and claims were read")
    return replace(result, coverage=Coverage((), (gap, *result.coverage.not_tested)))


def is_paper(path: str) -> bool:
    """Whether a file is a card, a licence, a notice or a config."""
    return path in (CONFIG, ADAPTER_CONFIG) or is_document(path)


def by_papers(source: Source, unreadable: str, asked: bool) -> Scan:
    """The answer from card, config and licence files: every claim unverified, and why the weights were not seen.

    Args:
        source: where they lie.
        unreadable: why the weights could not be read.
        asked: they were to be read, so that this is a problem and no mere gap.
    """
    meter, metered = Meter(), Metered(source)
    meter.watch(metered)
    documents, problems = read_documents(metered)
    found = [*([unreadable] if asked else []), *problems]
    config: Mapping[str, Any] = {}
    adapter: Adapter | None = None
    here = {file.path for file in source.files()}
    try:
        if CONFIG in here:
            config = read_config(metered)
        if ADAPTER_CONFIG in here:
            adapter = parse_config(load_json(read_whole(metered, ADAPTER_CONFIG, MAX_CONFIG), ADAPTER_CONFIG))
    except ForebearError as error:
        found.append(str(error))
    said = declared_in(documents, config, adapter)
    return Scan(
        ModelRef(source.target, source.name),
        Verdict.INCONCLUSIVE,
        (),
        {"declared": said.licence or None, "files": list(said.licence_files)},
        None,
        claims_of(said, (), "quick"),
        (),
        0,
        Coverage((), (Untested(WEIGHTS, unreadable),)),
        meter.cost(),
        why="Only its papers were read: the weights could not be.",
        shape={"family": None, "parameters": None},
        problems=tuple(dict.fromkeys(found)),
    )
