"""Documents that tests of reports show: of the bundled demonstration, and made up where nothing has to be measured."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from decided import answer
from forebear.inspect.demo import run
from forebear.policy.answer import Decision
from forebear.types import head

Document = dict[str, Any]
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>\x1b[31m \u202etxt.exe javascript:alert(3) ${style}'
LONG = "a" * 10_000


@cache
def _demo() -> Document:
    return run().to_json()


def demo() -> Document:
    """``forebear demo``, measured once for all tests of a process."""
    return copy.deepcopy(_demo())


def scan(number: int = 0) -> Document:
    """The fine-tune (0), its disguised copy (1), or the innocent twin (2)."""
    document: Document = demo()["cases"][number]["scan"]
    return document


def compare(number: int = 0) -> Document:
    """The same as ``forebear compare`` says it."""
    one = scan(number)
    best = one["ancestors"][0]
    return {
        **head("forebear.compare/1"),
        "a": {"target": best["target"], "name": best["name"], "digest": best["digest"]},
        "b": one["model"],
        **{key: best[key] for key in ("verdict", "log10_p", "log10_lr", "relation", "evidence", "why")},
        "related": True,
        **{key: one[key] for key in ("coverage", "cost", "findings", "problems")},
    }


def tree(models: int = 3, name: str = "model-{}") -> Document:
    """A chain of models in groups of five, and one that could not be read."""
    names = [name.format(k) for k in range(models)]
    edges = [
        {
            **{"a": names[k - 5] if k >= 5 else names[0], "b": names[k], "direction": "a_to_b" if k % 2 else "unknown"},
            **{
                "log_odds": 2.5,
                "verdict": "dependent",
                "related": True,
                "log10_p": -30.0,
                "support": 0.7 + 0.3 * (k % 2),
            },
            "relation": {
                **{"kind": "finetune", "direction": "a_to_b", "confidence": 0.95},
                "details": {"kinds": ["finetune"], "in_words": ["fine-tuned (relative drift 8%)"]},
            },
            "rival": {"a": names[0], "b": names[-1], "support": 0.2} if k == 1 else None,
            **{"coefficient": None, "why": "They share training.", "uncertain": k % 2 == 0},
        }
        for k in range(1, models)
    ]
    members = [
        {
            "name": n,
            "target": f"/models/{n}",
            "digest": "a" * 40,
            "group": 0,
            "ghost": False,
            "problem": "",
            "shape": {},
        }
        for n in names
    ]
    broken = {**members[0], "name": "broken", "group": None, "problem": "broken: not a model"}
    return {
        **head("forebear.tree/1"),
        "members": [*members, broken],
        "edges": edges,
        "coverage": {"tested": ["sign-code/1"], "not_tested": [{"what": "disguises", "why": "one group only"}]},
        "cost": {"bytes_read": 1_000, "requests": 2, "seconds": 0.5, "peak_memory_bytes": 5_000_000},
        "notes": ["a note"],
        "problems": ["broken: not a model"],
    }


def policy(decision: Decision = Decision.DENY) -> Document:
    """A decision with every kind of finding."""
    document = answer(decision).to_json()
    who = {"developer": "moonshot", "developer_name": "Moonshot AI", "standing": "possible"}
    places = {"incorporated_in": ["SG"], "engineering_in": ["CN"], "controlled_from": None}
    document["input"] = {
        "model": {"name": document["model"], "target": "t.json", "digest": None, "revision": None},
        "claims": [{"claim": "trained from scratch", "status": "contradicted", "source": "card"}],
        "subject": {"name": document["model"], "developer": None, "standing": None},
        "ancestors": [{"name": "Kimi-K2.5", **who, **places}],
        "duties": [
            {
                **{"kind": "display_ui", "licence": "kimi-k2.5", "ancestor": "Kimi-K2.5", "text": "Kimi K2.5"},
                **{"status": "conditional", "why": "Revenue decides.", "clause": "1", "depends_on": ["the revenue"]},
            }
        ],
    }
    return document


def bill() -> Document:
    """A bill of materials with a check of every result."""
    said = {"pass": "It is valid.", "fail": "A file is another one.", "unknown": "Nothing ties it to these."}
    checks = [
        {"id": f"hashes/{k}", "status": status, "message": message, "pointer": "/components/0", "rule": ""}
        for k, (status, message) in enumerate(said.items())
    ]
    claim = {
        **{"claim": "base model: org/base", "source": "the bill", "status": "contradicted", "why": "it is unrelated"},
        **{"pointer": "", "reference": "org/base", "log10_p": -12.0, "test": "exact", "null": "n", "clears": "a base"},
    }
    return {
        **head("forebear.bom-verify/1"),
        **{
            "bom": "bom.json",
            "verdict": "failed",
            "why": "1 check fails.",
            "digest": "0" * 64,
            "format": "CycloneDX 1.7",
        },
        **{"model": "org/child", "target": "./child", "checks": checks, "claims": [claim], "models": ["org/child"]},
        **{"unread": 0, "references_tested": 1, "problems": [], "not_tested": [{"what": "facts", "why": "no files"}]},
        "cost": {"bytes_read": 1, "requests": 1, "seconds": 0.1, "peak_memory_bytes": 0},
    }


def licence() -> Document:
    """A licence answer with duties of every standing."""
    duty = {
        **{"kind": "notice_file", "licence": "apache-2.0", "ancestor": "org/base", "standing": "measured", "text": ""},
        **{
            "status": "unmet",
            "why": "There is no NOTICE.",
            "component": "",
            "triggered": True,
            "on": [],
            "evidence": [],
        },
        **{"clears": "Add it.", "clause": "4(d)", "sources": [], "confidence": "high", "revision_known": False},
    }
    met = {**duty, "kind": "include_licence_copy", "status": "met", "why": "LICENSE is it."}
    inherited = {
        **{"ancestor": "org/base", "licence": "apache-2.0", "route": ["org/base", "org/child"], "kinds": ["finetune"]},
        **{"standing": "measured", "component": "", "sources": [], "confidence": ""},
    }
    label = {"kind": "relabelled", "between": ["mit", "apache-2.0"], "why": "Another licence", "standing": "possible"}
    return {
        **head("forebear.licence/1"),
        **{"model": "org/child", "declared": [], "detected": [], "inherited": [inherited], "duties": [met, duty]},
        **{"conflicts": [label], "findings": [], "organisation": None, "not_checked": ["use policies"], "problems": []},
    }


def whole_set() -> Document:
    """``scan -r`` over the three models of the demonstration and one that could not be read."""
    cases = demo()["cases"]
    rows = [{"path": f"team/{c['name']}", "kept": False, "error": None, "scan": c["scan"]} for c in cases]
    rows.append({"path": "broken", "kept": False, "error": "broken: cut off", "scan": None})
    counts = {"found": 4, "done": 4, "related": 2, "unreadable": 1, "kept": 0, "repeats": 0}
    return {
        **head("forebear.scan-set/1"),
        **{"target": "./models", "complete": True, "problems": [], "models": rows},
        "summary": {**counts, "findings": {"note": 2, "warning": 1, "error": 0}},
    }


def policy_set() -> Document:
    """Decisions on two documents and one that could not be read."""
    one: Document = {
        "path": "a.json",
        "model": "a",
        "decision": "deny",
        "why": "T2 holds.",
        "rules": ["T2"],
        "problem": "",
    }
    rows = [one, {**one, "path": "b.json", "decision": "pass", "rules": []}]
    rows.append({**one, "path": "c.json", "decision": None, "problem": "c.json: no JSON", "rules": []})
    ref = {"name": "baseline", "version": "1", "digest": "ab" * 32, "title": "Baseline", "rules": 9}
    counts = {"pass": 1, "deny": 1, "inconclusive": 0, "unread": 1}
    return {**head("forebear.policy-set/1"), "counts": counts, "policy": ref, "rows": rows, "skipped": ["x.json"]}


def bills() -> Document:
    """Two bills below a folder, one of which could not be read."""
    found: list[Document] = [{"path": "a/bom.json", "result": bill(), "problem": None}]
    found.append({"path": "b.json", "result": None, "problem": "b.json: no JSON"})
    counts = {"verified": 0, "failed": 1, "inconclusive": 0}
    return {**head("forebear.bom-verify-set/1"), "folder": "./bills", "counts": counts, "bills": found}


def everything() -> dict[str, Document]:
    """A document of every kind."""
    return {
        **{"scan": scan(), "disguised": scan(1), "twin": scan(2), "compare": compare(), "tree": tree(), "bill": bill()},
        **{
            "policy": policy(),
            "licence": licence(),
            "set": whole_set(),
            "policies": policy_set(),
            "demo": demo(),
            "bills": bills(),
        },
    }
