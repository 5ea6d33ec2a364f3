"""Registers machines and Cloud Run instances of the sandbox as clients of the emulated metadata server."""

from __future__ import annotations

import httpx

from emulation.gcp.metadata_server import CLIENTS_PATH
from emulation.layout import Sandbox


def register(sandbox: Sandbox, name: str, email: str) -> str:
    """Registers a client, such as a machine, at the emulated metadata server. `email` is the email address of the
    client's service account.

    Returns the `<address>:<port>` of the client's own metadata server. Calls with the same `name` return the same
    address. Raises httpx.HTTPError if the request fails.
    """
    url = f"{sandbox.gcp_url}{CLIENTS_PATH}/{name}"
    answer = httpx.put(url, json={"serviceAccount": email}, trust_env=False, timeout=60)
    return answer.raise_for_status().json()["host"]


def forget(sandbox: Sandbox, name: str) -> None:
    """Stops the metadata server of a client that no longer runs. Raises httpx.HTTPError if the request fails."""
    httpx.delete(f"{sandbox.gcp_url}{CLIENTS_PATH}/{name}", trust_env=False, timeout=60).raise_for_status()
