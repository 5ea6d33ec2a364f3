"""Prevents `pulumi up` from replacing the edge worker during a release by percentage, in which two versions share the
requests. A replacement would end the release, because all requests go at once to the version that `pulumi up` uploads
(Cloudflare Workers, "Deployment management").
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import pulumi
import urllib3

from contract.worker_releases import objection

_PUBLIC_API = "https://api.cloudflare.com/client/v4"
_TIMEOUT = urllib3.Timeout(connect=5, read=60)
_NOT_FOUND = 404


class EdgeReleaseError(pulumi.RunError):
    """Raised when `pulumi up` must not upload the worker now. The message names the reason, and in most cases the
    remedy.
    """


def release_guard(account_id: str, script: str, version: str) -> pulumi.ResourceHook:
    """Returns a hook that runs before each update of the worker script, in previews too.

    The hook raises EdgeReleaseError during a gradual release, when two versions of the worker each answer a percentage
    of the requests. It also raises EdgeReleaseError if an operator has rolled back the version `version`.
    """

    async def check(_: pulumi.ResourceHookArgs) -> None:
        # Pulumi's own data source cannot read the deployments of a worker from Cloudflare's API
        # (docs/decisions/worker-releases.md). This function therefore calls the API directly.
        deployments = await asyncio.to_thread(_deployments, account_id, script)
        if reason := objection(deployments, version):
            raise EdgeReleaseError(f"{script}: {reason}")

    return pulumi.ResourceHook(f"release-guard-{script}", check, pulumi.ResourceHookOptions(on_dry_run=True))


def _deployments(account_id: str, script: str) -> list[dict[str, Any]]:
    """Returns the deployments of a worker script, the newest first. The list is empty if the script does not exist."""
    token, base = os.environ.get("CLOUDFLARE_API_TOKEN"), os.environ.get("CLOUDFLARE_BASE_URL") or _PUBLIC_API
    if not token:
        raise EdgeReleaseError("CLOUDFLARE_API_TOKEN is not set: put your Cloudflare API token into this variable")
    url = f"{base.rstrip('/')}/accounts/{account_id}/workers/scripts/{script}/deployments"
    try:
        answer = urllib3.request("GET", url, headers={"Authorization": f"Bearer {token}"}, timeout=_TIMEOUT)
    except urllib3.exceptions.HTTPError as error:
        raise EdgeReleaseError(f"{script}: its deployments cannot be read: {error}") from None
    if answer.status == _NOT_FOUND:
        return []
    if answer.status != 200:
        raise EdgeReleaseError(f"{script}: its deployments cannot be read: status {answer.status}")
    return json.loads(answer.data)["result"]["deployments"]
