"""Commands that create, renew and check keys. Edge, shields (regional caches) and registry use these keys to
authenticate to each other.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from contract.metrics import CERTIFICATE_WARNING_DAYS

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def root() -> None:
    """Create, renew and check keys. Edge, shields (regional caches) and registry use these keys to authenticate to each
    other.
    """


Environment = Annotated[str, typer.Option(help="the stack's name, e.g. prod")]
Region = Annotated[str, typer.Option(help="the stack's primary AWS region, e.g. us-east-1")]


@app.command()
def init(
    environment: Environment,
    domain: Annotated[str, typer.Option(help="the stack's domain, e.g. example.com")],
    region: Region,
    replica: Annotated[
        list[str] | None,
        typer.Option(help="another AWS region of the stack with shields, objects or metadata; may be repeated"),
    ] = None,
    pop_replica: Annotated[
        list[str] | None, typer.Option(help="another AWS region of the stack with own PoPs; may be repeated")
    ] = None,
) -> None:
    """Create the environment's keys in AWS Secrets Manager. Existing keys do not change.

    The option --replica names regions that get a replica of the secret for shields (regional caches). While the primary
    region is down, shields in these regions can still start and renew their secrets. The option --pop-replica names
    regions that get replicas of the secrets for PoPs on machines of our own.

    The environment variable CLOUDFLARE_KV_API_TOKEN must contain a Cloudflare API token that may edit Workers KV. The
    command stores the token with the keys.
    """
    from registry import keys

    kv_token = os.environ.get(keys.KV_TOKEN_VARIABLE, "")
    written = keys.initialize(environment, domain, region, kv_token, replica or [], pop_replica or [])
    for name in written:
        print(f"wrote {name}")
    if not written:
        print(f"the keys of {environment} exist already")


@app.command()
def renew(environment: Environment, region: Region) -> None:
    """Renew the edge's client certificate and its certificate authority if they expire soon.

    Shields (regional caches) accept a new authority within minutes. The edge gets a new certificate at the next
    `pulumi up`.
    """
    from registry import key_renewal

    written = key_renewal.renew(environment, region)
    if "authority" in written or "shield" in written:
        print("changed the certificate authorities that the shields accept; run this command again in a day")
    if "edge" in written:
        print("renewed the edge's client certificate; deploy it with `pulumi up`")
    if not written:
        print("no certificate expires soon")


@app.command()
def check(environment: Environment, region: Region) -> None:
    """Print when the edge's client certificate expires. Exits with status 1 if it expires within 30 days."""
    from datetime import UTC, datetime

    from registry import key_renewal

    end = key_renewal.expiry(key_renewal.StoredSecrets(environment, region).read_edge())
    days = (end - datetime.now(UTC)).days
    print(f"the edge's client certificate expires in {days} days, on {end:%Y-%m-%d}")
    if days < CERTIFICATE_WARNING_DAYS:
        print("error: renew it with `python -m registry keys renew`, and run `pulumi up`", file=sys.stderr)
        sys.exit(1)
