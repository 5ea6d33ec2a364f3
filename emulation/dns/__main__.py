"""Serves the DNS of a sandbox (emulated clouds on this machine) until the process is ended (`python -m emulation.dns
--directory DIR`), or sends a query to the DNS server (`… query NAME`).
"""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path
from typing import Annotated

import dns.exception
import typer

from emulation.dns import client
from emulation.dns.service import DnsService
from emulation.layout import DNS_PORT, Sandbox

_app = typer.Typer(add_completion=False)


@_app.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    directory: Annotated[Path, typer.Option(help="the sandbox's directory")],
) -> None:
    """Serves the DNS, the health checks and the HTTP proxies for clients of a sandbox (emulated clouds) until the
    process is ended.
    """
    context.obj = Sandbox(directory=directory.resolve())
    if context.invoked_subcommand is None:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
        logging.getLogger("httpx").setLevel(logging.WARNING)
        asyncio.run(_until_ended(context.obj))


@_app.command()
def query(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="the name to resolve")],
    seen_from: Annotated[
        str, typer.Option("--from", help="the client location to query from; without it, no subnet is sent")
    ] = "",
    rdtype: Annotated[str, typer.Option("--type", help="the record type")] = "A",
) -> None:
    """Sends a query to the DNS server of a sandbox (emulated clouds) and prints the answer, as dig would."""
    sandbox: Sandbox = context.obj
    try:
        query = client.question(name, rdtype.upper(), client.client_location(seen_from) if seen_from else None)
    except LookupError as error:
        raise _failure(error.args[0]) from error
    except (dns.exception.DNSException, ValueError) as error:
        raise _failure(f"name {name!r} with type {rdtype!r} is not a valid query: {error}") from error
    try:
        typer.echo(client.send_query(sandbox, query).to_text())
    except (dns.exception.DNSException, OSError) as error:
        raise _failure(
            f"{sandbox.dns_address}:{DNS_PORT} does not answer ({error}); start the sandbox's DNS first"
        ) from error


async def _until_ended(sandbox: Sandbox) -> None:
    loop = asyncio.get_running_loop()
    running = asyncio.current_task()
    assert running is not None  # noqa: S101  inside asyncio.run there is one
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, running.cancel)
    try:
        await DnsService(sandbox).run()
    except asyncio.CancelledError:
        return


def _failure(text: str) -> typer.Exit:
    typer.echo(text, err=True)
    return typer.Exit(1)


if __name__ == "__main__":
    _app()
