"""The test hub itself: the real client of the real hub is satisfied by it."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub import Fault, Hub, Link, folder_files
from models import tiny_llama


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub(page=4) as hub:
        yield hub


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tiny_llama(tmp_path / "model", seed=1, sharded=True)
    (folder / "original").mkdir()
    (folder / "original" / "params.json").write_text("{}")
    return folder


def get(url: str, **headers: str) -> tuple[int, bytes, Any]:
    request = urllib.request.Request(url, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


def test_the_real_client_is_satisfied(hub: Hub, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    huggingface_hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is a test dependency")
    repository = hub.add("org/model", folder_files(model))
    api = huggingface_hub.HfApi(endpoint=hub.endpoint, token=False)
    info = api.model_info("org/model", files_metadata=True)
    assert info.sha == repository.commit
    sizes = {p.relative_to(model).as_posix(): p.stat().st_size for p in model.rglob("*") if p.is_file()}
    assert {s.rfilename: s.size for s in info.siblings} == sizes
    for recursive in (True, False):  # pages of four: the client follows the links
        listed = list(api.list_repo_tree("org/model", recursive=recursive))
        files = {e.path: e.size for e in listed if isinstance(e, huggingface_hub.hf_api.RepoFile)}
        assert files == {n: s for n, s in sizes.items() if recursive or "/" not in n}
        assert [e.path for e in listed if isinstance(e, huggingface_hub.hf_api.RepoFolder)] == ["original"]
    for name in sizes:
        copy = api.hf_hub_download("org/model", name, cache_dir=tmp_path / "cache")
        assert Path(copy).read_bytes() == (model / name).read_bytes()
    metadata = api.get_safetensors_metadata("org/model")
    assert metadata.sharded and len(metadata.files_metadata) == len(list(model.glob("*.safetensors")))
    with pytest.raises(huggingface_hub.errors.EntryNotFoundError):
        api.hf_hub_download("org/model", "nothing", cache_dir=tmp_path / "cache")
    with pytest.raises(huggingface_hub.errors.RevisionNotFoundError):
        api.model_info("org/model", revision="nothing")
    with pytest.raises(huggingface_hub.errors.RepositoryNotFoundError):
        api.model_info("org/nothing", token=hub.token)
    with pytest.raises(huggingface_hub.errors.HfHubHTTPError, match="401"):  # strangers are not told what exists
        api.model_info("org/nothing")
    hub.add("org/gated", {"config.json": b"{}"}, gated=True)
    with pytest.raises(huggingface_hub.errors.GatedRepoError):
        api.hf_hub_download("org/gated", "config.json", cache_dir=tmp_path / "cache")
    hub.granted.add("org/gated")
    assert api.hf_hub_download("org/gated", "config.json", cache_dir=tmp_path / "cache", token=hub.token)


def test_ranges_are_answered_as_the_standard_says(hub: Hub) -> None:
    commit = hub.add("org/model", {"a.safetensors": bytes(range(100))}).commit
    url = f"{hub.endpoint}/org/model/resolve/{commit}/a.safetensors"
    for asked, start, stop in (
        ("0-0", 0, 1),
        ("10-19", 10, 20),
        ("90-200", 90, 100),
        ("95-", 95, 100),
        ("-7", 93, 100),
    ):
        status, body, headers = get(url, Range=f"bytes={asked}")
        assert (status, body) == (206, bytes(range(start, stop)))
        assert headers["Content-Range"] == f"bytes {start}-{stop - 1}/100"
    status, _, headers = get(url, Range="bytes=100-")
    assert (status, headers["Content-Range"]) == (416, "bytes */100")
    assert get(url)[:2] == (200, bytes(range(100)))


def test_storage_refuses_credentials_and_stale_signatures(hub: Hub) -> None:
    hub.add("org/model", {"a.safetensors": b"0123456789"})
    get(f"{hub.endpoint}/org/model/resolve/main/a.safetensors")
    url = hub.storage + hub.log[-1].path
    assert get(url)[0] == 200
    assert get(url, Authorization="Bearer x")[0] == 400
    hub.signature = "signed-2"
    assert get(url)[0] == 403


def test_a_terabyte_can_be_served(hub: Hub) -> None:
    class Computed:
        size = 10**12

        def read(self, start: int, stop: int) -> bytes:
            return bytes(at % 251 for at in range(start, stop))

    hub.add("org/giant", {"model.safetensors": Computed()})
    status, body, _ = get(f"{hub.endpoint}/org/giant/resolve/main/model.safetensors", Range="bytes=999999999990-")
    assert (status, body) == (206, bytes(at % 251 for at in range(10**12 - 10, 10**12)))


def test_commits_stay_when_a_branch_moves_on(hub: Hub) -> None:
    first = hub.add("org/model", {"a": b"1"}).commit
    second = hub.add("org/model", {"a": b"2"}).commit
    found = [get(f"{hub.endpoint}/org/model/resolve/{r}/a") for r in (first, second, "main")]
    assert [body for _, body, _ in found] == [b"1", b"2", b"2"]
    assert [headers["X-Repo-Commit"] for *_, headers in found] == [first, second, second]


def test_faults_strike_where_and_as_often_as_asked(hub: Hub) -> None:
    hub.add("org/model", {"a": bytes(1000), "b": b"b"})
    url = f"{hub.endpoint}/org/model/resolve/main/"
    hub.fault(Fault("resolve-cache", status=429, headers={"Retry-After": "7"}, skip=1, times=2))
    answers = [get(url + "a") for _ in range(4)]
    assert [status for status, *_ in answers] == [200, 429, 429, 200]
    assert answers[1][2]["Retry-After"] == "7"
    hub.fault(Fault("/a", skip=1, after=10, reset=True))
    with pytest.raises((ConnectionError, OSError)):
        get(url + "a")
    assert get(url + "b")[:2] == (200, b"b")
    hub.fault(Fault("resolve-cache", content=b"other"))
    assert get(url + "b")[1] == b"other"


def test_connections_are_kept_and_told_apart(hub: Hub) -> None:
    hub.add("org/model", {"a": b"1"})
    connection = http.client.HTTPConnection(hub.endpoint.removeprefix("http://"), timeout=10)
    for _ in range(2):
        connection.request("GET", "/api/models/org/model")
        assert connection.getresponse().read().startswith(b"{")
    connection.close()
    assert len({r.connection for r in hub.log}) == 1


class Watched(Link):
    """A link whose clock only moves while somebody waits, and which remembers what it was asked."""

    def __init__(self, latency: float, bandwidth: float) -> None:
        self.now, self.waits, self.carried = 0.0, list[float](), 0
        super().__init__(latency, bandwidth, lambda: self.now, self.pass_time)

    def pass_time(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def carry(self, count: int) -> None:
        self.carried += count
        super().carry(count)


def test_a_link_delays_connections_and_requests_and_slows_every_answer(hub: Hub, model: Path) -> None:
    hub.add("org/model", folder_files(model))
    hub.link = link = Watched(latency=0.5, bandwidth=100_000)
    host, port = hub.endpoint.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    for _ in range(2):
        connection.request("GET", "/api/models/org/model")
        answer = connection.getresponse().read()
    connection.close()
    assert link.carried == 2 * len(answer) == sum(r.sent for r in hub.log)
    assert link.waits[:2] == [1.0, 0.5] and link.waits.count(1.0) == 1 and link.waits.count(0.5) == 2
    assert link.now == pytest.approx(1.0 + 2 * 0.5 + link.carried / 100_000)


def test_answers_share_a_line_and_an_idle_one_saves_nothing_up() -> None:
    waits: list[float] = []
    now = 0.0
    link = Link(0.0, 100.0, lambda: now, waits.append)
    link.carry(100)
    link.carry(50)  # the line is busy until 1.0
    now = 5.0
    link.carry(10)
    assert waits == pytest.approx([1.0, 1.5, 0.1])
    Link(sleep=waits.append).carry(10**12)
    Link(sleep=waits.append).ask()
    assert len(waits) == 3
