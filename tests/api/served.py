"""A real server: ``transformers serve`` on loopback, with a tiny random model and any tokenizer.json.

    with served(tiny_model(folder, tokenizer_json)) as server:
        ...                                   # POST {server.url}/v1/chat/completions, model=server.model

It needs transformers and what its extra ``serving`` has; :func:`missing` says what of it is not there.
"""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models import tiny_llama

NEEDED = ("torch", "transformers", "accelerate", "fastapi", "openai", "pydantic", "uvicorn")
READY_SECONDS = 120
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
TEXT = """
A model behind an interface can be asked, and what it answers can be counted. Numbers like 1234 and words like
internationalisation, Straße, naïve, 世界 and Москва are cut into pieces, and the pieces differ from model to model.
def function(value): return value + 1  # code has pieces of its own
"""


@dataclass(frozen=True)
class Served:
    """A running server and the name under which its model is asked for."""

    url: str
    model: str


def missing() -> str:
    """The packages that the server needs and that are not installed, in words; empty if all are."""
    absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    return f"transformers serve needs {', '.join(absent)} (pip install 'forebear[test]')" if absent else ""


def byte_level_tokenizer(size: int = 600) -> dict[str, Any]:
    """A byte-level BPE trained on a text of ours, as a ``tokenizer.json``."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|user|>", "<|system|>", "<|assistant|>", "<|end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=size, min_frequency=1, initial_alphabet=alphabet, special_tokens=special, show_progress=False
    )
    tokenizer.train_from_iterator([TEXT], trainer)
    content: dict[str, Any] = json.loads(tokenizer.to_str())
    return content


def tiny_model(folder: Path, tokenizer: dict[str, Any], seed: int = 0) -> Path:
    """A random Llama of two layers around a tokenizer, in a folder that transformers loads."""
    vocab = tokenizer["model"]["vocab"]
    ids = list(vocab.values()) if isinstance(vocab, dict) else range(len(vocab))
    size = 1 + max([*ids, *(t["id"] for t in tokenizer.get("added_tokens", []))])
    sizes = {"hidden": 16, "layers": 2, "heads": 2, "kv_heads": 1, "intermediate": 32, "vocabulary": size}
    tiny_llama(folder, seed, **sizes, tokenizer=tokenizer)
    config = json.loads((folder / "config.json").read_text())
    config |= {"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 4096, "eos_token_id": None}
    (folder / "config.json").write_text(json.dumps(config | {"bos_token_id": None}))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": TEMPLATE})
    )
    (folder / "generation_config.json").write_text("{}")
    return folder


@contextmanager
def served(model: Path) -> Iterator[Served]:
    """``transformers serve`` with a model, ready to answer; ended at the end."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "hub").mkdir()  # without it the list of models is an error
        environment = os.environ | {"HF_HOME": home, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        program = "import sys; from transformers.cli.transformers import main; sys.exit(main())"
        command = [sys.executable, "-c", program, "serve", str(model), "--device", "cpu", "--dtype", "float32"]
        with open(Path(home) / "log", "w+b") as log:
            process = subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--port", str(port)],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
            try:
                url = f"http://127.0.0.1:{port}"
                _ready(process, url, Path(home) / "log")
                yield Served(url, str(model))
            finally:
                process.kill()
                process.wait()


def _ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait until the server says that it is well."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with opener.open(f"{url}/health", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"transformers serve did not start:\n{log.read_text(errors='replace')[-3000:]}")
