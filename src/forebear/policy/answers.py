"""Answers of a vendor read back: YAML, JSON or CSV into fields, strictly, and held against the chain as claims.

An answer is a claim like one of a card. It is *confirmed* where evidence from weights or an endpoint bears it out, and
*contradicted* only where the result says so of this very claim, or where a model that is said to have no ancestor has
one by evidence; a document that repeats it confirms nothing.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forebear.catalogue.references import countries
from forebear.errors import FormatError, one_line
from forebear.licences.territory import country
from forebear.lineage.chain import Chain, ParentState, Route, Standing
from forebear.lineage.chains.words import nameless
from forebear.policy.fields import nearest
from forebear.policy.input import DOCUMENTS, SCRATCH, Told
from forebear.policy.plain_yaml import plain, read_text
from forebear.policy.questions import AnswerKind, Question, questions
from forebear.signals.declared import names_match
from forebear.types import Claim

MOST_VALUES = 500
LONGEST = 2_000
SOURCE = "vendor's answers"
RUNTIME = ("provider", "country", "relay", "relay_declared")
FIRM = (Standing.MEASURED, Standing.PROBABLE)
"""Standings that rest on more than words."""


@dataclass(frozen=True)
class Answers:
    """What a vendor answered: by question, by field. ``open`` are questions without an answer."""

    given: Mapping[str, Mapping[str, Any]]
    file: str = ""

    @property
    def open(self) -> tuple[str, ...]:
        """Questions that are not answered."""
        return tuple(q.id for q in questions() if q.id not in self.given)

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """Models that are named as ancestors, each with the part that it is one of, "" for the whole."""
        whole = [(name, "") for name in (*self.models("base"), *self.models("ancestors"))]
        parts = [(name, "a part named by the vendor") for name in self.models("components")]
        return tuple(dict.fromkeys((*whole, *parts)))

    def models(self, name: str) -> tuple[str, ...]:
        """Models that are named in a field, without words that name none (``not told``, ``n/a``)."""
        return tuple(said for said in self.value(name) or () if nameless(said) is None)

    def says(self, state: ParentState) -> bool | None:
        """Whether it is said that there is no base, or that it is not told; None where nothing is."""
        field = {ParentState.FROM_SCRATCH: "from_scratch", ParentState.WITHHELD: "withheld"}[state]
        in_words = any(nameless(said) is state for said in self.value("base") or ())
        return True if in_words else self.value(field)

    def value(self, name: str) -> Any:
        """What is said about a field, None where nothing is."""
        return next((fields[name] for fields in self.given.values() if name in fields), None)


def read_answers(path: Path | str) -> Answers:
    """The answers of a file.

    Raises:
        UsageError: the file is not there.
        FormatError: a question or field is unknown (the nearest is named), or a value of another kind.
    """
    file = str(path)
    text = read_text(Path(path), "answers")
    data = _table(text, file) if file.lower().endswith(".csv") else plain(text, file)
    if isinstance(data, Mapping) and isinstance(data.get("answers"), Mapping):
        data = data["answers"]
    if not isinstance(data, Mapping):
        raise FormatError(file, "there are no answers", "write question: answer, as in Q-BASE: …")
    known = {q.id: q for q in questions()}
    given: dict[str, Mapping[str, Any]] = {}
    for key, answer in data.items():
        if key in ("schema", "title"):
            continue
        question = known.get(str(key).upper())
        if question is None:
            raise FormatError(file, f"there is no question {one_line(str(key), 60)}", nearest(str(key).upper(), known))
        fields = _fields(answer, question, file)
        if fields:
            given[question.id] = fields
    return Answers(given, file)


def _table(text: str, file: str) -> dict[str, Any]:
    """A CSV table with the columns ``id`` and ``answer``, and maybe ``field``; other columns are for people."""
    out: dict[str, Any] = {}
    try:
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        columns = [str(c).strip().lower() for c in rows.fieldnames or ()]
        if not {"id", "answer"} <= set(columns):
            raise FormatError(file, "there are no columns id and answer", "see forebear policy questions --format csv")
        rows.fieldnames = columns
        for row in rows:
            name, answer, part = (str(row.get(c) or "").strip() for c in ("id", "answer", "field"))
            if not name or not answer:
                continue
            if part:
                entry = out.setdefault(name, {})
                if isinstance(entry, dict):
                    entry[part] = answer
            else:
                out[name] = answer
    except csv.Error as error:
        raise FormatError(file, f"no CSV: {one_line(str(error), 100)}") from None
    return out


def _fields(answer: Any, question: Question, file: str) -> dict[str, Any]:
    """An answer as fields; words alone are taken for the first field."""
    if answer is None or answer == "":
        return {}
    given = answer if isinstance(answer, Mapping) else {next(iter(question.fields)): answer}
    out = {}
    for name, value in given.items():
        kind = question.fields.get(str(name))
        if kind is None:
            hint = nearest(str(name), question.fields)
            raise FormatError(file, f"{question.id} has no field {one_line(str(name), 60)}", hint)
        if value is not None:
            out[str(name)] = _value(value, kind, f"{question.id}: {name}", file)
    return out


def _value(value: Any, kind: AnswerKind, where: str, file: str) -> Any:
    if kind is AnswerKind.FLAG:
        words = {"yes": True, "true": True, "no": False, "false": False}
        found = words.get(value.strip().lower()) if isinstance(value, str) else value
        if not isinstance(found, bool):
            raise FormatError(file, f"{where} needs yes or no")
        return found
    if kind is AnswerKind.NUMBER:
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number) or number < 0:
            raise FormatError(file, f"{where} needs a number that is not negative", "as in 3e24")
        return number
    several = value if isinstance(value, list) else [value]
    texts = [one_line(str(v).strip(), LONGEST) for v in several[:MOST_VALUES] if isinstance(v, str | int | float)]
    if len(texts) != len(several) or not texts:
        raise FormatError(file, f"{where} needs texts, at most {MOST_VALUES}")
    if kind is AnswerKind.NAMES and isinstance(value, str):
        texts = [part.strip() for part in value.split(";") if part.strip()]
    return texts[0] if kind is AnswerKind.TEXT else texts


def told(answers: Answers, chain: Chain) -> Told:
    """What the answers add to the input of a policy."""
    compute = {k: v for k in ("base_flop", "modification_flop") if (v := answers.value(k)) is not None}
    runtime = {k: v for k in RUNTIME if (v := answers.value(k)) is not None}
    if "country" in runtime:
        runtime["country"] = _country(runtime["country"])
    documents = {k: v for k in DOCUMENTS if (v := answers.value(k)) is not None}
    return Told(
        tuple({"claim": c.claim, "source": c.source, "status": c.status} for c in check_answers(answers, chain)),
        answers.models("base"),
        answers.says(ParentState.FROM_SCRATCH),
        answers.says(ParentState.WITHHELD),
        compute,
        runtime,
        documents,
    )


def _country(said: str) -> str | None:
    """A country by its code or its English name; None where the words are neither, for no rule could compare them."""
    code, known = country(said), countries()
    if code in known:
        return code
    plain = said.strip().lower().removeprefix("the ")
    return next((code for code, name in known.items() if name.lower() == plain), None)


def check_answers(answers: Answers, chain: Chain) -> tuple[Claim, ...]:
    """The claims that answers make about the lineage, each held against the chain."""
    return tuple(_claims(answers, chain))


def _claims(answers: Answers, chain: Chain) -> Iterator[Claim]:
    routes = tuple(chain.routes())
    for question, name in (("Q-BASE", "base"), ("Q-CHAIN", "ancestors"), ("Q-BASE", "components")):
        for said in answers.given.get(question, {}).get(name, ()):
            if nameless(said) is not None:
                continue
            kind = {"base": "base model", "ancestors": "ancestor", "components": "component"}[name]
            yield _named(f"{kind}: {said}", said, routes)
    if answers.says(ParentState.FROM_SCRATCH):
        yield _scratch(routes)
    if answers.says(ParentState.WITHHELD):
        yield Claim("the base model is withheld", SOURCE, "unverified", "nothing is claimed that could be tested")


def _named(claim: str, said: str, routes: tuple[Route, ...]) -> Claim:
    """Whether a model that is named is an ancestor by evidence."""
    found = [r for r in routes if any(names_match(said, n) for n in (r.ancestor.name, r.ancestor.model) if n)]
    refuted = [r for r in found if r.edges[0].contradicted and r.ancestor.name == r.edges[0].parent]
    best = max(found, key=lambda r: r.standing.rank, default=None)
    if refuted:
        return Claim(claim, SOURCE, "contradicted", f"the evidence contradicts {refuted[0].ancestor.name}")
    if best is not None and best.standing in FIRM:
        return Claim(claim, SOURCE, "confirmed", f"{best.ancestor.name} is {best.standing.value}")
    if best is not None:
        return Claim(claim, SOURCE, "unverified", f"{best.ancestor.name} is only {best.standing.value}")
    others = [r.ancestor.name for r in routes if r.standing in FIRM]
    why = f"the evidence leads to {others[0]}, which does not exclude it" if others else "no evidence leads to it"
    return Claim(claim, SOURCE, "unverified", why)


def _scratch(routes: tuple[Route, ...]) -> Claim:
    """Whether the weights have an ancestor by evidence although none is said to be there."""
    found = [r for r in routes if r.weights and r.standing in FIRM]
    if found:
        part = f" for its {found[0].component}" if found[0].component else ""
        return Claim(SCRATCH, SOURCE, "contradicted", f"{found[0].ancestor.name} is an ancestor{part}")
    return Claim(SCRATCH, SOURCE, "unverified", "the absence of an ancestor cannot be shown here")
