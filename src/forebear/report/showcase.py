"""The demonstration, told as a story: what is true, what Forebear says."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding

from forebear.catalogue import verdict_text
from forebear.inspect.demo import Demo
from forebear.lineage.evidence import group_words
from forebear.report import words
from forebear.types import Scan

_NEXT = """Now with your own models:
  forebear index add ./a-base-model     teach it a reference
  forebear scan ./your-model            ask where your model comes from
  forebear explain {topic:<21}what the verdict means, and what it does not"""


def show(console: Console, demo: Demo) -> None:
    """The demonstration for a terminal."""
    console.print(words.text("One reference is indexed: a small language model that comes with the package.\n"))
    for name, truth, result in demo.cases:
        line = words.text(name, style="bold")
        line.append(f"  {truth}", style="dim")
        console.print(line)
        verdict = words.text("  ● ", style="bold yellow" if result.related else "bold cyan")
        verdict.append(verdict_text(result.verdict).headline)
        verdict.append(f"  [{result.verdict}]", style="dim")
        console.print(verdict)
        console.print(Padding(words.text(_numbers(result)), (0, 2, 0, 4)))
        for finding in result.findings:
            console.print(Padding(words.text(f"{finding.level}: {finding.message}", style="yellow"), (0, 2, 0, 4)))
        console.print()
    console.print(words.text(_NEXT.format(topic=demo.cases[0][2].verdict.value)))


def _numbers(result: Scan) -> str:
    if not result.ancestors:
        return result.why
    best = result.ancestors[0]
    sign = next(e for e in best.evidence if e.signal.startswith("sign-code/"))
    groups = sign.details["groups"].items()
    counts = ", ".join(f"{group_words(group, sign.details['groups'])} {t['agree']} of {t['n']}" for group, t in groups)
    return (
        f"{sign.details['agree']} of {sign.n} sign coins agree ({counts}); "
        f"{words.p_value(best.log10_p)} if the two had been initialised independently. {best.why}"
    )


def markdown(demo: Demo) -> str:
    """The demonstration as Markdown."""
    out = ["# Forebear demo", ""]
    for name, truth, result in demo.cases:
        out += [
            f"## {name}",
            "",
            f"_{truth}_",
            "",
            f"**{verdict_text(result.verdict).headline}** (`{result.verdict}`)",
            "",
        ]
        out += [_numbers(result), ""]
    return "\n".join(out)
