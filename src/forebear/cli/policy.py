"""``forebear policy …``: decide by written rules, look at them, test them, and ask vendors."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forebear.cli.completion import policies
from forebear.cli.licence import ModelOption, NoScanOption, OrganisationOption
from forebear.cli.machines import MACHINES, write_for_machines
from forebear.cli.options import (
    Effort,
    EffortOption,
    Format,
    FormatOption,
    OutputOption,
    ProgressOption,
    QuietOption,
    ReportFormat,
    VerboseOption,
    by_name,
    common,
    emit,
    leave,
    progress,
    show_problems,
    write,
)
from forebear.errors import FormatError, PluginError, UsageError

if TYPE_CHECKING:
    from forebear.inspect.consequences import Consequences
    from forebear.inspect.policy import PolicySet, Terms
    from forebear.policy.answer import PolicyAnswer
    from forebear.report.page import Page
    from forebear.report.subject import Subject

app = typer.Typer(help="Decide on models by written rules; none is legal advice.", no_args_is_help=True)


PolicyOption = Annotated[
    list[str],
    typer.Option(
        "--policy",
        "-p",
        help="A pack (policy list), a file *.yaml or *.rego; may be given again.",
        autocompletion=policies,
    ),
]
WaiversOption = Annotated[
    Path | None,
    typer.Option(
        "--waivers", metavar="FILE", help="Findings that somebody answers for.", show_default=False, dir_okay=False
    ),
]
AnswersOption = Annotated[
    Path | None,
    typer.Option(
        "--answers", metavar="FILE", help="A vendor's answers: YAML, JSON or CSV.", show_default=False, dir_okay=False
    ),
]
JobsOption = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, max=256, help="Processes for many documents.", show_default=False)
]
AgainstOption = Annotated[
    str | None, typer.Option("--against", metavar="TARGET", help="Hold the answers against this.", show_default=False)
]
BomOption = Annotated[
    Path | None,
    typer.Option("--bom", metavar="FILE", help="The model's bill of materials.", show_default=False, dir_okay=False),
]

SignatureOption = Annotated[
    Path | None,
    typer.Option(
        "--signature", metavar="FILE", help="A signature over the bill of materials (DSSE).", show_default=False
    ),
]
KeyOption = Annotated[
    Path | None, typer.Option("--key", metavar="PEM", help="The public key that it has to be of.", show_default=False)
]


@app.command("check")
@common
def check(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET…",
            help="A model, a saved result, or a bill of materials; several documents; with -r a folder of them.",
            show_default=False,
        ),
    ],
    policy: PolicyOption,
    org: OrganisationOption = None,
    waivers: WaiversOption = None,
    answers: AnswersOption = None,
    bom: BomOption = None,
    signature: SignatureOption = None,
    key: KeyOption = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Every result and bill of materials below a folder.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, max=256, help="Processes for many documents.", show_default=False),
    ] = None,
    no_scan: NoScanOption = False,
    model: ModelOption = "",
    effort: EffortOption = Effort.STANDARD,
    how: Annotated[
        ReportFormat,
        typer.Option(
            "--format",
            "-f",
            help="How to write it; md, html: a page to print; sarif, junit, gitlab, github: for CI.",
        ),
    ] = ReportFormat.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """Does a policy let this model pass? 0 pass, 1 deny, 3 evidence or facts do not suffice.

    Example: forebear policy check result.json --policy uk-public-sector --org org.yaml --format html -o page.html
    Example: forebear policy check -r boms/ --policy baseline
    """
    from forebear.inspect.consequences import Signature
    from forebear.inspect.policy import Terms, check_many, decide, documents_below, is_many

    how = by_name(how, output)
    terms = Terms(tuple(policy), *(str(f) if f else "" for f in (org, waivers, answers)))
    if recursive or is_many(targets):
        paths = [p for t in targets for p in documents_below(t)] if recursive else targets
        if bom or answers or model or signature or key:
            raise UsageError(
                "--bom, --answers, --model, --signature and --key are about a single model",
                "leave them out, or give one model",
            )
        with progress(quiet, no_progress) as step:
            step(f"deciding on {len(paths):,} documents")
            _write_set(check_many(paths, terms, jobs), how, output, quiet)
        return
    if len(targets) > 1:
        raise UsageError("several targets have to be saved results or bills of materials", "give one model at a time")
    with progress(quiet, no_progress) as step:
        over = Signature(str(signature or ""), str(key or ""))
        answer, found = decide(targets[0], terms, str(bom or ""), None, effort.value, not no_scan, model, step, over)
    _write(answer, found, terms, targets[0], str(bom or ""), how, output, quiet, verbose)
    leave(show_problems(answer.problems), answer.decision.exit_code)


def _write(
    answer: PolicyAnswer,
    found: Consequences,
    terms: Terms,
    target: str,
    bom: str,
    how: ReportFormat,
    output: Path | None,
    quiet: bool,
    verbose: bool,
) -> None:
    from forebear.report import policy as report

    if how in (ReportFormat.MD, ReportFormat.HTML):
        from forebear.report import page

        sheet = _page(answer, found, terms, target, bom)
        write([page.html(sheet) if how is ReportFormat.HTML else page.markdown(sheet)], output)
    elif how in MACHINES:
        _for_machines([report.subject(answer, _place(target))], how, output)
    else:
        emit(
            answer.to_json(),
            how,
            output,
            lambda c: report.show(c, answer, quiet, verbose),
            lambda: report.markdown(answer),
        )


def _place(target: str) -> str:
    """Where a target lies, from the present folder; its name alone where it lies elsewhere."""
    below = os.path.relpath(target) if os.path.exists(target) else ".."
    return os.path.basename(target) or target if below.split(os.sep)[0] in ("..", ".") else below.replace(os.sep, "/")


def _write_set(found: PolicySet, how: ReportFormat, output: Path | None, quiet: bool) -> None:
    from forebear.report import policy as report

    if how in MACHINES:
        _for_machines(list(report.subjects(found)), how, output)
    else:
        emit(
            found.to_json(),
            how,
            output,
            lambda console: report.show_set(console, found, quiet),
            lambda: report.markdown_set(found),
        )
    codes = [row.decision.exit_code for row in found.rows if row.decision]
    problems = show_problems(tuple(row.problem for row in found.rows if row.problem))
    if not found.rows:
        raise UsageError("there are no results and no bills of materials", "give *.json")
    leave(problems, *codes)


def _for_machines(subjects: list[Subject], how: ReportFormat, output: Path | None) -> None:
    from forebear.types import Level

    write_for_machines(how, subjects, "policy", os.getcwd(), Level.ERROR, output)


def _page(answer: PolicyAnswer, found: Consequences, terms: Terms, target: str, bom: str) -> Page:
    """The buyer's page."""
    from forebear.report.page import page_of

    files = [("--org", terms.organisation), ("--waivers", terms.waivers), ("--answers", terms.answers), ("--bom", bom)]
    named = [*(x for p in terms.policies for x in ("--policy", p)), *(x for o, f in files if f for x in (o, f))]
    read = [target, *(f for _, f in files), *(p for p in terms.policies if "." in p)]
    model = found.document.get("model")
    digest = model.get("digest") if isinstance(model, Mapping) else None
    return page_of(
        answer,
        found.chain,
        found.licence,
        found.origin,
        ["forebear", "policy", "check", target, *named],
        read,
        digest if isinstance(digest, str) else "",
    )


@app.command("list")
@common
def show_all(how: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """The policies that ship with Forebear, then those of plugins, each with whose it is.

    Example: forebear policy list
    """
    from forebear.policy.load import available, load_policy
    from forebear.report import policy as report
    from forebear.types import head, to_json

    found = []
    for name in available():
        try:
            found.append(load_policy(name))
        except (PluginError, FormatError) as error:  # a plugin's; those that ship are tested
            sys.stderr.write(f"forebear: {error}\n")
    rows = [
        {**to_json(p.ref), "for": p.audience, "extends": list(p.extends), "off": [r.id for r in p.off]} for p in found
    ]
    document = {**head("forebear.policy-list/1"), "policies": rows}
    lines = [f"- **{p.ref.name}**: {p.ref.title}, {p.ref.rules} rules, for {p.audience}" for p in found]
    emit(document, how, output, lambda c: report.show_packs(c, found), lambda: "\n".join(lines) + "\n")


@app.command("show")
@common
def show(
    name: Annotated[str, typer.Argument(help="A pack or a file.", show_default=False, autocompletion=policies)],
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
    verbose: VerboseOption = False,
) -> None:
    """The rules of a policy, with what each cites and does not decide.

    Example: forebear policy show us-dod
    """
    from forebear.policy.load import load_policy
    from forebear.report import policy as report

    found = load_policy(name)
    emit(
        found.to_json(),
        how,
        output,
        lambda c: report.show_policy(c, found, verbose),
        lambda: report.markdown_policy(found),
    )


@app.command("test")
@common
def test(
    name: Annotated[str, typer.Argument(help="A pack or a file.", show_default=False)],
    strict: Annotated[
        bool, typer.Option("--strict", help="Every rule has to be shown true, false and unknown by an example.")
    ] = False,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Run a policy's own examples: does each rule do what its author says?

    Example: forebear policy test ./ours.yaml --strict
    """
    from forebear.policy.examples import test_policy
    from forebear.policy.load import load_policy
    from forebear.report import policy as report

    found = test_policy(load_policy(name))
    lines = [f"- {'wrong' if e.wrong else 'ok'}: {e.name} {' '.join(e.wrong)}" for e in found.examples]
    lines += [f"- no example shows {u}" for u in found.uncovered]
    emit(found.to_json(), how, output, lambda c: report.show_tested(c, found), lambda: "\n".join(lines) + "\n")
    if not found.examples:
        sys.stderr.write(f"forebear: {name} has no examples\n")
    leave(0 if found.passed and not (strict and found.uncovered) else 1)


class QuestionsFormat(StrEnum):
    """How the questionnaire is written; yaml and csv to be filled in."""

    TABLE = "table"
    MD = "md"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"


@app.command("questions")
@common
def ask(
    pack: Annotated[
        str | None,
        typer.Option("--pack", "--policy", "-p", help="Only what this policy's rules ask for.", show_default=False),
    ] = None,
    answers: AnswersOption = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="TARGET", help="Hold the answers against this model or result.", show_default=False
        ),
    ] = None,
    how: Annotated[
        QuestionsFormat, typer.Option("--format", "-f", help="yaml, csv: to be filled in.")
    ] = QuestionsFormat.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """What to ask a vendor about a model; or with --answers, what the answers are worth.

    Example: forebear policy questions --pack uk-public-sector --format md --output questions.md
    Example: forebear policy questions --answers answers.yaml --against result.json
    """
    from forebear.policy.load import load_policy
    from forebear.policy.questions import questions
    from forebear.report import policy as report
    from forebear.types import head, to_json

    how = by_name(how, output)
    if against is not None and answers is None:
        raise UsageError("--against needs --answers", "give the file with the vendor's answers")
    wanted = {q for r in load_policy(pack).rules for q in r.asks} if pack else None
    asked = [q for q in questions() if wanted is None or q.id in wanted]
    document = {**head("forebear.questions/1"), "questions": to_json(asked), "answers": None, "claims": [], "open": []}
    if answers is None:
        texts: dict[QuestionsFormat, Callable[[], str]] = {
            QuestionsFormat.YAML: lambda: report.yaml_questions(asked),
            QuestionsFormat.CSV: lambda: report.csv_questions(asked),
        }
        if how in texts:
            write([texts[how]()], output)
            return
        plain = Format.MD if how is not QuestionsFormat.JSON else Format.JSON
        emit(document, plain, output, lambda _: None, lambda: report.markdown_questions(asked))
        return
    from forebear.inspect.policy import claims_of

    if how in (QuestionsFormat.YAML, QuestionsFormat.CSV):
        raise UsageError(f"--format {how.value} is for the empty questionnaire", "use table, md or json")
    with progress(quiet, no_progress) as step:
        said, claims = claims_of(answers, against, step)
    document |= {"answers": to_json(said.given), "claims": to_json(claims), "open": list(said.open)}
    lines = [f"- {c.status}: {c.claim} ({c.why})" for c in claims] + [f"- not answered: {q}" for q in said.open]
    emit(
        document,
        Format(how.value),
        output,
        lambda console: report.show_claims(console, claims, said.open),
        lambda: "\n".join(lines) + "\n",
    )
    leave(1 if any(c.status == "contradicted" for c in claims) else 0)
