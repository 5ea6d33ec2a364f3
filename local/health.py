"""Whether the provisioned network serves, asked as its clients would."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from contract.shields import HEALTH_PATH, HEALTH_PORT
from emulation.engine.find import Report
from emulation.layout import VANTAGE_PORT, VANTAGES, Vantage, World

_PATIENCE_SECONDS = 90.0


class NotHealthy(Exception):
    """A tier did not come up in time; the message names it and where to look."""


def edge_authority(world: World) -> Path:
    """The certificate authority that clients of the emulated edge must trust."""
    return world.directory / "pki" / "edge-ca.pem"


def vantage_proxy(world: World, vantage: Vantage) -> str:
    """The proxy through which a client sees the world from that vantage."""
    return f"http://{world.vantage_address(vantage)}:{VANTAGE_PORT}"


def wait(world: World, outputs: Mapping[str, Any], report: Report) -> None:
    """Returns when every shield is healthy and the edge answers at every vantage; raises NotHealthy."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    for name, healthy in _checks(world, outputs):
        while not healthy():
            if time.monotonic() > deadline:
                raise NotHealthy(f"{name} does not answer; its log is in {world.directory / 'logs'}")
            time.sleep(0.3)
        report(f"{name} is healthy")


def unhealthy(world: World, outputs: Mapping[str, Any]) -> list[str]:
    """Names of what does not answer now."""
    return [name for name, healthy in _checks(world, outputs) if not healthy()]


def _checks(world: World, outputs: Mapping[str, Any]) -> Iterator[tuple[str, Callable[[], bool]]]:
    shields: Iterable[Mapping[str, str]] = outputs["shields"]
    for shield in shields:
        url = f"http://{shield['address']}:{HEALTH_PORT}{HEALTH_PATH}"
        yield f"shield {shield['name']}", lambda url=url: _answers(httpx.Client(), url)
    for vantage in VANTAGES:
        yield f"edge from {vantage.name}", lambda vantage=vantage: _edge_answers(world, vantage, outputs["url"])


def _edge_answers(world: World, vantage: Vantage, url: str) -> bool:
    authority = edge_authority(world)
    if not authority.exists():
        return False
    trust = ssl.create_default_context(cafile=authority)
    return _answers(httpx.Client(verify=trust, proxy=vantage_proxy(world, vantage)), f"{url}/healthz")


def _answers(client: httpx.Client, url: str) -> bool:
    with client:
        try:
            return client.get(url, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False
