"""Commands and their options, wherever they are written: scripts, Dockerfiles, compose, Kubernetes, workflows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from forebear.mentions.base import FileReader, Hit, Kind, Lines, Position

_VALUE = r"(?P<value>[A-Za-z0-9./~][\w.\-/:@+~]{1,200})"
_OPTIONS = r"(?:\s+--?[\w\-]{1,40}(?:[= ](?!-)[^\s\"']{1,80})?){0,6}?"
_GAP = r"(?:[\"']?\s{0,3},\s{0,40}[\"']?|[\"']?\s{1,40}-\s{1,4}[\"']?|=[\"']?|[ \t]+\\?\s{0,40}[\"']?)"
"""Between an option and its value: a blank, ``=``, the next entry of a list in JSON or YAML."""
_COMMANDS: tuple[tuple[str, Kind | None, re.Pattern[str]], ...] = tuple(
    (how, kind, re.compile(pattern))
    for how, kind, pattern in (
        ("ollama", Kind.OLLAMA, rf"\bollama[\"']?(?:,\s{{0,4}}[\"']|\s+)(?:pull|run|push|show){_GAP}{_VALUE}"),
        ("hub download", Kind.HUB, rf"\b(?:huggingface-cli|hf)\s+download{_OPTIONS}\s+{_VALUE}"),
        ("vllm serve", Kind.HUB, rf"\bvllm[\"']?(?:,\s{{0,4}}[\"']|\s+)serve{_GAP}{_VALUE}"),
        ("llama.cpp", Kind.HUB, rf"(?<![\w\-])(?:-hf|-hfr|--hf-repo){_GAP}{_VALUE}"),
        # python -c "…" in a Dockerfile or a script, where no syntax tree is read
        (
            "call in a command",
            Kind.HUB,
            r"\b(?:from_pretrained|hf_hub_download|snapshot_download|SentenceTransformer|CrossEncoder)\(\s{0,4}"
            rf"(?:[a-z_]{{1,40}}\s{{0,2}}=\s{{0,2}})?\\{{0,2}}[\"']{_VALUE}\\{{0,2}}[\"']",
        ),
        ("pretrained=", Kind.HUB, rf"(?<![\w\-])pretrained={_VALUE}(?=[,\s\"'\\]|\Z)"),  # of lm_eval's --model_args
        ("mlc or lmdeploy", None, rf"\b(?:lmdeploy\s+serve\s+\w+|mlc_llm\s+serve|sglang\s+serve)\s+{_VALUE}"),
    )
)
_OPTION = re.compile(
    r"(?<![\w\-])--(?P<key>(?:[a-z0-9]{1,20}[-_])?(?:model|models|model[-_](?:id|name|path|dir|repo)|llm|"
    r"model[-_]name[-_]or[-_]path|base[-_]model|repo[-_]id|checkpoint|pretrained[-_]model[-_]name[-_]or[-_]path|"
    rf"embedding[-_]model|draft[-_]model|speculative[-_]model)){_GAP}{_VALUE}"
)
_SHORT = re.compile(r"(?<![\w\-])-m\s+[\"']?(?P<value>[\w./~\-]{1,200}\.gguf)")
_ADDRESS = re.compile(
    r"(?:https?://|git@)?(?:huggingface\.co|hf\.co)[/:][\w.\-]{1,96}/[\w.\-]{1,96}(?:/[\w.\-/]{0,200})?"
)
_REVISION = re.compile(r"^[^\n]{0,200}?--revision[= ]\s*[\"']?(?P<revision>[\w.\-/]{1,80})")
_COMMENT = re.compile(r"^\s*(?:#|//|;|REM\b)")


def read(text: str) -> Iterator[Hit]:
    """Models that commands load, in a text of any kind; lines that are comments are left out."""
    lines = Lines(text)
    for how, kind, pattern in _COMMANDS:
        for match in pattern.finditer(text):
            if not _in_comment(text, match.start()):
                yield _hit(text, lines, match, how, Position.LOADER, kind)
    for match in _OPTION.finditer(text):
        if not match["key"].startswith("served") and not _in_comment(text, match.start()):  # a label that is given
            yield _hit(text, lines, match, f"--{match['key']}", Position.FIELD, None)
    for match in _SHORT.finditer(text):
        if not _in_comment(text, match.start()):
            yield _hit(text, lines, match, "-m", Position.LOADER, None)
    for match in _ADDRESS.finditer(text):
        if not _in_comment(text, match.start()):
            line, column = lines(match.start())
            yield Hit(
                line, column, match[0].replace("git@", "").replace("co:", "co/"), "address", Position.LOADER, Kind.HUB
            )


def _hit(text: str, lines: Lines, match: re.Match[str], how: str, position: Position, kind: Kind | None) -> Hit:
    line, column = lines(match.start("value"))
    value = match["value"].rstrip(".:/") or match["value"]
    after = (
        _REVISION.match(text[match.end() : match.end() + 300])
        if kind is Kind.HUB or position is Position.FIELD
        else None
    )
    return Hit(line, column, value, how, position, kind, after["revision"] if after else "")


def _in_comment(text: str, at: int) -> bool:
    start = text.rfind("\n", max(0, at - 2_000), at) + 1
    return bool(_COMMENT.match(text[start : min(at, start + 40)]))


_NAMES = ("dockerfile", "containerfile", "makefile", "justfile", "procfile", "jenkinsfile", "taskfile")
_ENDINGS = (
    ".sh",
    ".bash",
    ".zsh",
    ".fish",
    ".ps1",
    ".bat",
    ".cmd",
    ".mk",
    ".yml",
    ".yaml",
    ".tpl",
    ".tf",
    ".service",
    ".json",
    ".toml",
)


def _handles(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return path.endswith(_ENDINGS) or name.startswith(_NAMES) or name.endswith((".dockerfile", ".mk"))


READER = FileReader("commands", _handles, read)
