"""Messages in which `python -m rollout` tells `pulumi up` about gradual releases of the edge worker. In a gradual
release, the new version answers only a percentage of the requests.

`python -m rollout` writes a message into each deployment of the worker that it creates on Cloudflare. `pulumi up`
reads the newest deployment before it uploads another version of the worker. The name of a version is the value of its
binding VERSION, which the stack output `worker_version` also shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_ROLLED_BACK = "artifact-edge: rolled back from "


def rolled_back_message(version: str) -> str:
    """Returns the message of a deployment that rolls back from the worker version `version` to another version."""
    return f"{_ROLLED_BACK}{version}"


def release_message(version: str, percentage: int) -> str:
    """Returns the deployment message for a gradual release, in which the new worker version `version` answers
    `percentage` percent of the requests.
    """
    return f"artifact-edge: {version} at {percentage} %"


def objection(deployments: Sequence[Mapping[str, Any]], version: str) -> str:
    """Returns why `pulumi up` must not upload the version `version` of the edge worker now, or an empty string
    if it may.

    `deployments` are the worker's deployments as Cloudflare's API returns them, the newest first. A version that
    `pulumi up` uploads answers all requests at once. The upload could therefore end a gradual release, or bring back a
    version that was rolled back.
    """
    if not deployments:
        return ""
    newest = deployments[0]
    if len(newest["versions"]) > 1:
        shares = " and ".join(f"{part['percentage']:g} %" for part in newest["versions"])
        return (
            f"a release of the worker by percentage is under way ({shares}), and this update would send all requests "
            "to its own version. End the release first: python -m rollout advance --percent 100, or "
            "python -m rollout rollback"
        )
    annotations: Mapping[str, str] = newest.get("annotations") or {}
    if annotations.get("workers/message") == rolled_back_message(version):
        return (
            f"the version {version} of the worker was rolled back, and this update would send all requests to it. "
            "Deploy another version, or release this one by percentage: python -m rollout start"
        )
    return ""
