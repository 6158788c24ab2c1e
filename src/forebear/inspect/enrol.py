"""Measuring models for keeping: fingerprints, and references for the index."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from forebear.artifacts import Artifact, read_artifact
from forebear.errors import InputError, UsageError, one_line
from forebear.index import Index, Provenance
from forebear.inspect.activations import measured
from forebear.inspect.cost import Meter, light_first
from forebear.inspect.judge import FEWEST_COINS
from forebear.signals import Fingerprint
from forebear.signals import fingerprint as measure
from forebear.signals.content import content_digest
from forebear.signals.declared import Declared
from forebear.signals.fingerprint import sketched
from forebear.signals.sign_code import light_code
from forebear.sources import open_source
from forebear.types import Cost, Untested, created
from forebear.version import __version__

Step = Callable[[str], None]

MOST_IDENTITY = 200
"""Characters of ``FOREBEAR_IDENTITY`` that are kept."""


class Unfit(InputError):
    """A model that was read, and has too few coins to be found by."""


@dataclass(frozen=True)
class Measured:
    """A model that can be added: its fingerprint, where it was read, and what could not be read or measured of it.

    ``third_party`` is the plugin that said where its values lie, "" for a reader of Forebear's own.
    """

    fingerprint: Fingerprint
    location: str
    problems: tuple[str, ...]
    cost: Cost
    gaps: tuple[Untested, ...] = ()
    third_party: str = ""


@dataclass(frozen=True)
class Enrolled:
    """What became of one model that was to be added; ``gaps`` are what could not be measured of it."""

    fingerprint: Fingerprint
    added: bool
    problems: tuple[str, ...]
    cost: Cost
    gaps: tuple[Untested, ...] = ()


@dataclass(frozen=True)
class Private:
    """That a model is guarded: its codes and its shape are kept, and nothing else that was read of it.

    Attributes:
        sketches: keep the sketches that outlast a change of coordinates too; more can be learnt from them.
    """

    sketches: bool = False

    def mark(self, mark: Fingerprint) -> Fingerprint:
        """What of a fingerprint is kept."""
        kept = replace(mark, target="", vocabulary=None, declared=Declared(), content=None)
        return kept if self.sketches else replace(kept, spectra=None, tokens=None, activations=None)


def fingerprint(
    target: str, name: str | None = None, effort: str = "standard", on_step: Step = lambda _: None
) -> Fingerprint:
    """Measure a model; ``effort="deep"`` reads all of it for ``content/1``.

    Raises:
        UsageError: the target does not exist.
        InputError: it cannot be read.
    """
    return _measure(target, name, effort, on_step)[1]


def enrol(
    target: str,
    index: Index,
    name: str | None = None,
    effort: str = "standard",
    replace_: bool = False,
    on_step: Step = lambda _: None,
    activations: bool = False,
    private: Private | None = None,
) -> Enrolled:
    """Measure a model and add it to the index as a reference.

    Of a local model, unless the effort is ``quick``, the sketches that outlast a change of coordinates are kept too;
    that of ``activations`` only where it is asked for, because it takes running the model.

    With ``private`` codes and shape are kept alone. A private entry does not become an open one by adding it again.

    Raises:
        UsageError: the target does not exist, or the name is taken by another model, or by a private one.
        InputError: it cannot be read, or has too few coins to be found by.
    """
    sketches = private is None or private.sketches
    found = reference(target, name, effort, on_step, activations, sketches)
    mark, location = found.fingerprint, found.location
    have = index.get(mark.name)
    if have is not None and not private and not replace_ and have.provenance is not None and have.provenance.private:
        raise UsageError(f"{mark.name} is kept as a private model", "--private keeps it so, --replace opens it")
    provenance = provenance_of(mark, location)
    if private is not None:
        mark, location = private.mark(mark), ""
        provenance = replace(provenance, revision="", private=True)
        # the same model, kept openly until now: what was kept of it beside the code has to go
        replace_ = replace_ or (have is not None and have.fingerprint.digest == mark.digest)
    added = index.add(mark, location, replace_, provenance)
    return Enrolled(mark, added, found.problems, found.cost, found.gaps)


def reference(
    target: str,
    name: str | None = None,
    effort: str = "standard",
    on_step: Step = lambda _: None,
    activations: bool = False,
    sketches: bool = True,
) -> Measured:
    """Measure a model as :func:`enrol` does, for an index that somebody else adds it to; raises as that does."""
    artifact, mark, location, meter = _measure(target, name, effort, on_step)
    if max(code.n for code in (mark.code, *(tower.code for tower in mark.towers))) < FEWEST_COINS:
        raise Unfit(
            f"{target}: {mark.code.n} sign coins, too few for a reference",
            "its architecture is not known to this version, or it is very small, or an adapter: add its base model",
        )
    if artifact.source.traffic is None and effort != "quick" and sketches:
        on_step(f"sketching {artifact.name}")
        mark = sketched(mark, artifact)
    gaps: tuple[Untested, ...] = ()
    if activations:
        found = measured(artifact, mark, effort, on_step)
        mark, gaps = found.mark, found.gaps
    return Measured(mark, location, artifact.problems, meter.cost(), gaps, artifact.weights.third_party)


def provenance_of(mark: Fingerprint, location: str) -> Provenance:
    """Who measured a model just now, from which revision, with which version."""
    revision = location.rsplit("@", 1)[1] if location.startswith("hf:") and "@" in location else ""
    by = one_line(os.environ.get("FOREBEAR_IDENTITY", ""))[:MOST_IDENTITY]
    return Provenance(by, __version__, revision, created(), "light" if light_code(mark.code) else "whole")


def _measure(target: str, name: str | None, effort: str, on_step: Step) -> tuple[Artifact, Fingerprint, str, Meter]:
    meter = Meter()
    on_step(f"reading {target}")
    source = open_source(target)
    artifact = read_artifact(source)
    meter.watch(artifact.source)
    mark = measure(artifact, name, light=light_first(artifact, effort))
    if effort == "deep":
        on_step(f"hashing {artifact.name}")
        mark = replace(mark, content=content_digest(artifact))
    return artifact, mark, source.location, meter
