"""How fast, and in how much memory, `forebear traffic` reads a large capture: python traffic.py [--megabytes N]

Two archives of that size are generated: a browsing session (pages, bundled scripts, pictures in base 64, and an API
call now and then), and one of API calls alone (chats of some kilobytes, half of the answers streamed in small events).
`forebear traffic` runs on each as a process of its own; its time, CPU time and peak memory are printed, and whether
it counted every identifier that was put in. With `--gzip` the archives are compressed first.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MODELS = ("gpt-4o-2024-08-06", "claude-sonnet-4-5-20250929", "deepseek-v3.1", "qwen3-235b-a22b-instruct", "acme-1")
LEAK = "accounts/acme/models/kimi-k2p5-rl-0317-s515-fast"
LEAK_EVERY = 500
"""One answer in so many names another model than was asked for."""
SYLLABLES = (
    "ba",
    "con",
    "di",
    "el",
    "fo",
    "gra",
    "hi",
    "in",
    "ju",
    "ko",
    "li",
    "mo",
    "na",
    "or",
    "pe",
    "qui",
    "ra",
    "so",
    "ti",
)
MIX = {"browsing": ("page", "script", "script", "picture", "picture", "picture", "chat"), "api": ("chat", "stream")}


class Maker:
    """Makes entries, and counts what it puts into them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.words = ["".join(self.random.choices(SYLLABLES, k=self.random.randint(1, 4))) for _ in range(5_000)]
        self.count: Counter[str] = Counter()

    def entries(self, kind: str) -> Iterator[bytes]:
        """Entries without end."""
        for k in range(1 << 60):
            what = self.random.choice(MIX[kind])
            yield json.dumps(getattr(self, what)(k)).encode()

    def prose(self, size: int) -> str:
        """Words, sentences and an option here and there."""
        words = self.random.choices(self.words, k=max(1, size // 7))
        return " ".join(f"{w}." if k % 11 == 10 else w for k, w in enumerate(words))

    def chat(self, k: int, streamed: bool = False) -> dict[str, Any]:
        """A chat completion."""
        asked = self.random.choice(MODELS)
        served = LEAK if k % LEAK_EVERY == 0 else asked
        body = {"model": asked, "messages": [{"role": "user", "content": self.prose(6_000)}], "stream": streamed}
        self.count[asked] += 1
        words = self.random.choices(self.words, k=300)
        if streamed:
            lines = []
            for word in words:
                delta = {"index": 0, "delta": {"content": f"{word} "}, "finish_reason": None}
                event = {"id": f"chatcmpl-{k}", "object": "chat.completion.chunk", "model": served, "choices": [delta]}
                lines.append(f"data: {json.dumps(event)}\n\n")
            self.count[served] += len(lines)
            return entry("https://api.example/v1/chat/completions", body, "text/event-stream", "".join(lines))
        self.count[served] += 1
        message = {"role": "assistant", "content": self.prose(6_000)}
        answer = {"id": f"chatcmpl-{k}", "model": served, "choices": [{"index": 0, "message": message}]}
        return entry("https://api.example/v1/chat/completions", body, "application/json", json.dumps(answer))

    def stream(self, k: int) -> dict[str, Any]:
        """A chat completion in events."""
        return self.chat(k, streamed=True)

    def page(self, k: int) -> dict[str, Any]:
        """A page of text."""
        text = "".join(f'<p class="c{n}">{self.prose(300)}</p>\n' for n in range(100))
        return entry(f"https://www.example/{k}.html", None, "text/html", f"<html><body>{text}</body></html>")

    def script(self, k: int) -> dict[str, Any]:
        """A bundled script; it has options and view models like any."""
        calls = (f"e.{a}=function(t){{return n({b},t.{a})}};" for a, b in self._pairs(8_000))
        return entry(f"https://www.example/{k}.js", None, "text/javascript", f"var viewModel={{}};{''.join(calls)}")

    def picture(self, k: int) -> dict[str, Any]:
        """A picture in base 64."""
        made = entry(f"https://www.example/{k}.png", None, "image/png", "")
        picture = base64.b64encode(self.random.randbytes(200_000)).decode()
        made["response"]["content"] |= {"text": picture, "encoding": "base64"}
        return made

    def _pairs(self, count: int) -> Iterator[tuple[str, int]]:
        for word in self.random.choices(self.words, k=count):
            yield word, self.random.randrange(100_000)


def entry(url: str, asked: Any, kind: str, said: str) -> dict[str, Any]:
    """An entry of an archive."""
    headers = [{"name": f"x-header-{k}", "value": f"value {k} of a header"} for k in range(12)]
    request: dict[str, Any] = {"method": "POST" if asked else "GET", "url": url, "headers": headers, "queryString": []}
    if asked:
        request["postData"] = {"mimeType": "application/json", "text": json.dumps(asked)}
    content = {"size": len(said), "mimeType": kind, "text": said}
    response = {"status": 200, "statusText": "OK", "headers": headers, "content": content, "redirectURL": ""}
    return {"startedDateTime": "2026-03-19T10:00:00Z", "time": 12.5, "request": request, "response": response}


def write(path: Path, kind: str, size: int, packed: bool) -> Counter[str]:
    """Write an archive of about so many bytes; returns how often each identifier stands in it."""
    maker = Maker(1)
    written = 0
    with gzip.open(path, "wb", 1) if packed else open(path, "wb") as file:
        file.write(b'{"log":{"version":"1.2","creator":{"name":"traffic.py","version":"1"},"entries":[')
        for made in maker.entries(kind):
            file.write((b",\n" if written else b"\n") + made)
            written += len(made)
            if written >= size:
                break
        file.write(b"]}}")
    return maker.count


def main() -> None:
    """Generate, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1_000)
    parser.add_argument("--kinds", nargs="*", choices=list(MIX), default=list(MIX))
    parser.add_argument("--gzip", action="store_true")
    options = parser.parse_args()
    for kind in options.kinds:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "capture"
            wanted = write(path, kind, options.megabytes * 1_000_000, options.gzip)
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            command = [sys.executable, "-m", "forebear", "traffic", str(path), "--format", "json"]
            done = subprocess.run(command, capture_output=True, check=True)
            seconds = time.perf_counter() - start
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        result = json.loads(done.stdout)
        counted = {i["identifier"]: i["count"] for i in result["identifiers"]}
        size, memory = options.megabytes, result["cost"]["peak_memory_bytes"]
        same = "every identifier counted" if counted == wanted else f"counted {counted}, put in {dict(wanted)}"
        print(
            f"{kind}: {size:,} MB in {seconds:.1f} s, {size / seconds:.0f} MB/s ({size / cpu:.0f} MB a second of CPU), "
            f"peak memory {memory / 1e6:.0f} MB; {same}"
        )


if __name__ == "__main__":
    main()
