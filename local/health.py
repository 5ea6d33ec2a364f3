"""Checks the health of the provisioned network, with the same requests that clients send."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from contract.shields import HEALTH_PATH, HEALTH_PORT
from emulation.engine.find import Report
from emulation.layout import CLIENT_LOCATION_PORT, CLIENT_LOCATIONS, POP_HTTPS_PORT, ClientLocation, Sandbox
from emulation.machines import refusals

_TIMEOUT_SECONDS = 300.0


class NotHealthy(Exception):
    """Raised when a shield (a regional cache), an own PoP or the edge does not answer in time. The message names what
    does not answer, and the directory of the logs.
    """


def edge_authority(sandbox: Sandbox) -> Path:
    """Returns the file with the certificate authority that clients of the emulated edge must trust."""
    return sandbox.directory / "pki" / "edge-ca.pem"


def client_location_proxy(sandbox: Sandbox, client_location: ClientLocation) -> str:
    """Returns the URL of the proxy through which clients at a client location connect to the sandbox. A client location
    is an emulated place from which clients connect.
    """
    return f"http://{sandbox.client_location_address(client_location)}:{CLIENT_LOCATION_PORT}"


@dataclass(frozen=True)
class Check:
    """A check of one part of the network. `healthy` sends a request, and returns whether the part answers.

    `machine` is the address of the machine that answers, or empty. If `optional` is true, the network also works
    without this machine.
    """

    name: str
    healthy: Callable[[], bool]
    machine: str = ""
    optional: bool = False


def wait(sandbox: Sandbox, outputs: Mapping[str, Any], report: Report) -> None:
    """Waits until every shield (a regional cache) and every own PoP is healthy, and until the edge answers at every
    client location (an emulated place from which clients connect). Reports an own PoP that cannot boot on this machine,
    and leaves it out.

    Raises NotHealthy when the checks take longer than 300 seconds, or when a shield cannot boot.
    """
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    for check in _checks(sandbox, outputs):
        report(_outcome(sandbox, check, deadline))


def _outcome(sandbox: Sandbox, check: Check, deadline: float) -> str:
    """Waits until a check passes, and returns a line for the user. Raises NotHealthy when the check does not pass."""
    while not check.healthy():
        reason = _refusal(sandbox, check)
        if reason and check.optional:
            return f"{check.name} is left out, so DNS leads all clients to Cloudflare: {reason}"
        if reason:
            raise NotHealthy(f"{check.name} does not boot: {reason}")
        if time.monotonic() > deadline:
            raise NotHealthy(f"{check.name} does not answer; its log is in {sandbox.directory / 'logs'}")
        time.sleep(0.3)
    return f"{check.name} is healthy"


def _refusal(sandbox: Sandbox, check: Check) -> str:
    """Returns why the machine of a check does not boot. Returns an empty string for a machine that boots, and for a
    check without a machine.
    """
    return refusals.reason(sandbox, check.machine) if check.machine else ""


def unhealthy(sandbox: Sandbox, outputs: Mapping[str, Any]) -> list[str]:
    """Checks whether each shield (a regional cache) and each own PoP answers, and whether the edge answers clients at
    each client location (a place in the sandbox that clients connect from). Returns the names of the checks that fail,
    such as `shield <name>` or `edge from <location>`. An own PoP that cannot boot on this machine is not among them.
    """
    return [
        check.name
        for check in _checks(sandbox, outputs)
        if not check.healthy() and not (check.optional and _refusal(sandbox, check))
    ]


def _checks(sandbox: Sandbox, outputs: Mapping[str, Any]) -> Iterator[Check]:
    shields: Iterable[Mapping[str, str]] = outputs["shields"]
    for shield in shields:
        url = f"http://{shield['address']}:{HEALTH_PORT}{HEALTH_PATH}"
        yield Check(f"shield {shield['name']}", lambda url=url: _answers(httpx.Client(), url), shield["address"])
    pops: Iterable[Mapping[str, str]] = outputs.get("pops", [])
    for pop in pops:
        healthy = partial(_pop_answers, sandbox, pop["address"], outputs["url"])
        yield Check(f"own PoP {pop['name']}", healthy, pop["address"], optional=True)
    for client_location in CLIENT_LOCATIONS:
        healthy = partial(_edge_answers, sandbox, client_location, outputs["url"])
        yield Check(f"edge from {client_location.name}", healthy)


def _pop_answers(sandbox: Sandbox, address: str, url: str) -> bool:
    """Returns whether the PoP machine at `address` answers with a valid certificate of the registry's hostname."""
    if not edge_authority(sandbox).exists():
        return False
    hostname = urlsplit(url).netloc
    client = httpx.Client(verify=_trust(sandbox), trust_env=False, headers={"Host": hostname})
    return _answers(client, f"https://{address}:{POP_HTTPS_PORT}/healthz", sni_hostname=hostname)


def _edge_answers(sandbox: Sandbox, client_location: ClientLocation, url: str) -> bool:
    if not edge_authority(sandbox).exists():
        return False
    client = httpx.Client(verify=_trust(sandbox), proxy=client_location_proxy(sandbox, client_location))
    return _answers(client, f"{url}/healthz")


def _trust(sandbox: Sandbox) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=edge_authority(sandbox))


def _answers(client: httpx.Client, url: str, **extensions: str) -> bool:
    with client:
        try:
            return client.get(url, timeout=5, extensions=extensions).status_code == 200
        except httpx.HTTPError:
            return False
