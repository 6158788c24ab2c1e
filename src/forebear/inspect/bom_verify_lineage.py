"""What a bill of materials says about lineage, tested again on the model's weights.

The standard is that of a scan: a base is confirmed by an exact test, and never contradicted by silence alone. See
:mod:`forebear.inspect.bom_verify_later` for what a contradiction takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from forebear.bom.checks import Check, CheckStatus
from forebear.bom.record import Record, Status
from forebear.bom.verification import ClaimResult
from forebear.errors import one_line
from forebear.index import Entry, Index
from forebear.inspect.bom_verify_later import came_first, earlier, later, silence
from forebear.inspect.bom_verify_statements import BILLS_WORD, Kind, Statement, declared_ancestors
from forebear.inspect.judge import CONFIRMING, RELATED, claims_of
from forebear.lineage.chain import Chain, Node, Standing
from forebear.lineage.chains.extend import complete
from forebear.signals.declared import Declared, is_itself, names_match
from forebear.types import Ancestor, Claim, Evidence, Scan, Test, Verdict, p_value

STATUS = {
    Status.CONFIRMED: CheckStatus.PASS,
    Status.CONTRADICTED: CheckStatus.FAIL,
    Status.UNVERIFIED: CheckStatus.UNKNOWN,
}
OF_PARTS = frozenset({"component_shared", "multimodal_extension"})
"""Relations in which another model became a part, or gave only a part."""
NOT_ESTABLISHED = "related, but not established as the base"
MOST_RIVALS = 12
"""Other relatives that are compared with a declared base."""
SETTLES_ORDER = "an early checkpoint of either, or the optimiser's state at the start"
"""What would tell which of two dependent models came first."""


@dataclass(frozen=True)
class Retest:
    """A model that was scanned again, and what its bill is held against.

    Attributes:
        record: what the bill says.
        statements: about lineage.
        scan: of the target.
        index: the references.
        effort: of the scan.
        on_step: told what is being done.
        files: whether the model's files are there to be compared once more.
    """

    record: Record
    statements: tuple[Statement, ...]
    scan: Scan
    index: Index
    effort: str
    on_step: Callable[[str], None] = lambda _: None
    files: bool = True

    @cached_property
    def relatives(self) -> tuple[Ancestor, ...]:
        """Measured relatives, but for the model's own entry in the index."""
        own = self.record.model.name
        return tuple(a for a in self.scan.ancestors if not is_itself(own, a.name, a.verdict))

    @cached_property
    def undeclared(self) -> tuple[Ancestor, ...]:
        """Relatives that the bill does not name."""
        named = [s.name for s in self.statements if s.name]
        return tuple(
            a for a in self.relatives if a.verdict in RELATED and not any(names_match(n, a.name) for n in named)
        )

    @cached_property
    def _entries(self) -> dict[str, Entry | None]:
        return {}

    def entry(self, name: str) -> Entry | None:
        """The indexed model that a name of the bill means."""
        if name not in self._entries:
            exact = self.index.get(name)
            self._entries[name] = exact or next((e for e in self.index.entries() if names_match(name, e.name)), None)
        return self._entries[name]

    def measured(self, name: str) -> Ancestor | None:
        """What was measured of a model that the bill names."""
        return next((a for a in self.scan.ancestors if names_match(name, a.name)), None)


def results(retest: Retest) -> tuple[ClaimResult, ...]:
    """What became of every statement."""
    return tuple(_judged(retest, statement) for statement in retest.statements)


def checks(retest: Retest, claims: tuple[ClaimResult, ...]) -> Iterator[Check]:
    """A check for every claim."""
    for claim, statement in zip(claims, retest.statements, strict=True):
        kind = "claims/trained-from-scratch" if statement.kind is Kind.SCRATCH else f"lineage/{statement.name}"
        said = f"“{claim.claim}” is {claim.status}: {claim.why}."
        if claim.log10_p is not None and claim.status is not Status.UNVERIFIED:
            said += f" Dependence: {p_value(claim.log10_p)} ({claim.test} test)."
        if claim.clears and claim.status is Status.UNVERIFIED:
            said += f" What would settle it: {claim.clears}"
        status = STATUS[claim.status]
        if status is CheckStatus.UNKNOWN and is_catalogued(statement):
            status = CheckStatus.NOT_APPLICABLE
        yield Check(one_line(kind, 200), status, one_line(said, 900), claim.pointer)


def is_catalogued(statement: Statement) -> bool:
    """Whether the catalogue says of an ancestor what the bill says: a fact about another model than the bill's."""
    if statement.kind is not Kind.OF_RELATIVE or statement.relative is None:
        return False
    chain = complete(Chain(Node(statement.relative.child)))
    return any(
        names_match(e.parent, statement.name) and e.standing is Standing.CATALOGUED and e.child == chain.subject.name
        for e in chain.edges
    )


def untested(statements: tuple[Statement, ...], why: str) -> tuple[ClaimResult, ...]:
    """Every statement unverified, for one reason."""
    return tuple(
        ClaimResult(s.claim, s.source, Status.UNVERIFIED, why, s.pointer, clears="forebear bom verify BOM TARGET")
        for s in statements
    )


def _judged(retest: Retest, statement: Statement) -> ClaimResult:
    if statement.kind is Kind.SCRATCH:
        return _scratch(retest, statement)
    found = retest.measured(statement.name)
    if not statement.weights:
        why = "no weights are said to come from it, so there is nothing to test on weights"
        if found is not None and found.verdict in RELATED:
            why = f"no weights are said to come from it, and the weights are not independent of it ({found.verdict})"
        return _result(statement, Status.UNVERIFIED, why, found)
    if found is None:
        return _absent(retest, statement)
    judge = _ancestor if statement.kind is Kind.ANCESTOR else _related
    status, why = judge(retest, statement, found)
    clears = SETTLES_ORDER if why.startswith(NOT_ESTABLISHED) else ""
    return _result(statement, status, why, found, clears)


def _ancestor(retest: Retest, statement: Statement, found: Ancestor) -> tuple[Status, str]:
    """A base: by the rule of a scan's claims; of a part, dependence of a part will do."""
    if statement.relative is not None and statement.relative.component:
        return _related(retest, statement, found)
    said = claims_of(Declared((statement.name,)), (found,), retest.effort)[0]
    if own := _own_claim(retest.scan, statement):
        said = own
    if said.status == Status.CONFIRMED:
        return _came_first(retest, found, said.why.partition("; ")[0])
    return Status(said.status), said.why


def _came_first(retest: Retest, found: Ancestor, tied: str) -> tuple[Status, str]:
    """An ancestor that is dependent: something has to speak for its order, for siblings and children are as dependent.

    Either the order was measured, or the model is the later one of the two by facts with a record
    (:func:`~forebear.inspect.bom_verify_later.later`) and nothing in the index could be a base of both. Equal values
    have no order to measure, and the model is that base.
    """
    if found.verdict in CONFIRMING and found.relation.direction == "a_to_b":
        return Status.CONFIRMED, tied
    if found.verdict is Verdict.IDENTICAL:
        return Status.CONFIRMED, f"{tied}; {BILLS_WORD}"
    if reason := earlier(found):
        return Status.UNVERIFIED, f"{found.name} is related, and seems to be the later one: {reason}"
    if reason := later(found):
        rival = _rival(retest, found)
        if not rival:
            why = f"{tied}; the model is the later one of the two ({reason})"
            return Status.CONFIRMED, f"{why}, and no other reference could be a base of both (one not indexed could)"
        why = f"the model seems to be the later one ({reason}), but {rival}"
    else:
        why = "a sibling, or a model made from this one, would look the same"
    first = next((a for a in retest.relatives if a.relation.direction == "a_to_b" and a.verdict in CONFIRMING), None)
    if first is not None:
        why += f"; what was measured to come first is {first.name}"
    return Status.UNVERIFIED, f"{NOT_ESTABLISHED}: {tied}; {why}"


def _rival(retest: Retest, found: Ancestor) -> str:
    """Why another relative could be the base of the model and of the one that is declared, "" where none could.

    A common base of two siblings lies nearer to either than they to each other, unless both were trained on the same
    texts. So every other relative has to be shown to be later than the declared one, too.
    """
    others = [a for a in retest.relatives if a.name != found.name and a.verdict in RELATED]
    for other in others:
        if other.score is None or found.score is None or other.score >= found.score:
            return f"{other.name} lies as near or nearer"
    if len(others) > MOST_RIVALS:
        return f"so are {len(others)} others, too many to be told apart here"
    declared = retest.entry(found.name)
    for other in others:
        entry = retest.entry(other.name)
        if entry is None or declared is None or not retest.files:
            return f"{other.name} is related as well"
        retest.on_step(f"comparing {declared.name} with {entry.name}")
        if not came_first(declared, entry, retest.effort):
            return f"both may come from {other.name}"
    return ""


def _own_claim(scan: Scan, statement: Statement) -> Claim | None:
    """What the scan itself says of that base, where an adapter's shapes contradict it."""
    named = (c for c in scan.claims if c.claim.startswith("base model: ") and c.status == "contradicted")
    return next((c for c in named if names_match(c.claim.removeprefix("base model: "), statement.name)), None)


def _related(retest: Retest, statement: Statement, found: Ancestor) -> tuple[Status, str]:
    """A variant, a descendant, an ancestor of an ancestor, the origin of a part: dependence is what can be tested."""
    tied = f"the weights are not independent of {found.name} ({found.verdict})"
    if statement.kind is Kind.DESCENDANT:
        return _descendant(found, tied)
    if statement.relative is not None and statement.relative.component:
        return _part(found, tied)
    if found.verdict not in RELATED:
        return Status.UNVERIFIED, f"{found.verdict}: {found.why}".rstrip(".")
    if statement.kind is not Kind.OF_RELATIVE:
        return Status.CONFIRMED, tied
    if not statement.leads_up:
        child = statement.relative.child if statement.relative else ""
        why = f"{tied}, and the bill names it as an ancestor of {child} alone, which it does not trace the model to"
        return Status.UNVERIFIED, why
    return _came_first(retest, found, tied)


def _descendant(found: Ancestor, tied: str) -> tuple[Status, str]:
    """A model said to come from this one: whoever says so gains by it, so its order has to be measured."""
    if reason := later(found):
        return Status.CONTRADICTED, f"{tied}, and the model is the later one: {reason}"
    if reason := earlier(found):
        return Status.CONFIRMED, f"{tied}, and it is the later one: {reason}"
    if found.verdict not in RELATED:
        return Status.UNVERIFIED, f"{found.verdict}: {found.why}".rstrip(".")
    return Status.UNVERIFIED, f"{tied}; that the model came first is not settled"


def _part(found: Ancestor, tied: str) -> tuple[Status, str]:
    """The origin of a part: confirmed by the dependence of a part, not by that of everything."""
    kinds = {found.relation.kind, *(str(k) for k in found.relation.details.get("kinds", ()))}
    if found.verdict is Verdict.COMPONENT_SHARED or (found.verdict in RELATED and kinds & OF_PARTS):
        return Status.CONFIRMED, tied
    if found.verdict in RELATED:
        return Status.UNVERIFIED, f"{tied}, not in that part alone"
    return Status.UNVERIFIED, f"{found.verdict}: {found.why}".rstrip(".")


def _absent(retest: Retest, statement: Statement) -> ClaimResult:
    """A relative of the bill with which nothing was found in common."""
    if own := _own_claim(retest.scan, statement):
        return _result(statement, Status.CONTRADICTED, own.why)
    entry = retest.entry(statement.name)
    if retest.effort == "quick":
        return _result(statement, Status.UNVERIFIED, "the weights were not examined (--effort quick)")
    if entry is None and is_catalogued(statement):
        child = statement.relative.child if statement.relative else ""
        why = f"it is about {child}; the catalogue says the same, from a source, and nothing tested it on weights"
        return _result(statement, Status.UNVERIFIED, why)
    if entry is None:
        clears = (
            f"forebear index add hf:{statement.name}" if "/" in statement.name else "forebear index add <its folder>"
        )
        why = f"no reference called {one_line(statement.name, 100)} is in the index"
        return _result(statement, Status.UNVERIFIED, why, clears=clears)
    named = retest.files and statement in declared_ancestors(retest.statements)
    if named and (other := _instead(retest)) is not None:
        beside = retest.entry(other.name)
        silent = None
        if beside is not None:
            retest.on_step(f"comparing with {entry.name}, which the bill names")
            silent = silence(entry, retest.scan.model.target, beside, retest.scan.references_tested, retest.effort)
        if silent is not None and silent.established:
            why = f"the weights come from elsewhere: they are not independent of {other.name}, and {silent.words}"
            return _result(statement, Status.CONTRADICTED, f"{why}. {later(other)}".rstrip(". "), other)
        if silent is not None:
            return _result(statement, Status.UNVERIFIED, f"nothing ties it to {entry.name}; {silent.words}", other)
    why = f"{entry.name} is in the index, and nothing was found that ties the weights to it, which excludes nothing"
    return _result(statement, Status.UNVERIFIED, why, clears="the checkpoint that it was made from, or --effort deep")


def _instead(retest: Retest) -> Ancestor | None:
    """A relative that the bill does not name and that the model comes from, or shares an ancestor with.

    Where another base of the bill was found, or cannot be looked for, the model may be a merge of the two, or the
    other one may be the same model under another name: then there is none.
    """
    bases = declared_ancestors(retest.statements)
    if any(retest.measured(s.name) is not None or retest.entry(s.name) is None for s in bases):
        return None
    return next((a for a in retest.undeclared if a.verdict in CONFIRMING and later(a)), None)


def _scratch(retest: Retest, statement: Statement) -> ClaimResult:
    for found in retest.relatives:
        if found.verdict in CONFIRMING and (reason := later(found)):
            either = "" if found.relation.direction == "a_to_b" else " or, with it, from a third model"
            why = f"the weights are not independent of {found.name}, and the model comes from it{either}: {reason}"
            clears = f"an earlier published state of this very model that {found.name} was made from"
            return _result(statement, Status.CONTRADICTED, why, found, clears)
    related = next((a for a in retest.relatives if a.verdict in RELATED), None)
    if related is not None:
        why = f"its weights are not independent of {related.name}; which came first is not settled"
        return _result(statement, Status.UNVERIFIED, why, related, SETTLES_ORDER)
    why = f"none of {retest.scan.references_tested:,} comparable references is related, which is no proof of it"
    return _result(statement, Status.UNVERIFIED, why, clears="forebear index add <the model that you suspect>")


def _result(
    statement: Statement, status: Status, why: str, found: Ancestor | None = None, clears: str = ""
) -> ClaimResult:
    test, null = _test(found)
    return ClaimResult(
        one_line(statement.claim, 400),
        statement.source,
        status,
        one_line(why, 800),
        statement.pointer,
        found.name if found else "",
        found.log10_p if found else None,
        test,
        null,
        clears,
    )


def _test(found: Ancestor | None) -> tuple[Test, str | None]:
    """What stands behind the p-value of a relative."""
    if found is None or found.log10_p is None:
        return Test.NONE, None
    exact: Evidence | None = next((e for e in found.evidence if e.test is Test.EXACT and e.supports == "related"), None)
    return (Test.EXACT, exact.null) if exact else (Test.NONE, None)
