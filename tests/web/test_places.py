"""No job tells where anything lies on this machine: by every kind of job, and by texts that try."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, cast

import pytest

from forebear.errors import IndexError_
from forebear.index import Index, LocalIndex
from forebear.inspect.enrol import Private, enrol
from forebear.web.places import OWN, Places
from services import Served, served

DEMO = Path(str(resources.files("forebear"))) / "data" / "demo"
RUN = "/srv/home/service/runs/a-b-1"


class _Known:
    """An index as far as places are looked up in it."""

    def __init__(self, *places: tuple[str, str], damaged: bool = False) -> None:
        self._places, self._damaged, self.asked = places, damaged, 0

    def places(self) -> Iterator[tuple[str, str]]:
        self.asked += 1
        if self._damaged:
            raise IndexError_("/srv/home/index.sqlite: damaged", "repair it")
        return iter(self._places)


def places(*known: tuple[str, str], damaged: bool = False) -> tuple[Places, _Known]:
    index = _Known(*known, damaged=damaged)
    return Places(("/srv/home", "/srv/cache/", "", "/", "postgresql://db/f"), lambda: cast(Index, index)), index


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{RUN}/child/config.json: damaged", "child/config.json: damaged"),
        (RUN, "."),
        ("/models/llama: permission denied", "the folder of acme/llama-1: permission denied"),
        ("not in '/models/llama/config.json'", "not in 'the folder of acme/llama-1/config.json'"),
        ("why:/models/llama.", "why:the folder of acme/llama-1."),
        ("/models/llama-2 and /models/llama.old", "the folder of acme/llama-2 and /models/llama.old"),
        ("/models/llama and /models/my model: gone", "the folder of acme/llama-1 and the folder of mine: gone"),
        ("/srv/home/models/x: gone", "the folder of here: gone"),
        ("/srv/home/index.sqlite: damaged", f"{OWN}: damaged"),
        ("(/srv/cache/hub/a-b/c.json)", f"({OWN})"),
        ("postgresql://db/f: cannot be reached", f"{OWN}: cannot be reached"),
        ("/srv/homeless and x/srv/home", "/srv/homeless and x/srv/home"),
        ("/root/theirs, https://hub.example/models/llama", "/root/theirs, https://hub.example/models/llama"),
        ("models/llama, ../models/llama and org/name", "models/llama, ../models/llama and org/name"),
    ],
)
def test_what_is_ours_is_told_by_name_and_what_is_theirs_is_left(text: str, told: str) -> None:
    known = ("acme/llama-1", "/models/llama"), ("acme/llama-2", "/models/llama-2"), ("mine", "/models/my model")
    hide, _ = places(*known, ("here", "/srv/home/models/x"))
    assert hide.hidden(text, RUN) == told
    assert hide.hidden({"a": [{text: text}]}, RUN) == {"a": [{told: told}]} or text == RUN


def test_a_reference_is_named_as_one_and_by_the_name_that_stands_beside_it() -> None:
    hide, _ = places(("one", "/models/llama"), ("two", "/models/llama"))
    found = hide.hidden({"found": [{"name": "two", "target": "/models/llama"}, {"target": "/models/llama"}]}, RUN)
    assert found == {"found": [{"name": "two", "target": "index:two"}, {"target": "index:one"}]}


def test_references_are_looked_up_once_and_only_where_a_path_is_told() -> None:
    hide, index = places(("one", "/models/llama"))
    document = {"n": 3, "x": None, "t": True, "a": "org/name", "b": "https://hub.example/x", "c": f"{RUN}/x"}
    assert hide.hidden(document, RUN) == {**document, "c": "x"} and index.asked == 0
    hide.hidden({"a": "/x", "b": ["/y", "/models/llama"]}, RUN)
    assert index.asked == 1


def test_where_the_index_cannot_be_read_no_path_is_told_at_all() -> None:
    hide, _ = places(damaged=True)
    assert hide.hidden("/models/llama/x: gone, /a/b", RUN) == f"{OWN}: gone, {OWN}"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models that jobs may not read."""
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture(scope="module")
def service(elsewhere: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("service")
    shutil.copytree(DEMO / "base", elsewhere / "base")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOREBEAR_HOME", str(home))
        patch.setenv("FOREBEAR_CACHE", str(home / "cache"))
        index = LocalIndex(home)
        enrol(str(elsewhere / "base"), index, "acme/llama-1")
        enrol(str(DEMO / "twin"), index, "guarded", private=Private())
        with served(home / "service", offline=True) as found:
            yield found


def test_no_kind_of_job_tells_a_path_of_the_server(service: Served, elsewhere: Path) -> None:
    who = service.token()
    child = service.upload(who, "child", *(p for p in (DEMO / "finetune").iterdir() if p.is_file()))
    target = f"upload:{child}"
    jobs = {"scan": service.start(who, "scan", target=target)}
    assert service.ended(who, jobs["scan"])["state"] == "done"
    jobs["write"] = service.start(who, "write", target=f"job:{jobs['scan']}")
    assert service.ended(who, jobs["write"])["state"] == "done"
    jobs |= {
        "policy": service.start(who, "policy", target=target),
        "policy of a result": service.start(who, "policy", target=f"job:{jobs['scan']}"),
        "compare": service.start(who, "compare", a="index:acme/llama-1", b=target),
        "bom": service.start(who, "bom", bom=f"job:{jobs['write']}", target=target),
        "write of a model": service.start(who, "write", target=target),
        "search": service.start(who, "search", target=target),
        "family": service.start(who, "family"),
        "failed": service.start(who, "policy", target=f"upload:{child}/config.json"),
    }
    told: dict[str, Any] = {kind: [service.ended(who, id)] for kind, id in jobs.items()}
    for kind, id in jobs.items():
        for part in ("result", "report", "answer", "events"):
            told[kind].append(service.client.get(f"/api/v1/jobs/{id}/{part}", headers=who).text)
    assert [kind for kind, found in told.items() if found[0]["state"] != "done"] == ["failed"]
    secret = (str(elsewhere), str(service.settings.home.parent), str(DEMO.parent.parent))
    assert [(kind, path) for kind, found in told.items() for path in secret if path in json.dumps(found)] == []
    why = "the folder of acme/llama-1: outside of what jobs of this service may read"
    assert [kind for kind in ("scan", "policy", "bom") if why not in told[kind][1]] == []
    assert "forebear serve --allow-path" in told["policy"][1] and "permission denied" not in json.dumps(told)
