"""``forebear scan`` and ``forebear compare``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forebear.cli import scan_endpoint, scan_policy, scan_set
from forebear.cli.completion import policies
from forebear.cli.licence import OrganisationOption
from forebear.cli.machines import MACHINES
from forebear.cli.options import (
    ActivationsOption,
    Effort,
    EffortOption,
    ExpectOption,
    FailOn,
    FailOnOption,
    OutputOption,
    PageFormat,
    PageFormatOption,
    ProgressOption,
    QuietOption,
    ReportFormat,
    ReportFormatOption,
    VerboseOption,
    by_name,
    check_expected,
    emit,
    expect_exit,
    fail_exit,
    leave,
    progress,
    show_problems,
    tell_expected,
)
from forebear.errors import UsageError
from forebear.types import Verdict

if TYPE_CHECKING:
    from rich.console import Console

    from forebear.types import Scan

NoFetchOption = Annotated[
    bool,
    typer.Option("--no-fetch", help="Do not read codes of known bases of this shape from the hub; -r never does."),
]
Target = Annotated[
    str,
    typer.Argument(
        help="A folder with a model or an adapter, a weight file, org/name on the hub, https://…, ollama:NAME or "
        "api:URL#MODEL.",
        show_default=False,
    ),
]
RecursiveOption = Annotated[
    bool,
    typer.Option(
        "--recursive",
        "-r",
        help="Every model below the folder, of hf:org or of hf:collections/OWNER/SLUG: a row each, the gravest exit "
        "code.",
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, max=256, help="With -r: processes; default one per core.", show_default=False),
]
PolicyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        "-p",
        help="Decide by a pack or file too (forebear policy list).",
        show_default=False,
        autocompletion=policies,
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="With -r and a hub: list at most so many models.", show_default=False),
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="With -r: ask again what an earlier run has answered.")]


def scan(
    target: Target,
    recursive: RecursiveOption = False,
    effort: EffortOption = Effort.STANDARD,
    expect: ExpectOption = None,
    fail_on: FailOnOption = FailOn.ERROR,
    jobs: JobsOption = None,
    fresh: FreshOption = False,
    limit: LimitOption = None,
    no_fetch: NoFetchOption = False,
    activations: ActivationsOption = False,
    policy: PolicyOption = None,
    org: OrganisationOption = None,
    how: ReportFormatOption = ReportFormat.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """Where does this model come from? Its ancestors among the indexed references, claims and findings.

    Example: forebear scan ./my-model --format json --output result.json
    Example: forebear scan ./my-model --output report.html
    Example: forebear scan -r ./models --format sarif --output models.sarif
    Example: forebear scan -r hf:my-org --limit 100
    """
    how = by_name(how, output)
    check_expected(expect)
    _check_policy_goes_with(policy, org, target, recursive, how)
    if target.startswith(scan_endpoint.API):
        scan_endpoint.scan(target, effort, expect, fail_on, how, output, quiet, verbose, no_progress)
        return
    of_sets = {"--fresh": fresh, "--jobs": jobs is not None, "--limit": limit is not None}
    if not recursive and (option := next((name for name, given in of_sets.items() if given), "")):
        raise UsageError(f"{option} goes with --recursive", "add --recursive, or leave it out")
    asked = scan_set.Asked(
        target, effort.value, expect, fail_on, jobs, fresh, how, output, not no_fetch, activations, limit
    )
    if recursive:
        scan_set.scan_all(asked, quiet, verbose, no_progress)
        return
    if how in MACHINES:
        scan_set.scan_for_ci(asked, quiet, no_progress)
        return
    from forebear.report import markdown

    decide = scan_policy.decider(policy, org) if policy else None  # a wrong policy is told before anything is read
    with progress(quiet, no_progress) as step:
        result = _scanned(asked, policy is not None, step)
    decided = decide(result) if decide else None
    emit(
        {**result.to_json(), **(decided.document if decided else {})},
        how,
        output,
        lambda console: _show(console, result, decided, quiet, verbose),
        lambda: markdown.scan(result) + (decided.markdown if decided else ""),
    )
    best = result.ancestors[0].verdict if result.ancestors else Verdict.INCONCLUSIVE
    named = {a.name: a.verdict for a in reversed(result.ancestors)}
    tell_expected(expect, named)
    leave(
        show_problems(result.problems),
        fail_exit(result.findings, fail_on),
        expect_exit(expect, best, named),
        decided.exit_code if decided else 0,
    )


def _scanned(asked: scan_set.Asked, deciding: bool, on_step: Callable[[str], None]) -> Scan:
    """The scan; where a decision is asked for and the weights cannot be read, by the papers, as ``policy check``."""
    from forebear.index import open_index
    from forebear.inspect import scan as run
    from forebear.inspect.unread import scanned

    if deciding:
        return scanned(asked.target, open_index(), asked.effort, True, on_step, asked.fetch, asked.activations)
    return run(asked.target, effort=asked.effort, on_step=on_step, fetch=asked.fetch, activations=asked.activations)


def _show(console: Console, result: Scan, decided: scan_policy.Decided | None, quiet: bool, verbose: bool) -> None:
    from forebear.report import terminal

    terminal.scan(console, result, quiet, verbose)
    if decided is not None:
        decided.table(console, quiet)


def _check_policy_goes_with(
    policy: list[str] | None, org: Path | None, target: str, recursive: bool, how: ReportFormat
) -> None:
    """Refuse what ``--policy`` does not go with, naming what does."""
    if org is not None and not policy:
        raise UsageError("--org goes with --policy", "forebear licence takes it as well")
    if policy and (recursive or target.startswith(scan_endpoint.API) or how in MACHINES):
        raise UsageError("--policy goes with one model, as table, json, md or html", "forebear policy check takes more")


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="The possible ancestor.", show_default=False)],
    b: Annotated[str, typer.Argument(metavar="B", help="The model in question.", show_default=False)],
    effort: EffortOption = Effort.STANDARD,
    expect: ExpectOption = None,
    activations: ActivationsOption = False,
    how: PageFormatOption = PageFormat.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """Is B related to A? Verdict, p-value, relation, and the evidence by symmetry group and layer.

    Example: forebear compare ./base ./suspect --expect related
    """
    from forebear.inspect import compare as run
    from forebear.report import markdown, terminal

    check_expected(expect)
    with progress(quiet, no_progress) as step:
        result = run(a, b, effort=effort.value, on_step=step, activations=activations)
    emit(
        result.to_json(),
        how,
        output,
        lambda console: terminal.compare(console, result, quiet, verbose),
        lambda: markdown.compare(result),
    )
    tell_expected(expect, [result.a.name])
    leave(show_problems(result.problems), expect_exit(expect, result.verdict, {result.a.name: result.verdict}))
