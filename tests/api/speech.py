"""Every dialect from the server's side: a request to an answer, whole or in pieces."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import numpy as np

from api.model import Model, Step

Json = dict[str, Any]


@dataclass
class Said:
    """An answer before it is written in a dialect."""

    model: Model
    name: str
    text: str
    prompt: str
    steps: list[Step]
    prompt_tokens: int
    cached: int
    body: Json

    @property
    def words(self) -> str:
        """The answer."""
        return "".join(s.text for s in self.steps)


@dataclass
class Reply:
    """What the server sends: a JSON value, or pieces of a stream."""

    status: int = 200
    content: Any = None
    stream: list[Any] = field(default_factory=list)
    lines: bool = False
    names: bool = False
    """Whether events are named after the ``type`` in their data."""


Speak = Callable[[Said, bool], Reply]


def openai_chat(said: Said, stream: bool) -> Reply:
    """``/v1/chat/completions``."""
    base: Json = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": said.name}
    if said.model.fingerprint:
        base["system_fingerprint"] = said.model.fingerprint
    wanted = said.body.get("logprobs") and "logprobs" in said.model.extras
    if not stream:
        choice: Json = {
            "index": 0,
            "message": {"role": "assistant", "content": said.words},
            "finish_reason": "length",
            "logprobs": {"content": _positions(said.steps, said.body.get("top_logprobs", 0))} if wanted else None,
        }
        content = base | {"choices": [choice], "usage": _usage(said)}
        if said.body.get("prompt_logprobs") and "prompt_logprobs" in said.model.extras:
            content["prompt_logprobs"] = [None, *_prompt_logprobs(said)[1:]]
        return Reply(content=content)
    base["object"] = "chat.completion.chunk"
    pieces: list[Json] = [base | {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}]
    for group in _groups(said):
        delta: Json = {"index": 0, "delta": {"content": "".join(s.text for s in group)}}
        if wanted:
            delta["logprobs"] = {"content": _positions(group, said.body.get("top_logprobs", 0))}
        pieces.append(base | {"choices": [delta]})
    pieces.append(base | {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})
    return Reply(stream=_counted(said, base, pieces))


def openai_completions(said: Said, stream: bool) -> Reply:
    """``/v1/completions``."""
    base: Json = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": said.name}
    echo = bool(said.body.get("echo")) and "echo" in said.model.extras
    words = (said.prompt if echo else "") + said.words
    n = said.body.get("logprobs")
    logprobs = _columns(said, n or 0, echo) if n is not None and "logprobs" in said.model.extras else None
    if not stream:
        choice = {"index": 0, "text": words, "finish_reason": "length", "logprobs": logprobs}
        return Reply(content=base | {"choices": [choice], "usage": _usage(said)})
    pieces: list[Json] = []
    for group in _groups(said):
        piece: Json = {"index": 0, "text": "".join(s.text for s in group)}
        if logprobs is not None:
            piece["logprobs"] = _columns(said, n or 0, False, group)
        pieces.append(base | {"choices": [piece]})
    pieces.append(base | {"choices": [{"index": 0, "text": "", "finish_reason": "length"}]})
    return Reply(stream=_counted(said, base, pieces))


def openai_responses(said: Said, stream: bool) -> Reply:
    """``/v1/responses``."""
    n = said.body.get("top_logprobs", 0)
    wanted = n and "logprobs" in said.model.extras
    part: Json = {"type": "output_text", "text": said.words}
    if wanted:
        part["logprobs"] = _positions(said.steps, n)
    usage = {
        "input_tokens": said.prompt_tokens,
        "output_tokens": len(said.steps),
        "input_tokens_details": {"cached_tokens": said.cached},
    }
    whole: Json = {
        "id": "resp_1",
        "object": "response",
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "model": said.name,
        "output": [{"type": "message", "role": "assistant", "content": [part]}],
        "usage": usage,
    }
    if not stream:
        return Reply(content=whole)
    begun = whole | {"status": "in_progress", "incomplete_details": None, "output": [], "usage": None}
    events: list[Json] = [{"type": "response.created", "response": begun}]
    for group in _groups(said):
        event: Json = {"type": "response.output_text.delta", "delta": "".join(s.text for s in group)}
        if wanted:
            event["logprobs"] = _positions(group, n)
        events.append(event)
    never = said.model.stream_usage == "never"
    events.append({"type": "response.incomplete", "response": whole | {"usage": None if never else usage}})
    return Reply(stream=events, names=True)


def anthropic(said: Said, stream: bool) -> Reply:
    """``/v1/messages``: what comes from the cache is not in ``input_tokens``."""
    usage = {
        "input_tokens": said.prompt_tokens - said.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": said.cached,
    }
    head: Json = {"id": "msg_1", "type": "message", "role": "assistant", "model": said.name}
    if not stream:
        content = [{"type": "text", "text": said.words}]
        return Reply(
            content=head
            | {"content": content, "stop_reason": "max_tokens", "usage": usage | {"output_tokens": len(said.steps)}}
        )
    start: Json = head | {"content": [], "usage": usage | {"output_tokens": 1}}
    events: list[Json] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    events += [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "".join(s.text for s in g)}}
        for g in _groups(said)
    ]
    end = {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": len(said.steps)}}
    return Reply(stream=[*events, end, {"type": "message_stop"}], names=True)


def ollama(said: Said, stream: bool, part: Callable[[str], Json]) -> Reply:
    """``/api/chat`` and ``/api/generate``: a prompt that is cached is not counted at all."""
    base: Json = {"model": said.name, "created_at": "2025-01-01T00:00:00Z"}
    end: Json = base | {"done": True, "done_reason": "length", "eval_count": len(said.steps)}
    if not said.cached:
        end["prompt_eval_count"] = said.prompt_tokens
    n = said.body.get("top_logprobs", 0)
    wanted = said.body.get("logprobs") and "logprobs" in said.model.extras
    if not stream:
        return Reply(content=end | part(said.words) | ({"logprobs": _positions(said.steps, n)} if wanted else {}))
    pieces: list[Json] = []
    for group in _groups(said):
        piece = base | part("".join(s.text for s in group)) | {"done": False}
        pieces.append(piece | ({"logprobs": _positions(group, n)} if wanted else {}))
    return Reply(stream=[*pieces, end | part("")], lines=True)


def ollama_chat(said: Said, stream: bool) -> Reply:
    """``/api/chat``."""
    return ollama(said, stream, lambda text: {"message": {"role": "assistant", "content": text}})


def ollama_generate(said: Said, stream: bool) -> Reply:
    """``/api/generate``."""
    return ollama(said, stream, lambda text: {"response": text})


def llama_cpp(said: Said, stream: bool) -> Reply:
    """``/completion``."""
    n = said.body.get("n_probs", 0)
    wanted = n and "logprobs" in said.model.extras
    end: Json = {
        "stop": True,
        "stop_type": "limit",
        "model": said.name,
        "tokens_predicted": len(said.steps),
        "tokens_evaluated": said.prompt_tokens,
        "timings": {"cache_n": said.cached},
    }
    if not stream:
        probabilities = {"completion_probabilities": _positions(said.steps, n)} if wanted else {}
        return Reply(content=end | {"content": said.words} | probabilities)
    pieces: list[Json] = []
    for group in _groups(said):
        piece: Json = {"content": "".join(s.text for s in group), "stop": False}
        pieces.append(piece | ({"completion_probabilities": _positions(group, n)} if wanted else {}))
    return Reply(stream=[*pieces, end | {"content": ""}])


def tgi(said: Said, stream: bool) -> Reply:
    """``/generate`` and ``/generate_stream``."""
    parameters = said.body.get("parameters", {})
    n = parameters.get("top_n_tokens", 0)
    tokens = [{"id": s.id, "text": s.text, "logprob": s.logprob, "special": False} for s in said.steps]
    tops = [[{"id": i, "text": t, "logprob": v, "special": False} for i, t, v in s.top[:n]] for s in said.steps]
    details: Json = {"finish_reason": "length", "generated_tokens": len(said.steps)}
    if not stream:
        whole = details | {"tokens": tokens, "prefill": []} | ({"top_tokens": tops} if n else {})
        if parameters.get("decoder_input_details"):
            whole["prefill"] = [
                {"id": i, "text": t, "logprob": None if k == 0 else -1.5}
                for k, (i, t) in enumerate(_to_length(said.model.tokens(said.prompt), said.prompt_tokens))
            ]
        return Reply(content={"generated_text": said.words, "details": whole})
    pieces: list[Json] = []
    for k, token in enumerate(tokens):
        last = k == len(tokens) - 1
        piece: Json = {"index": k, "token": token, "generated_text": said.words if last else None}
        if n:
            piece["top_tokens"] = tops[k]
        pieces.append(piece | {"details": (details | {"input_length": said.prompt_tokens}) if last else None})
    return Reply(stream=pieces)


def gemini(said: Said, stream: bool) -> Reply:
    """``models/NAME:generateContent``: a stream's pieces are small answers."""
    usage: Json = {
        "promptTokenCount": said.prompt_tokens,
        "candidatesTokenCount": len(said.steps),
        "totalTokenCount": said.prompt_tokens + len(said.steps),
    }
    if said.cached:
        usage["cachedContentTokenCount"] = said.cached
    settings = said.body.get("generationConfig") or {}
    wanted = settings.get("responseLogprobs") and "logprobs" in said.model.extras

    def answer(steps: Sequence[Step], reason: str = "", counts: bool = True) -> Json:
        text = "".join(s.text for s in steps)
        candidate: Json = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
        if reason:
            candidate["finishReason"] = reason
        if wanted:
            own = [{"token": s.text, "tokenId": s.id, "logProbability": s.logprob} for s in steps]
            n = settings.get("logprobs", 0)
            tops = [[{"token": t, "logProbability": v} for _, t, v in s.top[:n]] for s in steps]
            result = {"chosenCandidates": own, "topCandidates": [{"candidates": top} for top in tops]}
            candidate["logprobsResult"] = result
        content: Json = {"candidates": [candidate], "modelVersion": said.name}
        return content | ({"usageMetadata": usage} if counts else {})

    if not stream:
        return Reply(content=answer(said.steps, "MAX_TOKENS"))
    groups, counts = _groups(said), said.model.stream_usage != "never"
    last = len(groups) - 1
    return Reply(
        stream=[answer(g, "MAX_TOKENS" if k == last else "", counts and k == last) for k, g in enumerate(groups)]
    )


def cohere(said: Said, stream: bool) -> Reply:
    """``/v2/chat``: what is billed leaves the template out."""
    tokens = {"input_tokens": said.prompt_tokens, "output_tokens": len(said.steps)}
    billed = {"input_tokens": said.model.length(said.text), "output_tokens": len(said.steps)}
    usage: Json = {"billed_units": billed, "tokens": tokens}
    if not stream:
        message = {"role": "assistant", "content": [{"type": "text", "text": said.words}]}
        return Reply(content={"id": "c1", "finish_reason": "MAX_TOKENS", "message": message, "usage": usage})
    start: Json = {"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant", "content": []}}}
    begin: Json = {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}}
    pieces: list[Json] = [
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "".join(s.text for s in g)}}}}
        for g in _groups(said)
    ]
    never = said.model.stream_usage == "never"
    end: Json = {"type": "message-end", "delta": {"finish_reason": "MAX_TOKENS"} | ({} if never else {"usage": usage})}
    return Reply(stream=[start, begin, *pieces, {"type": "content-end", "index": 0}, end], names=True)


GEMINI = "/v1beta/models/*:"
SPEAKERS: Mapping[str, tuple[str, Speak]] = {
    "/v1/chat/completions": ("openai-chat", openai_chat),
    "/v1/completions": ("openai-completions", openai_completions),
    "/v1/responses": ("openai-responses", openai_responses),
    "/v1/messages": ("anthropic-messages", anthropic),
    f"{GEMINI}generateContent": ("gemini", gemini),
    f"{GEMINI}streamGenerateContent": ("gemini", gemini),
    "/v2/chat": ("cohere-chat", cohere),
    "/api/chat": ("ollama-chat", ollama_chat),
    "/api/generate": ("ollama-generate", ollama_generate),
    "/completion": ("llama-cpp", llama_cpp),
    "/generate": ("tgi", tgi),
    "/generate_stream": ("tgi", tgi),
}
"""Paths, the dialects that they belong to, and what speaks them."""


def routed(path: str, body: Any) -> tuple[str, Any]:
    """A path and a body, where the path has the model's name in it: without it, and with it."""
    found = re.fullmatch(r"/v1beta/models/([^/:]+):(\w+)", path)
    if found is None or not isinstance(body, dict):
        return path, body
    return f"{GEMINI}{found[2]}", body | {"model": unquote(found[1])}


_LIMITS = (
    "maxOutputTokens",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "num_predict",
    "n_predict",
    "max_new_tokens",
)


def asked(body: Json) -> tuple[str, str, int, Mapping[int, float], float]:
    """System prompt, user's text, length, bias and temperature of a request."""
    options = body.get("options") or body.get("parameters") or body.get("generationConfig") or body
    limit = next((options[key] for key in _LIMITS if key in options), 16)
    turns = body.get("messages") or []
    system = "\n".join(t["content"] for t in turns if t["role"] == "system") or body.get("system", "")
    system = system or body.get("instructions", "")
    text = "\n".join(t["content"] for t in turns if t["role"] == "user")
    text = text or _parts(*(body.get("contents") or ()))
    system = system or _parts(body.get("systemInstruction") or {})
    text = text or body.get("prompt") or body.get("input") or body.get("inputs") or ""
    bias = body.get("logit_bias") or {}
    pairs = bias.items() if isinstance(bias, dict) else bias
    temperature = options.get("temperature", 0.0 if "parameters" in body else 1.0)
    return system, text, int(limit), {int(k): float(v) for k, v in pairs}, float(temperature)


def _parts(*turns: Json) -> str:
    return "\n".join(part["text"] for turn in turns for part in turn.get("parts", ()))


def counted(model: Model, path: str, body: Json, rng: np.random.Generator) -> Reply:
    """The routes that count or cut."""
    if path == "/v1/messages/count_tokens" and "anthropic-messages" in model.dialects:
        prompt = model.prompt("", body["messages"][0]["content"], True)
        return Reply(content={"input_tokens": model.prompt_tokens(prompt, False, rng)})
    if path == f"{GEMINI}countTokens" and "gemini" in model.dialects:
        prompt = model.prompt("", _parts(*body["contents"]), True)
        return Reply(content={"totalTokens": model.prompt_tokens(prompt, False, rng)})
    if path == "/tokenize" and model.tokenize in ("vllm", "llama.cpp", "tgi"):
        text = body.get({"vllm": "prompt", "llama.cpp": "content", "tgi": "inputs"}[model.tokenize])
        if text is None:
            return Reply(422, {"error": "a field is missing"})
        tokens = model.tokens(text)
        ids, strings = [i for i, _ in tokens], [t for _, t in tokens]
        if model.tokenize == "llama.cpp":
            pieces = [{"id": i, "piece": t if t.isascii() else list(t.encode())} for i, t in tokens]
            return Reply(content={"tokens": pieces if body.get("with_pieces") else ids})
        if model.tokenize == "tgi":
            return Reply(content=[{"id": i, "text": t, "start": 0, "stop": 0} for i, t in tokens])
        strs = {"token_strs": strings} if body.get("return_token_strs") else {}
        return Reply(content={"count": len(ids), "max_model_len": 4096, "tokens": ids} | strs)
    if path.startswith("/extras/tokenize") and model.tokenize == "llama-cpp-python":
        ids = [i for i, _ in model.tokens(body["input"])]
        return Reply(content={"count": len(ids)} if path.endswith("/count") else {"tokens": ids})
    return Reply(404, {"detail": "Not Found"})


def write(reply: Reply, model: Model) -> list[bytes]:
    """A stream as it goes over the wire."""
    if reply.lines:
        return [json.dumps(piece, ensure_ascii=False).encode() + b"\n" for piece in reply.stream]
    end = "\r\n" if model.crlf else "\n"
    out: list[bytes] = []
    for piece in reply.stream:
        text = json.dumps(piece, ensure_ascii=False)
        lines = [f"event: {piece['type']}"] if reply.names else []
        if model.crlf:
            middle = text.index(",") + 1 if "," in text else 1
            lines = [": a comment", *lines, f"data: {text[:middle]}", f"data:{text[middle:]}"]
        else:
            lines.append(f"data: {text}")
        out.append((end.join(lines) + end + end).encode())
    if model.done and not reply.names and "candidates" not in reply.stream[0]:
        out.append(f"data: [DONE]{end}{end}".encode())
    return out


def _usage(said: Said) -> Json | None:
    if not said.model.usage:
        return None
    return {
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": len(said.steps),
        "total_tokens": said.prompt_tokens + len(said.steps),
        "prompt_tokens_details": {"cached_tokens": said.cached},
    }


def _counted(said: Said, base: Json, pieces: list[Json]) -> list[Json]:
    wish = bool((said.body.get("stream_options") or {}).get("include_usage"))
    if said.model.stream_usage == "always" or (said.model.stream_usage == "asked" and wish):
        return [*pieces, base | {"choices": [], "usage": _usage(said)}]
    return pieces


def _groups(said: Said) -> list[list[Step]]:
    n = said.model.merge
    return [said.steps[i : i + n] for i in range(0, len(said.steps), n)]


def _positions(steps: Sequence[Step], n: int) -> list[Json]:
    def entry(text: str, value: float) -> Json:
        return {"token": text, "logprob": value, "bytes": list(text.encode())}

    return [entry(s.text, s.logprob) | {"top_logprobs": [entry(t, v) for _, t, v in s.top[:n]]} for s in steps]


def _columns(said: Said, n: int, echo: bool, steps: Sequence[Step] | None = None) -> Json:
    steps = said.steps if steps is None else steps
    own = [t for _, t in said.model.tokens(said.prompt)] if echo else []
    texts = own + [s.text for s in steps]
    values: list[float | None] = [None if k == 0 else -2.0 - k % 3 for k in range(len(own))]
    tops: list[Json | None] = [None if k == 0 else {text: -2.0 - k % 3} for k, text in enumerate(own)]
    offsets, at = [], 0
    for text in texts:
        offsets.append(at)
        at += len(text)
    return {
        "tokens": texts,
        "token_logprobs": values + [s.logprob for s in steps],
        "top_logprobs": tops + [{t: v for _, t, v in s.top[:n]} for s in steps],
        "text_offset": offsets,
    }


def _prompt_logprobs(said: Said) -> list[Json]:
    other = {"7": {"logprob": -0.5, "rank": 1, "decoded_token": "x"}}
    tokens = said.model.tokens(said.prompt)
    return [{str(i): {"logprob": -1.0, "rank": 3, "decoded_token": t}} | other for i, t in tokens]


def _to_length(tokens: Sequence[tuple[int, str]], n: int) -> list[tuple[int, str]]:
    """As many tokens as the server says that there are."""
    return [*tokens, *([(0, "")] * n)][:n]
