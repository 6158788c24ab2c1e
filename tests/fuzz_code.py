"""Files of a repository, of every kind that ``forebear check`` reads, and papers that people keep beside them.

A repository is looked through as the command does it: what it names is looked up, and written for people and machines.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import facts
from exchanges import filled, flipped, mark
from forebear.artifacts.documents import read_documents
from forebear.attest.trust import Trust
from forebear.catalogue.collection import laid_over, shipped
from forebear.index import Index
from forebear.index.local import LocalIndex
from forebear.inspect.check import Asked, check_repository
from forebear.inspect.check_bom import bill_of
from forebear.inspect.check_result import BASELINE, read_baseline
from forebear.inspect.watch import watch
from forebear.inspect.watch_check import DOCUMENT_FILE, FOUND, SUMS, check_pack
from forebear.licences.detect import detect_all
from forebear.report import check as words
from forebear.report import github, gitlab, junit, sarif
from forebear.report.watch import Sender, write_pack
from forebear.sources import open_source
from fuzzed import Paper, nothing, text
from written_licences import MIT

PYTHON = """import os
from transformers import AutoModel, pipeline

BASE = "deepseek-ai/DeepSeek-R1-Distill-Llama-8B"  # ü
model = AutoModel.from_pretrained(BASE, revision="main", trust_remote_code=True)
speech = pipeline("automatic-speech-recognition", model=os.getenv("ASR_MODEL", "openai/whisper-large-v3"))
other = AutoModel.from_pretrained(os.environ["X"])
answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
"""
NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# gpt-4o"]},
        {"cell_type": "code", "source": ["!ollama pull qwen3:8b\n", "m = Llama(model_path='q.gguf')\n"]},
        {"cell_type": "code", "source": 'pipe = pipeline("text-generation", model="Qwen/Qwen3-8B")'},
    ],
    "nbformat": 4,
}
TYPESCRIPT = """// model: "gpt-4o"
const chat = new ChatOpenAI({ model: "gpt-4o-mini", apiKey: process.env.KEY });
const embed = await pipeline('feature-extraction', `Xenova/all-MiniLM-L6-v2`); /* 'x/y-1b' */
"""
SETTINGS = """services:
  llm:
    image: vllm/vllm-openai:v0.9
    command: ["--model", "mistralai/Mistral-7B-Instruct-v0.3", "--revision", "main"]
    environment: {MODEL_ID: Qwen/Qwen3-8B, FALLBACK_MODEL: "gpt-4o"}
  own: {model: ./weights/model.safetensors}
"""
PACKAGES = """[project]
dependencies = ["sentence-transformers>=3", "openai-whisper==20240930", "spacy-models", "rembg[cpu] ; extra == 'x'"]
[tool.poetry.dependencies]
en-core-web-sm = "^3.7"
"""
MODELFILE = 'FROM llama3.1:8b\nADAPTER ./lora.gguf\nSYSTEM """be kind"""\n'
DOCKERFILE = """FROM python:3.12-slim
RUN huggingface-cli download --revision main Qwen/Qwen3-8B && ollama pull phi3:mini
RUN python -c "from transformers import AutoModel; AutoModel.from_pretrained('acme/thing')"
CMD ["vllm", "serve", "google/gemma-3-4b-it", "--port", "80"]
"""
MARKDOWN = """# Serving

```sh
vllm serve Qwen/Qwen3-8B
```
See https://huggingface.co/openai/gpt-oss-20b.
"""
IGNORED = "# own\n*.log\n/build/\n!keep.log\nsrc/**/gen-[a-c]?.py\n**/cache\ndata/**\n\\#odd\\ \n"
KNOWN = {"schema": BASELINE, "known": [{"fingerprint": "a" * 64, "model": "org/m", "finding": "licence-duty"}]}


@cache
def empty_index() -> Index:
    """An index for all inputs."""
    return LocalIndex(Path(tempfile.mkdtemp(prefix="forebear-fuzz-")))


def _checked(path: Path) -> tuple[str, ...]:
    found = check_repository(str(path.parent), Asked(everywhere=True), empty_index())
    subjects = list(words.subjects(found))
    for document in (found.to_json(), bill_of(found), gitlab.document(subjects), sarif.document(subjects, "/r")):
        json.dumps(document).encode()
    for said in (words.markdown(found), junit.document("r", subjects, None), github.commands(subjects)):
        said.encode()
    return (*found.unread, *found.skipped)


def _code(name: str, content: Any) -> Paper:
    return Paper(name, text(content), _checked)


def _ignoring(path: Path) -> tuple[str, ...]:
    """An ignore file, and paths for its rules."""
    for place in ("src/a/gen-b1.py", "data/x/y.py", "build/m.py", "keep.log", "#odd "):
        file = path.parent / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("m = 'gpt-4o'\n")
    return _checked(path)


def _licence(path: Path) -> tuple[str, ...]:
    documents, problems = read_documents(open_source(str(path.parent)))
    for file, said in documents.licences.items():
        detect_all(said, file)
    return problems


def _facts(path: Path) -> None:
    laid_over(shipped(), [path])


@cache
def _pack() -> dict[str, bytes]:
    """The files of an evidence pack."""
    folder = Path(tempfile.mkdtemp(prefix="forebear-fuzz-"))
    index = filled(folder / "index")
    index.add(replace(mark("new", 2), code=flipped(mark("a", 1).code, 0.05)), "hf:org/new@c0ffee")
    (found,) = watch("new", index, ["a"])
    return {path.name: path.read_bytes() for path in write_pack(found, folder / "packs", Sender()).iterdir()}


def _checked_pack(path: Path) -> None:
    """The pack around one of its files, with its list of digests as whoever wrote that file would have written it."""
    files = {name: raw for name, raw in _pack().items() if name not in (path.name, SUMS)}
    for name, raw in files.items():
        (path.parent / name).write_bytes(raw)
    digests = {name: sha256(raw).hexdigest() for name, raw in (files | {path.name: path.read_bytes()}).items()}
    (path.parent / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())))
    check_pack(path.parent, Trust())


def _part(name: str) -> Paper:
    return Paper(name, lambda folder: _pack()[name], nothing(_checked_pack))


def _codes() -> Iterator[tuple[str, Paper]]:
    yield "check-python", _code("app.py", PYTHON)
    yield "check-notebook", _code("a.ipynb", json.dumps(NOTEBOOK, indent=1))
    yield "check-typescript", _code("app.ts", TYPESCRIPT)
    yield "check-settings", _code("docker-compose.yml", SETTINGS)
    yield "check-packages", _code("pyproject.toml", PACKAGES)
    yield "check-modelfile", _code("Modelfile", MODELFILE)
    yield "check-commands", _code("Dockerfile", DOCKERFILE)
    yield "check-prose", _code("README.md", MARKDOWN)
    yield "check-ignored", Paper(".gitignore", text(IGNORED), _ignoring)
    yield "check-baseline", Paper("known.json", text(KNOWN), nothing(read_baseline))
    yield "facts", Paper("facts.toml", text(facts.ALL), nothing(_facts))
    yield "licence-text", Paper("LICENSE", text(MIT), _licence)
    yield "pack", _part(DOCUMENT_FILE)
    yield "pack-fingerprint", _part(FOUND)


CODE: dict[str, Paper] = dict(_codes())
"""Every kind of file, by the name under which what was found of it is kept in ``tests/corpus``."""
