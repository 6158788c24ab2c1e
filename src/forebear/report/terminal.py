"""Results for a person at a terminal: the verdict first and in words, then the evidence, then what it cost."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from forebear.catalogue import verdict_text
from forebear.lineage.evidence import group_words
from forebear.report import words
from forebear.types import Ancestor, Comparison, Coverage, Evidence, Finding, Level, Relation, Scan, Verdict, counted

COLOUR = {
    Verdict.IDENTICAL: "bold magenta",
    Verdict.DERIVED: "bold magenta",
    Verdict.DEPENDENT: "bold yellow",
    Verdict.SIBLINGS: "bold yellow",
    Verdict.MERGE: "bold yellow",
    Verdict.SAME_INIT_OR_DERIVED: "bold yellow",
    Verdict.COMPONENT_SHARED: "bold yellow",
    Verdict.INDEXED: "bold cyan",
    Verdict.UNRELATED: "bold green",
}
LEVEL = {Level.NOTE: "cyan", Level.WARNING: "yellow", Level.ERROR: "bold red"}
BAR = 20


def scan(console: Console, result: Scan, quiet: bool = False, verbose: bool = False) -> None:
    """A scan."""
    title = words.text(result.model.name, style="bold")
    shape = result.shape
    about = [str(shape.get("family") or shape.get("adapter", {}).get("type") or "unknown architecture")]
    if shape.get("parameters") is not None:  # of a model of which only the papers were read none are known
        about.append(f"{words.parameters(shape['parameters'])} parameters")
    if shape.get("layers"):
        about.append(f"{counted(shape['layers'], 'layer')}, width {shape['width']}")
    title.append("  " + " · ".join(about), style="dim")
    console.print(title)
    best = result.ancestors[0] if result.ancestors else None
    _headline(
        console,
        result.verdict,
        best.name if best and result.verdict is not Verdict.INDEXED else "",
        result.why,
    )
    if best:
        _relation(console, best.relation, verbose)
    if best and not quiet:
        _ancestors(console, result.ancestors, result.references_tested)
        _parents(console, best)
        _evidence(console, f"Evidence against {best.name}", best.evidence, verbose)
    for nominee in result.nominated if not quiet else ():
        asked = tuple(e for e in nominee.evidence if verbose or e.kind == "activations")
        if asked:
            _evidence(console, f"Resembled and not established: {nominee.name}", asked, verbose)
    if result.claims and not quiet:
        section(console, "Claims")
        for claim in result.claims:
            console.print(Padding(words.text(f"{words.claim(claim)}: {claim.status}, {claim.why}"), (0, 0, 0, 4)))
    if not quiet and (lines := words.follows(result.licence, result.origin)):
        section(console, "What follows")
        for line in lines:
            console.print(Padding(words.text(line), (0, 2, 0, 4)))
    findings(console, result.findings)
    if not quiet:
        coverage(console, result.coverage, verbose)
        console.print(words.text(f"\n  {words.cost(result.cost)}", style="dim"))


def compare(console: Console, result: Comparison, quiet: bool = False, verbose: bool = False) -> None:
    """A comparison."""
    title = words.text(result.b.name, style="bold")
    title.append(" against ", style="dim")
    title.append_text(words.text(result.a.name, "bold"))
    console.print(title)
    _headline(console, result.verdict, result.a.name, result.why)
    _relation(console, result.relation, verbose)
    if not quiet:
        _evidence(console, "Evidence", result.evidence, verbose)
        findings(console, result.findings)
        coverage(console, result.coverage, verbose)
        console.print(words.text(f"\n  {words.cost(result.cost)}", style="dim"))


def _headline(console: Console, verdict: Verdict, name: str, why: str) -> None:
    text = verdict_text(verdict)
    line = words.text("\n  ● ", style=COLOUR.get(verdict, "bold"))
    line.append(text.headline)
    if name and verdict.related:
        line.append_text(words.text(f": {name}"))
    line.append(f"  [{verdict}]", style="dim")
    console.print(line)
    console.print(Padding(words.text(why), (0, 2, 0, 4)))


def _relation(console: Console, relation: Relation, verbose: bool) -> None:
    """How they are related, in a line; with every test where all is asked for."""
    if not (said := words.relation(relation)):
        return
    line = words.text("Relation: ", style="bold")
    line.append_text(words.text(said, "default"))
    console.print(Padding(line, (0, 2, 0, 4)))
    if verbose and (record := words.confidence(relation)):
        console.print(Padding(words.text(f"· {relation.kind}: {record}", style="dim"), (0, 2, 0, 6)))
    for kind, test in relation.details.get("tests", {}).items() if verbose else ():
        console.print(Padding(words.text(f"· {kind}: {test}", style="dim"), (0, 2, 0, 6)))
    for reason in relation.details.get("direction", {}).get("reasons", ()) if verbose else ():
        fact = f"· direction: {reason['text']} (log-odds {reason['log_odds']:+.1f})"
        console.print(Padding(words.text(fact, style="dim"), (0, 2, 0, 6)))


def section(console: Console, title: str) -> None:
    """A heading."""
    console.print(words.text(f"\n  {title}", style="bold"))


def _ancestors(console: Console, ancestors: tuple[Ancestor, ...], tested: int) -> None:
    section(console, f"Related references ({tested:,} compared)")
    table = _table("", "reference", "verdict", "p-value", "E-value", "coins agreeing", "closeness")
    for rank, a in enumerate(ancestors[:10], 1):
        sign = words.coins(a.evidence)
        coins = f"{sign.details['agree']:,} of {sign.n:,}" if sign and sign.n else "–"
        drift = next((e.details.get("drift") for e in a.evidence if e.signal.startswith("delta/")), None)
        close = f"drift {drift:.1%}" if drift is not None else (f"{a.score:.3f}" if a.score is not None else "–")
        p_text, e_text = words.p_value(a.log10_p), words.e_value(a.log10_e)
        table.add_row(str(rank), words.text(a.name), str(a.verdict), p_text, e_text, coins, close)
    console.print(Padding(table, (0, 0, 0, 3)))
    if len(ancestors) > 10:
        console.print(words.text(f"    and {len(ancestors) - 10} more", style="dim"))


def _parents(console: Console, best: Ancestor) -> None:
    """What a merge was made of."""
    rows = words.parents(best)
    if not rows:
        return
    section(console, f"Parents ({best.relation.details['method']})")
    table = _table("name", "coefficient", "3 standard errors")
    table.add_column("where", overflow="fold", min_width=20)
    table.columns[0].min_width = 20
    for name, *numbers in rows:
        table.add_row(words.text(name), *numbers)
    console.print(Padding(table, (0, 0, 0, 3)))


def _evidence(console: Console, title: str, evidence: tuple[Evidence, ...], verbose: bool) -> None:
    section(console, title)
    for item in evidence:
        line = words.text(f"{item.signal}", style="cyan")
        if item.log10_p is not None:
            line.append(f"  {words.p_value(item.log10_p)} ({item.test}; null: {item.null})", style="dim")
        if item.log10_lr is not None:
            line.append(f"  {words.ratio(item.log10_lr)}", style="dim")
        console.print(Padding(line, (0, 0, 0, 4)))
        console.print(Padding(words.text(item.summary), (0, 2, 0, 6)))
        counted = ("sign-code/", "aligned-coins/") if item.supports == "related" else ("sign-code/",)
        if item.n and item.signal.startswith(counted):
            console.print(Padding(_coins(item.details), (0, 0, 0, 6)))
            if verbose:
                for condition in item.details["conditions"]:
                    console.print(Padding(words.text(f"· {condition}", style="dim"), (0, 2, 0, 6)))
        if verbose and item.details.get("matrix"):
            for row in words.heat_map(item.details["matrix"]):
                console.print(Padding(words.text(row, style="dim"), (0, 0, 0, 6)))


def _coins(details: Mapping[str, Any]) -> RenderableType:
    """Agreement by group as bars from chance to certainty, and by layer as one strip."""
    table = Table.grid(padding=(0, 2))
    for group, tail in details["groups"].items():
        share = tail["agree"] / tail["n"]
        table.add_row(
            group_words(group, details["groups"]), f"{tail['agree']:,}/{tail['n']:,}", _bar(share), f"{share:.0%}"
        )
    if details["layers"]:
        strip = "".join(_shade(layer["agree"] / layer["n"]) for layer in details["layers"])
        first, last = details["layers"][0]["b"], details["layers"][-1]["b"]
        agreeing = f"{details['agreeing_layers']}/{details['layers_compared']}"
        table.add_row(f"layers {first} to {last}", agreeing, words.text(strip, style="yellow"), "agree on their own")
    return Group(table)


def _bar(share: float) -> Text:
    filled = round(max(0.0, share - 0.5) * 2 * BAR)
    bar = words.text("━" * filled, style="yellow")
    bar.append("─" * (BAR - filled), style="dim")
    return bar


def _shade(share: float) -> str:
    return "▁▂▃▄▅▆▇█"[min(7, max(0, int((share - 0.5) * 16)))]


def findings(console: Console, found: tuple[Finding, ...]) -> None:
    """What a reader must act on, and what would clear it."""
    if not found:
        return
    section(console, "Findings")
    for finding in found:
        line = words.text(f"{finding.level}: ", style=LEVEL[finding.level])
        line.append_text(words.text(finding.message, "default"))
        line.append(f" [{finding.id}]", style="dim")
        console.print(Padding(line, (0, 2, 0, 4)))
        if finding.clears:
            console.print(Padding(words.text(f"→ {finding.clears}", style="dim"), (0, 2, 0, 6)))


def coverage(console: Console, value: Coverage, verbose: bool) -> None:
    """What was not tested, and why."""
    if not value.not_tested:
        return
    section(console, "Not tested")
    shown = value.not_tested if verbose else value.not_tested[:5]
    for gap in shown:
        console.print(Padding(words.text(f"{gap.what}: {gap.why}", style="dim"), (0, 2, 0, 4)))
    if len(shown) < len(value.not_tested):
        console.print(
            Padding(
                words.text(f"and {len(value.not_tested) - len(shown)} more (--verbose)", style="dim"),
                (0, 0, 0, 4),
            )
        )


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim", show_edge=False)
    for number, column in enumerate(columns):
        wide = (
            column in ("reference", "name") or number == 0
        )  # names of strangers may be long: they wrap, numbers do not
        table.add_column(column, overflow="fold", no_wrap=not wide)
    return table


def added(console: Console, document: Mapping[str, Any]) -> None:
    """What ``index add`` did."""
    for row in document["models"]:
        if row["status"] == "failed":
            why = row["why"].removeprefix(f"{row['target']}: ")
            console.print(words.text(f"failed   {row['target']}: {why}", style="red"))
            continue
        about = f"{row['family']}, {counted(row['coins'], 'coin')}, {words.size(row['bytes_read'])} read"
        if row["activations"]:
            about += f", activations at {row['activations']} depths"
        console.print(words.text(f"{row['status']}  {row['name']}  {about}"))
        for gap in row["not_measured"]:
            console.print(words.text(f"    not measured: {gap['what']}: {gap['why']}", style="dim"))


def listed(console: Console, document: Mapping[str, Any]) -> None:
    """The references."""
    if not document["models"]:
        console.print("The index has no references. Add one: forebear index add ./a-base-model")
    else:
        _references(console, document)
    for kind, what, key in (("tokenizers", "tokens", "tokens"), ("behaviours", "texts continued", "texts")):
        for each in document[kind]:
            used = f", used by {', '.join(each['used_by'])}" if each.get("used_by") else ""
            line = f"{kind[:-1]} {each['name']}: {each[key]:,} {what}{used}, {each['added'][:10]}"
            console.print(words.text(line))


def _references(console: Console, document: Mapping[str, Any]) -> None:
    table = _table("name", "family", "parameters", "coins", "licence", "added")
    for m in document["models"]:
        count = words.parameters(m["parameters"])
        table.add_row(
            words.text(m["name"] + _whose(m["provenance"])),
            words.text(m["family"] or ""),
            count,
            f"{m['coins']:,}",
            words.text(m["licence"] or "–"),
            m["added"][:10],
        )
    console.print(table)


def _whose(provenance: Mapping[str, Any] | None) -> str:
    """That an entry is a guarded model's, or somebody else's measurement; "" for any other."""
    told = provenance or {}
    marks = [mark for mark, is_so in (("private", told.get("private")), ("imported", told.get("origin"))) if is_so]
    return f" ({', '.join(marks)})" if marks else ""


def hits(console: Console, document: Mapping[str, Any]) -> None:
    """Raw nominations."""
    table = _table("reference", "bits agreeing", "share", "p-value of the raw bits")
    for h in document["hits"]:
        share = h["agree"] / h["n"] if h["n"] else 0.5
        table.add_row(
            words.text(h["name"]),
            f"{h['agree']:,} of {h['n']:,}",
            f"{share:.1%}",
            words.p_value(h["log10_p"]),
        )
    console.print(table)
    console.print(
        words.text(f"{counted(document['references'], 'reference')}; for a verdict: forebear scan", style="dim")
    )


def shown(console: Console, document: Mapping[str, Any]) -> None:
    """Any flat document as keys and values."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")  # a path is told to its end
    for key, value in document.items():
        if key in ("schema", "forebear_version", "created"):
            continue
        table.add_row(words.text(key, style="dim"), words.text(_value(value)))
    console.print(table)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_value(v)}" for k, v in value.items() if v != "") or "–"
    if isinstance(value, list | tuple):
        return ", ".join(_value(v) for v in value) or "–"
    return "–" if value is None else str(value)


def plain(show: Callable[[Console, Mapping[str, Any]], None], document: Mapping[str, Any]) -> str:
    """A small result as a fenced block of Markdown."""
    buffer = io.StringIO()
    show(Console(file=buffer, no_color=True, width=100, highlight=False), document)
    return f"```text\n{buffer.getvalue().rstrip()}\n```\n"
