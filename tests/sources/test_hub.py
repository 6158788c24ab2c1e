"""Hub repositories: what is listed and read, at which commit, and what is said where that is not possible."""

from __future__ import annotations

import json
import logging
import socket
from pathlib import Path
from typing import Any

import pytest

from forebear.sources import File, Metered, RangeCache, is_remote, open_source
from forebear.sources.hub import HubSource, find_token, is_hub
from hub import Fault, Hub
from models import refused

FILES = {
    "config.json": b"{}",
    "model.safetensors": bytes(range(256)) * 4_000,
    "original/params.json": b"{}",
    "sub/deep/model.safetensors": b"12345678",
}


@pytest.fixture
def source(hub: Hub) -> HubSource:
    hub.add("org/m", FILES)
    return HubSource("org/m")


# targets


@pytest.mark.parametrize(
    "target",
    [
        *("org/m", "org/m@v1.0", "hf:org/m", "hf:org/m@refs/pr/1", "hf:gpt2", "Org-1/m_2.5@" + "0" * 40),
        *("hf:org/m/q4", "hf:org/m/a b/c-1.5@v1"),
    ],
)
def test_targets_of_the_hub(target: str) -> None:
    assert is_hub(target) and is_remote(target)


@pytest.mark.parametrize(
    "target",
    (
        *("", "m", "./m", "../m", "/org/m", "org/m/x", "org//m", "org/m@", "org/.hidden", "-x/m", "örg/m", "hf:/m"),
        *(
            "hf:",
            "org/m@../x",
            "org/m\n",
            "org/m@a b",
            "~/m",
            "C:\\m",
            "org/m?x=1",
            "org/m#x",
            "hf:org/m@-x",
            "hf:org/m/",
            "hf:org/m/../x",
        ),
        *("hf:org/m/a//b", "hf:org/m/.git"),
    ),
)
def test_targets_of_something_else(target: str) -> None:
    assert not is_hub(target) and not is_remote(target)
    with refused(code=2):
        open_source(target)


def test_the_address_of_a_page_is_its_repository(hub: Hub) -> None:
    for path, target in (("", "hf:org/m"), ("/", "hf:org/m"), ("/tree/v1/q 4", "hf:org/m/q 4@v1")):
        source = open_source(f"{hub.endpoint}/org/m{path}")
        assert isinstance(source, HubSource) and source.target == target
    for other in (
        f"{hub.storage}/org/m",
        f"{hub.endpoint}/org/m/resolve/main/f",
        f"{hub.endpoint}/org",
        "https://x/o/m",
    ):
        assert not isinstance(open_source(other), HubSource)
    assert hub.log == []


# what is there


def test_the_first_level_is_the_model(source: HubSource, hub: Hub) -> None:
    assert source.files() == (File("config.json", 2), File("model.safetensors", 1_024_000))
    assert (source.name, source.target, source.only) == ("org/m", "org/m", None)
    assert source.location == f"hf:org/m@{hub.repositories['org/m'].commit}"
    assert HubSource(source.location).files() == source.files()


def test_nothing_is_sent_before_something_is_asked(hub: Hub) -> None:
    repr(HubSource("org/m"))
    assert hub.log == []


def test_long_lists_come_in_pages(hub: Hub) -> None:
    hub.page = 7
    hub.add("org/m", FILES | {f"file-{k:03}.txt": b"x" * k for k in range(50)})
    assert {f.path: f.size for f in HubSource("org/m").files()} == {
        "config.json": 2,
        "model.safetensors": 1_024_000,
    } | {f"file-{k:03}.txt": k for k in range(50)}
    assert sum("/tree/" in r.path for r in hub.log) == 9


def test_weights_in_a_folder_only_are_named(hub: Hub) -> None:
    folders = {f"unet-{k}/diffusion.safetensors": b"x" for k in range(5)}
    hub.add("org/m", folders | {"config.json": b"{}"})
    with refused("org/m: its weights lie in unet-0, unet-1, unet-2 and 2 more folders", "name one: hf:org/m/unet-0"):
        HubSource("org/m").files()


def test_a_folder_that_is_named_or_the_only_one_with_weights_is_the_model(hub: Hub) -> None:
    papers = {"README.md": b"# of all", "config.json": b"{}", "q8/README.md": b"# of q8"}
    hub.add("org/m", papers | {"q8/m.gguf": b"8" * 9, "q8/deeper/m.gguf": b"9"})
    hub.add("org/one", {"README.md": b"# of all", "weights/m.gguf": b"one"})
    named, only = HubSource("hf:org/m/q8"), HubSource("org/one")
    assert [f.path for f in named.files()] == ["README.md", "config.json", "m.gguf"]
    assert named.read("README.md", 0, 7) == b"# of q8" and named.read("m.gguf", 7, 9) == b"88"
    assert named.read("config.json", 0, 2) == b"{}"
    assert (named.name, only.name) == ("org/m/q8", "org/one")
    assert only.read("m.gguf", 0, 3) == b"one" and [f.path for f in only.files()] == ["README.md", "m.gguf"]
    for source, place in ((named, "hf:org/m/q8@"), (only, "hf:org/one/weights@")):
        assert source.location.startswith(place) and HubSource(source.location).files() == source.files()
    assert HubSource("hf:org/m/q8/deeper").read("m.gguf", 0, 1) == b"9"
    with refused("hf:org/m/q4: there is no folder q4 in it"):
        HubSource("hf:org/m/q4").files()


def test_a_repository_without_weights_lists_its_files(hub: Hub) -> None:
    hub.add("org/m", {"README.md": b"# soon"})
    assert HubSource("org/m").files() == (File("README.md", 6),)


def test_exactly_the_bytes_asked_for(source: HubSource, hub: Hub) -> None:
    data = FILES["model.safetensors"]
    for start, stop in ((0, 8), (500_000, 500_300), (1_023_999, 1_024_000)):
        assert source.read("model.safetensors", start, stop) == data[start:stop]
    assert sum(r.sent for r in hub.log if r.host == "lfs") == 8 + 300 + 1
    assert source.read("config.json", 1, 2) == b"}"
    with refused("nothing: not in org/m"):
        source.read("nothing", 0, 1)
    with refused("model.safetensors: ends at byte 1,024,000, expected 1,024,001"):
        source.read("model.safetensors", 0, 1_024_001)


def test_hints_are_fetched_together_and_counted_as_sent(source: HubSource, hub: Hub) -> None:
    meter = Metered(source)
    meter.files()
    hub.fault(Fault("lfs/store", status=503))
    hub.fault(Fault("lfs/store", pause=0.05, times=None))
    meter.prefetch([("model.safetensors", k * 80_000, k * 80_000 + 100) for k in range(12)])
    before = len(hub.log)
    for k in range(12):
        start = k * 80_000
        assert meter.read("model.safetensors", start, start + 100) == FILES["model.safetensors"][start : start + 100]
    assert len(hub.log) == before == meter.requests
    assert meter.bytes_read == sum(r.sent for r in hub.log)
    assert 2 <= hub.most_at_once <= 8


def test_a_branch_that_moves_on_changes_nothing(source: HubSource, hub: Hub) -> None:
    source.read("model.safetensors", 0, 10)
    first = source.location
    hub.add("org/m", FILES | {"model.safetensors": FILES["model.safetensors"][::-1]})
    assert source.read("model.safetensors", 300_000, 300_010) == FILES["model.safetensors"][300_000:300_010]
    assert source.read("config.json", 0, 2) == b"{}"
    assert source.location == first != HubSource("org/m").location
    assert HubSource(first).read("model.safetensors", 5, 9) == FILES["model.safetensors"][5:9]


def test_revisions_are_found(hub: Hub) -> None:
    first = hub.add("org/m", FILES).commit
    hub.repositories["org/m"].push({"model.safetensors": b"other"}, "refs/pr/1")
    assert HubSource("hf:org/m@refs/pr/1").files() == (File("model.safetensors", 5),)
    assert HubSource(f"org/m@{first}").read("config.json", 0, 2) == b"{}"
    with refused("org/m@v9: there is no revision v9"):
        HubSource("org/m@v9").files()


def test_a_file_of_another_commit_or_content_is_refused(source: HubSource, hub: Hub) -> None:
    source.read("model.safetensors", 0, 10)
    hub.fault(Fault("lfs/store", content=bytes(1_024_000)))
    with refused("model.safetensors: changed while it was being read"):
        source.read("model.safetensors", 500_000, 500_010)
    hub.fault(Fault("resolve/", headers={"X-Repo-Commit": "0" * 40}))
    with refused("config.json: changed while it was being read"):
        source.read("config.json", 0, 1)


# who may read


def test_what_is_not_there_may_be_gated(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with refused("org/nothing: not found or gated", "set HF_TOKEN; there is no such local folder either"):
        HubSource("org/nothing").files()
    monkeypatch.setenv("HF_TOKEN", hub.token)
    with refused("org/nothing: not found or gated", "HF_TOKEN may lack the right"):
        HubSource("org/nothing").files()


def test_gated_repositories_say_what_to_do(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("org/m", FILES, gated=True)
    with refused("org/m: gated", "accept its terms on the hub", "/org/m), then set HF_TOKEN"):
        HubSource("org/m").read("config.json", 0, 2)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    with refused("org/m: gated", "accept its terms on the hub"):
        HubSource("org/m").read("config.json", 0, 2)
    hub.granted.add("org/m")
    assert HubSource("org/m").read("config.json", 0, 2) == b"{}"
    assert {r.authorization for r in hub.log if r.host == "lfs"} <= {""}


def test_a_token_that_is_refused_or_unusable_is_never_shown(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret-but-wrong")
    with refused("org/m: the hub refuses HF_TOKEN", "wrong or has expired"):
        HubSource("org/m").files()
    for token in ("hf_se\ncret", "hf_sécret", "hf secret", "x" * 501):
        monkeypatch.setenv("HF_TOKEN", token)
        with refused("HF_TOKEN holds characters that no token has", code=2):
            HubSource("org/m")


def test_the_token_of_the_hubs_own_tools_is_used(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_token() == ""
    (tmp_path / "hf-home").mkdir()
    (tmp_path / "hf-home" / "token").write_text("hf_from-home\n")
    assert find_token() == "hf_from-home"
    (tmp_path / "elsewhere").write_text("hf_from-path")
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "elsewhere"))
    assert find_token() == "hf_from-path"
    monkeypatch.setenv("HF_TOKEN", " hf_set ")
    assert find_token() == "hf_set"


def test_secrets_appear_nowhere(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token)
    hub.add("org/m", FILES, private=True)
    hub.signature = "sig-secret"
    seen: list[str] = []
    with caplog.at_level(logging.DEBUG):
        source = HubSource("org/m")
        source.read("model.safetensors", 0, 100)
        seen += [repr(source), source.location, source.name, repr(source.files())]
        for fault in (
            Fault("lfs/", status=418, times=None),
            Fault("lfs/", status=503, times=None),
            Fault("lfs/", after=0, times=None),
            Fault("hub/org", status=403, times=None),
        ):
            hub.fault(fault)
            with pytest.raises(Exception) as caught:
                HubSource("org/m", RangeCache(tmp_path / "none")).read("model.safetensors", 300_000, 300_100)
            seen += [str(caught.value), repr(caught.value)]
            hub.forget()
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("forebear")]
    text = "\n".join(seen + ours)
    kept = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    for secret in (hub.token, "sig-secret"):
        assert secret not in text and secret.encode() not in kept
        assert not any(secret in str(p) for p in tmp_path.rglob("*"))


@pytest.mark.parametrize("value", ["ftp://x", "huggingface.co", "https://", "https://user:pw@x", "http://[::1"])
def test_an_unusable_endpoint_is_refused(hub: Hub, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", value)
    with refused("HF_ENDPOINT is not the address of a hub", code=2):
        HubSource("org/m")


def test_too_many_requests_are_told_in_words(hub: Hub) -> None:
    hub.add("org/m", FILES)
    hub.fault(Fault("/api/models", status=429, headers={"Retry-After": "600"}))
    with refused("org/m: ", "too many requests (429)", "try again in 600 seconds, or set HF_TOKEN"):
        HubSource("org/m").files()


# what lies


def file(path: Any = "a", size: Any = 5, oid: Any = "1" * 40, **more: Any) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": size, "oid": oid, **more}


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"[" * 100_000, b"{}", b"null", b"[1]", b'"x"', b"\xff", b'[{"type": "file"}]']
    + [
        json.dumps([entry]).encode()
        for entry in (
            file(path=5),
            file(path="\ud800"),
            file(size=-1),
            file(size=2**63),
            file(size="5"),
            file(size=True),
            file(size=1e9),
            file(oid=None),
            file(oid="1" * 200),
            file(lfs={}),
            file(lfs={"oid": 5, "size": 5}),
        )
    ],
)
def test_a_list_of_files_that_is_none_is_refused(source: HubSource, hub: Hub, answer: bytes) -> None:
    hub.fault(Fault("/tree/", body=answer))
    with refused("org/m: the hub does not answer as a hub does", "check HF_ENDPOINT"):
        source.files()


@pytest.mark.parametrize("answer", [b"{}", b"[]", b'{"sha": 5}', b'{"sha": "main"}', b'{"sha": "../../../etc/passwd"}'])
def test_a_commit_that_is_none_is_refused(source: HubSource, hub: Hub, answer: bytes) -> None:
    hub.fault(Fault("/revision/", body=answer))
    with refused("org/m: the hub names no commit for main"):
        source.files()


def test_names_never_lead_elsewhere(source: HubSource, hub: Hub) -> None:
    hostile = ["..", ".", "", "../x", "/etc/passwd", "a/../../b", "fine?x=1#y", "new\nline", "%2e%2e"]
    hub.fault(Fault("/tree/", body=json.dumps([file(path=p) for p in hostile]).encode()))
    assert [f.path for f in source.files()] == ["%2e%2e", "fine?x=1#y", "new\nline"]
    for name in ("%2e%2e", "fine?x=1#y", "new\nline"):
        with refused("not found"):
            source.read(name, 0, 1)
        assert hub.log[-1].path.startswith("/org/m/resolve/") and "?" not in hub.log[-1].path
    for name in ("..", "/etc/passwd", "../x"):
        with refused("not in org/m"):
            source.read(name, 0, 1)


def test_a_list_without_end_is_refused(source: HubSource, hub: Hub, deadline: None) -> None:
    again = {"Link": f'<{hub.endpoint}/api/models/org/m/tree/main>; rel="next"'}
    hub.fault(Fault("/tree/", headers=again, times=None))
    with refused("more than 100 pages"):
        source.files()


def test_a_list_never_goes_on_elsewhere(source: HubSource, hub: Hub) -> None:
    place = f"/api/models/org/m/tree/{hub.repositories['org/m'].commit}?recursive=true&cursor=1"
    hub.fault(Fault("/tree/", headers={"Link": f'<{hub.storage}{place}>; rel="next"'}))  # as mirrors name the original
    assert len(source.files()) == 2
    assert all(r.host == "hub" for r in hub.log)


# what stays


def test_what_was_fetched_stays_for_the_next_time(source: HubSource, hub: Hub) -> None:
    source.prefetch([("model.safetensors", 0, 100), ("model.safetensors", 500_000, 600_000)])
    source.read("config.json", 0, 2)
    hub.forget()
    again = HubSource("org/m")
    assert again.read("model.safetensors", 550_000, 550_010) == FILES["model.safetensors"][550_000:550_010]
    assert again.read("config.json", 0, 2) == b"{}"
    assert [r.path.split("/")[2] for r in hub.log] == ["models"] * 2
    assert {r.host for r in hub.log} == {"hub"}


def test_an_interrupted_read_keeps_what_was_done(source: HubSource, hub: Hub) -> None:
    parts = [("model.safetensors", k * 200_000, k * 200_000 + 100) for k in range(5)]
    source.files()
    hub.fault(Fault("lfs/store", status=418, skip=3, times=None))
    with refused("answers 418"):
        source.prefetch(parts)
    hub.forget()
    again = HubSource("org/m")
    again.prefetch(parts)
    assert 1 <= sum(r.host == "lfs" for r in hub.log) <= 2


def test_a_new_version_is_never_answered_from_the_old_ones_cache(source: HubSource, hub: Hub) -> None:
    source.read("model.safetensors", 0, 100)
    source.read("config.json", 0, 2)
    hub.add("org/m", {"config.json": b"[]", "model.safetensors": FILES["model.safetensors"][::-1]})
    new = HubSource("org/m")
    assert new.read("model.safetensors", 0, 100) == FILES["model.safetensors"][::-1][:100]
    assert new.read("config.json", 0, 2) == b"[]"


# offline


@pytest.mark.parametrize("name", ["FOREBEAR_OFFLINE", "HF_HUB_OFFLINE"])
@pytest.mark.parametrize(
    "target", ["org/m", "hf:org/m", "https://x.test/model.safetensors?sig=1", "s3://b/m", "gs://b/m"]
)
def test_offline_means_that_no_socket_is_opened(name: str, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setenv(name, "1")
    monkeypatch.setattr(socket, "socket", never)
    monkeypatch.setattr(socket, "create_connection", never)
    monkeypatch.setattr(socket, "getaddrinfo", never)
    with refused(target.partition("?")[0], "--offline", code=2):
        open_source(target)
