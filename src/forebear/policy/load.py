"""Policies by name or file: read, checked against the input's fields, and joined with what they build on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import Path

from forebear.catalogue.instruments import instruments
from forebear.errors import ForebearError, FormatError, UsageError
from forebear.plugins import Plugin, plugin, plugins
from forebear.policy.answer import PolicyRef, Severity
from forebear.policy.expression import parse
from forebear.policy.fields import field, lists, nearest
from forebear.policy.file import PolicyFile, RuleFile, policy_file
from forebear.policy.plain_yaml import LARGEST, plain, read_text
from forebear.policy.questions import questions
from forebear.policy.rules import Example, Policy, Rule

MOST_EXTENDED = 50
FILLED = re.compile(r"\{([^{}]*)\}")
SUFFIXES = (".yaml", ".yml", ".json")


@cache
def packs() -> tuple[str, ...]:
    """Names of the policies that ship with the package."""
    folder = resources.files("forebear") / "data" / "policies"
    return tuple(sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")))


def available() -> tuple[str, ...]:
    """The packs, then the policies of plugins; a pack's name is always the pack's."""
    return (*packs(), *(p.name for p in plugins("policies") if p.name not in packs()))


def load_policy(name: str) -> Policy:
    """A policy with everything that it extends.

    Args:
        name: of a pack, of a plugin's policy, or a file ``*.yaml``.

    Raises:
        UsageError: there is none.
        FormatError: the file is wrong: which key, which rule, which field, and the nearest that would be right; or no
            rule of it is switched on.
    """
    found = _gather(name, None, ())
    return _policy(found)


def combine(policies: Iterable[Policy]) -> Policy:
    """Several policies as one, each rule once.

    Raises:
        UsageError: two rules have one name.
    """
    given = tuple(policies)
    if len(given) == 1:
        return given[0]
    try:
        rules = _once([rule for policy in given for rule in policy.rules], "these policies")
    except FormatError as error:  # each is right by itself
        raise UsageError(error.message, error.hint) from None
    name, version = (
        "+".join(dict.fromkeys(part)) for part in ([p.ref.name for p in given], [p.ref.version for p in given])
    )
    title = " · ".join(dict.fromkeys(p.ref.title for p in given))
    return Policy(
        PolicyRef(name, version, _digest(rules), title, len(rules)),
        rules,
        notice=given[0].notice,
        instruments=tuple(dict.fromkeys(i for r in rules for i in r.cites)),
        off=tuple(r for p in given for r in p.off if r.id not in {x.id for x in rules}),
    )


@dataclass(frozen=True)
class _Read:
    """A file and where it came from."""

    file: str
    written: PolicyFile


def _gather(name: str, beside: Path | None, above: tuple[str, ...]) -> tuple[_Read, ...]:
    """The file and those that it extends, the most basic first, each once."""
    if name in above:
        raise FormatError(above[0], f"policies extend each other in a circle: {' → '.join((*above, name))}")
    if len(above) > MOST_EXTENDED:
        raise FormatError(above[0], f"policies extend each other more than {MOST_EXTENDED} times")
    try:
        own, folder = _read(name, beside)
    except UsageError as error:
        if above:
            raise FormatError(above[-1], f"extends: {error.message}", error.hint) from None
        raise
    out: dict[str, _Read] = {}
    for base in own.written.extends:
        out.update({read.file: read for read in _gather(base, folder, (*above, name))})
    return tuple({**out, own.file: own}.values())


def _read(name: str, beside: Path | None) -> tuple[_Read, Path | None]:
    if name in packs():
        text = (resources.files("forebear") / "data" / "policies" / f"{name}.yaml").read_text("utf-8")
        return _Read(f"{name}.yaml", policy_file(plain(text, name), name)), None
    if (brought := plugin("policies", name)) is not None:
        return _Read(brought.title, _third_party(brought)), None
    path = Path(name)
    if beside is not None and not path.is_absolute():
        path = beside / (name if path.suffix in SUFFIXES else f"{name}.yaml")
    if path.suffix not in SUFFIXES or not path.is_file():
        raise UsageError(f"there is no policy {name}", nearest(name, available()))
    return _Read(str(path), policy_file(plain(read_text(path, "a policy"), str(path)), str(path))), path.parent


def _third_party(brought: Plugin) -> PolicyFile:
    """A policy of a plugin, which says in its title whose it is."""
    text = brought.load()
    if not isinstance(text, str) or len(text) > LARGEST:
        raise brought.failure(f"it has to be a text of YAML with at most {LARGEST:,} characters")
    written = policy_file(plain(text, brought.title), brought.title)
    return written.model_copy(update={"title": f"{written.title} ({brought.party})"})


def _policy(reads: tuple[_Read, ...]) -> Policy:
    """The rules of several files as one policy, named after the last."""
    last = reads[-1].written
    named = {name: values for read in reads for name, values in read.written.lists.items()}
    on, off = _switched(reads, named)
    rules = _once(on, reads[-1].file)
    if not rules:
        raise FormatError(reads[-1].file, "no rule is switched on", "without rules everything would pass")
    return Policy(
        PolicyRef(last.name, last.version, _digest(rules), last.title, len(rules)),
        rules,
        last.audience,
        next((r.written.notice for r in reversed(reads) if r.written.notice), ""),
        last.extends,
        tuple(dict.fromkeys(i for r in rules for i in r.cites)),
        off,
        tuple(e for read in reads for e in _examples(read)),
        named,
    )


def _switched(reads: tuple[_Read, ...], named: Mapping[str, tuple[str, ...]]) -> tuple[list[Rule], tuple[Rule, ...]]:
    """The rules that are on, and those that are off; a later file can switch those of earlier ones."""
    on: list[Rule] = []
    off: dict[str, Rule] = {}
    for read in reads:
        written = read.written
        known = {r.id for r in on} | off.keys()
        for stray in sorted({*written.enable, *written.disable} - known):
            raise FormatError(read.file, f"there is no rule {stray} to switch", nearest(stray, known, "see its rules"))
        on += [off.pop(i) for i in written.enable if i in off]
        off.update({r.id: r for r in on if r.id in written.disable})
        on = [r for r in on if r.id not in written.disable]
        for own in written.rules:
            rule = _rule(own, read, named)
            if own.enabled:
                on.append(rule)
            else:
                off[rule.id] = rule
    return on, tuple(off.values())


def _examples(read: _Read) -> Iterable[Example]:
    for e in read.written.examples:
        decision = e.decision.value if e.decision else ""
        yield Example(e.name, e.input, e.holds, e.fails, e.unknown, decision, read.written.name)


def _rule(written: RuleFile, read: _Read, named: Mapping[str, tuple[str, ...]]) -> Rule:
    """A rule with every name in it looked up."""
    each = written.each or ""
    try:
        if each and each not in lists():
            raise UsageError(f"there is no list {each}", nearest(each, lists()))
        for path in FILLED.findall(written.message):
            field(path, each)
        when = parse(written.when, each, named)
        _check_names("instrument", written.cites, instruments())
        _check_names("question", written.asks, {q.id: q for q in questions()})
        _check_retrieved(written)
    except ForebearError as error:
        raise FormatError(read.file, f"rule {written.id}: {error.message}", error.hint) from None
    return Rule(
        written.id,
        written.title,
        written.severity,
        when,
        written.message,
        read.written.name,
        each,
        written.standing,
        written.clears,
        written.cites,
        written.not_decided,
        written.asks,
        written.waivable,
    )


def _check_names(what: str, given: Iterable[str], known: Mapping[str, object]) -> None:
    for name in given:
        if name not in known:
            raise UsageError(f"there is no {what} {name}", nearest(name, known))


def _check_retrieved(written: RuleFile) -> None:
    """A rule that rests on instruments which nobody retrieved can be no more than a note."""
    cited = [instruments()[i] for i in written.cites]
    if cited and not any(i.basis.confidence.retrieved for i in cited) and written.severity is not Severity.NOTE:
        raise UsageError(f"nobody retrieved {cited[0].id}", "such a rule can only be a note")


def _once(rules: list[Rule], file: str) -> tuple[Rule, ...]:
    out: dict[str, Rule] = {}
    for rule in rules:
        if out.setdefault(rule.id, rule) != rule:
            raise FormatError(file, f"two rules are called {rule.id}", f"in {out[rule.id].policy} and {rule.policy}")
    return tuple(out.values())


def _digest(rules: Iterable[Rule]) -> str:
    """SHA-256 of the rules in canonical JSON, whatever files they came from."""
    text = json.dumps([rule.to_json() for rule in rules], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(text.encode("utf-8")).hexdigest()
