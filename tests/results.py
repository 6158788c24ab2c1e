"""One result of the relation study, as right as can be; only tests of benchmarks can import it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from relation.classes import ALWAYS, Facts
from relation.kin import REPORT
from relation.measure import FORWARD, Answer, Result


def result(**values: Any) -> Result:
    common: dict[str, Any] = {"key": "k|straight", "truth": "pruned", "name": "0.5", "base": "a", "family": "llama"}
    common |= {"split": REPORT, "turned": False, "direction": FORWARD, "stands": ALWAYS, "facts": Facts()}
    answer = Answer("derived", True, "pruned", ("pruned",), FORWARD, None, (("zeros were set in #", 6.0),), seconds=0.1)
    return Result(**{**common, "answer": answer, **values})


def said(one: Result, **values: Any) -> Result:
    return replace(one, answer=replace(one.answer, **values))
