"""The service with real jobs: one worker process, models and captures that were uploaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from documents import check_document
from edits import drifted
from forebear.index import LocalIndex
from forebear.inspect import enrol
from models import tiny_llama
from services import Served, served


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models")
    base = tiny_llama(place / "base", seed=1)
    drifted(base, "child", 0.1)
    enrol(str(base), LocalIndex(place.parent / "home"), "org/base")
    (place / "capture.jsonl").write_text('{"model": "deepseek-v3.1"}\n', "utf-8")
    return place


@pytest.fixture(scope="module")
def service(models: Path) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOREBEAR_HOME", str(models.parent / "home"))
        patch.setenv("FOREBEAR_CACHE", str(models.parent / "cache"))
        own = models.parent / "house.yaml"
        pack = resources.files("forebear") / "data" / "policies" / "baseline.yaml"
        own.write_text(pack.read_text("utf-8"), "utf-8")
        waivers = models.parent / "waivers.yaml"
        waivers.write_text("waivers: []\n", "utf-8")
        terms = {"policies": {"house": str(own)}, "waivers": str(waivers)}
        with served(models.parent / "home" / "service", **terms) as found:
            yield found


@pytest.fixture(scope="module")
def ann(service: Served) -> dict[str, str]:
    return service.token()


@pytest.fixture(scope="module")
def child(service: Served, ann: dict[str, str], models: Path) -> str:
    return service.upload(ann, "child", *sorted((models / "child").iterdir()))


@pytest.fixture(scope="module")
def scan(service: Served, ann: dict[str, str], child: str) -> str:
    id = service.start(ann, "scan", target=f"upload:{child}", fetch=False)
    job = service.ended(ann, id)
    assert job["state"] == "done", job
    return id


def result(service: Served, who: dict[str, str], id: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(service.client.get(f"/api/v1/jobs/{id}/result", headers=who).content)
    check_document(document)
    return document


def test_a_scan_is_what_the_command_says_and_tells_no_path_of_the_server(
    service: Served, ann: dict[str, str], scan: str
) -> None:
    found = result(service, ann, scan)
    assert found["related"] is True and found["ancestors"][0]["name"] == "org/base"
    assert found["model"]["name"] == "child" and found["model"]["target"] == "child"
    text = json.dumps(found)
    assert str(service.settings.home) not in text and scan not in text
    assert not any(service.settings.runs.iterdir())


def test_events_are_told_from_the_start_and_from_any_on(service: Served, ann: dict[str, str], scan: str) -> None:
    address = f"/api/v1/jobs/{scan}/events"
    whole = service.client.get(address, headers=ann)
    assert whole.headers["content-type"].startswith("text/event-stream")
    events = [e.split("\n") for e in whole.text.strip().split("\n\n")]
    assert [e[1] for e in (events[0], events[1], events[-1])] == ["event: state"] * 3
    assert json.loads(events[-1][2].removeprefix("data: "))["state"] == "done"
    later = service.client.get(address, headers={**ann, "Last-Event-ID": str(len(events) - 1)})
    assert later.text.strip().split("\n\n") == ["\n".join(events[-1])]


def test_a_result_is_shown_as_a_report_and_in_fragments(service: Served, ann: dict[str, str], scan: str) -> None:
    page = service.client.get(f"/api/v1/jobs/{scan}/report", headers=ann)
    assert page.text.startswith("<!DOCTYPE html>") and "org/base" in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "sandbox" in policy and "script-src" not in policy
    told = service.client.get(f"/api/v1/jobs/{scan}/answer", headers=ann).json()
    assert told["tone"] == "related" and {"family", "evidence"} <= {f["name"] for f in told["fragments"]}


def test_the_other_kinds(service: Served, ann: dict[str, str], models: Path, child: str, scan: str) -> None:
    base = service.upload(ann, "base", *sorted((models / "base").iterdir()), models / "capture.jsonl")
    started = {
        "compare": service.start(ann, "compare", a=f"upload:{base}", b=f"upload:{child}"),
        "search": service.start(ann, "search", target=f"upload:{child}"),
        "traffic": service.start(ann, "traffic", files=[f"upload:{base}/capture.jsonl"]),
        "policy": service.start(ann, "policy", target=f"job:{scan}"),
        "own policy": service.start(ann, "policy", target=f"job:{scan}", policies=["house"]),
        "bom": service.start(ann, "bom", bom=f"upload:{base}/config.json"),
    }
    jobs = {kind: service.ended(ann, id) for kind, id in started.items()}
    assert {kind: job["state"] for kind, job in jobs.items()} == {**dict.fromkeys(jobs, "done"), "bom": "failed"}
    assert result(service, ann, started["compare"])["related"] is True
    assert result(service, ann, started["search"])["hits"][0]["name"] == "org/base"
    assert result(service, ann, started["traffic"])["identifiers"][0]["family"] == "deepseek"
    ours, theirs = (result(service, ann, started[kind]) for kind in ("own policy", "policy"))
    assert ours["decision"] == theirs["decision"] in ("pass", "deny", "inconclusive")
    for own in ("house.yaml", "waivers.yaml"):
        assert str(models.parent / own) not in json.dumps(ours)
    for name in ("none", "house.yaml", "../house", str(models.parent / "house.yaml")):
        asked = {"target": f"job:{scan}", "policies": [name]}
        assert service.client.post("/api/v1/jobs/policy", json=asked, headers=ann).status_code == 422
    error = jobs["bom"]["error"]
    assert error["exit_code"] == 4 and error["message"].startswith("base/config.json: ")
    assert service.client.get(f"/api/v1/jobs/{started['traffic']}/report", headers=ann).status_code == 404


def test_a_document_cannot_lead_a_job_to_files_of_the_server(
    service: Served, ann: dict[str, str], models: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.safetensors").symlink_to("/etc/passwd")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../../../../etc/passwd"}}), "utf-8")
    id = service.start(ann, "scan", target=f"upload:{service.upload(ann, 'evil', index)}", fetch=False)
    job = service.ended(ann, id)
    assert job["state"] == "failed" and "root:" not in json.dumps(job)


def test_a_key_is_in_no_row_no_answer_and_no_log(
    service: Served, ann: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    who, key = service.token("read", "probe"), "sk-very-secret-1234567890"
    asked = {"url": "http://93.184.216.34/v1", "model": "m", "key": key}
    refused = service.client.post("/api/v1/jobs/probe", json={**asked, "url": "http://127.0.0.1/v1"}, headers=who)
    invalid = service.client.post("/api/v1/jobs/probe", json={**asked, "effort": key}, headers=who)
    assert refused.status_code == invalid.status_code == 422 and key not in refused.text + invalid.text
    assert service.client.post("/api/v1/jobs/probe", json=asked, headers=ann).status_code == 403
    kept = b"".join(p.read_bytes() for p in service.settings.home.glob("service.sqlite*"))
    assert key.encode() not in kept and key not in "".join(capfd.readouterr())


def test_the_kinds_that_pages_ask_for(service: Served, ann: dict[str, str], scan: str) -> None:
    started = {
        "write": service.start(ann, "write", target=f"job:{scan}"),
        "family": service.start(ann, "family"),
        "demo": service.start(ann, "demo"),
        "again": service.start(ann, "demo"),  # the folder of the first one's temporary files is gone
    }
    jobs = {kind: service.ended(ann, id) for kind, id in started.items()}
    assert {job["state"] for job in jobs.values()} == {"done"}, jobs
    bill = json.loads(service.client.get(f"/api/v1/jobs/{started['write']}/result", headers=ann).content)
    assert bill["bomFormat"] == "CycloneDX" and "org/base" in json.dumps(bill)
    assert [m["name"] for m in result(service, ann, started["family"])["members"]] == ["org/base"]
    assert [case["scan"]["related"] for case in result(service, ann, started["again"])["cases"]] == [True, True, None]
    events = service.client.get(f"/api/v1/jobs/{started['demo']}/events", headers=ann).text
    assert "finetune: The weights are not independent" in events
