"""Words of model names that every family shares, and the shapes of numbers, dates, sizes and formats in them."""

from __future__ import annotations

import re

STAGES = {
    "base": "base", "pt": "base", "pretrain": "base", "pretrained": "base", "pretraining": "base",
    "cpt": "cpt", "instruct": "instruct", "inst": "instruct", "it": "instruct", "instruction": "instruct",
    "chat": "chat", "dialog": "chat", "conversational": "chat",
    "sft": "sft", "dpo": "dpo", "orpo": "orpo", "kto": "kto", "simpo": "simpo", "ppo": "ppo", "grpo": "grpo",
    "rl": "rl", "rlhf": "rlhf", "rlvr": "rlvr", "rft": "rft", "dapo": "dapo", "gspo": "gspo",
    "ft": "finetune", "finetune": "finetune", "finetuned": "finetune", "finetuning": "finetune", "tuned": "finetune",
    "thinking": "thinking", "think": "thinking", "reasoning": "reasoning", "reasoner": "reasoning", "reason": "reasoning",
    "cot": "reasoning", "coder": "coder", "code": "code", "coding": "code", "codex": "codex", "math": "math",
    "distill": "distill", "distilled": "distill", "distil": "distill", "merge": "merge", "merged": "merge",
    "lora": "lora", "qlora": "qlora", "adapter": "adapter", "peft": "lora", "reward": "reward", "rm": "reward",
    "prm": "reward", "abliterated": "abliterated", "uncensored": "uncensored", "roleplay": "roleplay",
    "prover": "prover",
}  # fmt: skip
"""How a model was trained or for what: the word, and what it is called in ``stage``."""
PAIRS = {
    "non thinking": "non-thinking", "no thinking": "non-thinking", "non reasoning": "non-reasoning",
    "flash lite": "flash-lite", "fine tuned": "finetune", "fine tune": "finetune", "extra high": "xhigh",
    "deep research": "deep-research", "computer use": "computer-use", "native audio": "native-audio",
    "multi agent": "multi-agent",
}  # fmt: skip
"""Two words that are one; those which are no stage are variants."""
VARIANTS = frozenset(
    ["fast", "turbo", "mini", "nano", "micro", "flash", "flashx", "flashlite", "lite", "light", "pro", "plus", "max", "ultra", "large", "medium", "small", "tiny", "little", "xl", "xxl", "xsmall", "xlarge", "huge", "big", "air", "airx", "next", "preview2", "premier", "super", "express", "highspeed", "lightning", "instant", "hd", "vl", "vision", "v2v", "multimodal", "mm", "omni", "audio", "realtime", "live", "tts", "stt", "asr", "speech", "voice", "transcribe", "transcription", "translate", "image", "img", "video", "ocr", "embed", "embedding", "embeddings", "rerank", "reranker", "rerankers", "guard", "safeguard", "moderation", "safety", "search", "research", "router", "agent", "agentic", "tool", "tools", "function", "calling", "fc", "unified", "moe", "dense", "english", "en", "multilingual", "ml", "zh", "cn", "chinese", "japanese", "jp", "ja", "korean", "ko", "arabic", "hindi", "sw", "german", "de", "french", "fr", "spanish", "es", "creative", "writer", "writing", "story", "medical", "med", "legal", "law", "finance", "fin", "bio", "high", "low", "xhigh", "minimal", "maverick", "scout", "dash", "hybrid", "mtp", "eagle", "draft", "speculator", "oss", "edge", "mobile"]
)
"""Tiers, size classes, modalities and languages."""
CUTS = frozenset(
    ["preview", "exp", "experimental", "latest", "beta", "alpha", "stable", "default", "rc", "nightly", "dev", "maas", "snapshot", "release"]
)
"""Words for the state of a release; they are a revision."""
FORMATS = frozenset(
    ["gguf", "ggml", "mlx", "onnx", "hf", "hg", "safetensors", "trt", "tensorrt", "openvino", "coreml", "rope", "imat", "imatrix", "ud", "unsloth", "dynamic", "gguf2", "bin", "model", "models", "llm", "slm", "foundation", "fdn", "community", "official", "open", "openly", "weights", "longcontext", "long", "context", "online", "offline", "dspark", "tee", "free", "neuron", "cuda", "cpu", "gpu", "metal", "paddle", "pytorch", "tf", "jax", "sharded", "split", "ggufs", "yarn", "ctx", "tokens", "text", "textgeneration", "generate", "generation", "lang", "language", "llmlite", "ai", "the"]
)
"""Words that say how or by whom a model is packed, and nothing on the model."""
VENDORS = frozenset(
    ["openai", "anthropic", "alibaba", "meta", "nvidia", "google", "amazon", "microsoft", "mistralai", "ai21", "ai21labs", "cohere", "c4ai", "ibm", "xai", "zai", "zhipu", "zhipuai", "moonshot", "moonshotai", "perplexity", "fw", "tencent", "baidu", "bytedance", "xiaomi", "aws", "azure", "huggingface", "facebook", "fb", "deepmind", "cloudflare", "databricks", "snowflake", "stability", "stabilityai", "groq", "cerebras", "fireworks", "together", "bedrock", "vertex", "allenai", "tiiuae", "nousresearch", "nous", "cognitivecomputations", "ehartford", "eric", "maziyarpanahi", "thebloke", "bartowski", "lmstudio", "neuralmagic", "redhatai", "hugging", "face", "inclusionai", "baai", "bigmodel"]
)
"""Words for developers and hosts inside of a name."""
SOFTWARE = frozenset(
    ["cpp", "python", "py", "py3", "js", "ts", "rs", "go", "java", "rust", "ruby", "php", "swift", "sdk", "cli", "api", "client", "server", "parse", "parser", "tokenizer", "tokenizers", "tokeniser", "token", "types", "docs", "doc", "readme", "lib", "libs", "library", "package", "pkg", "plugin", "extension", "vscode", "exporter", "utils", "util", "helper", "index", "stack", "cookbook", "recipes", "factory", "hub", "studio", "desktop", "app", "apps", "dashboard", "ui", "gui", "web", "webui", "website", "proxy", "gateway", "wrapper", "connector", "adapterlib", "config", "configs", "settings", "yaml", "json", "toml", "wheel", "whl", "manylinux", "noarch", "none", "any", "linux", "win32", "darwin", "macos", "windows", "amd64", "x86", "x64", "arm64", "aarch64", "setup", "install", "installer", "docker", "image-builder", "helm", "chart", "operator", "compute", "scheduler", "neutron", "cinder", "keystone", "jdk", "jre", "jar", "src", "tests", "test", "testing", "spec", "mock", "stub", "example", "examples", "demo", "workshop", "slides", "notes", "paper", "report", "invoice", "logo", "icon", "banner", "css", "html", "svg", "png", "jpg", "theme", "font", "driver", "firmware", "kernel", "module", "middleware", "framework", "runtime", "engine", "backend", "frontend", "action", "actions", "bot-template", "ctl", "daemon", "service-account", "license", "licence", "notice", "eval", "evals", "evaluation", "benchmarks", "leaderboard", "cache", "log", "logs", "backup", "tmp", "temp", "dump", "migration", "schema", "table", "dataset", "datasets", "corpus", "prompts", "prompt", "callback", "handler", "controller", "component", "widget", "button", "page"]
)
"""Words beside which a family's name is that of a program, a file or a document."""
PROSE = frozenset(
    ["vs", "versus", "and", "or", "the", "a", "an", "of", "for", "with", "without", "to", "from", "in", "on", "at", "by", "is", "are", "was", "what", "why", "how", "when", "who", "which", "we", "you", "your", "our", "their", "my", "introducing", "announcing", "announcement", "released", "review", "comparison", "compare", "compared", "guide", "tutorial", "getting", "started", "using", "use", "uses", "about", "new", "best", "top", "news", "blog", "post", "article", "story", "says", "said", "beats", "meets", "against", "into", "after", "before", "explained", "ways", "tips", "free-trial", "pricing", "prices", "price", "launch", "launches", "launched"]
)
"""Words of headlines and sentences."""
FILES = re.compile(
    r"\.(?:py|ipynb|md|rst|txt|pdf|docx?|pptx?|xlsx?|csv|html?|css|scss|jsx?|tsx?|mjs|vue|svg|png|jpe?g|gif|webp|ico|mp[34]"
    r"|wav|webm|zip|rar|7z|t?gz|tar|bz2|xz|whl|deb|rpm|dmg|exe|dll|so|jar|class|java|go|rs|rb|php|c|cc|cpp|h|hpp|cs|swift"
    r"|kt|sh|jsonl?|bat|ps1|sql|db|lock|log|ya?ml|toml|ini|cfg|conf|xml|map|woff2?|ttf|proto|tf|env|service|com|org|net|io"
    r"|edu|gov|local|internal|eml|ics|parquet|diff|patch)$"
)
"""Endings of files and hosts that hold no model."""
WEIGHTS = re.compile(r"(?:-\d{5}-of-\d{5})?\.(?:gguf|ggml|safetensors|bin|pth?|ckpt|onnx|mlmodel|tflite|llamafile)$")
"""Endings of files that hold one."""

QUANTIZATION = re.compile(
    r"iq[1-4]_(?:xxs|xs|s|m|nl|xl)|q[2-8]_k(?:_(?:xxs|xs|s|m|l|xl|p))?|q[2-8]_[01](?:_\d){0,2}|q[2-8]|tq[12]_0|q\d+f(?:16|32)(?:_\d)?"
    r"|bf16|bfp16|fp?16|fp?32|fp[468](?:_(?:e4m3(?:fn)?|e5m2|dynamic|block|kv))?|nvfp4|mxfp[468]?|mxint[48]|nf4|u?int[2348]|[2-8]_?bits?"
    r"|w\d{1,2}a\d{1,2}(?:g\d+)?|awq|gptq(?:_?int[48])?|gptqmodel|exl[23]|bnb|hqq|aqlm|eetq|marlin|qat|autoround"
    r"|\d(?:\.\d{1,2})?bpw|i1|bitnet158|quantized|quant"
)
SIZE = re.compile(r"(?:(\d{1,2})x)?(\d{1,4}(?:[.p]\d{1,3})?)(b|m|t|bx\d{1,3}e)")
ACTIVE = re.compile(r"a(\d{1,3}(?:[.p]\d{1,2})?)([bm])")
EFFECTIVE = re.compile(r"e\d{1,2}b")
EXPERTS = re.compile(r"\d{1,3}e")
CONTEXT = re.compile(r"\d{1,4}k")
STEP = re.compile(r"(?:s|step|steps|ckpt|checkpoint|cp|iter|it|gs)(\d{2,9})(k?)")
STEP_WORDS = frozenset(["step", "steps", "ckpt", "checkpoint", "iter", "iteration", "iterations"])


def of_digits(text: str, style: str = "") -> str | None:
    """The date that 4, 6 or 8 digits say, None where they say none.

    Four digits are year and month where the year can be one (2407), otherwise month and day (0317); with the style
    ``mmyy`` month and year (1124: 2024-11). 2019 to 2035 are years.
    """
    if len(text) == 8 and _is_year(text[:4]) and _is_day(text[4:6], text[6:]):
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    if len(text) == 6:
        if _is_year(text[:4]) and _is_month(text[4:]):
            return f"{text[:4]}-{text[4:]}"
        if "22" <= text[:2] <= "30" and _is_day(text[2:4], text[4:]):
            return f"20{text[:2]}-{text[2:4]}-{text[4:]}"
    if len(text) == 4:
        if style == "mmyy" and _is_month(text[:2]) and "22" <= text[2:] <= "30":
            return f"20{text[2:]}-{text[:2]}"
        if _is_year(text):
            return text
        if "22" <= text[:2] <= "30" and _is_month(text[2:]):
            return f"20{text[:2]}-{text[2:]}"
        if _is_day(text[:2], text[2:]):
            return f"{text[:2]}-{text[2:]}"
    return None


def of_parts(parts: list[str]) -> tuple[str, int] | None:
    """The date that separate numbers say (2024, 08, 06), and how many of them; None where they say none."""
    first, second, third = (*parts, "", "", "")[:3]
    if len(first) == 4 and _is_year(first) and len(second) == 2 and _is_month(second):
        if len(third) == 2 and _is_day(second, third):
            return f"{first}-{second}-{third}", 3
        return f"{first}-{second}", 2
    if len(first) == 2 and len(second) == 2 and len(third) == 4 and _is_year(third) and _is_day(first, second):
        return f"{third}-{first}-{second}", 3
    if len(first) == 2 and len(second) == 4 and _is_month(first) and _is_year(second):
        return f"{second}-{first}", 2
    if len(first) == 2 and len(second) == 2 and _is_day(first, second):
        return f"{first}-{second}", 2
    return None


def _is_year(text: str) -> bool:
    return text.isdigit() and "2019" <= text <= "2035"


def _is_month(text: str) -> bool:
    return text.isdigit() and "01" <= text <= "12"


def _is_day(month: str, day: str) -> bool:
    days = {"02": "29", "04": "30", "06": "30", "09": "30", "11": "30"}.get(month, "31")
    return _is_month(month) and day.isdigit() and "01" <= day <= days
