"""`python -m probes`: tests whether real clouds behave as their documentation says (docs/fidelity.md)."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, cast

import google.auth
import httpx
import typer
from botocore.exceptions import BotoCoreError, ClientError
from cloudflare import Cloudflare, CloudflareError
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from requests import RequestException

from probes import (
    accounts,
    bucket_access,
    client_certificates,
    cloud_storage,
    compute_engine,
    custom_hostnames,
    dynamodb,
    elastic_addresses,
    github,
    global_accelerator,
    permissions,
    rate_limits,
    route53,
    route53_answers,
    s3,
    s3_replication,
    secrets_replicas,
    version_uploads,
    worker_versions,
    workers_cache,
    workers_cache_limits,
    workers_kv,
    workload_identity,
    zone_rules,
)
from probes.aws import AwsAccount
from probes.fact import Fact, Probe, ProbeError
from probes.github import GithubJob
from probes.google_project import GoogleProject
from probes.recording import DIRECTORY, Recording
from probes.zone import Zone

_AWS = (
    *s3.PROBES,
    *s3_replication.PROBES,
    *bucket_access.PROBES,
    *secrets_replicas.PROBES,
    *dynamodb.PROBES,
    *accounts.PROBES,
    *permissions.PROBES,
    *route53.PROBES,
    *route53_answers.PROBES,
    *elastic_addresses.PROBES,
    *global_accelerator.PROBES,
)
_CLOUDFLARE = (
    *workers_cache.PROBES,
    *workers_cache_limits.PROBES,
    *workers_kv.PROBES,
    *worker_versions.PROBES,
    *version_uploads.PROBES,
    *client_certificates.PROBES,
    *custom_hostnames.PROBES,
    *rate_limits.PROBES,
    *zone_rules.PROBES,
)
_GOOGLE = (*cloud_storage.PROBES, *compute_engine.PROBES, *workload_identity.PROBES)
ON_AWS: dict[str, Probe[AwsAccount]] = {probe.name: probe for probe in _AWS}
ON_CLOUDFLARE: dict[str, Probe[Zone]] = {probe.name: probe for probe in _CLOUDFLARE}
ON_GOOGLE: dict[str, Probe[GoogleProject]] = {probe.name: probe for probe in _GOOGLE}
ON_GITHUB: dict[str, Probe[GithubJob]] = {probe.name: probe for probe in github.PROBES}
NAMES = (*ON_AWS, *ON_CLOUDFLARE, *ON_GOOGLE, *ON_GITHUB)
_WITH_DOMAIN = ("acm-pending-certificates", "acm-tag-conditions", "custom-hostnames")
_TIMEOUT_SECONDS = 30.0
_GOOGLE_SCOPES = ("https://www.googleapis.com/auth/devstorage.full_control", "https://www.googleapis.com/auth/compute")

_ERRORS = (
    BotoCoreError,
    ClientError,
    CloudflareError,
    GoogleAuthError,
    ProbeError,
    RequestException,
    httpx.HTTPError,
)

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

Names = Annotated[list[str], typer.Argument(help="names of probes; `python -m probes list` shows them")]
ZoneName = Annotated[str, typer.Option(help="active zone on Cloudflare, for the probes of Cloudflare")]
Origin = Annotated[
    str, typer.Option(help="host with a public certificate that answers cacheable responses on port 8443")
]
Domain = Annotated[
    str,
    typer.Option(help="a domain that you own, without a zone on Cloudflare, for probes of certificates and hostnames"),
]
Record = Annotated[bool, typer.Option(help="write the responses of the clouds to probes/recorded/, without secrets")]


@dataclass(frozen=True)
class Options:
    """The values of the command-line options `--zone`, `--origin` and `--domain`. They name a Cloudflare zone, a host
    that answers on port 8443, and a domain. If the user leaves out an option, its value is empty.
    """

    zone: str
    origin: str
    domain: str


@app.command("list")
def list_probes() -> None:
    """List the probes, which are checks on real clouds. For each probe, print which document of the cloud states the
    facts that the probe checks.
    """
    for probe in (*ON_AWS.values(), *ON_CLOUDFLARE.values(), *ON_GOOGLE.values(), *ON_GITHUB.values()):
        print(f"{probe.name:<28} {probe.source}")


@app.command()
def run(names: Names, zone: ZoneName = "", origin: Origin = "", domain: Domain = "", record: Record = False) -> None:
    """Run probes in your cloud accounts. A probe checks documented facts about a cloud. Environment variables contain
    the credentials of the accounts.

    A probe creates a few resources without traffic, and deletes them at the end. The cost is less than a cent, or 3
    cents for `global-accelerator`. The exit code is 1 if a fact does not hold.
    """
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise typer.BadParameter(f"no probe has the name {unknown[0]}; `python -m probes list` shows the names")
    if not zone and any(name in ON_CLOUDFLARE for name in names):
        raise typer.BadParameter("probes of Cloudflare need --zone with the name of an active zone")
    if not domain and any(name in _WITH_DOMAIN for name in names):
        raise typer.BadParameter(f"the probes {', '.join(_WITH_DOMAIN)} need --domain with a domain that you own")
    holds = [_run(name, Options(zone, origin, domain), DIRECTORY if record else None) for name in names]
    raise typer.Exit(0 if all(holds) else 1)


def _run(name: str, options: Options, recorded: Path | None) -> bool:
    """Runs a probe (a check on a real cloud), and prints a line for each fact that it checks. Returns whether all facts
    hold.
    """
    run = secrets.token_hex(4)
    recording = Recording(run)
    with ExitStack() as cleanup:
        holds = _print(name, _facts(name, run, options, cleanup, recording))
    if recorded:
        print(f"recorded in {recording.write(name, recorded, datetime.now(UTC).date())}")
    return holds


def _facts(name: str, run: str, options: Options, cleanup: ExitStack, recording: Recording) -> Iterable[Fact]:
    """Runs a probe (a check on a real cloud) with the credentials in the environment variables. Returns the probe's
    results.
    """
    if name in ON_AWS:
        return ON_AWS[name].check(AwsAccount(run, options.domain, cleanup, recording))
    if name in ON_GOOGLE:
        credentials, project = cast(Any, google.auth).default(scopes=_GOOGLE_SCOPES)
        session = cleanup.enter_context(AuthorizedSession(credentials))
        return ON_GOOGLE[name].check(GoogleProject(run, project, session, cleanup, recording))
    http = cleanup.enter_context(httpx.Client(timeout=_TIMEOUT_SECONDS))
    if name in ON_GITHUB:
        return ON_GITHUB[name].check(GithubJob(os.environ, http, recording))
    api = Cloudflare(max_retries=0)
    if api.api_token is None:
        raise ProbeError("CLOUDFLARE_API_TOKEN is not set; set it to an API token that may edit Workers and DNS")
    return ON_CLOUDFLARE[name].check(
        Zone(run, options.zone, api, http, cleanup, recording, options.origin, options.domain)
    )


def _print(name: str, facts: Iterable[Fact]) -> bool:
    holds = True
    for fact in facts:
        print(f"{'pass' if fact.holds else 'FAIL'}  {name}: {fact.text} ({fact.observed})")
        holds = holds and fact.holds
    return holds


def main() -> None:
    try:
        app()
    except _ERRORS as error:
        sys.exit(f"error: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main()
