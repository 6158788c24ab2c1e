"""Bills of materials of whole models: valid for every model there is, honest about who said what."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import forebear
from boms import check_bom, properties, said_by
from edits import copy, drifted, edit, move_gains
from forebear.bom import Slot
from forebear.errors import InputError, UsageError
from forebear.index import LocalIndex
from forebear.inspect import enrol, write_bom
from models import tiny, tiny_llama
from shared import shared

DEMO = Path(str(resources.files("forebear") / "data" / "demo"))


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    return LocalIndex(tmp_path / "home")


@pytest.fixture
def base(tmp_path: Path, index: LocalIndex) -> Path:
    folder = tiny_llama(tmp_path / "base", seed=1)
    move_gains(folder, 1)
    enrol(str(folder), index, "org/base")
    return folder


def pedigree(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["metadata"]["component"]["pedigree"]
    return found


def halved(base: Path) -> Path:
    """A pruned copy: every second value of the big matrices set to zero, which is the direction that can be proved."""
    folder = copy(base, "pruned")

    def prune(_: str, values: Any) -> Any:
        if values.ndim == 2:
            values[:, ::2] = 0
        return values

    edit(folder, prune)
    return folder


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mixtral", "gpt2", "gpt_neox"])
def test_every_family_against_an_empty_index(family: str, tmp_path: Path, index: LocalIndex) -> None:
    bom = write_bom(str(tiny(family, tmp_path / "m")), index)
    check_bom(bom.to_json())
    assert bom.problems == () and bom.record.family == family
    assert pedigree(bom.to_json())["notes"].startswith("inconclusive: There are no references")
    json.dumps(bom.to_record())


@pytest.mark.parametrize("name", ["base", "finetune", "permuted", "twin"])
def test_the_bundled_models(name: str, index: LocalIndex) -> None:
    enrol(str(DEMO / "base"), index, "demo/base")
    document = write_bom(str(DEMO / name), index).to_json()
    check_bom(document)
    assert ("variants" in pedigree(document)) == (name in ("finetune", "permuted"))


@pytest.mark.shared
def test_every_model_of_the_zoo(index: LocalIndex) -> None:
    folder = shared("zoo") / "models"
    root = {m["id"]: m["root"] for m in json.loads((folder.parent / "truth.json").read_text())["models"]}
    for name in ("dev-llama-1", "dev-gpt2-1", "dev-qwen2-1", "dev-mixtral-1", "dev-neox-1"):
        enrol(str(folder / name), index, f"zoo/{name}")
    models = sorted(p for p in folder.iterdir() if p.is_dir())
    assert models
    for model in models:
        bom = write_bom(str(model), index)
        check_bom(bom.to_json())
        assert [p for p in bom.problems if "only an adapter" not in p] == [], model
        assert len(bom.record.files) == sum(p.is_file() for p in model.iterdir())
        measured = [r.name for r in bom.record.relatives if r.slot is Slot.ANCESTOR and not r.declared_in]
        assert all(name == f"zoo/{root[model.name]}" for name in measured), model


def test_a_dependent_model_is_a_variant_as_long_as_nobody_gives_a_direction(base: Path, index: LocalIndex) -> None:
    document = write_bom(str(drifted(base, "child", 0.1)), index).to_json()
    check_bom(document)
    assert set(pedigree(document)) == {"variants", "notes"}
    variant = pedigree(document)["variants"][0]
    facts = properties(variant)
    assert facts["verdict"] == "dependent" and facts["direction.by"] == "not established"
    assert facts["test"] == "exact" and facts["null"] == "independent initialisation"
    assert float(facts["log10_p"]) == -30 and int(facts["n"]) > 100
    methods = variant["evidence"]["identity"][0]["methods"]
    assert methods[0]["technique"] == "binary-analysis" and methods[0]["confidence"] == 0.999999
    assert "not that one descends" in methods[0]["value"]
    assert all(m in said_by(document, "tool/forebear") for m in methods)


def test_a_derived_model_has_an_ancestor(base: Path, index: LocalIndex) -> None:
    document = write_bom(str(halved(base)), index).to_json()
    check_bom(document)
    ancestor = pedigree(document)["ancestors"][0]
    assert properties(ancestor)["verdict"] == "derived" and properties(ancestor)["direction.by"] == "measured"
    assert "variants" not in pedigree(document)


def test_a_reupload_is_told_by_its_hashes(base: Path, index: LocalIndex) -> None:
    variant = pedigree(write_bom(str(copy(base, "again")), index).to_json())["variants"][0]
    methods = variant["evidence"]["identity"][0]["methods"]
    assert ("hash-comparison", 1.0) in [(m["technique"], m["confidence"]) for m in methods]


CARD = "---\nlicense: mit\nbase_model: {base}\nbase_model_relation: finetune\n---\n# Model\n"


def test_a_claim_and_a_measurement_of_one_model_are_one_component(base: Path, index: LocalIndex) -> None:
    child = drifted(base, "child", 0.1)
    (child / "README.md").write_text(CARD.format(base="[org/base, someone/else]"))
    document = write_bom(str(child), index).to_json()
    check_bom(document)
    measured, claimed = pedigree(document)["ancestors"]
    assert [m["technique"] for m in measured["evidence"]["identity"][0]["methods"]][-1] == "manifest-analysis"
    assert properties(measured)["direction.by"] == "declared" and measured["purl"] == "pkg:huggingface/org/base"
    method = claimed["evidence"]["identity"][0]["methods"]
    assert [(m["technique"], m["confidence"]) for m in method] == [("manifest-analysis", 0)]
    assert method[0]["value"].startswith("Declared: README.md names it as base model as finetune. unverified: ")
    assert properties(claimed)["verdict"] == "not measured"


def test_without_a_scan_there_are_declarations_only(base: Path, index: LocalIndex) -> None:
    (base / "README.md").write_text(CARD.format(base="org/other"))
    document = write_bom(str(base), index, scan=False).to_json()
    check_bom(document)
    assert "declaration only" in pedigree(document)["notes"]
    assert [properties(a)["verdict"] for a in pedigree(document)["ancestors"]] == ["not measured"]


def test_a_base_that_only_the_config_names_is_attributed_to_it(base: Path, index: LocalIndex) -> None:
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "_name_or_path": "org/start"}))
    document = write_bom(str(base), index, scan=False).to_json()
    check_bom(document)
    assert [v["technique"] for v in said_by(document, "file/config.json")] == ["manifest-analysis"]


KEYS = (
    *("license", "license_name", "license_link", "base_model", "base_model_relation", "datasets", "tags"),
    *("language", "pipeline_tag", "library_name", "model_name", "model_id", "model-index"),
)


@pytest.mark.parametrize(
    "value",
    [
        "7",
        "true",
        "2020-01-01",
        "[[a], {b: c}, null, 3]",
        "{a: {b: c}}",
        '"\\e[31m\\u202e\\0🦙"',
        "'" + "x" * 5_000 + "'",
        "[" + ", ".join(f"t{k}" for k in range(10_000)) + "]",
        '["a\\nb", "a b", "a  b", "ＡＢ", "~1/~0", "%2F", "مرحبا"]',
    ],
)
def test_hostile_cards(value: str, tmp_path: Path, index: LocalIndex) -> None:
    front = "".join(f"{key}: {value}\n" for key in KEYS)
    card = f"---\n{front}---\n# x\n"
    if len(card) > 200_000:
        card = f"---\ntags: {value}\ndatasets: {value}\n---\n"
    bom = write_bom(str(tiny_llama(tmp_path / "m", card=card)), index)
    document = bom.to_json()
    check_bom(document)
    assert len(json.dumps(document)) < 200_000
    assert bom.problems == ()


def test_weights_alone_are_enough(tmp_path: Path, index: LocalIndex) -> None:
    folder = tiny_llama(tmp_path / "m", card=None, tokenizer=None)
    (folder / "config.json").unlink()
    bom = write_bom(str(folder), index)
    check_bom(bom.to_json())
    assert [f.role for f in bom.record.files] == ["weights"]
    assert set(bom.record.unknown) == {"licence", "training data", "version", "public identifier", "base model"}


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.gguf", "adapter_model.safetensors", "model.safetensors"])
def test_weights_that_cannot_be_read_leave_the_rest(name: str, tmp_path: Path, index: LocalIndex) -> None:
    folder = tiny_llama(tmp_path / "m", card=CARD.format(base="org/base"))
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(b"no weights")
    bom = write_bom(str(folder), index)
    document = bom.to_json()
    check_bom(document)
    assert len(bom.problems) == 1 and properties(document)["problem"] == bom.problems[0]
    assert str(tmp_path) not in json.dumps(document)
    assert "declaration only" in pedigree(document)["notes"] and pedigree(document)["ancestors"]
    assert "parameters" not in properties(document["metadata"]["component"].get("modelCard", {}))


def test_the_folder_of_a_hub_cache_gives_name_and_commit(tmp_path: Path, index: LocalIndex) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    folder = tiny_llama(tmp_path / "models--org--my--model" / "snapshots" / commit)
    record = write_bom(str(folder), index).record
    assert (record.name, record.purl) == (commit, ""), "which dashes part owner and name cannot be told"
    folder = tiny_llama(tmp_path / "models--org--Tiny-1.0" / "snapshots" / commit)
    document = write_bom(str(folder), index).to_json()
    check_bom(document)
    model = document["metadata"]["component"]
    assert (model["group"], model["name"], model["version"]) == ("org", "Tiny-1.0", commit)
    assert model["purl"] == f"pkg:huggingface/org/Tiny-1.0@{commit}"


def test_equal_input_gives_equal_bytes(base: Path, index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    child = str(drifted(base, "child", 0.1))
    first, second = (json.dumps(write_bom(child, index).to_json()) for _ in range(2))
    assert first == second and '"timestamp": "2023-11-14T22:13:20Z"' in first


def test_no_path_of_this_machine_gets_in(base: Path, index: LocalIndex, tmp_path: Path) -> None:
    child = drifted(base, "child", 0.1)
    for change in (lambda: None, lambda: base.rename(tmp_path / "elsewhere")):
        change()
        bom = write_bom(str(child), index)
        assert str(tmp_path) not in json.dumps([bom.to_json(), bom.to_record()])
    assert any("no longer at org/base" in gap for gap in bom.record.not_tested)


def test_one_unreadable_file_costs_only_its_own_part(
    base: Path, index: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    from forebear.sources import LocalSource

    (base / "notes.txt").write_text("x")
    honest: Callable[..., bytes] = LocalSource.read

    def read(self: LocalSource, path: str, start: int, stop: int) -> bytes:
        if path == "notes.txt":
            raise InputError("notes.txt: permission denied")
        return honest(self, path, start, stop)

    monkeypatch.setattr(LocalSource, "read", read)
    bom = write_bom(str(base), index)
    check_bom(bom.to_json())
    assert bom.problems == ("notes.txt: permission denied",)
    assert "hashes" not in bom.to_json()["metadata"]["component"]


def test_secrets_beside_the_model_are_hashed_and_never_shown(base: Path, index: LocalIndex) -> None:
    (base / ".env").write_text("TOKEN=hf_secretsecretsecret")
    document = write_bom(str(base), index).to_json()
    check_bom(document)
    assert "file/.env" in [c["bom-ref"] for c in document["components"]]
    assert "secretsecret" not in json.dumps(document)


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_file_names_of_any_bytes(base: Path, index: LocalIndex) -> None:
    for name in (b"\xff\xfe", b"a\nb\x1b[31m", "🦙\u202e".encode()):
        Path(os.fsdecode(os.fsencode(base) + b"/" + name)).write_text("x")
    bom = write_bom(str(base), index)
    check_bom(bom.to_json())
    json.dumps(bom.to_record(), ensure_ascii=False).encode("utf-8")


def test_what_is_no_model_is_refused(tmp_path: Path, index: LocalIndex) -> None:
    saved = tmp_path / "result.json"
    saved.write_text("{}")
    with pytest.raises(UsageError, match="needs the model's files"):
        write_bom(str(saved), index)
    with pytest.raises(UsageError):
        write_bom(str(tmp_path / "nothing"), index)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError):
        write_bom(str(tmp_path / "empty"), index)


def test_the_value_is_frozen_and_public(base: Path, index: LocalIndex) -> None:
    bom = forebear.write_bom(str(base), index)
    assert isinstance(bom, forebear.Bom)
    with pytest.raises(dataclasses.FrozenInstanceError):
        bom.record = None  # type: ignore[misc, assignment]
    assert bom.to_record()["schema"] == "forebear.bom-record/1"


# strangers: anything at all in card and config, beside weights that have a relative in the index


CARD_KEYS = st.sampled_from(
    [
        "base_model",
        "base_model_relation",
        "license",
        "license_name",
        "license_link",
        "language",
        "tags",
        "datasets",
        "model_name",
        "pipeline_tag",
        "library_name",
        "thumbnail",
        "metrics",
        "model-index",
        "co2_eq_emissions",
        "new_version",
        "author",
        "inference",
        "extra_gated_prompt",
    ]
)
TEXT = st.text(max_size=12) | st.sampled_from(
    [
        "org/base",
        "base",
        "https://huggingface.co/org/base",
        "../..",
        "mit",
        "other",
        "finetune",
        "en",
        "a//b",
        "@",
        "?#%",
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
CONFIG_KEYS = st.sampled_from(
    [
        "model_type",
        "architectures",
        "_name_or_path",
        "hidden_size",
        "num_attention_heads",
        "num_key_value_heads",
        "num_hidden_layers",
        "vocab_size",
        "head_dim",
        "rope_parameters",
        "partial_rotary_factor",
        "torch_dtype",
        "text_config",
        "transformers_version",
    ]
)


@pytest.fixture(scope="module")
def relatives(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalIndex, dict[str, Path]]:
    root = tmp_path_factory.mktemp("strangers")
    base = tiny_llama(root / "base", seed=1)
    move_gains(base, 1)
    index = LocalIndex(root / "home")
    enrol(str(base), index, "org/base")
    return index, {"child": drifted(base, "child", 0.1), "pruned": halved(base), "copy": copy(base, "copy")}


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    st.sampled_from(["child", "pruned", "copy"]),
    st.dictionaries(CARD_KEYS | TEXT, ANYTHING, max_size=6),
    st.text(max_size=60),
    st.dictionaries(CONFIG_KEYS, ANYTHING, max_size=4),
)
def test_whatever_card_and_config_say_the_document_is_valid_and_the_relative_is_in_it(
    relatives: tuple[LocalIndex, dict[str, Path]],
    which: str,
    front: dict[str, Any],
    text: str,
    said: dict[str, Any],
) -> None:
    index, folders = relatives
    folder = folders[which]
    original = {n: (folder / n).read_bytes() for n in ("README.md", "config.json")}
    try:
        card = f"---\n{json.dumps(front)}\n---\n{text}".encode("utf-8", "surrogatepass")
        (folder / "README.md").write_bytes(card)
        config = json.loads(original["config.json"]) | said
        (folder / "config.json").write_text(json.dumps(config))
        document = write_bom(str(folder), index).to_json()
        check_bom(document)
        found = (*pedigree(document).get("variants", ()), *pedigree(document).get("ancestors", ()))
        assert any(properties(r).get("log10_p") for r in found), pedigree(document)
    finally:
        for name, content in original.items():
            (folder / name).write_bytes(content)
