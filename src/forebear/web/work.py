"""What a job can be: :data:`WORK`. The functions run in a worker, on paths of the job's own folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from forebear.types import Json
from forebear.web import requests

Step = Callable[[str], None]
Run = Callable[[Mapping[str, Any], str, Step], Json]


@dataclass(frozen=True)
class Work:
    """One kind of job.

    Attributes:
        title: what it does.
        model: of its request.
        run: the request with paths for targets, a secret ("" for none) and a function that is told every step, to
            the document that the command would print.
        targets, documents: keys of the request that name models, and that name documents or captures.
        references: those of the targets that may be ``index:NAME``, a reference of the index.
        scope: what a token has to allow.
        secret: the key of the request that is never written down.
    """

    title: str
    model: type[requests.Request]
    run: Run
    targets: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    scope: str = "submit"
    secret: str = ""


def _scan(asked: Mapping[str, Any], _: str, step: Step) -> Json:
    from forebear.inspect import scan

    return scan(asked["target"], effort=asked["effort"], on_step=step, fetch=asked["fetch"]).to_json()


def _compare(asked: Mapping[str, Any], _: str, step: Step) -> Json:
    from forebear.inspect import compare

    return compare(asked["a"], asked["b"], effort=asked["effort"], on_step=step).to_json()


def _bom(asked: Mapping[str, Any], _: str, step: Step) -> Json:
    from forebear.inspect.bom_verify import verify_bom

    return verify_bom(
        asked["bom"],
        asked["target"],
        effort=asked["effort"],
        profiles=asked["profiles"],
        on_step=step,
        model=asked["model"],
    ).to_json()


def _policy(asked: Mapping[str, Any], _: str, step: Step) -> Json:
    from forebear.inspect.policy import check_policy

    step("deciding")
    return check_policy(
        asked["target"],
        asked["policies"],
        asked.get("organisation", ""),
        asked.get("waivers", ""),
        effort=asked["effort"],
        model=asked["model"],
    ).to_json()


def _search(asked: Mapping[str, Any], _: str, step: Step) -> Json:
    from forebear.index import open_index
    from forebear.inspect import fingerprint
    from forebear.inspect.share import is_private
    from forebear.types import floored, head

    index = open_index()
    found = index.search(fingerprint(asked["target"], on_step=step).code, asked["limit"])
    hits = [h for h in found if (entry := index.get(h.name)) is not None and not is_private(entry)]
    return {
        **head("forebear.index-search/1"),
        "target": asked["target"],
        "references": index.count(),
        "hits": [{"name": h.name, "agree": h.agree, "n": h.n, "log10_p": floored(h.log10_p)} for h in hits],
    }


def _traffic(asked: Mapping[str, Any], _: str, step: Step) -> Json:
    from forebear.inspect import read_traffic

    return read_traffic(asked["files"], on_step=step, workers=1).to_json()


def _probe(asked: Mapping[str, Any], key: str, step: Step) -> Json:
    from forebear.endpoints import Budget
    from forebear.inspect.probe import probe

    return probe(
        asked["url"],
        asked["model"],
        expect=asked["expect"],
        effort=asked["effort"],
        key=key,
        budget=Budget(asked["max_requests"], asked["max_tokens"], None, None),
        on_step=step,
    ).to_json()


def _write(asked: Mapping[str, Any], _: str, step: Step) -> Json:
    from forebear.inspect.bom import write_bom

    return write_bom(asked["target"], effort=asked["effort"], model=asked["model"], on_step=step).write(asked["format"])


def _family(asked: Mapping[str, Any], _: str, step: Step) -> Json:
    from forebear.inspect.index_tree import index_tree

    return index_tree(on_step=step).to_json()


def _demo(asked: Mapping[str, Any], _: str, step: Step) -> Json:
    from forebear.catalogue import verdict_text
    from forebear.inspect.demo import run

    return run(on_case=lambda name, found: step(f"{name}: {verdict_text(found.verdict).headline}")).to_json()


WORK: Mapping[str, Work] = MappingProxyType(
    {
        "scan": Work("Where does a model come from?", requests.ScanRequest, _scan, ("target",)),
        "compare": Work("Are two models related?", requests.CompareRequest, _compare, ("a", "b"), (), ("a", "b")),
        "bom": Work("Does a bill of materials say the truth?", requests.BomRequest, _bom, ("target",), ("bom",)),
        "policy": Work("May a model be used?", requests.PolicyRequest, _policy, ("target",), ("target",)),
        "search": Work("Which references agree most?", requests.SearchRequest, _search, ("target",)),
        "traffic": Work("Which models does traffic name?", requests.TrafficRequest, _traffic, (), ("files",)),
        "probe": Work("Which model is behind an endpoint?", requests.ProbeRequest, _probe, scope="probe", secret="key"),
        "write": Work("Write a bill of materials", requests.WriteRequest, _write, ("target",), ("target",)),
        "family": Work("Who descends from whom in the index?", requests.FamilyRequest, _family),
        "demo": Work("What do four small models show?", requests.DemoRequest, _demo),
    }
)
"""Every kind of job, by the name in its address."""
