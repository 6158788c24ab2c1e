"""``forebear sign``, ``attest`` and ``verify``: who vouches for a model's files and for what is said about it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forebear.cli.options import (
    Format,
    FormatOption,
    OutputOption,
    ProgressOption,
    QuietOption,
    VerboseOption,
    by_name,
    emit,
    leave,
    progress,
    write_whole,
)
from forebear.errors import UsageError

PASSPHRASE = "FOREBEAR_KEY_PASSPHRASE"
KeyOption = Annotated[
    Path | None,
    typer.Option("--key", "-k", metavar="FILE", help="Your private key (PEM; P-256, P-384, P-521).", dir_okay=False),
]
CertificateOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--certificate", metavar="FILE", help="Your certificate (PEM), then those that lead to its authority."
    ),
]
VariableOption = Annotated[
    str, typer.Option("--passphrase-env", metavar="NAME", help="Environment variable with the key's pass phrase.")
]
LinksOption = Annotated[bool, typer.Option("--follow-links", help="Read what symbolic links in the model lead to.")]


def sign(
    target: Annotated[str, typer.Argument(help="The model: a folder or a file on this machine.", show_default=False)],
    key: KeyOption = None,
    certificate: CertificateOption = None,
    sigstore: Annotated[
        bool, typer.Option("--sigstore", help="No key: Sigstore's service signs for who you are (network, browser).")
    ] = False,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="PATH", help="Leave out, relative to the folder; again.")
    ] = None,
    follow_links: LinksOption = False,
    passphrase_env: VariableOption = PASSPHRASE,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The signature; model.sig by convention.", dir_okay=False)
    ] = Path("model.sig"),
    how: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """Sign a model's files in the OpenSSF model-signing format.

    Example: forebear sign ./my-model --key key.pem -o my-model/model.sig
    """
    from forebear.inspect.sign import credentials, sign_files
    from forebear.report import signature as report

    if (key is None) is not sigstore:
        raise UsageError("sign with --key FILE, or with --sigstore", "docs/signing.md says how to make a key")
    signer = credentials(key, certificate or (), passphrase_env) if key else None
    with progress(quiet, no_progress) as step:
        made = sign_files(target, signer, output, ignore or (), follow_links, step)
    write_whole(output, [made.signature])
    emit(made.to_json(), how, None, lambda c: report.signed(c, made, str(output)), lambda: report.signed_md(made))


def attest(
    target: Annotated[
        str, typer.Argument(help="The model's folder or file; none for a service.", show_default=False)
    ] = "",
    bom: Annotated[
        Path | None, typer.Option("--bom", metavar="FILE", help="A bill of materials.", dir_okay=False)
    ] = None,
    result: Annotated[
        list[Path] | None,
        typer.Option(
            "--result", metavar="FILE", help="A result: scan, compare, policy check, bom verify, probe; again."
        ),
    ] = None,
    key: KeyOption = None,
    certificate: CertificateOption = None,
    signature: Annotated[
        Path | None,
        typer.Option("--signature", metavar="FILE", help="The model's model.sig, to be bound in.", dir_okay=False),
    ] = None,
    include: Annotated[
        list[Path] | None,
        typer.Option(
            "--include", metavar="FILE", help="A vendor's own envelope, to be put into the bundle as it is; again."
        ),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option("--bundle", metavar="ZIP", help="Everything in one file that verify replays.", dir_okay=False),
    ] = None,
    passphrase_env: VariableOption = PASSPHRASE,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The envelope; default the document's name with .dsse.json.", dir_okay=False
        ),
    ] = None,
    how: FormatOption = Format.TABLE,
    quiet: QuietOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """Sign what a document says about a model (DSSE, in-toto), bound to the model's files.

    Example: forebear attest ./my-model --bom bom.cdx.json --key key.pem -o bom.dsse.json
    Example: forebear attest ./my-model --bom bom.cdx.json --result scan.json --key key.pem --bundle bundle.zip
    """
    from forebear.inspect.attest import attest as make
    from forebear.inspect.sign import credentials
    from forebear.report import signature as report

    documents = [*([bom] if bom else []), *(result or [])]
    if key is None:
        raise UsageError("attest with --key FILE", "docs/signing.md says how to make a key")
    if bundle is None and len(documents) != 1:
        raise UsageError("one document at a time, or all of them in a --bundle", "give --bom BILL or --result RESULT")
    if bundle is not None and output is not None:
        raise UsageError("--bundle and --output are two ways to write", "a bundle holds the envelopes")
    signer = credentials(key, certificate or (), passphrase_env)
    with progress(quiet, no_progress) as step:
        papers = [str(path) for path in result or ()]
        theirs = [str(path) for path in include or ()]
        made = make(
            signer, target, str(bom or ""), papers, str(signature or ""), None, bundle is not None, step, theirs
        )
    where = bundle or output or Path(f"{documents[0].name}.dsse.json")
    write_whole(where, [made.bundle if made.bundle is not None else made.envelopes[str(documents[0])]])
    emit(made.to_json(), how, None, lambda c: report.attested(c, made, str(where)), lambda: report.attested_md(made))


def verify(
    file: Annotated[str, typer.Argument(help="model.sig, an envelope, or bundle.zip.", show_default=False)],
    target: Annotated[
        str, typer.Argument(help="The model's folder or file; or the document of an envelope.", show_default=False)
    ] = "",
    key: Annotated[
        list[Path] | None, typer.Option("--key", "-k", metavar="FILE", help="A signer's public key (PEM); again.")
    ] = None,
    certificate_chain: Annotated[
        list[Path] | None,
        typer.Option("--certificate-chain", metavar="FILE", help="Authorities that you trust (PEM); again."),
    ] = None,
    document: Annotated[
        str, typer.Option("--document", metavar="FILE", help="The bill or result that an envelope is about.")
    ] = "",
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="When certificates have to be valid (RFC 3339); default now.")
    ] = "",
    identity: Annotated[str, typer.Option("--identity", metavar="WHO", help="Sigstore: who has to have signed.")] = "",
    issuer: Annotated[str, typer.Option("--issuer", metavar="URL", help="Sigstore: who vouches for that.")] = "",
    allow_extra: Annotated[
        bool, typer.Option("--allow-extra", help="Files that were not signed are told and are no failure.")
    ] = False,
    follow_links: LinksOption = False,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """Is it signed by whom I trust, and unaltered? 0 verified, 1 not, 3 nothing to decide by (no key, no model).

    Example: forebear verify model.sig ./my-model --key signer.pub
    Example: forebear verify bundle.zip --key signer.pub
    """
    from forebear.attest.trust import EXITS
    from forebear.inspect.licence import is_document
    from forebear.inspect.verify_signature import verify_signature
    from forebear.report import signature as report

    if target and not document and is_document(target):
        target, document = "", target
    with progress(quiet, no_progress) as step:
        answer = verify_signature(
            file,
            target,
            keys=key or (),
            authorities=certificate_chain or (),
            document=document,
            at=at,
            identity=identity,
            issuer=issuer,
            allow_extra=allow_extra,
            follow_links=follow_links,
            on_step=step,
        )
    how = by_name(how, output)
    emit(
        answer.to_json(),
        how,
        output,
        lambda console: report.verified(console, answer, quiet, verbose),
        lambda: report.verified_md(answer),
    )
    leave(EXITS[answer.verdict])
