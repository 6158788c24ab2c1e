"""``forebear probe``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forebear.cli.options import (
    Effort,
    FailOn,
    FailOnOption,
    Format,
    FormatOption,
    OutputOption,
    ProgressOption,
    QuietOption,
    VerboseOption,
    emit,
    fail_exit,
    leave,
    progress,
    secret_in,
    show_problems,
)
from forebear.errors import UsageError
from forebear.types import head

Url = Annotated[str, typer.Argument(metavar="URL", help="Where the API is, with or without /v1.", show_default=False)]
ModelOption = Annotated[str, typer.Option("--model", "-m", help="The model's name there.", show_default=False)]
ExpectOption = Annotated[
    str | None,
    typer.Option(
        "--expect", metavar="NAME", help="What it should be: exit 0 if consistent, 1 if contradicted, else 3."
    ),
]
ProbeEffortOption = Annotated[
    Effort,
    typer.Option(
        "--effort", help="quick: names only; standard: tokenizer and behaviour; deep: all that it offers too."
    ),
]
KeyOption = Annotated[
    str | None, typer.Option("--key-env", metavar="VARIABLE", help="The environment variable that holds the key.")
]
RequestsOption = Annotated[int, typer.Option("--max-requests", min=1, help="Requests at most.")]
TokensOption = Annotated[int, typer.Option("--max-tokens", min=1, help="Tokens at most, prompts and answers together.")]
PriceIn = Annotated[float | None, typer.Option("--price-in", min=0, help="Price of a million prompt tokens.")]
PriceOut = Annotated[float | None, typer.Option("--price-out", min=0, help="Price of a million tokens of answers.")]
RateOption = Annotated[float | None, typer.Option("--rate", min=0.01, help="Requests a second at most.")]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be asked, and ask nothing.")]
LogOption = Annotated[
    Path | None,
    typer.Option(
        "--log",
        dir_okay=False,
        help="Where every exchange is written (default: beside the index); one that is there is gone on with.",
    ),
]
ReplayOption = Annotated[
    Path | None, typer.Option("--replay", dir_okay=False, help="Answer from this log and not from the endpoint.")
]
EnrolOption = Annotated[
    str | None, typer.Option("--enrol", metavar="NAME", help="Keep how it continues texts, under this name.")
]
TrustedOption = Annotated[
    str | None, typer.Option("--trusted", metavar="URL", help="An endpoint known to serve the claimed model.")
]
TrustedModelOption = Annotated[
    str | None, typer.Option("--trusted-model", metavar="NAME", help="The model's name there; default --model.")
]
TrustedKeyOption = Annotated[
    str | None, typer.Option("--trusted-key-env", metavar="VARIABLE", help="The variable that holds the key there.")
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of everything that is drawn.")]


def probe(
    url: Url,
    model: ModelOption,
    expect: ExpectOption = None,
    effort: ProbeEffortOption = Effort.STANDARD,
    key_env: KeyOption = None,
    max_requests: RequestsOption = 250,
    max_tokens: TokensOption = 100_000,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    rate: RateOption = None,
    dry_run: DryOption = False,
    log: LogOption = None,
    replay: ReplayOption = None,
    enrol: EnrolOption = None,
    trusted: TrustedOption = None,
    trusted_model: TrustedModelOption = None,
    trusted_key_env: TrustedKeyOption = None,
    seed: SeedOption = 0,
    fail_on: FailOnOption = FailOn.ERROR,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """What model is behind this API? Names that it leaks, its tokenizer by token counts, its behaviour.

    Example: forebear probe https://api.example.com/v1 --model acme-1 --key-env ACME_KEY --expect kimi-k2
    """
    import forebear.inspect.probe as run
    from forebear.endpoints import Budget
    from forebear.endpoints.addresses import endpoint, public_url
    from forebear.inspect.probe_plan import Settings, Trusted, plan
    from forebear.report import probe as report

    if trusted is None and (trusted_model or trusted_key_env):
        raise UsageError(
            "--trusted-model and --trusted-key-env go with --trusted",
            "give the trusted endpoint's address with --trusted",
        )
    other = (
        Trusted(trusted, trusted_model or model, secret_in(trusted_key_env, "--trusted-key-env")) if trusted else None
    )
    settings = Settings(model, expect, effort.value, seed, trusted=other)
    address = public_url(endpoint(url)) if replay is None else url
    budget = Budget(max_requests, max_tokens, price_in, price_out)
    if dry_run:
        planned = {
            **head("forebear.probe-plan/1"),
            "url": address,
            **plan(settings, budget, enrolling=enrol is not None),
        }
        emit(planned, how, output, lambda c: report.planned(c, planned), lambda: report.planned_markdown(planned))
        return
    with progress(quiet, no_progress) as step:
        result = run.probe(
            url,
            model,
            expect=expect,
            effort=effort.value,
            seed=seed,
            trusted=other,
            key=secret_in(key_env, "--key-env"),
            budget=budget,
            log=log or (None if replay else _new_log(address, model)),
            replay=replay,
            rate=rate,
            enrol=enrol,
            on_step=step,
        )
    emit(
        result.to_json(),
        how,
        output,
        lambda console: report.show(console, result, quiet, verbose),
        lambda: report.markdown(result),
    )
    leave(
        show_problems(result.problems),
        fail_exit(result.findings, fail_on),
        result.verdict.expect_exit if expect else 0,
    )


def _new_log(address: str, model: str) -> Path:
    """A file beside the index for the evidence of a probe that nobody named one for."""
    import re
    from datetime import UTC, datetime

    from forebear.index import home

    slug = re.sub(r"[^A-Za-z0-9.]+", "-", f"{address.partition('//')[2]}-{model}")[:80].strip("-.")
    folder = home() / "probes"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}", "name another place with --log") from None
    return folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{slug}.jsonl"
