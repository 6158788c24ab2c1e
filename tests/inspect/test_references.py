"""References on demand, and looks at models on a hub: what is fetched, tested, kept, and paid for."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import forebear
from documents import check_document
from edits import drifted, move_gains
from forebear.catalogue import KnownModel
from forebear.errors import InputError
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.inspect.doctor import checks
from forebear.types import Verdict
from hub import Fault, Hub, folder_files
from models import tiny_llama

KNOWN = ("org/base", "org/stranger", "org/gone")
SHAPE = {"width": 64, "layers": 4, "heads": 4, "kv_heads": 2, "intermediate": 128, "vocabulary": 256}


def known(repository: str) -> KnownModel:
    return KnownModel(repository, repository, "Org", ("llama",), "made up here", "retrieved", **SHAPE)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with a base, an unrelated model of its shape, a child and a twin; the catalogue knows the first two."""
    for number, name in enumerate(("base", "stranger", "twin")):
        tiny_llama(tmp_path / name, seed=number)
        move_gains(tmp_path / name, number)
    drifted(tmp_path / "base", "child", 0.2)
    monkeypatch.setattr("forebear.catalogue.models.known_models", lambda: tuple(known(name) for name in KNOWN))
    monkeypatch.setenv("FOREBEAR_CACHE", str(tmp_path / "cache"))
    for name in ("FOREBEAR_OFFLINE", "HF_HUB_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("forebear.inspect.cost.LIGHT_FROM", 0)
    with Hub() as server:
        for name in ("base", "stranger", "twin", "child"):
            server.add(f"org/{name}", folder_files(tmp_path / name))
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        yield server


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    return LocalIndex(tmp_path / "home")


def weights_of(hub: Hub, name: str) -> list[str]:
    """Requests for the weights of a model."""
    return [r.path for r in hub.log if f"/{name}/resolve/" in r.path and "safetensors" in r.path]


def test_an_empty_index_fetches_the_bases_that_the_shape_suggests(hub: Hub, index: LocalIndex, tmp_path: Path) -> None:
    result = forebear.scan(str(tmp_path / "child"), index)
    assert [a.name for a in result.ancestors] == ["org/base"] and result.verdict is Verdict.DEPENDENT
    assert result.references_tested == 2
    assert "fetched for this scan: org/base, org/stranger" in result.coverage.tested
    missing = {u.what: u.why for u in result.coverage.not_tested}
    assert "could not be fetched: org/gone: not found or gated" in missing["org/gone"].replace("hf:", "")
    commit = hub.repositories["org/base"].commit
    assert result.ancestors[0].target == f"hf:org/base@{commit}"
    assert {e.name: e.location.split("@")[0] for e in index.entries()} == {
        "org/base": "hf:org/base",
        "org/stranger": "hf:org/stranger",
    }
    assert result.cost.requests > 10  # those to the hub are counted
    check_document(result.to_json())


def test_what_was_fetched_is_kept(hub: Hub, index: LocalIndex, tmp_path: Path) -> None:
    forebear.scan(str(tmp_path / "child"), index)
    hub.log.clear()
    twin = forebear.scan(str(tmp_path / "twin"), index)
    assert twin.ancestors == () and twin.verdict is Verdict.INCONCLUSIVE
    assert not weights_of(hub, "base") and not weights_of(hub, "stranger")
    assert not any("fetched" in line for line in twin.coverage.tested)


@pytest.mark.parametrize("name", ["FOREBEAR_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_nothing_is_asked(
    name: str, hub: Hub, index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    result = forebear.scan(str(tmp_path / "child"), index)
    assert hub.log == [] and result.verdict is Verdict.INCONCLUSIVE
    assert "forebear index add hf:org/base" in result.findings[0].clears


def test_nor_without_leave_nor_where_an_ancestor_is_known(hub: Hub, index: LocalIndex, tmp_path: Path) -> None:
    forebear.scan(str(tmp_path / "child"), index, fetch=False)
    forebear.scan(str(tmp_path / "child"), index, "quick")
    enrol(str(tmp_path / "base"), index, "local base")
    found = forebear.scan(str(tmp_path / "child"), index)
    assert [a.name for a in found.ancestors] == ["local base"]
    assert hub.log == []


def test_a_hub_that_is_down_costs_the_references_and_not_the_answer(
    hub: Hub, index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forebear.sources.http.time.sleep", lambda _: None, raising=False)
    hub.fault(Fault("hub/", times=None, status=403))
    result = forebear.scan(str(tmp_path / "child"), index)
    assert result.verdict is Verdict.INCONCLUSIVE and result.problems == ()
    assert sum("could not be fetched" in u.why for u in result.coverage.not_tested) == 3


def test_a_hub_that_takes_no_connection_is_not_waited_for(
    index: LocalIndex, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
        result = forebear.scan(str(tmp_path / "child"), index)
    missing = [u.what for u in result.coverage.not_tested if "the hub could not be reached" in u.why]
    assert set(missing) == set(KNOWN) and result.verdict is Verdict.INCONCLUSIVE and hub.log == []


def test_a_child_on_the_hub_is_found_and_a_twin_is_not(hub: Hub, index: LocalIndex, tmp_path: Path) -> None:
    enrol("hf:org/base", index)
    child = forebear.scan("org/child", index, fetch=False)
    assert [a.name for a in child.ancestors] == ["org/base"] and child.verdict is Verdict.DEPENDENT
    assert child.ancestors[0].log10_e == pytest.approx(child.ancestors[0].log10_p + np.log10(2))  # two looks are paid
    assert any("compared by its code" in u.why for u in child.coverage.not_tested)
    assert any("3 of 4 were read" in u.why for u in child.coverage.not_tested)
    hub.log.clear()
    twin = forebear.scan("hf:org/twin", index, fetch=False)
    assert twin.ancestors == () and twin.verdict is Verdict.INCONCLUSIVE
    assert len(hub.log) < 40


def test_a_deep_look_reads_everything_once_more_and_row_by_row(hub: Hub, index: LocalIndex) -> None:
    enrol("hf:org/base", index, effort="deep")
    child = forebear.scan("hf:org/child", index, "deep", fetch=False)
    assert [a.name for a in child.ancestors] == ["org/base"]
    assert not any("compared by its code" in u.why for u in child.coverage.not_tested)
    assert child.ancestors[0].log10_e == pytest.approx(child.ancestors[0].log10_p)


def test_a_suggestive_first_look_is_followed_by_a_whole_one(
    hub: Hub, index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So far from its base that a light code says little: the whole plan is read before anything is said."""
    enrol(str(tmp_path / "base"), index, "base")
    steps: list[str] = []
    drifted(tmp_path / "base", "far", 3.0)
    hub.add("org/far", folder_files(tmp_path / "far"))
    result = forebear.scan("hf:org/far", index, on_step=steps.append, fetch=False)
    light = steps.count("reading slices")
    assert light == 2, result.why
    twin: list[str] = []
    forebear.scan("hf:org/twin", index, on_step=twin.append, fetch=False)
    assert twin.count("reading slices") == 1


def test_at_most_three_are_fetched_and_the_rest_is_named(
    hub: Hub, index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"org/m{k}" for k in range(5)]
    monkeypatch.setattr("forebear.catalogue.models.known_models", lambda: tuple(known(name) for name in names))
    result = forebear.scan(str(tmp_path / "twin"), index)
    whys = {u.what: u.why for u in result.coverage.not_tested if u.what in names}
    assert [w for w in names if "could not be fetched" in whys[w]] == names[:3]
    assert [w for w in names if "fetched first" in whys[w]] == names[3:]


def test_a_repository_without_a_model_is_refused(hub: Hub) -> None:
    hub.add("org/card", {"README.md": b"# nothing", "config.json": json.dumps({"model_type": "llama"}).encode()})
    with pytest.raises(InputError, match="no model weights in it"):
        forebear.scan("hf:org/card")


def unfetched_of(index: LocalIndex, folder: Path, fetch: bool = True) -> str:
    finding = next(f for f in forebear.scan(str(folder), index=index, fetch=fetch).findings if "no-ref" in f.id)
    return finding.message


def test_why_no_known_base_was_fetched_is_told(
    hub: Hub, index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child"
    assert "None was fetched, as was asked for (--no-fetch)." in unfetched_of(index, child, fetch=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", closed := f"http://127.0.0.1:{free.getsockname()[1]}")
        told = unfetched_of(index, child)
        doctor = next(check for check in checks() if check["name"] == "network")
    assert f"Not fetched: org/base (the hub could not be reached: {closed} takes no connection)" in told
    assert (doctor["status"], doctor["seen"]) == ("note", f"hub at {closed} takes no connection")
    monkeypatch.setenv("FOREBEAR_OFFLINE", "1")
    assert "None was fetched: the network is forbidden (--offline, " in unfetched_of(index, child)
    monkeypatch.setattr("forebear.catalogue.models.known_models", lambda: ())
    assert "No known base has this shape, so none was looked up" in unfetched_of(index, child)
    doctor = next(check for check in checks() if check["name"] == "network")
    assert doctor["seen"] == "forbidden, by --offline or the environment" and "--offline" in doctor["mend"]


def test_a_hub_that_answers_is_told_as_one(hub: Hub) -> None:
    doctor = next(check for check in checks() if check["name"] == "network")
    assert (doctor["status"], doctor["seen"]) == ("ok", f"hub at {hub.endpoint} answers, without a token")
