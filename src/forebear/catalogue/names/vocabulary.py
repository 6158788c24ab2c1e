"""Words of model names that every family shares, and the shapes of numbers, dates, sizes and formats in them.

The words are data, ``data/names/words.toml``.
"""

from __future__ import annotations

import re
import tomllib
from importlib import resources

_DATA = tomllib.loads((resources.files("forebear") / "data" / "names" / "words.toml").read_text("utf-8"))

STAGES: dict[str, str] = {word: stage for stage, words in _DATA["stages"].items() for word in words.split()}
"""How a model was trained or for what: the word, and what it is called in ``stage``."""
PAIRS: dict[str, str] = _DATA["pairs"]
"""Two words that are one; those which are no stage are variants."""
VARIANTS = frozenset(_DATA["variants"].split())
"""Tiers, size classes, modalities and languages."""
LANGUAGES = frozenset(_DATA["languages"].split())
"""Those of them that are words of a language, too."""
CUTS = frozenset(_DATA["cuts"].split())
"""Words for the state of a release; they are a revision."""
FORMATS = frozenset(_DATA["formats"].split())
"""Words that say how or by whom a model is packed, and nothing on the model."""
VENDORS = frozenset(_DATA["vendors"].split())
"""Words for developers and hosts inside of a name."""
SOFTWARE = frozenset(_DATA["software"].split())
"""Words beside which a family's name is that of a program, a file or a document."""
DEPLOYMENT = frozenset(_DATA["deployment"].split())
"""Words that people add to a family's name when they name a deployment of it."""
PROSE = frozenset(_DATA["prose"].split()) - DEPLOYMENT
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
    r"(?:ud_)?(?:iq[1-4]_(?:xxs|xs|s|m|nl|xl)|q[2-8]_k(?:_(?:xxs|xs|s|m|l|xl|p))?|q[2-8]_[01](?:_\d){0,2}|q[2-8]|tq[12]_0)|q\d+f(?:16|32)(?:_\d)?"
    r"|bf16|bfp16|fp?16|fp?32|fp[468](?:_(?:e4m3(?:fn)?|e5m2|dynamic|block|kv))?|nvfp4|mxfp[468]?|mxint[48]|nf4|u?int[2348]|[2-8]_?bits?"
    r"|w\d{1,2}a\d{1,2}(?:g\d+)?|awq|gptq(?:_?int[48])?|gptqmodel|exl[23]|bnb|hqq|aqlm|eetq|marlin|qat|autoround"
    r"|\d(?:\.\d{1,2})?bpw|i1|bitnet158|quantized|quant"
)
LLAMA = re.compile(r"l([23](?:[.p][1-3])?)")
"""A generation of Llama as those write it who make models from it."""
VERSION = re.compile(r"([a-z]?)(\d{1,3})(?:[.p](\d{1,2}))?(?:\.(\d{1,3}))?([a-z]?)")
"""Letter, number, number behind the point, a third one, letter."""
SIZE = re.compile(r"(?:(\d{1,2})x)?(\d{1,4}(?:[.p]\d{1,3})?)(b|m|t|bx\d{1,3}e)")
ACTIVE = re.compile(r"a(\d{1,3}(?:[.p]\d{1,2})?)([bm])")
EFFECTIVE = re.compile(r"e\d{1,2}b")
EXPERTS = re.compile(r"\d{1,3}e")
CONTEXT = re.compile(r"\d{1,4}k|2048|4096|8192|16384|32768|65536|131072|262144|40960")
STEP = re.compile(r"(?:s|step|steps|ckpt|checkpoint|cp|iter|it|gs)(\d{2,9})(k?)")
STEP_WORDS = frozenset(("step", "steps", "ckpt", "checkpoint", "iter", "iteration", "iterations"))


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
        if style == "mmyy" and _is_month(text[:2]) and "22" <= text[2:] <= "28":
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
    if len(first) == 2 and len(second) == 2 and "22" <= first <= "30" and _is_month(second):
        return f"20{first}-{second}", 2
    return None


def _is_year(text: str) -> bool:
    return text.isdigit() and "2019" <= text <= "2035"


def _is_month(text: str) -> bool:
    return text.isdigit() and "01" <= text <= "12"


def _is_day(month: str, day: str) -> bool:
    days = {"02": "29", "04": "30", "06": "30", "09": "30", "11": "30"}.get(month, "31")
    return _is_month(month) and day.isdigit() and "01" <= day <= days


def is_word(text: str) -> bool:
    """Whether it is a word of names, of any list, or a number format."""
    return any(text in words for words in (STAGES, VARIANTS, CUTS, FORMATS)) or bool(QUANTIZATION.fullmatch(text))
