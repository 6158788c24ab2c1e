"""Decisions on a model, or on a folder of documents, by written rules."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

from forebear.errors import ForebearError, FormatError, InputError, UsageError, one_line
from forebear.index import Index
from forebear.inspect.consequences import Consequences, Signature, Step, consequences, follow
from forebear.inspect.crew import cores, in_order
from forebear.inspect.licence import Lineage, each_in, is_document, read_document
from forebear.licences.organisation import Organisation
from forebear.licences.organisation_file import read_organisation
from forebear.lineage.chain import Chain, Node
from forebear.lineage.chains import READERS
from forebear.policy.answer import Decision, PolicyAnswer, PolicyRef
from forebear.policy.answers import Answers, check_answers, read_answers, told
from forebear.policy.check import check
from forebear.policy.expression import PLACEHOLDER
from forebear.policy.input import Told, policy_input
from forebear.policy.load import combine, load_policy, packs
from forebear.policy.rules import Policy
from forebear.policy.waivers import Waiver, read_waivers
from forebear.types import Claim, Json, head, to_json

BATCH = 50
"""Documents that a process takes at once."""
MOST_DOCUMENTS = 1_000_000
REGO = ".rego"
OF_A_BILL = ("bomFormat", "spdxVersion", "SPDXID")
"""Keys of bills of materials, those of SPDX 2 too."""


@dataclass(frozen=True)
class Terms:
    """What a decision is made by.

    Attributes:
        policies: names of packs, files with policies, files in Rego.
        organisation, waivers, answers: files, "" for none.
    """

    policies: tuple[str, ...]
    organisation: str = ""
    waivers: str = ""
    answers: str = ""


@dataclass(frozen=True)
class Loaded:
    """The same, read.

    Attributes:
        policy: the rules of all packs and files, None where there is only Rego.
        rego: files in Rego.
        organisation, waivers, answers: what the files hold.
    """

    policy: Policy | None
    rego: tuple[str, ...]
    organisation: Organisation | None
    waivers: tuple[Waiver, ...]
    answers: Answers | None


def load(terms: Terms) -> Loaded:
    """Everything that decisions share.

    Raises:
        UsageError: no policy is named, or there is none of that name.
        FormatError: a file is wrong.
    """
    if not terms.policies:
        raise UsageError("no policy is named", "give --policy with the name of a pack, or a file")
    rego = tuple(p for p in terms.policies if p.endswith(REGO))
    names = [p for p in terms.policies if not p.endswith(REGO)]
    return Loaded(
        combine([_filled_in(load_policy(name), name) for name in names]) if names else None,
        rego,
        read_organisation(terms.organisation) if terms.organisation else None,
        read_waivers(terms.waivers) if terms.waivers else (),
        read_answers(terms.answers) if terms.answers else None,
    )


def _filled_in(policy: Policy, given: str) -> Policy:
    """The policy, unless one of its lists is still to be filled in: its rules could never hold, and all would pass."""
    for name, values in policy.lists.items():
        if left := next((v for v in values if v.startswith(PLACEHOLDER)), ""):
            said = f"its list {name} still holds {left}, so that its rules could never hold"
            if given not in packs():
                raise FormatError(given, said, f"write lists: {{{name}: […]}} with your own")
            raise UsageError(
                f"--policy {given}: {said}", f"write a policy with extends: [{given}] and lists: {{{name}: […]}}"
            )
    return policy


def check_policy(
    target: str,
    policy: str | Sequence[str] = "baseline",
    organisation: str = "",
    waivers: str = "",
    answers: str = "",
    bom: str = "",
    index: Index | None = None,
    effort: str = "standard",
    scan: bool = True,
    model: str = "",
    on_step: Step = lambda _: None,
    signature: Signature | None = None,
) -> PolicyAnswer:
    """Decide on a model by a policy.

    Args:
        target: a model, a saved result of ours, or a bill of materials.
        policy: a pack's name, a file, or several of them.
        organisation: path of an ``org.yaml``, "" for none; what is not known then makes no rule pass.
        waivers: path of a file with waivers.
        answers: path of a file with a vendor's answers.
        bom: path of a bill of materials of the model.
        index, effort, scan, model, on_step, signature: see :func:`forebear.inspect.consequences.consequences`.

    Raises:
        UsageError: there is no such policy, or an option cannot be used.
        InputError: an input cannot be read.
    """
    terms = Terms((policy,) if isinstance(policy, str) else tuple(policy), organisation, waivers, answers)
    return decide(target, terms, bom, index, effort, scan, model, on_step, signature)[0]


def decide(
    target: str,
    terms: Terms,
    bom: str = "",
    index: Index | None = None,
    effort: str = "standard",
    scan: bool = True,
    model: str = "",
    on_step: Step = lambda _: None,
    signature: Signature | None = None,
) -> tuple[PolicyAnswer, Consequences]:
    """The decision on a model, and what follows from its lineage. Arguments as of :func:`check_policy`."""
    loaded = load(terms)  # a wrong policy is told before a model is scanned
    named = loaded.answers.named if loaded.answers else ()
    found = consequences(
        target, loaded.organisation, index, effort, scan, bom or None, model, named, on_step, signature
    )
    return answer_on(found, loaded), found


def answer_on(found: Consequences, loaded: Loaded) -> PolicyAnswer:
    """The decision on what is known about a model."""
    said = told(loaded.answers, found.chain) if loaded.answers else Told()
    said = replace(said, documents={**found.papers, **said.documents})
    given = policy_input(found.document, found.chain, found.licence, found.origin, found.organisation, found.bom, said)
    answers = [check(loaded.policy, given, loaded.waivers)] if loaded.policy else []
    if loaded.rego:
        from forebear.policy.rego import check_rego

        answers += [check_rego(path, given, loaded.waivers) for path in loaded.rego]
    whole = join(answers)
    gaps = (*whole.not_checked, *found.licence.not_checked)
    return replace(whole, not_checked=tuple(dict.fromkeys(gaps)), problems=found.problems)


def join(answers: Sequence[PolicyAnswer]) -> PolicyAnswer:
    """Several decisions on one model as one: the worst."""
    if len(answers) == 1:
        return answers[0]
    order = (Decision.DENY, Decision.INCONCLUSIVE, Decision.PASS)
    worst = min(answers, key=lambda a: order.index(a.decision))
    ref = PolicyRef(
        "+".join(a.policy.name for a in answers),
        "+".join(a.policy.version for a in answers),
        "+".join(a.policy.digest for a in answers),
        " · ".join(a.policy.title or a.policy.name for a in answers),
        sum(a.policy.rules for a in answers),
    )
    return replace(
        worst,
        policy=ref,
        findings=tuple(f for a in answers for f in a.findings),
        waived=tuple(w for a in answers for w in a.waived),
        not_checked=tuple(dict.fromkeys(n for a in answers for n in a.not_checked)),
        questions=tuple(dict.fromkeys(q for a in answers for q in a.questions)),
    )


@dataclass(frozen=True)
class PolicyRow:
    """The decision on one model of a document, in short.

    Attributes:
        path: of the document.
        model: name; "" where it could not be read.
        decision: None where it could not be read.
        why: one sentence.
        rules: identifiers of the rules that are raised, most severe first.
        problem: why it could not be read.
    """

    path: str
    model: str = ""
    decision: Decision | None = None
    why: str = ""
    rules: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class PolicySet:
    """Decisions on many documents, a row for every model in each. See ``forebear.policy-set/1``."""

    policy: PolicyRef
    rows: tuple[PolicyRow, ...]
    skipped: tuple[str, ...] = field(default=())

    @property
    def documents(self) -> int:
        """Documents that the rows are of."""
        return len({row.path for row in self.rows})

    @property
    def counts(self) -> dict[str, int]:
        """Rows by decision, and those that could not be read."""
        found = Counter(r.decision.value if r.decision else "unread" for r in self.rows)
        return {name: found[name] for name in ("pass", "deny", "inconclusive", "unread")}

    def to_json(self) -> Json:
        """The ``forebear.policy-set/1`` document."""
        return {**head("forebear.policy-set/1"), "counts": self.counts, **to_json(self)}


def documents_below(folder: str) -> tuple[str, ...]:
    """Every JSON file below a folder, in order; hidden folders and links to folders are left out."""
    if not os.path.isdir(folder):
        raise UsageError(f"{folder}: no folder", "without -r give documents one by one")
    out: list[str] = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        out += [os.path.join(place, name) for name in sorted(files) if name.lower().endswith(".json")]
        if len(out) > MOST_DOCUMENTS:
            raise InputError(f"{folder}: more than {MOST_DOCUMENTS:,} documents")
    return tuple(out)


def check_many(paths: Sequence[str], terms: Terms, workers: int | None = None) -> PolicySet:
    """Decide on many saved results and bills of materials.

    Args:
        paths: of documents; what is none is skipped, and said to be.
        terms: see :class:`Terms`.
        workers: processes; default one per core, as far as there is work for them.
    """
    policy = load(terms).policy  # what is wrong with it is told once, and here
    run = time.monotonic_ns()
    batches = ((batch, terms, run) for batch in _batches(paths))
    wanted = workers or min(cores(), 1 + len(paths) // (4 * BATCH))
    found = [r for rows in in_order(_rows, batches, wanted, _died) for r in rows]
    rows = tuple(r for r in found if r.problem != SKIPPED)
    ref = policy.ref if policy else PolicyRef("+".join(map(_stem, terms.policies)), "", "")
    return PolicySet(ref, rows, tuple(r.path for r in found if r.problem == SKIPPED))


SKIPPED = "no result and no bill of materials"


def _stem(path: str) -> str:
    return Path(path).stem


_Task = tuple[tuple[str, ...], Terms, int]


def _batches(paths: Sequence[str]) -> Iterator[tuple[str, ...]]:
    rest = iter(paths)
    while batch := tuple(islice(rest, BATCH)):
        yield batch


@lru_cache(maxsize=2)
def _of_run(terms: Terms, run: int) -> Loaded:
    """What decisions share, read once per process and run: files may change in between."""
    return load(terms)


def _rows(task: _Task) -> tuple[PolicyRow, ...]:
    paths, terms, run = task
    return tuple(row for path in paths for row in _of_document(path, _of_run(terms, run)))


def _died(task: _Task) -> tuple[PolicyRow, ...]:
    return tuple(PolicyRow(path, problem=f"{path}: the process that read it was killed") for path in task[0])


def _of_document(path: str, loaded: Loaded) -> tuple[PolicyRow, ...]:
    """A row for every model that a document is about."""
    try:
        document = read_document(path)
        if not any(reader.handles(document) for reader in READERS):
            if any(key in document for key in OF_A_BILL):  # passed over, its models would be as good as passed
                raise InputError("a bill of materials of a kind that is not read", "CycloneDX or SPDX 3 as JSON are")
            return (PolicyRow(path, problem=SKIPPED),)
        found = each_in(document)
        if not found:
            raise InputError("no model is named in it", "a result of scan or probe, or a bill of materials, names one")
    except ForebearError as error:
        return (_unread(path, error),)
    return tuple(_row(path, one, loaded) for one in found)


def _row(path: str, lineage: Lineage, loaded: Loaded) -> PolicyRow:
    try:
        answer = answer_on(follow(lineage, loaded.organisation), loaded)
    except ForebearError as error:
        return _unread(path, error, lineage.chain.subject.name)
    rules = tuple(dict.fromkeys(f.rule for f in answer.findings))
    problem = f"{path}: {answer.problems[0]}" if answer.problems else ""
    return PolicyRow(path, answer.model, answer.decision, answer.why, rules, problem)


def _unread(path: str, error: ForebearError, model: str = "") -> PolicyRow:
    said = str(error)
    return PolicyRow(path, model, problem=one_line(said if path in said else f"{path}: {said}"))


def is_many(targets: Sequence[str]) -> bool:
    """Whether several documents are meant."""
    return len(targets) > 1 and all(is_document(t) for t in targets)


def claims_of(answers: Path, against: str | None, on_step: Step = lambda _: None) -> tuple[Answers, tuple[Claim, ...]]:
    """A vendor's answers as claims.

    Args:
        answers: their file.
        against: a model, a saved result or a bill of materials to hold them against; None: nothing, all are unverified.
        on_step: told what is being done.
    """
    said = read_answers(answers)
    chain = consequences(against, on_step=on_step).chain if against else Chain(Node("the model"))
    claims = check_answers(said, chain)
    if against is None:
        claims = tuple(replace(c, why="nothing was given to hold it against (--against)") for c in claims)
    return said, claims
