"""`python -m probes`: checks documented facts of the real clouds, on which this program depends (docs/fidelity.md)."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import httpx
import typer
from botocore.exceptions import BotoCoreError, ClientError
from cloudflare import Cloudflare, CloudflareError

from probes import accounts, client_certificates, dynamodb, permissions, s3, s3_replication, workers
from probes.aws import AwsAccount
from probes.fact import Fact, Probe, ProbeError
from probes.recording import DIRECTORY, Recording
from probes.zone import Zone

_AWS = (*s3.PROBES, *s3_replication.PROBES, *dynamodb.PROBES, *accounts.PROBES, *permissions.PROBES)
ON_AWS: dict[str, Probe[AwsAccount]] = {probe.name: probe for probe in _AWS}
ON_CLOUDFLARE: dict[str, Probe[Zone]] = {probe.name: probe for probe in (*workers.PROBES, *client_certificates.PROBES)}
_TIMEOUT_SECONDS = 30.0

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

Names = Annotated[list[str], typer.Argument(help="names of probes; `python -m probes list` shows them")]
ZoneName = Annotated[str, typer.Option(help="active zone on Cloudflare, for the probes of Cloudflare")]
Domain = Annotated[str, typer.Option(help="a domain that you own, for the probes of AWS Certificate Manager")]
Record = Annotated[bool, typer.Option(help="write the responses of the clouds to probes/recorded/, without secrets")]


@app.command("list")
def list_probes() -> None:
    """List the probes, each with the document that states the facts."""
    for probe in (*ON_AWS.values(), *ON_CLOUDFLARE.values()):
        print(f"{probe.name:<28} {probe.source}")


@app.command()
def run(names: Names, zone: ZoneName = "", domain: Domain = "", record: Record = False) -> None:
    """Check the facts of some probes in the accounts of the environment's credentials.

    A probe creates a few resources without traffic, which cost less than a cent, and deletes them at the end. The exit
    code is 1 if a fact does not hold.
    """
    unknown = [name for name in names if name not in ON_AWS and name not in ON_CLOUDFLARE]
    if unknown:
        raise typer.BadParameter(f"no probe has the name {unknown[0]}; `python -m probes list` shows the names")
    if not zone and any(name in ON_CLOUDFLARE for name in names):
        raise typer.BadParameter("probes of Cloudflare need --zone with the name of an active zone")
    if not domain and any(name.startswith("acm-") for name in names):
        raise typer.BadParameter("probes of AWS Certificate Manager need --domain with a domain that you own")
    holds = [_run(name, zone, domain, DIRECTORY if record else None) for name in names]
    raise typer.Exit(0 if all(holds) else 1)


def _run(name: str, zone: str, domain: str, recorded: Path | None) -> bool:
    """Runs a probe and prints a line for each fact that it checks. Returns whether all facts hold."""
    run = secrets.token_hex(4)
    recording = Recording(run)
    with ExitStack() as cleanup:
        if name in ON_AWS:
            holds = _print(name, ON_AWS[name].check(AwsAccount(run, domain, cleanup, recording)))
        else:
            http = cleanup.enter_context(httpx.Client(timeout=_TIMEOUT_SECONDS))
            api = Cloudflare(max_retries=0)
            if api.api_token is None:
                raise ProbeError(
                    "CLOUDFLARE_API_TOKEN is not set: set it to an API token that may edit Workers and DNS"
                )
            holds = _print(name, ON_CLOUDFLARE[name].check(Zone(run, zone, api, http, cleanup, recording)))
    if recorded:
        print(f"recorded in {recording.write(name, recorded, datetime.now(UTC).date())}")
    return holds


def _print(name: str, facts: Iterable[Fact]) -> bool:
    holds = True
    for fact in facts:
        print(f"{'pass' if fact.holds else 'FAIL'}  {name}: {fact.text} ({fact.observed})")
        holds = holds and fact.holds
    return holds


def main() -> None:
    try:
        app()
    except (BotoCoreError, ClientError, CloudflareError, ProbeError, httpx.HTTPError) as error:
        sys.exit(f"error: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
