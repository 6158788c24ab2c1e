"""``forebear serve …``: the service, and who may ask it."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forebear.cli.options import Format, FormatOption, OfflineOption, OutputOption, common, emit
from forebear.cli.serve_limits import limited
from forebear.errors import MissingExtra, UsageError
from forebear.types import Json, head

if TYPE_CHECKING:
    from forebear.web.store import Store, Token

app = typer.Typer()
tokens = typer.Typer(help="Who may ask the service.", no_args_is_help=True)
app.add_typer(tokens, name="token")
DatabaseOption = Annotated[
    str,
    typer.Option(
        "--database",
        envvar="FOREBEAR_DATABASE",
        metavar="URL",
        help="postgresql://… for the service's own data, which several servers can share; default: a file.",
        show_default=False,
    ),
]


@app.callback(invoke_without_command=True)
@common
@limited
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 8080,
    workers: Annotated[int, typer.Option("--workers", "-w", help="Processes that run jobs.")] = 2,
    names: Annotated[
        list[str] | None,
        typer.Option("--name", help="A host name that the service goes by; may be given again.", show_default=False),
    ] = None,
    networks: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-network", metavar="CIDR", help="A private range that jobs may connect to.", show_default=False
        ),
    ] = None,
    paths: Annotated[
        list[Path] | None,
        typer.Option(
            "--allow-path",
            metavar="DIR",
            help="A folder with indexed references that jobs may read.",
            show_default=False,
        ),
    ] = None,
    database: DatabaseOption = "",
    policies: Annotated[
        list[Path] | None,
        typer.Option(
            "--policy",
            metavar="FILE",
            help="A policy of your own, asked for by its name without the ending; may be given again.",
            show_default=False,
        ),
    ] = None,
    organisation: Annotated[
        Path | None,
        typer.Option("--org", metavar="FILE", help="Facts about you, for every policy job.", show_default=False),
    ] = None,
    waivers: Annotated[
        Path | None,
        typer.Option("--waivers", metavar="FILE", help="Waivers for every policy job.", show_default=False),
    ] = None,
    offline: OfflineOption = False,
    *,
    limits: dict[str, float],
) -> None:
    """Serve scans, comparisons, bills, policies, searches, captures and probes as jobs over HTTP.

    Example: forebear serve --port 8080 --workers 2 --max-file 2GiB --job-seconds 600
    Example: forebear serve --database postgresql://me@db/forebear
    Example: forebear serve token add ann --scope read --scope submit
    """
    if context.invoked_subcommand is not None:
        return
    try:
        from forebear.web.app import create_app
        from forebear.web.listener import bound, server
    except ImportError:
        raise MissingExtra("serve", "forebear serve") from None
    from forebear.web import log
    from forebear.web.confine import DATABASE
    from forebear.web.settings import Settings, service_home

    if _is_root():
        raise UsageError(
            "the service does not run as root",
            "run it as a user of its own; in a container: USER 10001, or docker run --user 10001",
        )
    named = f"[{host}]" if ":" in host else host
    own = (*Settings.hosts, *([named] if host not in ("0.0.0.0", "::") else []))
    settings = Settings(
        service_home(),
        workers=workers,
        hosts=tuple(name.lower() for name in (*own, *(names or ()))),
        networks=tuple(networks or ()),
        paths=tuple(str(path) for path in paths or ()),
        offline=offline,
        database=database,
        policies=_policies(policies or [], organisation, waivers),
        organisation=str(organisation.resolve()) if organisation else "",
        waivers=str(waivers.resolve()) if waivers else "",
        **limits,  # type: ignore[arg-type]
    )
    os.environ.pop(DATABASE, None)  # workers have no use for it
    log.set_up()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # for the server ends in good order, and then as it was told to
    with bound(host, port) as place, suppress(KeyboardInterrupt):
        made = server(create_app(settings), settings)
        address = f"http://{named}:{place.getsockname()[1]}/"
        logging.getLogger("forebear.web").info("serving", extra={"fields": {"address": address}})
        made.run(sockets=[place])


@tokens.command("add")
@common
def add(
    name: Annotated[str, typer.Argument(help="Whose it is.", show_default=False)],
    scopes: Annotated[
        list[str] | None,
        typer.Option("--scope", help="read, submit, probe or admin; may be given again.", show_default=False),
    ] = None,
    days: Annotated[float, typer.Option("--days", min=0, help="After which it expires; 0: never.")] = 90.0,
    database: DatabaseOption = "",
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """A new token. It is shown once; only a hash of it is kept.

    Example: forebear serve token add ann --scope read --scope submit --days 30
    """
    from forebear.web.tokens import make_token

    token, text = make_token(name, scopes or ("read", "submit"), days)
    store = _store(database)
    store.add_token(token)
    store.close()
    document = {**head("forebear.serve-token/1"), "token": text, **_row(token)}
    emit(document, how, output, lambda c: c.print(text, markup=False, soft_wrap=True), lambda: f"`{text}`\n")


@tokens.command("list")
@common
def show(database: DatabaseOption = "", how: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """All tokens, without what proves them.

    Example: forebear serve token list
    """
    store = _store(database)
    found = [_row(token) for token in store.tokens()]
    store.close()
    lines = [
        f"{row['id']}  {' '.join(row['scopes']):24}  {(row['revoked'] and 'revoked') or row['expires'] or 'no end':20}"
        f"  {row['name']}"
        for row in found
    ] or ["There are no tokens: forebear serve token add NAME"]
    document = {**head("forebear.serve-tokens/1"), "tokens": found}
    emit(
        document,
        how,
        output,
        lambda c: c.print("\n".join(lines), markup=False, soft_wrap=True),
        lambda: "```text\n" + "\n".join(lines) + "\n```\n",
    )


@tokens.command("revoke")
@common
def revoke(
    id: Annotated[str, typer.Argument(metavar="ID", help="As the list shows it.", show_default=False)],
    database: DatabaseOption = "",
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Refuse a token from the next request on.

    Example: forebear serve token revoke 0123456789abcdef
    """
    store = _store(database)
    done, token = store.revoke(id), store.token(id)
    store.close()
    if not done or token is None:
        raise UsageError(f"{id}: there is no such token, or it was revoked before", "forebear serve token list")
    document = {**head("forebear.serve-tokens/1"), "tokens": [_row(token)]}
    emit(document, how, output, lambda c: c.print(f"revoked {id}", markup=False), lambda: f"revoked `{id}`\n")


def _is_root() -> bool:
    """Whether this process runs as root, who may read and write everything."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _policies(files: list[Path], organisation: Path | None, waivers: Path | None) -> dict[str, str]:
    """The operator's policies by name; read once, so that what is wrong with them is told now."""
    from forebear.inspect.policy import Terms, load

    named = {file.stem: str(file.resolve()) for file in files}
    if len(named) < len(files):
        raise UsageError("--policy: two files of one name", "rename one of them")
    for file in (*named.values(), *([] if named else ["baseline"])):
        load(Terms((file,), str(organisation or ""), str(waivers or "")))
    return named


def _store(database: str) -> Store:
    from forebear.web.settings import service_home
    from forebear.web.store import open_store

    return open_store(service_home(), database)


def _row(token: Token) -> Json:
    from datetime import UTC, datetime

    expires = datetime.fromtimestamp(token.expires, UTC).replace(microsecond=0) if token.expires else None
    return {
        "id": token.id,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "created": token.created,
        "expires": expires.isoformat().replace("+00:00", "Z") if expires else None,
        "revoked": token.revoked or None,
    }
