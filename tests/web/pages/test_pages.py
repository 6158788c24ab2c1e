"""The pages as people see them: what is on them, who sees it, and that nothing on them can run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from browsers import Browser, browser
from documents import check_document
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.inspect.demo import run as demo
from forebear.inspect.index_tree import index_tree
from forebear.types import created
from forebear.web import pages
from forebear.web.crew import Crew
from forebear.web.pages.shown import shown
from forebear.web.rates import COSTLY
from forebear.web.store import Job, State
from services import Served, served

HOSTILE = "<script>alert(1)</script>\u202egnp.exe\u2066 '\"><img src=x onerror=alert(1)> " + "long " * 2_000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("home")
    models = resources.files("forebear") / "data" / "demo"
    for name in ("base", "finetune", "twin"):
        enrol(str(models / name), LocalIndex(place), f"meta-llama/{name}" if name != "twin" else "twin <i>& co")
    return place


@pytest.fixture(scope="module")
def service(home: Path) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOREBEAR_HOME", str(home))
        patch.setenv("FOREBEAR_CACHE", str(home / "cache"))
        patch.setattr(Crew, "_work", lambda self: self._stopping.wait())
        with served(home / "service") as found:
            yield found


@pytest.fixture(scope="module")
def ann(service: Served) -> Browser:
    return browser(service, "read", "submit", "probe")


@pytest.fixture(scope="module")
def documents(home: Path) -> dict[str, Any]:
    found = demo()
    tree = index_tree(LocalIndex(home)).to_json()
    check_document(tree)
    return {"demo": found.to_json(), "scan": found.cases[0][2].to_json(), "family": tree}


def kept(service: Served, ann: Browser, kind: str, found: Any, request: dict[str, Any] | None = None) -> str:
    """A job of Ann's that has ended with a document, or with an error."""
    store = service.client.app.state.service.store  # type: ignore[attr-defined]
    owner = next(t.id for t in store.tokens() if t.name == "ann" and "probe" in t.scopes)
    job = Job(os.urandom(16).hex(), owner, kind, request or {}, created=created())
    store.beat("elsewhere", 3_600, (), next(iter(store.servers().values()), ""))
    store.add_job(job, "elsewhere")  # else the crew takes it up
    while (claimed := store.claim("elsewhere")).id != job.id:  # others may wait
        pass
    store.tell(claimed, "comparing layer 3 of 24")
    if "message" in found:
        store.finish(claimed, State.FAILED, None, found)
    else:
        store.finish(claimed, State.DONE, json.dumps(found).encode(), None)
    return f"/jobs/{job.id}"


class Strict(HTMLParser):
    """Collects what the policy would not let run, and what is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.text: list[str] = []
        self.labels: set[str] = set()
        self.named: list[str] = []
        self.feed(text)
        self.wrong += [f"no label: {name}" for name in self.named if name not in self.labels]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.wrong += [f"{tag} {k}" for k in said if k.startswith("on") or k == "style"]
        ours = tag == "script" and (said.get("src") or "").startswith("/static/")
        if tag in ("style", "img", "iframe", "object", "script") and not ours:
            self.wrong.append(tag)
        for key in ("href", "src", "action"):
            if (said.get(key) or "/").startswith(("http", "//", "javascript")):
                self.wrong.append(f"{key}={said[key]}")
        if tag == "label":
            self.labels.add(said.get("for") or "")
        if tag in ("input", "select", "textarea") and said.get("type") != "hidden":
            self.named.append(said.get("id") or tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(answer: Any, status: int = 200) -> str:
    """The text of a page, which has to be strict."""
    assert answer.status_code == status, answer.text[:400]
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "script-src 'self'" in policy
    assert answer.headers["cache-control"] == "no-store"
    found = Strict(answer.text)
    assert not found.wrong, found.wrong
    assert "\u202e" not in answer.text and "\u2066" not in answer.text
    return " ".join("".join(found.text).split())


FORMS = ("/", "/compare", "/verify", "/identify", "/policy", "/probe", "/jobs", "/references", "/tree")


def test_without_a_session_every_page_leads_to_sign_in(service: Served) -> None:
    someone = browser(service)
    paths = [r.path for router in pages.ROUTERS for r in router.routes if "GET" in getattr(r, "methods", ())]  # type: ignore[attr-defined]
    assert len(paths) >= 16
    for path in paths:
        answer = someone.get(path.replace("{id}", "0" * 32).replace("{name}", "style.css"))
        open_ = path in ("/sign-in", "/static/{name}")
        assert answer.status_code == (200 if open_ else 303), path
        assert open_ or answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("path", FORMS)
def test_every_page_is_strict_and_has_a_label_for_every_field(ann: Browser, path: str) -> None:
    assert "Sign out" in read(ann.get(path))


def test_problems_are_pages_in_words(ann: Browser, service: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "There is no such job" in read(ann.get("/jobs/" + "0" * 32), 404)
    assert "Not Found" in read(ann.get("/nowhere"), 404)
    assert "There is no such page" in read(ann.get("/jobs/x"), 404)
    assert "There is no such reference" in read(ann.get("/model", params={"name": HOSTILE[:300]}), 404)
    assert browser(service).get("/static/..%2fpage.css").status_code == 404


def test_styles_and_scripts_are_files_that_change_their_address(ann: Browser) -> None:
    shown = ann.get("/").text
    for name, kind in (("style.css", "text/css"), ("htmx.min.js", "text/javascript")):
        address = shown[shown.index(f"/static/{name}?v=") :].split('"')[0]
        answer = ann.get(address)
        assert answer.headers["content-type"].startswith(kind) and "immutable" in answer.headers["cache-control"]


def test_a_scan_is_shown_as_a_sentence_sections_a_report_and_a_file(
    service: Served, ann: Browser, documents: dict[str, Any]
) -> None:
    at = kept(service, ann, "scan", documents["scan"], {"target": "org/name"})
    said = read(ann.get(at))
    assert "The weights are not independent: demo-base" in said and "Family tree" in said and "Write its bill" in said
    report = ann.get(f"{at}/report")
    assert report.text.startswith("<!DOCTYPE html>") and "sandbox" in report.headers["content-security-policy"]
    file = ann.get(f"{at}/download")
    assert file.json() == documents["scan"] and "attachment" in file.headers["content-disposition"]
    assert "org/name" in read(ann.get("/jobs")) and "org/name" in read(ann.get("/"))
    decided = ann.get(f"/policy?of={at[6:]}").text
    assert f'value="job:{at[6:]}"' in decided
    progress = ann.get(f"{at}/progress", headers={"HX-Request": "true"})
    assert progress.headers["hx-refresh"] == "true"


def test_the_example_and_documents_without_a_report_are_shown(
    service: Served, ann: Browser, documents: dict[str, Any]
) -> None:
    assert "related to demo-base" in read(ann.get(kept(service, ann, "demo", documents["demo"])))
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.7", "metadata": {"component": {"name": HOSTILE}}}
    at = kept(service, ann, "write", bill, {"target": f"job:{'0' * 32}"})
    assert "Written as CycloneDX 1.7" in read(ann.get(at))
    assert ann.get(f"{at}/download").headers["content-disposition"].endswith('.cdx.json"')
    assert read(ann.get(f"{at}/report"), 404)
    hits = {"schema": "forebear.index-search/1", "target": "a", "references": 3}
    hits |= {"hits": [{"name": HOSTILE, "agree": 9, "n": 10, "log10_p": -2.0}]}
    assert "9 of 10" in read(ann.get(kept(service, ann, "search", hits, {"target": "a"})))
    probe: dict[str, Any] = {
        "schema": "forebear.probe/1",
        "verdict": "contradicted",
        "model": HOSTILE,
        "why": "its tokens are others",
    }
    probe |= {"candidates": [{"name": HOSTILE, "grade": "possible", "why": HOSTILE}], "tokenizer": {"matches": ["x"]}}
    assert "It is not what it claims to be. Its tokens are others." in read(ann.get(kept(service, ann, "probe", probe)))
    assert read(ann.get(kept(service, ann, "scan", {"schema": 5})))


def test_hostile_names_stay_text_on_every_page(service: Served, ann: Browser, documents: dict[str, Any]) -> None:
    scan = json.loads(json.dumps(documents["scan"]))
    scan["model"]["name"] = HOSTILE
    at = kept(service, ann, "scan", scan, {"target": HOSTILE})
    said = read(ann.get(at))
    assert "<script>alert(1)</script>" in said and len(ann.get(at).text) < 200_000
    broken = {"message": HOSTILE, "hint": HOSTILE, "exit_code": 4}
    assert "Failed" in read(ann.get(kept(service, ann, "scan", broken, {"target": HOSTILE})))
    before = kept(service, ann, "traffic", broken, {"files": [f"job:{at[6:]}"]})
    assert "a saved result" in read(ann.get(kept(service, ann, "traffic", broken, {"files": [f"job:{before[6:]}"]})))
    traffic = {"schema": "forebear.traffic/1", "summary": HOSTILE, "identifiers": [{"identifier": HOSTILE}]}
    traffic |= {"findings": [{"level": "note", "message": HOSTILE}], "captures": [{"file": HOSTILE}]}
    assert "None known" in read(ann.get(kept(service, ann, "traffic", traffic, {"files": [HOSTILE] * 9})))
    read(ann.get("/jobs"))
    for page, field in (("/identify", "text"), ("/", "ask")):
        answer = ann.send(page, "/identify" if field == "text" else "/start/ask", {field: HOSTILE})
        read(answer, answer.status_code)
    read(ann.get("/references", params={"q": HOSTILE[:200]}))
    read(ann.get("/tree", params={"country": HOSTILE[:200]}))
    assert ann.get("/references", params={"q": HOSTILE}).status_code == 422


def test_a_job_that_runs_is_followed_without_a_script_too(service: Served, ann: Browser) -> None:
    at = ann.send("/compare", "/start/compare", {"a": "org/base", "b": "org/child"}).headers["location"]
    shown = ann.get(at).text
    assert f'hx-get="{at}/progress"' in shown and '<noscript><meta http-equiv="refresh"' in shown
    assert "org/child against org/base" in read(ann.get(at)) and "Waits" in read(ann.get(at))
    piece = ann.get(f"{at}/progress")
    assert "hx-refresh" not in piece.headers and piece.text.startswith('<div id="progress"')
    ann.send("/", f"{at}/cancel")


def test_references_are_searched_narrowed_down_and_paged(ann: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "1 to 3 of 3" in read(ann.get("/references"))
    assert "1 to 2 of 2 that fit, of 3" in read(ann.get("/references", params={"q": "META apache"}))
    assert "1 to 2 of 2" in read(ann.get("/references", params={"developer": "Meta", "country": "US"}))
    assert "twin" in read(ann.get("/references", params={"country": "unknown"}))
    assert "None of 3 references fits" in read(ann.get("/references", params={"q": "nothing"}))
    piece = ann.get("/references?q=base", headers={"HX-Target": "rows"})
    assert piece.text.startswith('<div id="rows">') and "<html" not in piece.text
    monkeypatch.setattr("forebear.web.pages.references.PAGE", 2)
    second = ann.get("/references", params={"q": "a", "at": "9"})
    assert "3 to 3 of 3" in read(second) and 'href="/references?q=a&amp;at=1"' in second.text


def test_a_reference_has_its_relatives_seats_and_duties(ann: Browser) -> None:
    said = read(ann.get("/model", params={"name": "meta-llama/base"}))
    assert "dependent on those of 1 other reference, the nearest being meta-llama/finetune" in said
    assert "codes tell no direction" in said and "554 of 576" in said
    assert "Controlled from" in said and "Include a copy of the licence" in said
    twin = read(ann.get("/model", params={"name": "twin <i>& co"}))
    assert "No other reference has codes" in twin and "not known to the catalogue" in twin


def test_the_tree_is_drawn_once_and_narrowed_down(service: Served, ann: Browser, documents: dict[str, Any]) -> None:
    bob = browser(service, "read", "submit", name="bob")
    assert "Draw the tree" in read(bob.get("/tree"))
    led = bob.send("/tree", "/start/family").headers["location"]
    assert "being drawn" in read(bob.get("/tree")) and led in bob.get("/tree").text
    kept(service, ann, "family", documents["family"])
    said = read(ann.get("/tree"))
    assert "3 of 3 references, 1 relation" in said and "has changed" not in said
    assert "2 of 3 references" in read(ann.get("/tree", params={"developer": "Meta"}))
    assert "None of 3 references fits" in read(ann.get("/tree", params={"country": "CN"}))
    fewer = {**documents["family"], "members": documents["family"]["members"][:1], "edges": []}
    kept(service, ann, "family", fewer)
    assert "The index has changed" in read(ann.get("/tree"))


def test_what_is_above_a_model_stays_in_sight(home: Path) -> None:
    from forebear.report.html.family import tree_of
    from forebear.web.pages.references import narrowed

    names = "abcde"
    edges = [{"a": a, "b": b, "direction": "a_to_b", "verdict": "dependent"} for a, b in ("ab", "bc", "bd")]
    tree = tree_of({"members": [{"name": n, "group": 0} for n in names], "edges": edges})
    kept_ = narrowed(tree, {"c"})
    assert ({m.name for m in kept_.members}, len(kept_.edges)) == ({"a", "b", "c"}, 2)
    assert not narrowed(tree, set()).members


def test_a_tree_of_a_thousand_models_is_small_enough(service: Served, ann: Browser) -> None:
    members: list[dict[str, Any]] = [
        {
            "name": f"org-{k % 30}/some-model-{k}",
            "target": "",
            "digest": None,
            "group": 0,
            "ghost": False,
            "problem": "",
            "shape": {},
        }
        for k in range(1_000)
    ]
    how = {"kind": "finetune", "direction": "a_to_b", "confidence": None, "details": {"in_words": ["fine-tuned"]}}
    edges = [
        {"a": members[(k - 1) // 4]["name"], "b": members[k]["name"], "direction": "a_to_b", "verdict": "dependent"}
        | {"log10_p": -30.0, "relation": how, "why": "554 of 576 coins agree"}
        for k in range(1, 1_000)
    ]
    at = kept(service, ann, "family", {"schema": "forebear.tree/1", "members": members, "edges": edges})
    for page in (ann.get("/tree"), ann.get(at)):
        assert page.status_code == 200 and 200_000 < len(page.content) < 3_000_000
    assert "1,000 of 1,000 references, 999 relations" in read(ann.get("/tree"))
    assert shown({}, Job("one", "a", "scan", {}))[0].word == "Done"


def test_what_is_made_of_a_result_is_made_once_paid_for_once_and_goes_with_the_job(
    service: Served, ann: Browser, documents: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = service.client.app.state.service  # type: ignore[attr-defined]
    at = kept(service, ann, "scan", documents["scan"], {"target": "org/name", "effort": "deep", "fetch": True})
    paid: list[float] = []

    def pay(_: str, take: float = 1.0) -> int:
        paid.append(take)
        return 0

    monkeypatch.setattr(state.rates, "wait", pay)
    first = [ann.get(f"{at}/report"), ann.get(f"{at}/report")]
    assert paid == [1.0, COSTLY, 1.0] and first[0].content == first[1].content and "--effort deep" in first[0].text
    paid.clear()
    shown = [ann.get(at), ann.get(at)]
    assert paid == [1.0, COSTLY, 1.0] and "--effort deep" in shown[1].text
    monkeypatch.setattr(state.rates, "wait", lambda _, take=1.0: 3 if take > 1 else 0)
    other = kept(service, ann, "scan", documents["scan"])
    assert [ann.get(f"{other}/report").status_code, ann.get(other).status_code] == [429, 429]
    assert ann.get(f"{at}/report").status_code == 200
    assert ann.send("/jobs", f"{at}/remove").status_code == 303
    assert state.reports.get(at[6:]) is None and state.shown.get(at[6:]) is None
    assert ann.get(f"{at}/report").status_code == 404


def test_a_job_that_cannot_be_is_a_page_that_is_not_there(service: Served, ann: Browser) -> None:
    for address in ("/jobs/nonsense", "/jobs/nonsense/report"):
        answer = ann.get(address)
        assert answer.status_code == 404 and "here is no such page" in answer.text and "pattern" not in answer.text
