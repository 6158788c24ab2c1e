"""Files at web addresses and in buckets."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from forebear.artifacts import read_artifact
from forebear.errors import MissingExtra, UsageError
from forebear.signals import fingerprint
from forebear.sources import File, Metered, is_remote, open_source, remote
from forebear.sources.remote import BucketSource, UrlSource
from hub import Fault, Hub
from models import refused, tiny_llama

DATA = bytes(range(256)) * 4_000
FILES = {"model.safetensors": DATA, "config.json": b"{}", "README.md": b"# m", "other.txt": b"x"}


@pytest.fixture
def url(hub: Hub) -> str:
    hub.add("org/m", FILES)
    return f"{hub.endpoint}/org/m/resolve/main/model.safetensors"


# web addresses


def test_a_file_and_the_usual_ones_beside_it(hub: Hub, url: str) -> None:
    source = open_source(url)
    assert is_remote(url) and isinstance(source, UrlSource)
    assert source.files() == (File("README.md", 3), File("config.json", 2), File("model.safetensors", len(DATA)))
    assert (source.only, source.name) == ("model.safetensors", "main")
    assert source.location == url == source.target
    hub.forget()
    assert source.read("model.safetensors", 500_000, 500_100) == DATA[500_000:500_100]
    assert source.read("config.json", 0, 2) == b"{}"
    assert sum(r.sent for r in hub.log) == 102
    with refused("other.txt: not in"):
        source.read("other.txt", 0, 1)


def test_the_hubs_token_is_for_the_hub(hub: Hub, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token)
    UrlSource(url).read("model.safetensors", 0, 10)
    assert {r.authorization for r in hub.log} == {""}


def test_a_query_may_be_a_signature_and_is_shown_nowhere(hub: Hub, url: str, tmp_path: Path) -> None:
    UrlSource(url).files()
    signed = hub.storage + next(r.path for r in hub.log if r.host == "lfs")
    hub.forget()
    source = UrlSource(signed)
    assert source.read(source.only or "", 5, 10) == DATA[5:10]
    assert source.files() == (File(source.only or "", len(DATA)),)  # no neighbours: the signature is for one file
    shown = [source.target, source.location, source.name, repr(source), *map(str, tmp_path.rglob("*"))]
    hub.signature = "signed-2"
    with pytest.raises(Exception) as caught:
        UrlSource(signed).files()
    assert "signed-1" not in "".join([*shown, str(caught.value)]) and "X-Signature" not in "".join(shown)


def index(*shards: object) -> bytes:
    return json.dumps({"weight_map": {f"t{k}": shard for k, shard in enumerate(shards)}}).encode()


def test_an_index_of_shards_leads_to_the_shards_beside_it(hub: Hub, tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", sharded=True)
    hub.add("org/m", {f.name: f.read_bytes() for f in base.iterdir()})
    url = f"{hub.endpoint}/org/m/resolve/v1/model.safetensors.index.json".replace("v1", "main")
    source = open_source(url)
    assert (source.only, source.name, source.location) == (None, "main", url)
    shards = sorted(f.name for f in base.glob("*.safetensors"))
    assert len(shards) > 1 and {*shards, "config.json", "model.safetensors.index.json"} <= {
        f.path for f in source.files()
    }
    one, two = (fingerprint(read_artifact(open_source(t))) for t in (str(base), url))
    assert one.digest == two.digest and one.code.n == two.code.n > 100


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        *((index(name), "names files that do not lie beside it") for name in ("../x", "a/b", "..", "", "a\\b", 3)),
        (index(*(f"{k}.safetensors" for k in range(2_001))), "names 2,001 files, more than 2,000"),
        *((raw, "has no weight_map") for raw in (b"{}", b"[]", b"{", b"[" * 99_999, b'{"weight_map": [1]}', b"\xff")),
        (index("missing.safetensors"), "missing.safetensors: not found at 127.0.0.1"),
    ],
)
def test_an_index_that_leads_nowhere_is_refused(raw: bytes, said: str, hub: Hub) -> None:
    hub.add("org/m", {"m.index.json": raw})
    with refused(said):
        UrlSource(f"{hub.endpoint}/org/m/resolve/main/m.index.json").files()


def test_a_signed_index_and_a_huge_one_are_refused(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("org/m", {"m.index.json": index("a")})
    url = f"{hub.endpoint}/org/m/resolve/main/m.index.json"
    with refused("a signed address is for one file", code=2):
        UrlSource(f"{url}?X-Signature=1").files()
    monkeypatch.setattr(remote, "MAX_INDEX", 10)
    with refused("m.index.json: 27 bytes, too many for an index"):
        UrlSource(url).files()


def test_what_cannot_be_had_is_said(hub: Hub, url: str) -> None:
    with refused("nothing.safetensors: not found at 127.0.0.1"):
        UrlSource(url.replace("model.", "nothing.")).files()
    hub.fault(Fault("README.md", status=503, times=None))
    with refused("README.md", "answers 503"):  # no answer is no proof that there is no card
        UrlSource(url).files()


def test_a_file_that_changes_is_refused(hub: Hub, url: str) -> None:
    source = UrlSource(url)
    source.read("model.safetensors", 0, 10)
    hub.add("org/m", FILES | {"model.safetensors": DATA[::-1]})
    hub.signature = "signed-2"  # the address is asked again, and leads to the new file
    with refused("model.safetensors: changed while it was being read"):
        source.read("model.safetensors", 500_000, 500_010)


def test_only_what_has_a_strong_etag_is_cached(hub: Hub, url: str) -> None:
    UrlSource(url).read("model.safetensors", 500_000, 500_010)
    hub.forget()
    UrlSource(url).read("model.safetensors", 500_000, 500_010)
    assert [r.range for r in hub.log if r.host == "lfs"] == ["bytes=0-0"]
    hub.fault(Fault("lfs/store", headers={"ETag": 'W/"weak"'}, times=None))
    UrlSource(url).read("model.safetensors", 500_000, 500_010)
    UrlSource(url).read("model.safetensors", 500_000, 500_010)
    assert [r.range for r in hub.log if r.host == "lfs"][1:] == ["bytes=0-0", "bytes=500000-500009"] * 2


@pytest.mark.parametrize("length", ["", "-5", "many", "9" * 30])
def test_a_file_of_unknown_size_is_refused(hub: Hub, url: str, length: str) -> None:
    hub.fault(Fault("lfs/store", headers={"Content-Range": f"bytes 0-0/{length}"}))
    with refused("model.safetensors", "does not say how large it is"):
        UrlSource(url).files()


@pytest.mark.parametrize(
    "target",
    [
        "https://",
        "https:///x",
        "https://x.test/",
        "https://x.test",
        "http://[::1/x",
        "https://x:99999/m",
        "https://x/a%2Fb",
    ],
)
def test_addresses_of_no_file_are_refused(hub: Hub, target: str) -> None:
    with refused(target.partition("?")[0][:7], code=2):
        UrlSource(target)


@pytest.mark.parametrize("value", ["0", "1"])
def test_passwords_do_not_belong_in_addresses(hub: Hub, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBEAR_OFFLINE", value)
    with pytest.raises(UsageError, match=r"x\.test: an address with a user name or password") as caught:
        open_source("https://user:secret@x.test/model.safetensors")
    assert "secret" not in str(caught.value)


# buckets


class Store:
    """What fsspec gives for a bucket, in memory."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.calls = files, 0

    def info(self, path: str) -> dict[str, object]:
        self.calls += 1
        if path in self.files:
            return self._entry(path)
        if any(f.startswith(path + "/") for f in self.files):
            return {"name": path, "type": "directory", "size": 0}
        raise FileNotFoundError(path)

    def ls(self, path: str, detail: bool) -> list[dict[str, object]]:
        self.calls += 1
        below = [f for f in self.files if f.startswith(path + "/")]
        folders = {
            f"{path}/{f.removeprefix(path + '/').split('/')[0]}" for f in below if "/" in f.removeprefix(path + "/")
        }
        files = [self._entry(f) for f in below if "/" not in f.removeprefix(path + "/")]
        return [*files, *({"name": f, "type": "directory", "size": 0} for f in sorted(folders))]

    def cat_file(self, path: str, start: int, end: int) -> bytes:
        self.calls += 1
        return self.files[path][start:end]

    def _entry(self, path: str) -> dict[str, object]:
        return {"name": path, "type": "file", "size": len(self.files[path]), "ETag": f'"{hash(self.files[path])}"'}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> Iterator[Store]:
    fsspec = pytest.importorskip("fsspec", reason="fsspec is a test dependency")
    bucket = Store({f"bucket/m/{k}": v for k, v in FILES.items()} | {"bucket/m/sub/x.bin": b"x"})
    monkeypatch.setitem(sys.modules, "s3fs", fsspec)
    monkeypatch.setattr(fsspec, "filesystem", lambda *_, **__: bucket)
    yield bucket


def test_a_bucket_is_a_folder(store: Store) -> None:
    source = open_source("s3://bucket/m/")
    assert isinstance(source, BucketSource)
    assert [f.path for f in source.files()] == sorted(FILES)
    assert (source.only, source.name, source.location) == (None, "m", "s3://bucket/m")
    source.prefetch([("model.safetensors", 0, 10), ("model.safetensors", 900_000, 900_010)])
    assert source.read("model.safetensors", 900_000, 900_010) == DATA[900_000:900_010]
    assert source.traffic is not None
    assert (source.traffic.requests, source.traffic.bytes_read) == (store.calls, 20) == (4, 20)


def test_one_file_of_a_bucket_keeps_its_neighbours(store: Store) -> None:
    source = BucketSource("s3://bucket/m/model.safetensors")
    assert [f.path for f in source.files()] == sorted(FILES)
    assert (source.only, source.name) == ("model.safetensors", "m")
    assert source.read("config.json", 0, 2) == b"{}"
    store.files["bucket/m/other.safetensors"] = b"y"
    other = Metered(BucketSource("s3://bucket/m/other.safetensors"))
    assert (other.only, other.name) == ("other.safetensors", "other")


def test_what_a_store_raises_is_one_line(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with refused("s3://bucket/nothing: not found"):
        BucketSource("s3://bucket/nothing").files()
    source = BucketSource("s3://bucket/m")
    source.files()
    for error, words in ((PermissionError("no"), "access denied"), (RuntimeError("a\nb"), "cannot be read (a b)")):

        def fail(*_: object, error: Exception = error, **__: object) -> bytes:
            raise error

        monkeypatch.setattr(store, "cat_file", fail)
        with refused(f"model.safetensors: {words}"):
            source.read("model.safetensors", 0, 5)


def test_a_file_that_is_shorter_now_is_refused(store: Store) -> None:
    source = BucketSource("s3://bucket/m")
    source.files()
    store.files["bucket/m/model.safetensors"] = DATA[:100]
    with refused("model.safetensors: changed while it was being read"):
        source.read("model.safetensors", 50, 150)


@pytest.mark.parametrize(("target", "extra"), [("s3://b/m", "s3"), ("gs://b/m", "gcs")])
def test_a_store_that_is_not_installed_names_its_extra(
    hub: Hub, target: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, remote.STORES[target[:2]][0], None)
    with pytest.raises(MissingExtra) as caught:
        open_source(target)
    assert f"pip install 'forebear[{extra}]'" in str(caught.value) and caught.value.exit_code == 2
