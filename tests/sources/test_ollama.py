"""Ollama's local store, written by the test as Ollama writes it: names, layers, and what is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.artifacts import READERS, read_artifact
from forebear.artifacts.documents import read_documents
from forebear.errors import ForebearError
from forebear.index import LocalIndex
from forebear.inspect import write_bom
from forebear.signals import fingerprint
from forebear.sources import File, OllamaSource, open_source
from forebear.sources.ollama import Name, blob_names, layers, parse_name
from models import refused
from shared import shared

IMAGE = "application/vnd.ollama.image."
LAYERS = [
    ("model", b"GGUF" + bytes(60)),
    ("license", b"Apache License\nVersion 2.0, January 2004\n"),
    ("license", b"Acceptable use\n"),
    ("template", b"{{ .Prompt }}"),
    ("params", b'{"stop": ["<s>"]}'),
    ("something-new", b"?"),
]


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def entry(kind: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": IMAGE + kind, "digest": digest(content), "size": len(content)}


def put(
    store: Path, place: str = "registry.ollama.ai/library/tiny/latest", parts: list[tuple[str, bytes]] = LAYERS
) -> Path:
    """One model in the store; the path of its manifest."""
    manifest = store / "manifests" / place
    manifest.parent.mkdir(parents=True, exist_ok=True)
    (store / "blobs").mkdir(exist_ok=True)
    config = b'{"model_format": "gguf"}'
    for content in (config, *(c for _, c in parts)):
        (store / "blobs" / blob_names(digest(content))[0]).write_bytes(content)
    document = {"schemaVersion": 2, "config": entry("", config), "layers": [entry(*part) for part in parts]}
    manifest.write_text(json.dumps(document))
    return manifest


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "models"))
    put(tmp_path / "models")
    return tmp_path / "models"


def test_layers_have_the_names_that_model_folders_use(store: Path) -> None:
    source = open_source("ollama:tiny")
    assert isinstance(source, OllamaSource)
    assert (source.name, source.only) == ("tiny:latest", None)
    assert [f.path for f in source.files()] == [
        "LICENSE",
        "LICENSE-2",
        f"layer-{digest(b'?')[7:19]}",
        "manifest.json",
        "model.gguf",
        "ollama.json",
        "params.json",
        "template",
    ]
    for file in source.files():
        whole = source.read(file.path, 0, file.size)
        assert len(whole) == file.size
        if file.path != "manifest.json":
            assert source.digests[file.path] == digest(whole)
    assert source.read("model.gguf", 1, 4) == b"GUF"
    documents, problems = read_documents(source)
    assert sorted(documents.licences) == ["LICENSE", "LICENSE-2"] and problems == ()
    assert documents.licences["LICENSE"].startswith("Apache License")


@pytest.mark.parametrize(
    ("target", "name", "short"),
    [
        ("ollama:tiny", Name("registry.ollama.ai", "library", "tiny", "latest"), "tiny:latest"),
        ("ollama:tiny:1b-q4_K_M", Name("registry.ollama.ai", "library", "tiny", "1b-q4_K_M"), "tiny:1b-q4_K_M"),
        ("ollama:me/tiny:x", Name("registry.ollama.ai", "me", "tiny", "x"), "me/tiny:x"),
        ("ollama:hf.co/org/Tiny-GGUF:Q4", Name("hf.co", "org", "Tiny-GGUF", "Q4"), "hf.co/org/Tiny-GGUF:Q4"),
        ("ollama:hf.co/library/tiny", Name("hf.co", "library", "tiny", "latest"), "hf.co/library/tiny:latest"),
        ("ollama:localhost:5000/a/b", Name("localhost:5000", "a", "b", "latest"), "localhost:5000/a/b:latest"),
    ],
)
def test_names_are_completed_and_found_again(
    target: str, name: Name, short: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert parse_name(target) == name and str(name) == short
    put(tmp_path, f"{name.registry}/{name.namespace}/{name.model}/{name.tag}")
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    source = OllamaSource(target)
    again = open_source(source.location)
    assert isinstance(again, OllamaSource)
    assert (again.digests, again.name, again.location) == (source.digests, source.name, source.location)


@pytest.mark.parametrize(
    "target",
    [
        "ollama:",
        "ollama::",
        "ollama:a:",
        "ollama:../../x",
        "ollama:a/../b/c",
        "ollama:/etc/passwd",
        "ollama:a/b/c/d",
        "ollama:a:../b",
        "ollama:a:b:c",
        "ollama:a\x00b",
        "ollama:.hidden",
        "ollama:a//b",
        "ollama:a\\..\\b",
        "ollama:ä",
    ],
)
def test_what_is_no_name_never_becomes_a_path(target: str, store: Path) -> None:
    with refused("not a name of an Ollama model", code=2):
        OllamaSource(target)


def test_an_unknown_name_lists_what_is_there(store: Path) -> None:
    put(store, "hf.co/org/other/Q4")
    (store / "manifests" / "hf.co" / "org" / "other" / ".DS_Store").write_text("x")
    with refused("no such model", "there are hf.co/org/other:Q4, tiny:latest", code=2):
        open_source("ollama:tinny")
    for number in range(12):
        put(store, f"registry.ollama.ai/library/m{number}/latest")
    with refused(" and others", code=2):
        open_source("ollama:tinny")


def test_no_store_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "nowhere"))
    with refused("no Ollama store", "set OLLAMA_MODELS", code=2):
        open_source("ollama:tiny")
    (tmp_path / "manifests").mkdir()
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    with refused("no such model", "ollama pull tiny:latest", code=2):
        open_source("ollama:tiny")


def test_the_home_folder_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    put(tmp_path / ".ollama" / "models")
    assert open_source("ollama:tiny").name == "tiny:latest"


def test_a_missing_blob_is_named_and_the_rest_is_read(store: Path) -> None:
    (store / "blobs" / blob_names(digest(LAYERS[1][1]))[0]).unlink()
    source = open_source("ollama:tiny")
    with refused("LICENSE: its blob sha256-", "is missing", "ollama pull tiny:latest"):
        source.read("LICENSE", 0, 1)
    assert source.read("model.gguf", 0, 4) == b"GGUF"
    documents, problems = read_documents(source)
    assert list(documents.licences) == ["LICENSE-2"] and len(problems) == 1 and "is missing" in problems[0]


def test_a_blob_of_another_size_is_refused(store: Path) -> None:
    (store / "blobs" / blob_names(digest(LAYERS[0][1]))[0]).write_bytes(b"GGUF")
    with refused("model.gguf: its blob has 4 bytes, the manifest says 64"):
        open_source("ollama:tiny").read("model.gguf", 0, 4)


def test_blobs_under_their_older_names_are_found(store: Path) -> None:
    for blob in (store / "blobs").iterdir():
        blob.rename(blob.with_name(blob.name.replace("-", ":")))
    assert open_source("ollama:tiny").read("model.gguf", 0, 4) == b"GGUF"


def test_of_several_weight_files_the_model_is_meant(store: Path) -> None:
    put(store, "registry.ollama.ai/library/eyes/latest", [*LAYERS[:1], ("projector", b"GGUFp"), ("adapter", b"GGUFa")])
    source = open_source("ollama:eyes")
    assert source.only == "model.gguf"
    assert {"mmproj.gguf", "adapter.gguf", "model.gguf"} < {f.path for f in source.files()}


def test_files_outside_the_manifest_cannot_be_read(store: Path) -> None:
    source = open_source("ollama:tiny")
    for path in ("../manifests", digest(b"?"), "LICENSE-3", "manifest.json/../x", ""):
        with refused("not in ollama:tiny"):
            source.read(path, 0, 1)
    with refused("not in ollama:tiny"):
        source.read("manifest.json", 0, 10_000)


@pytest.mark.parametrize(
    "bad",
    [
        "sha256:../../../etc/passwd",
        "../x",
        "sha256:" + "A" * 64,
        "sha256:" + "a" * 63,
        "sha512:" + "a" * 64,
        "sha256:" + "a" * 64 + "/../x",
        "sha256:" + "a" * 64 + "\n",
        7,
        None,
    ],
)
def test_digests_that_are_none_are_refused(bad: Any, store: Path) -> None:
    document = {"layers": [{"mediaType": IMAGE + "model", "digest": bad, "size": 1}]}
    (store / "manifests/registry.ollama.ai/library/tiny/latest").write_text(json.dumps(document))
    with refused("ollama:tiny", "no SHA-256 digest", "do not use this model"):
        open_source("ollama:tiny")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"[" * 200_000, "not valid JSON"),
        (b"[]", "lists no layers"),
        (b'{"layers": []}', "lists no layers"),
        (b'{"layers": {"a": 1}}', "lists no layers"),
        (json.dumps({"layers": [1] * 1_001}).encode(), "lists no layers"),
        (b'{"layers": [3]}', "is not an object"),
        (json.dumps({"layers": [{**entry("model", b""), "size": -1}]}).encode(), "has no size"),
        (json.dumps({"layers": [{**entry("model", b""), "size": True}]}).encode(), "has no size"),
        (b" " * 1_000_001, "more than the 1,000,000 bytes"),
    ],
)
def test_damaged_manifests_are_refused(raw: bytes, words: str, store: Path) -> None:
    (store / "manifests/registry.ollama.ai/library/tiny/latest").write_bytes(raw)
    with refused(words):
        open_source("ollama:tiny")


def test_a_layer_cannot_take_the_name_of_another_file() -> None:
    raw = json.dumps({"layers": [entry("model", b"a"), entry("model", b"b"), {**entry("", b"c"), "mediaType": None}]})
    assert [f for f, _ in layers(raw.encode(), "x")] == [
        File("model.gguf", 1),
        File("model-2.gguf", 1),
        File(f"layer-{digest(b'c')[7:19]}", 1),
    ]


def test_a_folder_of_that_name_wins(store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ollama:tiny").mkdir()
    monkeypatch.chdir(tmp_path)
    assert not isinstance(open_source("ollama:tiny"), OllamaSource)


def test_a_bill_of_materials_checks_every_digest(store: Path, tmp_path: Path) -> None:
    index = LocalIndex(tmp_path / "home")

    def altered() -> list[str]:
        bom = write_bom("ollama:tiny", index, scan=False)
        assert {f.path for f in bom.record.files} >= {"LICENSE", "model.gguf", "manifest.json"}
        return [p for p in bom.problems if "SHA-256" in p]

    assert altered() == []
    (store / "blobs" / blob_names(digest(LAYERS[0][1]))[0]).write_bytes(b"GGUF" + bytes([1]) * 60)
    assert altered() == ["model.gguf: its SHA-256 is not the one in the store's manifest; pull the model again"]


@pytest.mark.shared
def test_a_model_reads_as_the_file_that_it_was_made_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shared("artefacts") / "weights" / "random" / "llama-2-tiny-random.gguf"
    if not any(reader.handles(open_source(str(path))) for reader in READERS):
        pytest.skip("no reader of GGUF yet")
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    put(tmp_path, parts=[("model", path.read_bytes()), *LAYERS[1:]])
    stored, file = read_artifact(open_source("ollama:tiny")), read_artifact(open_source(str(path)))
    assert (stored.names, stored.geometry) == (file.names, file.geometry)
    assert fingerprint(stored).digest == fingerprint(file).digest
    assert sorted(stored.documents.licences) == ["LICENSE", "LICENSE-2"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=80) | st.just(digest(b"x")) | st.just(IMAGE + "model"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["layers", "config", "mediaType", "digest", "size", "x"]), inner, max_size=5)
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(VALUES)
def test_any_manifest_is_read_or_refused_in_words(document: Any) -> None:
    try:
        found = list(layers(json.dumps(document).encode(), "ollama:x"))
    except ForebearError as error:
        assert str(error).isprintable() and error.exit_code == 4
    else:
        assert len({f.path for f, _ in found}) == len(found)
        assert all("/" not in f.path and f.size >= 0 and d.startswith("sha256:") for f, d in found)
