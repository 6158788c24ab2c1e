"""Every model below a folder or of a hub's list: found first, then scanned on all cores, each answer kept at once."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

from forebear.errors import ForebearError, InputError
from forebear.index import Index, open_index
from forebear.inspect.crew import cores, in_order
from forebear.inspect.discover import Discovery, Found, discover, stamp
from forebear.inspect.kept import Kept, key_of
from forebear.inspect.scan import scan
from forebear.lineage.evalues import discoveries, log10_e
from forebear.types import Finding, Json, Level, Test, Verdict

FEW = 4
"""Models per process: starting one costs as much as scanning about so many small ones."""


@dataclass(frozen=True)
class Row:
    """One model of a set: the facts that a table has room for. The whole answer is :meth:`ScanSet.document`.

    Attributes:
        path: relative to the root, ``/`` between parts.
        about: the file, relative to the root, that findings point to.
        name: as the scan names the model; the last part of the path where it could not be read.
        verdict: None where the model could not be read, with ``problems`` saying why.
        closest: name of the nearest related reference, or "".
        related: see :attr:`forebear.types.Scan.related`.
        log10_p: of the nearest reference, floored.
        log10_e: of the nearest reference, as the answer has it; None where no exact test stands behind it.
        ancestors: verdict by name of every related reference.
        findings: as of the scan.
        problems: what could not be read, one line each.
        seconds: wall time of the scan.
        kept: whether the answer is one of an earlier run.
    """

    path: str
    about: str
    name: str
    verdict: Verdict | None = None
    closest: str = ""
    related: bool | None = None
    log10_p: float | None = None
    ancestors: Mapping[str, Verdict] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    problems: tuple[str, ...] = ()
    seconds: float = 0.0
    kept: bool = False
    log10_e: float | None = None

    @property
    def best(self) -> Verdict:
        """The verdict on the nearest reference: what ``--expect`` is held against."""
        return next(iter(self.ancestors.values()), Verdict.INCONCLUSIVE)

    @property
    def worst(self) -> Finding | None:
        """The gravest finding; of equals the first."""
        return max(self.findings, key=lambda f: f.level.rank, default=None)


def row_of(found: Found, document: Json, kept: bool = False) -> Row:
    """The row of a ``forebear.scan/1`` document; ``KeyError``, ``TypeError`` or ``ValueError`` if it is none."""
    ancestors = document["ancestors"]
    return Row(
        found.path,
        found.about,
        str(document["model"]["name"]),
        Verdict(document["verdict"]),
        str(ancestors[0]["name"]) if ancestors else "",
        document["related"],
        document["log10_p"],
        {str(a["name"]): Verdict(a["verdict"]) for a in ancestors},
        tuple(
            Finding(f["id"], Level(f["level"]), f["message"], tuple(f["evidence"]), f["clears"])
            for f in document["findings"]
        ),
        tuple(map(str, document["problems"])),
        float(document["cost"]["seconds"]),
        kept,
        _exact(ancestors[0]) if ancestors else None,
    )


def _exact(ancestor: Json) -> float | None:
    """The E-value of an ancestor that an exact test stands behind."""
    exact = any(e["test"] == Test.EXACT.value and e["supports"] == "related" for e in ancestor["evidence"])
    return float(ancestor["log10_e"]) if exact and ancestor["log10_e"] is not None else None


def remaining(rows: Sequence[Row], models: int) -> frozenset[str]:
    """Paths of the models whose dependence on some reference remains at a false discovery rate of 1 %, by e-BH.

    Of every model the p-value of its nearest reference counts, times the references that were searched; models without
    an established reference, and those that could not be read, count as tested.

    Args:
        rows: those that are done.
        models: all that were to be scanned.
    """
    exact = [(r.path, r.log10_e) for r in rows if r.log10_e is not None]
    values = [log10_e(min(0.0, e)) for _, e in exact]
    kept = discoveries(values, max(models, len(values)))
    return frozenset(path for (path, _), there in zip(exact, kept, strict=True) if there)


def unread(found: Found, problem: str) -> Row:
    """The row of a model that could not be read; its path says where, so the reason need not."""
    why = problem.removeprefix(f"{found.target}: ")
    path = os.path.abspath(found.target) if found.path == "." else found.path
    return Row(found.path, found.about, os.path.basename(path), problems=(why,))


@dataclass(frozen=True)
class _Task:
    """What a worker is told: plain values, so that they can be sent."""

    found: Found
    effort: str
    index: str
    key: str
    activations: bool


class ScanSet:
    """All models below a folder, or of a hub's list. Iterating scans them, in order of their paths.

    Args:
        root: the folder, or what is listed, as the user wrote it.
        index: references; default the one in ``FOREBEAR_HOME``.
        effort: see :func:`forebear.compare`.
        workers: processes; None for one per core, as far as there is work for them. More than one only in a program
            that can be imported anew, as :mod:`multiprocessing` asks.
        fresh: scan again what an earlier run has answered.
        activations: run the models as well; see :func:`forebear.scan`.
        discovery: the models, where somebody has looked already; answers are then kept apart from those on all models
            of the folder.

    Attributes:
        models: what was found.
        problems: folders that could not be looked into, or where the listing broke off.
        repeats, listed_at: see :class:`~forebear.inspect.discover.Discovery`.

    Raises:
        UsageError: the root is no folder, or too many lie below it.
        InputError: it, or the index, cannot be read, or there is no model.
    """

    def __init__(
        self,
        root: str,
        index: Index | None = None,
        effort: str = "standard",
        workers: int | None = 1,
        fresh: bool = False,
        activations: bool = False,
        discovery: Discovery | None = None,
    ) -> None:
        self._index = index if index is not None else open_index()
        found = discover(root) if discovery is None else discovery
        if not found.models:
            raise InputError("; ".join((f"{root}: no model in it or below", *found.problems[:2])), "is it the folder?")
        self.root, self.models, self.repeats, self.listed_at = root, found.models, found.repeats, found.listed_at
        self._effort, self._activations = effort, activations
        self._workers = workers or min(cores(), -(-len(found.models) // FEW))
        self._state = self._index.state()
        self._keys = {m.path: self._key(m) for m in found.models}
        whose = root if discovery is None else os.path.join(root, "some of its models")
        self._kept = Kept(found.listed_at or os.path.realpath(whose), set(self._keys.values()), fresh)
        self.problems = found.problems

    @property
    def notice(self) -> str:
        """Why answers are not kept for a later run; empty where they are."""
        return self._kept.problem

    def __iter__(self) -> Generator[Row, None, None]:
        known: dict[str, Row] = {}
        for found in self.models:
            if (row := self._known(found)) is not None:
                known[found.path] = row
        tasks = (
            _Task(m, self._effort, self._index.address, self._keys[m.path], self._activations)
            for m in self.models
            if m.path not in known
        )
        answers = in_order(_answer, tasks, self._workers, _died)
        try:
            for found in self.models:
                yield known[found.path] if found.path in known else self._row(found, next(answers))
        finally:
            answers.close()

    def document(self, row: Row) -> Json | None:
        """The ``forebear.scan/1`` document behind a row; None where the model could not be read."""
        return self._kept.get(self._keys[row.path]) if row.verdict is not None else None

    def close(self) -> None:
        """Let go of the file of answers, which stays for the next run."""
        self._kept.close()

    def _key(self, found: Found) -> str:
        """An answer holds for this model in this state, for what is asked of it, against this index."""
        asked = [self._effort, *(["activations"] if self._activations else [])]
        try:
            state = self.listed_at if found.pinned else stamp(found.target)
            return key_of("forebear.scan/1", found.target, *asked, self._state, state)
        except ForebearError:
            return key_of(found.path, time.time_ns())

    def _known(self, found: Found) -> Row | None:
        try:
            document = self._kept.get(self._keys[found.path])
            return None if document is None else row_of(found, document, kept=True)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):  # somebody edited the file
            return None

    def _row(self, found: Found, answer: Json | str) -> Row:
        if isinstance(answer, str):
            return unread(found, answer)
        if self._key(found) != self._keys[found.path]:  # changed meanwhile: true of neither state
            self._keys[found.path] = key_of(found.path, time.time_ns())
        self._kept.put(self._keys[found.path], answer)
        return row_of(found, answer)


def _answer(task: _Task) -> Json | str:
    """The document of one model, or the line that says why there is none. Runs in a worker."""
    try:
        index = open_index(task.index)
        return scan(task.found.target, index, task.effort, fetch=False, activations=task.activations).to_json()
    except ForebearError as error:
        return str(error)
    except MemoryError:
        return f"{task.found.target}: not enough memory for this input"
    except Exception as error:  # a bug of ours that one model brings to light must not cost the others
        return f"{task.found.target}: {type(error).__name__} in Forebear itself ({error}); please report it"


def _died(task: _Task) -> str:
    return f"{task.found.target}: the process that read it was killed; was there enough memory?"
