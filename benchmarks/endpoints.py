"""Real servers and a gateway, asked as the tests ask transformers serve: python endpoints.py --work DIR

llama-cpp-python's server (built from source: some thirteen minutes of CPU) and a LiteLLM proxy in front of it and of
transformers serve get virtual environments of their own in DIR, which are kept for the next time; nothing else of the
machine is touched. All serve a tiny random model with a tokenizer of ours, whose counts the tokenizers library knows.
For each server the table says what discovery found and with how many requests, whether counts of guarded texts differ
from a baseline as the tokenizer says (whole answers, and streams), and where the model's true path leaks. A second
table says what ``forebear probe`` makes of them, where the tokenizer was added to the index.

It runs where ``transformers serve`` does (``pip install 'forebear[test,torch,servers]'``).
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from tokenizers import Tokenizer

from api.served import TEMPLATE, byte_level_tokenizer, served, tiny_model
from forebear.endpoints import Answer, Live, Offer, Question, discover, tokenize
from forebear.index import BlackBoxIndex
from forebear.inspect.enrol_tokenizer import enrol_tokenizer
from forebear.inspect.probe import probe
from forebear.inspect.probe_result import Probe
from ggufs import convert

VENVS = {"llama": ["llama-cpp-python[server]>=0.3.16"], "litellm": ["litellm[proxy]>=1.80"]}
TEXTS = ("Hello", "def f(x): return x + 1", "Straße, naïve, 世界", "   spaces\n\nand 1234567890", "Москва", "a" * 40)
READY_SECONDS = 300


@dataclass(frozen=True)
class Found:
    """What a server turned out to be: rows of the table, by heading."""

    server: str
    offer: Offer
    requests: int
    whole: str
    stream: str
    tokens: str
    names: str
    leaks: str

    def row(self) -> str:
        """One row in Markdown."""
        dialect = self.offer.dialects[0].name
        features = {k: v for k, v in vars(self.offer.features[dialect]).items() if v}
        offered = ", ".join(f"{k} {v}" if isinstance(v, int) and v is not True else k for k, v in features.items())
        cells = (
            self.server,
            ", ".join(d.name for d in self.offer.dialects),
            str(self.requests),
            offered,
            self.whole,
            self.stream,
            self.tokens,
            self.names,
            self.leaks,
        )
        return "| " + " | ".join(cells) + " |"


HEAD = (
    "| server | dialects | requests | its first dialect offers | counts | counts in streams | cut by the server "
    "| name in answers | leaks |\n|" + " --- |" * 9
)


def main() -> None:
    """Build what is missing, start everything, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for environments, models and logs")
    work: Path = parser.parse_args().work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    pythons = {name: environment(work / f"venv-{name}", packages) for name, packages in VENVS.items()}
    tokenizer = byte_level_tokenizer()
    folder = tiny_model(work / "tiny-base-7b-instruct", tokenizer)
    gguf = llama_cpp_file(folder, tokenizer, work / "tiny-base-7b-instruct.gguf")
    known = Tokenizer.from_str(json.dumps(tokenizer))
    with ExitStack() as stack:
        real = stack.enter_context(served(folder))
        native = stack.enter_context(llama_server(pythons["llama"], gguf, work))
        gateway = stack.enter_context(
            litellm(pythons["litellm"], {"acme-1": (real.url, real.model), "acme-2": (native, "secret-llama")}, work)
        )
        servers = (
            ("transformers serve", real.url, real.model, ""),
            ("llama_cpp.server", native, "asked-for-this", ""),
            ("LiteLLM before transformers serve", gateway, "acme-1", "sk-local-0123456789"),
            ("LiteLLM before llama_cpp.server", gateway, "acme-2", "sk-local-0123456789"),
        )
        print(HEAD)
        for name, url, model, key in servers:
            print(examine(name, url, model, key, known, work).row(), flush=True)
        index = BlackBoxIndex(work / "index")
        enrol_tokenizer(str(folder), "own", replace=True, index=index)
        print("\n" + PROBED)
        for name, url, model, key in servers:
            print(
                probed(name, probe(url, model, key=key, log=fresh(work / f"probe-{name}.jsonl"), index=index)),
                flush=True,
            )


PROBED = (
    "| server | requests | tokenizer of ours named | in streams | counts its own tokens | findings |\n|" + " --- |" * 6
)


def probed(name: str, result: Probe) -> str:
    """A row about what a whole probe says."""
    known = result.tokenizer or {}
    stream = "not counted"
    if known.get("stream_compared"):
        stream = "the same" if known["stream_counts"] is None else f"others: {', '.join(known['stream_counts'][:3])}"
    cells = (
        name,
        str(result.cost.requests),
        "yes" if known.get("matches") == ["own"] else ", ".join(known.get("matches", [])) or "no",
        stream,
        {True: "yes", False: "no", None: "not found out"}[known.get("counts_its_own_tokens")],
        ", ".join(finding.id for finding in result.findings) or "none",
    )
    return "| " + " | ".join(cells) + " |"


def fresh(log: Path) -> Path:
    """A file for a log, without what an earlier run left."""
    log.unlink(missing_ok=True)
    return log


def examine(name: str, url: str, model: str, key: str, known: Any, work: Path) -> Found:
    """Everything about one server."""
    log = work / f"{name.replace(' ', '-')}.jsonl"
    log.unlink(missing_ok=True)
    with Live(url, key, model=model, log=log) as transport:
        offer = discover(transport, model)
        requests = transport.spent.requests
        dialect = offer.dialects[0]

        def ask(text: str, stream: bool) -> Answer:
            return dialect.ask(transport, Question(guarded(text), model, stream=stream))

        counts = {stream: [ask(text, stream) for text in ("", *TEXTS)] for stream in (False, True)}
        cut = tokenize(transport, offer, TEXTS[1])
        leaks = sorted({where(e) for e in transport.exchanges if leak(e, b"7b-instruct")})
    own = known.encode(TEXTS[1]).ids
    tokens = "no" if cut is None else f"{cut} tokens" if isinstance(cut, int) else f"{len(cut)} tokens"
    if isinstance(cut, tuple):
        ids = [i for i, _ in cut]
        tokens += ", as it is" if ids == own else ", with one more before it" if ids[1:] == own else ", otherwise"
    names = {a.model for a in counts[False] if not a.problem}
    return Found(
        name,
        offer,
        requests,
        agreement(counts[False], known),
        agreement(counts[True], known),
        tokens,
        ", ".join("echoed" if n == model else str(n).rpartition("/")[2] for n in names),
        "; ".join(leaks) or "none",
    )


def guarded(text: str) -> str:
    """A text between fixed ones, so that a template cannot grow together with it."""
    return f"Count:\n{text}\nEnd."


def agreement(answers: Sequence[Answer], known: Any) -> str:
    """How many differences from the baseline are those of the tokenizer."""
    if any(a.problem for a in answers):
        return next(a.problem for a in answers if a.problem)
    if any(a.prompt_tokens is None for a in answers):
        return "none"
    base, *others = (a.prompt_tokens or 0 for a in answers)
    first, *own = (len(known.encode(guarded(text)).ids) for text in ("", *TEXTS))
    right = sum(n - base == k - first for n, k in zip(others, own, strict=True))
    return f"{right} of {len(own)}"


def leak(exchange: Any, needle: bytes) -> bool:
    """Whether the answer tells the model's true name, which was not sent."""
    headers = " ".join(exchange.headers.values()).encode()
    return needle in headers + exchange.body and needle not in json.dumps(exchange.request).encode()


def where(exchange: Any) -> str:
    """The place of a leak."""
    names = [k for k, v in exchange.headers.items() if "7b-instruct" in v]
    return f"header {names[0]}" if names else f"{exchange.method} {exchange.path} ({exchange.status})"


def environment(folder: Path, packages: Sequence[str]) -> Path:
    """A virtual environment with packages; its Python."""
    python = folder / "bin" / "python"
    done = folder / "done"
    if not done.exists():
        print(f"building {folder.name}: {', '.join(packages)}", file=sys.stderr, flush=True)
        started = time.monotonic()
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)
        done.touch()
        print(f"{folder.name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return python


def llama_cpp_file(folder: Path, tokenizer: dict[str, Any], path: Path) -> Path:
    """The tiny model as a GGUF file with all that llama.cpp wants to know of a tokenizer."""
    special = {t["id"] for t in tokenizer["added_tokens"]}
    merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]]
    more: dict[str, Any] = {
        "llama.feed_forward_length": 32,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": 8,
        "llama.context_length": 4096,
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.token_type": [3 if i in special else 1 for i in range(len(tokenizer["model"]["vocab"]))],
        "tokenizer.ggml.bos_token_id": 3,
        "tokenizer.ggml.eos_token_id": 3,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": TEMPLATE,
    }
    return convert(folder, path, **more)


@contextmanager
def llama_server(python: Path, gguf: Path, work: Path) -> Iterator[str]:
    """llama-cpp-python's server."""
    port = unused()
    options = ["--model", str(gguf), "--n_ctx", "2048", "--logits_all", "true", "--n_threads", "1"]
    command = [str(python), "-m", "llama_cpp.server", *options, "--host", "127.0.0.1", "--port", str(port)]
    with running(command, f"http://127.0.0.1:{port}", "/v1/models", work / "llama.log", {}) as url:
        yield url


@contextmanager
def litellm(python: Path, models: dict[str, tuple[str, str]], work: Path) -> Iterator[str]:
    """A LiteLLM proxy with a route to each of these (address and name)."""
    routes = [
        {"model_name": name, "litellm_params": {"model": f"openai/{inner}", "api_base": f"{url}/v1", "api_key": "none"}}
        for name, (url, inner) in models.items()
    ]
    config = work / "litellm.json"
    config.write_text(json.dumps({"model_list": routes}))  # JSON is YAML
    port = unused()
    command = [str(python.parent / "litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    settings = {"LITELLM_MASTER_KEY": "sk-local-0123456789", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with running(command, f"http://127.0.0.1:{port}", "/health/liveliness", work / "litellm.log", settings) as url:
        yield url


@contextmanager
def running(command: list[str], url: str, ready: str, log: Path, settings: dict[str, str]) -> Iterator[str]:
    """A server that has begun to answer; ended at the end."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with log.open("wb") as out:
        environment = os.environ | {"OMP_NUM_THREADS": "1"} | settings
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
        try:
            deadline = time.monotonic() + READY_SECONDS
            while True:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{command[0]} did not start; see {log}")
                try:
                    with opener.open(url + ready, timeout=2):
                        break
                except OSError:
                    time.sleep(0.5)
            yield url
        finally:
            process.kill()
            process.wait()


def unused() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
