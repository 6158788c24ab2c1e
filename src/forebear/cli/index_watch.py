"""``forebear index watch``: what of the index depends on models that are guarded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from forebear.cli.attest import PASSPHRASE, VariableOption
from forebear.cli.options import (
    Format,
    FormatOption,
    OutputOption,
    ProgressOption,
    QuietOption,
    by_name,
    emit,
    leave,
    progress,
)
from forebear.errors import UsageError


def watch(
    guard: Annotated[
        list[str] | None, typer.Option("--guard", metavar="NAME", help="A guarded model; again. Default: private ones.")
    ] = None,
    since: Annotated[str, typer.Option("--since", metavar="DATE", help="Only entries added from then on.")] = "",
    packs: Annotated[
        Path | None,
        typer.Option("--packs", metavar="DIR", help="Write an evidence pack for each match.", file_okay=False),
    ] = None,
    contact: Annotated[str, typer.Option("--contact", metavar="TEXT", help="Where the other side answers to.")] = "",
    days: Annotated[int, typer.Option("--days", min=1, max=1000, help="Until an answer is asked for.")] = 30,
    withhold: Annotated[
        bool, typer.Option("--withhold-code", help="Leave the guarded model's code out of packs.")
    ] = False,
    all_packs: Annotated[
        bool, typer.Option("--all-packs", help="Packs also where something older in the index could explain it.")
    ] = False,
    check: Annotated[
        Path | None, typer.Option("--check", metavar="PACK", help="Check a pack that somebody wrote.", file_okay=False)
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            "-k",
            metavar="FILE",
            help="Sign packs with this private key; with --check, the signer's public.",
            dir_okay=False,
        ),
    ] = None,
    passphrase_env: VariableOption = PASSPHRASE,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """Which entries depend on a guarded model, and evidence to ask about it. Nothing found: 0; matches: 1.

    Example: forebear index watch --since 2026-11-01 --packs ./packs --key key.pem
    Example: forebear index watch --check ./packs/org-model-1a2b3c4d-5e6f7a8b --key sender.pub
    """
    from forebear.index import open_index
    from forebear.inspect.sign import credentials
    from forebear.inspect.watch import sweep
    from forebear.report import watch as report

    if check is not None:
        _check(check, key, how, output)
        return
    if packs is None and (key or contact or withhold or all_packs):
        raise UsageError("--key, --contact, --withhold-code and --all-packs are about packs", "--packs DIR writes them")
    signer = credentials(key, (), passphrase_env) if key is not None else None
    sender = report.Sender(contact, days, withhold, signer.key if signer else None)
    with progress(quiet, no_progress) as step:
        found = sweep(open_index(), guard or (), since, step)
    written: dict[str, str] = {}
    for match in found.matches if packs is not None else ():
        if packs is not None and (all_packs or not match.explained):
            written[f"{match.name}\n{match.guarded}"] = str(report.write_pack(match, packs, sender))
    document: dict[str, Any] = found.to_json()
    for row, match in zip(document["matches"], found.matches, strict=True):
        row["pack"] = written.get(f"{match.name}\n{match.guarded}")
    emit(
        document,
        by_name(how, output),
        output,
        lambda console: report.table(console, found, written),
        lambda: report.markdown(found, written),
    )
    leave(1 if found.matches else 0)


def _check(pack: Path, key: Path | None, how: Format, output: Path | None) -> None:
    from forebear.attest.trust import EXITS, trust_in
    from forebear.inspect.watch_check import check_pack
    from forebear.report import watch as report

    done = check_pack(pack, trust_in([key] if key is not None else ()))
    emit(
        done.to_json(),
        by_name(how, output),
        output,
        lambda console: report.checked(console, done),
        lambda: report.checked_md(done),
    )
    leave(EXITS[done.verdict])
