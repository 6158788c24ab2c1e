"""Real files of others and trained models: each is read, or refused with the right reason; none is passed over."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from forebear.artifacts import read_artifact
from forebear.artifacts.documents import read_documents
from forebear.artifacts.read import read_config
from forebear.artifacts.roles import role_tensor
from forebear.artifacts.safetensors import read_index
from forebear.artifacts.text import LFS_POINTER, load_json
from forebear.artifacts.tokenizer import parse_tokenizer, read_tokenizer
from forebear.errors import ForebearError, FormatError, InputError
from forebear.sources import LocalSource
from models import refused
from shared import shared

pytestmark = pytest.mark.shared

REASONS = (
    "no model weights in it",
    "an empty directory",
    "cannot read yet",
    "a Git LFS pointer",
    "only an adapter",
    "names files that are not there",
    "are too few for a safetensors file",
    "Extra data",
)


@pytest.fixture(scope="module")
def zoo() -> Path:
    return shared("zoo")


@pytest.fixture(scope="module")
def artefacts() -> Path:
    return shared("artefacts")


def is_pointer(path: Path) -> bool:
    with open(path, "rb") as stream:
        return stream.read(len(LFS_POINTER)) == LFS_POINTER


def test_every_model_of_the_zoo_is_read_as_its_family(zoo: Path) -> None:
    truth = {m["id"]: m for m in json.loads((zoo / "truth.json").read_text())["models"]}
    folders = sorted((zoo / "models").iterdir())
    assert {f.name for f in folders} == truth.keys()
    families: Counter[str] = Counter()
    for folder in folders:
        if (folder / "adapter_model.safetensors").exists():
            with refused(f"{folder.name}: only an adapter, no model weights"):
                read_artifact(LocalSource(folder))
            families["adapter"] += 1
            continue
        artifact = read_artifact(LocalSource(folder))
        config, geometry = json.loads((folder / "config.json").read_text()), artifact.geometry
        assert artifact.architecture is not None and geometry is not None, artifact.unknown
        assert artifact.architecture.name == config["model_type"]
        assert (artifact.problems, artifact.notes, artifact.unknown) == ((), (), "")
        assert artifact.parameters == truth[folder.name]["n_params"], folder.name
        assert geometry.width == config.get("hidden_size", config.get("n_embd"))
        assert geometry.layers == config.get("num_hidden_layers", config.get("n_layer"))
        assert geometry.heads == config.get("num_attention_heads", config.get("n_head"))
        assert geometry.vocabulary == config["vocab_size"]
        assert geometry.experts == config.get("num_local_experts", 0)
        assert artifact.tokenizer is not None and len(artifact.tokenizer.ids) == geometry.vocabulary
        assert artifact.documents.front_matter.get("license") == truth[folder.name]["license"]
        for role in artifact.names:
            seen = role_tensor(artifact, role)
            assert seen is not None and np.isfinite(seen.tensor.values()).all()
        families[artifact.architecture.name] += 1
    assert families == {"llama": 17, "gpt2": 3, "qwen2": 3, "mixtral": 3, "gpt_neox": 2, "adapter": 1}


def test_every_tokenizer_is_read_or_is_a_pointer(artefacts: Path) -> None:
    found: Counter[str] = Counter()
    for path in sorted(artefacts.rglob("*tokenizer.json")):
        place = path.relative_to(artefacts).parts[0]
        try:
            tokenizer = parse_tokenizer(load_json(path.read_bytes(), path.name))
        except FormatError as error:
            assert is_pointer(path) and "a Git LFS pointer, not the file itself" in str(error), f"{path}: {error}"
            found[f"{place}: pointer"] += 1
            continue
        assert not is_pointer(path)
        found[f"{place}: read"] += 1
        if path.name == "tokenizer.json":
            again = read_tokenizer(LocalSource(path.parent))
            assert again is not None and again.digest == tokenizer.digest
    assert found == {"tokenizers: read": 14, "repositories: read": 1, "repositories: pointer": 13}


def test_well_known_vocabularies_have_their_well_known_sizes(artefacts: Path) -> None:
    sizes = {}
    for name in ("gpt2", "bert-uncased", "falcon-180b", "llama2-rutergpt"):
        tokenizer = read_tokenizer(LocalSource(artefacts / "tokenizers" / name))
        assert tokenizer is not None
        sizes[name] = (tokenizer.model, len(tokenizer.ids), tokenizer.merges)
    assert sizes["gpt2"] == ("BPE", 50257, 50000)
    assert sizes["bert-uncased"] == ("WordPiece", 30522, 0)
    assert sizes["falcon-180b"] == ("BPE", 65024, 64784)
    assert sizes["llama2-rutergpt"][:2] == ("BPE", 32000)


def test_every_repositorys_papers_are_read(artefacts: Path) -> None:
    found: Counter[str] = Counter()
    problems: list[str] = []
    for path in sorted((artefacts / "repositories").rglob("*")):
        if path.name not in ("config.json", "README.md"):
            continue
        source = LocalSource(path.parent)
        if path.name == "config.json":
            config = read_config(source)
            found["config with a type" if isinstance(config.get("model_type"), str) else "config without"] += 1
            json.dumps(dict(config))
        else:
            documents, listed = read_documents(source)
            problems += listed
            found["card with front matter" if documents.front_matter else "card without"] += 1
            json.dumps(dict(documents.front_matter), ensure_ascii=False).encode()
            assert documents.card or path.stat().st_size == 0 or documents.front_matter
    assert problems == []
    assert found == {
        "config with a type": 67,
        "config without": 2,
        "card with front matter": 56,
        "card without": 23,
    }


def test_every_front_matter_is_what_yaml_says(artefacts: Path) -> None:
    """Our bounded loader changes no value that a real card has, dates aside."""
    import yaml

    count = 0
    for path in sorted(artefacts.rglob("README.md")):
        text = path.read_text("utf-8").replace("\r\n", "\n")
        if not text.startswith("---\n") or "\n---" not in text[4:]:
            continue
        expected = yaml.safe_load(text[4:].split("\n---", 1)[0])
        documents, _ = read_documents(LocalSource(path.parent))
        assert documents.front_matter == (expected or {}), path
        count += 1
    assert count == 57


def test_every_index_of_shards_is_understood(artefacts: Path) -> None:
    """Shards are missing or pointers here; the index itself must be read, and the reason must be right."""
    reasons: Counter[str] = Counter()
    for path in sorted(artefacts.rglob("*.safetensors.index.json")):
        source = LocalSource(path.parent)
        try:
            weight_map = json.loads(path.read_text())["weight_map"]
        except ValueError:  # one was damaged in the wild: two documents in one file
            with refused(f"{path.name}: its file is not valid JSON (Extra data"):
                read_artifact(source)
            reasons["two documents"] += 1
            continue
        assert read_index(source, path.name, dict.fromkeys(weight_map.values(), 1)) == weight_map
        with pytest.raises(InputError) as caught:
            read_artifact(source)
        reasons[next((r for r in REASONS if r in str(caught.value)), str(caught.value))] += 1
    assert reasons == {
        "a Git LFS pointer": 14,
        "names files that are not there": 13,
        "are too few for a safetensors file": 1,
        "two documents": 1,
    }


def test_every_folder_is_a_model_or_says_why_not(artefacts: Path) -> None:
    reasons: Counter[str] = Counter()
    folders = [p for p in sorted(artefacts.rglob("*")) if p.is_dir()]
    for folder in folders:
        try:
            artifact = read_artifact(LocalSource(folder))
        except ForebearError as error:
            text = str(error)
            assert text.isprintable() and error.exit_code == 4
            reasons[next((r for r in REASONS if r in text), text)] += 1
        else:
            assert artifact.unknown.endswith("belong to no known family"), folder
            reasons["unknown family"] += 1
    assert sum(reasons.values()) == len(folders)
    assert reasons == {
        "no model weights in it": 118,
        "an empty directory": 62,
        "cannot read yet": 27,
        "a Git LFS pointer": 19,
        "only an adapter": 19,
        "names files that are not there": 13,
        "are too few for a safetensors file": 1,
        "Extra data": 1,
        "unknown family": 1,
    }
