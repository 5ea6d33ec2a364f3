"""Lets tests send requests to the edge of a sandbox (a set of emulated clouds), and purge the edge's caches."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from emulation.engine.environment import cloud_environment
from emulation.layout import CLIENT_LOCATIONS, ClientLocation
from local import health
from local.clients import Client
from registry.target import Target
from tests.support.sandbox.up import Up

US_EAST, EU_WEST, AP_SOUTHEAST = CLIENT_LOCATIONS


def access(up: Up, client_location: ClientLocation, identity: str = "reader") -> dict[str, Any]:
    """Returns the arguments with which a test creates an httpx client for the edge. The client's requests come from the
    subnet of `client_location`, and contain the token of `identity`.
    """
    url = up.outputs()["url"]
    token = Client(up.sandbox, identity, url).token()
    return {
        "base_url": url,
        "verify": ssl.create_default_context(cafile=health.edge_authority(up.sandbox)),
        "proxy": health.client_location_proxy(up.sandbox, client_location),
        "headers": {"Authorization": f"Bearer {token}"} if token else {},
        "timeout": 30,
    }


def target_of(up: Up, environment: pytest.MonkeyPatch) -> Target:
    """Returns the `Target` with which the registry's commands work on the sandbox's stack. Also sets environment
    variables that tell cloud clients their endpoints and credentials. The caller restores the old variables through the
    MonkeyPatch `environment`.
    """
    for name, value in cloud_environment(up.sandbox, {}).items():
        environment.setenv(name, value)
    return Target.model_validate(up.outputs())


def purge_edge(up: Up, key: str) -> None:
    """Asks the edge worker to purge an object from its cache. The registry sends the same request."""
    with pytest.MonkeyPatch.context() as environment:
        target_of(up, environment).purges().purge([key])
