"""Probes which workload identity pools and providers Google Cloud accepts. Also probes what happens to a deleted pool
or provider.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from probes.fact import Fact, Probe
from probes.google_project import GoogleProject
from probes.waiting import until

_IAM = "https://iam.googleapis.com/v1"
_ISSUER = {"issuerUri": "https://token.actions.githubusercontent.com"}
_MAPPING = {"google.subject": "assertion.sub"}
_TIMEOUT_SECONDS = 60.0


def _pools(project: GoogleProject) -> Iterator[Fact]:
    pools = f"{_IAM}/projects/{project.id}/locations/global/workloadIdentityPools"
    id = f"probe-{project.run}"
    for text, wanted in (
        ("Google refuses the ID of a pool with 3 characters", "abc"),
        ("Google refuses the ID of a pool with 33 characters", f"{id}{'a' * 33}"[:33]),
        ("Google refuses the ID of a pool that begins with gcp-", f"gcp-{project.run}"),
    ):
        yield _refused(text, _created(project, "pool", f"{pools}?workloadIdentityPoolId={wanted}", {}))
    status = _created(project, "pool", f"{pools}?workloadIdentityPoolId={id}", {})
    project.later(project.send, "iam DeletePool", "DELETE", f"{pools}/{id}")
    yield Fact("Google accepts another ID", status == 200, str(status))
    _wait_for_state(project, f"{pools}/{id}", "ACTIVE")
    yield from _providers(project, f"{pools}/{id}/providers")
    project.send("iam DeletePool", "DELETE", f"{pools}/{id}")
    _wait_for_state(project, f"{pools}/{id}", "DELETED")
    yield Fact("A deleted pool can be read, and is in the state DELETED", True, "DELETED")
    status = _created(project, "pool", f"{pools}?workloadIdentityPoolId={id}", {})
    yield Fact("The ID of a deleted pool is not free", status == 409, str(status))


def _providers(project: GoogleProject, providers: str) -> Iterator[Fact]:
    for text, changes in (
        ("a provider without google.subject", {"attributeMapping": {"attribute.a": "assertion.sub"}}),
        ("a mapping that is no expression", {"attributeMapping": {"google.subject": "assertion."}}),
        ("a condition that is no expression", {"attributeCondition": "assertion.sub == "}),
        ("a condition of more than 4,096 characters", {"attributeCondition": f"assertion.sub == '{'s' * 4096}'"}),
    ):
        body = {"oidc": _ISSUER, "attributeMapping": _MAPPING, **changes}
        url = f"{providers}?workloadIdentityPoolProviderId=artifact-edge"
        yield _refused(f"Google refuses {text}", _created(project, "provider", url, body))


def _created(project: GoogleProject, kind: str, url: str, body: Any) -> int:
    """Tries to create a workload identity pool, or a provider in such a pool, and returns the HTTP status of the
    response.
    """
    return project.send(f"iam Create {kind}", "POST", url, body).status_code


def _refused(text: str, status: int) -> Fact:
    return Fact(text, status == 400, str(status))


def _wait_for_state(project: GoogleProject, url: str, state: str) -> None:
    """Waits until a workload identity pool has the given state. Google Cloud needs some seconds to change a pool."""

    def reached() -> bool:
        answer = project.send("iam GetPool", "GET", url)
        return answer.ok and answer.json().get("state") == state

    until(reached, f"the pool is not {state}", _TIMEOUT_SECONDS)


PROBES = (Probe("workload-identity-pools", 'IAM API Reference, "projects.locations.workloadIdentityPools"', _pools),)
