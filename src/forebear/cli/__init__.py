"""The command line: one file per command group; nothing here holds logic.

Data goes to stdout (or ``--output``), progress, problems and errors to stderr. Exit codes are those of the
contract: 0 done, 1 done and something is wrong, 2 unusable call, 3 not enough evidence for the decision asked for,
4 an input could not be read.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType

import typer

from forebear.cli import (
    attest,
    bom,
    cache,
    catalogue,
    check,
    crawl,
    demo,
    explain,
    index,
    licence,
    policy,
    probe,
    report,
    scan,
    serve,
    traffic,
    tree,
)
from forebear.cli.options import common
from forebear.errors import ForebearError, one_line

app = typer.Typer(
    name="forebear",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which known model does this one descend from, and how sure can we be?",
)

START = """Forebear finds out which known model a model descends from.

  forebear demo                     see it work on four small models, no set-up
  forebear index add ./a-base-model teach it a reference
  forebear scan ./your-model        ask where your model comes from

  forebear --help lists everything.
"""


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    """Which known model does this one descend from, and how sure can we be?"""
    if version:
        from forebear.version import __version__

        sys.stdout.write(f"forebear {__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stdout.write(START)


app.command("demo")(common(demo.demo))
app.command("scan")(common(scan.scan))
app.command("compare")(common(scan.compare))
app.command("tree")(common(tree.tree))
app.command("report")(common(report.report))
app.command("probe")(common(probe.probe))
app.command("traffic")(common(traffic.traffic))
app.add_typer(bom.app, name="bom")
app.command("licence")(common(licence.licence))
app.command("license", hidden=True)(common(licence.licence))
app.add_typer(index.app, name="index")
app.command("crawl")(common(crawl.crawl))
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(policy.app, name="policy")
app.command("check")(common(check.check))
app.command("sign")(common(attest.sign))
app.command("attest")(common(attest.attest))
app.command("verify")(common(attest.verify))
app.add_typer(serve.app, name="serve")
app.add_typer(cache.app, name="cache")
app.command("explain")(common(explain.explain))
app.command("doctor")(common(explain.doctor))


COLLECT_AFTER = 100_000
"""Objects between two searches for cycles. A large model is a million small values, and there are hardly any cycles."""


class Interrupted(BaseException):
    """Ctrl-C, or SIGTERM. Not a KeyboardInterrupt, which the command-line library would answer in its own words."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted


def _drop_output() -> None:
    """Nothing more goes to stdout: what is left in its buffer would fail again at the end of the process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """Entry point: turns errors into one line and an exit code, and survives a closed pipe and a full disk."""
    gc.set_threshold(COLLECT_AFTER)
    try:
        for number in (signal.SIGINT, signal.SIGTERM):  # both unwind, so that nothing half-written stays
            signal.signal(number, _interrupt)
        try:
            app(standalone_mode=True)
        finally:
            sys.stdout.flush()  # here, where what goes wrong still has an exit code
    except ForebearError as error:
        sys.stderr.write(f"forebear: {error}\n")
        sys.exit(error.exit_code)
    except (Interrupted, KeyboardInterrupt):
        sys.stderr.write("forebear: interrupted; what was finished is kept\n")
        sys.exit(4)
    except BrokenPipeError:
        _drop_output()
        sys.exit(0)
    except OSError as error:
        _drop_output()
        where = "standard output" if error.filename is None else error.filename
        sys.stderr.write(f"forebear: {one_line(f'{where}: {error.strerror or error}')}\n")
        sys.exit(4)
    except MemoryError:
        sys.stderr.write("forebear: not enough memory for this input\n")
        sys.exit(4)
