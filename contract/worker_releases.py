"""What `python -m rollout`, which releases the edge worker by percentage, and `pulumi up` agree on.

Both read the deployments of the worker on Cloudflare, and the messages that `python -m rollout` writes into them. A
version is named as in the worker's binding VERSION and the stack output `worker_version`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_ROLLED_BACK = "artifact-edge: rolled back from "


def rolled_back_message(version: str) -> str:
    """Returns the message of a deployment that takes all requests away from a version."""
    return f"{_ROLLED_BACK}{version}"


def release_message(version: str, percentage: int) -> str:
    """Returns the message of a deployment in which a new version answers a percentage of the requests."""
    return f"artifact-edge: {version} at {percentage} %"


def objection(deployments: Sequence[Mapping[str, Any]], version: str) -> str:
    """Returns why `pulumi up` must not upload the worker's bundle with the name `version` now, or an empty text.

    `deployments` are those of Cloudflare's API, the newest first. An upload by `pulumi up` answers all requests at
    once, so it would end a release by percentage, and bring back a version that was rolled back.
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
