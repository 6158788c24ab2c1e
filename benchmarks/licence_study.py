"""How well licence texts are told apart: ``docs/licence-detection.md`` has the numbers.

    python benchmarks/licence_study.py --spdx REPOSITORY --scancode WHEEL [--mirrors FOLDER] [--files FOLDER] [--each N]

Copies of texts that the sketches were not made from (ScanCode's copies of the SPDX list), seeded changes of known
texts of seven kinds, harmless reformatting of six kinds, texts that are left out of the sketches, and model cards.
Texts are halved by a hash of their identifier; the threshold was chosen on the first half, the table is of the second.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import textwrap
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml
from licence_texts import Known, listed_texts, spdx_texts

from forebear.licences.answer import Detection
from forebear.licences.detect import detect, detect_all
from forebear.licences.normalise import normalise
from forebear.licences.sketches import Sketches, known

Change = Callable[[str, random.Random], str | None]


def development(identifier: str) -> bool:
    """Whether a text belongs to the half that choices were made on."""
    return hashlib.sha256(identifier.encode()).digest()[0] < 128


def _paragraphs(text: str) -> list[str]:
    return re.split(r"\n\s*\n", text)


def clause_removed(text: str, dice: random.Random) -> str | None:
    """Takes out a paragraph of at least fifteen words."""
    parts = _paragraphs(text)
    long = [n for n, part in enumerate(parts) if 15 <= len(part.split()) <= 300 and n > 0]
    if len(long) < 2:
        return None
    del parts[dice.choice(long)]
    return "\n\n".join(parts)


def sentence_inserted(text: str, dice: random.Random) -> str | None:
    """Puts a non-commercial clause between two paragraphs."""
    parts = _paragraphs(text)
    if len(parts) < 3:
        return None
    clause = dice.choice(
        (
            "You may use the Software for non-commercial purposes only.",
            "Commercial use of the Model requires a separate written agreement with the authors.",
            "This license does not extend to any use by military or government bodies.",
        )
    )
    parts.insert(dice.randrange(1, len(parts)), clause)
    return "\n\n".join(parts)


def word_inserted(text: str, dice: random.Random) -> str | None:
    """Puts ``non-commercial`` before a noun of use."""
    return _replace(
        text, dice, r"\b(?=(?:use|purpose|purposes|distribution)\b)(?<!non-)", lambda found: "non-commercial "
    )


def negated(text: str, dice: random.Random) -> str | None:
    """Adds or takes out one ``not``."""
    if dice.random() < 0.5:
        return _replace(text, dice, r"\b(?:may|shall|must|will|does|is) not\b", lambda found: found[0][:-4])
    return _replace(text, dice, r"\b(?:may|shall|must|is|are)\b(?! not)", lambda found: found[0] + " not")


def figure_changed(text: str, dice: random.Random) -> str | None:
    """Changes one figure inside a sentence."""
    pattern = r"(?<=[a-z] )\$?\d[\d,.]*\d|(?<=[a-z] )\d+(?= [a-z])"
    return _replace(text, dice, pattern, lambda found: _other(found[0], dice))


def name_changed(text: str, dice: random.Random) -> str | None:
    """Gives another name to what is licensed, everywhere but in copyright lines."""
    names = re.findall(
        r"(?<=[a-z] )(?:Llama|Gemma|Qwen|Kimi|DeepSeek|Meta|Google|Mistral|NVIDIA|Falcon|Stability)\b", text
    )
    if not names:
        return None
    name = dice.choice(sorted(set(names)))
    return re.sub(rf"(?<!\(c\) )\b{name}\b", "Borealis", text)


def place_changed(text: str, dice: random.Random) -> str | None:
    """Changes one country, state or union."""
    places = (
        r"\b(?:California|European Union|United States|Singapore|China|Korea|England|France|United Kingdom|New York)\b"
    )
    return _replace(text, dice, places, lambda found: "Iceland")


def _other(figure: str, dice: random.Random) -> str:
    digits = [n for n, character in enumerate(figure) if character.isdigit()]
    at = dice.choice(digits)
    new = str((int(figure[at]) + dice.randrange(1, 9)) % 10)
    return figure[:at] + (new if new != "0" or at != digits[0] else "9") + figure[at + 1 :]


def _replace(text: str, dice: random.Random, pattern: str, new: Callable[[re.Match[str]], str]) -> str | None:
    spots = [found for found in re.finditer(pattern, text) if "opyright" not in _line(text, found.start())]
    if not spots:
        return None
    spot = dice.choice(spots)
    return text[: spot.start()] + new(spot) + text[spot.end() :]


def _line(text: str, at: int) -> str:
    return text[text.rfind("\n", 0, at) + 1 : (text.find("\n", at) + 1 or len(text) + 1) - 1]


def rewrapped(text: str, dice: random.Random) -> str | None:
    """Breaks lines elsewhere."""
    width = dice.choice((50, 72, 100))
    return "\n\n".join(
        textwrap.fill(part, width, break_long_words=False, break_on_hyphens=False) for part in _paragraphs(text)
    )


def commented(text: str, dice: random.Random) -> str | None:
    """Puts the text into a comment."""
    sign = dice.choice(("# ", " * ", "// ", "> "))
    return "\r\n".join(sign + line for line in text.split("\n"))


def typographic(text: str, dice: random.Random) -> str | None:
    """Curly quotes, dashes, copyright signs, hard spaces."""
    text = re.sub(r'"([^"\n]*)"', "“\\1”", text).replace("'", "’").replace("(c)", "©").replace("(C)", "©")
    return text.replace(", ", ",\u00a0", 5)


def shouted(text: str, dice: random.Random) -> str | None:
    """Capital letters throughout."""
    return text.upper()


def marked_up(text: str, dice: random.Random) -> str | None:
    """Markdown: headings, emphasis, bullets."""
    parts = _paragraphs(text)
    parts[0] = "# " + parts[0].strip()
    return "\n\n".join(
        f"**{part.split(' ', 1)[0]}** {part.split(' ', 1)[1]}" if " " in part.strip() else part for part in parts
    )


def own_holder(text: str, dice: random.Random) -> str | None:
    """Somebody's own copyright line at the top."""
    return f"Copyright (c) {dice.randrange(2015, 2027)} Example Labs GmbH and contributors\n\n{text}"


CHANGES: tuple[Change, ...] = (
    clause_removed,
    sentence_inserted,
    word_inserted,
    negated,
    figure_changed,
    name_changed,
    place_changed,
)
HARMLESS: tuple[Change, ...] = (rewrapped, commented, typographic, shouted, marked_up, own_holder)


def expected(found: Detection, identifier: str) -> bool:
    """Whether a detection is of a text; identifiers whose texts have the same words are as good."""
    return found.id == identifier or any(
        name == identifier and value >= found.similarity for name, value in found.nearest
    )


def copies(wheel: Path) -> Iterator[tuple[str, str]]:
    """ScanCode's copies of the texts of the SPDX list."""
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if "licensedcode/data/licenses/" not in name or not name.endswith(".LICENSE"):
                continue
            _, head, text = archive.read(name).decode().split("---", 2)
            facts = yaml.safe_load(head)
            spdx = str(facts.get("spdx_license_key") or "")
            if (
                spdx
                and not spdx.startswith("LicenseRef")
                and not facts.get("is_exception")
                and not facts.get("is_deprecated")
            ):
                yield spdx, text


def _row(name: str, good: int, total: int, note: str = "") -> None:
    print(f"| {name} | {good} of {total} | {100 * good / total if total else 0:.1f} % | {note} |", flush=True)


def study_copies(wheel: Path, half: bool, show: bool) -> None:
    """Identification and exactness of independent copies."""
    listed = {sketch.id for sketch in known().table} | {name for sketch in known().table for name in sketch.same}
    right = exact = total = 0
    seconds = 0.0
    for spdx, text in copies(wheel):
        if spdx not in listed or development(spdx) is not half:
            continue
        start = time.process_time()
        found = detect(text, "LICENSE")
        seconds += time.process_time() - start
        total += 1
        right += expected(found, spdx)
        exact += expected(found, spdx) and found.exact
        if show and not expected(found, spdx):
            print("   ", spdx, "->", found.id, found.similarity, found.nearest[:2])
    _row("copies of SPDX texts: identified", right, total, f"{1000 * seconds / max(total, 1):.0f} ms of CPU each")
    _row("copies of SPDX texts: called exact", exact, total)


def only_optional(text: Known, made: str) -> bool:
    """Whether what was taken out of a text may be missing by the SPDX list (the appendix of a licence)."""
    words = normalise(made).words
    pairs = enumerate(zip(text.text.words, words, strict=False))
    start = next((number for number, (one, other) in pairs if one != other), len(words))
    return bool(text.optional[start : start + len(text.text) - len(words)].mean() > 0.2)


def study_changes(texts: list[Known], each: int, show: bool) -> None:
    """Detection of seeded changes, and false ones of harmless reformatting."""
    for change in (*CHANGES, *HARMLESS):
        dice = random.Random(change.__name__)
        noticed = named = matters = total = 0
        order = texts[:]
        dice.shuffle(order)
        for text in order:
            if total >= each:
                break
            made = change(text.text.clean, dice)
            if made is None or made == text.text.clean or (change is clause_removed and only_optional(text, made)):
                continue
            found = detect(made, "LICENSE")
            total += 1
            noticed += not found.exact
            named += expected(found, text.id)
            matters += any(c.matters for c in found.changes) or found.id is None or not expected(found, text.id)
            if show and (found.exact if change in CHANGES else not found.exact):
                print("   ", change.__name__, text.id, found.id, [(c.what, c.text[:60]) for c in found.changes[:2]])
        if change in CHANGES:
            _row(change.__name__, noticed, total, f"as one that matters: {matters}; named after the text: {named}")
        else:
            _row(f"{change.__name__} (harmless): called altered", noticed, total, f"named after the text: {named}")


def study_unknown(texts: list[Known], each: int) -> None:
    """Texts that are left out of the sketches."""
    dice = random.Random("unknown")
    order = texts[:]
    dice.shuffle(order)
    exact = none = total = 0
    for text in order[:each]:
        table: Sketches = known().without({text.id, *(s.id for s in known().table if text.id in s.same)})
        found = detect_all(text.text.clean, "LICENSE", table)
        whole = max(found, key=lambda d: d.similarity)
        total += 1
        exact += whole.exact
        none += whole.id is None
        if whole.exact:
            print("    left out, yet exact:", text.id, "->", whole.id)
    _row("texts left out of the sketches: called exact", exact, total, f"no name at all: {none}")


def study_documents(folders: list[Path]) -> None:
    """Model cards and other documents that hold no licence text."""
    total = named = 0
    for folder in folders:
        for path in sorted(folder.rglob("*.md")):
            if "licen" in path.name.lower() or "policy" in path.name.lower() or "notice" in path.name.lower():
                continue
            total += 1
            found = detect(path.read_text(errors="replace"), path.name)
            named += found.id is not None
            if found.id:
                print("    named:", path.name, path.parent.name, found.id, found.similarity, found.lines)
    _row("documents without a licence text: given one", named, total)


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--spdx", type=Path, required=True)
    parser.add_argument("--scancode", type=Path, required=True)
    parser.add_argument("--mirrors", type=Path)
    parser.add_argument("--files", type=Path, action="append", default=[])
    parser.add_argument("--each", type=int, default=60)
    parser.add_argument("--development", action="store_true")
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    firsts: dict[str, Known] = {}
    for text in (*listed_texts(options), *spdx_texts(options.spdx)):
        if development(text.id) is options.development and len(text.text) >= 60:
            firsts.setdefault(text.id, text)
    texts = list(firsts.values())
    study_documents(options.files)
    study_changes(texts, options.each, options.show)
    study_unknown(texts, options.each)
    study_copies(options.scancode, options.development, options.show)


if __name__ == "__main__":
    main()
