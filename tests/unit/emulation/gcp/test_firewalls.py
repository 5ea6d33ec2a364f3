"""Tests which firewall rules the emulated Compute Engine refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pulumi_gcp as gcp
import pytest

from emulation.gcp import in_process
from emulation.providers.gcp import handlers
from emulation.providers.handler import CloudError, Handler

NETWORK = "projects/unit/global/networks/net"
HTTPS = [{"protocol": "tcp", "ports": ["443"]}]
RULE = {"project": "unit", "name": "rule", "network": NETWORK}


@pytest.fixture
def cloud(tmp_path: Path) -> httpx.Client:
    client = in_process.client(tmp_path)
    body = {"name": "net", "autoCreateSubnetworks": False}
    client.post("/compute/v1/projects/unit/global/networks", json=body).raise_for_status()
    return client


def firewalls(cloud: httpx.Client) -> Handler:
    return next(each for each in handlers(lambda: cloud) if each.resource is gcp.compute.Firewall)


def test_a_rule_for_outgoing_connections_has_destinations_and_a_priority(cloud: httpx.Client) -> None:
    given = {"direction": "EGRESS", "denies": [{"protocol": "all"}], "destinationRanges": ["0.0.0.0/0"]}
    made = firewalls(cloud).create({**RULE, **given, "priority": 65534})
    assert made.outputs["denies"] == [{"protocol": "all", "ports": []}]
    assert (made.outputs["destinationRanges"], made.outputs["priority"]) == (["0.0.0.0/0"], 65534)
    assert "allows" not in made.outputs


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"direction": "EGRESS", "allows": HTTPS, "sourceRanges": ["10.0.0.0/8"]}, "'sourceRanges': a rule for EGRESS"),
        ({"direction": "INGRESS", "allows": HTTPS, "destinationRanges": ["10.0.0.0/8"]}, "'destinationRanges': a rule"),
        ({"direction": "EGRESS", "allows": HTTPS, "denies": HTTPS}, "Exactly one of"),
        ({"direction": "EGRESS"}, "Exactly one of"),
        ({"direction": "EGRESS", "allows": HTTPS, "priority": 65536}, "from 0 to 65535"),
        ({"direction": "OUT", "allows": HTTPS}, "'direction': 'OUT'"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(cloud: httpx.Client, given: dict[str, Any], problem: str) -> None:
    with pytest.raises(CloudError, match=problem):
        firewalls(cloud).create({**RULE, **given})
