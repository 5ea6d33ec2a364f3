"""How a process of the sandbox comes to a metadata server of its own, from outside the emulated cloud."""

from __future__ import annotations

import httpx

from emulation.gcp.metadata_server import CLIENTS_PATH
from emulation.layout import Sandbox


def register(sandbox: Sandbox, name: str, email: str) -> str:
    """`<address>:<port>` of the metadata server of client `name`, whose service account is `email`; the same one each
    time. Raises httpx.HTTPError where the emulated Google Cloud does not answer."""
    answer = httpx.put(f"{sandbox.gcp_url}{CLIENTS_PATH}/{name}", json={"serviceAccount": email}, trust_env=False)
    return answer.raise_for_status().json()["host"]


def forget(sandbox: Sandbox, name: str) -> None:
    """Ends that client's metadata server. Raises httpx.HTTPError."""
    httpx.delete(f"{sandbox.gcp_url}{CLIENTS_PATH}/{name}", trust_env=False).raise_for_status()
