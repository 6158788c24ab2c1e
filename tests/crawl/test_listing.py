"""What there is to crawl: hubs, files of names, folders, buckets; and listings that lie."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from forebear.crawl.base import Wanted
from forebear.crawl.listing import Filters, models
from forebear.crawl.listing.hub import claims, unread
from hub import Fault, Hub
from models import refused, tiny_llama


def listed(source: str, **more: Any) -> list[Wanted]:
    return list(models(source, Filters(**more)))


def names(source: str, **more: Any) -> list[str]:
    return [w.name for w in listed(source, **more)]


@pytest.fixture
def shelf(hub: Hub) -> Hub:
    """A hub with repositories of two owners, in pages of two."""
    hub.models_page = 2
    for k, name in enumerate(["a/one", "a/two", "b/three", "a/four", "b/five"]):
        repository = hub.add(name, {"model.safetensors": bytes(k)})
        repository.changed, repository.downloads = f"2026-0{k + 1}-01T00:00:00.000Z", 10 * k
        repository.tags = ("license:mit", *(("gguf",) if k % 2 else ()))
    return hub


def test_a_whole_hub_and_parts_of_it(shelf: Hub) -> None:
    assert names("hf:") == ["a/one", "a/two", "b/three", "a/four", "b/five"]
    assert len(shelf.log) == 3 and "full=true" in shelf.log[0].path
    assert names("hf:a") == names("hf:", author="a") == ["a/one", "a/two", "a/four"]
    assert names("hf:", tags=("gguf", "license:mit")) == ["a/two", "a/four"]
    assert names("hf:", least_downloads=20) == ["b/five", "a/four", "b/three"]
    assert names("hf:", since="2026-03-15") == ["b/five", "a/four"]
    assert names("hf:", since="2026-02-15", least_downloads=30) == ["b/five", "a/four"]
    shelf.forget()
    assert names("hf:", limit=2) == ["a/one", "a/two"] and len(shelf.log) == 1  # no page is read that is not needed
    with refused("the hub lists no model"):
        names("hf:nobody")
    with refused("not a date", code=2):
        names("hf:", since="yesterday")
    with refused("contradict", code=2):
        names("hf:a", author="b")


def test_the_official_client_is_satisfied(shelf: Hub) -> None:
    huggingface_hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is a test dependency")
    api = huggingface_hub.HfApi(endpoint=shelf.endpoint, token=False)
    found = list(api.list_models(full=True))
    assert [m.id for m in found] == names("hf:")
    assert [m.sha for m in found] == [w.revision for w in listed("hf:")]
    assert found[0].siblings[0].rfilename == "model.safetensors" and found[2].last_modified.month == 3
    assert [m.id for m in api.list_models(author="b", sort="downloads")] == ["b/five", "b/three"]
    assert [m.id for m in api.list_models(filter=["gguf"], limit=1)] == ["a/two"]
    assert next(iter(api.list_models())).siblings is None


def test_what_the_hub_says_of_a_repository(shelf: Hub) -> None:
    repository = shelf.repositories["a/one"]
    repository.tags = ("license:llama3", "base_model:meta/llama", "base_model:quantized:meta/llama")
    wanted = listed("hf:")[0]
    listing = wanted.listing
    assert wanted.revision == repository.commit and wanted.target == "hf:a/one" and listing is not None
    assert (listing.licence, listing.base_models, listing.relation) == ("llama3", ("meta/llama",), "quantized")
    assert (listing.published, listing.changed) == ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
    assert listing.revision == repository.commit and listing.seen


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (None, ("", (), "")),
        ([1, None, "x" * 9_000, "license:" + "y" * 300], ("", (), "")),
        (["license:mit", "license:gpl"], ("mit", (), "")),
        (["base_model:a/b", "base_model:merge:a/b", "base_model:merge:c/d"], ("", ("a/b", "c/d"), "merge")),
        (["base_model:../../etc", "base_model:odd:a/b", "base_model:"], ("", ("a/b",), "")),
        ([f"base_model:a/{k}" for k in range(99)], ("", tuple(f"a/{k}" for k in range(50)), "")),
    ],
)
def test_claims_from_tags(tags: Any, said: tuple[str, tuple[str, ...], str]) -> None:
    assert claims(tags) == said


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (["model.safetensors"], ""),
        (["sub/model-00001-of-00002.safetensors", "README.md"], ""),
        (["README.md"], "no weights"),
        (["adapter_config.json", "adapter_model.safetensors"], "an adapter"),
        (["adapter_config.json", "adapter_model.safetensors", "model.safetensors"], ""),
        (["m.Q4.gguf", "m.Q8.GGUF"], "GGUF"),
        (["m.Q4.gguf", "model.safetensors"], ""),
        (None, ""),
        (["model.SafeTensors", 5, None], ""),
    ],
)
def test_what_is_not_read_at_all(files: Any, why: str) -> None:
    siblings = None if files is None else [{"rfilename": f} for f in files]
    assert why in unread(siblings, False) and bool(why) == bool(unread(siblings, False))
    assert "GGUF" not in unread(siblings, True)


def test_entries_that_name_no_repository_are_passed_over(shelf: Hub) -> None:
    late = "9999-12-31T23:59:59-12:00"  # in no year that there is, elsewhere
    good = {"id": "a/b", "sha": "c" * 40, "lastModified": "nonsense", "createdAt": late, "downloads": "many"}
    bad = [None, 5, {}, {"id": 7}, {"id": "../x"}, {"id": "a/b/c"}, {"id": "a/" + "b" * 500}, {"id": "\x1b[31m/x"}]
    shelf.fault(Fault("/api/models?", times=None, body=json.dumps([*bad, good]).encode()))
    shelf.models_page = 100
    assert [(w.name, w.revision) for w in listed("hf:")] == [("a/b", "c" * 40)]
    listing = listed("hf:")[0].listing
    assert listing is not None and (listing.published, listing.changed) == ("", "")
    for following in ("/api/models?full=true&limit=1000", "/api/else"):
        shelf.fault(Fault("/api/models?", headers={"Link": f'<https://x.test{following}>; rel="next"'}))
        with refused("leads nowhere new"):
            names("hf:")


def test_a_file_of_names(tmp_path: Path, files: list[dict[str, bytes]], hub: Hub) -> None:
    folder = tiny_llama(tmp_path / "local", seed=1)
    text = tmp_path / "names.txt"
    commit = "d" * 40
    text.write_text(
        f"\ufeff# a comment\n\norg/a\nhf:org/b@{commit}  # pinned\n  {folder}\nhttps://x.test/m.safetensors\n"
    )
    found = listed(str(text))
    assert [(w.target, w.name) for w in found] == [
        ("hf:org/a", "org/a"),
        ("hf:org/b", "org/b"),
        (str(folder), ""),
        ("https://x.test/m.safetensors", ""),
    ]
    assert [bool(w.revision) for w in found] == [False, True, True, False] and found[1].revision == commit
    text.write_text(f"org/a\norg/a@v1\norg/b@v1\nhf:org/a@{commit}\norg/b@v1\n")
    several = ["org/a", "org/a@v1", "org/b", f"org/a@{commit}", "org/b"]  # one name is one model
    assert [w.name for w in listed(str(text))] == several
    wrong = ((b"", "names no model"), (b"a\0b\n", "line 1 is no target"), (b"x\n" + b"y" * 3_000, "line 2"))
    for content, why in wrong:
        text.write_bytes(content)
        with refused(why):
            listed(str(text))
    text.write_bytes(b"\xff\xfe\x00")
    with refused("not UTF-8"):
        listed(str(text))
    with refused("--author goes with a hub", code=2):
        listed(str(text), author="a")


def test_a_folder_with_models(tmp_path: Path) -> None:
    for name in ("org/a", "org/b"):
        tiny_llama(tmp_path / "models" / name, seed=1)
    found = listed(str(tmp_path / "models"))
    assert [w.name for w in found] == ["org/a", "org/b"] and all(w.revision for w in found)
    assert found == listed(str(tmp_path / "models"))
    (tmp_path / "models/org/b/config.json").write_text("{}")
    assert [w.revision for w in listed(str(tmp_path / "models"))] != [w.revision for w in found]
    assert names(str(tmp_path / "models/org/a")) == ["a"]
    (tmp_path / "empty").mkdir()
    with refused("no model in it or below"):
        listed(str(tmp_path / "empty"))


class Bucket:
    """What fsspec gives for a store, in memory; like some stores, it lists a folder in itself."""

    def __init__(self, files: list[str]) -> None:
        self.files = files

    def ls(self, path: str, detail: bool) -> list[dict[str, Any]]:
        below = [f for f in self.files if f.startswith(f"{path}/")]
        if not below:
            raise FileNotFoundError(path)
        folders = {f"{path}/{f[len(path) + 1 :].split('/')[0]}" for f in below if "/" in f[len(path) + 1 :]}
        own = [{"name": f, "type": "file", "size": 5, "ETag": '"e"'} for f in below if "/" not in f[len(path) + 1 :]]
        return [{"name": f"{path}/", "type": "directory", "size": 0}, *own] + [
            {"name": f, "type": "directory", "size": 0} for f in folders
        ]


def test_a_bucket(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec = pytest.importorskip("fsspec", reason="fsspec is a test dependency")
    bucket = Bucket(["b/m/org/a/model.safetensors", "b/m/org/a/config.json", "b/m/q/x.gguf", "b/m/readme.md"])
    monkeypatch.setitem(sys.modules, "s3fs", fsspec)
    monkeypatch.setattr(fsspec, "filesystem", lambda *_, **__: bucket)
    found = listed("s3://b/m/")
    assert [(w.target, w.name, bool(w.skip)) for w in found] == [
        ("s3://b/m/org/a", "org/a", False),
        ("s3://b/m/q", "q", True),
    ]
    assert listed("s3://b/m/org/a")[0].name == "a"
    bucket.files.append("b/m/org/a/model-2.safetensors")
    assert listed("s3://b/m")[0].revision != found[0].revision
    with refused("not found"):
        listed("s3://b/none")
    with refused("no model in it or below"):
        bucket.files = ["b/m/readme.md"]
        listed("s3://b/m")
    with refused("needs an optional part", code=2):
        monkeypatch.delitem(sys.modules, "s3fs")
        monkeypatch.setitem(sys.modules, "gcsfs", None)
        listed("gs://b/m")


@pytest.mark.parametrize("source", ["", "org", "hf:org/name", "ftp://x/y", "s3://", "/no/such/folder"])
def test_what_is_no_source(source: str, tmp_path: Path) -> None:
    with refused("nothing that can be crawled", code=2):
        listed(source)
