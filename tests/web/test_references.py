"""References of the index as targets: where a comparison names one, and nowhere that guards one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from browsers import browser
from forebear.index import LocalIndex
from forebear.inspect.enrol import Private, enrol
from forebear.signals import Fingerprint
from services import Served, served

DEMO = Path(str(resources.files("forebear"))) / "data" / "demo"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("service")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOREBEAR_HOME", str(home))
        patch.setenv("FOREBEAR_CACHE", str(home / "cache"))
        index = LocalIndex(home)
        enrol(str(DEMO / "base"), index, "org/base")
        enrol(str(DEMO / "twin"), index, "secret", private=Private())
        with served(home / "own", offline=True) as found:
            yield found


def test_a_comparison_with_a_reference_is_run_by_its_code_and_tells_no_path(service: Served) -> None:
    who = service.token()
    id = service.upload(who, "child", *(p for p in (DEMO / "finetune").iterdir() if p.is_file()))
    job = service.start(who, "compare", a="index:org/base", b=f"upload:{id}")
    assert service.ended(who, job)["state"] == "done"
    text = service.client.get(f"/api/v1/jobs/{job}/result", headers=who).text
    found = service.client.get(f"/api/v1/jobs/{job}/result", headers=who).json()
    assert found["related"] is True and found["a"]["target"] == "index:org/base" and found["a"]["name"] == "org/base"
    assert str(service.settings.home) not in text
    page = service.client.get(f"/api/v1/jobs/{job}/report", headers=who).text
    assert "forebear compare index:org/base child" in page


def test_a_scan_names_a_reference_and_not_where_its_files_lie(service: Served) -> None:
    who = service.token()
    id = service.upload(who, "child", *(p for p in (DEMO / "finetune").iterdir() if p.is_file()))
    job = service.start(who, "scan", target=f"upload:{id}", fetch=False)
    assert service.ended(who, job)["state"] == "done"
    answer = service.client.get(f"/api/v1/jobs/{job}/result", headers=who)
    assert answer.json()["ancestors"][0]["target"] == "index:org/base" and str(DEMO) not in answer.text
    assert str(DEMO) not in service.client.get(f"/api/v1/jobs/{job}/report", headers=who).text


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("compare", {"a": "index:org/none", "b": "index:org/base"}),
        ("compare", {"a": "index:secret", "b": "index:org/base"}),
        ("compare", {"a": "index:", "b": "index:org/base"}),
        ("scan", {"target": "index:org/base"}),
        ("policy", {"target": "index:org/base"}),
    ],
)
def test_a_guarded_reference_is_as_if_it_were_not_there_and_others_take_none(
    service: Served, monkeypatch: pytest.MonkeyPatch, kind: str, asked: dict[str, str]
) -> None:
    answer = service.client.post(f"/api/v1/jobs/{kind}", json=asked, headers=service.token())
    assert answer.status_code == 422 and answer.json()["error"]["hint"]
    if kind == "compare":
        assert "there is no such reference" in answer.json()["error"]["message"]


def test_the_page_of_a_reference_leads_to_a_comparison_with_it(service: Served) -> None:
    ann = browser(service, "read", "submit")
    assert "/compare?a=index%3Aorg/base" in ann.get("/model?name=org/base").text
    assert 'value="index:org/base"' in ann.get("/compare?a=index%3Aorg/base").text
    started = ann.send("/compare", "/start/compare", {"a": "index:org/base", "b": "index:org/base"})
    assert started.status_code == 303
    job = service.client.app.state.service.store.job(started.headers["location"][6:])  # type: ignore[attr-defined]
    assert job.request["a"] == "index:org/base"


def test_what_the_index_holds_is_found_in_the_one_box_and_a_comparison_says_how_to_name_it(service: Served) -> None:
    ann = browser(service, "read", "submit")
    asked = {text: ann.send("/", "/start/ask", {"ask": text}) for text in ("org/base", "secret", "gpt2")}
    assert asked["org/base"].headers["location"] == "/model?name=org/base"
    assert asked["secret"].headers.get("location") == "/references?q=secret"
    LocalIndex(service.settings.home.parent).add(*_again("my-gpt2"))
    assert 'href="/model?name=my-gpt2"' in ann.send("/", "/start/ask", {"ask": "gpt2"}).text
    wrong = ann.send("/compare", "/start/compare", {"a": "org/base", "b": "org/base"})
    assert wrong.status_code == 422 and "Of the index it is index:org/base" in wrong.text
    guarded = ann.send("/compare", "/start/compare", {"a": "secret", "b": "org/base"})
    assert guarded.status_code == 422 and "index:secret" not in guarded.text


def _again(name: str) -> tuple[Fingerprint, str]:
    """The demo's base under another name."""
    entry = LocalIndex().get("org/base")
    assert entry is not None
    return replace(entry.fingerprint, name=name), ""
