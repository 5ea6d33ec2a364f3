"""Checks the health of the provisioned network, with the same requests that clients send."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from contract.shields import HEALTH_PATH, HEALTH_PORT
from emulation.engine.find import Report
from emulation.layout import CLIENT_LOCATION_PORT, CLIENT_LOCATIONS, ClientLocation, Sandbox

_TIMEOUT_SECONDS = 300.0


class NotHealthy(Exception):
    """Raised when a shield (a regional cache) or the edge does not answer in time. The message names what does not
    answer, and the directory of the logs.
    """


def edge_authority(sandbox: Sandbox) -> Path:
    """Returns the file with the certificate authority that clients of the emulated edge must trust."""
    return sandbox.directory / "pki" / "edge-ca.pem"


def client_location_proxy(sandbox: Sandbox, client_location: ClientLocation) -> str:
    """Returns the URL of the proxy through which clients at a client location connect to the sandbox. A client location
    is an emulated place from which clients connect.
    """
    return f"http://{sandbox.client_location_address(client_location)}:{CLIENT_LOCATION_PORT}"


def wait(sandbox: Sandbox, outputs: Mapping[str, Any], report: Report) -> None:
    """Waits until every shield (a regional cache) is healthy and the edge answers at every client location (an emulated
    place from which clients connect).

    Raises NotHealthy when the checks take longer than 300 seconds.
    """
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    for name, healthy in _checks(sandbox, outputs):
        while not healthy():
            if time.monotonic() > deadline:
                raise NotHealthy(f"{name} does not answer; its log is in {sandbox.directory / 'logs'}")
            time.sleep(0.3)
        report(f"{name} is healthy")


def unhealthy(sandbox: Sandbox, outputs: Mapping[str, Any]) -> list[str]:
    """Checks whether each shield (a regional cache) answers, and whether the edge answers clients at each client
    location (a place in the sandbox that clients connect from). Returns the names of the checks that fail, such as
    `shield <name>` or `edge from <location>`.
    """
    return [name for name, healthy in _checks(sandbox, outputs) if not healthy()]


def _checks(sandbox: Sandbox, outputs: Mapping[str, Any]) -> Iterator[tuple[str, Callable[[], bool]]]:
    shields: Iterable[Mapping[str, str]] = outputs["shields"]
    for shield in shields:
        url = f"http://{shield['address']}:{HEALTH_PORT}{HEALTH_PATH}"
        yield f"shield {shield['name']}", lambda url=url: _answers(httpx.Client(), url)
    for client_location in CLIENT_LOCATIONS:
        yield (
            f"edge from {client_location.name}",
            lambda client_location=client_location: _edge_answers(sandbox, client_location, outputs["url"]),
        )


def _edge_answers(sandbox: Sandbox, client_location: ClientLocation, url: str) -> bool:
    authority = edge_authority(sandbox)
    if not authority.exists():
        return False
    trust = ssl.create_default_context(cafile=authority)
    return _answers(httpx.Client(verify=trust, proxy=client_location_proxy(sandbox, client_location)), f"{url}/healthz")


def _answers(client: httpx.Client, url: str) -> bool:
    with client:
        try:
            return client.get(url, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False
