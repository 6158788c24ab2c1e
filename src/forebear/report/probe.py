"""What is behind an endpoint, for people: the verdict in words, then what it rests on, then what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.padding import Padding

from forebear.inspect.probe_result import Probe
from forebear.lineage.blackbox import SIGNIFICANT, Outcome
from forebear.report import terminal, words
from forebear.report.markdown import escape
from forebear.types import counted

HEADLINE = {
    Outcome.CONSISTENT: "Consistent with what it claims to be",
    Outcome.CONTRADICTED: "Not what it claims to be",
    Outcome.UNKNOWN: "No known tokenizer fits",
    Outcome.INCONCLUSIVE: "Not settled",
}
COLOUR = {
    Outcome.CONSISTENT: "bold green",
    Outcome.CONTRADICTED: "bold red",
    Outcome.UNKNOWN: "bold yellow",
    Outcome.INCONCLUSIVE: "bold",
}
_MOST = 8


def show(console: Console, result: Probe, quiet: bool = False, verbose: bool = False) -> None:
    """A probe."""
    title = words.text(result.model, "bold")
    title.append_text(words.text(f" at {result.endpoint['url']}", "dim"))
    console.print(title)
    line = words.text("\n  ● ", COLOUR[result.verdict])
    line.append_text(words.text(headline(result)))
    line.append(f"  [{result.verdict}]", style="dim")
    console.print(line)
    console.print(Padding(words.text(sentence(reason(result))), (0, 2, 0, 4)))
    if quiet:
        return
    for name, lines in _sections(result, verbose):
        terminal.section(console, name)
        for text in lines:
            console.print(Padding(words.text(text), (0, 2, 0, 4)))
    terminal.findings(console, result.findings)
    terminal.coverage(console, result.coverage, verbose)
    console.print(words.text(f"\n  {cost(result)}", "dim"))
    if result.log:
        console.print(words.text(f"  every exchange: {result.log['path']} (--replay gives the same answer)", "dim"))


def markdown(result: Probe) -> str:
    """A probe in Markdown."""
    out = [
        f"# {escape(result.model)} at {escape(str(result.endpoint['url']))}",
        "",
        f"**{escape(headline(result))}** (`{result.verdict}`). {escape(sentence(reason(result)))}",
        "",
    ]
    for name, lines in _sections(result, verbose=True):
        out += [f"## {name}", "", *(f"- {escape(text)}" for text in lines), ""]
    if result.findings:
        found = (f"- **{f.level}** `{f.id}`: {escape(f.message)}" for f in result.findings)
        out += ["## Findings", "", *found, ""]
    if result.coverage.not_tested:
        gaps = (f"- {escape(u.what)}: {escape(u.why)}" for u in result.coverage.not_tested)
        out += ["## Not tested", "", *gaps, ""]
    return "\n".join([*out, cost(result), ""])


def planned(console: Console, document: Mapping[str, Any]) -> None:
    """What a probe would ask."""
    console.print(words.text(f"{document['url']}: nothing was sent", "bold"))
    for line in _plan(document):
        console.print(Padding(words.text(line), (0, 2, 0, 4)))


def planned_markdown(document: Mapping[str, Any]) -> str:
    """The same in Markdown."""
    return "\n".join(
        [f"# A probe of {escape(str(document['url']))}", "", *(f"- {line}" for line in _plan(document)), ""]
    )


def _plan(document: Mapping[str, Any]) -> Iterator[str]:
    for what, requests in document["parts"].items():
        if requests:
            yield f"{what}: {counted(requests, 'request')} at most"
    tokens = f"{document['prompt_tokens_at_most']:,} + {counted(document['answer_tokens_at_most'], 'token')}"
    price = document["price_at_most"]
    yield f"together {counted(document['requests_at_most'], 'request')} and {tokens} at most" + (
        f", {price:.4f} at the prices given" if price is not None else ""
    )


def headline(result: Probe) -> str:
    """The answer in a few words: what became of the claim, else what may be behind it."""
    found = result.judged.candidates
    if result.verdict is not Outcome.INCONCLUSIVE:
        return HEADLINE[result.verdict]
    if result.tokenizer is not None and result.tokenizer["changed"]:
        return "Not one model all the time"
    if not found:
        return f"{HEADLINE[result.verdict]}{_unsettled(result)}"
    best = f"{found[0].name} ({found[0].developer})" if found[0].developer else found[0].name
    if found[0].grade == "probable":
        return f"Probably {best}"
    others = {0: "", 1: ", or one other"}.get(len(found) - 1, f", or one of {len(found) - 1} others")
    return f"Possibly {best}{others}"


def _unsettled(result: Probe) -> str:
    """What stands in the way, in a few words."""
    if result.tokenizer is None:
        return ": its tokens were not counted"
    if result.tokenizer["stream_counts"] is not None:
        return ": a gateway counts the tokens itself"
    return "" if result.tokenizer["settled"] else ": too few counts, or too coarse ones"


def reason(result: Probe) -> str:
    """Why the headline says so: of a claim its own reason, of a candidate what speaks for it."""
    found = result.judged.candidates
    changed = result.tokenizer is not None and result.tokenizer["changed"]
    if result.verdict is Outcome.INCONCLUSIVE and found and not changed:
        return f"{found[0].why}; as to the claim, {result.why}"
    return result.why


def sentence(clause: str) -> str:
    """A clause as a sentence."""
    return clause[:1].upper() + clause[1:] + ("" if clause.endswith((".", "?", "!")) else ".")


def cost(result: Probe) -> str:
    """One line about what was spent."""
    spent = result.spent
    price = f" · {spent['price']:.4f} at the prices given" if spent.get("price") is not None else ""
    tokens = f"{spent['prompt_tokens']:,} + {counted(spent['completion_tokens'], 'token')}"
    return f"{counted(result.cost.requests, 'request')} · {tokens}{price} · {result.cost.seconds:.1f} s"


def _sections(result: Probe, verbose: bool) -> Iterator[tuple[str, list[str]]]:
    """Headings with their lines, those that have any."""
    parts = (
        ("What may be behind it", list(_candidates(result, verbose))),
        ("Tokenizer", list(_tokenizer(result, verbose))),
        ("Behaviour", list(_behaviour(result, verbose))),
        ("Claims", [f"{c.claim} ({c.source}): {c.status}, {c.why}" for c in result.judged.claims]),
        ("Names that the server sends", list(_names(result, verbose))),
    )
    yield from ((name, lines) for name, lines in parts if lines)


def _candidates(result: Probe, verbose: bool) -> Iterator[str]:
    found = result.judged.candidates
    for candidate in found if verbose else found[:_MOST]:
        by = f" ({candidate.developer})" if candidate.developer else ""
        yield f"{candidate.grade}: {candidate.name}{by}: {candidate.why}"
    if len(found) > _MOST and not verbose:
        yield f"and {len(found) - _MOST} more that share the tokenizer (--verbose)"


def _tokenizer(result: Probe, verbose: bool) -> Iterator[str]:
    known = result.tokenizer
    if known is None:
        return
    rejected, matches = len(known["rejected"]), known["matches"]
    asked = "one count" if known["requests"] == 1 else f"{known['requests']} counts"
    if known["unknown"]:
        near = f"; most agree with {', '.join(known['related'])}" if known["related"] else ""
        yield f"none of {rejected} known tokenizers agrees with {asked}{near}"
    elif known["settled"] and matches:
        alike = ", which no text of the battery tells apart" if len(matches) > 1 else ""
        yield f"{', '.join(matches)}{alike}; {rejected} others rejected by {asked}"
    elif matches:
        yield f"not settled after {asked}: {', '.join(matches)} and perhaps more are left"
    yield f"error rate: the true one is rejected with a probability of at most {known['error_rate']:g}"
    if known["noise"]:
        yield f"counting noise: {known['noise']}"
    if known["stream_compared"]:
        same = known["stream_counts"] is None
        yield (
            "counts in a stream are the same" if same else "counts in a stream are others: a gateway counts for itself"
        )
    if known["strings"] and matches:
        absent = min(known["strings"]["absent"].get(name, 0) for name in matches)
        fit = "all may be its tokens" if not absent else f"{absent} are none of its tokens"
        yield f"of the strings of an answer's tokens {known['strings']['tested']} were looked up: {fit}"
    if known["changed"]:
        first, later = (", ".join(names) or "no known tokenizer" for names in known["changed"])
        yield f"the counts changed on the way: first {first}, later {later}"
    if verbose and known["counts_its_own_tokens"] is not None:
        own = "just that many tokens" if known["counts_its_own_tokens"] else "another number of tokens"
        yield f"an answer that was cut off at a number of tokens was counted as {own}"


def _behaviour(result: Probe, verbose: bool) -> Iterator[str]:
    for found in result.behaviour if verbose else result.behaviour[:_MOST]:
        number = "no number: too few controls or differences"
        if found.adjusted is not None:
            number = f"{words.p_value(found.adjusted)} against {len(found.controls)} controls, a heuristic"
        yield f"{found.candidate}: the same word on {found.agreed} of {found.prompts} texts; {number}"
    if (same := result.equality) is not None:
        said = "not from one distribution" if same.log10_p <= SIGNIFICANT else "not told apart"
        yield (
            f"answers of this and the trusted endpoint: {said}, {words.p_value(same.log10_p)} under sameness "
            f"(exact; {same.answers} answers to {same.prompts} texts)"
        )


def _names(result: Probe, verbose: bool) -> Iterator[str]:
    shown = [n for n in result.identifiers if verbose or not n.echo]
    for named in shown if verbose else shown[:_MOST]:
        echo = ", an echo of what was sent" if named.echo else ""
        said = f": {named.said.name.explanation}" if named.said.name.explanation else ""
        yield f"{named.said.name.identifier} ({named.role}, {named.said.where}{echo}){said}"
    if len(shown) > _MOST and not verbose:
        yield f"and {len(shown) - _MOST} more (--verbose)"
