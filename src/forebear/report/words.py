"""Numbers as people read them, and text that is safe to show."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from forebear import types
from forebear.catalogue.countries import in_words
from forebear.catalogue.licences import title_of
from forebear.types import LOADED, Ancestor, Claim, Cost, Evidence, Relation

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"]+")


def clean(content: str) -> str:
    """What strangers wrote, without the characters that move the cursor, colour a line or hide a word."""
    return "".join(ch for ch in content if ch.isprintable() or ch == "\n")


def text(content: str, style: str = "") -> Text:
    """Clean text for the terminal."""
    return Text(clean(content), style)


def without_secrets(content: str) -> str:
    """A text whose addresses have no user, no password and no secret values in their queries."""
    return _ADDRESS.sub(lambda found: _public(found[0]), content)


def _public(address: str) -> str:
    from forebear.endpoints.addresses import public_url  # the package behind it takes its time

    try:
        return public_url(address)
    except ValueError:
        return address.partition("://")[0] + "://…"


def coins(evidence: Sequence[Evidence]) -> Evidence | None:
    """The coins that a verdict rests on: those that agree, else those in their places."""
    counted = [e for e in evidence if e.signal.startswith(("sign-code/", "aligned-coins/"))]
    return next((e for e in counted if e.supports == "related"), counted[0] if counted else None)


def relation(value: Relation) -> str:
    """How two models are related, in words, with the direction where one is told; "" where nothing was found.

    ``vocabulary extended by 96; fine-tuned (relative drift 6%)``.
    """
    said = [str(word) for word in value.details.get("in_words", ())]
    undone = value.details.get("undone")
    if undone and "obfuscated" in value.details.get("kinds", ()):
        said.insert(0, f"scrambled: {', '.join(str(word) for word in undone)}")
    papers = value.details.get("papers")
    if papers:
        said.append(f"other papers: {'; '.join(str(word) for word in papers)}")
    return "; ".join(said)


def confidence(value: Relation) -> str:
    """How often such a relation was told rightly, in words; "" where that is not known."""
    found = value.details.get("confidence")
    if value.confidence is None or not isinstance(found, Mapping):
        return ""
    return (
        f"confidence {value.confidence:.2f}: right in {found['right']:,} of {found['comparisons']:,} comparisons with "
        f"models of known ancestry, {found['bases']} bases"
    )


def p_value(log10_p: float | None, symbol: str = "p") -> str:
    """``p ≤ 1e-30``, ``p = 3e-12``, ``p = 0.4``; a dash where there is none."""
    return "–" if log10_p is None else types.p_value(log10_p, symbol)


def ratio(log10_lr: float) -> str:
    """A likelihood ratio, however small: ``likelihood ratio 12``."""
    return f"likelihood ratio {10**log10_lr:.2g}"


def e_value(log10_e: float | None) -> str:
    """An E-value: how many references would reach this by chance; not capped at one."""
    if log10_e is None:
        return "–"
    return f"E = {10**log10_e:.2g}" if log10_e > -2 else f"E ≤ 1e{int(-(-log10_e // 1))}"


STEADY = 0.02
"""Spread of a coefficient over the parts of a model up to which it is one number."""


def parents(ancestor: Ancestor | None) -> list[tuple[str, str, str, str]]:
    """Parents of a merge as rows of name, coefficient, interval, and where; empty for what is no merge."""
    if ancestor is None or ancestor.relation.kind != "merge":
        return []
    rows = []
    for parent in ancestor.relation.details["parents"]:
        interval = parent["interval"]
        between = f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "–"
        layers = parent.get("layers", ())
        by_part = parts(parent["groups"]) if parent["groups"] else "–"
        where = f"layers {', '.join(map(str, layers[:12]))}{', …' if layers[12:] else ''}" if layers else by_part
        rows.append((str(parent["name"]), f"{parent['coefficient']:.3f}", between, where))
    return rows


def parts(groups: Mapping[str, float]) -> str:
    """Where a coefficient holds: everywhere if it is steady, else its range over attention and MLPs, and the rest."""
    out = []
    if max(groups.values()) - min(groups.values()) < STEADY:
        return "everywhere"
    for word, ending in (("attention", ".attn"), ("MLPs", ".mlp")):
        own = [c for g, c in groups.items() if g.endswith(ending)]
        if own:
            low, high = min(own), max(own)
            out.append(f"{word} {low:.2f}" + (f" to {high:.2f}" if high - low >= 0.01 else ""))
    out += [f"{g} {c:.2f}" for g, c in groups.items() if not g.startswith("layers.")]
    return ", ".join(out)


def heat_map(cells: Sequence[Sequence[float]]) -> list[str]:
    """Layers against layers as text: a row for each of the second model's, a column for each of the first's.

    Args:
        cells: layer of the first model, layer of the second, share between 0 and 1; what is missing stays empty.
    """
    shares = {(int(a), int(b)): share for a, b, share in cells}
    columns, rows = ({key[k] for key in shares} for k in (0, 1))
    head = f"share of matching neurons, by layer of the reference ({min(columns)} to {max(columns)})"
    shades = "·▁▂▃▄▅▆▇█"
    lines = []
    for b in sorted(rows):
        line = "".join(
            shades[min(8, round(8 * shares[a, b]))] if (a, b) in shares else " "
            for a in range(min(columns), max(columns) + 1)
        )
        lines.append(f"layer {b:<3} {line}")
    return [head, *lines]


def follows(licence: Mapping[str, Any] | None, origin: Mapping[str, Any] | None) -> list[str]:
    """What follows from a scan, a line each: inherited licences and duties, conflicts, countries."""
    lines = []
    brought = (licence or {}).get("inherited") or ()
    if brought:
        listed = list(dict.fromkeys(map(_brought, brought)))
        more = f" and {len(listed) - 3} more" if listed[3:] else ""
        lines.append(f"Licences inherited: {'; '.join(listed[:3])}{more}")
        counts = (licence or {})["duties"]
        told = f"{counts['unmet']} not met, {counts['conditional']} open, {counts['met']} met"
        lines.append(f"Duties: {told} (forebear licence)")
    lines += [f"{c['kind'].replace('_', ' ').capitalize()}: {c['why']}" for c in (licence or {}).get("conflicts", ())]
    ties = (
        ("incorporated in", "incorporated_in"),
        ("engineering in", "engineering_in"),
        ("controlled from", "controlled_from"),
    )
    roles = [f"{word} {in_words(countries)}" for word, key in ties if (countries := (origin or {}).get(key))]
    return [*lines, *([f"Origin along the chain: {'; '.join(roles)}"] if roles else [])]


def _brought(one: Mapping[str, Any]) -> str:
    """A licence that an ancestor brings; the word of the ancestor's own card is told as that."""
    by = ", by its own card" if one.get("said_by") == "papers" else ""
    return f"{title_of(one['licence'] or 'not known')} of {one['ancestor']} ({one['standing']}{by})"


def claim(said: Claim) -> str:
    """A claim, with its place where that is no statement of anybody's: a config's key that a program wrote."""
    return f"{said.claim} ({said.source})" if said.source == LOADED else said.claim


def size(count: float) -> str:
    """Bytes in decimal units."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit in ("B", "kB") or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def parameters(count: int) -> str:
    """``1.6 M``, ``8.0 B``."""
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= limit:
            return f"{count / limit:.1f} {unit}"
    return str(count)


def cost(value: Cost) -> str:
    """One line about what an answer cost."""
    reads = f"{size(value.bytes_read)} in {value.requests:,} read{'s' if value.requests != 1 else ''}"
    memory = f" · {size(value.peak_memory_bytes)} memory" if value.peak_memory_bytes else ""
    return f"{reads} · {value.seconds:.2f} s{memory}"
