"""Registers processes of the sandbox as clients of Google's metadata server, from outside the emulated cloud."""

from __future__ import annotations

import httpx

from emulation.gcp.metadata_server import CLIENTS_PATH
from emulation.layout import Sandbox


def register(sandbox: Sandbox, name: str, email: str) -> str:
    """Returns `<address>:<port>` of the metadata server for the client `name` with the service account `email`. The
    address of a client stays the same. Raises httpx.HTTPError if the request fails."""
    answer = httpx.put(f"{sandbox.gcp_url}{CLIENTS_PATH}/{name}", json={"serviceAccount": email}, trust_env=False)
    return answer.raise_for_status().json()["host"]


def forget(sandbox: Sandbox, name: str) -> None:
    """Stops the metadata server of the client `name`. Raises httpx.HTTPError if the request fails."""
    httpx.delete(f"{sandbox.gcp_url}{CLIENTS_PATH}/{name}", trust_env=False).raise_for_status()
