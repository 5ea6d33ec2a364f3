"""Checks the Google Cloud project: credentials, enabled APIs, and quotas of machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast
from urllib.parse import urlencode

import google.auth
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from requests import RequestException

from doctor.finding import Finding
from doctor.machines import machines_in_regions
from stacks.config import Stack

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_USAGE = "https://serviceusage.googleapis.com/v1"
_COMPUTE = "https://compute.googleapis.com/compute/v1"
_TIMEOUT_SECONDS = 30
# The quota CPUS limits the processors of the machine series N1 (Compute Engine, "Allocation quotas": CPU quota).
_FIRST_SERIES = "n1"
# The Compute Engine machine series in which a stack adds one local SSD to each machine. The machine types of other
# series include local disks. Included disks count against a quota that Compute Engine's API does not list, so the quota
# check ignores them.
_ADDED_DISKS = ("n1", "n2", "n2d", "g2")
_LOCAL_SSD_GB = 375

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
    if machines_in_regions(stack, "gcp"):
        found |= {"compute", "iam"}
    if config.blobs.store == "gcs" or config.blobs.standby:
        found |= {"storage", "cloudkms", "monitoring"}
    if config.blobs.standby:
        found |= {"storagetransfer"}
    if config.metadata.store == "spanner":
        found |= {"spanner", "run", "storage", "cloudkms", "iam", "monitoring", "pubsub"}
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
        yield from _quotas(stack, project, get)


def _quotas(stack: Stack, project: str, get: Get) -> Iterator[Finding]:
    """Yields one finding (the result of a check) for each regional quota that limits the number of the stack's
    machines. The finding says whether the quota is large enough.
    """
    for region, machines in machines_in_regions(stack, "gcp").items():
        quotas = {each["metric"]: each for each in get(f"{_COMPUTE}/projects/{project}/regions/{region}")["quotas"]}
        used = Counter[str]()
        for machine_type, nodes in machines.items():
            used.update(_used(machine_type, nodes))
        for metric, needed in used.items():
            yield _quota(quotas.get(metric), metric, region, needed)


def _used(machine_type: str, nodes: int) -> dict[str, int]:
    """Returns a mapping from each quota to the amount that the machines of a region use. A quota is named by its metric
    in the Compute Engine API, such as STATIC_ADDRESSES.
    """
    series, _, processors = machine_type.split("-")[:3]
    used = {"STATIC_ADDRESSES": nodes}
    used["CPUS" if series == _FIRST_SERIES else f"{series.upper()}_CPUS"] = nodes * int(processors)
    if series in _ADDED_DISKS:
        used["LOCAL_SSD_TOTAL_GB"] = nodes * _LOCAL_SSD_GB
    return used


def _quota(quota: Mapping[str, float] | None, metric: str, region: str, needed: int) -> Finding:
    subject = f"quota {metric} in {region}"
    if quota is None:
        return Finding(subject, f"the API does not list it; the stack uses {needed}, see the page IAM & Admin > Quotas")
    free = int(quota["limit"] - quota["usage"])
    found = f"{free} of {int(quota['limit'])} are free, and the stack uses {needed}"
    fix = f"request more of {metric} in {region} on the page IAM & Admin > Quotas" if free < needed else ""
    return Finding(subject, found, fix)
