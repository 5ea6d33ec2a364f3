"""Checks the Google Cloud project: credentials, enabled APIs, and quotas of addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, cast
from urllib.parse import urlencode

import google.auth
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from requests import RequestException

from doctor.finding import Finding
from stacks.config import Stack

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_USAGE = "https://serviceusage.googleapis.com/v1"
_COMPUTE = "https://compute.googleapis.com/compute/v1"
_TIMEOUT_SECONDS = 30

# A function that sends a GET request to a URL and returns the JSON document in the response. The function raises
# GoogleAuthError or RequestException if the request fails.
Get = Callable[[str], Any]


def get_json(url: str) -> Any:
    """Sends a GET request with the Application Default Credentials, and returns the JSON document in the response."""
    credentials, _ = cast(Any, google.auth).default(scopes=[_SCOPE])
    with AuthorizedSession(credentials) as session:
        answer = cast(Any, session).get(url, timeout=_TIMEOUT_SECONDS)
        answer.raise_for_status()
        return answer.json()


def needed_apis(stack: Stack) -> list[str]:
    """Returns the Google Cloud APIs that the stack's resources use. The list is empty for a stack on AWS alone."""
    config, found = stack.config, set[str]()
    if any(shield.cloud == "gcp" for shield in config.shields):
        found |= {"compute", "iam"}
    if config.blobs.store == "gcs" or config.blobs.standby:
        found |= {"storage", "cloudkms", "monitoring"}
    if config.blobs.standby:
        found |= {"storagetransfer"}
    if config.metadata.store == "spanner":
        found |= {"spanner", "run", "storage", "iam", "monitoring", "pubsub"}
    return sorted(f"{name}.googleapis.com" for name in found)


def check(stack: Stack, project: str, get: Get = get_json) -> Iterator[Finding]:
    """Checks the Google Cloud project, and yields a finding for each check. A stack on AWS alone has no findings."""
    apis = needed_apis(stack)
    if not apis:
        return
    subject = f"Google Cloud project {project}"
    names = urlencode([("names", f"projects/{project}/services/{api}") for api in apis])
    try:
        services = get(f"{_USAGE}/projects/{project}/services:batchGet?{names}")["services"]
    except (GoogleAuthError, RequestException) as error:
        fix = "run: gcloud auth application-default login, and let the account read the project"
        yield Finding(subject, " ".join(str(error).split()), fix)
        return
    disabled = sorted(set(apis) - {each["config"]["name"] for each in services if each["state"] == "ENABLED"})
    if disabled:
        fix = f"run: gcloud services enable --project {project} {' '.join(disabled)}"
        yield Finding(subject, f"{', '.join(disabled)} are not enabled", fix)
    else:
        yield Finding(subject, f"{', '.join(apis)} are enabled")
    if "compute.googleapis.com" in apis and "compute.googleapis.com" not in disabled:
        yield from _addresses(stack, project, get)


def _addresses(stack: Stack, project: str, get: Get) -> Iterator[Finding]:
    machines = Counter({s.region: s.nodes for s in stack.config.shields if s.cloud == "gcp"})
    for region, needed in machines.items():
        quotas = get(f"{_COMPUTE}/projects/{project}/regions/{region}")["quotas"]
        quota = next(each for each in quotas if each["metric"] == "STATIC_ADDRESSES")
        free = int(quota["limit"] - quota["usage"])
        found = f"{free} of {int(quota['limit'])} are free, and the stack uses {needed}"
        fix = f"request more of STATIC_ADDRESSES in {region} on the page IAM & Admin > Quotas" if free < needed else ""
        yield Finding(f"static addresses in {region}", found, fix)
