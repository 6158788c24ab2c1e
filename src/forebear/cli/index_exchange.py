"""``forebear index export`` and ``import``: references as one file, for others and from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forebear.cli.attest import PASSPHRASE, VariableOption
from forebear.cli.options import Format, FormatOption, OutputOption, by_name, emit, leave
from forebear.errors import UsageError

ExportFile = Annotated[Path, typer.Argument(help="The file to write.", show_default=False, dir_okay=False)]
ImportFile = Annotated[Path, typer.Argument(help="A file that index export wrote.", show_default=False)]
SignOption = Annotated[
    Path | None,
    typer.Option("--key", "-k", metavar="FILE", help="Sign with this private key (PEM).", dir_okay=False),
]
CertificateOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--certificate", metavar="FILE", help="Your certificate (PEM), then those that lead to its authority."
    ),
]
VerifyOption = Annotated[
    list[Path] | None, typer.Option("--key", "-k", metavar="FILE", help="A signer's public key (PEM); again.")
]
AuthorityOption = Annotated[
    list[Path] | None,
    typer.Option("--certificate-chain", metavar="FILE", help="Authorities that you trust (PEM); again."),
]
PathsOption = Annotated[
    bool, typer.Option("--with-paths", help="Keep locations that are no hub repository: folders, addresses.")
]


def export(
    file: ExportFile,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="Only this reference; can be repeated.")
    ] = None,
    family: Annotated[str, typer.Option("--family", metavar="NAME", help="Only this architecture family.")] = "",
    key: SignOption = None,
    certificate: CertificateOption = None,
    passphrase_env: VariableOption = PASSPHRASE,
    no_sketches: Annotated[
        bool, typer.Option("--no-sketches", help="Codes without sketches: a quarter of the size.")
    ] = False,
    include_private: Annotated[bool, typer.Option("--include-private", help="Guarded models too.")] = False,
    with_paths: PathsOption = False,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Write references to one file for others; the same references give the same bytes.

    Example: forebear index export ours.fbx --key key.pem
    """
    from forebear.attest.exchange import Terms
    from forebear.index import open_index
    from forebear.inspect.share import Asked, export_index
    from forebear.inspect.sign import credentials
    from forebear.report import exchange as report

    if certificate and key is None:
        raise UsageError("--certificate goes with --key", "give the key that it certifies")
    signer = credentials(key, certificate or (), passphrase_env) if key is not None else None
    asked = Asked(tuple(only or ()), family, include_private, Terms(not no_sketches, with_paths))
    made = export_index(open_index(), file, asked, signer)
    emit(
        made.to_json(),
        by_name(how, output),
        output,
        lambda console: report.exported(console, made),
        lambda: report.exported_md(made),
    )


def import_(
    file: ImportFile,
    key: VerifyOption = None,
    certificate_chain: AuthorityOption = None,
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="When certificates have to be valid (RFC 3339); default now.")
    ] = "",
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Take it although nobody vouches for it.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Its entries take the place of others of the same name.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, change nothing.")] = False,
    with_paths: PathsOption = False,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Take the references of a file into the index; 1 where some were refused.

    Example: forebear index import theirs.fbx --key signer.pub
    """
    from forebear.attest.trust import trust_in
    from forebear.index import open_index
    from forebear.inspect.share import import_index
    from forebear.report import exchange as report

    if unsigned and (key or certificate_chain):
        raise UsageError("--unsigned and --key contradict each other", "--key verifies, --unsigned does not ask")
    trust = trust_in(key or (), certificate_chain or (), at)
    made = import_index(open_index(), file, trust, unsigned, replace, dry_run, with_paths)
    emit(
        made.to_json(),
        by_name(how, output),
        output,
        lambda console: report.imported(console, made),
        lambda: report.imported_md(made),
    )
    leave(1 if made.conflicts else 0)
