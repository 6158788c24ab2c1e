"""Relatives that the weights show and a bill of materials does not name."""

from __future__ import annotations

from collections.abc import Iterator

from forebear.bom.checks import Check, CheckStatus
from forebear.errors import one_line
from forebear.inspect.bom_verify_later import earlier, later
from forebear.inspect.bom_verify_lineage import Retest
from forebear.inspect.bom_verify_statements import declared_ancestors
from forebear.inspect.judge import CONFIRMING
from forebear.inspect.nominate import kin
from forebear.lineage.evidence import joined
from forebear.signals.declared import names_match
from forebear.types import Ancestor, Verdict, p_value


def checks(retest: Retest) -> Iterator[Check]:
    """Relatives that the weights show and the bill does not name: a failure only where one is shown to come first."""
    name = "lineage/undeclared"
    if retest.effort == "quick":
        yield Check(name, CheckStatus.UNKNOWN, "The weights were not examined (--effort quick).")
        return
    if not retest.scan.references_tested and not retest.scan.ancestors:
        said = "No reference could be compared, so nothing can be said about ancestors that the bill does not name."
        yield Check(name, CheckStatus.UNKNOWN, said)
        return
    told = False
    for found in retest.undeclared:
        status, why = _standing(retest, found)
        if status is not CheckStatus.PASS:
            told = True
            p = "" if found.log10_p is None else f" ({p_value(found.log10_p)})"
            said = f"The weights are not independent of {found.name}{p}, and the bill does not name it; {why}."
            yield Check(name, status, one_line(said, 900))
    for nominee in retest.scan.nominated:
        if not any(s.name and names_match(s.name, nominee.name) for s in retest.statements):
            told = True
            said = f"The model resembles {nominee.name}, which establishes nothing and which the bill does not name."
            yield Check(name, CheckStatus.UNKNOWN, said)
    if not told:
        said = f"No relative that the bill does not name was found among {retest.scan.references_tested:,} comparable "
        yield Check(name, CheckStatus.PASS, f"{said}references.")


def _related(retest: Retest) -> list[str]:
    """Models that the bill names and the weights are not independent of, but for those that are the later ones."""
    known = [retest.measured(s.name) for s in retest.statements if s.name and s.weights]
    return [a.name for a in known if a is not None and a.verdict in CONFIRMING and not earlier(a)]


def _standing(retest: Retest, found: Ancestor) -> tuple[CheckStatus, str]:
    """What a relative that the bill does not name means for the bill."""
    bases = declared_ancestors(retest.statements)
    entry = retest.entry(found.name)
    for base in _related(retest):
        other = retest.entry(base)
        if entry is not None and other is not None and kin(entry, other):
            return CheckStatus.PASS, f"it is a relative of {other.name}, which the bill names"
    if found.relation.direction == "b_to_a":
        return CheckStatus.PASS, "it is the later one, and a bill need not name descendants"
    if found.verdict is Verdict.IDENTICAL:
        return CheckStatus.UNKNOWN, "every value is equal: a copy, or the same model under another name"
    reason = later(found)
    if not reason:
        return CheckStatus.UNKNOWN, "which came first is not settled"
    missing = [s.name for s in bases if retest.entry(s.name) is None]
    if missing:
        return CheckStatus.UNKNOWN, f"it may be {joined(missing)} under another name, or come from it"
    if found.relation.direction != "a_to_b" and bases:
        return CheckStatus.UNKNOWN, "both may come from a third model"
    either = "" if found.relation.direction == "a_to_b" else "from it or, with it, from a third model; "
    return CheckStatus.FAIL, f"the model comes {either or 'from it: '}{reason}"
