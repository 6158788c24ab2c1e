"""Counts the battery with every tokenizer file below some folders: ``data/tokenizers/counts.json`` and what is unknown.

    python benchmarks/token_catalogue.py FOLDER... [--work FILE] [--data FOLDER] [--write]

What a file is called, and who uses it, stands in ``data/tokenizers/known.toml`` under its SHA-256; a file that is not
named there is printed, ready to be named. All files of a tokenizer have to give the same counts, and every probe has to
keep its difference to the baseline whatever stands around the guards. A count takes up to a minute; ``--work`` keeps
those that are done, so a run that was broken off goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

from forebear.artifacts.tokenizers import read_tokenizer
from forebear.catalogue.tokenizers import Facts, battery, parse_facts
from forebear.errors import ForebearError
from forebear.sources import LocalSource
from forebear.tokenization import baseline_count, broken_seams, count_vector, encoder_of, named
from forebear.tokenization.named import usual_name

WRAPPERS = (
    ("[INST] ", " [/INST]"),
    ("\n\nHuman: ", "\n\nAssistant:"),
    ("You are a terse assistant.\n", "\n### Response:\n"),
    ("Antworte auf Deutsch. ", " Danke!"),
    ("系统：你好\n", "。\n助手："),
)
"""What templates and hidden prompts put around a text, without special tokens: those cut the same way everywhere."""
_POINTER = 200
"""Bytes; the largest pointer has about 140."""


@dataclass(frozen=True)
class Counted:
    """One file's numbers; ``why`` says why there are none, "" where there are."""

    battery: str
    kind: str
    model: str = ""
    vocabulary: int = 0
    digest: str = ""
    baseline: int = 0
    counts: tuple[int, ...] = ()
    broken: tuple[str, ...] = ()
    why: str = ""


def tokenizer_files(folders: Iterable[Path]) -> Iterator[Path]:
    """Files that may hold a tokenizer by their name; Git LFS pointers and empty files are left out."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if usual_name(path.name) is not None and path.is_file() and path.stat().st_size > _POINTER:
                yield path


def counted(path: Path, split: str | None) -> Counted:
    """A file's numbers."""
    source, kind = named(LocalSource(path)), path.suffix.removeprefix(".")
    done = battery().digest
    encoder = encoder_of(source, split)
    if isinstance(encoder, str):
        return Counted(done, kind, why=encoder)
    try:
        tokenizer = read_tokenizer(source)
    except ForebearError as error:
        return Counted(done, kind, why=str(error))
    baseline, counts = baseline_count(encoder), count_vector(encoder)
    if isinstance(counts, str) or isinstance(baseline, str) or tokenizer is None:
        return Counted(done, kind, why=str(counts))
    broken = sorted({probe.id for around in WRAPPERS for probe in broken_seams(encoder, *around)})
    size = len(set(tokenizer.ids.values()))
    return Counted(done, kind, tokenizer.model, size, tokenizer.digest, baseline, counts, tuple(broken))


def digest_of(path: Path) -> str:
    """A file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_work(path: Path | None) -> dict[str, Counted]:
    """What an earlier run has counted, by SHA-256 and way to cut, as far as it is of this battery."""
    if path is None or not path.exists():
        return {}
    found = {}
    for line in path.read_text("utf-8").splitlines():
        key, entry = json.loads(line)
        if entry["battery"] == battery().digest and not entry["why"]:
            lists = {name: tuple(entry[name]) for name in ("counts", "broken")}
            found[key] = Counted(**{**entry, **lists})
    return found


def main() -> int:
    """Count, compare, print; 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--write", action="store_true", help="write counts.json beside known.toml")
    parser.add_argument("--data", type=Path, default=Path(str(resources.files("forebear") / "data" / "tokenizers")))
    given = parser.parse_args()
    data: Path = given.data
    facts = parse_facts((data / "known.toml").read_text("utf-8"))
    names = {file.sha256: name for name, entry in facts.items() for file in entry.files}
    done = read_work(given.work)
    results: dict[str, dict[str, Counted]] = {}
    for path in tokenizer_files(given.folders):
        sha = digest_of(path)
        known = names.get(sha, "")
        split = facts[known].split if known else ""
        if (result := done.get(f"{sha} {split}")) is None:
            result = done[f"{sha} {split}"] = counted(path, split or None)
            if given.work is not None:
                with given.work.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([f"{sha} {split}", asdict(result)]) + os.linesep)
        if known and not result.why:
            results.setdefault(known, {})[sha] = result
        state = result.why or f"{result.vocabulary} tokens, {result.digest[:12]}, broken {list(result.broken)}"
        print(f"{known or 'UNKNOWN':24} {sha} {result.kind:10} {path}: {state}")
    return report(facts, results, data / "counts.json" if given.write else None)


def report(facts: Mapping[str, Facts], results: Mapping[str, Mapping[str, Counted]], to: Path | None) -> int:
    """What contradicts itself or is missing; and the file, where it is wanted."""
    wrong = [name for name, files in results.items() if len({each.counts for each in files.values()}) > 1]
    wrong += [f"{name} (seams)" for name, files in results.items() if any(each.broken for each in files.values())]
    missing = sorted(set(facts) - set(results))
    print(f"{len(results)} tokenizers, {len({next(iter(f.values())).counts for f in results.values()})} told apart")
    print(f"contradicting themselves: {wrong or 'none'}; not found: {missing or 'none'}")
    if to is not None and not wrong and not missing:
        entries = {}
        for name in sorted(results):
            first = next(results[name][file.sha256] for file in facts[name].files if file.sha256 in results[name])
            kept = {key: getattr(first, key) for key in ("model", "vocabulary", "digest", "baseline", "counts")}
            entries[name] = json.dumps(kept, separators=(",", ":"))
        body = ",\n".join(f'  "{name}": {entry}' for name, entry in entries.items())
        to.write_text(f'{{\n "battery": "{battery().digest}",\n "tokenizers": {{\n{body}\n }}\n}}\n', "utf-8")
    return 1 if wrong or missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
